from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import read_tiff
from hypothesis import given, settings
from hypothesis import strategies as st

from landcover.chips.overlap import sharing, signature
from landcover.chips.split import overlapping

SIZE = 128


def ground(kind: str = "uint16", seed: int = 0) -> np.ndarray[Any, Any]:
    """Smooth ground with a little noise, as in an image from space."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(200, 3000, (4, 60, 60)).repeat(8, axis=1).repeat(8, axis=2)
    return (coarse + rng.normal(0, 20, coarse.shape)).astype(kind)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 150), st.integers(0, 150), st.sampled_from(["uint16", "int16", "float32"]))
def test_chips_that_share_32_px_are_found_wherever_they_lie(y: int, x: int, kind: str) -> None:
    scene = ground(kind)
    a, b = scene[:, :SIZE, :SIZE], scene[:, y : y + SIZE, x : x + SIZE]
    found = len(sharing([signature(a), signature(b)]))
    if max(y, x) <= SIZE - 32:
        assert found == 1
    elif max(y, x) >= SIZE:
        assert found == 0


def test_other_ground_is_not_confused() -> None:
    assert len(sharing([signature(ground(seed=i)) for i in range(20)])) == 0


@pytest.mark.parametrize("value", [0, 500])
def test_flat_and_empty_ground_is_no_sign_of_overlap(value: int) -> None:
    chips = [ground(seed=i)[:, :SIZE, :SIZE] for i in range(2)]
    for chip in chips:
        chip[:, 20:] = value
    assert len(sharing([signature(chip) for chip in chips])) == 0


def test_chips_smaller_than_a_patch_and_no_chips_at_all() -> None:
    assert len(sharing([signature(np.ones((4, 3, 3), np.uint16))] * 2)) == 0
    assert sharing([]).shape == (0, 2)


def test_the_real_chips_overlap_by_pixels_where_they_overlap_by_place(chips_west: Path) -> None:
    chips = pd.read_csv(chips_west / "splits.csv")
    signatures = [signature(read_tiff(chips_west / "images" / f"{i}.tif")) for i in chips["sample_id"]]
    expected = np.sort(overlapping(chips), axis=1).tolist()
    assert len(expected) > 50
    assert sorted(sharing(signatures).tolist()) == sorted(expected)
