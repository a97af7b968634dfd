"""Cloud-Optimized GeoTIFF: one file with overviews, of which a viewer on the web reads only what it shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from rasterio.windows import Window

TILE = 512
LEVEL = 4  # of DEFLATE: a third of the time of the usual 6, and files 15 % larger
CACHE = 64 * 2**20  # bytes, which is what rasterio 1.4 takes (GDAL itself would take megabytes)
Bytes = npt.NDArray[np.uint8]
Halve = Callable[[Bytes, int], Bytes]


def is_large(height: int, width: int) -> bool:
    """Whether an image gets tiles and overviews: more than 512 px on a side.

    Examples
    --------
    >>> is_large(256, 256), is_large(512, 512), is_large(20, 513)
    (False, False, True)
    """
    return max(height, width) > TILE


def write_cog(source: Path, target: Path, halve: Halve) -> None:
    """Turn a GeoTIFF into a Cloud-Optimized one: tiles of 512 px, overviews, DEFLATE without predictor.

    Codes, colour table, tags, band descriptions, nodata value and place are kept, and the same input gives
    the same bytes whatever the number of processors. Overviews are made here because GDAL takes four times
    as long for them; they are left beside `source`, as `source.ovr` and so on, where GDAL finds them.

    Parameters
    ----------
    source : uint8, with a nodata value; best uncompressed and in tiles of 512 px
    target : the file to write
    halve : makes an overview half the size: `most_frequent` for codes, `mean` for quantities
    """
    with rasterio.Env(GDAL_CACHEMAX=CACHE):
        smaller = source
        while is_large(*_shape(smaller)):
            smaller = _overview(smaller, halve)
        rasterio.shutil.copy(
            source,
            target,
            driver="COG",
            blocksize=TILE,
            compress="DEFLATE",
            level=LEVEL,
            predictor="NO",
            overviews="AUTO",  # those beside the source
            bigtiff="IF_SAFER",
            num_threads="ALL_CPUS",
        )


def tiled(**profile: Any) -> dict[str, Any]:
    """The profile of a GeoTIFF that `write_cog` reads quickly."""
    tiles = dict(driver="GTiff", tiled=True, blockxsize=TILE, blockysize=TILE, interleave="band")
    return tiles | dict(bigtiff="IF_SAFER") | profile


def most_frequent(codes: Bytes, nodata: int) -> Bytes:
    """Half the size: the most frequent code of each 2 × 2 px, the first in reading order among equals.

    Parameters
    ----------
    codes : uint8, height × width
    nodata : taken only where all four pixels are; pixels beyond an odd edge count as such

    Examples
    --------
    >>> most_frequent(np.array([[1, 2, 0, 0], [2, 3, 0, 5]], np.uint8), nodata=0)
    array([[2, 5]], dtype=uint8)
    """
    a, b, c, d = _quarters(codes, nodata)
    found: Bytes = np.where(a != nodata, a, np.where(b != nodata, b, np.where(c != nodata, c, d)))
    np.copyto(found, c, where=(c == d) & (c != nodata))
    np.copyto(found, b, where=((b == c) | (b == d)) & (b != nodata))
    np.copyto(found, a, where=((a == b) | (a == c) | (a == d)) & (a != nodata))
    return found


def mean(values: Bytes, nodata: int) -> Bytes:
    """Half the size: the rounded mean of the pixels of each 2 × 2 px that have data.

    Examples
    --------
    >>> mean(np.array([[1, 2, 255, 255], [2, 4, 255, 7]], np.uint8), nodata=255)
    array([[2, 7]], dtype=uint8)
    """
    quarters = _quarters(values, nodata)
    count = sum((q != nodata).astype(np.uint16) for q in quarters)
    total = sum(np.where(q != nodata, q, 0).astype(np.uint16) for q in quarters)
    rounded = (total + count // 2) // np.maximum(count, 1)
    return np.where(count > 0, rounded, nodata).astype(np.uint8)


def _quarters(pixels: Bytes, nodata: int) -> list[Bytes]:
    height, width = pixels.shape
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2)), constant_values=nodata)
    return [pixels[y::2, x::2] for y in (0, 1) for x in (0, 1)]


def _shape(path: Path) -> tuple[int, int]:
    with rasterio.open(path) as source:
        return source.height, source.width


def _overview(path: Path, halve: Halve) -> Path:
    """Write `path`.ovr, half the size, reading as many rows at a time as make a row of its tiles."""
    smaller = path.with_name(path.name + ".ovr")
    with rasterio.open(path) as source:
        height, width, nodata = source.height, source.width, int(source.nodata)
        profile = tiled(
            dtype="uint8",
            count=source.count,
            height=-(-height // 2),
            width=-(-width // 2),
            nodata=nodata,
        )
        with rasterio.open(smaller, "w", **profile) as target:
            for band in source.indexes:
                for y in range(0, height, 2 * TILE):
                    rows = source.read(band, window=Window(0, y, width, min(2 * TILE, height - y)))
                    half = halve(rows, nodata)
                    target.write(half, band, window=Window(0, y // 2, target.width, len(half)))
    return smaller
