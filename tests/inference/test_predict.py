"""Prediction folders: whole, repeatable, true to the image's grid, and never wrong silently."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from conftest import Run, is_one_line, read_tiff, scene_and_mask, truncate, write_tiff
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import landcover
from landcover.chips.tables import read_shares
from landcover.errors import LandcoverError
from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Place
from landcover.inference.engine import Engine
from landcover.legend import S2GLC
from landcover.shares.decode import Decoder

from .models import tiny_model

RNG = np.random.default_rng(0)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def image(path: Path, height: int = 70, width: int = 90, **profile: object) -> Path:
    pixels = RNG.integers(100, 4000, (4, height, width)).astype(np.uint16)
    return write_tiff(path, pixels, ("B02", "B03", "B04", "B08"), **profile)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_two_runs_give_the_same_bytes(tmp_path: Path, model: Path) -> None:
    for name in ("a", "b"):
        image(tmp_path / f"{name}.tif", 100, 130)
    inputs = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for out in ("one", "two"):
        landcover.predict(inputs, tmp_path / out, model=model, probabilities=True, confidence=True)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_prediction_folder_holds_its_contract(tmp_path: Path, model: Path) -> None:
    grid = dict(crs="EPSG:32631", transform=rasterio.transform.from_origin(600000, 5000000, 10, 10))
    path = image(tmp_path / "scene.tif", 100, 130, **grid)
    found = landcover.predict(path, tmp_path / "out", model=model, probabilities=True, confidence=True)
    assert set(contents(tmp_path / "out")) == {
        "maps/scene.tif",
        "probabilities/scene.tif",
        "confidence/scene.tif",
        "novelty/scene.tif",
        "items/scene.json",
        "items/model.json",
        "distributions.csv",
        "areas.csv",
        "predict.json",
        "report.html",
    }
    shares = read_shares(tmp_path / "out" / "distributions.csv")
    assert list(pd.read_csv(tmp_path / "out" / "distributions.csv").columns) == ["sample_id", *S2GLC.names]
    assert np.allclose(shares, found.shares, atol=1e-9)
    assert np.isclose(shares.loc["scene"].sum(), 1)
    with rasterio.open(tmp_path / "out" / "maps" / "scene.tif") as source:
        assert source.crs == grid["crs"]
        assert source.transform == grid["transform"]
        assert source.dtypes == ("uint8",)
        assert source.colormap(1)[9][:3] == S2GLC.classes[9].rgb
        assert source.tags()["CLASS_9"] == "water"
        codes = source.read(1)
    assert set(np.unique(codes)) <= set(S2GLC.label_codes)
    layers = read_tiff(tmp_path / "out" / "probabilities" / "scene.tif")
    assert layers.shape == (8, 100, 130)
    assert (abs(layers.astype(int).sum(axis=0) - 250) <= 4).all()
    sharpest = np.take_along_axis(layers, codes[None].astype(int) - 2, axis=0)[0]
    assert (sharpest == layers.max(axis=0)).all()
    assert (read_tiff(tmp_path / "out" / "confidence" / "scene.tif")[0] == sharpest).all()
    record = json.loads((tmp_path / "out" / "predict.json").read_text())
    assert record["images"][0]["sample_id"] == "scene"
    assert len(record["images"][0]["sha256"]) == len(record["model"]["sha256"]) == 64
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


def test_counts_are_the_pixels_of_the_map(tmp_path: Path, model: Path) -> None:
    path = image(tmp_path / "scene.tif", 75, 133)
    found = landcover.predict(path, tmp_path / "out", model=model, decoder="counts")
    codes = read_tiff(tmp_path / "out" / "maps" / "scene.tif")[0]
    counted = np.bincount(codes.ravel(), minlength=10) / codes.size
    assert np.allclose(found.shares.loc["scene"], counted)


def test_the_log_linear_decoder_of_the_graph_is_that_of_shares(tmp_path: Path) -> None:
    decoder = Decoder("loglinear", slopes=(0.7, 1.2) * 4, offsets=(0.5, -0.5, 0.0, 1.0) * 2)
    fitted = tiny_model(tmp_path / "m.onnx", decoder=decoder)
    path = image(tmp_path / "scene.tif", 64, 96)
    found = landcover.predict(
        path, tmp_path / "out", model=fitted, precision="float32", window=96, probabilities=True
    )
    p = next(Engine(fitted, "float32").probabilities([read_tiff(path).astype(np.float32)]))
    assert np.allclose(found.shares.loc["scene"].iloc[2:], decoder.decode(p), atol=1e-6)
    assert abs(decoder.decode(p) - Decoder("mean").decode(p)).max() > 0.01
    layer = read_tiff(tmp_path / "out" / "probabilities" / "scene.tif") / 250
    assert np.allclose(layer.mean(axis=(1, 2)), decoder.decode(p), atol=1e-3)  # shares are the layer's mean


def test_areas_are_hectares_of_the_ground_and_sum_to_the_image(tmp_path: Path, model: Path) -> None:
    pixels = RNG.integers(100, 4000, (4, 80, 100)).astype(np.uint16)
    pixels[:, :20] = 0
    utm = dict(crs="EPSG:32631", transform=rasterio.transform.from_origin(500_000, 5_000_000, 10, 10))
    degrees = dict(crs="EPSG:4326", transform=rasterio.transform.from_origin(3, 60, 0.1, 0.1))
    write_tiff(tmp_path / "in" / "utm.tif", pixels, **utm)
    write_tiff(tmp_path / "in" / "degrees.tif", pixels, **degrees)
    write_tiff(tmp_path / "in" / "nowhere.tif", pixels)
    found = landcover.predict(tmp_path / "in", tmp_path / "out", model=model)
    table = pd.read_csv(tmp_path / "out" / "areas.csv")
    assert list(table.columns) == ["sample_id", "class", "area_ha", "share"]
    assert list(table["sample_id"].unique()) == ["degrees", "utm"]
    assert np.allclose(table["area_ha"], found.areas["area_ha"], rtol=1e-9)
    assert np.allclose(table.groupby("sample_id")["share"].sum(), 1)
    by_image = table.pivot_table(index="sample_id", columns="class", values="area_ha")
    assert by_image.loc["utm"].sum() == pytest.approx(80 * 1.0008, rel=1e-5)
    assert by_image.loc["utm", "no_data"] == pytest.approx(20 * 1.0008, rel=1e-5)
    # pixels of a projected grid are alike, so shares are those of the pixels; those of a geographic are not
    share = table.pivot_table(index="sample_id", columns="class", values="share")[list(S2GLC.names)]
    assert np.allclose(share.loc["utm"], found.shares.loc["utm"], atol=1e-6)
    assert share.loc["degrees", "no_data"] < 0.24  # the northern quarter of the pixels


def test_hectares_of_counts_are_those_of_the_map(tmp_path: Path, model: Path) -> None:
    grid = dict(crs="EPSG:4326", transform=rasterio.transform.from_origin(3, 60, 0.1, 0.1))
    path = image(tmp_path / "i.tif", 130, 90, **grid)
    found = landcover.predict(path, tmp_path / "out", model=model, decoder="counts").areas
    codes = read_tiff(tmp_path / "out" / "maps" / "i.tif")[0]
    with rasterio.open(path) as source:
        hectares = pixel_areas(Place.of(source), np.arange(130), np.arange(90))
    assert hectares is not None
    counted = np.bincount(codes.ravel(), np.broadcast_to(hectares, codes.shape).ravel(), 10)
    assert np.allclose(found["area_ha"], counted)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 140), st.integers(1, 140))
def test_every_size_works(
    tmp_path_factory: pytest.TempPathFactory, model: Path, height: int, width: int
) -> None:
    folder = tmp_path_factory.mktemp("size")
    found = landcover.predict(image(folder / "i.tif", height, width), folder / "out", model=model)
    assert read_tiff(folder / "out" / "maps" / "i.tif").shape == (1, height, width)
    assert np.isclose(found.shares.loc["i"].sum(), 1)


def test_an_image_without_data_is_no_data_and_said_so(tmp_path: Path, model: Path) -> None:
    names = ("B02", "B03", "B04", "B08")
    write_tiff(tmp_path / "in" / "zero.tif", np.zeros((4, 64, 64), np.uint16), names)
    write_tiff(tmp_path / "in" / "nan.tif", np.full((4, 64, 64), np.nan, np.float32), names)
    found = landcover.predict(tmp_path / "in", tmp_path / "out", model=model)
    assert (found.shares["no_data"] == 1).all()
    assert sum("no pixel has data" in w for w in found.warnings) == 2
    assert not read_tiff(tmp_path / "out" / "maps" / "zero.tif").any()


def test_pixels_without_data_stay_out_of_the_other_shares(tmp_path: Path, model: Path) -> None:
    pixels = RNG.integers(100, 4000, (4, 64, 64)).astype(np.uint16)
    pixels[:, :16] = 0
    write_tiff(tmp_path / "i.tif", pixels)
    found = landcover.predict(tmp_path / "i.tif", tmp_path / "out", model=model).shares.loc["i"]
    assert np.isclose(found["no_data"], 0.25)
    assert np.isclose(found.sum(), 1)
    assert not read_tiff(tmp_path / "out" / "maps" / "i.tif")[0, :16].any()


def test_offset_and_scale_undo_what_a_product_adds(tmp_path: Path, model: Path) -> None:
    pixels = RNG.integers(100, 4000, (4, 64, 64)).astype(np.uint16)
    write_tiff(tmp_path / "a" / "i.tif", pixels)
    write_tiff(tmp_path / "b" / "i.tif", pixels + np.uint16(1000))
    write_tiff(tmp_path / "c" / "i.tif", (pixels / 10000).astype(np.float64))
    plain, shifted, reflectance = (
        landcover.predict(
            tmp_path / name / "i.tif", tmp_path / f"out_{name}", model, precision="float32", **options
        ).shares
        for name, options in (("a", {}), ("b", {"offset": -1000.0}), ("c", {"scale": 10000.0}))
    )
    assert np.array_equal(plain, shifted)
    assert np.allclose(plain, reflectance, atol=1e-3)


def test_bands_are_found_by_name_or_number(tmp_path: Path, model: Path) -> None:
    pixels = RNG.integers(100, 4000, (4, 64, 64)).astype(np.uint16)
    twelve = np.zeros((12, 64, 64), np.uint16)
    twelve[[1, 2, 3, 7]] = pixels
    write_tiff(tmp_path / "four" / "i.tif", pixels)
    write_tiff(tmp_path / "turned" / "i.tif", pixels[[3, 2, 1, 0]], ("B08", "B04", "B03", "B02"))
    write_tiff(tmp_path / "twelve" / "i.tif", twelve)
    cases = {
        "four": None,
        "turned": None,
        "twelve": ["2", "3", "4", "8"],
        "names": ["B02", "B03", "B04", "B08"],
    }
    found = [
        landcover.predict(
            tmp_path / ("twelve" if name == "names" else name) / "i.tif", tmp_path / f"o_{name}", model, bands
        ).shares
        for name, bands in cases.items()
    ]
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_a_part_of_a_chips_folder(small_chips: Path, tmp_path: Path, model: Path) -> None:
    splits = pd.read_csv(small_chips / "splits.csv", dtype=str)
    found = landcover.predict(small_chips, tmp_path / "out", model=model, part="test")
    assert set(found.shares.index) == set(splits.loc[splits["part"] == "test", "sample_id"])


def test_a_damaged_image_leaves_nothing_behind(tmp_path: Path, model: Path, run: Callable[..., Run]) -> None:
    for name in ("a", "b", "c"):
        image(tmp_path / "in" / f"{name}.tif", 200, 200)
    truncate(tmp_path / "in" / "b.tif", 0.6)
    result = run("predict", tmp_path / "in", "--out", tmp_path / "out", "--model", model)
    assert is_one_line(result, "b.tif", "can't be read")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--decoder", "best"], "--decoder"),
        (["--precision", "int1"], "--precision"),
        (["--window", "100"], "--window"),
        (["--overlap", "99"], "--overlap"),
        (["--bands", "1,2"], "--bands"),
        (["--bands", "1,2,3,9"], "has no band 9"),
        (["--model", "none.onnx"], "none.onnx"),
    ],
)
def test_bad_options_are_one_line(
    tmp_path: Path, model: Path, run: Callable[..., Run], arguments: list[str], words: str
) -> None:
    path = image(tmp_path / "in" / "i.tif")
    given_model = [] if "--model" in arguments else ["--model", model]
    assert is_one_line(run("predict", path, "--out", tmp_path / "out", *given_model, *arguments), words)
    assert not (tmp_path / "out").exists()


def test_bad_inputs_are_one_line(tmp_path: Path, model: Path, run: Callable[..., Run]) -> None:
    (tmp_path / "empty").mkdir()
    write_tiff(tmp_path / "three.tif", RNG.integers(0, 9, (3, 40, 40)).astype(np.uint16))
    infinite = np.ones((4, 40, 40), np.float32)
    infinite[0, 3, 3] = np.inf
    write_tiff(tmp_path / "infinite.tif", infinite)
    (tmp_path / "text.tif").write_text("no image")
    for name, words in {
        "none.tif": "is not there",
        "empty": "holds no image",
        "three.tif": "has 3 bands",
        "infinite.tif": "infinite",
        "text.tif": "can't be read",
    }.items():
        result = run("predict", tmp_path / name, "--out", tmp_path / "out", "--model", model)
        assert is_one_line(result, name, words)
        assert not (tmp_path / "out").exists()


def test_an_output_folder_with_results_is_refused(tmp_path: Path, model: Path) -> None:
    path = image(tmp_path / "i.tif")
    landcover.predict(path, tmp_path / "out", model=model)
    (tmp_path / "out" / "mine.txt").write_text("keep")
    before = contents(tmp_path / "out")
    with pytest.raises(LandcoverError, match="already holds files"):
        landcover.predict(path, tmp_path / "out", model=model)
    landcover.predict(path, tmp_path / "out", model=model, overwrite=True)
    assert contents(tmp_path / "out") == before


def test_bf16_and_float32_agree_with_the_box_model_on_real_chips(chips48: Path, tmp_path: Path) -> None:
    found = [
        landcover.predict(chips48, tmp_path / p, precision=p, part="val").shares for p in ("auto", "float32")
    ]
    assert abs(found[0] - found[1]).to_numpy().max() < 0.005


def test_real_scenes_keep_their_grid(data: Path, tmp_path: Path) -> None:
    folder = data / "elsewhere"
    names = ["Boadella_2020-01-13", "Boadella_2020-01-28"]
    bands = ["B02", "B03", "B04", "B08"]
    landcover.predict([folder / f"{n}.tif" for n in names], tmp_path / "out", bands=bands)
    for name in names:
        with (
            rasterio.open(folder / f"{name}.tif") as image,
            rasterio.open(tmp_path / "out" / "maps" / f"{name}.tif") as map_,
        ):
            assert (map_.crs, map_.transform, map_.shape) == (image.crs, image.transform, image.shape)


def test_the_demonstration_maps_the_sample(tmp_path: Path) -> None:
    found = landcover.demo(tmp_path / "demo")
    assert read_tiff(found.folder / "maps" / "sentinel2.tif").shape == (1, 300, 300)
    assert found.shares.loc["sentinel2", ["cultivated", "broadleaf", "coniferous", "herbaceous"]].sum() > 0.9
    page = (found.folder / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "cultivé" in page


def test_the_scene_is_not_cut_at_chips(tmp_path: Path, model: Path) -> None:
    """A scene given whole and the same scene padded by its own reflection agree away from the edge."""
    scene, _ = scene_and_mask(tmp_path, 160, 192)
    pixels = read_tiff(scene)
    wide = write_tiff(tmp_path / "wide.tif", np.pad(pixels, ((0, 0), (32, 32), (32, 32)), mode="reflect"))
    landcover.predict([scene, wide], tmp_path / "out", model=model, overlap=32, precision="float32")
    whole = read_tiff(tmp_path / "out" / "maps" / "scene.tif")[0]
    inner = read_tiff(tmp_path / "out" / "maps" / "wide.tif")[0, 32:-32, 32:-32]
    assert (whole == inner)[24:-24, 24:-24].mean() > 0.97
