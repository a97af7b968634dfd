"""Read kept probabilities: the most probable class of each pixel, and how probable it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.image import open_raster, reading
from landcover.legend import Legend

FULL_SCALE = {"uint8": 250, "uint16": 65000}  # stands for probability 1; the type's largest number is no data


@dataclass(frozen=True)
class Layers:
    """An open file of probabilities; `codes` are those of the classes of its bands."""

    path: Path
    source: Any
    codes: npt.NDArray[np.uint8]

    def read(
        self, window: Window | None = None
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Read it all, or a window.

        Returns
        -------
        chosen : uint8, height × width, code of the most probable class (the first of equals)
        confidence : float64, its probability, 0 to 1
        valid : bool, False where there is no data
        """
        with reading(self.path):
            layers = self.source.read(window=window)
        kind = str(layers.dtype)
        valid = (layers != np.iinfo(kind).max).all(axis=0)
        return self.codes[layers.argmax(axis=0)], layers.max(axis=0) / FULL_SCALE[kind], valid


@contextmanager
def open_layers(path: Path, legend: Legend) -> Iterator[Layers]:
    """Open a file of probabilities.

    Parameters
    ----------
    path : one band per label class, told by their descriptions (in the order of the legend if there are
        none); uint8 with 0 to 250 for 0 to 1 and 255 for no data, or uint16 with 65000 and 65535

    Raises
    ------
    LandcoverError : another type or set of bands, or a damaged file
    """
    codes = {c.name: c.code for c in legend.labels}
    with open_raster(path) as source:
        names = [d or "" for d in source.descriptions]
        if not any(names) and source.count == len(codes):
            names = list(codes)
        if sorted(names) != sorted(codes):
            raise LandcoverError(
                path,
                f"has the bands {', '.join(n or '(no name)' for n in names)}",
                f"one per class: {', '.join(codes)}",
                "name the bands after the classes",
            )
        if source.dtypes[0] not in FULL_SCALE:
            raise LandcoverError(
                path,
                f"holds {source.dtypes[0]}",
                "probabilities as uint8 (0 to 250) or uint16 (0 to 65000)",
                "convert it, see docs/data-formats.md",
            )
        yield Layers(path, source, np.array([codes[n] for n in names], np.uint8))
