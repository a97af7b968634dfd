import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landcover.accuracy.calibration import BINS, Calibration


@settings(deadline=None)
@given(hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(0, 1)), st.integers(0, 50))
def test_adding_in_parts_is_adding_at_once(confidence: np.ndarray, cut: int) -> None:
    right = confidence > 0.5
    once, parts = Calibration(), Calibration()
    once.add(confidence, right)
    parts.add(confidence[:cut], right[:cut])
    parts.add(confidence[cut:], right[cut:])
    np.testing.assert_allclose(once.table.to_numpy(), parts.table.to_numpy())
    assert once.table["pixels"].sum() == len(confidence)
    assert 0 <= once.error <= 1


def test_a_bin_holds_its_upper_end() -> None:
    c = Calibration()
    ends = np.arange(1, BINS + 1) / BINS
    c.add(ends, np.ones(BINS, bool))
    assert (c.table["pixels"] == 1).all()
    np.testing.assert_allclose(c.table["confidence"], c.table["high"])


def test_nothing_added_has_no_error() -> None:
    assert np.isnan(Calibration().error)
