"""Drawing: every pixel of a stratum alike, none twice, spread where that is asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio import CRS, Affine
from scipy import stats
from scipy.spatial import KDTree

from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Place
from landcover.statistics.sampling import draw as drawing
from landcover.statistics.sampling.draw import SIDE, Ints, count, draw, walk

SMALL = 64  # px, of windows that make several of a small raster
UTM = Place(CRS.from_epsg(32631), Affine(10, 0, 600_000, 0, -10, 5_100_000))
DEGREES = Place(CRS.from_epsg(4326), Affine(1e-2, 0, 5, 0, -1e-2, 46))


def drawer(codes: Ints, points: list[int]) -> Callable[[bool, int], tuple[Ints, Ints]]:
    """What gives row and column of the pixels that are drawn of an array of strata."""

    def read(row: int, column: int, height: int, width: int) -> Ints:
        return codes[row : row + height, column : column + width]

    shape = (codes.shape[0], codes.shape[1])
    pixels, _ = count(UTM, shape, read, len(points))

    def drawn(balanced: bool, seed: int) -> tuple[Ints, Ints]:
        parts = list(draw(shape, read, pixels, np.array(points), balanced, seed))
        rows = np.concatenate([w[0] + y for w, y, _, _ in parts])
        columns = np.concatenate([w[1] + x for w, _, x, _ in parts])
        assert (codes[rows, columns] == np.concatenate([s for *_, s in parts])).all()
        return rows, columns

    return drawn


@given(
    rows=st.integers(1, 2 * SMALL + 9), columns=st.integers(1, 2 * SMALL + 9), seed=st.integers(0, 9),
    balanced=st.booleans(), part=st.floats(0, 1),
)  # fmt: skip
def test_as_many_as_asked_none_twice(rows: int, columns: int, seed: int, balanced: bool, part: float) -> None:
    codes = np.random.default_rng(seed).integers(0, 4, (rows, columns))
    points = [0, *(int(part * n) for n in np.bincount(codes.ravel(), minlength=4)[1:])]
    if sum(points) == 0:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "SIDE", SMALL)
        found = drawer(codes, points)(balanced, seed)
    assert len(set(zip(*found, strict=True))) == len(found[0])
    assert list(np.bincount(codes[found], minlength=4)) == points


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 99))
def test_a_walk_meets_every_cell_once(rows: int, columns: int, seed: int) -> None:
    y, x = walk(rows, columns, np.random.default_rng(seed))
    assert sorted(zip(y, x, strict=True)) == list(np.ndindex(rows, columns))


@pytest.mark.parametrize("place", [UTM, DEGREES], ids=["utm", "degrees"])
def test_counts_and_true_hectares(place: Place) -> None:
    codes = np.random.default_rng(1).integers(0, 3, (SIDE + 40, SIDE + 7))
    shape = (codes.shape[0], codes.shape[1])
    pixels, hectares = count(place, shape, lambda r, c, h, w: codes[r : r + h, c : c + w], 3)
    areas = pixel_areas(place, np.arange(codes.shape[0]), np.arange(codes.shape[1]))
    assert areas is not None
    assert pixels.shape == (2, 2, 3)
    for code in range(3):
        assert pixels[..., code].sum() == (codes == code).sum()
        assert hectares[code] == pytest.approx(areas[codes == code].sum(), rel=1e-10)


@pytest.mark.parametrize("balanced", [False, True], ids=["simple", "balanced"])
def test_each_pixel_is_drawn_with_probability_n_of_n(balanced: bool) -> None:
    rng = np.random.default_rng(7)
    codes = np.where(rng.random((13, 17)) < 0.3, 1, 2)
    codes[3:5, 2:9] = 0
    points, draws = [0, 9, 40], 2000
    drawn, times = drawer(codes, points), np.zeros(codes.shape)
    for seed in range(draws):
        times[drawn(balanced, seed)] += 1
    assert times[codes == 0].sum() == 0
    for stratum in (1, 2):
        mine = times[codes == stratum]
        chance = points[stratum] / mine.size
        z = (mine - draws * chance) / np.sqrt(draws * chance * (1 - chance))
        assert abs(z).max() < 4.5
        # Σ z² (N − 1) / N of simple samples is chi-square: n of N pixels are drawn each time
        chi2 = (z**2).sum() * (mine.size - 1) / mine.size
        assert 0.001 < stats.chi2.sf(chi2, mine.size - 1) < 0.999


def imbalance(codes: Ints, found: tuple[Ints, Ints], points: int) -> float:
    """Variance of the inclusion probabilities that the points' Voronoi polygons hold, which should be 1."""
    pixels = np.argwhere(codes == 1)
    nearest = KDTree(np.stack(found, axis=1)).query(pixels)[1]
    held = np.bincount(nearest, minlength=points) * points / len(pixels)
    return float(((held - 1) ** 2).mean())


def test_a_balanced_sample_is_more_even_and_nearer_to_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "SIDE", SMALL)
    y, x = np.mgrid[:150, :140]
    codes = np.where(np.hypot(y - 70, x - 75) < 65, 1, 0)
    truth = (np.sin(y / 20) + np.cos(x / 17.5) > 0.3).astype(float)
    drawn, measures = drawer(codes, [0, 60]), {}
    for balanced in (False, True):
        samples = [drawn(balanced, seed) for seed in range(100)]
        even = np.mean([imbalance(codes, s, 60) for s in samples[:20]])
        measures[balanced] = even, np.var([truth[s].mean() for s in samples])
    assert measures[True][0] < 0.6 * measures[False][0]
    assert measures[True][1] < 0.6 * measures[False][1]


def test_the_same_seed_draws_the_same_pixels() -> None:
    codes = np.random.default_rng(0).integers(1, 3, (90, 300))
    drawn = drawer(codes, [0, 20, 30])
    for balanced in (False, True):
        one, again, other = (drawn(balanced, seed) for seed in (4, 4, 5))
        assert np.array_equal(one, again)
        assert not np.array_equal(one, other)
