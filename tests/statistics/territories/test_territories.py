"""The table of territories: counts and probabilities, what is missing, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import Run, is_one_line, write_tiff
from rasterio import CRS, Affine
from shapely import box

import landcover
from landcover.imagery.image import Place
from landcover.imagery.write import open_probabilities, to_bytes, write_map
from landcover.legend import S2GLC
from landcover.statistics.tables import read_table

PLACE = Place(CRS.from_epsg(32631), Affine(10, 0, 600_000, 0, -10, 5_100_000))


def zones_of(path: Path, **shapes: Any) -> Path:
    """Territories in columns and rows of `PLACE`, by code."""
    placed = [shapely.transform(s, lambda p: p * [10, -10] + [600_000, 5_100_000]) for s in shapes.values()]
    table = {"code": list(shapes), "nom": [f"Commune {c}" for c in shapes]}
    geopandas.GeoDataFrame(table, geometry=placed, crs=32631).to_file(path)
    return path


@pytest.fixture
def four(tmp_path: Path) -> tuple[Path, Path]:
    """A map of 20 × 20 px, and zones: all of it, nested, half outside, outside, under clouds."""
    codes = np.full((20, 20), 3, np.uint8)
    codes[:, 10:] = 9
    codes[:5] = 1  # clouds
    codes[:, :2] = 0
    write_map(tmp_path / "map.tif", codes, S2GLC, PLACE)
    zones = zones_of(
        tmp_path / "zones.gpkg",
        whole=box(0, 0, 20, 20), nested=box(9, 6, 11.5, 8), half=box(-10, 8, 10, 18), out=box(30, 0, 32, 2),
        clouds=box(4, 1, 6, 3),
    )  # fmt: skip
    return tmp_path / "map.tif", zones


def test_each_territory_has_a_row_in_the_order_of_the_file(four: tuple[Path, Path], tmp_path: Path) -> None:
    table = landcover.territories(*four, tmp_path / "t.csv", vintage="2018")
    written = read_table(tmp_path / "t.csv", ["code"])
    assert list(written["code"]) == ["whole", "nested", "half", "out", "clouds"]
    assert written["name"][0] == "Commune whole"
    assert list(written) == list(table.columns.drop("geometry"))
    classes = [f"{c}_{unit}" for c in S2GLC.label_names for unit in ("ha", "share")]
    first = ["code", "name", "pixels", "area_ha", "mapped_ha", "no_data_share"]
    assert list(written) == [*first, *classes]
    table = written.set_index("code")
    assert list(table["pixels"].round(6)) == [270, 5, 80, 0, 0]
    assert list(table["no_data_share"].round(4)) == [0.325, 0, 0.6, 1, 1]
    assert table.loc["nested", "cultivated_share"] == pytest.approx(0.4)
    assert table.loc["nested", "water_ha"] == pytest.approx(0.03, rel=1e-3)
    assert table.loc["nested", "snow_ha"] == table.loc["nested", "snow_share"] == 0
    for empty in ("out", "clouds"):
        assert table.loc[empty, classes].isna().all()
        assert table.loc[empty, "mapped_ha"] == 0
    mapped = table[table["mapped_ha"] > 0]
    assert mapped[classes[::2]].sum(axis=1).to_numpy() == pytest.approx(mapped["mapped_ha"], rel=1e-9)
    assert mapped[classes[1::2]].sum(axis=1).to_numpy() == pytest.approx(1, rel=1e-9)
    record = json.loads((tmp_path / "t.csv.json").read_text())
    assert record["vintages"]["territories"] == "2018"
    assert record["shares"] == {"of": "map", "decoder": "counts"}
    assert set(record["inputs"]) == {"map", "zones"}


def test_every_format_holds_the_same(four: tuple[Path, Path], tmp_path: Path) -> None:
    tables = []
    for suffix in (".csv", ".parquet", ".gpkg"):
        landcover.territories(*four, tmp_path / f"t{suffix}")
        tables.append(read_table(tmp_path / f"t{suffix}", ["code", "water_share"]))
    pd.testing.assert_frame_equal(tables[0], tables[1], check_dtype=False, rtol=1e-9)
    pd.testing.assert_frame_equal(tables[1], tables[2])
    assert geopandas.read_file(tmp_path / "t.gpkg").geom_type.eq("Polygon").all()


def test_probabilities_are_averaged_with_the_same_fractions(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ["cultivated", "broadleaf", "water"]
    p = rng.dirichlet(np.ones(3), (30, 40)).transpose(2, 0, 1).astype(np.float32)
    layers = to_bytes(p)
    layers[:, :4] = 255
    for folder in ("maps", "probabilities"):
        (tmp_path / folder).mkdir()
    path = tmp_path / "probabilities" / "a.tif"
    with open_probabilities(path, 30, 40, names, PLACE) as rows:
        rows.write(layers)
    zones = zones_of(tmp_path / "z.gpkg", a=box(0, 0, 40, 30), b=box(2.5, 10, 12, 20.5), c=box(0, 0, 9, 4))
    table = landcover.territories(path, zones, tmp_path / "t.csv").set_index("code")
    assert list(table["pixels"].round(6)) == [1040, 99.75, 0]
    assert table.loc["a", "no_data_share"] == pytest.approx(4 / 30, abs=1e-4)
    expected = p[:, 4:].mean(axis=(1, 2))
    found = table.loc["a", [f"{n}_share" for n in names]].to_numpy(float)
    assert found == pytest.approx(expected, abs=1e-3)
    assert found.sum() == pytest.approx(1, rel=1e-12)
    assert table.loc["a", "snow_share"] == 0
    assert table.loc["c", [f"{n}_share" for n in names]].isna().all()
    record = json.loads((tmp_path / "t.csv.json").read_text())
    assert record["shares"] == {"of": "probabilities", "decoder": "mean"}


def test_a_layer_of_certain_classes_gives_what_the_map_gives(four: tuple[Path, Path], tmp_path: Path) -> None:
    path, zones = four
    codes = np.full((20, 20), 3, np.uint8)
    codes[:, 10:] = 9
    layers = to_bytes(np.stack([codes == c for c in S2GLC.label_codes]).astype(np.float32))
    layers[:, :5], layers[:, :, :2] = 255, 255
    with open_probabilities(tmp_path / "p.tif", 20, 20, S2GLC.label_names, PLACE) as rows:
        rows.write(layers)
    counted = landcover.territories(path, zones, tmp_path / "a.csv").drop(columns="geometry")
    averaged = landcover.territories(tmp_path / "p.tif", zones, tmp_path / "b.csv").drop(columns="geometry")
    pd.testing.assert_frame_equal(counted, averaged)


def test_communes_of_a_real_map(data: Path, tmp_path: Path) -> None:
    mask = data / "challenge48" / "ain_west_mask.tif"
    communes = data / "france" / "communes-01-ain.geojson"
    report = tmp_path / "t.html"
    table = landcover.territories(mask, communes, tmp_path / "t.csv", legend="s2glc", report=report)
    assert len(table) == 407
    assert (table["mapped_ha"] > 0).sum() == 20
    assert table.set_index("name").loc["Saint-Nizier-le-Désert", "water_share"] == pytest.approx(
        0.05, abs=0.01
    )
    page = report.read_text(encoding="utf-8")
    assert page.count("<svg ") == 2
    assert "Saint-Nizier-le-Désert" in page
    assert "387 others have no data" in page


def test_clouds_all_over_are_told(tmp_path: Path) -> None:
    write_map(tmp_path / "map.tif", np.ones((20, 20), np.uint8), S2GLC, PLACE)
    zones = zones_of(tmp_path / "z.gpkg", a=box(0, 0, 9, 9), b=box(30, 0, 40, 9))
    report = tmp_path / "t.html"
    table = landcover.territories(tmp_path / "map.tif", zones, tmp_path / "t.csv", report=report)
    assert list(table["no_data_share"]) == [1, 1]
    assert table["water_share"].isna().all()
    assert "2 others have no data" in report.read_text(encoding="utf-8")


def test_mistakes_are_one_line(four: tuple[Path, Path], run: Callable[..., Run], tmp_path: Path) -> None:
    path, zones = four
    out = tmp_path / "t.csv"
    done = run("territories", path, zones, "--out", out, "--report", tmp_path / "t.html")
    assert done.code == 0
    assert "5 territories, something of 3 is mapped" in done.out
    assert is_one_line(run("territories", path, zones, "--out", out), "--overwrite")
    again = run("territories", path, zones, "--out", tmp_path / "u.csv", "--report", tmp_path / "t.html")
    assert is_one_line(again, "t.html", "--overwrite")
    out = tmp_path / "v.csv"
    assert is_one_line(run("territories", tmp_path, zones, "--out", out), "is a folder", "maps/<id>.tif")
    far = zones_of(tmp_path / "far.gpkg", a=box(50, 50, 60, 60), b=box(-9, -9, -1, -1))
    assert is_one_line(run("territories", path, far, "--out", out), "far.gpkg", "no territory that touches")
    twice = geopandas.read_file(zones).assign(code="x")
    twice.to_file(tmp_path / "twice.gpkg")
    assert is_one_line(run("territories", path, tmp_path / "twice.gpkg", "--out", out), "holds x twice")
    geopandas.read_file(zones).to_file(tmp_path / "bare.shp")
    (tmp_path / "bare.prj").unlink()
    assert is_one_line(run("territories", path, tmp_path / "bare.shp", "--out", out), "has no CRS")
    nowhere = write_tiff(tmp_path / "nowhere.tif", np.full((9, 9), 3, np.uint8))
    assert is_one_line(
        run("territories", nowhere, zones, "--out", out, "--legend", "s2glc"), "nowhere on Earth"
    )
    assert is_one_line(run("territories", nowhere, zones, "--out", out), "--legend")
    bands = write_tiff(tmp_path / "bands.tif", np.zeros((3, 9, 9), np.uint8))
    assert is_one_line(run("territories", bands, zones, "--out", out), "no probability layer")
    with open_probabilities(tmp_path / "strange.tif", 9, 9, ["rock", "sand"], PLACE) as rows:
        rows.write(np.zeros((2, 9, 9), np.uint8))
    strange = tmp_path / "strange.tif"
    assert is_one_line(run("territories", strange, zones, "--out", out), "no known legend: rock, sand")
    asked = run("territories", strange, zones, "--out", out, "--legend", "s2glc")
    assert is_one_line(asked, "no class: rock, sand")
    assert not out.exists()
