"""The true area of pixels, in hectares, on the ellipsoid of the image's own CRS.

A pixel of 10 m × 10 m in UTM covers 0.08 % more than 100 m² on the central meridian and less than that at
the edges of the zone; one of 0.0001° is narrower in the north than in the south; one of 10 m in Web Mercator
covers half of 100 m² in France. So area is taken on the ellipsoid, never on the map.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from landcover.imagery.image import Place

HECTARE = 10_000.0  # m²
LATTICE = 4_000.0  # m between the points at which area is computed where it is interpolated
NEAR = 250.0  # m to either side of such a point, for the derivatives
Floats = npt.NDArray[np.float64]


def pixel_areas(place: Place | None, rows: npt.ArrayLike, columns: npt.ArrayLike) -> Floats | None:
    """Area of the pixels where rows and columns meet.

    For a geographic grid with rows along parallels it is exact: the zone of the ellipsoid between two
    parallels (`zone_area`). Elsewhere the area of one pixel is |∂r/∂column × ∂r/∂row|, where r is the point
    on the ellipsoid in space, which neither poles nor the 180th meridian disturb. It is computed every 4 km
    on a lattice of the whole image, so that windows agree on the pixels that they share, and interpolated
    bilinearly; the relative error is below 2e-7 (UTM, Lambert, Web Mercator up to latitude 75°).

    Parameters
    ----------
    place : CRS and transform of the whole image
    rows, columns : numbers of rows and columns; those between pixels, such as the middle of a block of them,
        give the area in between

    Returns
    -------
    areas : hectares, rows × columns; 0 off the Earth; None when the place is not known

    Examples
    --------
    >>> from rasterio import CRS, Affine
    >>> pixel_areas(Place(CRS.from_epsg(32631), Affine(10, 0, 500_000, 0, -10, 0)), [0], [0]).round(8)
    array([[0.010008]])
    """
    if place is None or not place.crs:
        return None
    earth = _Earth.of(place.crs.to_wkt())
    if earth is None:
        return None
    t = place.transform
    if earth.to_degrees is None and t.b == t.d == 0:
        edges = t.f + t.e * np.add.outer(rows, [0, 1])
        latitudes = np.clip(edges * earth.unit, -math.pi / 2, math.pi / 2)
        zones = abs(np.diff(zone_area(latitudes, earth.a, earth.e2)))
        return np.broadcast_to(zones * abs(t.a * earth.unit) / HECTARE, (len(zones), np.size(columns)))
    size = max(math.hypot(t.a, t.d), math.hypot(t.b, t.e)) * earth.metres  # of a pixel
    apart = max(1, int(LATTICE / size))
    y, x = np.asarray(rows) / apart, np.asarray(columns) / apart
    if not y.size or not x.size:
        return np.zeros((y.size, x.size))
    nodes_y = np.arange(int(y.min()), int(y.max()) + 2)
    nodes_x = np.arange(int(x.min()), int(x.max()) + 2)
    nodes = _at(place, earth, nodes_x * apart + 0.5, nodes_y * apart + 0.5, NEAR / size) / HECTARE
    down, i = np.modf(y - nodes_y[0])
    right, j = np.modf(x - nodes_x[0])
    above, left = i.astype(np.intp), j.astype(np.intp)
    between = nodes[above] + down[:, None] * (nodes[above + 1] - nodes[above])
    slopes = np.diff(between, axis=1)
    areas = np.empty((y.size, x.size))
    ends = np.append((left[1:] != left[:-1]).nonzero()[0] + 1, x.size)  # of what lies between two nodes
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        node = left[begin]
        np.multiply(slopes[:, node, None], right[begin:end], out=areas[:, begin:end])
        areas[:, begin:end] += between[:, node, None]
    return areas


def zone_area(latitude: Floats, a: float, e2: float) -> Floats:
    """Area between the equator and a parallel, m² per radian of longitude; negative in the south.

    a²(1 − e²)/2 · [sin φ / (1 − e² sin² φ) + artanh(e sin φ) / e]: the authalic latitude's q, Snyder 1987,
    Map Projections: A Working Manual, equation 3-12.

    Parameters
    ----------
    latitude : φ, radians
    a, e2 : semi-major axis, m; square of the eccentricity, 0 for a sphere

    Examples
    --------
    >>> half = 2 * np.pi * zone_area(np.array(np.pi / 2), 6378137.0, 0.0066943799901413165)  # of WGS 84
    >>> round(float(2 * half) / 1e12, 6)  # million km²
    510.065622
    """
    s, e = np.sin(latitude), math.sqrt(e2)
    tail = np.arctanh(e * s) / e if e else s
    return np.asarray(a * a * (1 - e2) / 2 * (s / (1 - e2 * s * s) + tail))


class _Earth:
    """What area needs of a CRS: its ellipsoid, its unit and the way to longitude and latitude.

    Attributes
    ----------
    a, e2 : semi-major axis, m; square of the eccentricity
    unit : radians in a unit of longitude and latitude
    metres : about how many are in a unit of the CRS
    to_degrees : from x and y to longitude and latitude; None when x and y are these
    """

    def __init__(self, a: float, e2: float, unit: float, metres: float, to_degrees: Any) -> None:
        self.a, self.e2, self.unit, self.metres, self.to_degrees = a, e2, unit, metres, to_degrees

    @staticmethod
    @lru_cache(maxsize=16)
    def of(wkt: str) -> _Earth | None:
        """None for a CRS that is bound to no place on Earth."""
        import pyproj

        crs = pyproj.CRS.from_wkt(wkt).to_2d()
        ellipsoid, geodetic = crs.ellipsoid, crs.geodetic_crs
        if ellipsoid is None or geodetic is None or not (crs.is_geographic or crs.is_projected):
            return None
        a = ellipsoid.semi_major_metre
        flattening = 1 / ellipsoid.inverse_flattening if ellipsoid.inverse_flattening else 0.0
        unit = geodetic.axis_info[0].unit_conversion_factor
        if crs.is_geographic:
            return _Earth(a, flattening * (2 - flattening), unit, a * unit, None)
        way: Callable[..., Any] = pyproj.Transformer.from_crs(crs, geodetic, always_xy=True).transform
        metres = crs.axis_info[0].unit_conversion_factor
        return _Earth(a, flattening * (2 - flattening), unit, metres, way)

    def points(self, x: Floats, y: Floats) -> Floats:
        """Points on the ellipsoid in space, m, from coordinates in the CRS: 3 × the shape of x."""
        longitude, latitude = (x, y) if self.to_degrees is None else self.to_degrees(x, y)
        longitude, latitude = longitude * self.unit, latitude * self.unit
        normal = self.a / np.sqrt(1 - self.e2 * np.sin(latitude) ** 2)
        ring = normal * np.cos(latitude)
        return np.stack(
            [ring * np.cos(longitude), ring * np.sin(longitude), normal * (1 - self.e2) * np.sin(latitude)]
        )


def _at(place: Place, earth: _Earth, columns: Any, rows: Any, near: float) -> Floats:
    """Area of a pixel, m², around each point of a lattice (px): rows × columns."""
    t = place.transform
    column, row = np.meshgrid(columns, rows)

    def points(columns: Floats, rows: Floats) -> Floats:
        return earth.points(t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f)

    with np.errstate(invalid="ignore"):
        across = points(column + near, row) - points(column - near, row)
        down = points(column, row + near) - points(column, row - near)
        found = np.linalg.norm(np.cross(across, down, axis=0), axis=0) / (2 * near) ** 2
    return np.where(np.isfinite(found), found, 0.0)
