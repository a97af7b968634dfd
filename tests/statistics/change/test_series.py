"""Maps of many dates: tables that add up, trajectories, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
from conftest import Run, is_one_line
from shapely import box
from statistics_maps import UTM, blobs, folder_of

import landcover
from landcover.errors import LandcoverError
from landcover.imagery.area import pixel_areas
from landcover.imagery.write import write_map
from landcover.legend import S2GLC, LandClass, Legend

WEST, NORTH = 600_000, 5_100_000


@pytest.fixture
def zones(tmp_path: Path) -> Path:
    """Two territories that cover the maps, and one elsewhere."""
    boxes = [(0, 0, 333, 900), (333, 0, 700, 900), (5000, 0, 6000, 900)]
    shapes = [box(WEST + x, NORTH - y2, WEST + x2, NORTH - y) for x, y, x2, y2 in boxes]
    table = geopandas.GeoDataFrame(
        {"code": ["02", "01", "99"], "nom": list("ABC")}, geometry=shapes, crs=32631
    )
    table.to_file(tmp_path / "zones.gpkg")
    return tmp_path / "zones.gpkg"


@pytest.fixture
def maps(tmp_path: Path) -> list[Path]:
    """Maps of three dates."""
    paths = [tmp_path / f"{year}.tif" for year in (2018, 2021, 2024)]
    for seed, path in enumerate(paths):
        write_map(path, blobs(seed), S2GLC, UTM)
    return paths


def test_a_row_for_each_territory_date_and_class(tmp_path: Path, maps: list[Path], zones: Path) -> None:
    found = landcover.series(maps, zones, tmp_path / "series.csv", ["2018", "2021", "2024"]).shares
    wanted = ["code", "name", "date", "class", "area_ha", "share", "mapped_ha", "no_data_share"]
    assert list(found.columns) == wanted
    assert len(found) == 3 * 3 * len(S2GLC.classes)
    assert list(found["code"].unique()) == ["02", "01", "99"]
    areas = pixel_areas(UTM, range(90), range(70))
    inside = found[found["code"] != "99"].groupby(["date", "class"])["area_ha"].sum()
    for seed, date in enumerate(("2018", "2021", "2024")):
        assert inside[date, "water"] == pytest.approx(areas[blobs(seed) == 9].sum(), rel=1e-6)
    sums = found.groupby(["code", "date"])["share"].sum(min_count=1)
    assert np.allclose(sums.drop("99"), 1)
    assert sums["99"].isna().all()
    again = pd.read_csv(tmp_path / "series.csv", dtype={"code": str})
    assert np.allclose(again["area_ha"], found["area_ha"])


def test_shares_are_those_of_territories_whatever_is_hidden(
    tmp_path: Path, maps: list[Path], zones: Path
) -> None:
    pixels = blobs(1)
    pixels[:40], pixels[40:45] = 1, 0  # clouds, no data
    write_map(maps[1], pixels, S2GLC, UTM)
    found = landcover.series(maps[:2], zones, tmp_path / "s.csv", ["1", "2"]).shares
    for path, date in zip(maps, ("1", "2"), strict=False):
        one = landcover.territories(path, zones, tmp_path / f"{date}.csv").set_index("code")
        ours = found[found["date"] == date].set_index(["class", "code"])
        for name in S2GLC.label_names:
            for unit, theirs in (("area_ha", "ha"), ("share", "share")):
                there = one["mapped_ha"] > 0
                assert np.allclose(ours.loc[name, unit][there], one[f"{name}_{theirs}"][there])
        for column in ("mapped_ha", "no_data_share"):
            assert np.allclose(ours.loc["water", column], one[column])
        assert ours.loc["clouds", "share"].isna().all()
    hidden = found[(found["date"] == "2") & (found["code"] != "99")]
    assert hidden["no_data_share"].to_numpy() == pytest.approx(0.5, abs=1e-4)


def test_trajectories_are_the_sequences_of_the_pixels(tmp_path: Path, maps: list[Path], zones: Path) -> None:
    found = landcover.series(maps, zones, tmp_path / "s.parquet", ["a", "b", "c"])
    table = pd.read_parquet(tmp_path / "s_trajectories.parquet").set_index("trajectory")
    one, two, three = (blobs(seed) for seed in range(3))
    areas = pixel_areas(UTM, range(90), range(70))
    steady = (one == 3) & (two == 3) & (three == 3)
    back = (one == 3) & (two == 9) & (three == 3)
    assert table.loc["cultivated > cultivated > cultivated", "pixels"] == steady.sum()
    assert table.loc["cultivated > water > cultivated", "area_ha"] == pytest.approx(areas[back].sum())
    assert table.loc["cultivated > water > cultivated", "changes"] == 2
    assert table["area_ha"].sum() == pytest.approx(areas.sum())
    assert table["area_ha"].is_monotonic_decreasing
    assert len(found.trajectories) == len(
        np.unique(np.stack([one, two, three], axis=-1).reshape(-1, 3), axis=0)
    )


def test_clouds_are_no_change(tmp_path: Path, maps: list[Path], zones: Path) -> None:
    for path, codes in zip(maps, ([3, 3, 1, 3], [1, 1, 3, 0], [3, 9, 9, 1]), strict=True):
        write_map(path, np.array([codes], np.uint8), S2GLC, UTM)
    found = landcover.series(maps, zones, tmp_path / "s.csv", ["1", "2", "3"]).trajectories
    assert dict(zip(found["trajectory"], found["changes"], strict=True)) == {
        "cultivated > clouds > cultivated": 0,
        "cultivated > clouds > water": 1,
        "clouds > cultivated > water": 1,
        "cultivated > no_data > clouds": 0,
    }


def test_a_page_shows_territories_that_have_data(
    tmp_path: Path, maps: list[Path], zones: Path, run: Callable[..., Run]
) -> None:
    page = tmp_path / "p.html"
    end = ("--zones", zones, "--out", tmp_path / "s.csv", "--dates", "2018,2021,2024", "--report", page)
    done = run("series", *maps, *end)
    assert f"report: {page}" in done.out
    text = page.read_text()
    assert ">A</text>" in text
    assert ">C</text>" not in text
    assert "without data: 1 more" in text
    assert is_one_line(
        run("series", *maps, *end[:2], "--out", tmp_path / "t.csv", *end[4:]), "is there already"
    )
    assert not (tmp_path / "t.csv").exists()


def test_maps_are_put_in_the_order_of_their_dates(tmp_path: Path, maps: list[Path], zones: Path) -> None:
    forth = landcover.series(maps, zones, tmp_path / "f.csv", ["1", "2", "3"])
    back = landcover.series(maps[::-1], zones, tmp_path / "b.csv", ["3", "2", "1"])
    pd.testing.assert_frame_equal(forth.shares, back.shares)
    pd.testing.assert_frame_equal(forth.trajectories, back.trajectories)


def test_a_geopackage_has_the_shapes(tmp_path: Path, maps: list[Path], zones: Path) -> None:
    landcover.series(maps[:2], zones, tmp_path / "s.gpkg", ["1", "2"])
    table = geopandas.read_file(tmp_path / "s.gpkg")
    assert len(table) == 3 * 2 * len(S2GLC.classes)
    assert (tmp_path / "s_trajectories.csv").exists()


def test_models_that_differ_are_found_though_the_first_map_tells_none(
    tmp_path: Path, maps: list[Path], zones: Path, run: Callable[..., Run]
) -> None:
    models = [{"model": {"file": "m.onnx", "sha256": letter * 64}} for letter in "ab"]
    told = [folder_of(tmp_path / f"{i}", model, i) for i, model in enumerate(models)]
    end = ("--zones", zones, "--out", tmp_path / "s.csv", "--dates", "1,2,3")
    assert is_one_line(run("series", maps[0], *told, *end), "--allow model")
    done = run("series", maps[0], *told, *end, "--allow", "model")
    assert done.code == 0
    assert "2018.tif: no predict.json tells its model" in done.err
    assert (
        "x.tif was made with model m.onnx (bbbbbbbbbbbb), x.tif with model m.onnx (aaaaaaaaaaaa)" in done.err
    )


def test_what_can_not_be_tabulated_is_one_line(
    tmp_path: Path, maps: list[Path], zones: Path, run: Callable[..., Run]
) -> None:
    end = ("--zones", zones, "--out", tmp_path / "s.csv")
    assert is_one_line(run("series", *maps, *end), "--dates")
    assert is_one_line(run("series", *maps, *end, "--dates", "1,2"), "holds 2")
    assert is_one_line(run("series", *maps, *end, "--dates", "1,2,2"), "the date 2 twice")
    assert is_one_line(run("series", maps[0], *end, "--dates", "1"), "maps: are 1")
    write_map(maps[1], blobs(1, (90, 71)), S2GLC, UTM)
    assert is_one_line(run("series", *maps, *end, "--dates", "1,2,3"), "90 × 71 px")
    assert not list(tmp_path.glob("s*.csv"))


def test_twelve_maps_of_a_long_legend_keep_their_sequences(tmp_path: Path, zones: Path) -> None:
    """45 codes and 12 dates are more sequences than a number of 64 bits tells apart."""
    long = Legend("long", tuple(LandClass(c, f"c{c}", f"c{c}", f"#0000{c:02x}", c > 0) for c in range(45)))
    layers = np.random.default_rng(0).integers(0, 45, (12, 2, 3), np.uint8)
    paths = [tmp_path / f"{i:02}.tif" for i in range(12)]
    for path, pixels in zip(paths, layers, strict=True):
        write_map(path, pixels, long, UTM)
    dates = [f"{2000 + i}" for i in range(12)]
    found = landcover.series(paths, zones, tmp_path / "s.csv", dates).trajectories
    true = {" > ".join(f"c{c}" for c in row) for row in layers.reshape(12, -1).T}
    assert set(found["trajectory"]) == true


def test_territories_beside_the_maps_are_refused(tmp_path: Path, maps: list[Path], zones: Path) -> None:
    far = geopandas.read_file(zones)[lambda t: t["code"] == "99"]
    far.to_file(tmp_path / "far.gpkg")
    with pytest.raises(LandcoverError, match="has no territory that touches"):
        landcover.series(maps, tmp_path / "far.gpkg", tmp_path / "s.csv", ["2018", "2021", "2024"])
    with pytest.raises(LandcoverError, match="has no territory that touches"):
        landcover.change(maps[0], maps[1], tmp_path / "out", zones=tmp_path / "far.gpkg")
    assert not (tmp_path / "out").exists()


def test_the_page_of_change_shows_territories(tmp_path: Path, maps: list[Path], zones: Path) -> None:
    landcover.change(maps[0], maps[1], tmp_path / "out", zones=zones)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Map of territories, net change" in page
    assert "How it was made" in page
