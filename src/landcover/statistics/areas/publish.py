"""Intervals of areas and accuracies, and which numbers may be published, by coefficient of variation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from landcover.errors import LandcoverError

Z = 1.96  # of the normal distribution, for 95 % intervals, as the published examples round it
UNSEEN = -np.log(0.025)  # points that would have been expected of what none of them shows, at most
PUBLISH, CAUTION, SUPPRESS = "publish", "caution", "suppress"
NO_PROBABILITY = "no probability sample"
Floats = npt.NDArray[np.float64]
Interval = Literal["wilson", "normal"]


def check_interval(kind: str | None) -> None:
    """Refuse an unknown kind of interval."""
    if kind is not None and kind not in get_args(Interval):
        raise LandcoverError("--interval", f"is {kind!r}", " or ".join(get_args(Interval)), "mend it")


@dataclass(frozen=True)
class Limits:
    """Coefficients of variation above which a number is published with caution, and above which it is not.

    The defaults are those of Statistics Canada's surveys: to 16.5 % without restriction, to 33.3 % with a
    warning, above not at all.
    """

    caution: float = 0.165
    suppress: float = 0.333

    def check(self) -> None:
        """Refuse limits that are in no order."""
        if not 0 < self.caution <= self.suppress:
            raise LandcoverError(
                "--caution and --suppress", f"are {self.caution:g} and {self.suppress:g}",
                "two coefficients of variation, the first not above the second", "mend them",
            )  # fmt: skip


def area_interval(
    area: Floats, error: Floats, most: npt.ArrayLike, heaviest: npt.ArrayLike, kind: Interval = "normal"
) -> tuple[Floats, Floats]:
    """95 % interval of an area: ± 1.96 standard errors, or Wilson's of its share; between 0 and `most`.

    An error of 0 says that no point showed anything else, not that there is nothing else: then the rule of
    three stands in (Hanley and Lippman-Hand 1983). What no point shows is, with 97.5 %, less than what
    −ln 0.025 = 3.7 points stand for.

    Parameters
    ----------
    most : the whole area
    heaviest : what the point with the greatest weight stands for
    """
    half = np.where(error > 0, Z * error, UNSEEN * np.asarray(heaviest))
    low, high = np.clip(area - half, 0.0, None), np.minimum(area + half, most)
    if kind == "normal":
        return low, high
    whole, known = np.asarray(most, float), error > 0
    least, highest = wilson(area / whole, np.where(known, error, np.nan) / whole, 1)
    return np.where(known, least * whole, low), np.where(known, highest * whole, high)


def accuracy_interval(
    share: Floats, error: Floats, points: npt.ArrayLike, kind: Interval = "wilson"
) -> tuple[Floats, Floats]:
    """95 % interval of an accuracy: Wilson's, or ± 1.96 standard errors where these are not 0.

    Parameters
    ----------
    points : in the denominator of the share
    """
    low, high = wilson(share, error, points)
    if kind == "normal":
        low = np.where(error > 0, np.maximum(share - Z * error, 0.0), low)
        high = np.where(error > 0, np.minimum(share + Z * error, 1.0), high)
    return low, high


def wilson(share: Floats, error: Floats, points: npt.ArrayLike) -> tuple[Floats, Floats]:
    """95 % interval of a share: Wilson's (1927), with the effective number of points (Franco et al. 2019).

    The effective number is n = p (1 − p) / error²: that of a simple random sample with the same error. Where
    all points agree, the error is 0 and n is their number.

    Parameters
    ----------
    points : in the denominator of the share

    Examples
    --------
    >>> low, high = wilson(np.array([0.9, 1.0]), np.array([0.03, 0.0]), np.array([101, 30]))
    >>> low.round(3), high.round(3)
    (array([0.826, 0.886]), array([0.945, 1.   ]))
    """
    n = np.broadcast_to(np.asarray(points, float), share.shape)
    n = np.divide(share * (1 - share), error**2, out=n.copy(), where=error > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + (Z / (2 * n)) ** 2)
    return np.clip(middle - half, 0.0, None), np.minimum(middle + half, 1.0)


def least_variation(area: Floats, unseen: Floats) -> Floats:
    """The coefficient of variation of a class's area at least: what no point shows of it may be there.

    Where no point is of the class, an error of 0 is estimated, however much each of these points stands for.
    With T_h hectares of the class in such strata, of weights w_h, none is met with probability
    exp(−Σ T_h / w_h), and so with 2.5 % at least as long as Σ T_h is not above −ln 0.025 = 3.7 times the
    greatest w_h: the rule of three again. This bound, over 1.96, is held to be an error.

    Parameters
    ----------
    unseen : see `estimators.Estimate`

    Examples
    --------
    >>> least_variation(np.array([57.0, 57.0]), np.array([0.0, 333.0])).round(2)
    array([ 0., 11.])
    """
    least: Floats = np.full(area.shape, np.inf)
    np.divide(UNSEEN / Z * unseen, area, out=least, where=area > 0)
    return least


def flags(
    estimate: Floats, error: Floats, low: Floats, high: Floats, limits: Limits, probability: bool = True,
    least: npt.ArrayLike = 0.0,
) -> list[str]:  # fmt: skip
    """Say of each number whether it may be published.

    The coefficient of variation is the standard error over the estimate; where half the interval's width over
    1.96 is more than the standard error, that counts.

    Parameters
    ----------
    probability : whether the points are a probability sample; of no other kind is any error known
    least : coefficient of variation that each has at least, see `least_variation`
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        variation = np.maximum(np.fmax(error, (high - low) / (2 * Z)) / estimate, least).round(9)
    names = np.where(variation <= limits.caution, PUBLISH, CAUTION)
    names = np.where(variation <= limits.suppress, names, SUPPRESS)
    return [str(n) if probability else NO_PROBABILITY for n in names]
