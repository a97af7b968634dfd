"""Areas of pixels are those of the ellipsoid, as pyproj's geodesics have them."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer
from rasterio.transform import Affine, from_origin

from landcover.imagery.area import pixel_areas, zone_area
from landcover.imagery.image import Place


def geodesic(place: Place, y: int, x: int, height: int, width: int, points: int = 400) -> float:
    """Hectares inside the outline of a window, whose sides are cut into `points` geodesics each."""
    s = np.linspace(0, 1, points + 1)[:-1]
    columns = np.concatenate([x + width * s, 0 * s + x + width, x + width * (1 - s), 0 * s + x])
    rows = np.concatenate([0 * s + y, y + height * s, 0 * s + y + height, y + height * (1 - s)])
    t = place.transform
    crs = CRS.from_wkt(place.crs.to_wkt())
    degrees = crs.geodetic_crs
    assert degrees is not None
    to_degrees = Transformer.from_crs(crs, degrees, always_xy=True)
    xs, ys = to_degrees.transform(
        t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f, radians=False
    )
    unit = np.degrees(degrees.axis_info[0].unit_conversion_factor)
    ellipsoid = crs.ellipsoid
    assert ellipsoid is not None
    geod = Geod(a=ellipsoid.semi_major_metre, b=ellipsoid.semi_minor_metre)
    area: float = geod.polygon_area_perimeter(np.asarray(xs) * unit, np.asarray(ys) * unit)[0]
    return abs(area) / 10_000


def total(place: Place, y: int, x: int, height: int, width: int) -> float:
    areas = pixel_areas(place, np.arange(y, y + height), np.arange(x, x + width))
    assert areas is not None
    return float(np.broadcast_to(areas, (height, width)).sum())


def place_of(code: int, transform: Affine) -> Place:
    return Place(rasterio.CRS.from_epsg(code), transform)


def test_the_real_geographic_scene_has_its_geodesic_area(data: object) -> None:
    with rasterio.open(f"{data}/challenge48/ain.tif") as source:
        place, shape = Place.of(source), source.shape
    assert place is not None
    areas = pixel_areas(place, *map(np.arange, shape))
    assert areas is not None
    assert areas.shape == shape
    assert total(place, 0, 0, *shape) == pytest.approx(geodesic(place, 0, 0, *shape, 4000), rel=1e-8)
    assert (np.diff(areas[:, 0]) > 0).all()  # southward


@pytest.mark.parametrize(("y", "x"), [(0, 0), (0, 10_900), (10_900, 0), (10_900, 10_900), (5_000, 5_000)])
@pytest.mark.parametrize("code", [32631, 32740])
def test_corners_of_a_utm_tile(code: int, y: int, x: int) -> None:
    north = 5_000_040 if code == 32631 else 7_700_020
    place = place_of(code, from_origin(300_000, north, 10, 10))
    assert total(place, y, x, 80, 80) == pytest.approx(geodesic(place, y, x, 80, 80), rel=1e-7)


def test_a_whole_utm_tile() -> None:
    place = place_of(32631, from_origin(300_000, 5_000_040, 10, 10))
    found = sum(total(place, y, 0, 1098, 10_980) for y in range(0, 10_980, 1098))
    assert found == pytest.approx(geodesic(place, 0, 0, 10_980, 10_980, 4000), rel=1e-7)
    assert found / (10_980**2 / 100) == pytest.approx(1.0004, abs=5e-4)


GRIDS = st.sampled_from(
    [  # code, x and y within the CRS's area of use, pixel
        (4326, (-170.0, 170.0), (-70.0, 70.0), 1e-4),
        (4258, (-10.0, 30.0), (35.0, 70.0), 2e-4),
        (4807, (-5.0, 8.0), (47.0, 56.0), 1e-4),  # grads from Paris
        (32631, (200_000.0, 700_000.0), (10_000.0, 7_500_000.0), 10.0),
        (32740, (200_000.0, 700_000.0), (2_000_000.0, 9_900_000.0), 20.0),
        (2154, (100_000.0, 1_200_000.0), (6_050_000.0, 7_100_000.0), 10.0),
        (27572, (100_000.0, 1_100_000.0), (1_700_000.0, 2_600_000.0), 25.0),
        (3035, (2_700_000.0, 6_500_000.0), (1_500_000.0, 5_300_000.0), 100.0),
        (3857, (-1e7, 1e7), (-8e6, 8e6), 10.0),
        (2263, (920_000.0, 1_050_000.0), (130_000.0, 260_000.0), 30.0),  # US survey feet
        (5041, (1_900_000.0, 2_100_000.0), (1_900_000.0, 2_100_000.0), 30.0),  # the North Pole
    ]
)
NUMBER = st.floats(0, 1)


@settings(max_examples=80)
@given(GRIDS, NUMBER, NUMBER, st.floats(0.5, 2), NUMBER, st.booleans(), st.data())
def test_random_grids_agree_with_pyproj(
    grid: tuple[int, tuple[float, float], tuple[float, float], float],
    right: float,
    up: float,
    stretch: float,
    turn: float,
    turned: bool,
    data: st.DataObject,
) -> None:
    code, (west, east), (south, north), size = grid
    corner = Affine.translation(west + right * (east - west), south + up * (north - south))
    transform = corner @ Affine.rotation(360 * turn * turned) @ Affine.scale(size, -size * stretch)
    y, x = data.draw(st.integers(0, 2000)), data.draw(st.integers(0, 2000))
    height, width = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300))
    place = place_of(code, transform)
    assert total(place, y, x, height, width) == pytest.approx(
        geodesic(place, y, x, height, width), rel=1e-6, abs=1e-7
    )


@settings(max_examples=30)
@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 90), st.integers(1, 90), st.booleans())
def test_windows_agree_on_their_pixels(y: int, x: int, height: int, width: int, turned: bool) -> None:
    turn = Affine.rotation(30 if turned else 0)
    place = place_of(4326, Affine.translation(5, 45) @ turn @ Affine.scale(1e-3, -1e-3))
    projected = place_of(2154, from_origin(800_000, 6_500_000, 30, 30))
    for each in (place, projected):
        whole = pixel_areas(each, np.arange(490), np.arange(490))
        part = pixel_areas(each, np.arange(y, y + height), np.arange(x, x + width))
        assert whole is not None
        assert part is not None
        whole = np.broadcast_to(whole, (490, 490))[y : y + height, x : x + width]
        np.testing.assert_array_equal(np.broadcast_to(part, (height, width)), whole)


def test_the_whole_earth_and_a_sphere() -> None:
    globe = place_of(4326, from_origin(-180, 90, 0.5, 0.5))
    assert total(globe, 0, 0, 360, 720) / 1e4 == pytest.approx(5.10065621724e6, rel=1e-11)  # km² × 100
    sphere = zone_area(np.array([np.pi / 2]), 1.0, 0.0)
    assert sphere[0] == pytest.approx(1)


def test_without_place_there_is_no_area() -> None:
    local = rasterio.CRS.from_wkt('LOCAL_CS["mine",UNIT["metre",1]]')
    for place in (None, Place(None, Affine.scale(10)), Place(local, Affine.scale(10))):
        assert pixel_areas(place, [0], [0]) is None


def test_off_the_earth_there_is_no_area() -> None:
    disc = rasterio.CRS.from_string("+proj=geos +h=35785831 +lon_0=0 +sweep=y")
    areas = pixel_areas(Place(disc, from_origin(-6e6, 6e6, 12_000, 12_000)), np.arange(1000), np.arange(1000))
    assert areas is not None
    assert areas[0, 0] == 0
    assert areas[500, 500] == pytest.approx(14_400, rel=1e-3)
