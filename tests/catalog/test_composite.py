from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pystac_client", reason="needs pip install 'landcover[fetch]'")


@given(st.integers(1, 6), st.integers(1, 70), st.integers(1, 5), st.floats(0, 1), st.integers(0, 99))
def test_the_median_is_numpys_where_anything_is_seen(
    items: int, height: int, width: int, hidden: float, seed: int
) -> None:
    from landcover.catalog.composite import median

    rng = np.random.default_rng(seed)
    numbers = rng.integers(2, 9000, (items, 4, height, width)).astype(np.float32)
    numbers[(rng.random((items, height, width)) < hidden)[:, None].repeat(4, 1)] = np.nan
    pixels, clipped = median(list(numbers))
    seen = ~np.isnan(numbers).all(axis=0)
    assert (pixels[~seen] == 0).all()
    np.testing.assert_array_equal(pixels[seen], np.rint(np.nanmedian(numbers[:, seen], axis=0)))
    assert clipped == 0


def test_numbers_out_of_range_are_clipped_and_counted() -> None:
    from landcover.catalog.composite import median

    numbers = np.array([-5, 0, 1, 65_535, 70_000, np.nan], np.float32).reshape(1, 1, 6)
    pixels, clipped = median([numbers])
    assert pixels.ravel().tolist() == [1, 1, 1, 65_535, 65_535, 0]
    assert clipped == 3
