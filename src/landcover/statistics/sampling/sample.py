"""Draw a stratified random sample of a map: points to label, each with its probability of being drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.area import pixel_areas
from landcover.imagery.cog import CACHE
from landcover.imagery.image import Place
from landcover.imagery.maps import Codes, legend_of, open_codes
from landcover.statistics.coverage import place_of
from landcover.statistics.sampling.allocation import (
    Allocation,
    allocate,
    expected_error,
    points_for,
    weights_of,
)
from landcover.statistics.sampling.draw import count, draw
from landcover.statistics.sampling.strata import OTHERS, describe, open_strata
from landcover.statistics.tables import check_table, facts, write_table

MOST = 1_000_000  # points
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sampled:
    """A sample of a map.

    Attributes
    ----------
    points : GeoDataFrame, a row a point, see docs/data-formats.md
    strata : stratum, pixels, area_ha, points, inclusion, and accuracy, the share of pixels that are expected
        to be right (NaN when that was not said)
    expected_error : standard error that the overall accuracy should have; None without expected accuracies
    left_out : pixels of no stratum: without data, or of a class that says nothing of the ground
    """

    points: Any
    strata: pd.DataFrame
    expected_error: float | None
    left_out: int


def sample(
    map: Path,
    out: Path,
    points: int | None = None,
    allocation: Allocation = "proportional",
    expect: Mapping[str, float] | None = None,
    target_error: float | None = None,
    minimum: int = 2,
    balanced: bool = False,
    strata: Path | None = None,
    join: int = 0,
    legend: str | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Sampled:
    """Draw a stratified random sample of the pixels of a map, to be labelled by hand.

    Within a stratum all pixels are drawn with the same probability and none twice; the same seed draws the
    same ones. The map is read window by window, so that its size doesn't matter.

    Parameters
    ----------
    map : a map whose place is known
    out : GeoPackage of points to write
    points : how many to draw; None with `target_error`
    allocation : `equal`, `proportional` (to area) or `neyman`, see `weights_of`
    expect : the share of each stratum's pixels that are expected to be right, between 0 and 1, by name;
        `others` stands for those not named. `neyman` and `target_error` need it
    target_error : draw as many points as should give the overall accuracy this standard error
    minimum : points of each stratum at least, or all its pixels
    balanced : spread the points of each stratum evenly over the map, see `draw`
    strata : raster of codes from 0 to 255 on the grid of the map; None takes the classes of the map
    join : the smallest strata become one, until neither it nor another has fewer pixels than this
    legend : of the map, when it carries none, see `legend_of`

    Raises
    ------
    LandcoverError : an input or setting is at fault, or a stratum has a single pixel; nothing is written then
    """
    map, out, expect = Path(map), Path(out), dict(expect or {})
    inputs = {"map": map} if strata is None else {"map": map, "strata": Path(strata)}
    check_table(out, overwrite)
    _check(out, points, allocation, expect, target_error, minimum)
    classes = legend_of(map, legend)
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE),
        open_codes(map, classes) as codes,
        open_strata(codes, inputs.get("strata")) as (read, names),
    ):
        place, shape = place_of(map, codes.source), codes.source.shape
        pixels, hectares = count(place, shape, read, len(names))
        group, found = describe(map, names, pixels.sum(axis=(0, 1)), hectares, expect, join)
        found["points"], error = _allot(map, found, points, allocation, target_error, minimum)
        found["inclusion"] = found["points"] / found["pixels"]
        counts = pixels @ np.eye(len(found) + 1, dtype=np.int64)[group]
        wanted = np.concatenate([[0], found["points"]])
        drawn = pd.concat(
            _look(codes, place, window, rows, columns).assign(stratum=chosen - 1)
            for window, rows, columns, chosen in draw(
                shape, lambda *window: group[read(*window)], counts, wanted, balanced, seed
            )
        )
    result = Sampled(_points(drawn, found, place, seed), found, error, int(counts[..., 0].sum()))
    options = dict(
        points=points, allocation=allocation, expect=expect, target_error=target_error, minimum=minimum,
        balanced=balanced, join=join, legend=legend, seed=seed,
    )  # fmt: skip
    write_table(
        out,
        result.points,
        facts(
            "sample", inputs, options, expected_error=error, left_out_px=result.left_out,
            strata=[{k: v for k, v in row.items() if v == v} for row in found.to_dict("records")],
        ),
    )  # fmt: skip
    return result


def _check(
    out: Path, points: int | None, allocation: str, expect: Mapping[str, float],
    target_error: float | None, minimum: int,
) -> None:  # fmt: skip
    if out.suffix.lower() != ".gpkg":
        raise LandcoverError(out, "has no room for points", "a .gpkg file", "give another --out")
    if allocation not in get_args(Allocation):
        raise LandcoverError("--allocation", f"is {allocation!r}", ", ".join(get_args(Allocation)), "mend it")
    if (points is None) == (target_error is None):
        finding = "are both missing" if points is None else "are both given"
        raise LandcoverError(
            "--points and --target-error", finding, "one of them", "say how many or how exact"
        )
    if target_error is not None and not 0 < target_error < 0.5:
        raise LandcoverError("--target-error", f"is {target_error:g}", "between 0 and 0.5", "mend it")
    if minimum < 2:
        raise LandcoverError(
            "--minimum", f"is {minimum}", "at least 2, which a variance needs", "leave it out, or raise it"
        )
    for name, accuracy in expect.items():
        if not 0 < accuracy < 1:
            raise LandcoverError(
                "--expect", f"is {accuracy:g} for {name}", "a share between 0 and 1", "mend it"
            )


def _allot(
    map: Path, found: pd.DataFrame, points: int | None, allocation: Allocation,
    target_error: float | None, minimum: int,
) -> tuple[Ints, float | None]:  # fmt: skip
    """Points of each stratum, and the standard error to expect of the overall accuracy."""
    pixels, accuracy = found["pixels"].to_numpy(), found["accuracy"].to_numpy()
    shares = (found["area_ha"] / found["area_ha"].sum()).to_numpy()
    unsaid = found.loc[found["accuracy"].isna(), "stratum"]
    if len(unsaid) and (allocation == "neyman" or target_error is not None):
        asked = "--allocation neyman" if allocation == "neyman" else "--target-error"
        raise LandcoverError(
            asked, f"lacks the accuracy to expect of {', '.join(unsaid)}", "one for each stratum",
            f"add --expect {unsaid.iloc[0]}=0.8, or --expect {OTHERS}=0.8",
        )  # fmt: skip
    weights = weights_of(allocation, shares, accuracy)
    least = np.minimum(minimum, pixels)
    if points is None:
        assert target_error is not None
        points = points_for(target_error, weights, shares, accuracy, least, pixels)
        asked, finding = "--target-error", f"{target_error:g} needs {points:,} points"
    else:
        asked, finding = "--points", f"is {points:,}"
        if points < least.sum():
            strata = ", ".join(f"{n} {s}" for n, s in zip(least, found["stratum"], strict=True))
            raise LandcoverError(
                asked, finding, f"at least {least.sum()} ({strata})", "raise it, or lower --minimum"
            )
    if points > min(MOST, pixels.sum()):
        most = f"at most {MOST:,}" if pixels.sum() > MOST else f"at most the {pixels.sum():,} px of {map}"
        raise LandcoverError(asked, finding, most, "ask for less")
    allotted = allocate(points, weights, least, pixels)
    return allotted, None if len(unsaid) else expected_error(allotted, shares, accuracy, pixels)


def _look(codes: Codes, place: Place, window: Any, rows: Ints, columns: Ints) -> pd.DataFrame:
    """Where drawn pixels of a window are, their class in the map, and their area."""
    row, column, height, width = window
    names = {c.code: c.name for c in codes.legend.classes}
    found = codes.read(Window(column, row, width, height))[rows, columns]
    areas = pixel_areas(place, row + np.arange(height), column + np.arange(width))
    assert areas is not None
    return pd.DataFrame(
        {
            "row": row + rows,
            "col": column + columns,
            "map_class": [names[c] for c in found],
            "pixel_ha": areas[rows, columns],
        }
    )


def _points(drawn: pd.DataFrame, strata: pd.DataFrame, place: Place, seed: int) -> Any:
    """The table of points, in random order, so that who labels them from the top meets all strata."""
    import geopandas

    mixed = drawn.iloc[np.random.default_rng([seed, 3]).permutation(len(drawn))].reset_index(drop=True)
    of = strata.iloc[mixed["stratum"]].reset_index(drop=True)
    digits = len(str(len(mixed)))
    x, y = place.transform @ (mixed["col"].to_numpy() + 0.5, mixed["row"].to_numpy() + 0.5)
    return geopandas.GeoDataFrame(
        {
            "id": [str(n).zfill(digits) for n in range(1, len(mixed) + 1)],
            "label": "",
            "stratum": of["stratum"],
            "map_class": mixed["map_class"],
            "inclusion": of["inclusion"],
            "stratum_px": of["pixels"],
            "stratum_ha": of["area_ha"],
            "pixel_ha": mixed["pixel_ha"],
            "row": mixed["row"],
            "col": mixed["col"],
        },
        geometry=geopandas.points_from_xy(x, y),
        crs=place.crs,
    )
