from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landcover.shares.calibrate import fit_calibrated
from landcover.shares.decode import Decoder
from landcover.shares.score import kl_terms


def chips(seed: int, sharpness: float, count: int = 8) -> tuple[list[Any], list[Any], np.ndarray[Any, Any]]:
    """Probabilities of a network that is too sure or too unsure of itself, and the true shares."""
    rng = np.random.default_rng(seed)
    probabilities, valid, true = [], [], []
    for _ in range(count):
        honest = rng.dirichlet(rng.dirichlet(np.ones(4)) * 2 + 0.02, (24, 24)).transpose(2, 0, 1)
        draws = (rng.random((24, 24)) > honest.cumsum(axis=0)).sum(axis=0).clip(0, 3)
        p = np.maximum(honest, 1e-9) ** sharpness
        probabilities.append((p / p.sum(axis=0)).astype(np.float32))
        valid.append(rng.random((24, 24)) < 0.9)
        true.append(np.bincount(draws[valid[-1]], minlength=4) / valid[-1].sum())
    return probabilities, valid, np.stack(true)


def kl(decoder: Decoder, probabilities: Any, valid: Any, true: Any) -> float:
    shares = np.stack([decoder.decode(p, v) for p, v in zip(probabilities, valid, strict=True)])
    return float(kl_terms(true, shares).sum(axis=1).mean())


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.4, 3))
def test_calibration_is_never_worse_than_the_mean_on_its_chips(seed: int, sharpness: float) -> None:
    p, valid, true = chips(seed, sharpness)
    fitted = fit_calibrated(p, valid, true, true.mean(axis=0))
    assert kl(fitted, p, valid, true) <= kl(Decoder("mean"), p, valid, true) + 1e-12


@pytest.mark.parametrize(("sharpness", "softens"), [(1.6, True), (0.6, False)])
def test_the_temperature_undoes_what_the_network_has_too_much(sharpness: float, softens: bool) -> None:
    p, valid, true = chips(1, sharpness, 30)
    fitted = fit_calibrated(p, valid, true, true.mean(axis=0))
    assert (fitted.temperature > 1) == softens


def test_the_same_chips_give_the_same_decoder() -> None:
    p, valid, true = chips(1, 1.3)
    assert fit_calibrated(p, valid, true, true[0]) == fit_calibrated(p, valid, true, true[0])
