"""The model in the box."""

from __future__ import annotations

from pathlib import Path

from landcover.errors import LandcoverError
from landcover.files import sha256

SHA256 = {
    "box.onnx": "a2d73f04627a896208aeafa7591297fc4396ca20182eb23c3b29e0e24778d5b3",
    "box.int8.onnx": "5b96a54886dcb9e96279a3cae4680fef0a2ab84822e4d9cc31b0a0f709cac7cb",
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
