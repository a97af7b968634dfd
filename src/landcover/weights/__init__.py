"""The model in the box."""

from __future__ import annotations

from pathlib import Path

from landcover.errors import LandcoverError
from landcover.files import sha256

SHA256 = {
    "box.onnx": "9ede6eae8d79826d62bdd8ad30216caddb78cb02062e89437fb74689ad203e88",
    "box.int8.onnx": "8b5adb27edace56ce964a73d7daf4653a28f602839832cd82a47b1291e3e8cb9",
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
