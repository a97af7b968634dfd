"""Patches are the same, however many rows come at once."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from landcover.statistics.confrontation.connected import PatchSums, outlines

MASKS = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 9)))


@settings(max_examples=40)
@given(MASKS, st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_patches_and_outlines_are_those_of_the_whole(mask: np.ndarray, rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    value, codes = rng.uniform(1, 2, mask.shape), rng.integers(2, 5, mask.shape, np.uint8)
    patches = PatchSums(mask.shape[1], "value")
    parts = [slice(top, top + rows) for top in range(0, len(mask), rows)]
    for part in parts:
        patches.add(mask[part], codes[part], value[part])
    table, numbers = patches.table()

    labels, count = ndimage.label(mask, np.ones((3, 3)))
    assert len(table) == count
    for number, row in table.iterrows():
        label = labels.ravel()[int(row["first"])]
        here = labels == label
        assert np.flatnonzero(here)[0] == row["first"]
        assert row["value"] == pytest.approx(value[here].sum())
        assert value[here & (codes == row["code"])].sum() == pytest.approx(
            max(value[here & (codes == c)].sum() for c in (2, 3, 4))
        )
        shape = outlines((mask[p] for p in parts), numbers, np.array([number]), rasterio.Affine.identity())[0]
        assert shape.is_valid
        assert shape.area == pytest.approx(here.sum())
        assert shape.bounds[1] == row["first"] // mask.shape[1]
