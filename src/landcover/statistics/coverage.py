"""Sums of a map over territories: a pixel counts with the exact fraction that is covered, and its true area.

Polygons are brought to the rows and columns of the map, so that rotated, south-up and non-square grids are
all alike. The map is read in tiles, each once, where there are territories: memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio

from landcover.errors import LandcoverError
from landcover.imagery.area import HECTARE, pixel_areas
from landcover.imagery.cog import CACHE
from landcover.imagery.raster import Place
from landcover.progress import track
from landcover.statistics.outline import Edges, Floats, Ints, rings_of

TILE = 1024  # px on a side
STEP = 100.0  # m between the vertices of an edge: what is straight elsewhere strays from it by 0.2 mm
EARTH = 6_371_000.0  # m, mean radius
MARGIN = 0.05  # of the map's extent, around it, that is kept of territories
LEAST = 1e-6  # px: less is rounding
ROUNDING = 1e-6  # share of a territory's area: what areas agree to
MANY = 2**16  # the highest code that is counted as it is
Read = Callable[[int, int, int, int], npt.NDArray[Any]]


def tabulate(place: Place, shape: tuple[int, int], geometries: Any, read: Read) -> pd.DataFrame:
    """Pixels and hectares of each code in each territory.

    Territories may be nested or overlap: each gets its full figures.

    Parameters
    ----------
    place : CRS and transform of the map
    shape : its height and width
    geometries : GeoSeries of polygons, in any CRS
    read : gives the codes, integers from 0, of a window: row, column, height, width

    Returns
    -------
    table : zone (position in `geometries`), code, pixels (sum of covered fractions), area_ha (sum of fraction
        × true area of the pixel): a row for each zone and code that occurs in it; none for a zone outside

    Raises
    ------
    LandcoverError : a territory can't be brought to the map's CRS

    Examples
    --------
    >>> import geopandas
    >>> from rasterio import CRS, Affine
    >>> from shapely import box
    >>> place = Place(CRS.from_epsg(32631), Affine(10, 0, 500_000, 0, -10, 5_000_000))
    >>> zones = geopandas.GeoSeries([box(500_005, 4_999_960, 500_040, 5_000_000)], crs=32631)
    >>> codes = np.array([[2, 2, 3, 3]] * 4)
    >>> tabulate(place, (4, 4), zones, lambda y, x, h, w: codes[y : y + h, x : x + w]).round(4)
       zone  code  pixels  area_ha
    0     0     2     6.0   0.0600
    1     0     3     8.0   0.0801
    """
    none = np.zeros(0, np.intp)
    found: list[Any] = [(none, none, np.zeros(0), np.zeros(0))]
    for tile, window in _read(read, tiles(place, shape, geometries)):
        codes, names = np.asarray(window).ravel(), None
        if codes.max() > MANY:
            names, codes = np.unique(codes, return_inverse=True)
        many = int(codes.max()) + 1
        pixels, hectares = np.zeros((2, len(tile.zones) * many))
        for zone, at, fraction in tile.pixels():
            key = zone * many + codes[at]
            area = tile.areas[at]
            pixels += np.bincount(key, fraction, len(pixels))
            hectares += np.bincount(key, area if fraction is None else area * fraction, len(pixels))
        there = pixels.nonzero()[0]
        code = there % many if names is None else names[there % many]
        found.append((tile.zones[there // many], code, pixels[there], hectares[there]))
    columns = map(np.concatenate, zip(*found, strict=True))
    table = pd.DataFrame(dict(zip(("zone", "code", "pixels", "area_ha"), columns, strict=True)))
    table = table.groupby(["zone", "code"], as_index=False).sum()
    return table[table["pixels"] > LEAST].reset_index(drop=True)


def sum_layers(
    place: Place, shape: tuple[int, int], geometries: Any, read: Read, layers: int
) -> tuple[Floats, Floats]:
    """Sums of layers, such as probabilities, over each territory.

    Parameters
    ----------
    place, shape, geometries : as in `tabulate`
    read : gives the numbers of a window (row, column, height, width): layers × height × width, all finite
    layers : their number

    Returns
    -------
    pixels : sum of number × covered fraction, zones × layers
    area_ha : sum of number × covered fraction × true area of the pixel, zones × layers
    """
    sums = np.zeros((2, len(geometries), layers))
    for tile, window in _read(read, tiles(place, shape, geometries)):
        numbers = np.asarray(window, np.float64).reshape(layers, -1)
        for layer, number in enumerate(numbers):
            for i, weighted in enumerate((number, number * tile.areas)):
                sums[i, tile.zones, layer] += tile.sums(weighted)
    return sums[0], sums[1]


def zone_areas(geometries: Any) -> Floats:
    """Area of each polygon on the ellipsoid of its own CRS, in hectares.

    Geodesic polygons (Karney 2013, Algorithms for geodesics, section 6), with vertices added to what is
    straight in the CRS of the polygons: a border along a parallel follows the parallel.

    Examples
    --------
    >>> import geopandas
    >>> from shapely import box
    >>> zone_areas(geopandas.GeoSeries([box(5, 45, 6, 46)], crs=4326)).round()
    array([868649.])
    """
    import pyproj
    import shapely

    crs = pyproj.CRS(geometries.crs)
    geodetic, geod = crs.geodetic_crs, crs.get_geod()
    assert geodetic is not None
    assert geod is not None
    shapes = shapely.segmentize(geometries.to_numpy(), _step(crs))
    if crs != geodetic:
        shapes = _transformed(shapes, crs, geodetic)
    degrees = np.degrees(geodetic.axis_info[0].unit_conversion_factor)  # in a unit of it, such as a grad
    areas = np.zeros(len(shapes))
    for zone, hole, ring in zip(*rings_of(shapes), strict=True):
        area = abs(geod.polygon_area_perimeter(*degrees * shapely.get_coordinates(ring).T)[0])
        areas[zone] += -area if hole else area
    return areas / HECTARE


def missing_share(mapped: Any, area: Any) -> Floats:
    """The share of territories that has no data, from hectares with data and of the polygon; rounding is 0.

    Examples
    --------
    >>> missing_share(np.array([75.0, 100.00001]), np.array([100.0, 100.0]))
    array([0.25, 0.  ])
    """
    missing = 1 - np.asarray(mapped) / np.asarray(area)
    return np.where(missing < ROUNDING, 0.0, missing)


def place_of(path: Path, source: Any) -> Place:
    """The place of an open map on Earth.

    Raises
    ------
    LandcoverError : it has none
    """
    place = Place.of(source)
    if place is None or pixel_areas(place, [0], [0]) is None:
        raise LandcoverError(
            path, "lies nowhere on Earth (no CRS)", "a map with CRS and transform", "georeference it"
        )
    return place


@dataclass(frozen=True)
class Tile:
    """A piece of a map that territories touch, its pixels numbered row by row.

    Attributes
    ----------
    window : row, column, height, width
    areas : true area of each pixel, hectares
    zones : positions of the territories that touch it
    cell, at, fraction : of each pixel that is covered in part: territory (position in `zones`), number, what
        is covered of it
    run, start, stop : of each run of pixels that are covered wholly: territory, number of the first, and the
        one after the last
    """

    window: tuple[int, int, int, int]
    areas: Floats
    zones: Ints
    cell: Ints
    at: Ints
    fraction: Floats
    run: Ints
    start: Ints
    stop: Ints

    def pixels(self) -> Iterator[tuple[Ints, Ints, Floats | None]]:
        """Pixels by the million: territory, number, covered fraction (None: wholly)."""
        yield self.cell, self.at, self.fraction
        length = self.stop - self.start
        before = np.cumsum(length) - length
        cuts = np.searchsorted(before, np.arange(0, int(length.sum()), TILE * TILE))
        for some in np.split(np.arange(len(length)), cuts[1:]):
            if len(some):
                shift = self.start[some] - (before[some] - before[some[0]])
                at = np.repeat(shift, length[some])
                at += np.arange(len(at))
                yield np.repeat(self.run[some], length[some]), at, None

    def sums(self, numbers: Floats) -> Floats:
        """Sum of a number for each pixel over each of `zones`."""
        upto = np.append(0.0, np.cumsum(numbers))
        many = len(self.zones)
        found = np.zeros(many)
        found += np.bincount(self.cell, numbers[self.at] * self.fraction, many)
        found += np.bincount(self.run, upto[self.stop] - upto[self.start], many)
        return found


def tiles(place: Place, shape: tuple[int, int], geometries: Any) -> Iterator[Tile]:
    """The tiles of a map that territories touch, row by row."""
    edges = Edges.of(_on_grid(place, shape, geometries))
    for row in track(range(0, shape[0], TILE), "territories"):
        height = min(TILE, shape[0] - row)
        band = edges.cover(row, row + height, shape[1])
        for column in range(0, shape[1], TILE):
            width = min(TILE, shape[1] - column)
            part = band.between(column, column + width)
            zones, local = np.unique(np.concatenate([part.zone, part.run_zone]), return_inverse=True)
            if not len(zones):
                continue
            areas = pixel_areas(place, np.arange(row, row + height), np.arange(column, column + width))
            assert areas is not None
            cell, run = np.split(local, [len(part.zone)])
            at = (part.row - row) * width + part.column - column
            first = (part.run_row - row) * width - column
            yield Tile(
                (row, column, height, width), areas.ravel(), zones, cell, at, part.fraction,
                run, first + part.start, first + part.stop,
            )  # fmt: skip


def _read(read: Read, some: Iterator[Tile]) -> Iterator[tuple[Tile, npt.NDArray[Any]]]:
    """Tiles with what is read of them; the next is made and read in another thread while one is used."""
    both = ((tile, read(*tile.window)) for tile in some)
    with rasterio.Env(GDAL_CACHEMAX=CACHE), ThreadPoolExecutor(1) as worker:
        waiting = worker.submit(next, both, None)
        while (item := waiting.result()) is not None:
            waiting = worker.submit(next, both, None)
            yield item


def _on_grid(place: Place, shape: tuple[int, int], geometries: Any) -> Any:
    """Polygons in columns and rows of the map; of those that reach far beyond it, what is near it."""
    import pyproj
    import shapely

    zones, grid = pyproj.CRS(geometries.crs), pyproj.CRS.from_wkt(place.crs.to_wkt()).to_2d()
    turns = _turns(place, shape, grid)
    near = None if turns else _around(place, shape, grid, zones)
    shapes = geometries.to_numpy()
    if near is not None:
        shapes = np.where(shapely.covered_by(shapes, near), shapes, shapely.intersection(shapes, near))
    if zones != grid:
        shapes = _transformed(shapely.segmentize(shapes, _step(zones)), zones, grid)
    moved = [shapely.transform(shapes, lambda points, by=turn: np.add(points, [by, 0])) for turn in turns]
    for others in moved:
        shapes = shapely.union(shapes, others)
    to_pixels = ~place.transform
    return shapely.transform(shapes, lambda points: np.transpose(to_pixels @ tuple(points.T)))


def _turns(place: Place, shape: tuple[int, int], grid: Any) -> list[float]:
    """By how much polygons are moved to be met by a geographic grid beyond the 180th meridian: ± 360°."""
    if not grid.is_geographic:
        return []
    height, width = shape
    x = (place.transform @ (np.array([0, width, width, 0]), np.array([0, 0, height, height])))[0]
    turn = 2 * np.pi / grid.axis_info[0].unit_conversion_factor
    edge = turn / 2 + LEAST * abs(place.transform.a)
    return [by for by, beyond in ((-turn, x.min() < -edge), (turn, x.max() > edge)) if beyond]


def _around(place: Place, shape: tuple[int, int], grid: Any, zones: Any) -> Any:
    """The rectangle around a map in the CRS of the zones; None where it has none, as at a pole."""
    import pyproj
    import shapely

    height, width = shape
    x, y = place.transform @ (np.array([0, width, width, 0]), np.array([0, 0, height, height]))
    bounds = float(x.min()), float(y.min()), float(x.max()), float(y.max())
    if zones != grid:
        way = pyproj.Transformer.from_crs(grid, zones, always_xy=True)
        bounds = way.transform_bounds(*bounds, densify_pts=21)
    low, high = np.array(bounds[:2]), np.array(bounds[2:])
    if not (np.isfinite(bounds).all() and (low < high).all()):
        return None
    margin = MARGIN * (high - low)
    return shapely.box(*(low - margin), *(high + margin))


def _transformed(shapes: Any, source: Any, target: Any) -> Any:
    import pyproj
    import shapely

    way = pyproj.Transformer.from_crs(source, target, always_xy=True)
    found = shapely.transform(shapes, lambda points: np.transpose(way.transform(*points.T)))
    if not np.isfinite(shapely.get_coordinates(found)).all():
        raise LandcoverError(
            "the territories",
            f"can't be brought from {source.name} to {target.name}",
            "polygons where both are defined",
            "reproject them first, or check their CRS",
        )
    return found


def _step(crs: Any) -> float:
    """`STEP` in the unit of a CRS."""
    factor: float = crs.axis_info[0].unit_conversion_factor
    return STEP / (EARTH * factor if crs.is_geographic else factor)
