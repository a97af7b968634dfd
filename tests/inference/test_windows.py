"""Windows cover every pixel, and hand over to each other without a jump."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from landcover.inference.windows import Axis

lengths = st.integers(1, 400)
windows = st.sampled_from([32, 64, 96])
overlaps = st.sampled_from([0, 2, 10, 16])


@given(lengths, windows, overlaps)
def test_every_pixel_has_one_window_or_two_whose_weights_sum_to_one(
    length: int, window: int, overlap: int
) -> None:
    axis = Axis.cover(length, window, overlap)
    total, count = np.zeros(length), np.zeros(length, int)
    for index, start in enumerate(axis.starts):
        part = axis.part(index)
        assert 0 <= part.enter <= part.begin <= part.end <= part.leave <= axis.sizes[index]
        total[start + part.enter : start + part.begin] += axis.fade if index else 0
        total[start + part.begin : start + part.end] += 1
        total[start + part.end : start + part.leave] += 1 - axis.fade if part.leave > part.end else 0
        count[start + part.enter : start + part.leave] += 1
    assert np.allclose(total, 1, atol=1e-6)
    assert set(count) <= {1, 2}
    assert all(size % 32 == 0 and size <= max(window, 32) for size in axis.sizes)
    assert len(axis.starts) == 1 or axis.starts[-1] + axis.sizes[-1] == length


@given(lengths, windows, overlaps)
def test_a_seam_lies_in_the_middle_of_what_two_windows_share(length: int, window: int, overlap: int) -> None:
    axis = Axis.cover(length, window, overlap)
    for start, following, seam in zip(axis.starts, axis.starts[1:], axis.seams, strict=False):
        assert following <= seam <= start + axis.sizes[0] - overlap


def test_windows_cost_little_more_than_the_scene() -> None:
    for window, overlap in ((832, 48), (640, 40), (1024, 64)):
        axis = Axis.cover(10980, window, overlap)
        assert (sum(axis.sizes) / 10980) ** 2 < 1.15


def test_windows_are_of_one_size_where_that_costs_no_more() -> None:
    assert set(Axis.cover(10980, 832, 48).sizes) == {832}
    assert set(Axis.cover(1540, 832, 48).sizes) == {800}
