"""Fit the log-linear decoder on labelled chips, by the score itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from landcover.shares.decode import SMALLEST, Decoder, Floats, loglinear
from landcover.shares.score import EPSILON, kl_terms

RIDGE = 1e-4  # chosen by nested cross-validation (docs/results.md)
PIXELS = 512  # of a chip
STEPS = 60


def fit_loglinear(
    probabilities: Iterable[npt.NDArray[np.float32]], valid: Iterable[npt.NDArray[np.bool_]], true: Floats
) -> Decoder:
    """Find the slope and the offset of each class with the lowest mean KL on labelled chips.

    Two parameters a class ask for many chips: nothing was gained with those of val alone, something with
    those of train and val (docs/results.md). Chips that the network was trained on serve too.

    Parameters
    ----------
    probabilities : classes × height × width for each chip
    valid : pixels that count, for each chip; at least one
    true : shares over the classes, chips × classes
    """
    thin, ratio = [], []
    for p, v in zip(probabilities, valid, strict=True):
        pixels = p[:, v]
        kept = pixels[:, np.linspace(0, pixels.shape[1] - 1, PIXELS).astype(int)]
        thin.append(kept)
        ratio.append(pixels.mean(axis=1, dtype=np.float64) / kept.mean(axis=1, dtype=np.float64))
    slopes, offsets = fit_parameters(np.stack(thin), np.stack(ratio), true, RIDGE)
    return Decoder("loglinear", slopes=tuple(slopes.tolist()), offsets=tuple(offsets.tolist()))


def fit_parameters(
    p: npt.NDArray[np.floating[Any]], ratio: Floats, true: Floats, ridge: float
) -> tuple[Floats, Floats]:
    """Slopes and offsets with the lowest mean KL.

    Parameters
    ----------
    p : chips × classes × pixels: evenly spaced ones
    ratio : mean probability of all pixels over that of these, chips × classes: makes up for what they miss,
        so that a small pond between them does not look like an error of calibration
    true : shares, chips × classes
    ridge : weight of ‖ln slopes‖² + ‖offsets‖² beside the mean KL
    """
    chips, classes, pixels = p.shape
    logs = np.log(np.maximum(p, SMALLEST), dtype=np.float32)

    def loss(x: Floats) -> tuple[float, Floats]:
        slopes, offsets = np.exp(x[:classes]), x[classes:]
        q = loglinear(p, slopes, offsets)
        means = q.mean(axis=2, dtype=np.float64)
        total = (means * ratio).sum(axis=1, keepdims=True)
        kl = kl_terms(true, means * ratio / total).sum(axis=1).mean()
        of_means = ratio / total - true / np.maximum(means, EPSILON)
        of_q = (of_means / (chips * pixels)).astype(np.float32)[:, :, None]
        of_z = q * (of_q - (of_q * q).sum(axis=1, keepdims=True))
        of_slopes = np.einsum("ncp,ncp->c", of_z, logs, dtype=np.float64) * slopes
        gradient = np.concatenate([of_slopes, of_z.sum(axis=(0, 2), dtype=np.float64)])
        return float(kl + ridge * (x @ x)), gradient + 2 * ridge * x

    bounds = [(-1.5, 1.5)] * classes + [(-5.0, 5.0)] * classes
    found = minimize(
        loss,
        np.zeros(2 * classes),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": STEPS},
    )
    x: Floats = found.x
    return np.exp(x[:classes]), x[classes:]
