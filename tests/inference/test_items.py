"""STAC items are valid by their schemas, offline, and say what the files beside them are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from conftest import write_tiff
from rasterio.transform import from_origin
from stac import check

import landcover
from landcover.imagery.image import Place, when_taken
from landcover.imagery.stac import ANY_TIME, footprint
from landcover.inference.items import model_item
from landcover.legend import S2GLC

from .models import card, tiny_model

UTM = dict(crs="EPSG:32631", transform=from_origin(600_000, 5_000_000, 10, 10))
BANDS = ("B02", "B03", "B04", "B08")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def image(path: Path, height: int = 70, width: int = 90, **profile: Any) -> Path:
    pixels = np.random.default_rng(0).integers(100, 4000, (4, height, width)).astype(np.uint16)
    return write_tiff(path, pixels, BANDS, **profile)


def test_items_are_valid_and_true_to_their_files(tmp_path: Path, model: Path) -> None:
    path = image(tmp_path / "scene.tif", 520, 530, **UTM)
    out = tmp_path / "out"
    found = landcover.predict(path, out, model=model, probabilities=True, confidence=True)
    item = check(out / "items" / "scene.json")
    assert set(item["assets"]) == {"map", "probabilities", "confidence", "novelty", "shares", "areas"}
    coarse = item["assets"]["novelty"]
    assert coarse["proj:shape"] == [17, 17]
    assert coarse["proj:transform"] == [320, 0, 600_000, 0, -320, 5_000_000]
    for asset in item["assets"].values():
        content = (out / "items" / asset["href"]).read_bytes()
        assert asset["file:size"] == len(content)
        assert asset["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
    assert item["assets"]["map"]["type"].endswith("profile=cloud-optimized")
    classes = {c["value"]: c for c in item["assets"]["map"]["classification:classes"]}
    assert {c: classes[c]["name"] for c in S2GLC.codes} == dict(zip(S2GLC.codes, S2GLC.names, strict=True))
    assert classes[9]["color_hint"] == S2GLC.classes[9].colour[1:].upper()
    assert classes[0]["nodata"]
    properties = item["properties"]
    assert properties["proj:code"] == "EPSG:32631"
    assert properties["proj:shape"] == [520, 530]
    assert properties["proj:transform"] == list(UTM["transform"])[:6]  # type: ignore[call-overload]
    assert properties["landcover:area_ha"] == pytest.approx(found.areas["area_ha"].sum(), rel=1e-9)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in properties["processing:lineage"]
    west, south, east, north = item["bbox"]
    assert 4.2 < west < east < 4.4
    assert 45.0 < south < north < 45.2
    link = next(each for each in item["links"] if each["rel"] == "derived_from")
    about = check(out / "items" / link["href"])
    assert about["properties"]["mlm:name"] == link["mlm:name"] == "landcover tiny"
    assert [b["name"] for b in about["properties"]["bands"]] == list(BANDS)
    outputs = about["properties"]["mlm:output"][0]["classification:classes"]
    assert [c["value"] for c in outputs] == list(S2GLC.label_codes)
    asset = about["assets"]["model"]
    assert asset["file:checksum"] == "1220" + hashlib.sha256(model.read_bytes()).hexdigest()


def test_an_image_without_place_or_date_has_a_valid_item(tmp_path: Path, model: Path) -> None:
    out = tmp_path / "out"
    found = landcover.predict(image(tmp_path / "chip.tif"), out, model=model)
    item = check(out / "items" / "chip.json")
    assert item["geometry"] is None
    assert "bbox" not in item
    assert {k: item["properties"][k] for k in ANY_TIME} == ANY_TIME
    assert item["assets"]["map"]["type"] == "image/tiff; application=geotiff"
    assert found.areas.empty
    assert not (out / "areas.csv").exists()


def test_the_real_scene(data: Path, tmp_path: Path) -> None:
    """Part of ain.tif, which is geographic, with the model in the box."""
    with rasterio.open(data / "challenge48" / "ain.tif") as source:
        profile = dict(crs=source.crs, transform=source.transform)
        pixels = source.read(window=((0, 600), (0, 300)))
    path = write_tiff(tmp_path / "ain.tif", pixels, BANDS, **profile)
    landcover.predict(path, tmp_path / "out")
    item = check(tmp_path / "out" / "items" / "ain.json")
    assert item["properties"]["proj:code"] == "EPSG:4326"
    assert item["bbox"] == pytest.approx([5.0585930, 45.8766022, 5.0855425, 45.9305012], abs=1e-6)
    assert item["assets"]["map"]["raster:spatial_resolution"] == pytest.approx(8.35, abs=0.05)
    check(tmp_path / "out" / "items" / "model.json")


def test_an_image_named_like_the_model_keeps_its_item(tmp_path: Path, model: Path) -> None:
    landcover.predict(image(tmp_path / "model.tif"), tmp_path / "out", model=model)
    item = check(tmp_path / "out" / "items" / "model.json")
    assert item["links"][0]["href"] == "./model_.json"
    assert "mlm:input" in check(tmp_path / "out" / "items" / "model_.json")["properties"]


def test_a_model_with_recipe_and_scores_and_a_strange_name(tmp_path: Path) -> None:
    from dataclasses import replace

    path = tmp_path / "9 été (2).onnx"
    path.write_bytes(b"weights")
    full = replace(card(), recipe={"seed": 1, "network": {"kind": "unet"}}, scores={"kl": 0.01})
    (tmp_path / "model.json").write_text(json.dumps(model_item("model", path, "00" * 32, full)))
    properties = check(tmp_path / "model.json")["properties"]
    assert properties["mlm:architecture"] == "U-Net"
    assert properties["mlm:hyperparameters"] == {"seed": 1, "network": {"kind": "unet"}}
    assert properties["landcover:scores"] == {"kl": 0.01}


@pytest.mark.parametrize(
    ("tags", "taken"),
    [
        ({"TIFFTAG_DATETIME": "2020:01:28 10:50:31"}, "2020-01-28T10:50:31Z"),
        ({"TIFFTAG_DATETIME": "2020-01-28T10:50:31.024Z"}, "2020-01-28T10:50:31Z"),
        ({"TIFFTAG_DATETIME": "2020:01:28 12:50:31+02:00"}, "2020-01-28T10:50:31Z"),
        ({"TIFFTAG_DATETIME": "2020-01-28"}, "2020-01-28T00:00:00Z"),
        ({"TIFFTAG_DATETIME": "0000:00:00 00:00:00"}, None),
        ({"TIFFTAG_DATETIME": "yesterday"}, None),
        ({}, None),
    ],
)
def test_dates(tmp_path: Path, tags: dict[str, str], taken: str | None) -> None:
    path = image(tmp_path / "i.tif", 4, 4)
    with rasterio.open(path, "r+") as target:
        target.update_tags(**tags)
    with rasterio.open(path) as source:
        assert when_taken(source) == taken
    with rasterio.open(path, "r+") as target:
        target.update_tags(ns="IMAGERY", ACQUISITIONDATETIME="2019-07-01 10:00:00")
    with rasterio.open(path) as source:
        assert when_taken(source) == "2019-07-01T10:00:00Z"


def test_a_date_in_the_file_is_the_items_date(tmp_path: Path, model: Path) -> None:
    path = image(tmp_path / "i.tif")
    with rasterio.open(path, "r+") as target:
        target.update_tags(TIFFTAG_DATETIME="2020:01:28 10:50:31")
    landcover.predict(path, tmp_path / "out", model=model)
    properties = check(tmp_path / "out" / "items" / "i.json")["properties"]
    assert properties["datetime"] == "2020-01-28T10:50:31Z"
    assert "start_datetime" not in properties


@pytest.mark.parametrize(
    ("code", "transform", "west", "east"),
    [
        (32631, from_origin(600_000, 5_000_000, 10, 10), 4.26, 5.68),
        (32631, rasterio.Affine(10, 0, 600_000, 0, 10, 4_890_000), 4.26, 5.68),  # south-up
        (32601, from_origin(100_000, 2_000_000, 10, 10), 179.2, -179.7),  # across the 180th meridian
    ],
)
def test_outlines(code: int, transform: rasterio.Affine, west: float, east: float) -> None:
    geometry, bbox = footprint(Place(rasterio.CRS.from_epsg(code), transform), 10_980, 10_980)
    assert bbox[0] == pytest.approx(west, abs=0.35)
    assert bbox[2] == pytest.approx(east, abs=0.35)
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    assert len(polygons) == (1 if west < east else 2)
    for (ring,) in polygons:
        x, y = np.array(ring).T
        assert (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0  # counterclockwise
        assert ring[0] == ring[-1]
