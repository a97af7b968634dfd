"""Rates and their intervals over blocks of ground."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landcover.statistics.confrontation.rates import rate


def test_alike_blocks_of_a_proportion_give_wilsons_interval() -> None:
    """Single objects as blocks: the effective number is theirs, but for n − 1 instead of n."""
    part = np.array([1] * 30 + [0] * 70)
    r, low, high = rate(part, np.ones(100), 100)
    z = 1.9842  # Student's t, 99 degrees
    n = 99
    middle = (0.3 + z**2 / 2 / n) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(0.3 * 0.7 / n + z**2 / 4 / n**2)
    assert (r, low, high) == pytest.approx((0.3, middle - half, middle + half), rel=1e-4)


def test_an_interval_is_never_of_width_0_nor_of_few_blocks() -> None:
    for value in (0, 1):
        r, low, high = rate(np.full(20, value), np.ones(20))
        assert r == value
        assert high - low > 0.1
    assert np.isnan(rate([0, 1, 1, 0], [1, 1, 1, 1])[1:]).all()
    assert np.isnan(rate([], [])).all()
    assert np.isnan(rate([0, 0], [0, 0])).all()


def test_clumped_errors_give_a_wider_interval_than_spread_ones() -> None:
    spread = rate(np.tile([0.05, 0.15], 25), np.ones(50))
    clumped = rate(np.repeat([0.0, 1.0], [45, 5]), np.ones(50))
    assert spread[0] == pytest.approx(clumped[0])
    assert clumped[2] - clumped[1] > 2 * (spread[2] - spread[1])


def test_intervals_hold_the_rate_of_the_ground_that_blocks_are_drawn_from() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        whole = rng.gamma(2, 1, 60)
        errors = rng.beta(0.5, 3.5, 60)  # of blocks; their mean is 1/8, whatever they hold
        _, low, high = rate(errors * whole, whole)
        held += low <= 0.125 <= high
    assert 0.92 <= held / 400 <= 0.98


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 100)), min_size=5, max_size=40))
def test_the_rate_lies_in_its_interval_and_that_within_0_and_1(blocks: list[tuple[float, float]]) -> None:
    share, whole = np.array(blocks).T
    r, low, high = rate(share * whole, whole)
    assert 0 <= low <= r + 1e-9
    assert r - 1e-9 <= high <= 1
