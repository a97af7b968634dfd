"""Intervals and flags."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from landcover.errors import LandcoverError
from landcover.statistics.areas.estimators import Sample, estimate
from landcover.statistics.areas.publish import (
    Limits,
    accuracy_interval,
    area_interval,
    flags,
    least_variation,
    wilson,
)


@given(st.integers(2, 300), st.data())
def test_wilson_is_the_score_interval_of_a_simple_random_sample(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    share = np.array([right / n])
    low, high = wilson(share, np.sqrt(share * (1 - share) / n), n)
    expected = binomtest(right, n).proportion_ci(0.95, "wilson")
    assert (low[0], high[0]) == (
        pytest.approx(expected.low, abs=1e-4),
        pytest.approx(expected.high, abs=1e-4),
    )


def test_an_error_of_0_is_no_interval_of_width_0() -> None:
    for kind in ("normal", "wilson"):
        low, high = area_interval(np.array([0.0, 90.0]), np.array([np.nan, 0.0]), 100.0, 2.0, kind)
        np.testing.assert_allclose(low, [0, 90 - 2 * 3.689], atol=1e-3)
        np.testing.assert_allclose(high, [2 * 3.689, 90 + 2 * 3.689], atol=1e-3)
    low, high = accuracy_interval(np.array([1.0]), np.array([0.0]), 30, "normal")
    assert low[0] == pytest.approx(0.886, abs=1e-3)


def test_intervals_stay_between_nothing_and_all() -> None:
    value, error = np.array([99.0, 1.0]), np.array([3.0, 3.0])
    for kind in ("normal", "wilson"):
        low, high = area_interval(value, error, 100.0, 2.0, kind)
        assert np.all((low >= 0) & (low < value) & (value < high) & (high <= 100))
    np.testing.assert_allclose(
        area_interval(value, error, 100.0, 2.0, "wilson")[0], 100 * wilson(value / 100, error / 100, 1)[0]
    )


def test_flags_go_by_the_coefficient_of_variation() -> None:
    value, error = np.array([100.0, 100.0, 100.0, 0.0, np.nan]), np.array([16.5, 16.6, 33.4, np.nan, np.nan])
    low, high = value - 1.96 * error, value + 1.96 * error
    assert flags(value, error, low, high, Limits()) == ["publish", "caution", *["suppress"] * 3]
    assert flags(value, error, low, high, Limits(0.3, 0.4))[:3] == ["publish", "publish", "caution"]
    assert set(flags(value, error, low, high, Limits(), False)) == {"no probability sample"}


def test_two_points_that_agree_are_not_published() -> None:
    share, error = np.array([1.0]), np.array([0.0])
    assert flags(share, error, *wilson(share, error, 2), Limits()) == ["caution"]


def test_limits_in_no_order_are_refused() -> None:
    with pytest.raises(LandcoverError, match="--caution and --suppress"):
        Limits(0.5, 0.2).check()


def test_a_rare_class_that_a_large_stratum_may_hide_is_not_published() -> None:
    """60 ha mapped, 57 right; 40 ha are omitted in 99,940 ha, of which 300 points rarely meet any."""
    rng = np.random.default_rng(0)
    right, met = rng.binomial(50, 57 / 60, 500), rng.binomial(300, 40 / 99_940, 500)
    counts = np.zeros((500, 2, 2, 2), np.int64)
    counts[:, 0, 0], counts[:, 1, 1] = np.stack([[right, 50 - right], [met, 300 - met]]).swapaxes(-1, -2)
    found = estimate(Sample.of_counts(counts, [60.0, 99_940.0]))
    low, high = area_interval(found.area, found.area_se, found.whole, found.heaviest[:, None], "wilson")
    holds = (low[:, 0] <= 97) & (high[:, 0] >= 97)
    assert holds.mean() < 0.5  # so the flags must say it
    least = least_variation(found.area, found.unseen)
    area, error, low, high, least = (x[:, 0] for x in (found.area, found.area_se, low, high, least))
    assert set(flags(area, error, low, high, Limits(), True, least)) == {"suppress"}
    np.testing.assert_allclose(found.unseen[met == 0, 0], 99_940 / 300)


def test_what_could_hide_is_bound_by_points_that_showed_none() -> None:
    """Of T ha in points of weights w, none is met with exp(−Σ T / w): 2.5 % at the bound of the heaviest."""
    counts = np.array([[[90, 0], [0, 10]], [[0, 0], [0, 100]], [[0, 0], [0, 50]]])
    found = estimate(Sample.of_counts(counts, [1000.0, 1000.0, 1000.0]))
    np.testing.assert_allclose(found.unseen, [20.0, 0.0])
    least = least_variation(found.area, found.unseen)
    assert np.exp(-1.96 * least[0] * found.area[0] / 20) == pytest.approx(0.025)
    assert np.isinf(least_variation(np.array([0.0]), np.array([20.0])))[0]
