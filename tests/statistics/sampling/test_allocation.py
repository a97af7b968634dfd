"""Allocation: sums, bounds and proportions of any strata; the published sample size; least error."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landcover.statistics.sampling.allocation import (
    Floats,
    Ints,
    allocate,
    expected_error,
    points_for,
    weights_of,
)


@st.composite
def strata(draw: st.DrawFn) -> tuple[Floats, Ints, Ints, int]:
    """Weights, least and most points of some strata, and a number of points that these allow."""
    number = draw(st.integers(1, 9))
    weights = draw(st.lists(st.floats(1e-6, 1), min_size=number, max_size=number))
    most = draw(st.lists(st.integers(2, 10**6), min_size=number, max_size=number))
    least = np.minimum(draw(st.integers(2, 60)), most)
    return np.array(weights), least, np.array(most), draw(st.integers(int(least.sum()), sum(most)))


@given(strata())
def test_points_sum_keep_bounds_and_follow_weights(case: tuple[Floats, Ints, Ints, int]) -> None:
    weights, least, most, points = case
    found = allocate(points, weights, least, most)
    assert found.sum() == points
    assert (found >= least).all()
    assert (found <= most).all()
    free = (found > least) & (found < most)
    for a, b in itertools.combinations(np.flatnonzero(free), 2):
        low, high = (found[a] - 1) / (found[b] + 1), (found[a] + 1) / max(found[b] - 1, 1e-9)
        assert low <= weights[a] / weights[b] * (1 + 1e-6)
        assert weights[a] / weights[b] <= high * (1 + 1e-6)


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 0.99)), min_size=2, max_size=4),
    st.integers(10, 24),
)
def test_no_allocation_is_expected_to_be_better_than_neymans(
    strata: list[tuple[float, float]], points: int
) -> None:
    shares, accuracies = (np.array(c) for c in zip(*strata, strict=True))
    shares /= shares.sum()
    most, least = np.full(len(shares), 10**9), np.full(len(shares), 2)
    found = allocate(points, weights_of("neyman", shares, accuracies), least, most)
    error = expected_error(found, shares, accuracies, most)
    for a, b in itertools.permutations(range(len(shares)), 2):
        moved = found.copy()
        moved[a] += 2  # by one, rounding may win
        moved[b] -= 2
        if moved[b] >= 2:
            assert error <= expected_error(moved, shares, accuracies, most) + 1e-12


def test_equal_and_proportional() -> None:
    shares, most, least = np.array([0.7, 0.2, 0.1]), np.full(3, 1000), np.full(3, 2)
    none = np.full(3, np.nan)
    assert list(allocate(100, weights_of("equal", shares, none), least, most)) == [34, 33, 33]
    assert list(allocate(100, weights_of("proportional", shares, none), least, most)) == [70, 20, 10]


def test_the_sample_size_of_olofsson_2014() -> None:
    shares, accuracies = np.array([0.02, 0.015, 0.32, 0.645]), np.array([0.7, 0.6, 0.9, 0.95])
    pixels = np.rint(shares * 10**7).astype(np.int64)
    weights = weights_of("neyman", shares, accuracies)
    least = np.full(4, 2)
    assert points_for(0.01, weights, shares, accuracies, least, pixels) == 641
    with_minimum = points_for(0.01, weights, shares, accuracies, np.full(4, 75), pixels)
    assert with_minimum > 641
    found = allocate(with_minimum, weights, np.full(4, 75), pixels)
    assert expected_error(found, shares, accuracies, pixels) <= 0.01
    proportional = points_for(0.01, shares, shares, accuracies, least, pixels)
    assert proportional == pytest.approx((shares * accuracies * (1 - accuracies)).sum() / 0.01**2, abs=2)


def test_all_pixels_leave_no_error() -> None:
    shares, accuracies, pixels = np.array([0.5, 0.5]), np.array([0.7, 0.9]), np.array([30, 40])
    assert expected_error(pixels, shares, accuracies, pixels) == 0
    assert points_for(1e-9, shares, shares, accuracies, np.array([2, 2]), pixels) == 70
