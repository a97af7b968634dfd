"""Drawn lakes are water in image and mask alike, in the colours of real water."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landcover.errors import LandcoverError
from landcover.legend import S2GLC
from landcover.training.data import Chips
from landcover.training.lakes import LARGEST, Lakes

BANDS = ("B02", "B03", "B04", "B08")
WATER = S2GLC.label_names.index("water")
WET, DRY, LAND = (300.0, 500.0, 200.0, 100.0), (400.0, 500.0, 600.0, 900.0), (400.0, 600.0, 500.0, 3000.0)


def chips(wet: bool = True) -> Chips:
    image = np.tile(np.reshape(LAND, (4, 1, 1)), (1, 1, 64, 64)).astype(np.float32)
    target = np.zeros((1, 64, 64), np.uint8)
    target[:, :2] = WATER
    image[0, :, 0] = np.reshape(WET if wet else DRY, (4, 1))
    image[0, :, 1] = np.reshape(DRY, (4, 1))
    return Chips(("1",), image, target, len(S2GLC.labels))


def test_colours_are_those_of_water_that_is_wet_that_day() -> None:
    lakes = Lakes.of(chips(), S2GLC, BANDS, 0.5)
    assert np.array_equal(lakes.colours, np.tile(WET, (64, 1)))


def test_chips_without_open_water_are_refused() -> None:
    with pytest.raises(LandcoverError, match=r"augmentation.lakes.*no training chip shows open water"):
        Lakes.of(chips(wet=False), S2GLC, BANDS, 0.5)


@given(st.integers(0, 10_000))
def test_a_lake_is_water_in_image_and_mask(seed: int) -> None:
    lakes, land = Lakes.of(chips(), S2GLC, BANDS, 1.0), np.zeros((64, 64), np.uint8)
    image = np.tile(np.reshape(LAND, (4, 1, 1)), (64, 64)).astype(np.float32)
    drawn, target = lakes.draw(image, land, np.random.default_rng(seed))
    lake = target == WATER
    assert lake.mean() <= LARGEST + 1e-3
    assert (target[~lake] == 0).all()
    assert (drawn > 0).all()
    infrared = drawn[3]
    inner = lake & (infrared < 400)
    assert inner.sum() >= 0.3 * lake.sum() - 40  # all but the shore, where water and land mix
    far = np.abs(infrared - 3000) < 1
    assert not (far & lake).any()


def test_only_the_given_share_of_chips_gets_a_lake() -> None:
    lakes, land = Lakes.of(chips(), S2GLC, BANDS, 0.2), np.zeros((64, 64), np.uint8)
    image = np.tile(np.reshape(LAND, (4, 1, 1)), (64, 64)).astype(np.float32)
    same = [lakes.draw(image, land, np.random.default_rng(seed))[0] is image for seed in range(500)]
    assert 0.75 < np.mean(same) < 0.85
