"""The model in the box."""

from __future__ import annotations

from pathlib import Path

from landcover.errors import LandcoverError
from landcover.files import sha256

SHA256 = "b1e2f53665f88e87cd75be4c45a7846ebc0fe08d32fd399f23bad5270ed3406b"


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
