"""Sums of a map over territories: a pixel counts with the exact fraction that is covered, and its true area.

Polygons are brought to the rows and columns of the map, so that rotated, south-up and non-square grids are
all alike. The map is read in tiles, each once, where there are territories: memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.errors import LandcoverError
from landcover.imagery.area import HECTARE, pixel_areas
from landcover.imagery.raster import Place
from landcover.statistics.outline import Floats, Outline, rings_of

TILE = 1024  # px on a side
STEP = 100.0  # m between the vertices of an edge: what is straight elsewhere strays from it by 0.2 mm
EARTH = 6_371_000.0  # m, mean radius
MARGIN = 0.05  # of the map's extent, around it, that is kept of territories
LEAST = 1e-6  # px: less is rounding
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
    found: list[Any] = [(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0), np.zeros(0))]
    for tile in tiles(place, shape, geometries):
        codes, names = np.asarray(read(*tile.window)), None
        if codes.max() > MANY:
            names, codes = np.unique(codes, return_inverse=True)
        codes = codes.astype(np.intp)
        for zone, inside, fractions in tile.parts():
            there = codes[inside].ravel()
            pixels = np.bincount(there, fractions.ravel())
            hectares = np.bincount(there, (fractions * tile.areas[inside]).ravel())
            some = pixels.nonzero()[0]
            named = some if names is None else names[some]
            found.append((np.full(len(some), zone), named, pixels[some], hectares[some]))
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
    read : gives the numbers of a window (row, column, height, width): layers × height × width
    layers : their number

    Returns
    -------
    pixels : sum of number × covered fraction, zones × layers
    area_ha : sum of number × covered fraction × true area of the pixel, zones × layers
    """
    sums = np.zeros((2, len(geometries), layers))
    for tile in tiles(place, shape, geometries):
        numbers = np.asarray(read(*tile.window), np.float64)
        for zone, inside, fractions in tile.parts():
            weights = np.stack([fractions, fractions * tile.areas[inside]])
            sums[:, zone] += np.tensordot(weights, numbers[:, *inside], axes=([1, 2], [1, 2]))
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
    areas = np.zeros(len(shapes))
    for zone, hole, ring in zip(*rings_of(shapes), strict=True):
        area = abs(geod.polygon_area_perimeter(*shapely.get_coordinates(ring).T)[0])
        areas[zone] += -area if hole else area
    return areas / HECTARE


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
    """A piece of a map that territories touch.

    Attributes
    ----------
    window : row, column, height, width
    areas : true area of its pixels, hectares, height × width
    outlines : of the territories whose bounding boxes meet it, by their position
    """

    window: tuple[int, int, int, int]
    areas: Floats
    outlines: dict[int, Outline]

    def parts(self) -> Iterator[tuple[int, tuple[slice, slice], Floats]]:
        """Each territory: its position, the rows and columns of the tile around it, the covered fractions."""
        row, column, height, width = self.window
        for zone, outline in self.outlines.items():
            x0, y0, x1, y1 = outline.bounds
            x0, y0, x1, y1 = max(x0, column), max(y0, row), min(x1, column + width), min(y1, row + height)
            inside = slice(y0 - row, y1 - row), slice(x0 - column, x1 - column)
            yield zone, inside, outline.fractions(y0, x0, y1 - y0, x1 - x0)


def tiles(place: Place, shape: tuple[int, int], geometries: Any) -> Iterator[Tile]:
    """The tiles of a map that territories touch, row by row."""
    outlines = [Outline.of(s) for s in _on_grid(place, shape, geometries)]
    x0, y0, x1, y1 = np.array([o.bounds for o in outlines]).reshape(-1, 4).T
    for row in range(0, shape[0], TILE):
        for column in range(0, shape[1], TILE):
            height, width = min(TILE, shape[0] - row), min(TILE, shape[1] - column)
            meet = (x0 < column + width) & (x1 > column) & (y0 < row + height) & (y1 > row)
            if meet.any():
                areas = pixel_areas(place, np.arange(row, row + height), np.arange(column, column + width))
                assert areas is not None
                some = {int(i): outlines[i] for i in meet.nonzero()[0]}
                yield Tile((row, column, height, width), areas, some)


def _on_grid(place: Place, shape: tuple[int, int], geometries: Any) -> Any:
    """Polygons in columns and rows of the map; of those that reach far beyond it, what is near it."""
    import pyproj
    import shapely

    zones, grid = pyproj.CRS(geometries.crs), pyproj.CRS.from_wkt(place.crs.to_wkt()).to_2d()
    near = _around(place, shape, grid, zones)
    shapes = geometries.to_numpy()
    if near is not None:
        shapes = np.where(shapely.covered_by(shapes, near), shapes, shapely.intersection(shapes, near))
    if zones != grid:
        shapes = _transformed(shapely.segmentize(shapes, _step(zones)), zones, grid)
    to_pixels = ~place.transform
    return shapely.transform(shapes, lambda points: np.transpose(to_pixels @ tuple(points.T)))


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
