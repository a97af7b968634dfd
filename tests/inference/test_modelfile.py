"""Model files: what is written is read back, and others are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from landcover.errors import LandcoverError
from landcover.inference.engine import Engine
from landcover.inference.modelfile import Card, read_model

from .models import card, tiny_model


def test_card_survives_the_file(tmp_path: Path) -> None:
    _, found = read_model(tiny_model(tmp_path / "m.onnx"))
    assert found == card()


@pytest.mark.parametrize("key", ["legend", "classes", "bands", "statistics", "window", "decoder", "format"])
def test_missing_key_is_named(key: str) -> None:
    data = json.loads(card().to_json())
    del data[key]
    with pytest.raises(LandcoverError, match=key):
        Card.from_json(json.dumps(data), Path("m.onnx"))


def test_onnx_from_elsewhere_is_refused(tmp_path: Path) -> None:
    import onnx

    model = onnx.load(tiny_model(tmp_path / "m.onnx"))
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(LandcoverError, match="lacks the key 'landcover'"):
        read_model(tmp_path / "other.onnx")


def test_what_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("no model")
    with pytest.raises(LandcoverError, match=r"can't be read as ONNX"):
        read_model(tmp_path / "m.onnx")
    with pytest.raises(LandcoverError, match="is not there"):
        read_model(tmp_path / "none.onnx")


def test_engine_keeps_the_order_of_images_of_several_sizes(tmp_path: Path) -> None:
    engine = Engine(tiny_model(tmp_path / "m.onnx"), "float32")
    rng = np.random.default_rng(0)
    images = [
        rng.uniform(0, 3000, (4, 32 * h, 32 * w)).astype(np.float32)
        for h, w in [(1, 2), (2, 1), (1, 2), (2, 2)]
    ]
    together = list(enumerate(engine.probabilities(images)))
    assert [key for key, _ in together] == [0, 1, 2, 3]
    for key, found in together:
        (alone,) = engine.probabilities([images[key]])
        assert found.shape == (8, *images[key].shape[1:])
        assert np.array_equal(found, alone)
        assert np.allclose(found.sum(axis=0), 1, atol=1e-5)


def test_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LandcoverError, match="--precision"):
        Engine(tiny_model(tmp_path / "m.onnx"), "int4")  # type: ignore[arg-type]
