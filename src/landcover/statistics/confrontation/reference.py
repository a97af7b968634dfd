"""A vector layer in the pixels of a map: its objects, its buffer, the exact fraction of each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from landcover.errors import LandcoverError
from landcover.imagery.image import Place
from landcover.imagery.vectors import read_vectors

SLACK = (
    1.01  # a pixel of 10 m in UTM is up to 10.004 m on the ground: a shift of one is within 10 m all the same
)
SHOWN = 2.0  # px: the smallest square that always covers half of some pixel, wherever it lies
STEP = 1000.0  # m between the vertices of an edge that is brought to another CRS
EARTH = 6_371_000.0  # m, mean radius
Geometries = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """The pixels of a map: where they lie and how large they are on the ground.

    Attributes
    ----------
    right, down : metres from a pixel to the next, at the middle of the map
    """

    place: Place
    height: int
    width: int
    right: float
    down: float

    @classmethod
    def of(cls, path: Path, place: Place | None, height: int, width: int) -> Grid:
        """The grid of a map.

        Raises
        ------
        LandcoverError : its place on Earth is not known
        """
        import pyproj

        if place is None or not place.crs:
            raise LandcoverError(path, "has no CRS", "a map whose place is known", "give it with gdal_edit")
        x, y = place.transform @ np.array(
            [[width / 2, width / 2 + 1, width / 2], [height / 2, height / 2, height / 2 + 1]]
        )
        crs = pyproj.CRS.from_wkt(place.crs.to_wkt())
        try:
            degrees = pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y, errcheck=True)
        except pyproj.exceptions.ProjError as error:
            raise LandcoverError(
                path, "lies off the Earth by its CRS and transform", "a map in its place", "mend them"
            ) from error
        (lon, *ends_x), (lat, *ends_y) = degrees
        right, down = pyproj.Geod(ellps="WGS84").inv([lon] * 2, [lat] * 2, ends_x, ends_y)[2]
        return cls(place, height, width, float(right), float(down))

    @property
    def pixel_m2(self) -> float:
        """Area of the pixel in the middle."""
        return self.right * self.down

    @property
    def outline(self) -> Any:
        """The whole map as a GeoSeries of one polygon."""
        import geopandas

        corners = ((0, 0), (self.width, 0), (self.width, self.height), (0, self.height))
        polygon = shapely.Polygon([self.place.transform @ p for p in corners])
        return geopandas.GeoSeries([polygon], crs=self.place.crs.to_wkt())

    def pixels(self, geometries: Any) -> Geometries:
        """Polygons of any CRS in numbers of columns and rows; an empty one for each that is beside the map.

        Parameters
        ----------
        geometries : GeoSeries
        """
        import pyproj
        from rasterio.warp import transform_bounds

        t = self.place.transform
        corners = [t @ (x, y) for x in (0, self.width) for y in (0, self.height)]
        xs, ys = zip(*corners, strict=True)
        bounds = transform_bounds(self.place.crs, geometries.crs.to_wkt(), min(xs), min(ys), max(xs), max(ys))
        if bounds[0] > bounds[2]:  # over the 180th meridian
            bounds = (-180.0, bounds[1], 180.0, bounds[3])
        found = np.full(len(geometries), shapely.Polygon(), object)
        near = np.flatnonzero(shapely.intersects(geometries.to_numpy(), shapely.box(*bounds)))
        crs, there = pyproj.CRS(geometries.crs), geometries.iloc[near]
        if crs != pyproj.CRS.from_wkt(self.place.crs.to_wkt()):  # what is straight there is bent here
            unit = crs.axis_info[0].unit_conversion_factor
            step = STEP / (unit * EARTH if crs.is_geographic else unit)
            there = there.segmentize(step).to_crs(self.place.crs.to_wkt())
        back = ~t
        found[near] = shapely.transform(
            there.to_numpy(), lambda p: np.stack(back @ (p[:, 0], p[:, 1]), axis=1)
        )
        found[~np.isfinite(shapely.bounds(found)).all(axis=1)] = shapely.Polygon()
        return found

    def buffer(self, pixels: Geometries, metres: float) -> Geometries:
        """Polygons, in pixels, widened by so many metres on the ground."""
        size = np.array([self.right, self.down])
        wide = shapely.buffer(shapely.transform(pixels, lambda p: p * size), metres)
        return np.asarray(shapely.transform(wide, lambda p: p / size))

    def offsets(self, metres: float) -> list[tuple[int, int]]:
        """Steps (rows, columns) from a pixel to those whose centres are within so many metres."""
        down, right = int(metres / self.down), int(metres / self.right)
        steps = [(y, x) for y in range(-down, down + 1) for x in range(-right, right + 1)]
        return [(y, x) for y, x in steps if np.hypot(y * self.down, x * self.right) <= metres]


@dataclass(frozen=True)
class Reference:
    """A reference layer in the pixels of a map.

    Attributes
    ----------
    objects : polygons, in pixels, apart from each other: polygons that touch or overlap are one object
    large : whether an object has the smallest area that the map can show
    near : polygons, in pixels, of all that is within the tolerance of an object
    repaired : number of invalid polygons that were mended
    beside : number of polygons that don't meet the map
    """

    objects: Geometries
    large: npt.NDArray[np.bool_]
    near: Geometries
    repaired: int
    beside: int


def read_reference(path: Path, grid: Grid, tolerance: float, minimum: float) -> Reference:
    """Read a vector layer and put it into the pixels of a map.

    Parameters
    ----------
    tolerance : m; what is as near to the reference as this is forgiven
    minimum : m²; smaller objects are not expected in the map

    Raises
    ------
    LandcoverError : not readable, no CRS, or nowhere on the map
    """
    table = read_vectors(path, "polygon")
    pixels = grid.pixels(table.geometry)
    bad = ~shapely.is_valid(pixels)
    pixels[bad] = shapely.make_valid(pixels[bad])
    meets = shapely.intersects(pixels, shapely.box(0, 0, grid.width, grid.height))
    if not meets.any():
        raise LandcoverError(
            path, "has no polygon on the map", "a reference of the same place", "check both CRS"
        )
    objects = dissolved(_polygons(pixels[meets]))
    near = dissolved(grid.buffer(objects, tolerance * SLACK)) if tolerance else objects
    large = shapely.area(objects) * grid.pixel_m2 >= minimum
    return Reference(objects, large, near, int(bad.sum()), int((~meets).sum()))


def dissolved(polygons: Geometries) -> Geometries:
    """Polygons that touch or overlap as one, holes kept.

    Examples
    --------
    >>> boxes = shapely.box([0, 1, 5], [0, 0, 0], [2, 3, 6], [1, 1, 1])
    >>> shapely.area(dissolved(boxes)).tolist()
    [3.0, 1.0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(polygons):
        return polygons
    one, other = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    links = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(polygons), len(polygons)))
    group = connected_components(links, directed=False)[1]
    order = np.argsort(group, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    joined = [polygons[m[0]] if len(m) == 1 else shapely.union_all(polygons[m]) for m in members]
    return _polygons(np.array(joined, object))


def _polygons(geometries: Geometries) -> Geometries:
    parts = shapely.get_parts(shapely.get_parts(geometries))  # twice: collections hold multi-polygons
    kept: Geometries = parts[(shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)]
    return kept


def fractions(
    geometries: Geometries | Sequence[Any], top: int, height: int, width: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Which pixels of some rows polygons cover, and how much of each, exactly.

    Parameters
    ----------
    geometries : polygons, in pixels of the whole map
    top, height, width : the rows, and the width of the map

    Returns
    -------
    owner : position of the polygon, for each pair of polygon and pixel
    cell : of the pixel, row × width + column, from the first of the rows
    fraction : of the pixel that is covered, 0 to 1
    """
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    rows = shapely.clip_by_rect(np.asarray(geometries, object), 0, top, width, top + height)
    there = np.flatnonzero(shapely.area(rows) > 0)
    if not there.size:
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    flipped = shapely.transform(rows[there], lambda p: p * [1, -1] + [0, top + height])
    grid = NumPyRasterSource(np.zeros((height, width), np.uint8), 0, 0, width, height)
    features = [
        {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(g)} for g in flipped
    ]
    found = exact_extract(grid, features, ["cell_id", "coverage"])
    cells = [f["properties"]["cell_id"] for f in found]
    owner = np.repeat(there, [len(c) for c in cells])
    covered = np.concatenate([f["properties"]["coverage"] for f in found])
    return owner, np.concatenate(cells).astype(np.intp), np.clip(covered, 0.0, 1.0)
