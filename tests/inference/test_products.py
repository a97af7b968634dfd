"""What people download is predicted as the plain image is: the same map, the same shares."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run, is_one_line, read_tiff, truncate, write_tiff
from products import BANDS, TILE, write_jp2, write_safe, zipped

import landcover
from landcover.inference.inputs import find_inputs

from .models import tiny_model

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(1, 6000, (4, 80, 120)).astype(np.uint16)
PIXELS[:, :9, 100:] = 0
ID = "S2A_MSIL2A_20230601T103629_N0509_R008_T31TFL_20230601T170000"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def band_files(folder: Path, pixels: np.ndarray[Any, Any], **grid: Any) -> list[Path]:
    return [write_jp2(folder / f"{TILE}_{b}_10m.jp2", p, **grid) for b, p in zip(BANDS, pixels, strict=True)]


def test_all_forms_of_a_product_give_one_map(data: Path, tmp_path: Path, model: Path) -> None:
    import rasterio
    from rasterio.windows import Window

    with rasterio.open(data / "challenge48" / "ain.tif") as source:
        window = Window(2000, 300, 333, 200)
        pixels, grid = (
            source.read(window=window),
            dict(crs=source.crs, transform=source.window_transform(window)),
        )
    safe = write_safe(tmp_path, pixels, **grid)
    files = band_files(tmp_path / "bands", pixels, **grid)
    plain = write_tiff(tmp_path / "plain.tif", pixels, **grid)
    forms: dict[str, Path | list[Path]] = dict(
        plain=plain, safe=safe, zip=zipped(safe), folder=tmp_path / "bands", files=files
    )  # fmt: skip
    shares, maps = {}, {}
    for name, form in forms.items():
        found = landcover.predict(form, tmp_path / f"out_{name}", model)
        (image,) = found.shares.index
        shares[name] = found.shares.to_numpy()
        maps[name] = (tmp_path / f"out_{name}" / "maps" / f"{image}.tif").read_bytes()
        assert image == {"plain": "plain", "safe": ID, "zip": ID}.get(name, TILE)
        assert not any("GDAL" in w or "Level-1C" in w for w in found.warnings)
    for name in forms:
        np.testing.assert_array_equal(shares[name], shares["plain"])
        assert maps[name] == maps["plain"], name


def test_what_scl_hides_is_no_data(tmp_path: Path, model: Path) -> None:
    classes = np.full((40, 60), 5, np.uint8)
    classes[:20] = np.repeat([0, 1, 3, 8, 9, 10], 10)
    plain = landcover.predict(write_tiff(tmp_path / "i.tif", PIXELS), tmp_path / "plain", model)
    found = landcover.predict(write_safe(tmp_path, PIXELS, classes=classes), tmp_path / "out", model)
    assert np.isclose(found.shares.loc[ID, "no_data"], 0.5)
    codes = read_tiff(tmp_path / "out" / "maps" / f"{ID}.tif")[0]
    assert not codes[:40].any()
    assert codes[40:].all()
    assert plain.shares.loc["i", "no_data"] < 0.05


def test_the_record_says_the_hash_of_the_files_and_the_level(tmp_path: Path, model: Path) -> None:
    found = landcover.predict(write_safe(tmp_path, PIXELS, "L1C"), tmp_path / "out", model)
    assert any("Level-1C product (top of atmosphere)" in w for w in found.warnings)
    files = band_files(tmp_path / "bands", PIXELS)
    landcover.predict(files, tmp_path / "two", model)
    record = json.loads((tmp_path / "two" / "predict.json").read_text())["images"][0]
    command = "sha256sum *.jp2 | sha256sum"
    told = subprocess.run(command, shell=True, cwd=tmp_path / "bands", capture_output=True, text=True).stdout
    assert record["input"] == f"{TILE}_{{band}}.jp2"
    assert record["sha256"] == told.split()[0]


def test_a_folder_may_hold_images_products_and_files_of_bands(tmp_path: Path) -> None:
    safe = write_safe(tmp_path, PIXELS)
    shutil.copytree(safe, tmp_path / "S2B_X.SAFE")
    zipped(safe)
    shutil.rmtree(safe)
    band_files(tmp_path, PIXELS)
    write_tiff(tmp_path / "scene.tif", PIXELS)
    (tmp_path / "notes.zip").write_bytes(b"")
    assert set(find_inputs([tmp_path])) == {ID, "S2B_X", TILE, "scene"}
    assert find_inputs([tmp_path / "S2B_X.SAFE"]) == {"S2B_X": tmp_path / "S2B_X.SAFE"}


def test_faults_are_one_line_and_leave_nothing(tmp_path: Path, model: Path, run: Callable[..., Run]) -> None:
    safe = write_safe(tmp_path / "in", PIXELS)

    def refused(*words: str, path: Path = safe, options: tuple[str, ...] = ()) -> None:
        done = run("predict", path, "--model", model, "--out", tmp_path / "out", *options)
        assert is_one_line(done, *words)
        assert [p.name for p in tmp_path.iterdir()] == ["in"]

    refused("says its scale and offset in its MTD file", options=("--offset", "-1000"))
    refused("bands", options=("--bands", "1,2,3,4"))
    truncate(next(safe.rglob("*_B08_10m.jp2")), 0.9)
    refused("B08_10m.jp2: can't be read")
    refused("B08_10m.jp2: can't be read", path=zipped(safe))
    next(safe.rglob("*_B08_10m.jp2")).unlink()
    refused("has no file of band B08")
    (safe / "MTD_MSIL2A.xml").write_text('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    refused("has no file of band B08")
    (safe / "MTD_MSIL2A.xml").unlink()
    refused("holds no MTD file")
    files = band_files(tmp_path / "in" / "bands", PIXELS)
    files[1].unlink()
    refused("has no file of band B03", path=tmp_path / "in" / "bands")
    refused("is on the network", path=Path("https://127.0.0.1/a.tif"))
    refused("is on the network", path=Path("/vsis3/bucket/{band}.tif"))
    refused("is not there", path=Path("/vsicurl/https://127.0.0.1/a.tif"))
    refused("is not there", path=tmp_path / "none.zip")
    refused("is not there", path=tmp_path / "none" / "x_{band}.tif")
