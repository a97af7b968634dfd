"""Sums over territories: exact fractions, true areas, any grid, nothing counted twice or lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rasterio import CRS, Affine
from shapely import MultiPolygon, Polygon, box

from landcover.errors import LandcoverError
from landcover.imagery.image import Place, open_raster
from landcover.statistics import coverage
from landcover.statistics.coverage import place_of, sum_layers, tabulate, zone_areas
from landcover.statistics.outline import Edges
from landcover.statistics.zones import read_zones

UTM = Place(CRS.from_epsg(32631), Affine(10, 0, 600_000, 0, -10, 5_100_000))


def of(codes: np.ndarray[Any, Any]) -> Any:
    """Reads windows of an array, the last two axes of which are rows and columns."""
    return lambda y, x, h, w: codes[..., y : y + h, x : x + w]


def squares(*shapes: Any) -> geopandas.GeoSeries:
    """Territories given in columns and rows of `UTM`."""
    placed = [shapely.transform(s, lambda p: p * [10, -10] + [600_000, 5_100_000]) for s in shapes]
    return geopandas.GeoSeries(placed, crs=32631)


def fractions(shape: Any, height: int, width: int) -> Any:
    """The covered fraction of each pixel."""
    cover = Edges.of([shape]).cover(0, height, width)
    found = np.zeros((height, width))
    found[cover.row, cover.column] += cover.fraction
    for row, start, stop in zip(cover.run_row, cover.start, cover.stop, strict=True):
        found[row, start:stop] += 1
    return found


@st.composite
def polygons(draw: st.DrawFn) -> Any:
    """Star-shaped polygons with a hole, and pairs of them, with coordinates on and off the grid's lines."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    parts = []
    for x in range(0, 24 * draw(st.integers(1, 2)), 24):
        angles = np.sort(rng.uniform(0, 2 * np.pi, draw(st.integers(3, 30))))
        radii = rng.uniform(2, 12, len(angles))
        points = np.c_[np.cos(angles), np.sin(angles)] * radii[:, None] + [x + 4, 6]
        if draw(st.booleans()):
            points = points.round(draw(st.integers(0, 1)))
        parts.append(Polygon(points))
    shape = shapely.make_valid(MultiPolygon(parts) if len(parts) > 1 else parts[0])
    shape = shape.difference(box(2.5, 5.25, 7.75, 6.5))
    return MultiPolygon([p for p in shapely.get_parts(shape) if p.geom_type == "Polygon" and p.area > 0])


@given(polygons())
@example(MultiPolygon())
@settings(max_examples=100)
def test_fractions_are_those_of_exactextract(shape: Any) -> None:
    height, width = 20, 40  # the polygons reach beyond it on all sides
    cells = NumPyRasterSource(np.arange(height * width, dtype=np.int32).reshape(height, width))
    flipped = shapely.transform(shape, lambda p: p * [1, -1] + [0, height])  # its rows go up
    zone = geopandas.GeoDataFrame(geometry=[flipped], crs=32631)
    expected = np.zeros(height * width)
    if not shape.is_empty:  # which exactextract can't parse
        (found,) = exact_extract(cells, zone, ["values", "coverage"])
        expected[found["properties"]["values"]] = found["properties"]["coverage"]
    ours = fractions(shape, height, width)
    assert np.allclose(ours, expected.reshape(height, width), atol=2e-6)
    assert ours.min(initial=0) > -1e-12


@given(polygons(), st.integers(6, 23))
@settings(max_examples=20)
def test_tiles_of_any_size_give_the_same(shape: Any, size: int) -> None:
    codes = np.random.default_rng(0).integers(0, 5, (20, 40))
    zones = squares(shape, box(-3, -3, 50, 50), box(5, 5, 6, 6))
    whole = tabulate(UTM, codes.shape, zones, of(codes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage, "TILE", size)
        tiled = tabulate(UTM, codes.shape, zones, of(codes))
    assert whole[["zone", "code"]].equals(tiled[["zone", "code"]])
    assert np.allclose(whole[["pixels", "area_ha"]], tiled[["pixels", "area_ha"]], rtol=1e-9, atol=1e-9)


def test_nested_overlapping_and_outlying_zones_get_their_own_figures() -> None:
    codes = np.full((8, 8), 3)
    codes[:, 4:] = 70_000  # larger than what is counted as it is
    zones = squares(box(0, 0, 8, 8), box(2, 2, 4, 4), box(3.5, 3, 5, 4), box(20, 0, 22, 2), box(-4, -4, 1, 1))
    table = tabulate(UTM, codes.shape, zones, of(codes))
    figures = {
        (z, c): round(p, 9) for z, c, p in zip(table["zone"], table["code"], table["pixels"], strict=True)
    }
    assert figures == {
        (0, 3): 32, (0, 70_000): 32, (1, 3): 4, (2, 3): 0.5, (2, 70_000): 1, (4, 3): 1,
    }  # fmt: skip
    none = tabulate(UTM, codes.shape, zones.iloc[3:4], of(codes))
    assert len(none) == 0
    assert list(none) == ["zone", "code", "pixels", "area_ha"]


GRIDS = {
    "geographic, as ain.tif": Place(
        CRS.from_epsg(4326), Affine(8.983152841195215e-05, 0, 5.058593, 0, -8.983152841195215e-05, 45.9305)
    ),
    "utm": Place(CRS.from_epsg(32631), Affine(10, 0, 659_000, 0, -10, 5_089_000)),
    "lambert-93, not square": Place(CRS.from_epsg(2154), Affine(10, 0, 859_000, 0, -20, 6_542_000)),
    "south-up": Place(CRS.from_epsg(32631), Affine(10, 0, 659_000, 0, 10, 5_077_000)),
    "rotated": Place(
        CRS.from_epsg(32631),
        Affine.translation(659_000, 5_094_000) @ Affine.rotation(-20) @ Affine.scale(12, -10),
    ),
}


@pytest.mark.parametrize("grid", GRIDS)
def test_the_area_of_a_commune_in_the_map_is_its_geodesic_area(grid: str, data: Path) -> None:
    zones = read_zones(data / "france" / "communes-01-ain.geojson")
    place, shape = GRIDS[grid], (1600, 3600)
    table = tabulate(place, shape, zones.geometry, lambda y, x, h, w: np.ones((h, w), np.uint8))
    corners = np.array([[0, 0], [3600, 0], [3600, 1600], [0, 1600]]).T
    around = geopandas.GeoSeries([Polygon(np.transpose(place.transform @ tuple(corners)))], crs=place.crs)
    inside = zones.within(around.to_crs(4326).iloc[0].buffer(-0.001)).to_numpy().nonzero()[0]
    assert len(inside) > 5
    found = table.set_index("zone").loc[inside, "area_ha"].to_numpy()
    true = zone_areas(zones.geometry.iloc[inside])
    assert np.abs(found / true - 1).max() < 1e-6
    equal_area = zones.geometry.iloc[inside].segmentize(0.001).to_crs("ESRI:54034").area.to_numpy() / 1e4
    assert np.abs(true / equal_area - 1).max() < 1e-6


@pytest.mark.parametrize("crs", [27571, 27572, 4807, 2263], ids=["grads", "grads", "geographic", "US feet"])
def test_areas_in_other_units_than_degrees_and_metres(crs: int) -> None:
    centre = (-74.0, 40.7) if crs == 2263 else (2.4, 49.0)
    near = geopandas.GeoSeries(
        [box(0, 0, 1000, 1000)], crs=f"+proj=laea +lon_0={centre[0]} +lat_0={centre[1]}"
    )
    assert zone_areas(near.segmentize(10).to_crs(crs)) == pytest.approx(100.0, abs=0.01)


@pytest.mark.parametrize("crs", [4326, 4258])
@pytest.mark.parametrize("first", [179.0, -181.0])
def test_a_grid_beyond_the_180th_meridian_meets_zones_on_both_sides(first: float, crs: int) -> None:
    place = Place(CRS.from_epsg(4326), Affine(0.01, 0, first, 0, -0.01, -16))
    sides = box(179.5, -16.5, 180, -16.2), box(-180, -16.5, -179.6, -16.2), box(0, -16.5, 1, -16.2)
    zones = geopandas.GeoSeries(list(sides), crs=4326).to_crs(crs)
    table = tabulate(place, (100, 200), zones, of(np.ones((100, 200), int)))
    assert table["zone"].tolist() == [0, 1]
    assert table["pixels"].to_numpy() == pytest.approx([1500, 1200], abs=0.01)


def test_communes_sum_to_their_union(data: Path) -> None:
    zones = read_zones(data / "france" / "communes-01-ain.geojson")
    with open_raster(data / "challenge48" / "ain_west_mask.tif") as source:
        place, codes = place_of(Path("ain_west_mask.tif"), source), source.read(1)
    each = tabulate(place, codes.shape, zones.geometry, of(codes))
    together = geopandas.GeoSeries([zones.union_all()], crs=zones.crs)
    whole = tabulate(place, codes.shape, together, of(codes)).set_index("code")
    assert len(whole) >= 6
    assert each.groupby("code")["pixels"].sum().to_numpy() == pytest.approx(whole["pixels"], rel=1e-6)
    assert each.groupby("code")["area_ha"].sum().to_numpy() == pytest.approx(whole["area_ha"], rel=1e-6)


def test_layers_are_summed_with_the_same_fractions() -> None:
    layers = np.random.default_rng(1).integers(0, 251, (3, 30, 40))
    zones = squares(box(1.5, 2, 20.25, 28), box(100, 100, 101, 101))
    pixels, hectares = sum_layers(UTM, (30, 40), zones, of(layers), 3)
    covered = fractions(box(1.5, 2, 20.25, 28), 30, 40)
    assert pixels[0] == pytest.approx((layers * covered).sum(axis=(1, 2)), rel=1e-12)
    assert not pixels[1].any()
    assert hectares[0] / pixels[0] == pytest.approx(0.01, rel=1e-3)
    codes = np.random.default_rng(2).integers(0, 3, (30, 40))
    hot = np.stack([codes == c for c in range(3)])
    table = tabulate(UTM, (30, 40), zones, of(codes))
    pixels, hectares = sum_layers(UTM, (30, 40), zones, of(hot), 3)
    assert table["pixels"].to_numpy() == pytest.approx(pixels[0])
    assert table["area_ha"].to_numpy() == pytest.approx(hectares[0])


def test_long_straight_borders_follow_their_own_crs() -> None:
    crs = pyproj.CRS(4326)
    border = geopandas.GeoSeries(
        [box(0, 60, 10, 60.1)], crs=crs
    )  # a straight edge in UTM would stray by 10 km
    place = Place(CRS.from_epsg(32631), Affine(1000, 0, 300_000, 0, -1000, 6_700_000))
    table = tabulate(place, (60, 600), border, lambda y, x, h, w: np.zeros((h, w), int))
    assert table["area_ha"].sum() == pytest.approx(zone_areas(border)[0], rel=1e-5)


def test_zones_may_reach_far_beyond_the_map() -> None:
    y = 46.044
    world = geopandas.GeoSeries([box(-180, -80, 180, 80), box(-179, 45, 179, y)], crs=4326)
    codes = np.ones((50, 60), int)
    table = tabulate(UTM, codes.shape, world, of(codes))
    assert table["pixels"].to_numpy()[0] == pytest.approx(3000)
    near = geopandas.GeoSeries([box(3, 45, 6, y)], crs=4326)
    part = tabulate(UTM, codes.shape, near, of(codes))["pixels"].to_numpy()
    assert 100 < part[0] < 2900
    assert table["pixels"].to_numpy()[1:] == pytest.approx(part)


def test_a_map_without_place_is_refused(data: Path) -> None:
    path = data / "challenge48" / "south_mask.tif"
    with open_raster(path) as source, pytest.raises(LandcoverError, match="lies nowhere on Earth"):
        place_of(path, source)
