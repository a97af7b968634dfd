"""The model in the box."""

from __future__ import annotations

from pathlib import Path

from landcover.errors import LandcoverError
from landcover.files import sha256

SHA256 = "c86b91e0d107710a2cf30f8d049047477e89feee89d757291c868a9c42f5342b"


def box_model() -> Path:
    """Path of the model in the box, after checking that it is the one that was shipped."""
    path = Path(__file__).with_name("box.onnx")
    if not path.is_file() or sha256(path) != SHA256:
        raise LandcoverError(
            path,
            "is missing or damaged",
            "the model that was shipped",
            "install landcover again, or give --model",
        )
    return path
