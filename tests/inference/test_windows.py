"""Windows cover every pixel, and their weights sum to 1."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from landcover.inference.windows import Axis, Blend

lengths = st.integers(1, 400)
windows = st.sampled_from([32, 64, 96])
overlaps = st.sampled_from([0, 2, 16])


@given(lengths, windows, overlaps)
def test_axis_covers_every_pixel_with_weights_that_sum_to_one(length: int, window: int, overlap: int) -> None:
    axis = Axis.cover(length, window, overlap)
    total = np.zeros(length)
    for start, weights in zip(axis.starts, axis.weights, strict=True):
        inside = min(axis.size, length - start)
        assert start >= 0
        assert not weights[inside:].any()
        total[start : start + inside] += weights[:inside]
    assert np.allclose(total, 1, atol=1e-6)
    assert axis.size % 32 == 0
    assert len(axis.starts) == 1 or axis.starts[-1] + axis.size == length


@given(lengths, windows, overlaps)
def test_finished_rows_are_touched_by_no_later_window(length: int, window: int, overlap: int) -> None:
    axis = Axis.cover(length, window, overlap)
    ends = [axis.finished(i) for i in range(len(axis.starts))]
    assert ends[-1] == length
    assert ends == sorted(ends)
    assert all(end <= start for end, start in zip(ends, axis.starts[1:], strict=False))


@given(st.integers(1, 150), st.integers(1, 150), windows, overlaps)
def test_a_model_that_returns_its_input_gives_the_input_back(
    height: int, width: int, window: int, overlap: int
) -> None:
    scene = np.random.default_rng(0).random((2, height, width), dtype=np.float32)
    rows, columns = Axis.cover(height, window, overlap), Axis.cover(width, window, overlap)
    padded = np.zeros((2, max(height, rows.size), max(width, columns.size)), np.float32)
    padded[:, :height, :width] = scene
    blend = Blend(rows, columns, 2)
    finished = []
    for r, y in enumerate(rows.starts):
        for c, x in enumerate(columns.starts):
            done = blend.add(r, c, padded[:, y : y + rows.size, x : x + columns.size])
            if done is not None:
                finished.append(done)
    assert np.allclose(np.concatenate(finished, axis=1), scene, atol=1e-6)
