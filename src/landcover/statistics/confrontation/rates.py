"""A rate of hectares or objects with the interval that its spread over blocks of ground gives."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FEWEST = 5  # blocks: below, their spread says nothing
LEVEL = 0.95


def rate(part: npt.ArrayLike, whole: npt.ArrayLike, most: float = math.inf) -> tuple[float, float, float]:
    """Σ part / Σ whole over blocks, and its 95 % interval.

    Map and reference are both known everywhere, so the rate of a territory on its day is no estimate. The
    interval is that of the rate of the map-making: where it would lie on other ground of the same kind. What
    lies close together is alike, so blocks of ground are counted, not pixels.

    The variance is that of a ratio over blocks, n / (n − 1) · Σ (part − rate · whole)² / (Σ whole)² (Cochran
    1977, Sampling Techniques, chapter 6). It says how many independent objects the rate is worth,
    rate · (1 − rate) / variance (Korn and Graubard 1998, Survey Methodology 24), and Wilson's interval (1927)
    of so many, with Student's t of n − 1 degrees, stays within 0 and 1 and has a width at 0 and 1 too. There,
    the number is (Σ whole)² / Σ whole² (Kish 1965).

    Parameters
    ----------
    part, whole : of each block; blocks without whole are left out
    most : number of objects, where these are counted: the effective number can't exceed it

    Returns
    -------
    rate, low, high : NaN for the rate without whole; NaN for the interval below 5 blocks

    Examples
    --------
    >>> [round(v, 3) for v in rate([0, 1, 0, 2, 1], [10, 10, 10, 10, 10], 50)]
    [0.08, 0.022, 0.25]
    """
    from scipy.stats import t

    whole = np.asarray(whole, float)
    there = whole > 0
    part, whole = np.asarray(part, float)[there], whole[there]
    n, total = len(whole), whole.sum()
    if not n:
        return math.nan, math.nan, math.nan
    r = float(part.sum() / total)
    if n < FEWEST or most < 1:
        return r, math.nan, math.nan
    variance = n / (n - 1) * ((part - r * whole) ** 2).sum() / total**2
    flat = r * (1 - r) < 1e-12 or variance < 1e-15
    worth = min(most, total**2 / (whole**2).sum() if flat else r * (1 - r) / variance)
    z = float(t.ppf((1 + LEVEL) / 2, n - 1)) ** 2 / worth
    middle, half = r + z / 2, math.sqrt(z * max(r * (1 - r), 0.0) + z * z / 4)
    return r, max(0.0, (middle - half) / (1 + z)), min(1.0, (middle + half) / (1 + z))
