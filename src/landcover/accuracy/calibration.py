"""Are stated probabilities kept? Reliability curve and expected calibration error, image by image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.image import open_raster
from landcover.legend import Legend

BINS = 15
FULL_SCALE = {"uint8": 250, "uint16": 65000}  # stands for probability 1; the type's largest number is no data
ROW_BLOCK_PX = 1_000_000


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

    def add_file(self, path: Path, reference: npt.NDArray[np.uint8], legend: Legend) -> None:
        """Add an image's file of probabilities, where its reference has a label.

        Parameters
        ----------
        path : one band per label class, named in its description (in the order of the legend if none is
            named); uint8 with 0 to 250 for 0 to 1 and 255 for no data, or uint16 with 65000 and 65535
        reference : uint8 codes, height × width

        Raises
        ------
        LandcoverError : another size, type or set of bands, or a damaged file
        """
        with open_raster(path) as source:
            codes = _band_codes(path, source, legend)
            dtype = source.dtypes[0]
            if source.shape != reference.shape:
                raise LandcoverError(
                    path, f"is {source.height} × {source.width} px",
                    f"{reference.shape[0]} × {reference.shape[1]} px as its reference", "predict again",
                )  # fmt: skip
            if dtype not in FULL_SCALE:
                raise LandcoverError(
                    path, f"holds {dtype}", "probabilities as uint8 (0 to 250) or uint16 (0 to 65000)",
                    "convert it, see docs/data-formats.md",
                )  # fmt: skip
            labelled = np.isin(reference, legend.label_codes)
            step = max(1, ROW_BLOCK_PX // source.width)
            for y in range(0, source.height, step):
                rows = slice(y, min(y + step, source.height))
                layers = source.read(window=Window(0, y, source.width, rows.stop - y))
                good = labelled[rows] & (layers != np.iinfo(dtype).max).all(axis=0)
                chosen = layers.argmax(axis=0)[good]
                top = layers.max(axis=0)[good] / FULL_SCALE[dtype]
                self.add(top, codes[chosen] == reference[rows][good])

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
        """Expected calibration error: mean over pixels of |accuracy − confidence| of their bin; NaN if none."""
        total = int(self.pixels.sum())
        return float(np.abs(self.right - self.confidence).sum() / total) if total else float("nan")


def _band_codes(path: Path, source: Any, legend: Legend) -> npt.NDArray[np.uint8]:
    names = [d or "" for d in source.descriptions]
    if not any(names) and source.count == len(legend.labels):
        names = list(legend.label_names)
    if sorted(names) != sorted(legend.label_names):
        raise LandcoverError(
            path, f"has the bands {', '.join(n or '(no name)' for n in names)}",
            f"one per class: {', '.join(legend.label_names)}", "name the bands after the classes",
        )  # fmt: skip
    codes = {c.name: c.code for c in legend.labels}
    return np.array([codes[n] for n in names], np.uint8)
