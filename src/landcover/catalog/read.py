"""Read a window of an item with odc-stac: five bands at once, clouds masked, reflectance × 10,000."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import odc.stac
import pystac
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from landcover.catalog.dialect import CLASSES, COMMON, Asset, Source
from landcover.catalog.known import Access
from landcover.catalog.patience import patiently
from landcover.catalog.search import is_web
from landcover.errors import LandcoverError
from landcover.imagery.raster import DRIVERS, MOST_PIXELS

MASKED = {0: "no data", 1: "saturated", 3: "shadow", 8: "cloud", 9: "cloud", 10: "cirrus"}
RESAMPLING = {CLASSES: "nearest"}  # bands are bilinear; both copy where the grids agree


def read_window(
    source: Source, window: GeoBox, access: Access, timeout: float, local: bool
) -> npt.NDArray[np.float32]:
    """Read a window of an item.

    Parameters
    ----------
    window : grid of the window
    timeout : of each request, s
    local : whether assets may be local files (the catalogue is one)

    Returns
    -------
    numbers : float32, 4 (B02, B03, B04, B08) × height × width, reflectance × 10,000, less than 0 where the
        offset makes it so; NaN in the classes `MASKED` and where all bands are 0. A band that is 0 where
        others are not is as dark as can be: it stays 0.

    Raises
    ------
    LandcoverError : an asset can't be read after all tries, or is not of an allowed format or place
    """
    bands = (*COMMON, CLASSES)
    with ThreadPoolExecutor(len(bands)) as pool:
        tasks = [pool.submit(_read, source, b, window, access, timeout, local) for b in bands]
        *raws, classes = [task.result() for task in tasks]
    seen = ~np.isin(classes, list(MASKED)) & np.any([raw != 0 for raw in raws], axis=0)
    numbers = np.full((len(raws), *window.shape), np.nan, np.float32)
    for number, raw, band in zip(numbers, raws, COMMON, strict=True):
        asset = source.assets[band]
        dark = seen & (raw == 0)
        number[seen] = raw[seen] * np.float32(asset.scale) + np.float32(asset.offset)
        number[dark] = 0
    return numbers


def _read(
    source: Source, band: str, window: GeoBox, access: Access, timeout: float, local: bool
) -> npt.NDArray[Any]:
    """One band of a window, height × width, as it is in the file; 0 where the file has nothing."""
    asset = source.assets[band]
    subject = f"{source.id}, asset {asset.key}"
    web = is_web(asset.href)
    if not web and not local:
        raise LandcoverError(
            subject, f"lies at {asset.href}", "an address of http or https", "choose another catalogue"
        )
    href = access.sign(asset.href, source.collection) if web else asset.href

    def attempt(number: int) -> npt.NDArray[Any]:
        # GDAL remembers what failed by address; a fragment, which is not sent, makes it ask again.
        path = f"/vsicurl/{href}" + (f"#{number}" if number else "") if web else href
        with rasterio.Env(**_options(asset, access, timeout)):
            dtype, nodata = _inspect(path, subject)
            item = pystac.Item(source.id, source.geometry, list(source.bbox), source.when, {})
            item.add_asset(band, pystac.Asset(path, media_type="image/tiff", roles=["data"]))
            loaded = odc.stac.load(
                [item],
                bands=[band],
                geobox=window,
                dtype=dtype,
                nodata=nodata,
                resampling=RESAMPLING.get(band, "bilinear"),
                stac_cfg={
                    "*": {"assets": {"*": {"data_type": dtype, "nodata": nodata}}, "warnings": "ignore"}
                },
            )
        raw: npt.NDArray[Any] = loaded[band].to_numpy()[0]
        return np.where((raw == nodata) | np.isnan(raw), raw.dtype.type(0), raw)

    return patiently(attempt, subject, (RasterioError,), tries=None if web else 1)


def _inspect(path: str, subject: str) -> tuple[str, float]:
    """Type of the numbers and no-data value of a file, once its format and size are found allowed."""
    with DatasetReader(path, driver=list(DRIVERS)) as file:
        if file.width * file.height > MOST_PIXELS or file.count != 1:
            raise LandcoverError(
                subject, f"has {file.count} bands of {file.height} × {file.width} px",
                f"one band of at most {MOST_PIXELS:,} px", "choose another collection",
            )  # fmt: skip
        return str(file.dtypes[0]), 0 if file.nodata is None else file.nodata


def _options(asset: Asset, access: Access, timeout: float) -> dict[str, str]:
    """Settings of GDAL: bounded waits, no search for files beside the one wanted."""
    header = access.header(asset.href)
    return {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_TIMEOUT": f"{timeout:g}",
        "GDAL_HTTP_CONNECTTIMEOUT": f"{timeout:g}",
        "GDAL_HTTP_MAX_RETRY": "0",  # `patiently` tries again
        **({"GDAL_HTTP_HEADERS": header} if header else {}),
    }
