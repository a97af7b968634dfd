"""How many points each stratum of a sample gets: shared out, within bounds, or as many as an error needs."""

from __future__ import annotations

from bisect import bisect_left
from typing import Literal

import numpy as np
import numpy.typing as npt

Allocation = Literal["equal", "proportional", "neyman"]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def weights_of(allocation: Allocation, shares: Floats, accuracies: Floats) -> Floats:
    """What the points of the strata are in proportion to.

    equal: 1. proportional: W. neyman: W · √(U (1 − U)), which for a number of points makes the standard error
    of the overall accuracy least (Neyman 1934; Cochran 1977, Sampling Techniques, eq. 5.26).

    Parameters
    ----------
    shares : W, of the strata in the area of the map
    accuracies : U, the share of a stratum's pixels that are expected to be right; only for neyman

    Examples
    --------
    >>> weights_of("neyman", np.array([0.9, 0.1]), np.array([0.9, 0.5])).round(3)
    array([0.27, 0.05])
    """
    if allocation == "equal":
        return np.ones(len(shares))
    return shares if allocation == "proportional" else shares * np.sqrt(accuracies * (1 - accuracies))


def allocate(points: int, weights: Floats, least: Ints, most: Ints) -> Ints:
    """Share out points in proportion to weights, no stratum getting fewer than `least` or more than `most`.

    A stratum that its bound holds back leaves the others in proportion: n_h = min(max(c · w_h, least), most),
    with the one c for which they sum to `points`. What is left after rounding down goes to the largest
    remainders.

    Parameters
    ----------
    points : from the sum of `least` to that of `most`
    weights : of each stratum, above 0
    least, most : of each stratum

    Returns
    -------
    allocated : points of each stratum, which sum to `points`

    Examples
    --------
    >>> allocate(100, np.array([0.9, 0.09, 0.01]), np.array([10, 10, 10]), np.array([9000, 900, 100]))
    array([80, 10, 10])
    """
    bends = np.sort(np.concatenate([least / weights, most / weights]))
    sums = np.clip(np.outer(bends, weights), least, most).sum(axis=1)
    wanted = np.clip(np.interp(points, sums, bends) * weights, least, most)
    allocated: Ints = np.floor(wanted + 1e-9).astype(np.int64)
    order = np.argsort(allocated - wanted, kind="stable")
    order = order[allocated[order] < most[order]]
    allocated[order[: points - allocated.sum()]] += 1
    return allocated


def expected_error(allocated: Ints, shares: Floats, accuracies: Floats, pixels: Ints) -> float:
    """Standard error of the overall accuracy that a sample should have: √Σ W² U (1 − U) / n · (1 − n / N).

    Olofsson et al. 2014, Good practices for estimating area and assessing accuracy of land change, eq. 5,
    before the sample is drawn and with the correction for finite populations.

    Parameters
    ----------
    allocated : n, points of each stratum
    shares, accuracies : W and U, see `weights_of`
    pixels : N, of each stratum
    """
    variances = shares**2 * accuracies * (1 - accuracies) / allocated * (1 - allocated / pixels)
    return float(np.sqrt(variances.sum()))


def points_for(
    error: float, weights: Floats, shares: Floats, accuracies: Floats, least: Ints, most: Ints
) -> int:
    """The fewest points whose allocation should give the overall accuracy this standard error.

    They are looked for among whole numbers, with the bounds of the strata. Without bounds that matter,
    Neyman's allocation needs (Σ W S)² / (V + Σ W S² / N) points, where S² = U (1 − U) and V is the square of
    the error: Cochran 1977, eq. 5.25; Olofsson et al. 2014, eq. 13.

    Parameters
    ----------
    most : pixels of each stratum; the others as in `allocate` and `expected_error`

    Examples
    --------
    The example of Olofsson et al. 2014, section 5.1.1:

    >>> w, u, pixels = np.array([.02, .015, .32, .645]), np.array([.7, .6, .9, .95]), np.full(4, 10**8)
    >>> points_for(0.01, weights_of("neyman", w, u), w, u, np.full(4, 2), pixels)
    641
    """

    def enough(points: int) -> bool:
        allocated = allocate(points, weights, least, most)
        return expected_error(allocated, shares, accuracies, most) <= error

    candidates = range(int(least.sum()), int(most.sum()))
    return candidates.start + bisect_left(candidates, True, key=enough)
