"""landcover sample --for training: uncertain, novel and different chips first; every fault in one line."""

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
from rasterio.windows import Window

import landcover
from landcover.imagery.image import Place
from landcover.imagery.write import write_map, write_quantity
from landcover.legend import S2GLC

UTM = Place(CRS.from_epsg(32631), Affine(10, 0, 600_000, 0, -10, 5_100_000))
GRID = dict(crs=UTM.crs, transform=UTM.transform)
SIZE, ROWS, COLUMNS = 64, 4, 6


def blocks(values: np.ndarray) -> np.ndarray:
    """Rows × columns of numbers, each repeated over a chip."""
    return values.repeat(SIZE, axis=0).repeat(SIZE, axis=1)


def prediction(
    folder: Path,
    doubt: np.ndarray | float = 0.2,
    novelty: np.ndarray | None = None,
    classes: np.ndarray | int = 3,
) -> Path:
    """A prediction folder of 4 × 6 chips of 64 px, with doubt, novelty and class of each chip."""
    (folder / "maps").mkdir(parents=True, exist_ok=True)
    shape = (ROWS, COLUMNS)
    codes = blocks(np.broadcast_to(np.asarray(classes, np.uint8), shape))
    write_map(folder / "maps" / "a.tif", codes, S2GLC, UTM)
    sure = np.rint(250 * (1 - np.broadcast_to(doubt, shape))).astype(np.uint8)
    write_tiff(folder / "confidence" / "a.tif", blocks(sure), nodata=255, **GRID)
    if novelty is not None:
        (folder / "novelty").mkdir(exist_ok=True)
        cells = novelty.astype(np.float32).repeat(SIZE // 32, axis=0).repeat(SIZE // 32, axis=1)
        write_quantity(folder / "novelty" / "a.tif", cells, UTM.of_cells(32))
    return folder


def test_uncertain_and_novel_chips_come_first(tmp_path: Path) -> None:
    doubt, novelty = np.full((ROWS, COLUMNS), 0.1), np.full((ROWS, COLUMNS), 2.0)
    doubt[0, 0], doubt[3, 5] = 0.4, 0.5
    novelty[0, 0] = 6
    out = tmp_path / "chips.gpkg"
    landcover.propose(prediction(tmp_path / "p", doubt, novelty), out, 3, SIZE)
    chips = geopandas.read_file(out)
    assert list(chips["rank"]) == [1, 2, 3]
    assert list(chips["id"][:2]) == ["a_0_0", "a_3_5"]
    assert chips.loc[0, ["row", "col", "y0", "x0"]].tolist() == [0, 0, 0, 0]
    assert chips.loc[1, ["row", "col", "y0", "x0"]].tolist() == [3, 5, 192, 320]
    assert chips["uncertainty"].tolist() == pytest.approx([0.4, 0.5, 0.1], abs=0.002)
    assert chips["novelty"].tolist() == [6, 2, 2]
    assert chips.loc[0, "score"] == pytest.approx(0.4 * 6 / 8)
    assert chips.loc[1, "geometry"].bounds == (603_200, 5_097_440, 603_840, 5_098_080)
    assert json.loads((tmp_path / "chips.gpkg.json").read_text())["candidates"] == 24


def test_where_novelty_is_not_known_it_is_taken_to_be_usual(tmp_path: Path) -> None:
    folder = prediction(tmp_path / "p", 0.2, np.full((ROWS, COLUMNS), 2.0))
    for layer in ("maps", "confidence"):
        (folder / layer / "b.tif").write_bytes((folder / layer / "a.tif").read_bytes())
    chips = landcover.propose(folder, tmp_path / "c.gpkg", 2 * ROWS * COLUMNS, SIZE)
    assert set(chips["id"].str[0]) == {"a", "b"}
    apart = chips[chips["spread"] > 0]  # not on another chip of the other map
    assert len(apart) == ROWS * COLUMNS
    assert (apart["score"] / apart["uncertainty"] / apart["spread"]).to_numpy() == pytest.approx(0.5)


def test_alike_chips_are_spread_over_the_scene(tmp_path: Path) -> None:
    chips = landcover.propose(prediction(tmp_path / "p"), tmp_path / "c.gpkg", 4, SIZE)
    places = chips[["row", "col"]].to_numpy()
    apart = np.linalg.norm(places[:, None] - places, axis=2)[~np.eye(4, dtype=bool)]
    assert apart.min() >= np.sqrt(ROWS * COLUMNS / 4)


def test_one_of_a_rare_kind_is_taken_before_more_of_the_usual(tmp_path: Path) -> None:
    classes = np.full((ROWS, COLUMNS), 3)
    classes[1, 1] = 9
    found = landcover.propose(prediction(tmp_path / "p", classes=classes), tmp_path / "c.gpkg", 2, SIZE)
    assert "a_1_1" in set(found["id"])


def test_all_chips_can_be_asked_for_each_once(tmp_path: Path) -> None:
    doubt = np.zeros((ROWS, COLUMNS))
    doubt[2, 2] = 0.3
    found = landcover.propose(prediction(tmp_path / "p", doubt), tmp_path / "c.gpkg", ROWS * COLUMNS, SIZE)
    assert found["id"].nunique() == ROWS * COLUMNS
    assert found["id"].iloc[0] == "a_2_2"
    assert found["novelty"].isna().all()


def test_probabilities_serve_as_well_and_gaps_are_left_out(tmp_path: Path) -> None:
    folder = prediction(tmp_path / "p")
    (folder / "confidence" / "a.tif").unlink()
    layers = np.zeros((8, ROWS * SIZE, COLUMNS * SIZE), np.uint8)
    layers[0], layers[1] = 200, 50
    layers[:2, SIZE : 2 * SIZE] = np.array([125, 125])[:, None, None]
    layers[:, :40, :SIZE] = 255
    write_tiff(folder / "probabilities" / "a.tif", layers, S2GLC.label_names, nodata=255, **GRID)
    found = landcover.propose(folder, tmp_path / "c.gpkg", ROWS * COLUMNS - 1, SIZE)
    assert "a_0_0" not in set(found["id"])
    assert found.set_index("id").loc["a_1_3", "uncertainty"] == pytest.approx(0.5)
    assert found.set_index("id").loc["a_2_3", "uncertainty"] == pytest.approx(0.2)


def test_a_real_prediction(data: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    with rasterio.open(data / "challenge48" / "ain.tif") as source:
        part = Window(2816, 512, 1280, 512)
        place = dict(crs=source.crs, transform=source.window_transform(part))
        scene = write_tiff(tmp_path / "rhone.tif", source.read(window=part), **place)
    landcover.predict(scene, tmp_path / "p", confidence=True)
    out = tmp_path / "chips.gpkg"
    result = run("sample", tmp_path / "p", "--for", "training", "--chips", 3, "--out", out)
    assert result.code == 0, result.err
    assert result.out.count("rhone_") == 3
    chips = geopandas.read_file(out)
    everything = landcover.propose(tmp_path / "p" / "maps" / "rhone.tif", tmp_path / "all.gpkg", 10)
    assert chips["uncertainty"].mean() > everything["uncertainty"].mean()
    assert chips["novelty"].mean() > everything["novelty"].mean()
    assert chips["score"].is_monotonic_decreasing
    # pixels of 10.0 m × 7.0 m
    assert chips.to_crs(2154).area.to_numpy() / 1e4 == pytest.approx(np.full(3, 256**2 * 0.00696), rel=0.005)


def test_faults_are_one_line(tmp_path: Path, run: Callable[..., Run]) -> None:
    folder = prediction(tmp_path / "p")

    def fails(*words: str, more: tuple[object, ...] = ("--chips", 2), out: str = "c.gpkg") -> bool:
        result = run("sample", folder, "--out", tmp_path / out, "--size", SIZE, "--for", "training", *more)
        assert not (tmp_path / out).exists()
        return is_one_line(result, *words)

    assert fails("--chips: is missing", more=())
    assert fails("--points: does not go with --for training", more=("--points", 5))
    other = {"--allocation": "equal", "--expect": "water=0.9", "--minimum": 2, "--join": 9, "--seed": 0}
    for option, value in (other | {"--strata": folder / "maps" / "a.tif"}).items():
        more = ("--chips", 2, option, value)
        assert fails(f"{option}: does not go with --for training", more=more)
    assert fails("--balanced: does not go with --for training", more=("--chips", 2, "--balanced"))
    assert is_one_line(
        run("sample", folder, "--points", 9, "--size", 256, "--out", tmp_path / "c.gpkg"),
        "--size: does not go with --for area",
    )
    assert fails("--chips: is 0", more=("--chips", 0))
    assert fails("at most the 24 whole chips", more=("--chips", 25))
    assert fails("has no room for squares", out="c.csv")
    assert is_one_line(run("sample", folder, "--for", "fun", "--out", tmp_path / "c.gpkg"), "--for: is 'fun'")
    assert is_one_line(
        run("sample", folder, "--chips", 2, "--out", tmp_path / "c.gpkg"), "does not go with --for area"
    )
    write_tiff(folder / "confidence" / "a.tif", np.zeros((9, 9), np.uint8))
    assert fails("is no confidence layer of the map")
    (folder / "confidence" / "a.tif").unlink()
    assert fails("keeps no confidence of a", "Predict again with --confidence")
    prediction(folder)
    write_map(folder / "maps" / "b.tif", np.full((64, 64), 3, np.uint8), S2GLC, Place(
        CRS.from_epsg(32632), UTM.transform
    ))  # fmt: skip
    write_tiff(folder / "confidence" / "b.tif", np.zeros((64, 64), np.uint8))
    assert fails("has maps in 2 CRS")
    for path in (folder / "maps").iterdir():
        path.unlink()
    assert fails("holds no map")
