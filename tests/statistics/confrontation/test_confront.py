"""A class of a map against a reference: known errors are found, shifts forgiven, gaps told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from conftest import Run, is_one_line, read_tiff, write_tiff
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio import Affine
from shapely import Polygon, box

import landcover
from landcover.errors import LandcoverError
from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Place
from landcover.imagery.write import write_map
from landcover.legend import S2GLC
from landcover.statistics.confrontation.agreement import SUMS, agreement
from landcover.statistics.confrontation.confront import Confrontation
from landcover.statistics.confrontation.reference import Grid, fractions, read_reference
from landcover.statistics.coverage import tabulate

UTM = Place(rasterio.CRS.from_epsg(32631), Affine(10, 0, 500_000, 0, -10, 5_000_000))
ARTIFICIAL, WATER = 2, 9


def write_codes(
    path: Path, shape: tuple[int, int], *patches: tuple[int, int, int, int], place: Place = UTM
) -> Path:
    """A map of forest with water in patches: rows from, to, columns from, to."""
    codes = np.full(shape, 4, np.uint8)
    for top, bottom, left, right in patches:
        codes[top:bottom, left:right] = WATER
    path.parent.mkdir(parents=True, exist_ok=True)
    write_map(path, codes, S2GLC, place)
    return path


def write_boxes(
    path: Path, *boxes: tuple[float, float, float, float], place: Place = UTM, crs: Any = None
) -> Path:
    """Rectangles given in pixels like the patches of `write_codes`, with their numbers as codes."""
    shapes = [
        Polygon([place.transform @ p for p in ((left, top), (right, top), (right, bottom), (left, bottom))])
        for top, bottom, left, right in boxes
    ]
    codes = [str(i) for i in range(len(boxes))]
    table = geopandas.GeoDataFrame({"code": codes}, geometry=shapes, crs=place.crs.to_wkt())
    (table if crs is None else table.to_crs(crs)).to_file(path)
    return path


def hectares(rows: range, columns: range, place: Place = UTM) -> float:
    areas = pixel_areas(place, rows, columns)
    assert areas is not None
    return float(areas.sum())


def confront(folder: Path, map: Path, vectors: Path | None, **options: Any) -> Confrontation:
    return landcover.confront(map, vectors, folder / "out", "water", overwrite=True, **options)


def test_known_errors_are_measured_exactly(tmp_path: Path) -> None:
    """One lake found, one found in part, one omitted; one patch of the map without reference."""
    map = write_codes(
        tmp_path / "m.tif", (200, 200), (10, 30, 10, 30), (60, 80, 10, 18), (150, 160, 150, 170)
    )
    vectors = write_boxes(tmp_path / "r.gpkg", (10, 30, 10, 30), (60, 80, 10, 30), (100, 110, 100, 110))
    done = confront(tmp_path, map, vectors, tolerance=0)
    total = done.total
    assert total["reference_ha"] == pytest.approx(hectares(range(10), range(90)), rel=1e-4)
    assert total["omission_ha"] == pytest.approx(
        hectares(range(60, 80), range(18, 30)) + hectares(range(100, 110), range(100, 110)), rel=1e-7
    )
    assert total["commission_ha"] == pytest.approx(hectares(range(150, 160), range(150, 170)), rel=1e-7)
    assert total["omission_rate"] == pytest.approx(340 / 900, rel=1e-4)
    assert total["commission_rate"] == pytest.approx(200 / 760, rel=1e-4)
    assert tuple(total[["objects", "objects_found", "patches", "patches_beyond"]]) == (3, 1, 3, 1)
    assert list(done.places["kind"]) == ["omission", "commission", "omission"]
    assert list(done.places["map_class"]) == ["broadleaf", "water", "broadleaf"]
    assert done.places.geometry.area.to_numpy() / 10_000 == pytest.approx([2.4, 2, 1])
    assert done.places.geometry.iloc[1].bounds == (501_500, 4_998_400, 501_700, 4_998_500)
    pixels = read_tiff(tmp_path / "out" / "agreement.tif")[0]
    assert np.bincount(pixels.ravel(), minlength=5).tolist() == [0, 40_000 - 1100, 560, 340, 200]
    written = geopandas.read_file(tmp_path / "out" / "places.gpkg")
    assert list(written["rank"]) == [1, 2, 3]
    assert pd.read_csv(tmp_path / "out" / "total.csv")["basis"].item() == "measured"
    assert "no confidence layer" in done.record["warnings"][0]


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, -1), (-1, 0)])
def test_a_shift_of_a_pixel_is_forgiven_and_told(tmp_path: Path, dx: int, dy: int) -> None:
    lakes = [(20, 40, 20, 40), (60, 90, 100, 103)]
    moved = [(t + dy, b + dy, left + dx, r + dx) for t, b, left, r in lakes]
    map, vectors = (
        write_codes(tmp_path / "m.tif", (128, 128), *moved),
        write_boxes(tmp_path / "r.gpkg", *lakes),
    )
    done = confront(tmp_path, map, vectors, tolerance=10)
    assert tuple(done.total[["omission_ha", "commission_ha"]]) == (0, 0)
    assert (done.record["shift"]["dx_px"], done.record["shift"]["dy_px"]) == (dx, dy)
    assert f"The map lies {dx} px right and {dy} px down" in done.record["warnings"][0]
    strict = confront(tmp_path, map, vectors, tolerance=0).total
    assert strict["omission_ha"] == pytest.approx(strict["commission_ha"], rel=1e-4)
    assert strict["omission_ha"] > 0.2


def test_an_equal_map_has_no_shift_and_no_error(tmp_path: Path) -> None:
    lakes = [(20, 40, 20, 40), (60, 90, 100, 103)]
    vectors = write_boxes(tmp_path / "r.gpkg", *lakes, crs=4326)
    done = confront(tmp_path, write_codes(tmp_path / "m.tif", (128, 128), *lakes), vectors, tolerance=0)
    assert tuple(done.total[["omission_rate", "commission_rate"]]) == pytest.approx((0, 0), abs=1e-4)
    assert (done.record["shift"]["dx_px"], done.record["shift"]["dy_px"]) == (0, 0)
    assert done.total["objects_found"] == 2
    assert not any("px right" in w for w in done.record["warnings"])


RECTANGLES = st.lists(
    st.tuples(st.floats(-5, 90), st.floats(0.3, 40), st.floats(-5, 70), st.floats(0.3, 40)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RECTANGLES, st.sampled_from([0.0, 10.0, 25.0]), st.integers(0, 2**32 - 1))
def test_found_and_omitted_and_unseen_make_up_the_reference_however_it_is_read(
    tmp_path: Path, rectangles: list[tuple[float, ...]], tolerance: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    blobs = rng.choice(np.array([0, 4, WATER, WATER], np.uint8), (12, 8)).repeat(12, 0).repeat(12, 1)
    write_map(tmp_path / "m.tif", blobs, S2GLC, UTM)
    height, width = blobs.shape
    vectors = write_boxes(tmp_path / "r.gpkg", *[(y, y + h, x, x + w) for y, h, x, w in rectangles])
    grid = Grid.of(tmp_path / "m.tif", UTM, height, width)
    zones = np.array([box(0, 0, 40.5, height), box(40.5, 0, width, height)], object)
    try:
        reference = read_reference(vectors, grid, tolerance, 300)
    except LandcoverError as error:
        assert "no polygon on the map" in str(error)  # noqa: PT017
        return
    one, other = (
        agreement(
            tmp_path / "m.tif", S2GLC, WATER, grid, reference, zones, tolerance, tmp_path / "a.tif", None, n
        )
        for n in (10**6, 1)
    )
    pd.testing.assert_frame_equal(one.sums, other.sums, rtol=1e-9)
    pd.testing.assert_frame_equal(one.objects, other.objects, rtol=1e-9)
    key = ["kind", "first"]
    a, b = (f.places.sort_values(key).drop(columns="number").reset_index(drop=True) for f in (one, other))
    pd.testing.assert_frame_equal(a, b, rtol=1e-9)
    assert one.shift == pytest.approx(other.shift, nan_ok=True)

    zones_sums = one.sums.groupby("zone")[list(SUMS)].sum()
    whole = zones_sums.loc[2]
    assert whole["found_ha"] + whole["omission_ha"] == pytest.approx(whole["reference_ha"])
    _, cell, fraction = fractions(reference.objects, 0, height, width)
    areas = pixel_areas(UTM, range(height), range(width))
    assert areas is not None
    all_ha = (fraction * areas.ravel()[cell]).sum()
    assert whole[["reference_ha", "small_ha", "unseen_ha"]].sum() == pytest.approx(all_ha)
    assert zones_sums.loc[[0, 1]].sum().to_numpy() == pytest.approx(whole.to_numpy(), abs=1e-9)
    assert one.places.groupby("kind")["area_ha"].sum().sum() == pytest.approx(
        whole["omission_ha"] + whole["commission_ha"], abs=1e-4
    )
    assert whole["commission_ha"] <= whole["class_ha"] + 1e-9


def test_touching_and_overlapping_polygons_count_once_and_small_ones_are_set_aside(tmp_path: Path) -> None:
    map = write_codes(tmp_path / "m.tif", (64, 64), (10, 20, 10, 20))
    vectors = write_boxes(
        tmp_path / "r.gpkg", (10, 20, 10, 16), (10, 20, 14, 20), (40, 41, 40, 41), (50, 50.5, 50, 50.5)
    )
    done = confront(tmp_path, map, vectors)
    assert done.total["reference_ha"] == pytest.approx(hectares(range(10, 20), range(10, 20)), rel=1e-6)
    assert done.total["small_ha"] == pytest.approx(0.0125, rel=1e-2)
    assert (done.total["objects"], done.total["omission_ha"]) == (1, 0)
    assert done.record["objects"]["below_minimum"] == 2
    assert confront(tmp_path, map, vectors, minimum=100).total["objects"] == 2


def test_what_the_map_does_not_show_is_neither_found_nor_omitted(tmp_path: Path) -> None:
    codes = np.full((64, 64), 4, np.uint8)
    codes[:, :32] = 0
    write_map(tmp_path / "m.tif", codes, S2GLC, UTM)
    vectors = write_boxes(tmp_path / "r.gpkg", (10, 20, 22, 42), (40, 50, 5, 15), (30, 40, 60, 90))
    zones = write_boxes(tmp_path / "z.gpkg", (0, 64, 0, 32), (0, 64, 32, 64), (0, 64, 100, 120))
    done = confront(tmp_path, tmp_path / "m.tif", vectors, zones=zones)
    assert done.total["reference_ha"] == pytest.approx(hectares(range(10), range(14)), rel=1e-5)
    assert done.total["unseen_ha"] == pytest.approx(2 * hectares(range(10), range(10)), rel=1e-4)
    assert done.total["no_data_share"] == pytest.approx(0.5, abs=1e-4)
    assert done.total["objects"] == 2
    table = done.territories
    assert table is not None
    assert table["reference_ha"].isna().tolist() == [True, False, True]
    assert table["omission_rate"].isna().tolist() == [True, False, True]
    assert table["no_data_share"].to_numpy() == pytest.approx([1, 0, 1], abs=1e-6)


def test_true_areas_and_metres_hold_on_a_geographic_grid(tmp_path: Path) -> None:
    """Pixels of 7 m × 10 m: 10 m are one pixel to each side, not two."""
    side = 8.983152841195215e-05
    place = Place(rasterio.CRS.from_epsg(4326), Affine(side, 0, 5.2, 0, -side, 45.9))
    lake, map = (20, 40, 20, 40), tmp_path / "m.tif"
    vectors = write_boxes(tmp_path / "r.gpkg", lake, place=place)
    write_codes(map, (64, 64), (20, 40, 21, 41), place=place)
    assert confront(tmp_path, map, vectors).total["commission_ha"] == pytest.approx(0, abs=1e-9)
    write_codes(map, (64, 64), (20, 40, 22, 42), place=place)
    done = confront(tmp_path, map, vectors)
    assert done.total["omission_ha"] == pytest.approx(hectares(range(20, 40), range(20, 21), place), rel=1e-6)
    beyond = 2 - 10.1 / done.record["shift"]["dx_m"] * 2  # pixels of the 2 on the right, at the tolerance
    assert done.total["commission_ha"] == pytest.approx(
        beyond * hectares(range(20, 40), range(41, 42), place), rel=1e-2
    )
    assert done.record["shift"]["dx_m"] == pytest.approx(2 * 6.97, abs=0.02)


@pytest.mark.parametrize(
    ("code", "transform"),
    [
        (32631, Affine(10, 0, 500_000, 0, 10, 5_000_000)),  # from the south up
        (32631, Affine.translation(500_000, 5_000_000) @ Affine.rotation(30) @ Affine.scale(10, -10)),
        (2263, Affine(32.8, 0, 990_000, 0, -32.8, 200_000)),  # feet
        (3857, Affine(14, 0, 550_000, 0, -14, 5_650_000)),  # 14 units are 9.8 m here
    ],
)
def test_rates_hold_on_any_grid(tmp_path: Path, code: int, transform: Affine) -> None:
    place = Place(rasterio.CRS.from_epsg(code), transform)
    map = write_codes(tmp_path / "m.tif", (130, 120), (20, 40, 21, 41), (90, 100, 50, 60), place=place)
    vectors = write_boxes(tmp_path / "r.gpkg", (20, 40, 20, 40), (60, 70, 60, 75), place=place, crs=4326)
    done = confront(tmp_path, map, vectors)
    assert done.total["omission_ha"] == pytest.approx(hectares(range(60, 70), range(60, 75), place), rel=1e-3)
    assert done.total["commission_ha"] == pytest.approx(
        hectares(range(90, 100), range(50, 60), place), rel=1e-3
    )
    assert (done.total["objects"], done.total["objects_found"]) == (2, 1)
    first, second = done.places.geometry
    assert first.symmetric_difference(geopandas.read_file(vectors).to_crs(place.crs).geometry[1]).area < (
        first.area * 1e-3
    )
    assert second.centroid.coords[0] == pytest.approx(place.transform @ (55, 95))
    none = confront(tmp_path, map, vectors, places=0)
    assert len(none.places) == 0


def test_places_of_a_prediction_are_ranked_by_hectares_times_confidence(tmp_path: Path) -> None:
    map = write_codes(tmp_path / "p" / "maps" / "s.tif", (100, 100), (10, 20, 10, 20), (50, 60, 50, 62))
    sure = np.full((100, 100), 250, np.uint8)
    sure[50:60, 50:62] = 100
    write_tiff(tmp_path / "p" / "confidence" / "s.tif", sure, nodata=255)
    (tmp_path / "p" / "predict.json").write_text(
        json.dumps(
            {
                "model": {"sha256": "0"},
                "legend": {"name": "s"},
                "images": [{"sample_id": "s", "novelty": {"distance": 4.0, "unlike": 0.5}}],
            }
        )
    )
    vectors = write_boxes(tmp_path / "r.gpkg", (80, 90, 80, 90))
    done = confront(tmp_path, map, vectors)
    assert done.places["confidence"].to_numpy() == pytest.approx([1, 1, 0.4])
    assert done.places["area_ha"].iloc[2] > done.places["area_ha"].iloc[0]
    assert done.total["novelty_unlike_share"] == 0.5
    page = (tmp_path / "out" / "report.html").read_text()
    assert "50\u00a0% of the image looks unlike" in page
    assert page.count("<img") == 6


def test_water_of_a_real_reservoir(data: Path, tmp_path: Path) -> None:
    """The model in the box against the water polygon of five days later, at a place unlike its training."""
    image = data / "elsewhere" / "Boadella_2020-01-28.tif"
    vectors = data / "elsewhere" / "Boadella_2020-02-02_water.geojson"
    landcover.predict([image], tmp_path / "p", bands=["B02", "B03", "B04", "B08"], confidence=True)
    done = confront(tmp_path, tmp_path / "p" / "maps" / image.name, vectors)
    lake = geopandas.read_file(vectors).to_crs(32631).area.sum() / 10_000
    assert done.total[["reference_ha", "small_ha"]].sum() == pytest.approx(lake, rel=1e-3)
    for name in ("omission_rate", "commission_rate"):
        assert 0.03 < done.total[name] < 0.2
        assert done.total[f"low_{name}"] < done.total[name] < done.total[f"high_{name}"]
    assert done.total["novelty_unlike_share"] > 0.4
    assert done.places["confidence"].between(0.2, 1).all()
    errors = done.total["omission_ha"] + done.total["commission_ha"]
    assert errors * 0.5 < done.places["area_ha"].sum() < errors


def test_a_reference_made_of_a_real_mask_agrees_with_it(data: Path, tmp_path: Path) -> None:
    """Artificial surfaces as polygons: the mask itself holds them all, moved by 2 px it does not."""
    from rasterio.features import shapes
    from shapely.geometry import shape

    with rasterio.open(data / "elsewhere" / "brandenburg_osm_mask.tif") as source:
        codes, place = source.read(1), Place.of(source)
    assert place is not None
    found = [shape(s) for s, _ in shapes(codes, codes == ARTIFICIAL, 8, place.transform)]
    reference = geopandas.GeoSeries(found, crs=place.crs.to_wkt()).make_valid().to_crs(4326)
    reference.to_file(tmp_path / "r.gpkg")
    codes[codes == 0] = 6
    write_map(tmp_path / "m.tif", codes, S2GLC, place)
    options = {"tolerance": 0.0, "overwrite": True}
    same = landcover.confront(
        tmp_path / "m.tif", tmp_path / "r.gpkg", tmp_path / "o", "artificial", **options
    )
    assert same.total["omission_rate"] < 1e-4
    assert same.total["commission_rate"] < 1e-4
    assert same.total["objects_found"] == same.total["objects"] > 40
    write_map(tmp_path / "m.tif", np.roll(codes, 2, axis=1), S2GLC, place)
    moved = landcover.confront(
        tmp_path / "m.tif", tmp_path / "r.gpkg", tmp_path / "o", "artificial", **options
    )
    assert moved.record["shift"]["dx_px"] == 2
    assert moved.record["shift"]["dy_px"] == 0
    assert moved.total["omission_rate"] > 0.05
    assert moved.total["low_omission_rate"] < moved.total["omission_rate"] < moved.total["high_omission_rate"]


def test_rates_of_another_place_are_flagged(tmp_path: Path) -> None:
    map = write_codes(tmp_path / "m.tif", (200, 200), (10, 30, 10, 30), (150, 160, 150, 170))
    vectors = write_boxes(tmp_path / "r.gpkg", (10, 30, 10, 30), (60, 80, 10, 20))
    source = landcover.confront(map, vectors, tmp_path / "source", "water", tolerance=0)
    zones = write_boxes(tmp_path / "z.gpkg", (0, 100, 0, 200), (0, 100, 300, 400))
    done = confront(tmp_path, map, None, zones=zones, source=tmp_path / "source")
    assert (done.total["omission_rate"], done.total["commission_rate"]) == pytest.approx(
        (1 / 3, 1 / 3), rel=1e-3
    )
    assert done.total["reference_ha"] == pytest.approx(source.total["reference_ha"])
    assert done.total["omission_ha"] == pytest.approx(source.total["omission_ha"])
    assert np.isnan(done.total["low_omission_rate"])
    assert done.territories is not None
    assert set(done.territories["basis"]) == {"transferred"}
    assert done.territories["class_ha"].to_numpy() == pytest.approx(
        [hectares(range(10, 30), range(10, 30)), np.nan], nan_ok=True
    )
    assert np.isnan(done.territories["omission_rate"].iloc[1])
    assert done.places is None
    assert "not measured" in done.record["warnings"][0]
    assert "isn't known" in done.record["warnings"][0]
    with pytest.raises(LandcoverError, match="transferred themselves"):
        landcover.confront(map, None, tmp_path / "again", "water", source=tmp_path / "out")
    with pytest.raises(LandcoverError, match="holds rates of water"):
        landcover.confront(map, None, tmp_path / "again", "snow", source=tmp_path / "source")
    assert not (tmp_path / "again").exists()


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_the_command_and_bad_inputs_are_one_line(run: Callable[..., Run], tmp_path: Path) -> None:
    map = write_codes(tmp_path / "m.tif", (64, 64), (10, 20, 10, 20))
    vectors = write_boxes(tmp_path / "r.gpkg", (10, 20, 10, 20))
    out = ("--out", tmp_path / "out", "--overwrite")
    good = run("confront", map, vectors, "--class", "water", *out)
    assert good.code == 0
    assert "0.0% of the reference is not mapped, measured" in good.out
    twice = run("confront", map, vectors, "--class", "water", "--out", tmp_path / "out")
    assert is_one_line(twice, "already holds files")
    lawn = run("confront", map, vectors, "--class", "lawn", *out)
    assert is_one_line(lawn, "names lawn", "artificial")
    assert is_one_line(run("confront", map, vectors, "--class", "no_data", *out), "names no_data")
    assert is_one_line(run("confront", map, "--class", "water", *out), "neither of VECTORS and --from")
    assert is_one_line(
        run("confront", map, vectors, "--class", "water", "--tolerance", "-1", *out), "--tolerance"
    )
    assert is_one_line(
        run("confront", map, vectors, "--class", "water", "--minimum", "nan", *out), "--minimum"
    )
    far = write_boxes(tmp_path / "far.gpkg", (1000, 1010, 1000, 1010))
    assert is_one_line(run("confront", map, far, "--class", "water", *out), "no polygon on the map")
    beside = run("confront", map, vectors, "--class", "water", "--zones", far, *out)
    assert is_one_line(beside, "has no territory that touches")
    zones = geopandas.read_file(vectors)
    pd.concat([zones, zones]).to_file(tmp_path / "z.gpkg")
    result = run("confront", map, vectors, "--class", "water", "--zones", tmp_path / "z.gpkg", *out)
    assert is_one_line(result, "holds 0 twice")
    zones.set_crs(None, allow_override=True).to_file(tmp_path / "nocrs.gpkg")
    assert is_one_line(run("confront", map, tmp_path / "nocrs.gpkg", "--class", "water", *out), "has no CRS")
    write_map(tmp_path / "nowhere.tif", np.full((8, 8), 4, np.uint8), S2GLC)
    assert is_one_line(
        run("confront", tmp_path / "nowhere.tif", vectors, "--class", "water", *out), "has no CRS"
    )
    plain = write_tiff(
        tmp_path / "plain.tif", np.full((8, 8), 4, np.uint8), crs=UTM.crs, transform=UTM.transform
    )
    assert is_one_line(run("confront", plain, vectors, "--class", "water", *out), "--legend")
    write_map(tmp_path / "black.tif", np.zeros((64, 64), np.uint8), S2GLC, UTM)
    assert is_one_line(run("confront", tmp_path / "black.tif", vectors, "--class", "water", *out), "no data")
    there = ("confront", map, "--class", "water", "--from", tmp_path)
    assert is_one_line(run(*there, *out), "total.csv")
    for option in ("--tolerance", "--minimum", "--places"):
        assert is_one_line(run(*there, option, 10, *out), f"{option}: does not go with --from")


def test_hectares_of_communes_are_those_of_the_table_of_territories(data: Path, tmp_path: Path) -> None:
    """Real communes in degrees over a part of a real mask, in the same projection and in another."""
    with rasterio.open(data / "challenge48" / "ain_west_mask.tif") as source:
        window = rasterio.windows.Window(1500, 200, 400, 300)
        codes = source.read(1, window=window)
        place = Place(source.crs, source.window_transform(window))
    write_map(tmp_path / "m.tif", codes, S2GLC, place)
    vectors = write_boxes(tmp_path / "r.gpkg", (50, 80, 50, 120), place=place, crs=2154)
    communes = data / "france" / "communes-01-ain.geojson"
    done = confront(tmp_path, tmp_path / "m.tif", vectors, zones=communes)
    assert done.territories is not None
    shapes = geopandas.read_file(communes).geometry
    table = tabulate(place, codes.shape, shapes, lambda y, x, h, w: codes[y : y + h, x : x + w])
    for wanted, column in ((table["code"] == WATER, "class_ha"), (table["code"] > 1, "seen_ha")):
        known = table[wanted].groupby("zone")["area_ha"].sum().reindex(range(len(shapes)), fill_value=0)
        assert done.territories[column].fillna(0).to_numpy() == pytest.approx(known.to_numpy(), abs=1e-6)
    assert done.territories["reference_ha"].sum() == pytest.approx(done.total["reference_ha"], rel=1e-6)
