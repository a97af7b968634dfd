"""Conformal intervals: how far the shares of an image or territory may be from the truth, as calibrated.

Split-conformal prediction (Vovk, Gammerman and Shafer 2005; Lei et al. 2018): the errors of a model on
labelled ground that it was not trained on are its errors on new ground, if the two are exchangeable. No other
assumption is made on model or errors. The exchangeable unit is a spatial block: windows of one are alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from landcover.shares.decode import Decoder, Floats
from landcover.shares.tiles import Tiles, Windows

LEVEL = 0.9
SIDES = (64, 128, 256, 320, 384, 512)  # px
FLOOR = 0.01
SURE = 0.9


def deviation(shares: Floats) -> Floats:
    """The scale of the errors of predicted shares p: √(p (1 − p)) + 0.01.

    Errors of shares grow like those of a proportion; the floor stands for what the model misses altogether.
    Dividing by it makes the intervals of a rare class narrow (normalised scores: Lei et al. 2018, section
    5.2). Shares that rounding puts beyond 0 and 1 count as these.
    """
    shares = np.clip(shares, 0, 1)
    found: Floats = np.sqrt(shares * (1 - shares)) + FLOOR
    return found


def scores(predicted: Floats, true: Floats) -> Floats:
    """Normalised errors |p − t| / deviation(p), of the same shape."""
    found: Floats = abs(predicted - true) / deviation(predicted)
    return found


def quantile(values: Floats, blocks: npt.NDArray[np.int64], level: float) -> float:
    """The bound that the score of a window of a new block keeps with probability `level` at least.

    Each of K blocks weighs 1 / (K + 1), shared by its windows; a block yet unseen, of infinite scores, has
    the rest (hierarchical conformal prediction: Lee, Barber and Willett 2023, Distribution-free inference
    with hierarchical data; other ways: Dunn, Wasserman and Ramdas 2023). With one window a block it is
    the ⌈level · (K + 1)⌉-th smallest score, that of split-conformal prediction.

    Parameters
    ----------
    values : score of each window
    blocks : block of each window
    level : 0 to 1

    Returns
    -------
    bound : infinite when level > K / (K + 1), that is when the blocks are too few

    Examples
    --------
    >>> quantile(np.arange(1.0, 20.0), np.arange(19), 0.9)  # the 18th of 19
    18.0
    >>> quantile(np.arange(1.0, 9.0), np.arange(8), 0.9)
    inf
    """
    _, which, sizes = np.unique(blocks, return_inverse=True, return_counts=True)
    order = np.argsort(values, kind="stable")
    weights = np.cumsum(1 / ((len(sizes) + 1) * sizes[which[order]]))
    position = int(np.searchsorted(weights, level - 1e-9))
    return float(values[order[position]]) if position < len(values) else np.inf


def blocks_needed(level: float) -> int:
    """The fewest blocks with which a bound is offered.

    `quantile` keeps its promise in the mean over calibrations; one calibration may have drawn easy blocks.
    The coverage that a given one has is Beta distributed, the more narrowly the more blocks there are: it
    misses a share E and more with probability P(Bin(K, E) < ⌊(1 − level) (K + 1)⌋) (Vovk 2012, Conditional
    validity of inductive conformal predictors, proposition 2; one window a block). With this many blocks a
    calibration misses no more than twice what it promises, E = 2 (1 − level), with probability 0.9.

    Examples
    --------
    >>> [blocks_needed(level) for level in (0.8, 0.9, 0.95)]
    [5, 11, 22]
    """
    from scipy.stats import binom

    blocks = np.arange(1, math.ceil(2 / (1 - level)) + 1)
    above = np.floor((1 - level) * (blocks + 1) + 1e-9)  # scores beyond the bound, the unseen one with them
    sure = (above >= 1) & (binom.cdf(above - 1, blocks, 2 * (1 - level)) <= 1 - SURE)
    return int(blocks[np.argmax(sure)])


@dataclass(frozen=True)
class SizeClass:
    """What was calibrated on windows of one size.

    Attributes
    ----------
    side : px
    blocks, windows : how many there were
    quantiles : bound on the score of each class; None for a class of which no window held a pixel
    joint : bound on the scores of all classes that have one at once: on the largest of them
    """

    side: int
    blocks: int
    windows: int
    quantiles: tuple[float | None, ...]
    joint: float


@dataclass(frozen=True)
class Intervals:
    """Intervals of predicted shares, each images × classes; NaN where there is none."""

    low: Floats
    high: Floats
    joint_low: Floats
    joint_high: Floats


@dataclass(frozen=True)
class Conformal:
    """What a model file says of the errors of its shares.

    Attributes
    ----------
    level : probability that an interval holds the true share
    decoder : whose shares these are
    sizes : from the smallest to the largest
    chips : what they were calibrated on: data, part, chips (how many)
    """

    level: float
    decoder: Decoder
    sizes: tuple[SizeClass, ...]
    chips: Mapping[str, Any]

    def size_class(self, pixels: float) -> SizeClass | None:
        """The size class of an image or territory of so many pixels with data.

        The largest whose windows are no larger: errors shrink as windows grow, so that between two sizes the
        smaller one's intervals are wide enough. None below the smallest size and above the largest.

        Examples
        --------
        >>> sizes = tuple(SizeClass(side, 20, 20, (0.1,), 0.1) for side in (64, 256))
        >>> known = Conformal(0.9, Decoder(), sizes, {})
        >>> [found and found.side for found in map(known.size_class, (4095, 4096, 65535, 65536, 65537))]
        [None, 64, 64, 256, None]
        """
        fitting = [size for size in self.sizes if size.side**2 <= pixels]
        return fitting[-1] if fitting and pixels <= self.sizes[-1].side ** 2 else None

    def describe(self) -> str:
        """What was calibrated, in one line."""
        sizes = ", ".join(f"{s.side} px ({s.blocks} blocks)" for s in self.sizes)
        told = ", ".join(f"{key} {value}" for key, value in self.chips.items() if key != "sha256")
        return f"{self.level:.0%}, windows of {sizes}; {told}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return asdict(self) | {"chips": dict(self.chips)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Conformal:
        """Read what `to_dict` wrote."""
        return cls(
            level=float(data["level"]),
            decoder=Decoder.from_dict(data["decoder"]),
            sizes=tuple(
                SizeClass(
                    side=int(s["side"]),
                    blocks=int(s["blocks"]),
                    windows=int(s["windows"]),
                    quantiles=tuple(None if q is None else float(q) for q in s["quantiles"]),
                    joint=float(s["joint"]),
                )
                for s in data["sizes"]
            ),
            chips=dict(data["chips"]),
        )


def intervals_for(shares: Floats, pixels: npt.ArrayLike, conformal: Conformal) -> Intervals:
    """Intervals of the shares of images or territories, from their size class.

    Share ± bound × `deviation`, cut off at 0 and 1, for each class; with the joint bound, all classes hold at
    once with the same probability.

    Parameters
    ----------
    shares : images × classes, in the order of the model's classes, among the pixels with data; by the decoder
        that was calibrated
    pixels : number of pixels with data of each; fractions may add up to it

    Examples
    --------
    >>> known = Conformal(0.9, Decoder(), (SizeClass(256, 20, 20, (0.1, 0.2), 0.3),), {})
    >>> found = intervals_for(np.array([[0.5, 0.5]]), [256 * 256], known)
    >>> found.low.round(3), found.high.round(3)
    (array([[0.449, 0.398]]), array([[0.551, 0.602]]))
    """
    shares = np.asarray(shares, np.float64)
    sizes = [conformal.size_class(float(n)) for n in np.asarray(pixels).ravel()]
    missing = (None,) * shares.shape[1]
    each = np.array([s.quantiles if s else missing for s in sizes], np.float64).reshape(shares.shape)
    joint = np.array([s.joint if s else np.nan for s in sizes])[:, None] + 0 * each
    reach, together = each * deviation(shares), joint * deviation(shares)
    return Intervals(
        (shares - reach).clip(0, 1),
        (shares + reach).clip(0, 1),
        (shares - together).clip(0, 1),
        (shares + together).clip(0, 1),
    )


def fit_conformal(
    tiles: Tiles,
    decoder: Decoder,
    chips: Mapping[str, Any],
    level: float = LEVEL,
    sides: tuple[int, ...] = SIDES,
) -> Conformal | None:
    """Calibrate on labelled ground that the model was not trained on.

    Parameters
    ----------
    tiles : of the calibration chips
    decoder : the one that they were summed with
    chips : facts on them, to keep
    sides : of windows, px; sizes with fewer blocks than `blocks_needed` are left out

    Returns
    -------
    conformal : None when no size has enough blocks
    """
    found = [size for side in sides if (size := _size_class(tiles.windows(side), decoder, level))]
    return Conformal(level, decoder, tuple(found), dict(chips)) if found else None


def _size_class(windows: Windows, decoder: Decoder, level: float) -> SizeClass | None:
    true = windows.true / np.maximum(windows.true.sum(axis=1, keepdims=True), 1)
    found, seen = scores(decoder.shares(windows.predicted), true), true.any(axis=0)
    blocks = len(np.unique(windows.blocks))
    if blocks < blocks_needed(level) or not seen.any():
        return None
    each = [
        quantile(values, windows.blocks, level) if known else None
        for values, known in zip(found.T, seen, strict=True)
    ]
    joint = quantile(found[:, seen].max(axis=1), windows.blocks, level)
    return SizeClass(windows.side, blocks, len(true), tuple(each), joint)
