"""Compare a map with its reference pixel by pixel: confusion matrix and the measures drawn from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.legend import Legend

Codes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]


def code_counts(codes: Codes) -> Counts:
    """Pixels of each code 0 to 255 in a mask or map (uint8, height × width).

    Examples
    --------
    >>> code_counts(np.array([[2, 3], [3, 9]], np.uint8))[[2, 3, 9]]
    array([1, 2, 1])
    """
    return np.bincount(codes.reshape(-1), minlength=256)


@dataclass(frozen=True)
class Crossing:
    """How a reference and a map meet, pixel by pixel; crossings add up with `+`.

    Attributes
    ----------
    counts : int64, labels × labels: rows are the reference, columns the map, in the order of `legend.labels`;
        only pixels with a label in both
    unmapped : pixels with a label in the reference and none in the map (no data, clouds): in no measure
    """

    counts: Counts
    unmapped: int

    @classmethod
    def none(cls, legend: Legend) -> Crossing:
        """No pixel at all: what sums start from."""
        n = len(legend.labels)
        return cls(np.zeros((n, n), np.int64), 0)

    def __add__(self, other: Crossing) -> Crossing:
        return Crossing(self.counts + other.counts, self.unmapped + other.unmapped)

    @property
    def right(self) -> int:
        """Pixels with the same class in both."""
        return int(np.trace(self.counts))

    @property
    def pixels(self) -> int:
        """Pixels with a label in both."""
        return int(self.counts.sum())


def cross(reference: Codes, mapped: Codes, legend: Legend) -> Crossing:
    """Cross a mask with a map of the same size; pixels without label in the mask are ignored.

    Examples
    --------
    >>> from landcover.legend import S2GLC
    >>> mask, map_ = np.array([[0, 2, 3, 9]], np.uint8), np.array([[2, 2, 9, 0]], np.uint8)
    >>> met = cross(mask, map_, S2GLC)
    >>> met.right, met.pixels, met.unmapped
    (1, 2, 1)
    """
    n = len(legend.labels)
    place = np.full(256, n, np.uint16)  # n stands for "no label"
    place[list(legend.label_codes)] = np.arange(n)
    pairs = place[reference] * np.uint16(n + 1) + place[mapped]
    table = np.bincount(pairs.reshape(-1), minlength=(n + 1) ** 2).reshape(n + 1, n + 1)
    return Crossing(table[:n, :n].copy(), int(table[:n, n].sum()))


def class_measures(counts: Counts) -> pd.DataFrame:
    """Measures per class from a confusion matrix (rows reference, columns map).

    With a class's right pixels r, its pixels in the reference t and in the map p (Congalton and Green 2019,
    chapter 4; IoU is the index of Jaccard 1901, F1 that of Dice 1945):

    - producer's accuracy (recall) r / t: how much of the class on the ground the map finds;
    - user's accuracy (precision) r / p: how much of the class in the map is right;
    - IoU r / (t + p − r) and F1 2r / (t + p).

    A class absent from both reference and map has NaN and counts in no mean; one absent from only one of them
    has 0 in all four.

    Returns
    -------
    measures : a row per class: reference_px, map_px, iou, f1, users_accuracy, producers_accuracy

    Examples
    --------
    >>> class_measures(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 0]])).round(2)
       reference_px  map_px   iou    f1  users_accuracy  producers_accuracy
    0             4       3  0.75  0.86             1.0                0.75
    1             0       1  0.00  0.00             0.0                0.00
    2             0       0   NaN   NaN             NaN                 NaN
    """
    right, reference, mapped = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    present = reference + mapped > 0

    def ratio(top: Counts, bottom: Counts) -> npt.NDArray[np.float64]:
        zero_or_nan = np.where(present, 0.0, np.nan)
        return np.divide(top, bottom, out=zero_or_nan, where=bottom > 0)

    return pd.DataFrame(
        {
            "reference_px": reference,
            "map_px": mapped,
            "iou": ratio(right, reference + mapped - right),
            "f1": ratio(2 * right, reference + mapped),
            "users_accuracy": ratio(right, mapped),
            "producers_accuracy": ratio(right, reference),
        }
    )


def ratio_interval(
    top: npt.NDArray[np.float64],
    bottom: npt.NDArray[np.float64],
    blocks: pd.Series[str] | None,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of sum(top) / sum(bottom), drawing images or whole blocks.

    The ratio estimator of cluster sampling (Cochran 1977, chapter 6), here for overall accuracy: right pixels
    over compared pixels. NaN for both ends when there is one image or block alone: nothing varies.
    """
    if len(top) == 0:
        return float("nan"), float("nan")
    units = np.arange(len(top)) if blocks is None else pd.factorize(blocks)[0]
    n = int(units.max()) + 1
    tops, bottoms = np.bincount(units, top, n), np.bincount(units, bottom, n)
    tops, bottoms = tops[bottoms > 0], bottoms[bottoms > 0]
    if len(tops) < 2:
        return float("nan"), float("nan")
    picks = np.random.default_rng(seed).integers(0, len(tops), (draws, len(tops)))
    low, high = np.percentile(tops[picks].sum(axis=1) / bottoms[picks].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)
