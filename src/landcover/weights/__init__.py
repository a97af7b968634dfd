"""The model in the box."""

from __future__ import annotations

from pathlib import Path

from landcover.errors import LandcoverError
from landcover.files import sha256

SHA256 = {
    "box.onnx": "1bbfb29de90c629d794c2a27c65d51177699caf0f05a924c13cbad709e172c4a",
    "box.int8.onnx": "9620a193a7287a25dc960a0f822c6aaf3d8a4e60e5d5cf7799de1f941a3a27b9",
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
