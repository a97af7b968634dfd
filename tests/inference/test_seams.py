"""On a real scene with the model in the box: no seams, and a map that hardly depends on where windows lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import landcover
from landcover.imagery.image import BANDS
from landcover.inference.engine import Engine
from landcover.inference.windows import Axis
from landcover.weights import box_model

ROWS = 1536


def crop(data: Path, to: Path, beyond: int) -> Path:
    with rasterio.open(data / "challenge48" / "south.tif") as source:
        pixels = source.read()[:, beyond : ROWS + beyond, beyond:4096]
    profile = dict(driver="GTiff", count=4, height=pixels.shape[1], width=pixels.shape[2], dtype="uint16")
    with rasterio.open(to, "w", tiled=True, **profile) as target:
        target.write(pixels)
        target.descriptions = BANDS
    return to


@pytest.fixture(scope="module")
def maps(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """Maps of the scene, cropped further in by some px."""
    folder, found = tmp_path_factory.mktemp("seams"), {}
    for beyond in (0, 64):
        out = folder / str(beyond)
        landcover.predict(crop(data, folder / "scene.tif", beyond), out)
        with rasterio.open(out / "maps" / "scene.tif") as file:
            found[beyond] = file.read(1)
    return found


def test_classes_change_in_seams_as_often_as_elsewhere(maps: dict[int, Any]) -> None:
    card, codes = Engine(box_model()).card, maps[0]
    changes = (codes[:, 1:] != codes[:, :-1]).mean(axis=0)
    axis = Axis.cover(codes.shape[1], card.window, card.overlap)
    seam = np.zeros(len(changes), bool)
    for start in axis.seams:
        seam[start - 1 : start + card.overlap] = True
    assert 0.9 < changes[seam].mean() / changes[~seam].mean() < 1.1  # few columns: 4 % is chance


def test_a_scene_cropped_further_in_gives_the_same_map(maps: dict[int, Any]) -> None:
    first, second = maps[0][64:, 64:], maps[64][: ROWS - 64]
    assert (first == second).mean() > 0.995
