"""Read masks and maps: one band of class codes, checked against the legend."""

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
from landcover.legend import LEGENDS, LandClass, Legend

TAG = "CLASS_"


def legend_of(path: Path, asked: str | None = None) -> Legend:
    """The legend of a map: the one that it carries in its metadata (`CLASS_<code>`), or the one asked for.

    Parameters
    ----------
    asked : name of a legend known here (s2glc, worldcover, corine1, corine2), or path of a legend.toml; None
        takes the map's own

    Raises
    ------
    LandcoverError : the map carries none, or the one asked for is not there
    """
    if asked is not None:
        if asked not in LEGENDS and not Path(asked).is_file():
            raise LandcoverError(
                asked, "is no legend", f"{', '.join(LEGENDS)}, or the path of a legend.toml", "mend it"
            )
        return LEGENDS[asked] if asked in LEGENDS else Legend.from_toml(Path(asked))
    with open_raster(path) as source:
        names = {int(k.removeprefix(TAG)): v for k, v in source.tags().items() if k.startswith(TAG)}
        if not names:
            raise LandcoverError(
                path, "doesn't say what its codes mean", "a map with a legend, as predict writes it",
                f"give the legend: --legend {', '.join(LEGENDS)} or a legend.toml",
            )  # fmt: skip
        for known in LEGENDS.values():
            if names == dict(zip(known.codes, known.names, strict=True)):
                return known
        colours = source.colormap(1)
        classes = [
            LandClass(code, name, name, "#" + bytes(colours[code][:3]).hex(), code != source.nodata)
            for code, name in sorted(names.items())
        ]
    return Legend(", ".join(names.values()), tuple(classes))


def read_codes(path: Path, legend: Legend) -> npt.NDArray[np.uint8]:
    """Read a whole mask or map; see `open_codes`."""
    with open_codes(path, legend) as mask:
        return mask.read()


@contextmanager
def open_codes(path: Path, legend: Legend) -> Iterator[Codes]:
    """Open a mask or map, to read windows of it.

    Raises
    ------
    LandcoverError : several bands, or a damaged file
    """
    with open_raster(path) as source:
        if source.count != 1:
            raise LandcoverError(
                path, f"has {source.count} bands", "a mask with one band of class codes", "give the mask"
            )
        yield Codes(path, source, legend)


@dataclass(frozen=True)
class Codes:
    """An open mask or map: one band of codes of the legend."""

    path: Path
    source: Any
    legend: Legend

    def read(self, window: Window | None = None) -> npt.NDArray[np.uint8]:
        """Read it all, or a window.

        Returns
        -------
        codes : uint8, height × width; the file's own nodata value, where it is no code of the legend, and
            NaN become the legend's no-data code

        Raises
        ------
        LandcoverError : numbers that are no codes of the legend, or a damaged file
        """
        with reading(self.path):
            raw = self.source.read(1, window=window)
        nodata, legend = self.source.nodata, self.legend
        if raw.dtype.kind == "f" and np.isnan(raw).any():
            raw = np.where(np.isnan(raw), legend.no_data_code, raw)
        if nodata is not None and nodata not in legend.codes:
            raw = np.where(raw == nodata, legend.no_data_code, raw)
        wanted = (*legend.codes, legend.no_data_code)
        if raw.dtype == np.uint8:
            table = np.zeros(256, bool)
            table[list(wanted)] = True
            known = table[raw]
        else:
            known = np.isin(raw, wanted)
        if not known.all():
            strange = sorted({float(v) for v in np.unique(raw[~known])})
            some = ", ".join(f"{v:g}" for v in strange[:5]) + (", …" if len(strange) > 5 else "")
            raise LandcoverError(
                self.path,
                f"holds codes outside the legend: {some}",
                f"codes of {legend.name}: {', '.join(map(str, legend.codes))}",
                "recode the mask, or put a legend.toml into the chips folder",
            )
        codes: npt.NDArray[np.uint8] = raw.astype(np.uint8)
        return codes
