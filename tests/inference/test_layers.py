"""The class of a pixel is the likeliest, and of several the first."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landcover.inference.layers import Layers
from landcover.shares.decode import Decoder

PROBABILITIES = st.integers(1, 20).flatmap(
    lambda classes: arrays(np.float32, (classes, 3, 4), elements=st.sampled_from([0.0, 0.25, 0.5]))
)


@given(PROBABILITIES)
def test_the_class_of_a_pixel_is_the_likeliest(p: npt.NDArray[np.float32]) -> None:
    codes = tuple(range(2, 2 + len(p)))
    (layer,) = Layers(codes, 0, Decoder("mean")).of_pixels(p)
    np.testing.assert_array_equal(layer[0], np.array(codes)[p.argmax(axis=0)])
