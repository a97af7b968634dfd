"""Augmentation moves image and mask together, and the light of the image alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from landcover.training.augment import augment
from landcover.training.recipe import Augmentation

STILL = Augmentation(gain=0, band_gain=(0, 0, 0, 0), haze=(0, 0))


@given(st.integers(0, 10_000))
def test_image_and_mask_move_together(seed: int) -> None:
    mask = np.random.default_rng(seed).integers(0, 8, (16, 16)).astype(np.uint8)
    image = np.repeat(mask[None].astype(np.float32), 4, axis=0)
    moved, target = augment(image, mask, STILL, np.random.default_rng(seed))
    assert np.array_equal(moved[0], target)
    assert sorted(target.ravel()) == sorted(mask.ravel())


def test_all_eight_symmetries_are_drawn() -> None:
    mask = np.arange(16, dtype=np.uint8).reshape(4, 4)
    image = np.zeros((4, 4, 4), np.float32)
    seen = {augment(image, mask, STILL, np.random.default_rng(s))[1].tobytes() for s in range(200)}
    assert len(seen) == 8


def test_crops_are_pieces_of_the_chip_from_all_over() -> None:
    mask = np.arange(64 * 96, dtype=np.int64).reshape(64, 96)
    image = np.repeat(mask[None].astype(np.float32), 4, axis=0)
    settings = STILL.model_copy(update={"crop": 32, "turns": False, "flips": False})
    corners = set()
    for seed in range(300):
        seen, target = augment(image, mask, settings, np.random.default_rng(seed))  # type: ignore[arg-type]
        assert seen.shape == (4, 32, 32)
        assert np.array_equal(seen[0], target)
        corners.add(divmod(int(target[0, 0]), 96))
    rows, columns = zip(*corners, strict=True)
    assert (min(rows), max(rows), min(columns), max(columns)) == (0, 32, 0, 64)


def test_light_changes_bands_by_gain_and_haze() -> None:
    image = np.stack([np.full((4, 4), v, np.float32) for v in (300, 500, 400, 3000)])
    mask = np.zeros((4, 4), np.uint8)
    seen = np.stack([augment(image, mask, Augmentation(), np.random.default_rng(s))[0] for s in range(500)])
    ratio = seen[:, 3, 0, 0] / 3000
    assert 0.9 < np.median(ratio) < 1.1
    assert 0.12 < np.log(ratio).std() < 0.24
    assert seen[:, 0, 0, 0].mean() > 330  # haze adds to blue most
    assert (seen[:, 0] == seen[:, 0, :1, :1]).all()  # the same for every pixel


def test_the_same_draw_gives_the_same_view() -> None:
    image = np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)
    mask = np.zeros((8, 8), np.uint8)
    one, two = (augment(image, mask, Augmentation(), np.random.default_rng(5))[0] for _ in range(2))
    assert np.array_equal(one, two)


def test_blur_and_coarser_pixels_take_sharpness_and_keep_brightness() -> None:
    image = np.random.default_rng(0).uniform(500, 1500, (4, 64, 64)).astype(np.float32)
    mask = np.zeros((64, 64), np.uint8)
    sharp = abs(np.diff(image, axis=2)).mean()
    for settings in ({"blur": 1.0}, {"coarse": 1.0}):
        changed = Augmentation(gain=0, band_gain=(0, 0, 0, 0), haze=(0, 0), **settings)
        for seed in range(10):
            seen, _ = augment(image, mask, changed, np.random.default_rng(seed))
            assert seen.shape == image.shape
            assert abs(np.diff(seen, axis=2)).mean() < 0.95 * sharp
            assert abs(seen.mean() - image.mean()) < 10


def test_an_offset_moves_all_bands_alike() -> None:
    image = np.full((4, 4, 4), 1000, np.float32)
    moved = Augmentation(gain=0, band_gain=(0, 0, 0, 0), haze=(0, 0), offset=150)
    seen = [augment(image, image[0].astype(np.uint8), moved, np.random.default_rng(s))[0] for s in range(99)]
    assert all(np.ptp(s) == 0 for s in seen)
    added = np.array([s[0, 0, 0] for s in seen]) - 1000
    assert -150 <= added.min() < -100
    assert 100 < added.max() <= 150
