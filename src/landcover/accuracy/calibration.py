"""Are stated probabilities kept? Reliability curve and expected calibration error, image by image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

BINS = 15


class Calibration:
    """Sums over pixels from which reliability is read; `add` image by image, then `table` and `error`.

    Each pixel falls into one of 15 bins of equal width by its confidence, the probability of its most
    probable class; bin m holds ((m − 1) / 15, m / 15] (Guo et al. 2017, "On calibration of modern neural
    networks", section 2).

    Examples
    --------
    >>> c = Calibration()
    >>> c.add(np.array([0.9, 0.9, 0.9, 0.5]), np.array([True, True, False, False]))
    >>> round(c.error, 4)  # (3 × |2/3 − 0.9| + 1 × |0 − 0.5|) / 4
    0.3
    """

    def __init__(self) -> None:
        self.pixels = np.zeros(BINS, np.int64)
        self.confidence = np.zeros(BINS)
        self.right = np.zeros(BINS, np.int64)

    def add(self, confidence: npt.NDArray[np.floating[Any]], right: npt.NDArray[np.bool_]) -> None:
        """Add pixels: the probability of the class chosen (0 to 1), and whether it is the right one."""
        bins = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
        self.pixels += np.bincount(bins, minlength=BINS)
        self.confidence += np.bincount(bins, confidence, minlength=BINS)
        self.right += np.bincount(bins[right], minlength=BINS)

    @property
    def table(self) -> pd.DataFrame:
        """A row per bin: low, high, pixels, confidence (mean stated), accuracy (observed); NaN if empty."""
        edges = np.arange(BINS + 1) / BINS
        some = self.pixels > 0
        with_pixels = np.where(some, self.pixels, 1)
        return pd.DataFrame(
            {
                "low": edges[:-1],
                "high": edges[1:],
                "pixels": self.pixels,
                "confidence": np.where(some, self.confidence / with_pixels, np.nan),
                "accuracy": np.where(some, self.right / with_pixels, np.nan),
            }
        )

    @property
    def error(self) -> float:
        """Expected calibration error: mean over pixels of |accuracy − confidence| of their bin, or NaN."""
        total = int(self.pixels.sum())
        return float(np.abs(self.right - self.confidence).sum() / total) if total else float("nan")
