"""Write maps of class codes as GeoTIFF with colours and names, and read them back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.files import whole
from landcover.imagery.image import open_raster, reading
from landcover.legend import Legend


def write_map(path: Path, codes: npt.NDArray[np.uint8], legend: Legend, source: Any = None) -> None:
    """Write a map, whole or not at all.

    Parameters
    ----------
    path : the GeoTIFF to write
    codes : uint8, height × width, codes of `legend`
    legend : gives the colour table, the category names and the nodata value
    source : open raster whose CRS and transform the map takes; None for an image without place
    """
    profile = dict(
        driver="GTiff",
        dtype="uint8",
        count=1,
        height=codes.shape[0],
        width=codes.shape[1],
        compress="deflate",
        nodata=legend.no_data_code,
    )
    if min(codes.shape) >= 512:
        profile |= dict(tiled=True, blockxsize=512, blockysize=512)
    if source is not None and (source.crs or not source.transform.is_identity):
        profile |= dict(crs=source.crs, transform=source.transform)
    with whole(path) as temporary, rasterio.open(temporary, "w", **profile) as target:
        target.write(codes, 1)
        target.write_colormap(1, {c.code: (*c.rgb, 255) for c in legend.classes})
        target.set_band_description(1, "land cover")
        target.update_tags(**legend_tags(legend))


def legend_tags(legend: Legend) -> Mapping[str, str]:
    """Names of the classes as GDAL metadata: CLASS_<code> = name."""
    return {f"CLASS_{c.code}": c.name for c in legend.classes}


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
        known = np.isin(raw, (*legend.codes, legend.no_data_code))
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
