"""Novelty: how far an image is from those that the model was trained on, where, and the likely cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt

from landcover.inference.modelfile import BandStatistics, Novelty

CELL = 32  # px
EVERY = 4  # px: rows and columns that are looked at
STEPS = (1, 4)  # px: how far apart pixels are whose differences tell how sharp an image is
SPARSE = 32  # px: rows whose pixels are compared with those beside them
GROUP = 64  # cells, of one chip of the challenge
FINEST = 0.01  # of logarithms: finer differences are not told
USUAL = 99  # % of the cells of validation chips
BINS_A_UNIT = 100
MOST = 1e6
MOST_WHOLE = 65_535  # the largest in images of 16 bits
SLACK = 1.3
BASELINE_OFFSET = 1000
REFLECTANCE = 10_000


class Sample:
    """What is kept of the numbers of an image, or of a band of its rows, that is read piece by piece.

    Every fourth row and column is looked at. Numbers are counted in bins of ln(1 + DN × 10,000) that are 1 %
    wide, so that reflectances from 0 to 1 and digital numbers are told alike; the same logarithms are added
    up over cells of 32 × 32 px.

    Parameters
    ----------
    bands : their number
    top, bottom : first row of the image, and the one after the last
    width : of the image, px

    Attributes
    ----------
    counts : of each bin, bands × bins
    sums : of the logarithms of each band and, last, of the pixels looked at, (bands + 1) × cells
    steps : of pixels that are 1 px (first row) and 4 px apart (second) in every 32nd row: the sums of the
        sizes of the differences of their logarithms for each band and, last, their number, 2 × (bands + 1)
    """

    def __init__(self, bands: int, top: int, bottom: int, width: int) -> None:
        bins = int(np.log1p(MOST * REFLECTANCE) * BINS_A_UNIT) + 1
        self._first = top // CELL
        self.counts = np.zeros((bands, bins), np.int64)
        self.sums = np.zeros((bands + 1, -(-bottom // CELL) - self._first, -(-width // CELL)))
        self.steps = np.zeros((2, bands + 1))

    def add(self, pixels: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], y: int, x: int) -> None:
        """Look at bands × height × width, of which the first pixel is in row `y` and column `x`."""
        down, right = -y % EVERY, -x % EVERY  # to the rows and columns of the image that are looked at
        seen = valid[down::EVERY, right::EVERY]
        if not seen.size:
            return
        logs = _logarithms(pixels[:, down::EVERY, right::EVERY].clip(0, MOST))
        bins = (logs * BINS_A_UNIT).astype(np.intp)
        if not seen.all():
            logs, bins = np.where(seen, logs, 0), bins[:, seen]
        for counts, band in zip(self.counts, bins, strict=True):
            counts += np.bincount(band.ravel(), minlength=len(counts))
        sums = np.concatenate([logs, seen[None]], dtype=np.float64)
        cells = []
        for axis, start in ((1, y + down - self._first * CELL), (2, x + right)):
            index = (start + EVERY * np.arange(sums.shape[axis])) // CELL
            sums = np.add.reduceat(sums, np.flatnonzero(np.diff(index, prepend=-1)), axis=axis)
            cells.append(slice(index[0], index[-1] + 1))
        self.sums[:, *cells] += sums
        seen = valid[-y % SPARSE :: SPARSE]
        if not len(seen):
            return
        logs = _logarithms(pixels[:, -y % SPARSE :: SPARSE].clip(0, MOST))
        for steps, apart in zip(self.steps, STEPS, strict=True):
            both = seen[:, apart:] & seen[:, :-apart]
            difference = abs(logs[:, :, apart:] - logs[:, :, :-apart])
            steps[:-1] += difference.sum(axis=(1, 2), where=both, dtype=np.float64)
            steps[-1] += np.count_nonzero(both)

    def merge(self, other: Sample) -> None:
        """Add what was seen in other rows of the image, which lie within these."""
        self.counts += other.counts
        self.steps += other.steps
        first = other._first - self._first
        self.sums[:, first : first + other.sums.shape[1]] += other.sums

    def percentile(self, q: float) -> npt.NDArray[np.float64]:
        """Percentile `q` of each band, to 1 %; NaN when nothing was counted."""
        total = self.counts.sum(axis=1)
        if not total.all():
            return np.full(len(total), np.nan)
        bins = np.argmax(self.counts.cumsum(axis=1) >= total[:, None] * q / 100, axis=1)
        found: npt.NDArray[np.float64] = np.expm1((bins + 0.5) / BINS_A_UNIT) / REFLECTANCE
        return found

    def means(self) -> npt.NDArray[np.float64]:
        """Mean logarithm of each band in each cell, bands × rows × columns; NaN where data are too few."""
        *sums, seen = self.sums
        enough = seen >= (CELL // EVERY) ** 2 / 4
        return np.where(enough, np.array(sums) / np.maximum(seen, 1), np.nan)

    def sharpness(self) -> float:
        """How much of the difference between pixels that are 4 px apart is there between neighbours already.

        The mean over the bands of γ(1) / γ(4), where γ(h) is the madogram, the mean |z(x) − z(x + h)| at the
        distance h (Chilès and Delfiner 2012, Geostatistics, section 2.2). Gain, offset and the kind of land
        hardly change it; blur and interpolation lower it. NaN when all pixels are alike, or none has data.
        """
        near, far = self.steps[:, :-1] / np.maximum(self.steps[:, -1:], 1)
        return float(np.mean(near / far)) if (far > 0).all() else np.nan


def _logarithms(numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """ln(1 + DN × 10,000) of numbers from 0 on; of whole ones, which most images hold, from a table."""
    if numbers.max() <= MOST_WHOLE:
        whole = numbers.astype(np.uint16)
        if np.array_equal(whole, numbers):
            return _table()[whole]
    return _logarithm(numbers)


@cache
def _table() -> npt.NDArray[np.float32]:
    return _logarithm(np.arange(MOST_WHOLE + 1, dtype=np.float32))


def _logarithm(numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = np.log1p(numbers * np.float32(REFLECTANCE))
    return found


def distances(sample: Sample, trained: Novelty) -> npt.NDArray[np.float32]:
    """How far each cell of an image is from those of training, rows × columns; NaN without data.

    The Mahalanobis distance √((m − μ)ᵀ Σ⁻¹ (m − μ)) of the mean logarithms m of its bands: it sees what one
    band after the other does not, such as a green that is usual beside a red that is usual with others.
    Mahalanobis 1936, On the generalised distance in statistics.
    """
    off = sample.means() - np.array(trained.mean)[:, None, None]
    inverse = np.linalg.inv(trained.covariance)
    found: npt.NDArray[np.float32] = np.sqrt(np.einsum("ahw,ab,bhw->hw", off, inverse, off)).astype(
        np.float32
    )
    return found


def fit_novelty(training: npt.NDArray[np.float32], validation: npt.NDArray[np.float32]) -> Novelty:
    """The novelty of a model file, from chips × bands × height × width; 0 in all bands is no data."""

    def look(chip: npt.NDArray[np.float32]) -> Sample:
        sample = Sample(len(chip), 0, *chip.shape[1:])
        sample.add(chip, np.asarray(chip.any(axis=0)), 0, 0)
        return sample

    means = np.concatenate([look(chip).means().reshape(len(chip), -1) for chip in training], axis=1)
    means = means[:, ~np.isnan(means[0])]
    covariance = np.cov(means, bias=True) + FINEST**2 * np.eye(len(means))
    mean = tuple(means.mean(axis=1).tolist())
    known = Novelty(mean, tuple(map(tuple, covariance.tolist())), np.inf, 1.0, 0.0)
    samples = [look(chip) for chip in validation]
    found = [d[~np.isnan(d)] for d in (distances(sample, known) for sample in samples)]
    limit = float(np.percentile(np.concatenate(found), USUAL))
    many = -(-GROUP * len(found) // sum(map(len, found)))  # chips, so that one cell is not a large share
    share, sharpness = 0.0, np.inf
    for i in range(0, max(1, len(found) - many + 1), many):
        group = np.concatenate(found[i : i + many])
        share = max(share, float(np.mean(group > limit)) if len(group) else 0.0)
        together = Sample(validation.shape[1], 0, *validation.shape[2:])
        for sample in samples[i : i + many]:
            together.merge(sample)
        sharpness = np.fmin(sharpness, together.sharpness())
    return replace(
        known, distance=limit, share=share, sharpness=float(sharpness) if np.isfinite(sharpness) else 0.0
    )


def looks_resampled(sample: Sample, trained: Novelty) -> str | None:
    """A sentence when an image is less sharp than the validation chips; else None."""
    sharpness = sample.sharpness()
    if not sharpness < trained.sharpness:
        return None
    return (
        f"it is less sharp than any validation chip (neighbouring pixels differ by {sharpness:.2f} of what "
        f"those 4 px apart do, there by at least {trained.sharpness:.2f}), as if blurred or resampled: "
        "smooth fields may be mapped as water; predict the image as it was made"
    )


def likely_causes(sample: Sample, trained: Sequence[BandStatistics], bands: Sequence[str]) -> list[str]:
    """Sentences that name what looks wrong, with the likely cause; none when nothing does.

    An image passes when the median of each band lies within the range of training pixels (percentiles 1 to
    99, widened by 30 %) and its dark pixels are not all lifted by what an offset would add.
    """
    median, dark = sample.percentile(50), sample.percentile(1)
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
