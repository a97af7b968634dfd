"""The model in the box."""

from __future__ import annotations

from pathlib import Path

from landcover.errors import LandcoverError
from landcover.files import sha256

SHA256 = {
    "box.onnx": "857529c0592002e73458c82c49818194ff764e2cf9894c73f32e1c88e9f02f09",
    "box.int8.onnx": "1c0d4931d1f8a72cfd7edb407b88be6c5a60c226ae02c8a0e590b45550922862",
}


def box_model() -> Path:
    """Path of the model in the box, after checking that it and its int8 copy are those that were shipped."""
    for name, digest in SHA256.items():
        path = Path(__file__).with_name(name)
        if not path.is_file() or sha256(path) != digest:
            raise LandcoverError(
                path,
                "is missing or damaged",
                "the model that was shipped",
                "install landcover again, or give --model",
            )
    return Path(__file__).with_name("box.onnx")
