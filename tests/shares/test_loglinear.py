from typing import Any

import numpy as np
import pytest
from scipy.optimize import check_grad

from landcover.shares import loglinear
from landcover.shares.decode import Decoder
from landcover.shares.loglinear import fit_loglinear, fit_parameters
from landcover.shares.score import kl_terms

Array = np.ndarray[Any, np.dtype[Any]]


def chips(seed: int, bias: Array, count: int = 20, side: int = 24) -> tuple[list[Array], list[Array], Array]:
    """Probabilities of a network that favours some classes, pixels that count, and the true shares."""
    rng = np.random.default_rng(seed)
    probabilities, valid, true = [], [], []
    for _ in range(count):
        honest = rng.dirichlet(rng.dirichlet(np.ones(4)) * 2 + 0.02, (side, side)).transpose(2, 0, 1)
        p = np.maximum(honest, 1e-9) * np.exp(bias)[:, None, None]
        probabilities.append((p / p.sum(axis=0)).astype(np.float32))
        valid.append(rng.random((side, side)) < 0.9)
        true.append(honest[:, valid[-1]].mean(axis=1))
    return probabilities, valid, np.stack(true)


def kl(decoder: Decoder, probabilities: Any, valid: Any, true: Any) -> float:
    shares = np.stack([decoder.decode(p, v) for p, v in zip(probabilities, valid, strict=True)])
    return float(kl_terms(true, shares).sum(axis=1).mean())


BIAS = np.array([0.8, 0.0, -0.8, 0.0])


def test_the_offsets_undo_a_bias_also_on_chips_that_were_not_fitted() -> None:
    fitted = fit_loglinear(*chips(1, BIAS))
    assert np.argsort(fitted.offsets)[[0, -1]].tolist() == [0, 2]
    other = chips(2, BIAS)
    assert kl(fitted, *other) < 0.2 * kl(Decoder("mean"), *other)


def test_a_network_without_bias_keeps_its_probabilities() -> None:
    fitted = fit_loglinear(*chips(1, 0 * BIAS))
    np.testing.assert_allclose(fitted.slopes, 1, atol=0.02)
    np.testing.assert_allclose(fitted.offsets, 0, atol=0.02)


def test_few_pixels_and_single_pixels_serve_too(monkeypatch: pytest.MonkeyPatch) -> None:
    p, valid, true = chips(1, BIAS, side=80)
    valid[0] = np.zeros_like(valid[0])
    valid[0][3, 5] = True
    true[0] = p[0][:, 3, 5]
    many = fit_loglinear(p, valid, true)
    monkeypatch.setattr(loglinear, "PIXELS", 64)
    few = fit_loglinear(p, valid, true)
    np.testing.assert_allclose(few.offsets, many.offsets, atol=0.2)


def test_a_strong_ridge_leaves_all_as_it_is() -> None:
    p, _, true = chips(1, BIAS)
    flat = np.stack(p).reshape(len(p), 4, -1)
    slopes, offsets = fit_parameters(flat, np.ones_like(true), true, ridge=1e3)
    np.testing.assert_allclose(slopes, 1, atol=1e-3)
    np.testing.assert_allclose(offsets, 0, atol=1e-3)


def test_the_slope_of_the_loss_is_that_of_its_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    p, _, true = chips(1, BIAS, count=3)
    flat = np.stack(p).reshape(len(p), 4, -1)
    seen: list[float] = []

    def checked(loss: Any, x: Array, **_: Any) -> Any:
        x = x + np.linspace(-0.2, 0.3, len(x))
        seen.append(check_grad(lambda x: loss(x)[0], lambda x: loss(x)[1], x, epsilon=1e-3))
        return type("Found", (), {"x": x})

    monkeypatch.setattr(loglinear, "minimize", checked)
    fit_parameters(flat, 1 + 0.1 * true, true, 1e-3)
    assert seen[0] < 2e-3
