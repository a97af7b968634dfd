"""Whether intervals of areas hold: benchmarks/areas.py MASK.tif IMAGE.tif ZONES RESULT.json [SAMPLES]

The mask is taken for the truth, and the map is what the model of one place (MODELS.md) makes of the image,
errors and all.
Samples are drawn of their pixels, many times, and estimated as `landcover area` does: how often is the truth
in the interval?
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.features import rasterize
from result_files import ONE_PLACE, this_commit

import landcover
from landcover.files import write_text
from landcover.imagery.area import pixel_areas
from landcover.imagery.maps import open_codes
from landcover.imagery.raster import Place
from landcover.legend import S2GLC
from landcover.statistics.areas.estimators import Sample, estimate, expand, tally
from landcover.statistics.areas.publish import accuracy_interval, area_interval
from landcover.statistics.areas.small_areas import benchmark, small_areas
from landcover.statistics.zones import read_zones

SEED = 20140501
BATCH = 250  # samples at once
EXPECTED = 30  # points of a class, above which its intervals are held to the mark
POINTS = 1000
LEAST = 75  # points in a stratum


@dataclass(frozen=True)
class World:
    """A place of which everything is known; arrays have an entry a pixel, classes and zones are positions."""

    truth: Any
    mapped: Any
    area: Any
    zone: Any
    quarter: Any
    classes: list[str]
    zones: int

    def hectares(self, *cells: Any) -> Any:
        """Hectares by one or several of the arrays."""
        return tally(cells, tuple(self._size(c) for c in cells), self.area)

    def _size(self, cells: Any) -> int:
        return self.zones if cells is self.zone else 4 if cells is self.quarter else len(self.classes)


def world(mask: Path, map_: Path, zones: Path) -> World:
    """The pixels that have a class in both mask and map, and lie in a territory."""
    with open_codes(mask, S2GLC) as true, open_codes(map_, S2GLC) as codes:
        truth, mapped, place = true.read(), codes.read(), Place.of(codes.source)
    assert place is not None
    height, width = truth.shape
    areas = pixel_areas(place, np.arange(height), np.arange(width))
    shapes = read_zones(zones).to_crs(place.crs).geometry
    zone = rasterize(
        zip(shapes, range(1, len(shapes) + 1), strict=True), truth.shape, transform=place.transform
    )
    known = np.isin(truth, S2GLC.label_codes) & np.isin(mapped, S2GLC.label_codes) & (zone > 0)
    there, zone = np.unique(zone[known], return_inverse=True)
    codes_there = np.unique([truth[known], mapped[known]])
    quarter = np.broadcast_to(np.arange(width) * 4 // width, truth.shape)[known]
    names = dict(zip(S2GLC.codes, S2GLC.names, strict=True))
    positions = (np.searchsorted(codes_there, x[known]).astype(np.int64) for x in (truth, mapped))
    return World(
        *positions, areas[known], zone.astype(np.int64), quarter.astype(np.int64),
        [names[c] for c in codes_there], len(there),
    )  # fmt: skip


def samples(w: World, strata: Any, points: Any, post: bool, rng: Any, many: int) -> Iterator[tuple[Any, ...]]:
    """Batches of samples: of each the `Sample`, and the pixels drawn (samples × points)."""
    order, sizes = np.argsort(strata, kind="stable"), np.bincount(strata)
    starts = np.cumsum(sizes) - sizes
    stratum_ha = np.bincount(strata, w.area)
    map_ha = w.hectares(w.mapped) if post else None
    for begin in range(0, many, BATCH):
        batch = range(min(BATCH, many - begin))
        drawn = np.stack(
            [
                np.concatenate(
                    [
                        order[start + rng.choice(size, n, replace=False, shuffle=False)]
                        for start, size, n in zip(starts, sizes, points, strict=True)
                    ]
                )
                for _ in batch
            ]
        )
        parts = strata[drawn], w.mapped[drawn], w.truth[drawn], w.area[drawn]
        yield Sample.of_points(*parts, len(w.classes), stratum_ha, sizes.astype(float), map_ha), drawn


def simulate(w: World, strata: Any, points: Any, post: bool, many: int, territories: bool = False) -> Any:
    """Bias and coverage of every figure of a design."""
    reference, mapped = w.hectares(w.truth), w.hectares(w.mapped)
    right = np.diagonal(w.hectares(w.mapped, w.truth))
    fractions = points / np.bincount(strata)
    expected = [np.bincount(c, fractions[strata], len(w.classes)) for c in (w.truth, w.mapped)]
    truth = {
        "area": (reference, expected[0]),
        "users": (right / mapped, expected[1]),
        "producers": (right / reference, expected[0]),
        "producers corrected": (right / reference, expected[0]),
        "overall": (np.array([right.sum() / reference.sum()]), np.array([points.sum()])),
    }
    tallies = {k: Tally(v) for k, (v, _) in truth.items()} | {
        f"{k} normal": Tally(v) for k, (v, _) in truth.items()
    }
    places = Tally(w.hectares(w.zone, w.truth)) if territories else None
    for sample, drawn in samples(w, strata, points, post, np.random.default_rng(SEED), many):
        found = estimate(sample)
        heaviest = found.heaviest[:, None]
        for kind, suffix in (("wilson", ""), ("normal", " normal")):
            ends = area_interval(found.area, found.area_se, found.whole, heaviest, kind)
            tallies[f"area{suffix}"].add(found.area, *ends)
        for name, share, error, n in (
            ("users", found.users, found.users_se, found.map_points),
            ("producers", found.producers, found.producers_se, found.reference_points),
            ("producers corrected", found.producers_corrected, found.producers_se, found.reference_points),
            ("overall", found.overall[:, None], found.overall_se[:, None], np.array([points.sum()])),
        ):
            tallies[name].add(share, *accuracy_interval(share, error, n))
            tallies[f"{name} normal"].add(share, share - 1.96 * error, share + 1.96 * error)
        if places is not None:
            places.add(*territory_estimates(w, sample, strata, drawn))
    figures = {
        name: [
            dict(class_=c, expected_points=float(n), true=float(v), **row)
            for c, n, v, row in zip(
                w.classes if len(true) > 1 else ["all"], enough, true, tallies[name].rows(), strict=True
            )
        ]
        for name, (true, enough) in truth.items()
    }
    for name in truth:
        for row, plain in zip(figures[name], tallies[f"{name} normal"].rows(), strict=True):
            row["coverage_normal"] = plain["coverage"]
    result: dict[str, Any] = {"points": [int(p) for p in points], "figures": figures}
    if places is not None:
        cells = tally((w.zone, w.truth), places.truth.shape, fractions[strata])
        rows = places.rows()
        result["territories"] = [
            dict(zone=i // len(w.classes), class_=w.classes[i % len(w.classes)], expected_points=float(n),
                 true_ha=float(v), **row)
            for i, (n, v, row) in enumerate(zip(cells.ravel(), places.truth.ravel(), rows, strict=True))
        ]  # fmt: skip
    return result


def territory_estimates(w: World, sample: Sample, strata: Any, drawn: Any) -> tuple[Any, Any, Any]:
    """Areas in territories of a batch of samples, with intervals: samples × territories × classes."""
    sample = Sample(
        sample.points, sample.area, sample.area2, sample.stratum_ha, sample.fraction, w.hectares(w.mapped)
    )
    weights, squares = expand(sample, strata[drawn], w.mapped[drawn], w.area[drawn])
    cells = w.zone[drawn], w.mapped[drawn], w.truth[drawn]
    shape = (w.zones, len(w.classes), len(w.classes))
    zone_ha = w.hectares(w.zone, w.mapped)
    small = small_areas(
        tally(cells, shape, weights),
        tally(cells, shape, squares),
        tally((w.zone[drawn],), (w.zones,)),
        zone_ha,
    )
    whole = estimate(sample)
    area, error = benchmark(small, zone_ha.sum(axis=1), whole.area)
    return area, *area_interval(area, error, zone_ha.sum(axis=1)[:, None], whole.heaviest[:, None, None])


class Tally:
    """How far estimates are from the truth, and how often intervals hold it."""

    def __init__(self, truth: Any) -> None:
        self.truth, self.known, self.inside = truth, np.zeros(truth.shape), np.zeros(truth.shape)
        self.sum, self.squares = np.zeros(truth.shape), np.zeros(truth.shape)
        self.width = np.zeros(truth.shape)

    def add(self, estimates: Any, low: Any, high: Any) -> None:
        """Count a batch; where there is no estimate it is in no figure."""
        known = np.isfinite(estimates)
        off = np.where(known, estimates - self.truth, 0.0)
        self.known += known.sum(axis=0)
        self.sum += off.sum(axis=0)
        self.squares += (off**2).sum(axis=0)
        self.inside += (known & (low <= self.truth) & (self.truth <= high)).sum(axis=0)
        self.width += np.where(known, high - low, 0.0).sum(axis=0)

    def rows(self) -> list[dict[str, float]]:
        """Of each number: bias (in units, in standard errors of the simulation), spread, coverage, width."""
        with np.errstate(divide="ignore", invalid="ignore"):
            bias = self.sum / self.known
            spread = np.sqrt(np.clip(self.squares / self.known - bias**2, 0.0, None))
            columns = {
                "bias": bias,
                "bias_in_standard_errors": bias / (spread / np.sqrt(self.known)),
                "spread": spread,
                "coverage": self.inside / self.known,
                "width": self.width / self.known,
                "estimated": self.known,
            }
        flat = {k: np.nan_to_num(v).ravel() for k, v in columns.items()}
        return [{k: float(v[i]) for k, v in flat.items()} for i in range(self.truth.size)]


def main(mask: Path, image: Path, zones: Path, result: Path, many: int) -> None:
    """Map the image, simulate three designs, print and write the result file."""
    with tempfile.TemporaryDirectory() as folder:
        landcover.predict(image, Path(folder) / "map", ONE_PLACE, precision="float32")
        w = world(mask, Path(folder) / "map" / "maps" / f"{image.stem}.tif", zones)

    def allocate(strata: Any, points: int, least: int) -> Any:
        area = np.bincount(strata, w.area)
        return np.maximum(least, np.round(points * area / area.sum())).astype(np.int64)

    whole = np.zeros_like(w.mapped)
    designs = {
        "classes of the map": (w.mapped, allocate(w.mapped, POINTS, LEAST), False, True),
        "quarters of the map": (w.quarter, allocate(w.quarter, POINTS, 2), False, False),
        "none, post-stratified": (whole, np.array([POINTS]), True, False),
        "classes of the map, 300 points": (w.mapped, allocate(w.mapped, 300, 30), False, True),
    }
    commit = this_commit()
    record = {
        "commit": commit,
        "samples": many,
        "seed": SEED,
        "pixels": len(w.truth),
        "hectares": float(w.area.sum()),
        "pixel_ha": [float(w.area.min()), float(w.area.max())],
        "overall_accuracy": float(w.area[w.truth == w.mapped].sum() / w.area.sum()),
        "classes": w.classes,
        "zones": w.zones,
        "designs": {
            name: simulate(w, strata, points, post, many, territories)
            for name, (strata, points, post, territories) in designs.items()
        },
    }
    write_text(result, json.dumps(record, indent=1).replace('"class_"', '"class"') + "\n")
    for name, design in record["designs"].items():
        print(name, design["points"])
        for figure, rows in design["figures"].items():
            for row in rows:
                bias = row["bias_in_standard_errors"]
                print(
                    f"  {figure:<19} {row['class_']:<11} {row['expected_points']:>5.0f} points  "
                    f"bias {bias:+.1f} s.e.  coverage {row['coverage']:.4f}"
                )


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:5]), int(sys.argv[5]) if len(sys.argv) > 5 else 10_000)
