"""Test-time turns: the mean of the eight turned images, so that turning an image turns the result."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import read_tiff, write_tiff

import landcover
from landcover.errors import LandcoverError
from landcover.imagery.image import BANDS, Reading
from landcover.inference.cluster import _Worker
from landcover.inference.engine import Engine, Precision
from landcover.inference.intervals import why_none
from landcover.inference.layers import Layers
from landcover.inference.scene import plan_scene
from landcover.shares.decode import Decoder
from landcover.weights import box_model

from .models import tiny_model

Array = np.ndarray[Any, np.dtype[Any]]
RNG = np.random.default_rng(0)


def turn(times: int, mirrored: bool) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """A symmetry of the square on channels × height × width, and its inverse."""

    def there(x: Array) -> Array:
        return np.ascontiguousarray(np.rot90(x[:, :, ::-1] if mirrored else x, times, (1, 2)))

    def back(x: Array) -> Array:
        x = np.rot90(x, -times, (1, 2))
        return np.ascontiguousarray(x[:, :, ::-1] if mirrored else x)

    return there, back


TURNS = [turn(times, mirrored) for times in range(4) for mirrored in (False, True)]


def numbers(height: int, width: int) -> Array:
    return RNG.integers(100, 4000, (4, height, width)).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx", decoder=Decoder("mean"))


def probabilities(model: Path, image: Array, tta: bool, precision: Precision = "float32") -> Array:
    return next(Engine(model, precision, tta=tta).probabilities([image]))


def mean_of_eight(model: Path, image: Array, precision: Precision = "float32") -> Array:
    engine = Engine(model, precision)
    return np.mean([back(next(engine.probabilities([there(image)]))) for there, back in TURNS], axis=0)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 32)])
def test_it_is_the_mean_of_the_eight_turned_images(model: Path, height: int, width: int) -> None:
    image = numbers(height, width)
    found = probabilities(model, image, tta=True)
    assert abs(found - mean_of_eight(model, image)).max() < 1e-6
    assert abs(found - probabilities(model, image, tta=False)).max() > 0.01


def test_turning_an_image_turns_the_probabilities(model: Path) -> None:
    image, engine = numbers(32, 64), Engine(model, "float32", tta=True)
    straight = next(engine.probabilities([image]))
    for there, back in TURNS:
        turned = back(next(engine.probabilities([there(image)])))
        assert abs(turned - straight).max() < 1e-5


def test_the_quantised_copy_is_turned_too() -> None:
    image = numbers(32, 64)
    found = probabilities(box_model(), image, tta=True, precision="int8")
    assert abs(found - mean_of_eight(box_model(), image, "int8")).max() < 1e-5


def test_shares_and_layers_of_predict_come_from_the_mean(tmp_path: Path, model: Path) -> None:
    image = numbers(64, 64)
    path = write_tiff(tmp_path / "a.tif", image.astype(np.uint16), BANDS)
    found = landcover.predict(
        path, tmp_path / "out", model=model, precision="float32", probabilities=True, tta=True
    )
    mean = mean_of_eight(model, image)
    assert np.allclose(found.shares.loc["a"].iloc[2:], mean.mean(axis=(1, 2)), atol=1e-6)
    layer = read_tiff(tmp_path / "out" / "probabilities" / "a.tif")
    assert abs(layer - 250 * mean).max() < 0.51
    record = json.loads((tmp_path / "out" / "predict.json").read_text())
    item = json.loads((tmp_path / "out" / "items" / "a.json").read_text())
    assert record["options"]["tta"] is True
    assert item["properties"]["landcover:options"]["tta"] is True
    assert "eight turned" in item["properties"]["processing:lineage"]
    assert "eight turned" in (tmp_path / "out" / "report.html").read_text()


def test_a_turned_scene_of_several_windows_has_the_same_shares(tmp_path: Path, model: Path) -> None:
    image = numbers(112, 112)  # two windows of 64 px that overlap by 16, both ways
    shares = []
    for name, pixels in (("a", image), ("b", TURNS[3][0](image))):
        path = write_tiff(tmp_path / f"{name}.tif", pixels.astype(np.uint16), BANDS)
        out = tmp_path / f"out_{name}"
        shares.append(landcover.predict(path, out, model=model, precision="float32", tta=True).shares)
    assert np.allclose(shares[0].loc["a"], shares[1].loc["b"], atol=1e-6)


def test_a_worker_of_a_cluster_turns_too(tmp_path: Path, model: Path) -> None:
    image = numbers(64, 64)
    path = write_tiff(tmp_path / "a.tif", image.astype(np.uint16), BANDS)
    card = Engine(model).card
    layers = Layers.of(card, card.decoder, False, False, 16)
    plan = plan_scene("a", path, Reading(card.bands), 64, layers.overlap)
    worker = _Worker(model.read_bytes(), model.name, "float32", 1, True, layers)
    found = worker.row((plan, 0)).tally.sums[0]
    assert np.allclose(found, mean_of_eight(model, image).sum(axis=(1, 2)), rtol=1e-5)


def test_intervals_that_were_calibrated_without_turns_are_not_given() -> None:
    known = Engine(box_model()).card.conformal
    assert known is not None
    assert not why_none(known, known.decoder, 256 * 256, familiar=True, tta=False)
    assert "without --tta" in why_none(known, known.decoder, 256 * 256, familiar=True, tta=True)


def test_a_stopped_run_goes_on_with_turns_alone_and_to_the_same_bytes(tmp_path: Path, model: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", numbers(112, 64).astype(np.uint16), BANDS)
    stop = (
        "import landcover.inference.predict as p\n"
        "rows = p.compute\n"
        "def stopped(*given, **more):\n"
        "    yield next(rows(*given, **more))\n"
        "    raise KeyboardInterrupt\n"
        "p.compute = stopped\n"
        "import landcover, sys\nlandcover.predict(sys.argv[1], sys.argv[2], model=sys.argv[3], tta=True)"
    )
    out = tmp_path / "out"
    words = [sys.executable, "-c", stop, str(path), str(out), str(model)]
    assert subprocess.run(words, capture_output=True).returncode != 0
    assert (tmp_path / ".out.partial" / ".progress" / "a.state").exists()
    with pytest.raises(LandcoverError, match="was begun with other options"):
        landcover.predict(path, out, model=model, resume=True)
    landcover.predict(path, out, model=model, tta=True, resume=True)
    landcover.predict(path, tmp_path / "whole", model=model, tta=True)
    for name in ("maps/a.tif", "distributions.csv", "predict.json", "report.html", "items/a.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert len(pd.read_csv(out / "distributions.csv")) == 1
