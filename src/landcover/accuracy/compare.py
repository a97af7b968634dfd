"""Read masks, maps and probabilities one image at a time, and keep only counts."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.progress import track

from landcover.accuracy.calibration import Calibration
from landcover.accuracy.confusion import Crossing, code_counts, cross
from landcover.accuracy.inputs import Inputs, check_grid
from landcover.imagery.maps import read_codes
from landcover.legend import Legend


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
    counts, legend = Counts(), inputs.legend
    console = Console(stderr=True)
    for i in track(
        inputs.ids, "evaluating", console=console, transient=True, disable=not sys.stderr.isatty()
    ):
        mask = read_codes(inputs.masks[i], legend) if i in inputs.masks else None
        mapped = read_codes(inputs.maps[i], legend) if i in inputs.maps else None
        if mask is not None:
            counts.true[i] = code_counts(mask)
        if mapped is not None:
            counts.predicted[i] = code_counts(mapped)
        if mask is not None and mapped is not None:
            check_grid(inputs.maps[i], inputs.masks[i])
            counts.met[i] = cross(mask, mapped, legend)
        if mask is not None and i in inputs.probabilities:
            counts.calibration.add_file(inputs.probabilities[i], mask, legend)
    return counts


def shares_of(counts: dict[str, npt.NDArray[np.int64]], legend: Legend) -> pd.DataFrame:
    """Shares of all classes of the legend from counts of codes; a row of zeros where nothing was counted."""
    pixels = np.stack([c[list(legend.codes)] for c in counts.values()]).astype(np.float64)
    total = pixels.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        np.divide(pixels, total, out=np.zeros_like(pixels), where=total > 0),
        index=pd.Index(list(counts), name="sample_id"),
        columns=list(legend.names),
    )
