"""The model in the box."""

from __future__ import annotations

from pathlib import Path

from landcover.errors import LandcoverError
from landcover.files import sha256

SHA256 = {
    "box.onnx": "2723208bb84bdcd47b3c2fb4c00a2d17c2f4e2429d65e753722332df3877613d",
    "box.int8.onnx": "9310fd2d2ef9513870e9e3636152f0a88af5bb8984cedfe0e17566b4da2079ee",
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
