"""Maps for the tests of change and series."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from rasterio import CRS, Affine
from scipy import ndimage

from landcover.imagery.image import Place
from landcover.imagery.write import write_map
from landcover.legend import S2GLC

UTM = Place(CRS.from_epsg(32631), Affine(10, 0, 600_000, 0, -10, 5_100_000))


def blobs(seed: int, shape: tuple[int, int] = (90, 70)) -> np.ndarray[Any, Any]:
    """A map of patches of several sizes."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(4, *shape)), (0, 3, 3))
    return np.array([2, 3, 4, 9], np.uint8)[noise.argmax(axis=0)]


def folder_of(path: Path, record: dict[str, Any], seed: int) -> Path:
    """A map in a prediction folder that says what it was made with."""
    for name in ("maps", "items"):
        (path / name).mkdir(parents=True)
    write_map(path / "maps" / "x.tif", blobs(seed), S2GLC, UTM)
    item = {"properties": {"datetime": f"2020-01-{10 + seed}T10:00:00Z"}}
    (path / "items" / "x.json").write_text(json.dumps(item))
    full = {
        "model": {"file": "m.onnx", "sha256": "a" * 64},
        "legend": S2GLC.to_dict(),
        "options": {"scale": 1.0, "offset": 0.0},
        "warnings": [],
    }
    (path / "predict.json").write_text(json.dumps(full | record))
    return path / "maps" / "x.tif"
