"""Read masks, maps and probabilities one image at a time, and keep only counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from rasterio.windows import Window

from landcover.accuracy.calibration import Calibration
from landcover.accuracy.confusion import Crossing, code_counts, cross
from landcover.accuracy.inputs import Inputs
from landcover.accuracy.layers import Layers, open_layers
from landcover.errors import LandcoverError
from landcover.imagery.maps import Codes, open_codes
from landcover.legend import Legend
from landcover.progress import track

WINDOW_PX = 4_000_000  # NumPy counts in int64, eight bytes a pixel: a whole scene would not fit


@dataclass
class Counts:
    """What remains of the pixels: counts by image id.

    Attributes
    ----------
    true, predicted : pixels of each code 0 to 255 in masks and in maps
    met : crossings of mask and map
    calibration : sums over the pixels that have probabilities and a label
    """

    true: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    predicted: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    met: dict[str, Crossing] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)

    def labelled(self, i: str, legend: Legend) -> int | None:
        """Pixels of an image's mask that have a label; None without mask."""
        return int(self.true[i][list(legend.label_codes)].sum()) if i in self.true else None


def compare(inputs: Inputs) -> Counts:
    """Go through the images, with a progress bar on a terminal.

    Raises
    ------
    LandcoverError : a file is damaged, holds unknown codes, or doesn't lie on the pixels of its reference
    """
    counts = Counts()
    for i in track(inputs.ids, "evaluating"):
        _compare_image(i, inputs, counts)
    return counts


def _compare_image(i: str, inputs: Inputs, counts: Counts) -> None:
    legend, none = inputs.legend, np.zeros(256, np.int64)
    with ExitStack() as stack:
        mask = stack.enter_context(open_codes(inputs.masks[i], legend)) if i in inputs.masks else None
        mapped = stack.enter_context(open_codes(inputs.maps[i], legend)) if i in inputs.maps else None
        layers = None
        if mask and i in inputs.probabilities:
            layers = stack.enter_context(open_layers(inputs.probabilities[i], legend))
        for other in (mapped, layers):
            if mask and other:
                _check_grid(other, mask)
        for window in _row_windows(mask or mapped):
            known = mask.read(window) if mask else None
            guess = mapped.read(window) if mapped else None
            if known is not None:
                counts.true[i] = counts.true.get(i, none) + code_counts(known)
            if guess is not None:
                counts.predicted[i] = counts.predicted.get(i, none) + code_counts(guess)
            if known is not None and guess is not None:
                counts.met[i] = counts.met.get(i, Crossing.none(legend)) + cross(known, guess, legend)
            if known is not None and layers:
                chosen, confidence, valid = layers.read(window)
                valid &= np.isin(known, legend.label_codes)
                counts.calibration.add(confidence[valid], (chosen == known)[valid])


def _row_windows(codes: Codes | None) -> Iterator[Window]:
    if codes:
        height, width = codes.source.shape
        step = max(1, WINDOW_PX // width)
        for y in range(0, height, step):
            yield Window(0, y, width, min(step, height - y))


def _check_grid(other: Codes | Layers, mask: Codes) -> None:
    """Refuse another size than the mask's and, where both have a CRS, a place over half a pixel away."""
    theirs, ours = other.source, mask.source
    if theirs.shape != ours.shape:
        raise LandcoverError(
            other.path,
            f"is {theirs.height} × {theirs.width} px",
            f"{ours.height} × {ours.width} px as {mask.path}",
            "bring both to one grid with gdalwarp",
        )
    shift = np.abs(np.subtract(theirs.bounds, ours.bounds)) / (*ours.res, *ours.res)
    if theirs.crs and ours.crs and (theirs.crs != ours.crs or shift.max() > 0.5):
        raise LandcoverError(
            other.path,
            f"lies elsewhere than {mask.path}",
            "the same CRS and the same corners",
            "bring both to one grid with gdalwarp",
        )


def shares_of(counts: dict[str, npt.NDArray[np.int64]], legend: Legend) -> pd.DataFrame:
    """Shares of all classes of the legend from counts of codes; a row of zeros where nothing was counted."""
    pixels = np.stack([c[list(legend.codes)] for c in counts.values()]).astype(np.float64)
    total = pixels.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        np.divide(pixels, total, out=np.zeros_like(pixels), where=total > 0),
        index=pd.Index(list(counts), name="sample_id"),
        columns=list(legend.names),
    )
