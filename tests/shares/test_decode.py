from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landcover.errors import LandcoverError
from landcover.shares.decode import KINDS, Decoder, override

PRIOR = (0.1, 0.2, 0.3, 0.4)


def probabilities(height: int, width: int, seed: int = 0) -> np.ndarray[Any, Any]:
    p = np.random.default_rng(seed).dirichlet(np.ones(4) * 0.4, (height, width))
    return p.transpose(2, 0, 1).astype(np.float32)


decoders = st.builds(
    Decoder,
    st.sampled_from(KINDS),
    st.floats(0.5, 2),
    st.floats(0, 0.1),
    st.just(PRIOR),
    st.just((0.8, 1.3, 1.0, 0.9)),
    st.just((0.1, -0.4, 0.0, 1.2)),
)


@settings(max_examples=60, deadline=None)
@given(decoders, st.integers(1, 40), st.integers(1, 40), st.integers(0, 9), st.data())
def test_windows_add_up_to_the_scene(
    decoder: Decoder, height: int, width: int, seed: int, data: st.DataObject
) -> None:
    p = probabilities(height, width, seed)
    valid = np.random.default_rng(seed).random((height, width)) < 0.8
    y, x = data.draw(st.integers(0, height)), data.draw(st.integers(0, width))
    windows = [(slice(0, y), slice(0, x)), (slice(0, y), slice(x, None))]
    windows += [(slice(y, None), slice(0, x)), (slice(y, None), slice(x, None))]
    sums = sum(decoder.pixel_sums(p[:, a, b], valid[a, b]) for a, b in windows)
    np.testing.assert_allclose(sums, decoder.pixel_sums(p, valid), rtol=1e-6, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(decoders, st.integers(1, 30), st.integers(1, 30), st.integers(0, 9), st.booleans())
def test_weights_count_pixels_as_often_as_they_say(
    decoder: Decoder, height: int, width: int, seed: int, by_row: bool
) -> None:
    p = probabilities(height, width, seed)
    rng = np.random.default_rng(seed)
    valid = rng.random((height, width)) < rng.choice([0.5, 1])
    weights = rng.integers(0, 4, (height, 1 if by_row else width)).astype(float)
    times = np.broadcast_to(weights, valid.shape)[valid].astype(int)
    repeated = np.repeat(p[:, valid], times, axis=1)
    expected = decoder.pixel_sums(repeated)
    np.testing.assert_allclose(decoder.pixel_sums(p, valid, weights), expected, rtol=1e-6, atol=1e-9)
    both = decoder.pixel_sums(p, valid, (None, weights))
    np.testing.assert_array_equal(both[0], decoder.pixel_sums(p, valid))
    np.testing.assert_array_equal(both[1], decoder.pixel_sums(p, valid, weights))


@settings(max_examples=60, deadline=None)
@given(decoders, st.integers(1, 20), st.integers(1, 20), st.integers(0, 9))
def test_shares_sum_to_one(decoder: Decoder, height: int, width: int, seed: int) -> None:
    p = probabilities(height, width, seed)
    assert decoder.pixel_sums(p).sum() == pytest.approx(height * width, rel=1e-5)
    shares = decoder.decode(p)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_without_valid_pixels_all_shares_are_0(kind: Any) -> None:
    decoder = Decoder(kind, 1.2, 0.05, PRIOR)
    assert not decoder.decode(probabilities(5, 5), np.zeros((5, 5), bool)).any()


def test_counts_and_mean() -> None:
    p = np.array([[[0.6, 0.6, 0.1]], [[0.4, 0.4, 0.9]]])
    np.testing.assert_allclose(Decoder("counts").decode(p), [2 / 3, 1 / 3])
    np.testing.assert_allclose(Decoder("mean").decode(p), [1.3 / 3, 1.7 / 3])


def test_calibrated_without_calibration_is_mean() -> None:
    p = probabilities(9, 9)
    np.testing.assert_allclose(Decoder("calibrated", prior=PRIOR).decode(p), Decoder("mean").decode(p))


def test_temperature_softens_and_shrinkage_mixes_in_the_prior() -> None:
    p = np.array([[[0.9]], [[0.1]], [[0.0]], [[0.0]]])
    np.testing.assert_allclose(Decoder("calibrated", 2.0).decode(p), [0.75, 0.25, 0, 0], atol=1e-6)
    np.testing.assert_allclose(Decoder("calibrated", 1.0, 1.0, PRIOR).decode(p), PRIOR)
    np.testing.assert_allclose(Decoder("calibrated", 1.0, 0.5, PRIOR).decode(p), [0.5, 0.15, 0.15, 0.2])


def test_slopes_and_offsets_are_those_of_the_logarithms() -> None:
    p = np.array([[[0.5]], [[0.3]], [[0.2]], [[0.0]]])
    decoder = Decoder("loglinear", slopes=(2.0, 1.0, 1.0, 1.0), offsets=(0.0, float(np.log(2)), 0.0, 0.0))
    np.testing.assert_allclose(decoder.decode(p), np.array([0.25, 0.6, 0.2, 0]) / 1.05, atol=2e-6)
    same = Decoder("loglinear", slopes=(1.0,) * 4, offsets=(0.0,) * 4)
    np.testing.assert_allclose(same.decode(p), p[:, 0, 0], atol=2e-6)


def test_a_decoder_of_an_older_model_file_is_read() -> None:
    older = {"kind": "calibrated", "temperature": 1.1, "shrinkage": 0.01, "prior": list(PRIOR)}
    assert Decoder.from_dict(older) == Decoder("calibrated", 1.1, 0.01, PRIOR)


@given(decoders)
def test_a_decoder_survives_json(decoder: Decoder) -> None:
    assert Decoder.from_dict(decoder.to_dict()) == decoder


def test_override() -> None:
    trained = Decoder("calibrated", 1.1, 0.01, PRIOR)
    assert override(trained, None) is override(trained, "calibrated") is trained
    assert override(trained, "mean").kind == "mean"
    assert override(override(trained, "counts"), "calibrated") == trained
    with pytest.raises(
        LandcoverError, match="--decoder: is 'vote'; expected one of counts, mean, calibrated, loglinear"
    ):
        override(trained, "vote")
    with pytest.raises(LandcoverError, match="has no parameters for"):
        override(Decoder("mean"), "calibrated")
    with pytest.raises(LandcoverError, match=r"has no parameters for.*decoder = \"loglinear\""):
        override(trained, "loglinear")
