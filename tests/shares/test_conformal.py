"""Conformal intervals: they hold what they promise, and say where they promise nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from landcover.shares.conformal import (
    Conformal,
    SizeClass,
    blocks_needed,
    deviation,
    fit_conformal,
    intervals_for,
    quantile,
    scores,
)
from landcover.shares.decode import Decoder
from landcover.shares.tiles import TILE, Tiles

CLASSES = 4
KNOWN = Conformal(
    0.9,
    Decoder(),
    tuple(SizeClass(side, 20, 20, (q, 2 * q, q, None), 3 * q) for side, q in ((64, 0.2), (128, 0.1))),
    {"part": "val"},
)


def ground(rng: np.random.Generator, chips: int, tiles: int = 4) -> Tiles:
    """Chips of exchangeable places: each has its own shares, and its own error of the model."""
    shape = (chips, CLASSES, tiles, tiles)
    place = rng.dirichlet(np.ones(CLASSES), chips)[:, :, None, None]
    true = np.broadcast_to(place, shape) + rng.gamma(0.3, 0.2, shape)
    wrong = rng.normal(0, 0.3, (chips, CLASSES, 1, 1)) + rng.normal(0, 0.2, shape)
    predicted = true * np.exp(wrong)
    sums = [part / part.sum(axis=1, keepdims=True) * TILE**2 for part in (predicted, true)]
    return Tiles(*sums, pd.DataFrame({"scene": range(chips), "row": 0, "column": 0}))


def held(known: Conformal, tiles: Tiles, side: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Whether the intervals hold the truth: windows × classes, and of each window all at once."""
    found = tiles.windows(side)
    share = [sums / sums.sum(axis=1, keepdims=True) for sums in (found.predicted, found.true)]
    i = intervals_for(share[0], np.full(len(share[0]), side**2), known)
    return (
        (i.low <= share[1]) & (share[1] <= i.high),
        ((i.joint_low <= share[1]) & (share[1] <= i.joint_high)).all(axis=1),
    )


@given(st.integers(1, 60), st.floats(0.5, 0.99), st.integers(0, 2**32 - 1))
def test_with_one_window_a_block_it_is_the_order_statistic(blocks: int, level: float, seed: int) -> None:
    values = np.random.default_rng(seed).random(blocks)
    position = int(np.ceil(level * (blocks + 1) - 1e-9))
    wanted = np.sort(values)[position - 1] if position <= blocks else np.inf
    assert quantile(values, np.arange(blocks), level) == wanted


def test_a_block_weighs_the_same_whatever_its_windows() -> None:
    values, blocks = np.arange(19.0), np.arange(19)
    many = np.concatenate([values, np.zeros(999)]), np.concatenate([blocks, np.zeros(999, int)])
    assert quantile(*many, 0.9) == quantile(values, blocks, 0.9) == 17


@pytest.mark.parametrize("side", [64, 256])
def test_exchangeable_places_are_covered_as_promised(side: int) -> None:
    rng = np.random.default_rng(1)
    single, joint = [], []
    for _ in range(150):
        known = fit_conformal(ground(rng, 19), Decoder(), {}, sides=(side,))
        assert known is not None
        one, together = held(known, ground(rng, 12), side)
        single.append(one.mean())
        joint.append(together.mean())
    for found in (single, joint):
        error = np.std(found) / np.sqrt(len(found))
        assert 0.9 - 3 * error < np.mean(found) < 0.9 + 1 / 20 + 3 * error


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.integers(64**2, 128**2))
def test_intervals_hold_the_share_lie_in_0_to_1_and_the_joint_ones_are_no_narrower(
    values: list[float], pixels: int
) -> None:
    shares = np.array([values]) / max(sum(values), 1)
    i = intervals_for(shares, [pixels], KNOWN)
    known = np.s_[:, :3]
    assert (i.low[known] <= shares[known]).all()
    assert (i.high[known] >= shares[known]).all()
    assert (i.joint_low[known] <= i.low[known]).all()
    assert (i.joint_high[known] >= i.high[known]).all()
    assert i.joint_low[known].min() >= 0
    assert i.joint_high[known].max() <= 1


def test_no_interval_outside_the_sizes_nor_for_a_class_never_seen() -> None:
    i = intervals_for(np.full((4, 4), 0.25), [64**2 - 1, 64**2, 128**2, 128**2 + 1], KNOWN)
    assert np.isnan(i.low[[0, 3]]).all()
    assert np.isnan(np.stack([i.low, i.high, i.joint_low, i.joint_high])[:, :, 3]).all()
    assert not np.isnan(i.low[1:3, :3]).any()
    assert i.high[1, 0] - i.high[2, 0] == pytest.approx(0.1 * deviation(np.array(0.25)))


def test_between_two_sizes_the_smaller_counts() -> None:
    shares = np.full((2, 4), 0.25)
    i = intervals_for(shares, [64**2, 128**2 - 1], KNOWN)
    assert (i.low[0, :3] == i.low[1, :3]).all()


def test_it_survives_json_and_is_the_same_each_time() -> None:
    assert Conformal.from_dict(KNOWN.to_dict()) == KNOWN
    one, two = (fit_conformal(ground(np.random.default_rng(5), 12), Decoder(), {}) for _ in range(2))
    assert one == two
    assert one is not None
    assert [size.side for size in one.sizes] == [64, 128, 256]


def test_too_few_blocks_promise_nothing() -> None:
    assert fit_conformal(ground(np.random.default_rng(0), 10), Decoder(), {}) is None
    assert fit_conformal(ground(np.random.default_rng(0), 11), Decoder(), {}) is not None


@given(st.floats(0.5, 0.995))
@example(0.9)
def test_blocks_needed_are_the_fewest_that_seldom_miss_twice_what_is_promised(level: float) -> None:
    """By the Beta distribution of the coverage of one calibration, with its ⌈level (K + 1)⌉-th score."""

    fewest = blocks_needed(level)
    blocks = np.arange(1, fewest + 100)
    index = np.ceil(level * (blocks + 1) - 1e-9)
    seldom = beta.cdf(1 - 2 * (1 - level), index, np.maximum(blocks + 1 - index, 1)) <= 0.1
    sure = (index <= blocks) & seldom
    assert not sure[: fewest - 1].any()
    assert sure[fewest - 1 :].all()


def test_a_size_with_too_few_blocks_has_no_interval() -> None:
    """Chips in squares of four: 40 blocks of 256 px are 10 of 512 px."""
    at = np.arange(40)
    places = pd.DataFrame({"scene": at // 4, "row": 4 * (at % 2), "column": 4 * (at // 2 % 2)})
    tiles = replace(ground(np.random.default_rng(0), 40), places=places)
    known = fit_conformal(tiles, Decoder(), {}, sides=(256, 512))
    assert [len(tiles.windows(side).true) for side in (256, 512)] == [40, 10]
    assert known is not None
    assert [size.side for size in known.sizes] == [256]
    assert known.size_class(512**2) is None


def test_a_class_absent_from_calibration_has_no_bound() -> None:
    tiles = ground(np.random.default_rng(0), 24)
    tiles.true[:, 3] = 0
    known = fit_conformal(tiles, Decoder(), {})
    assert known is not None
    assert all(size.quantiles[3] is None and None not in size.quantiles[:3] for size in known.sizes)


def test_a_class_that_is_predicted_as_0_still_has_a_scale() -> None:
    assert scores(np.zeros(1), np.array([0.02])) == pytest.approx(2)


def test_shares_that_rounding_puts_beyond_0_and_1_have_intervals() -> None:
    i = intervals_for(np.array([[1 + 1e-7, -1e-7, 0.0, 0.0]]), [64**2], KNOWN)
    assert np.isfinite(np.stack([i.low, i.high, i.joint_low, i.joint_high])[:, :, :3]).all()


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([64, 128, 192, 256, 320]))
def test_windows_share_no_pixel_and_are_wholly_covered(seed: int, side: int) -> None:
    """Chips of 256 px at a stride of 192, some missing: each pixel is labelled with its own place."""
    rng = np.random.default_rng(seed)
    corners = [(y, x) for y in (0, 192, 384) for x in range(0, 960, 192) if rng.random() < 0.8] or [(0, 0)]
    places = pd.DataFrame(corners, columns=["y0", "x0"]).assign(scene="a")
    targets = np.zeros((len(corners), 256, 256), np.uint8)
    p = np.ones((len(corners), 1, 256, 256), np.float32)
    found = Tiles.of(p, targets, Decoder(), places).windows(side)
    covered = np.zeros((640, 1024), bool)
    for y, x in corners:
        covered[y : y + 256, x : x + 256] = True
    assert (found.true.sum(axis=1) == side**2).all()
    assert found.true.sum() <= covered.sum()
    if side <= 256:
        assert len(found.true) > 0


def test_chips_of_one_scene_make_windows_larger_than_a_chip() -> None:
    places = pd.DataFrame({"scene": "a", "y0": [0, 0, 192, 192], "x0": [0, 192, 0, 192]})
    p, targets = np.ones((4, 1, 256, 256), np.float32), np.zeros((4, 256, 256), np.uint8)
    together, alone = Tiles.of(p, targets, Decoder(), places), Tiles.of(p, targets, Decoder())
    assert len(together.windows(384).true) == 1
    assert len(alone.windows(384).true) == 0
    assert len(alone.windows(256).true) == 4
    assert together.windows(448).predicted.tolist() == [[448.0**2]]


def test_unlabelled_ground_is_left_out() -> None:
    targets = np.zeros((1, 256, 256), np.uint8)
    targets[:, :64, :40] = 255  # more than half of a tile
    assert len(Tiles.of(np.ones((1, 1, 256, 256)), targets, Decoder()).windows(256).true) == 0
    targets[:, :64, :30] = 255
    targets[:, :64, 30:40] = 0
    tiles = Tiles.of(np.ones((1, 1, 256, 256)), targets, Decoder())
    assert tiles.windows(256).true.tolist() == [[256**2 - 30 * 64]]
