"""Territories: unbiased, with intervals that hold, and sums that are exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landcover.errors import LandcoverError
from landcover.statistics.areas.estimators import Sample, estimate, expand, tally
from landcover.statistics.areas.rake import rake
from landcover.statistics.areas.small_areas import SmallAreas, benchmark, small_areas

CLASSES, ZONES, PIXELS = 3, 5, 6000


def place(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truth, map, territory and area of pixels; the map errs more in some territories than in others."""
    rng = np.random.default_rng(seed)
    zone = np.sort(rng.integers(0, ZONES, PIXELS))
    truth = (rng.random(PIXELS) * (1.5 + 1.5 * zone / ZONES)).astype(int).clip(0, CLASSES - 1)
    wrong = rng.random(PIXELS) < 0.1 + 0.2 * zone / ZONES
    return (
        truth,
        np.where(wrong, rng.integers(0, CLASSES, PIXELS), truth),
        zone,
        rng.uniform(0.9, 1.1, PIXELS),
    )


def estimates(
    truth: np.ndarray, mapped: np.ndarray, zone: np.ndarray, area: np.ndarray, n: int, many: int
) -> tuple[SmallAreas, np.ndarray, np.ndarray]:
    """Of many samples of n points in each class of the map: territories, the whole, the map's hectares."""
    rng = np.random.default_rng(0)
    where = [np.flatnonzero(mapped == m) for m in range(CLASSES)]
    drawn = np.stack([np.concatenate([rng.choice(w, n, replace=False) for w in where]) for _ in range(many)])
    map_ha, sizes = np.bincount(mapped, area), np.bincount(mapped).astype(float)
    sample = Sample.of_points(
        mapped[drawn], mapped[drawn], truth[drawn], area[drawn], CLASSES, map_ha, sizes, map_ha
    )
    weights, squares = expand(sample, mapped[drawn], mapped[drawn], area[drawn])
    cells, shape = (zone[drawn], mapped[drawn], truth[drawn]), (ZONES, CLASSES, CLASSES)
    points = tally(cells, shape).sum(axis=(-2, -1))
    zone_ha = tally((zone, mapped), (ZONES, CLASSES), area)
    found = small_areas(tally(cells, shape, weights), tally(cells, shape, squares), points, zone_ha)
    return found, estimate(sample).area, zone_ha


def test_estimates_are_unbiased_and_their_intervals_hold() -> None:
    world = place(1)
    found, _, _ = estimates(*world, n=60, many=2000)
    truth = tally((world[2], world[0]), (ZONES, CLASSES), world[3])
    off = found.area.mean(axis=0) - truth
    assert np.all(np.abs(off) < 4 * found.area.std(axis=0) / np.sqrt(2000))
    covered = (np.abs(found.area - truth) < 1.96 * found.error).mean(axis=0)
    assert 0.93 < covered.mean() < 0.97
    assert covered.min() > 0.88


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(2, 20))
def test_sums_are_exact_before_and_after_raking(seed: int, n: int) -> None:
    found, whole, zone_ha = estimates(*place(seed), n=n, many=3)
    for area in (found.area, benchmark(found, zone_ha.sum(axis=1), whole)[0]):
        np.testing.assert_allclose(area.sum(axis=1), whole, rtol=1e-9)
        np.testing.assert_allclose(area.sum(axis=2), np.broadcast_to(zone_ha.sum(axis=1), area.shape[:2]))
    assert np.all(area >= 0)


def test_without_points_a_territory_is_what_the_map_predicts_and_is_not_sure_of_it() -> None:
    weights = np.zeros((2, 2, 2))
    weights[0] = [[40.0, 10.0], [5.0, 45.0]]
    found = small_areas(weights, weights * 5, np.array([20, 0]), np.array([[40.0, 40.0], [10.0, 10.0]]))
    np.testing.assert_allclose(found.area[1], [10 * 0.8 + 10 * 0.1, 10 * 0.2 + 10 * 0.9])
    np.testing.assert_allclose(found.area[1], found.predicted[1])
    assert np.all(found.error > 0)


def test_a_perfect_map_has_no_error_in_territories() -> None:
    truth, _, zone, area = place(3)
    found, _, zone_ha = estimates(truth, truth, zone, area, n=20, many=2)
    np.testing.assert_allclose(found.area, np.broadcast_to(zone_ha, found.area.shape))
    np.testing.assert_allclose(found.error, 0, atol=1e-9)


@settings(max_examples=50)
@given(
    hnp.arrays(float, (4, 3), elements=st.floats(-5, 50)),
    hnp.arrays(float, (4, 3), elements=st.floats(0.5, 50)),
)
def test_raked_margins_are_exact(table: np.ndarray, predicted: np.ndarray) -> None:
    rows, columns = predicted.sum(axis=1), predicted.sum(axis=0)
    found = rake(table, predicted, rows, columns)
    np.testing.assert_allclose(found.sum(axis=1), rows, rtol=1e-9)
    np.testing.assert_allclose(found.sum(axis=0), columns, rtol=1e-9)
    assert np.all(found >= 0)


def test_what_sums_already_stays_and_what_cannot_sum_is_refused() -> None:
    table = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(rake(table, table, table.sum(axis=1), table.sum(axis=0)), table)
    with pytest.raises(LandcoverError, match="don't rake"):
        rake(table, table, np.array([1.0, 2.0]), np.array([5.0, 5.0]))
