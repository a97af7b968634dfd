import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landcover.accuracy.confusion import Crossing, class_measures, code_counts, cross, ratio_interval
from landcover.legend import S2GLC

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@st.composite
def couples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A mask and a map of one size; few classes, so that some are absent."""
    size = draw(sizes)
    some = st.sampled_from(draw(st.lists(st.integers(0, 9), min_size=1, max_size=5)))
    return draw(hnp.arrays(np.uint8, size, elements=some)), draw(hnp.arrays(np.uint8, size, elements=some))


@settings(deadline=None)
@given(couples())
def test_every_labelled_pixel_of_the_reference_is_counted_once(couple: tuple[np.ndarray, np.ndarray]) -> None:
    mask, mapped = couple
    met = cross(mask, mapped, S2GLC)
    assert met.pixels + met.unmapped == (mask >= 2).sum()
    assert met.unmapped == ((mask >= 2) & (mapped < 2)).sum()
    assert met.right == ((mask == mapped) & (mask >= 2)).sum()


@settings(deadline=None)
@given(couples())
def test_measures_are_those_of_scikit_learn(couple: tuple[np.ndarray, np.ndarray]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    mask, mapped = couple
    both = (mask >= 2) & (mapped >= 2)
    if not both.any():
        return
    t, p, labels = mask[both], mapped[both], list(S2GLC.label_codes)
    counts = cross(mask, mapped, S2GLC).counts
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(t, p, labels=labels))
    measures = class_measures(counts)
    there = measures["reference_px"] + measures["map_px"] > 0
    users, producers, f1, _ = metrics.precision_recall_fscore_support(t, p, labels=labels, zero_division=0)
    iou = metrics.jaccard_score(t, p, labels=labels, average=None, zero_division=0)
    for name, theirs in (
        ("users_accuracy", users),
        ("producers_accuracy", producers),
        ("f1", f1),
        ("iou", iou),
    ):
        np.testing.assert_allclose(measures.loc[there, name], theirs[there])
        assert measures.loc[~there, name].isna().all()


@settings(deadline=None)
@given(couples(), st.integers(0, 12))
def test_parts_add_up_to_the_whole(couple: tuple[np.ndarray, np.ndarray], row: int) -> None:
    mask, mapped = couple
    parts = [cross(mask[rows], mapped[rows], S2GLC) for rows in (slice(row), slice(row, None))]
    total, whole = sum(parts, Crossing.none(S2GLC)), cross(mask, mapped, S2GLC)
    np.testing.assert_array_equal(total.counts, whole.counts)
    assert total.unmapped == whole.unmapped
    np.testing.assert_array_equal(code_counts(mask[:row]) + code_counts(mask[row:]), code_counts(mask))


def test_a_class_absent_from_one_side_has_zero_and_from_both_none() -> None:
    measures = class_measures(np.array([[5, 2, 0], [0, 0, 0], [0, 0, 0]])).set_index(pd.Index(list("abc")))
    names = ["iou", "f1", "users_accuracy", "producers_accuracy"]
    assert (measures.loc["b", names] == 0).all()
    assert measures.loc["c", names].isna().all()
    assert measures["iou"].mean() == pytest.approx((5 / 7 + 0) / 2)


def test_the_interval_holds_the_ratio_and_widens_with_blocks() -> None:
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(0.5, 1, 8), 10)
    bottom = rng.integers(50, 100, 80).astype(float)
    top = level * bottom
    blocks = pd.Series(np.repeat(list("abcdefgh"), 10))
    low, high = ratio_interval(top, bottom, None)
    wide_low, wide_high = ratio_interval(top, bottom, blocks)
    assert wide_low < low < top.sum() / bottom.sum() < high < wide_high


@pytest.mark.parametrize("n", [0, 1])
def test_there_is_no_interval_of_a_single_image(n: int) -> None:
    assert np.isnan(ratio_interval(np.ones(n), np.ones(n), None)).all()
