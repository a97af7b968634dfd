"""Tell when an image's numbers look unlike those that the model was trained on, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from landcover.inference.modelfile import BandStatistics

BINS_A_UNIT = 100
MOST = 1e6
SLACK = 1.3
BASELINE_OFFSET = 1000
REFLECTANCE = 10_000


class Histogram:
    """Percentiles of each band of an image that is read piece by piece.

    Numbers are counted in bins of ln(1 + DN × 10,000) that are 1 % wide, so that reflectances from 0 to 1 and
    digital numbers are told alike.
    """

    def __init__(self, bands: int) -> None:
        top = int(np.log1p(MOST * REFLECTANCE) * BINS_A_UNIT) + 1
        self.counts = np.zeros((bands, top), np.int64)

    def add(self, pixels: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]) -> None:
        """Count the valid pixels of bands × height × width: every fourth row and column is enough."""
        chosen = pixels[:, ::4, ::4][:, valid[::4, ::4]]
        bins = np.log1p(chosen.clip(0, MOST) * np.float32(REFLECTANCE)) * BINS_A_UNIT
        for counts, band in zip(self.counts, bins.astype(np.int64), strict=True):
            counts += np.bincount(band, minlength=len(counts))

    def percentile(self, q: float) -> npt.NDArray[np.float64]:
        """Percentile `q` of each band, to 1 %; NaN when nothing was counted."""
        total = self.counts.sum(axis=1)
        if not total.all():
            return np.full(len(total), np.nan)
        bins = np.argmax(self.counts.cumsum(axis=1) >= total[:, None] * q / 100, axis=1)
        found: npt.NDArray[np.float64] = np.expm1((bins + 0.5) / BINS_A_UNIT) / REFLECTANCE
        return found


def unlike(histogram: Histogram, trained: Sequence[BandStatistics], bands: Sequence[str]) -> list[str]:
    """Sentences that name what looks wrong, with the likely cause; none when nothing does.

    An image passes when the median of each band lies within the range of training pixels (percentiles 1 to
    99, widened by 30 %) and its dark pixels are not all lifted by what an offset would add.
    """
    median, dark = histogram.percentile(50), histogram.percentile(1)
    if np.isnan(median).any():
        return []
    usual = np.array([s.p50 for s in trained])
    low, high = np.array([s.p01 for s in trained]) / SLACK, np.array([s.p99 for s in trained]) * SLACK
    lift = dark - np.array([s.p01 for s in trained])
    ratio = np.log(np.maximum(median, 1e-9) / usual)
    far = (median < low) | (median > high)
    told = ", ".join(
        f"{b} {m:.4g} (in training {s.p01:.4g} to {s.p99:.4g})"
        for b, m, s in zip(bands, median, trained, strict=True)
    )
    if (median <= 2).all():
        return [f"the numbers look like reflectances from 0 to 1 (median {told}): try --scale 10000"]
    if far.any() and (abs(ratio) > np.log(4)).all() and np.ptp(ratio) < np.log(4):
        factor = float(f"{np.exp(-ratio.mean()):.1g}")
        look = "low" if factor > 1 else "high"
        return [f"all bands look too {look} (median {told}): check --scale, such as --scale {factor:g}"]
    if (lift > 0.6 * BASELINE_OFFSET).all():
        return [
            "even the darkest pixels of all bands look about 1000 too high, as in Sentinel-2 products of "
            f"baseline 04.00 or later (median {told}): try --offset -1000"
        ]
    if far.any():
        return [
            f"bands look unlike those of training (median {told}): check --bands and --scale; haze, snow, "
            "water or another season do it too, and then the map deserves less trust"
        ]
    return []
