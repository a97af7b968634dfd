"""One class of a map beside a reference layer, rows by rows: what is found, omitted, too much; any shift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.area import pixel_areas
from landcover.imagery.image import open_raster, reading
from landcover.imagery.maps import Codes, open_codes
from landcover.imagery.write import PROBABILITY_NO_DATA, PROBABILITY_SCALE, open_map
from landcover.legend import LandClass, Legend
from landcover.statistics.confrontation.connected import PatchSums
from landcover.statistics.confrontation.reference import SLACK, Geometries, Grid, Reference, fractions

BLOCK = 64  # px: what is nearer than this is alike, so blocks are what intervals count
AT_ONCE = 500_000  # px in memory, or a row of blocks
SEARCH = 3  # px to each side that a shift is looked for in
LEAST = 1e-6  # of a pixel: below, it is rounding
AGREEMENT = Legend(
    "map and reference",
    (
        LandClass(0, "no_data", "sans donnée", "#000000", is_label=False),
        LandClass(1, "neither", "aucun", "#e6e6e6"),
        LandClass(2, "agreed", "accord", "#4393c3"),
        LandClass(3, "omission", "omission", "#e08214"),
        LandClass(4, "commission", "commission", "#762a83"),
    ),
)
NEITHER, AGREED, OMISSION, COMMISSION = AGREEMENT.label_codes
SUMS = (
    "seen_ha", "reference_ha", "found_ha", "omission_ha", "small_ha", "unseen_ha", "class_ha",
    "commission_ha",
)  # fmt: skip
Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Agreement:
    """What came of the comparison.

    Attributes
    ----------
    sums : a row per zone (position; the last is the whole map) and block: zone, block, and hectares `SUMS`
    objects : a row per object of the reference: seen_ha (on pixels with a class), found_ha
    places : patches of omission and commission: kind, code (in the map), first, area_ha, sure_ha (hectares ×
        confidence; NaN without confidence), number; and `numbers`, by kind, for `outlines`
    patches : patches of the class: first, class_ha, commission_ha
    shift : found share of the reference at each shift (dy, dx), px
    """

    sums: pd.DataFrame
    objects: pd.DataFrame
    places: pd.DataFrame
    numbers: dict[str, npt.NDArray[np.int64]]
    patches: pd.DataFrame
    shift: dict[tuple[int, int], float]


def agreement(
    path: Path,
    legend: Legend,
    code: int,
    grid: Grid,
    reference: Reference,
    zones: Geometries,
    tolerance: float,
    picture: Path,
    confidence: Path | None = None,
    at_once: int = AT_ONCE,
) -> Agreement:
    """Compare the pixels of one class with a reference, as many rows at a time as make `at_once` pixels.

    Reference is found where a pixel of the class has its centre within the tolerance of the centre of its
    own pixel, omitted where none has; the class is commission as far as its pixels lie beyond the tolerance
    of the reference. That is the buffer method (Heipke, Mayer, Wiedemann, Jamet 1997, Evaluation of Automatic
    Road Extraction, IAPRS 32): its completeness is 1 − omission rate, its correctness 1 − commission rate.
    Areas are those of exact fractions of pixels, on the ellipsoid.

    Parameters
    ----------
    zones : polygons in pixels
    tolerance : m
    picture : GeoTIFF to write, with the legend `AGREEMENT`
    confidence : the map's confidence layer
    """
    steps = grid.offsets(tolerance * SLACK)
    halo = max(SEARCH, *(max(abs(y), abs(x)) for y, x in steps))
    search = [(y, x) for y in range(-SEARCH, SEARCH + 1) for x in range(-SEARCH, SEARCH + 1)]
    hits, tries = np.zeros(len(search)), np.zeros(len(search))
    objects = np.zeros((2, len(reference.objects)))
    whole = shapely.box(0, 0, grid.width, grid.height)
    zones = np.append(zones, np.array([whole], object))
    sums = []
    omitted = PatchSums(grid.width, "area_ha", "sure_ha")
    extra = PatchSums(grid.width, "area_ha", "sure_ha")
    mapped = PatchSums(grid.width, "class_ha", "commission_ha")
    with (
        open_codes(path, legend) as codes,
        open_map(picture, grid.height, grid.width, AGREEMENT, grid.place) as out,
    ):
        for top, height in strips(grid, at_once):
            wide = _padded(codes, top, height, halo)
            is_class, seen = wide == code, np.isin(wide, legend.label_codes)
            inner = (slice(halo, -halo), slice(halo, -halo))
            area = pixel_areas(grid.place, range(top, top + height), range(grid.width))
            assert area is not None
            owner, cell, fraction = fractions(reference.objects, top, height, grid.width)
            y, x = (v + halo for v in np.divmod(cell, grid.width))
            ha = fraction * area[y - halo, x - halo]
            visible, large = seen[y, x], reference.large[owner]
            found = visible & np.any([is_class[y + dy, x + dx] for dy, dx in steps], axis=0)
            for i, (dy, dx) in enumerate(search):
                hits[i] += ha[is_class[y + dy, x + dx]].sum()
                tries[i] += ha[seen[y + dy, x + dx]].sum()
            objects += [np.bincount(owner, ha * v, len(reference.objects)) for v in (visible, found)]

            states = np.stack(
                [visible & large, found & large, visible & large & ~found, visible & ~large, ~visible]
            )
            expected, agreed, omission, small, unseen = (_raster(cell, ha * s, area.shape) for s in states)
            _, cell, fraction = fractions(_one(reference.near), top, height, grid.width)
            beyond = 1 - _raster(cell, fraction, area.shape)
            class_ha = area * is_class[inner]
            commission = class_ha * np.where(beyond < LEAST, 0, beyond)

            kinds = np.where(seen[inner], np.where(is_class[inner] | (agreed > 0), AGREED, NEITHER), 0)
            kinds[omission > LEAST * area] = OMISSION
            kinds[commission > 0] = COMMISSION
            kinds = kinds.astype(np.uint8)
            out.write(kinds[None])

            here, sure = wide[inner], _confidence(confidence, top, height, grid)
            omitted.add(kinds == OMISSION, here, omission, omission * sure)
            extra.add(kinds == COMMISSION, here, commission, commission * sure)
            mapped.add(is_class[inner], here, class_ha, commission)
            layers = [area * seen[inner], expected, agreed, omission, small, unseen, class_ha, commission]
            sums.append(_by_zone(np.stack(layers).reshape(len(SUMS), -1), zones, top, height, grid))
    tables = {"omission": omitted.table(), "commission": extra.table()}
    places = [t.assign(kind=kind, number=t.index) for kind, (t, _) in tables.items()]
    if confidence is None:
        places = [t.assign(sure_ha=np.nan) for t in places]
    return Agreement(
        pd.concat(sums).groupby(["zone", "block"], as_index=False).sum(),
        pd.DataFrame(objects.T, columns=["seen_ha", "found_ha"]),
        pd.concat(places, ignore_index=True),
        {kind: numbers for kind, (_, numbers) in tables.items()},
        mapped.table()[0],
        {s: float(h / t) if t else np.nan for s, h, t in zip(search, hits, tries, strict=True)},
    )


def strips(grid: Grid, at_once: int = AT_ONCE) -> Iterator[tuple[int, int]]:
    """First row and number of rows, in whole blocks, of the parts that a map is read in."""
    rows = max(1, at_once // (grid.width * BLOCK)) * BLOCK
    for top in range(0, grid.height, rows):
        yield top, min(rows, grid.height - top)


def masks(picture: Path, code: int, grid: Grid, at_once: int = AT_ONCE) -> Iterator[npt.NDArray[np.bool_]]:
    """Where the picture of an agreement holds a code, rows by rows as it was made."""
    with open_codes(picture, AGREEMENT) as codes:
        for top, height in strips(grid, at_once):
            yield codes.read(Window(0, top, grid.width, height)) == code


def _padded(codes: Codes, top: int, height: int, halo: int) -> Bytes:
    """Rows of a map with so many pixels around them; no data beyond its edge."""
    total, width = codes.source.height, codes.source.width
    first, last = max(0, top - halo), min(total, top + height + halo)
    pixels = codes.read(Window(0, first, width, last - first))
    around = ((halo - (top - first), halo - (last - top - height)), (halo, halo))
    return np.pad(pixels, around, constant_values=codes.legend.no_data_code)


def _raster(cell: npt.NDArray[np.intp], values: Floats, shape: tuple[int, ...]) -> Floats:
    sums: Floats = np.bincount(cell, values, shape[0] * shape[1]).astype(np.float64)
    return sums.reshape(shape)


def _one(polygons: Geometries) -> Geometries:
    return np.array([shapely.multipolygons(polygons)], object)


def _confidence(path: Path | None, top: int, height: int, grid: Grid) -> Floats:
    """Of some rows, 0 to 1; 0 where it is not known."""
    if path is None:
        return np.zeros((height, grid.width))
    with open_raster(path) as source:
        if source.shape != (grid.height, grid.width):
            raise LandcoverError(
                path, f"has {source.height} × {source.width} px", f"the map's {grid.height} × {grid.width}",
                "predict anew with --confidence",
            )  # fmt: skip
        with reading(path):
            values = source.read(1, window=Window(0, top, grid.width, height))
    return np.where(values == PROBABILITY_NO_DATA, 0, values / PROBABILITY_SCALE)


def _by_zone(layers: Floats, zones: Geometries, top: int, height: int, grid: Grid) -> pd.DataFrame:
    """Hectares of some rows by zone and block, pixels on a boundary by their fraction."""
    zone, cell, fraction = fractions(zones, top, height, grid.width)
    kept = np.asarray(layers.any(axis=0))[cell]
    zone, cell, fraction = zone[kept], cell[kept], fraction[kept]
    across, down = -(-grid.width // BLOCK), -(-grid.height // BLOCK)
    row, column = np.divmod(cell, grid.width)
    block = (top + row) // BLOCK * across + column // BLOCK
    key, group = np.unique(zone * (across * down) + block, return_inverse=True)
    sums = {
        name: np.bincount(group, fraction * layer[cell], len(key))
        for name, layer in zip(SUMS, layers, strict=True)
    }
    return pd.DataFrame({"zone": key // (across * down), "block": key % (across * down), **sums})
