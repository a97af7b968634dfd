"""Coverage and width of the intervals of shares.

    python benchmarks/conformal.py CHIPS DATA CACHE RESULT [MODEL]

CHIPS is the challenge's chips folder with splits.csv, DATA the folder that holds challenge48/ and france/.
CACHE (.npz) keeps the sums of the probabilities of all chips, so that the network runs once a model. MODEL
is that of one place (MODELS.md) unless named. Sizes that it has from fewer blocks than
`blocks_needed` are skipped.

1. Random splits of val and test into calibration and evaluation by spatial blocks; calibration chips that
   share pixels with an evaluated chip are dropped (the parts share none with train).
2. The model, calibrated on val, on test and on another place; there also calibrated on its chips.
3. The communes of ain_west: shares that `predict` gives against those of the mask.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from rasterio.features import rasterize
from result_files import ONE_PLACE, this_commit

import landcover
from landcover.chips.folder import ChipsFolder, open_chips, read_couples
from landcover.chips.split import overlapping
from landcover.files import sha256, write_text
from landcover.imagery.write import PROBABILITY_SCALE
from landcover.inference.engine import Engine
from landcover.inference.modelfile import Card
from landcover.inference.novelty import Sample, distances, likely_causes
from landcover.shares.conformal import Conformal, Intervals, blocks_needed, fit_conformal, intervals_for
from landcover.shares.score import spatial_blocks
from landcover.shares.tiles import TILE, Tiles
from landcover.statistics.zones import read_zones

Floats = np.ndarray[Any, np.dtype[np.float64]]
SPLITS = 240
EVALUATED = 1 / 8  # of the spatial blocks, at each draw
PIECE = 16  # px: what the naive bootstrap draws
NORMAL_90 = 1.6448536269514722


class Ground:
    """Labelled chips: sums over tiles, and what the naive bootstraps need."""

    def __init__(self, tiles: Tiles, spread: Tiles, splits: pd.DataFrame, card: Card) -> None:
        self.tiles, self.spread, self.splits, self.card = tiles, spread, splits, card

    def take(self, chosen: Any) -> Ground:
        return Ground(self.tiles.take(chosen), self.spread.take(chosen), self.splits[chosen], self.card)

    def fit(self, sides: Sequence[int]) -> Conformal | None:
        return fit_conformal(self.tiles, self.card.decoder, {}, sides=tuple(sides))

    def windows(self, side: int) -> tuple[Floats, Floats]:
        """Predicted and true shares of windows, windows × classes."""
        found = self.tiles.windows(side)
        true = found.true / np.maximum(found.true.sum(axis=1, keepdims=True), 1)
        return self.card.decoder.shares(found.predicted), true

    def naive(self, side: int) -> list[Intervals]:
        """90 % intervals by the bootstrap of pixels and of pieces of 16 px, in their normal limit."""
        found, classes = self.spread.windows(side).predicted, len(self.card.classes)
        shares = found[:, :classes] / side**2
        intervals = []
        for squares, size in ((found[:, classes : 2 * classes], 1), (found[:, 2 * classes :], PIECE)):
            n = side**2 / size**2
            reach = NORMAL_90 * np.sqrt((squares / n - shares**2).clip(0) / n)
            low, high = (shares - reach).clip(0, 1), (shares + reach).clip(0, 1)
            intervals.append(Intervals(low, high, low, high))
        return intervals


def load(chips: ChipsFolder, model: Path, cache: Path) -> Ground:
    """Predict all chips, or take what was kept."""
    engine, digest = Engine(model, "float32"), sha256(model)
    ids, classes = chips.couples, engine.card.classes
    if not cache.exists() or str(np.load(cache)["model"]) != digest:
        kept: dict[str, list[Floats]] = {"P": [], "Q": [], "T": []}

        def pieces(values: Any) -> Floats:
            down, right = (n // PIECE for n in values.shape[1:])
            cut = values.reshape(len(values), down, PIECE, right, PIECE)
            return np.asarray(cut.sum(axis=(2, 4), dtype=np.float64))

        for first in range(0, len(ids), 16):
            images, masks = read_couples(chips, ids[first : first + 16])
            for p, mask in zip(engine.probabilities(images), masks, strict=True):
                p = p * np.isin(mask, classes)
                kept["P"].append(pieces(p))
                kept["Q"].append(pieces(p * p))
                kept["T"].append(pieces(np.stack([mask == c for c in classes])))
        np.savez(cache, ids=ids, model=digest, **{key: np.stack(value) for key, value in kept.items()})
    with np.load(cache) as file:
        sums, squares, true, ids = file["P"], file["Q"], file["T"], [str(i) for i in file["ids"]]
    assert chips.splits is not None
    splits = chips.splits.assign(sample_id=chips.splits["sample_id"].astype(str))
    splits = splits.set_index("sample_id").loc[ids].reset_index()
    times = TILE // PIECE

    def in_tiles(values: Floats) -> Floats:
        n, channels, side, _ = values.shape
        return values.reshape(n, channels, side // times, times, side // times, times).sum(axis=(3, 5))

    places = pd.DataFrame(
        {"scene": splits["scene"], "row": splits["y0"] // TILE, "column": splits["x0"] // TILE}
    )
    tiles = Tiles(in_tiles(sums), in_tiles(true), places)
    spread = np.concatenate([sums, squares, (sums / PIECE**2) ** 2], axis=1)
    spread = Tiles(in_tiles(spread), in_tiles(np.concatenate([true, 0 * squares, 0 * sums], axis=1)), places)
    return Ground(tiles, spread, splits, engine.card)


class Count:
    """Coverage and width, added up over windows."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.windows, self.joint, self.blocks = names, 0, 0, []
        self.held, self.width = np.zeros(len(names)), np.zeros(len(names))

    def add(self, intervals: Intervals, true: Floats, blocks: int | None = None) -> None:
        known = ~np.isnan(intervals.low)
        self.windows += len(true)
        self.held += ((intervals.low <= true) & (true <= intervals.high)).sum(axis=0)
        self.width += np.nan_to_num(intervals.high - intervals.low).sum(axis=0)
        inside = (intervals.joint_low <= true) & (true <= intervals.joint_high)
        self.joint += int((inside | ~known).all(axis=1).sum())
        if blocks is not None:
            self.blocks.append(blocks)

    def facts(self, classes: Sequence[int]) -> dict[str, Any]:
        """Shares of windows held; means over the classes that calibration has seen."""
        n = max(self.windows, 1)
        return {
            "windows": self.windows,
            "blocks": round(float(np.mean(self.blocks)), 1) if self.blocks else None,
            "coverage": round(float(self.held[classes].mean() / n), 4),
            "joint": round(self.joint / n, 4),
            "width": round(float(self.width[classes].mean() / n), 5),
            "per_class": {self.names[c]: round(float(self.held[c] / n), 4) for c in classes},
            "width_per_class": {self.names[c]: round(float(self.width[c] / n), 5) for c in classes},
        }


def random_splits(ground: Ground, sides: Sequence[int]) -> dict[str, Any]:
    """Draw spatial blocks of a grid that is shifted at random, calibrate on the other chips, count."""
    rng, size, splits = np.random.default_rng(0), 256, ground.splits.reset_index(drop=True)
    pairs = overlapping(splits, size)
    names = ground.card.legend.label_names
    counts = {way: {side: Count(names) for side in sides} for way in ("conformal", "pixels", "pieces")}
    seen = np.flatnonzero(ground.tiles.true.sum(axis=(0, 2, 3)))
    used = dict.fromkeys(sides, 0)
    for _ in range(SPLITS):
        shift = rng.integers(0, 768 // TILE, 2) * TILE
        moved = splits.assign(y0=splits["y0"] + shift[0], x0=splits["x0"] + shift[1])
        blocks = spatial_blocks(moved)
        assert blocks is not None
        known = np.unique(blocks)
        drawn = rng.choice(known, max(1, round(EVALUATED * len(known))), replace=False)
        chosen = np.isin(blocks.to_numpy(), drawn)
        touching = np.zeros(len(splits), bool)
        for one, other in ((0, 1), (1, 0)):
            touching[pairs[chosen[pairs[:, one]], other]] = True
        fitted, evaluated = ground.take(~chosen & ~touching).fit(sides), ground.take(chosen)
        for bounds in fitted.sizes if fitted else ():
            predicted, true = evaluated.windows(bounds.side)
            if not len(true):
                continue
            used[bounds.side] += 1
            found = intervals_for(predicted, np.full(len(true), bounds.side**2), fitted)
            counts["conformal"][bounds.side].add(found, true, bounds.blocks)
            for way, naive in zip(("pixels", "pieces"), evaluated.naive(bounds.side), strict=True):
                counts[way][bounds.side].add(naive, true)
    return {
        "draws": SPLITS,
        "evaluated": EVALUATED,
        "splits": used,
        **{way: {side: c.facts(seen) for side, c in by.items() if c.windows} for way, by in counts.items()},
    }


def held_by(known: Conformal, ground: Ground) -> dict[str, Any]:
    """Coverage of given intervals on a part, by size."""
    found = {}
    for bounds in known.sizes:
        predicted, true = ground.windows(bounds.side)
        count = Count(ground.card.legend.label_names)
        count.add(intervals_for(predicted, np.full(len(true), bounds.side**2), known), true)
        found[bounds.side] = count.facts([i for i, q in enumerate(bounds.quantiles) if q is not None])
    return found


def by_novelty(known: Conformal, ground: Ground, chips: ChipsFolder) -> dict[str, Any]:
    """Coverage on whole chips: of those that predict gives intervals for, and of those that look unlike."""
    card, bounds = ground.card, known.sizes[[s.side for s in known.sizes].index(256)]
    images, _ = read_couples(chips, ground.splits["sample_id"].tolist())
    familiar = []
    for image in images:
        sample = Sample(len(image), 0, *image.shape[1:])
        sample.add(image, image.any(axis=0), 0, 0)
        far = distances(sample, card.novelty) > card.novelty.distance
        causes = likely_causes(sample, card.statistics, card.bands)
        familiar.append(not causes and far.mean() <= card.novelty.share)
    true = ground.tiles.true.sum(axis=(2, 3))
    true /= true.sum(axis=1, keepdims=True)
    found = intervals_for(
        card.decoder.shares(ground.tiles.predicted.sum(axis=(2, 3))), np.full(len(true), 256**2), known
    )
    facts = {}
    for name, chosen in (("familiar", np.array(familiar)), ("unlike", ~np.array(familiar))):
        count = Count(card.legend.label_names)
        part = Intervals(*(getattr(found, k)[chosen] for k in ("low", "high", "joint_low", "joint_high")))
        count.add(part, true[chosen])
        facts[name] = count.facts([i for i, q in enumerate(bounds.quantiles) if q is not None])
    return facts


def communes(data: Path, model: Path, known: Conformal, there: Ground) -> dict[str, Any]:
    """Shares of the communes of ain_west by `predict` and by the mask, with two kinds of intervals."""
    scene, card = data / "challenge48" / "ain_west.tif", there.card
    zones = read_zones(data / "france" / "communes-01-ain.geojson")
    with tempfile.TemporaryDirectory() as folder:
        landcover.predict(scene, Path(folder) / "out", model, precision="float32", probabilities=True)
        with rasterio.open(Path(folder) / "out" / "probabilities" / "ain_west.tif") as file:
            p = file.read().astype(np.float64) / PROBABILITY_SCALE
            transform, shape, crs = file.transform, file.shape, file.crs
    with rasterio.open(data / "challenge48" / "ain_west_mask.tif") as file:
        mask = file.read(1)
    labelled = np.isin(mask, card.classes)
    corners = there.splits[["y0", "x0"]].to_numpy()
    sizes = {"too_small": 0, "too_large": 0}
    rows, counts = [], {way: Count(card.legend.label_names) for way in ("box", "local")}
    shapes = zones.to_crs(crs).geometry
    where = rasterize(((g, i + 1) for i, g in enumerate(shapes)), shape, transform=transform, dtype="int32")
    for i in np.unique(where[where > 0]) - 1:
        here = (where == i + 1) & labelled
        pixels = int(here.sum())
        if known.size_class(pixels) is None:
            sizes["too_small" if pixels < known.sizes[0].side ** 2 else "too_large"] += 1
            continue
        sums = p[:, here].sum(axis=1)
        predicted = (sums / sums.sum())[None]
        true = np.array([(mask[here] == c).mean() for c in card.classes])[None]
        y, x = (np.flatnonzero((where == i + 1).any(axis=axis)) for axis in (1, 0))
        apart = (corners[:, 0] > y[-1]) | (corners[:, 0] + 256 <= y[0])
        apart |= (corners[:, 1] > x[-1]) | (corners[:, 1] + 256 <= x[0])
        local = there.take(apart).fit([size.side for size in known.sizes])
        row = {"code": zones["code"][i], "name": zones["name"][i], "pixels": pixels}
        for way, fitted in (("box", known), ("local", local)):
            if fitted is None or fitted.size_class(pixels) is None:
                continue
            found = intervals_for(predicted, [pixels], fitted)
            counts[way].add(found, true)
            inside = ((found.low <= true) & (true <= found.high))[0]
            row[way] = {
                name: [round(float(getattr(found, k)[0, c]), 4) for k in ("low", "high")] + [bool(inside[c])]
                for c, name in enumerate(card.legend.label_names)
                if not np.isnan(found.low[0, c])
            }
        row["predicted"] = dict(zip(card.legend.label_names, predicted[0].round(4).tolist(), strict=True))
        row["mask"] = dict(zip(card.legend.label_names, true[0].round(4).tolist(), strict=True))
        rows.append(row)
    seen = [c for c, q in enumerate(known.sizes[0].quantiles) if q is not None]
    facts = {way: count.facts(seen) if count.windows else None for way, count in counts.items()}
    return {"communes": rows, **sizes, **facts}


def main(folder: Path, data: Path, cache: Path, result: Path, model: Path | None = None) -> None:
    """Measure, and write the result file."""
    commit = this_commit()
    chips, model = open_chips(folder), model or ONE_PLACE
    ground = load(chips, model, cache)
    known, part = ground.card.conformal, ground.splits["part"].to_numpy()
    assert known is not None
    known = replace(known, sizes=tuple(s for s in known.sizes if s.blocks >= blocks_needed(known.level)))
    sides = [size.side for size in known.sizes]
    there = ground.take(part == "elsewhere")
    local = there.fit(sides)
    found = {
        "commit": commit,
        "blocks_needed": blocks_needed(known.level),
        "bounds": known.to_dict(),
        "bounds_elsewhere": local.to_dict() if local else None,
        "splits": random_splits(ground.take(np.isin(part, ("val", "test"))), sides),
        "test": held_by(known, ground.take(part == "test")),
        "elsewhere": held_by(known, there),
        "elsewhere_by_novelty": by_novelty(known, there, chips),
        "elsewhere_local": random_splits(there, sides),
        "ain_west": communes(data, model, known, there),
    }
    write_text(result, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
