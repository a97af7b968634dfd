"""landcover sample: points with their probabilities, of real and small maps; every fault in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from conftest import Run, is_one_line, write_tiff
from rasterio import CRS, Affine

import landcover
from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Place
from landcover.imagery.write import write_map
from landcover.legend import S2GLC

DEGREES = Place(CRS.from_epsg(4326), Affine(1e-4, 0, 5, 0, -1e-4, 46))


def small_map(path: Path, place: Place | None = DEGREES, snow: int = 0) -> Path:
    """A map of 60 × 90 px of four classes, 200 px without data, 60 of clouds, and some of snow."""
    codes = np.random.default_rng(0).choice(
        np.array([2, 3, 4, 9], np.uint8), (60, 90), p=[0.1, 0.6, 0.2, 0.1]
    )
    codes[:2, :] = 0
    codes[2, :60] = 1
    codes[2, 60:80] = 0
    codes[5, :snow] = 8
    write_map(path, codes, S2GLC, place)
    return path


@pytest.fixture
def map(tmp_path: Path) -> Path:
    return small_map(tmp_path / "map.tif")


def test_points_carry_stratum_class_probability_and_areas(map: Path, tmp_path: Path) -> None:
    out = tmp_path / "points.gpkg"
    drawn = landcover.sample(map, out, points=100, minimum=15)
    points = geopandas.read_file(out)
    assert list(points)[:8] == [
        "id", "label", "stratum", "map_class", "inclusion", "stratum_px", "stratum_ha", "pixel_ha",
    ]  # fmt: skip
    assert len(points) == points["id"].nunique() == 100
    assert (points["label"] == "").all()
    assert points.crs == CRS.from_epsg(4326)
    with rasterio.open(map) as source:
        codes = source.read(1)
        at = list(zip(points.geometry.x, points.geometry.y, strict=True))
        under = [S2GLC.names[c] for (c,) in source.sample(at)]
        centres = [source.xy(r, c) for r, c in zip(points["row"], points["col"], strict=True)]
    assert list(points["map_class"]) == list(points["stratum"]) == under
    assert np.array(centres) == pytest.approx(np.array(at), rel=1e-12)
    areas = pixel_areas(DEGREES, np.arange(60), np.arange(90))
    assert areas is not None
    assert points["pixel_ha"].to_numpy() == pytest.approx(areas[points["row"], points["col"]])
    for name, rows in points.groupby("stratum"):
        inside = codes == S2GLC.codes[S2GLC.names.index(str(name))]
        assert (rows["stratum_px"] == inside.sum()).all()
        assert (rows["inclusion"] == len(rows) / inside.sum()).all()
        assert rows["stratum_ha"].iloc[0] == pytest.approx(areas[inside].sum())
        assert len(rows) >= 15
    assert drawn.left_out == 260
    assert set(points["stratum"]) == {"artificial", "cultivated", "broadleaf", "water"}


def test_the_record_says_all(map: Path, tmp_path: Path) -> None:
    expect = {"water": 0.9, "others": 0.8}
    drawn = landcover.sample(
        map, tmp_path / "p.gpkg", allocation="neyman", expect=expect, target_error=0.04, minimum=5
    )
    record = json.loads((tmp_path / "p.gpkg.json").read_text())
    assert record["inputs"]["map"]["file"] == "map.tif"
    assert record["options"]["expect"] == expect
    assert record["expected_error"] == drawn.expected_error <= 0.04
    assert record["left_out_px"] == 260
    assert sum(s["points"] for s in record["strata"]) == len(drawn.points)
    assert {s["stratum"]: s["accuracy"] for s in record["strata"]}["water"] == 0.9
    assert (drawn.strata["area_ha"] > 0).all()


def test_the_same_seed_gives_the_same_content(map: Path, tmp_path: Path) -> None:
    tables = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        landcover.sample(map, tmp_path / f"{name}.gpkg", points=50, balanced=True, seed=seed)
        tables.append(geopandas.read_file(tmp_path / f"{name}.gpkg"))
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])


def test_all_pixels_of_small_strata(map: Path, tmp_path: Path) -> None:
    small_map(map, snow=3)
    points = landcover.sample(map, tmp_path / "p.gpkg", points=60, minimum=10).points
    snow = points[points["stratum"] == "snow"]
    assert list(snow["inclusion"]) == [1, 1, 1]


def test_small_strata_are_joined(map: Path, tmp_path: Path) -> None:
    small_map(map, snow=1)
    drawn = landcover.sample(map, tmp_path / "p.gpkg", points=60, join=100)
    names = list(drawn.strata["stratum"])
    assert len(names) == 4
    assert sum("snow" in n.split(" + ") for n in names) == 1
    assert drawn.strata["pixels"].min() >= 100
    assert drawn.strata["pixels"].sum() == 60 * 90 - 260
    joined = drawn.points[drawn.points["stratum"].str.contains("snow")]
    assert set(joined["map_class"]) <= set(joined["stratum"].iloc[0].split(" + "))


def test_strata_of_another_raster(map: Path, tmp_path: Path) -> None:
    codes = np.repeat(np.array([[1, 2, 7]], np.uint8), 60, axis=0).repeat(30, axis=1)
    raster = write_tiff(
        tmp_path / "strata.tif", codes, crs=DEGREES.crs, transform=DEGREES.transform, nodata=7
    )
    drawn = landcover.sample(map, tmp_path / "p.gpkg", points=40, strata=raster, allocation="equal")
    assert list(drawn.strata["stratum"]) == ["1", "2"]
    assert list(drawn.strata["points"]) == [20, 20]
    assert (drawn.points["col"] < 60).all()
    assert drawn.points["map_class"].nunique() > 1
    with rasterio.open(map) as source:
        labelled = source.read(1)[:, :60] > 1
    assert drawn.strata["pixels"].sum() == labelled.sum()


def test_a_real_map(data: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    scene = data / "challenge48" / "ain_west_mask.tif"
    out = tmp_path / "p.gpkg"
    result = run(
        "sample", scene, "--legend", "s2glc", "--out", out, "--target-error", 0.02, "--allocation", "neyman",
        "--expect", "others=0.85", "--expect", "water=0.95", "--minimum", 20, "--balanced",
    )  # fmt: skip
    assert result.code == 0, result.err
    points = geopandas.read_file(out)
    assert f"{len(points):,} points to label in {out}" in result.out
    assert points.groupby("stratum").size().min() >= 20
    strata = points.drop_duplicates("stratum")
    with rasterio.open(scene) as source:
        labelled, place = source.read(1) > 1, Place.of(source)
        assert points.crs == source.crs
    areas = pixel_areas(place, np.arange(labelled.shape[0]), np.arange(labelled.shape[1]))
    assert areas is not None
    assert strata["stratum_px"].sum() == labelled.sum()
    assert strata["stratum_ha"].sum() == pytest.approx(areas[labelled].sum())
    sums = (1 / points["inclusion"]).groupby(points["stratum"]).sum()
    assert sums.to_dict() == pytest.approx(strata.set_index("stratum")["stratum_px"].to_dict())


FAULTS: dict[str, tuple[list[object], tuple[str, ...]]] = {
    "no number": ([], ("--points and --target-error", "are both missing")),
    "two numbers": (["--points", 50, "--target-error", 0.1], ("are both given",)),
    "too few": (["--points", 50, "--minimum", 20], ("--points: is 50", "at least 80", "20 water")),
    "too many": (["--points", 6000], ("is 6,000", "at most the 5,140 px")),
    "allocation": (["--points", 50, "--allocation", "optimal"], ("is 'optimal'", "neyman")),
    "minimum": (["--points", 50, "--minimum", 1], ("--minimum: is 1", "at least 2")),
    "target": (["--target-error", 2], ("--target-error: is 2",)),
    "no accuracy": (
        ["--target-error", 0.05, "--expect", "water=0.9"],
        ("lacks the accuracy to expect of artificial, cultivated, broadleaf", "--expect artificial=0.8"),
    ),
    "accuracy of 1": (["--points", 50, "--expect", "water=1"], ("is 1 for water",)),
    "no share": (["--points", 50, "--expect", "water"], ("--expect: is 'water'",)),
    "unknown stratum": (["--points", 50, "--expect", "lake=0.9"], ("names lake", "water")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_wrong_settings_are_one_line(map: Path, tmp_path: Path, run: Callable[..., Run], name: str) -> None:
    options, words = FAULTS[name]
    out = tmp_path / "p.gpkg"
    assert is_one_line(run("sample", map, "--out", out, *options), *words)
    assert not out.exists()


def test_wrong_files_are_one_line(map: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    def fails(*words: str, source: Path = map, out: str = "p.gpkg", more: tuple[object, ...] = ()) -> bool:
        result = run("sample", source, "--out", tmp_path / out, "--points", 50, *more)
        assert not (tmp_path / out).exists()
        return is_one_line(result, *words)

    assert fails("is no table", out="p.shp")
    assert fails("has no room for points", ".gpkg", out="p.csv")
    assert fails("is not there", source=tmp_path / "none.tif")
    nowhere = small_map(tmp_path / "nowhere.tif", None)
    assert fails("lies nowhere on Earth", source=nowhere)
    assert fails("single pixel of snow", "--join", source=small_map(tmp_path / "snow.tif", snow=1))
    empty = tmp_path / "empty.tif"
    write_map(empty, np.zeros((9, 9), np.uint8), S2GLC, DEGREES)
    assert fails("has no pixel in any stratum", source=empty)
    grid = dict(crs=DEGREES.crs, transform=DEGREES.transform)
    bare = write_tiff(tmp_path / "bare.tif", np.full((9, 9), 3, np.uint8), **grid)
    assert fails("doesn't say what its codes mean", "--legend", source=bare)
    assert fails("lies on another grid", more=("--strata", bare))
    shares = write_tiff(tmp_path / "float.tif", np.ones((60, 90), np.float32), **grid)
    assert fails("has 1 bands of float32", more=("--strata", shares))
    wide = write_tiff(tmp_path / "wide.tif", np.full((60, 90), 256, np.uint16), **grid)
    assert fails("codes from 0 to 255", more=("--strata", wide))
    (tmp_path / "there.gpkg").touch()
    assert is_one_line(
        run("sample", map, "--out", tmp_path / "there.gpkg", "--points", 50), "is there already"
    )
