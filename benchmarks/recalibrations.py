"""Ways from the probabilities of pixels to shares: what benchmarks/decoders.py compares.

Each `fit_…` takes labelled chips and one setting (a ridge, pseudo-chips, a shrinkage), and gives a function
from chips to shares. A prior shift needs no label, but the unlabelled chips of the place that it is for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar, nnls

from landcover.shares.calibrate import WORTH
from landcover.shares.decode import Decoder, loglinear
from landcover.shares.loglinear import fit_parameters
from landcover.shares.score import EPSILON, kl_terms

Array = np.ndarray[Any, np.dtype[Any]]
NEVER_SEEN = 2e-4  # share of a class that no chip held


@dataclass(frozen=True)
class Chips:
    """Chips of n classes.

    Attributes
    ----------
    true, mean, counts : shares, chips × classes: of the mask, mean probabilities, counts of the map
    confusion : pixels by class of mask and map, chips × classes × classes
    pixels : probabilities, chips × classes × pixels: all of them, or evenly spaced ones
    ratio : `mean` over the mean of `pixels`: what evenly spaced pixels miss, chips × classes
    """

    true: Array
    mean: Array
    counts: Array
    confusion: Array
    pixels: Array
    ratio: Array

    def take(self, chosen: Array) -> Chips:
        return Chips(*(getattr(self, name)[chosen] for name in self.__annotations__))

    def thin(self, step: int) -> Chips:
        pixels = self.pixels[:, :, ::step].copy()
        return replace(self, pixels=pixels, ratio=self.mean / pixels.mean(axis=2, dtype=np.float64))


Decode = Callable[[Chips], Array]


def kl(true: Array, predicted: Array) -> float:
    """Mean KL of chips."""
    return float(kl_terms(true, predicted).sum(axis=1).mean())


def by_pixels(chips: Chips, shares: Callable[[Array], Array]) -> Array:
    """Shares of each chip from its probabilities, classes × pixels.

    Those of evenly spaced pixels are corrected by the ratio of the means, so that a small pond that they
    missed does not look like an error of calibration.
    """
    return normalised(chips.ratio * [shares(p.astype(np.float32)) for p in chips.pixels])


def normalised(shares: Array) -> Array:
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def decoded(decoder: Decoder) -> Decode:
    """By a decoder of landcover."""
    return lambda chips: by_pixels(chips, decoder.decode)


def fit_temperature(chips: Chips, _: float) -> Decode:
    """Temperature of the pixels' probabilities."""

    def decoder(log_t: float) -> Decoder:
        return Decoder("calibrated", float(np.exp(log_t)), 0.0, tuple(chips.true.mean(axis=0)))

    found = minimize_scalar(
        lambda t: kl(chips.true, decoded(decoder(t))(chips)), bounds=(-0.7, 0.7), method="bounded",
        options={"xatol": 0.01},
    )  # fmt: skip
    return decoded(decoder(found.x))


def shrunk(shares: Array, weight: float, prior: Array) -> Array:
    return (1 - weight) * shares + weight * prior


def fit_shrinkage(chips: Chips, _: float) -> Decode:
    """Shrinkage of the mean to the labelled chips' mean shares."""
    prior = chips.true.mean(axis=0)
    found = minimize_scalar(
        lambda w: kl(chips.true, shrunk(chips.mean, np.exp(w), prior)),
        bounds=np.log([1e-6, 0.2]),
        method="bounded",
    )
    return lambda others: shrunk(others.mean, np.exp(found.x), prior)


def fit_both(chips: Chips, _: float) -> Decode:
    """Temperature and shrinkage, as `landcover train` fits them: kept where they lower the KL by 1 %."""
    prior = chips.true.mean(axis=0)

    def decode(x: Array) -> Decode:
        return decoded(Decoder("calibrated", float(np.exp(x[0])), float(np.exp(x[1])), tuple(prior)))

    found = minimize(
        lambda x: kl(chips.true, decode(x)(chips)), [0.0, np.log(1e-3)], method="Nelder-Mead",
        bounds=[np.log([0.5, 2.0]), np.log([1e-6, 0.1])],
        options={"maxiter": 60, "xatol": 0.01, "fatol": 1e-6},
    )  # fmt: skip
    worth = found.fun < WORTH * kl(chips.true, chips.mean)
    return decode(found.x) if worth else lambda others: others.mean


def fit_adjusted(chips: Chips, weight: float) -> Decode:
    """Counts put right by the inverse of the confusion matrix (Forman 2008), on the simplex; then shrunk.

    The shares t ≥ 0 of sum 1 whose counts Cᵀt, with C the rates of confusion, are nearest to the map's.
    """
    prior, confusion = chips.true.mean(axis=0), chips.confusion.sum(axis=0)
    seen = confusion.sum(axis=1) > 0
    rates = confusion[seen] / confusion[seen].sum(axis=1, keepdims=True)
    system = np.vstack([rates.T, np.full((1, seen.sum()), 1e3)])

    def decode(others: Chips) -> Array:
        shares = np.zeros_like(others.counts)
        for row, counts in zip(shares, others.counts, strict=True):
            row[seen] = nnls(system, np.append(counts, 1e3))[0]
        return shrunk(normalised(shares), weight, prior)

    return decode


def fit_linear(chips: Chips, pseudo_chips: float) -> Decode:
    """A matrix whose columns sum to 1, times the mean: the lowest KL with a pull to the identity.

    By expectation-maximisation: each share is a mixture of columns. The pull is that of `pseudo_chips` chips
    of each class alone that the network gets right.
    """
    known, identity = chips.mean, np.eye(chips.mean.shape[1])
    matrix = 0.9 * identity + 0.1 / len(identity)
    for _ in range(500):
        mixed = known @ matrix.T
        matrix = pseudo_chips * identity + matrix * ((chips.true / np.maximum(mixed, EPSILON)).T @ known)
        matrix /= matrix.sum(axis=0)
    return lambda others: others.mean @ matrix.T


def fit_loglinear_shares(chips: Chips, ridge: float) -> Decode:
    """The shares p^slope · e^offset of the mean, made to sum to 1 again."""
    every = np.ones_like(chips.mean)
    slopes, offsets = fit_parameters(chips.mean[:, :, None], every, chips.true, ridge)
    return lambda others: loglinear(others.mean[:, :, None], slopes, offsets)[:, :, 0]


def fit_loglinear_pixels(chips: Chips, ridge: float) -> Decode:
    """The same of the probabilities of pixels, averaged then."""
    slopes, offsets = fit_parameters(chips.pixels, chips.ratio, chips.true, ridge)
    return decoded(Decoder("loglinear", slopes=tuple(slopes), offsets=tuple(offsets)))


def fit_floor(chips: Chips, _: float) -> Decode:
    """The mean, and a floor for classes that no labelled chip holds."""
    floor = np.where(chips.true.any(axis=0), 0, NEVER_SEEN)

    def decode(others: Chips) -> Array:
        return normalised(np.maximum(others.mean, floor))

    return decode


@dataclass(frozen=True)
class Candidate:
    """A way to fit a decoder, and the settings to choose from."""

    fit: Callable[[Chips, float], Decode]
    settings: tuple[float, ...] = (0.0,)


RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)
CANDIDATES = {
    "mean": Candidate(lambda *_: lambda chips: chips.mean),
    "counts": Candidate(lambda *_: lambda chips: chips.counts),
    "temperature": Candidate(fit_temperature),
    "shrinkage": Candidate(fit_shrinkage),
    "both (calibrated)": Candidate(fit_both),
    "adjusted counts": Candidate(fit_adjusted, (1e-4, 1e-3, 1e-2)),
    "linear": Candidate(fit_linear, (1.0, 10.0, 100.0)),
    "log-linear, shares": Candidate(fit_loglinear_shares, RIDGES),
    "log-linear, pixels": Candidate(fit_loglinear_pixels, RIDGES),
    "floor of classes never seen": Candidate(fit_floor),
}


def shift_weights(p: Array, prior: Array, steps: int) -> Array:
    """Ratio of the classes' shares in a place to those in training, by steps of expectation-maximisation.

    Saerens, Latinne and Decaestecker 2002. Classes that training never saw keep 1.

    Parameters
    ----------
    p : probabilities or shares in the place, any number × classes
    prior : shares in training
    steps : the first gives the ratio of the mean prediction to the prior
    """
    weights = np.ones_like(prior)
    for _ in range(steps):
        q = p * weights
        q /= q.sum(axis=1, keepdims=True)
        weights = np.where(prior > 0, q.mean(axis=0) / np.where(prior > 0, prior, 1), 1.0)
    return weights


def tempered(weights: Array, water: int) -> Array:
    """The square root, within [1/2, 2]; of water within [1, 10]."""
    low, high = np.full(len(weights), 0.5), np.full(len(weights), 2.0)
    low[water], high[water] = 1, 10
    return np.sqrt(weights).clip(low, high)


def shifted_shares(chips: Chips, weights: Array) -> Array:
    """Mean shares with the weights of a prior shift."""
    return normalised(chips.mean * weights)


def shifted_pixels(chips: Chips, weights: Array) -> Array:
    """Shares from the probabilities of pixels with the weights of a prior shift."""

    def shares(p: Array) -> Array:
        q = p * weights.astype(np.float32)[:, None]
        return np.asarray((q / q.sum(axis=0)).mean(axis=1, dtype=np.float64))

    return by_pixels(chips, shares)
