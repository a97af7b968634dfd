"""Read a map and the points that were labelled on it: their classes, strata and weights, checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.area import pixel_areas
from landcover.imagery.maps import Codes, open_codes
from landcover.imagery.raster import Place
from landcover.imagery.vectors import read_vectors
from landcover.legend import Legend
from landcover.statistics.areas.estimators import Floats, Ints
from landcover.statistics.areas.publish import NO_PROBABILITY

TILE = 1024  # px on a side
DESIGN = ("stratum", "inclusion", "stratum_px", "stratum_ha")
FEW = 5
NO_DESIGN = (
    f"{NO_PROBABILITY}: the points don't tell how they were drawn, so no error is known; the figures hold if "
    "they are like points drawn by chance in each class of the map"
)


@dataclass(frozen=True)
class Labelled:
    """Labelled points of a map.

    Attributes
    ----------
    points : GeoDataFrame in the map's CRS, a row a point: id, stratum, mapped and reference (positions in
        `classes`) and area_ha of its pixel
    strata : stratum, points, stratum_px (NaN when not known) and stratum_ha; without a probability sample a
        single one, the map
    classes : names of the classes of the ground
    map_ha : hectares of each in the map
    probability : whether the points tell how they were drawn
    notes : what a reader of the figures must know
    """

    points: Any
    strata: pd.DataFrame
    classes: tuple[str, ...]
    map_ha: Floats
    probability: bool
    notes: list[str]

    @property
    def stratum(self) -> Ints:
        """Position of each point's stratum."""
        return np.asarray(pd.Index(self.strata["stratum"]).get_indexer(self.points["stratum"]), np.int64)


def read_labelled(map: Path, path: Path, legend: Legend) -> Labelled:
    """Read labelled points and look up the map where they lie; the map is read window by window.

    Raises
    ------
    LandcoverError : no labels, unknown ones, points off the map or on no data, a pixel twice, a stratum with
        one point, or a design that contradicts itself
    """
    table = read_vectors(path, "point")
    labels = _labels(table, path, legend)
    with open_codes(map, legend) as codes:
        place = Place.of(codes.source)
        if place is None or not place.crs:
            raise LandcoverError(map, "has no place", "a map with CRS and transform", "give its georeference")
        table = table.to_crs(place.crs)
        rows, columns = _pixels(table, path, codes, place)
        hectares, found, areas = _look(codes, place, rows, columns)
    ground = np.array(legend.label_codes)
    off = ~np.isin(found, ground)
    if off.any():
        raise LandcoverError(
            path, f"has {off.sum()} points where the map has no data ({_some(_ids(table)[off])})",
            f"points on classes of {map}", "give the map that they were drawn from",
        )  # fmt: skip
    mapped = np.searchsorted(ground, found)
    points = table[[table.geometry.name]].assign(
        id=_ids(table), mapped=mapped, reference=np.searchsorted(ground, labels), area_ha=areas
    )
    notes = _compare(table, np.array(legend.label_names)[mapped])
    map_ha = hectares[ground]
    design = _design(table, path)
    if design is None:
        notes.insert(0, NO_DESIGN)
        points["stratum"] = "map"
        strata = pd.DataFrame(
            {
                "stratum": ["map"],
                "points": [len(points)],
                "stratum_px": [np.nan],
                "stratum_ha": [map_ha.sum()],
            }
        )
    else:
        points["stratum"] = table["stratum"].astype(str)
        strata = _strata(design, path, notes)
        share = strata["stratum_ha"].sum() / map_ha.sum()
        if abs(share - 1) > 0.001:
            notes.append(
                f"the strata hold {share:.1%} of the classes of the map: the figures are of the strata"
            )
    return Labelled(points, strata, legend.label_names, map_ha, design is not None, notes)


def _labels(table: Any, path: Path, legend: Legend) -> Ints:
    """The code that each label means: a class's name or code."""
    wanted = f"a class of the legend: {', '.join(legend.label_names)}"
    if "label" not in table:
        raise LandcoverError(path, "has no column label", wanted, "label the points")
    text = table["label"].astype("string").str.strip().str.removesuffix(".0").fillna("")
    empty = (text == "").to_numpy()
    if empty.any():
        raise LandcoverError(
            path, f"has {empty.sum()} of {len(text)} points without label ({_some(_ids(table)[empty])})",
            wanted, "label them all: leaving out the hard ones would bias every figure",
        )  # fmt: skip
    codes = {c.name: c.code for c in legend.labels} | {str(c.code): c.code for c in legend.labels}
    unknown = text[~text.isin(list(codes))]
    if len(unknown):
        raise LandcoverError(path, f"holds unknown labels: {_some(unknown.unique())}", wanted, "mend them")
    return np.asarray(text.map(codes), np.int64)


def _pixels(table: Any, path: Path, codes: Codes, place: Place) -> tuple[Ints, Ints]:
    """Row and column of each point."""
    across, down = ~place.transform @ (table.geometry.x.to_numpy(), table.geometry.y.to_numpy())
    rows, columns = np.floor(down).astype(np.int64), np.floor(across).astype(np.int64)
    height, width = codes.source.shape
    off = (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)
    if off.any():
        raise LandcoverError(
            path, f"has {off.sum()} points outside {codes.path} ({_some(_ids(table)[off])})",
            "points on the map", "give the map that they were drawn from",
        )  # fmt: skip
    twice = pd.Series(rows * width + columns).duplicated().to_numpy()
    if twice.any():
        raise LandcoverError(
            path, f"has {twice.sum()} points on a pixel that has one already ({_some(_ids(table)[twice])})",
            "each pixel once", "leave them out",
        )  # fmt: skip
    return rows, columns


def _look(codes: Codes, place: Place, rows: Ints, columns: Ints) -> tuple[Floats, Ints, Floats]:
    """Hectares of each code of the map; code and pixel area where the points are."""
    hectares = np.zeros(256)
    found, areas = np.zeros(len(rows), np.int64), np.zeros(len(rows))
    for row, column, height, width in _windows(codes.source.shape):
        pixels = codes.read(Window(column, row, width, height))
        area = pixel_areas(place, row + np.arange(height), column + np.arange(width))
        if area is None:
            raise LandcoverError(codes.path, "has a CRS of no place on Earth", "a known one", "reproject it")
        hectares += np.bincount(pixels.reshape(-1), area.reshape(-1), 256)
        here = (rows // TILE == row // TILE) & (columns // TILE == column // TILE)
        at = rows[here] - row, columns[here] - column
        found[here], areas[here] = pixels[at], area[at]
    return hectares, found, areas


def _windows(shape: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    height, width = shape
    for row in range(0, height, TILE):
        for column in range(0, width, TILE):
            yield row, column, min(TILE, height - row), min(TILE, width - column)


def _compare(table: Any, mapped: Any) -> list[str]:
    """What is to be said when the points carry the classes of another map."""
    if "map_class" not in table:
        return []
    given = table["map_class"].astype("string").str.strip().fillna("").to_numpy()
    other = (given != "") & (given != mapped)
    if not other.any():
        return []
    first = int(np.flatnonzero(other)[0])
    return [
        f"{other.sum()} of {len(table)} points have another class in the map than in their column map_class "
        f"(first {_ids(table)[first]}: {mapped[first]}, not {given[first]}): accuracy is that of this map"
    ]


def _design(table: Any, path: Path) -> pd.DataFrame | None:
    """The columns that tell how the points were drawn; None when they don't."""
    if any(c not in table or table[c].isna().all() or (table[c] == "").all() for c in DESIGN[:2]):
        return None
    missing = [c for c in DESIGN if c not in table or table[c].isna().any()]
    if missing:
        raise LandcoverError(
            path, f"lacks {', '.join(missing)} of some points", "them of all, as sample writes them",
            "take them from the sample's file",
        )  # fmt: skip
    design = pd.DataFrame(table[list(DESIGN)]).assign(stratum=table["stratum"].astype(str))
    numbers = design[list(DESIGN[1:])].apply(pd.to_numeric, errors="coerce")
    if not (numbers > 0).all(axis=None) or (numbers["inclusion"] > 1).any():
        raise LandcoverError(
            path, f"holds {', '.join(DESIGN[1:])} that can't be", "numbers above 0, inclusion at most 1",
            "take them from the sample's file",
        )  # fmt: skip
    return design.assign(**{c: numbers[c] for c in numbers})


def _strata(design: pd.DataFrame, path: Path, notes: list[str]) -> pd.DataFrame:
    by = design.groupby("stratum", sort=False)
    mixed = by[list(DESIGN[1:])].nunique().max(axis=1)
    if (mixed > 1).any():
        raise LandcoverError(
            path, f"tells different things of one stratum ({_some(mixed.index[mixed > 1])})",
            f"the same {', '.join(DESIGN[1:])} for all its points", "take them from the sample's file",
        )  # fmt: skip
    strata = by.first().assign(points=by.size()).reset_index()
    alone = strata.loc[strata["points"] < 2, "stratum"]
    if len(alone):
        raise LandcoverError(
            path, f"has a single point in {_some(alone)}", "two in each stratum, which a variance needs",
            "label another point of it, or draw the sample with a higher --minimum",
        )  # fmt: skip
    drawn = (strata["inclusion"] * strata["stratum_px"]).round()
    if (strata["points"] > drawn).any():
        more = strata.loc[strata["points"] > drawn, "stratum"]
        raise LandcoverError(
            path, f"has more points in {_some(more)} than inclusion × stratum_px says", "the sample as drawn",
            "leave out the points that were added",
        )  # fmt: skip
    lost = int((drawn - strata["points"]).sum())
    if lost:
        notes.append(
            f"{lost} of {int(drawn.sum())} drawn points are not in the file: the others stand for them"
        )
    return strata[["stratum", "points", "stratum_px", "stratum_ha"]]


def _ids(table: Any) -> Any:
    """What points are called in messages."""
    return (table["id"] if "id" in table else pd.Series(range(1, len(table) + 1))).astype(str).to_numpy()


def _some(names: Any) -> str:
    found = [str(n) for n in names]
    return ", ".join(found[:FEW]) + (f" and {len(found) - FEW} others" if len(found) > FEW else "")
