"""Estimators: the published examples to the last digit, and what must hold of any sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landcover.statistics.areas.estimators import Estimate, Sample, estimate
from landcover.statistics.areas.publish import accuracy_interval, area_interval

# Olofsson et al. 2014, Remote Sensing of Environment 148, 42-57, table 8: deforestation, forest gain, stable
# forest, stable non-forest; rows are the map.
OLOFSSON = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
OLOFSSON_HA = [18_000, 13_500, 288_000, 580_500]
# Stehman 2014, International Journal of Remote Sensing 35, 4923-4939, table 2: ten points, as map class
# and reference class, in each of four strata of 40,000, 30,000, 20,000 and 10,000 px.
STEHMAN = (
    "AA AA AA AA AA AC AB BA BB BC",
    "AA BB BB BB BB BB BA BA BB BB",
    "BC BC CC CC CC CD CD CB BB BA",
    "DD DD DD DD DD DD DD DC DC DB",
)
STEHMAN_PX = np.array([40_000.0, 30_000.0, 20_000.0, 10_000.0])


def stehman() -> Estimate:
    counts = np.zeros((4, 4, 4), int)
    for stratum, points in enumerate(STEHMAN):
        for mapped, reference in points.split():
            counts[stratum, "ABCD".index(mapped), "ABCD".index(reference)] += 1
    return estimate(Sample.of_counts(counts, STEHMAN_PX, 10 / STEHMAN_PX))


def test_olofsson_2014_to_the_last_digit() -> None:
    found = estimate(Sample.of_counts(OLOFSSON, OLOFSSON_HA))
    assert found.area.round().tolist() == [21_158, 11_686, 285_770, 581_386]
    assert (1.96 * found.area_se).round().tolist() == [6_158, 3_756, 15_510, 16_282]
    assert (found.overall.round(2), (1.96 * found.overall_se).round(2)) == (0.95, 0.02)
    assert found.users.round(2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert (1.96 * found.users_se).round(2).tolist() == [0.07, 0.10, 0.04, 0.02]
    assert found.producers.round(2).tolist() == [0.75, 0.85, 0.93, 0.96]
    # The paper prints ± 0.23 and ± 0.01 for the second and fourth; its own equation 7 gives 0.25 and 0.02.
    assert (1.96 * found.producers_se).round(2).tolist() == [0.21, 0.25, 0.03, 0.02]


def test_producers_errors_are_equation_7_of_olofsson_2014_written_out() -> None:
    n, N = np.array(OLOFSSON, float), np.array(OLOFSSON_HA, float)
    rows = n.sum(axis=1)
    found = estimate(Sample.of_counts(OLOFSSON, OLOFSSON_HA))
    for j in range(4):
        U, P = n[j, j] / rows[j], found.producers[j]
        first = N[j] ** 2 * (1 - P) ** 2 * U * (1 - U) / (rows[j] - 1)
        others = [i for i in range(4) if i != j]
        second = sum(N[i] ** 2 * n[i, j] / rows[i] * (1 - n[i, j] / rows[i]) / (rows[i] - 1) for i in others)
        expected = np.sqrt(first + P**2 * second) / (N * n[:, j] / rows).sum()
        assert found.producers_se[j] == pytest.approx(expected)


def test_stehman_2014_to_the_last_digit() -> None:
    found, whole = stehman(), STEHMAN_PX.sum()
    assert (found.area / whole).round(2).tolist() == [0.35, 0.34, 0.20, 0.11]
    assert (found.area_se / whole).round(3)[[0, 2]].tolist() == [0.082, 0.064]
    assert (found.overall.round(2), found.overall_se.round(3)) == (0.63, 0.085)
    assert (found.users[1].round(3), found.users_se[1].round(3)) == (0.574, 0.125)
    assert (found.producers[1].round(3), found.producers_se[1].round(3)) == (0.794, 0.117)


def test_the_corrected_producers_accuracy_has_no_bias_to_be_seen() -> None:
    """8,000 samples of 20 and 60 points from a place of two strata, the classes of the map."""
    pixels, drawn = np.array([[700, 300], [400, 8600]]), np.array([20, 60])
    rng, many = np.random.default_rng(0), 8000
    samples = [rng.multivariate_hypergeometric(row, n, many) for row, n in zip(pixels, drawn, strict=True)]
    counts = np.stack(samples, axis=1)[:, :, None, :] * np.eye(2, dtype=int)[:, :, None]
    found = estimate(Sample.of_counts(counts, pixels.sum(axis=1), drawn / pixels.sum(axis=1)))
    off = [p[:, 0] - 700 / 1100 for p in (found.producers, found.producers_corrected)]
    plain, corrected = (d.mean() / (d.std() / np.sqrt(many)) for d in off)
    assert plain > 6
    assert abs(corrected) < 3


def test_the_correction_is_small_beside_the_error_and_keeps_accuracies_of_0_and_1() -> None:
    found = estimate(Sample.of_counts(OLOFSSON, OLOFSSON_HA))
    assert (abs(found.producers_corrected - found.producers) < 0.3 * found.producers_se).all()
    counts = np.zeros((2, 3, 3), int)
    counts[[0, 1, 1], [0, 1, 1], [0, 1, 2]] = 9, 5, 2
    perfect = estimate(Sample.of_counts(counts, [100.0, 50.0]))
    assert perfect.producers_corrected[[0, 2]].tolist() == [1.0, 0.0]


counts = hnp.arrays(int, (3, 4, 4), elements=st.integers(0, 30)).filter(
    lambda n: (n.sum(axis=(1, 2)) > 1).all()
)
hectares = hnp.arrays(float, 3, elements=st.floats(1, 1e6))


@settings(max_examples=50)
@given(counts, hectares)
def test_classes_sum_to_the_whole_and_shares_are_shares(n: np.ndarray, ha: np.ndarray) -> None:
    found = estimate(Sample.of_counts(n, ha))
    assert found.area.sum() == pytest.approx(ha.sum())
    for share in (found.users, found.producers, found.overall):
        assert np.all((share >= 0) & (share <= 1 + 1e-12) | np.isnan(share))
    for error in (found.area_se, found.overall_se):
        assert np.all(error >= 0)


@settings(max_examples=50)
@given(counts, hectares, st.permutations(range(4)))
def test_the_order_of_classes_does_not_matter(n: np.ndarray, ha: np.ndarray, order: list[int]) -> None:
    found, turned = (
        estimate(Sample.of_counts(n, ha)),
        estimate(Sample.of_counts(n[:, order][:, :, order], ha)),
    )
    for name in ("area", "area_se", "users", "users_se", "producers", "producers_se"):
        np.testing.assert_allclose(getattr(turned, name), getattr(found, name)[order], atol=1e-6)
    assert turned.overall_se == pytest.approx(found.overall_se)


@settings(max_examples=50)
@given(hnp.arrays(int, 4, elements=st.integers(2, 50)), hnp.arrays(float, 4, elements=st.floats(1, 1e6)))
def test_a_perfect_map_has_its_own_areas_and_no_error(n: np.ndarray, ha: np.ndarray) -> None:
    found = estimate(Sample.of_counts(np.diag(n), ha))
    np.testing.assert_allclose(found.area, ha)
    np.testing.assert_allclose(found.area_se, 0, atol=1e-9 * ha.sum())
    assert found.users.tolist() == found.producers.tolist() == [1.0] * 4
    assert found.overall == pytest.approx(1.0)


@settings(max_examples=50)
@given(counts, hectares)
def test_points_of_pixels_of_equal_area_are_their_counts(n: np.ndarray, ha: np.ndarray) -> None:
    points = np.repeat(np.indices(n.shape).reshape(3, -1), n.reshape(-1), axis=1)
    sample = Sample.of_points(*points, np.full(points.shape[1], 0.0064), 4, ha)
    found, expected = estimate(sample), estimate(Sample.of_counts(n, ha))
    for name in ("area", "area_se", "users", "producers_se", "overall_se", "heaviest"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-6, atol=1e-6)


def test_many_samples_at_once_are_each_as_alone() -> None:
    rng = np.random.default_rng(0)
    stratum = np.broadcast_to(np.repeat([0, 1], 20), (5, 40))
    mapped, reference = rng.integers(0, 3, (2, 5, 40))
    area, ha, map_ha = rng.uniform(0.9, 1.1, (5, 40)), np.array([100.0, 50.0]), np.array([60.0, 50.0, 40.0])
    for groups in (None, map_ha):
        together = estimate(Sample.of_points(stratum, mapped, reference, area, 3, ha, ha * 10, groups))
        for i in range(5):
            alone = Sample.of_points(stratum[i], mapped[i], reference[i], area[i], 3, ha, ha * 10, groups)
            for name in ("area", "area_se", "users_se", "producers", "overall_se"):
                np.testing.assert_allclose(getattr(together, name)[i], getattr(estimate(alone), name))


def test_post_strata_of_a_simple_random_sample_have_the_variance_of_strata() -> None:
    """Särndal et al. 1992, section 7.6.2: given the numbers of points, post-strata are as strata."""
    n, ha = np.array(OLOFSSON), np.array(OLOFSSON_HA, float)
    points = n.astype(float)
    simple = Sample(n[None], points[None], points[None], ha.sum(keepdims=True), np.zeros(1), ha)
    found, strata = estimate(simple), estimate(Sample.of_counts(n, ha))
    for name in ("area", "area_se", "users", "users_se", "producers", "producers_se", "overall_se"):
        np.testing.assert_allclose(getattr(found, name), getattr(strata, name))


def test_post_strata_that_are_the_strata_change_nothing() -> None:
    sample = Sample.of_counts(OLOFSSON, OLOFSSON_HA)
    again = Sample(
        sample.points, sample.area, sample.area2, sample.stratum_ha, sample.fraction, sample.stratum_ha
    )
    np.testing.assert_allclose(estimate(again).area_se, estimate(sample).area_se)
    np.testing.assert_allclose(estimate(again).producers_se, estimate(sample).producers_se)


def test_a_census_has_no_error() -> None:
    assert estimate(Sample.of_counts(OLOFSSON, OLOFSSON_HA, 1.0)).area_se.tolist() == [0.0] * 4


def test_samples_of_a_known_truth_are_unbiased_and_their_errors_true() -> None:
    """Pixels of unequal area, in strata that are not the map's classes, with and without post-strata."""
    rng = np.random.default_rng(7)
    size, many, n = 6000, 3000, np.array([40, 80, 60])
    stratum = np.sort(rng.integers(0, 3, size))
    truth = rng.choice(3, size, p=[0.2, 0.3, 0.5])
    mapped = np.where(rng.random(size) < 0.25, rng.integers(0, 3, size), truth)
    area = 1 + 0.2 * stratum + rng.uniform(-0.2, 0.2, size)
    where = [np.flatnonzero(stratum == h) for h in range(3)]
    drawn = np.stack(
        [
            np.concatenate([rng.choice(w, k, False) for w, k in zip(where, n, strict=True)])
            for _ in range(many)
        ]
    )
    points = stratum[drawn], mapped[drawn], truth[drawn], area[drawn]
    strata = np.bincount(stratum, area), np.bincount(stratum).astype(float)
    true_area = np.bincount(truth, area)
    users = np.bincount(truth[truth == mapped], area[truth == mapped]) / np.bincount(mapped, area)
    for map_ha in (None, np.bincount(mapped, area)):
        found = estimate(Sample.of_points(*points, 3, *strata, map_ha))
        whole = found.whole, found.heaviest[:, None], "wilson"
        for values, errors, ends, true in (
            (found.area, found.area_se, area_interval(found.area, found.area_se, *whole), true_area),
            (
                found.users,
                found.users_se,
                accuracy_interval(found.users, found.users_se, found.map_points),
                users,
            ),
        ):
            spread = values.std(axis=0)
            assert np.all(np.abs(values.mean(axis=0) - true) < 4 * spread / np.sqrt(many))
            np.testing.assert_allclose(np.sqrt((errors**2).mean(axis=0)), spread, rtol=0.05)
            covered = ((ends[0] <= true) & (true <= ends[1])).mean(axis=0)
            assert np.all((covered > 0.935) & (covered < 0.965))
