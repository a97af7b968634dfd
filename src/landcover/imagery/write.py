"""Write maps, probabilities and confidence as GeoTIFF, rows at a time, whole or not at all."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from landcover.files import scratch, whole
from landcover.imagery.cog import TILE, Halve, is_large, mean, most_frequent, tiled, write_cog
from landcover.imagery.image import Place
from landcover.legend import Legend

LITTLE = 8 * 2**20  # bytes: a disk with less is full
PROBABILITY_SCALE = 250
PROBABILITY_NO_DATA = 255


class Rows:
    """An open GeoTIFF that takes rows from top to bottom and writes whole rows of tiles."""

    def __init__(self, target: Any, at_once: int) -> None:
        self._target = target
        self._at_once = at_once
        self._waiting: list[npt.NDArray[Any]] = []
        self._y = 0

    def write(self, rows: npt.NDArray[Any]) -> None:
        """Take the next rows, bands × rows × width."""
        self._waiting.append(rows)
        held = sum(r.shape[1] for r in self._waiting)
        if held >= self._at_once or self._y + held == self._target.height:
            joined = np.concatenate(self._waiting, axis=1)
            ready = held if self._y + held == self._target.height else held - held % self._at_once
            self._target.write(joined[:, :ready], window=Window(0, self._y, self._target.width, ready))
            self._y += ready
            self._waiting = [joined[:, ready:]]


@contextmanager
def open_map(
    path: Path, height: int, width: int, legend: Legend, place: Place | None = None
) -> Iterator[Rows]:
    """Open a map for writing: uint8 codes with the legend's colours, names and nodata value.

    Parameters
    ----------
    place : CRS and transform; None for an image without place
    """
    with _create(path, height, width, 1, legend.no_data_code, place, most_frequent) as target:
        target.write_colormap(1, {c.code: (*c.rgb, 255) for c in legend.classes})
        target.set_band_description(1, "land cover")
        target.update_tags(**{f"CLASS_{c.code}": c.name for c in legend.classes})
        yield Rows(target, TILE)


@contextmanager
def open_probabilities(
    path: Path, height: int, width: int, names: Sequence[str], place: Place | None = None
) -> Iterator[Rows]:
    """Open a probability layer for writing: a uint8 band per class, 0 to 250 for 0 to 1, 255 = no data."""
    with _create(path, height, width, len(names), PROBABILITY_NO_DATA, place, mean) as target:
        for index, name in enumerate(names, 1):
            target.set_band_description(index, name)
        target.update_tags(SCALE=f"probability = value / {PROBABILITY_SCALE}")
        yield Rows(target, TILE)


def open_confidence(
    path: Path, height: int, width: int, place: Place | None = None
) -> AbstractContextManager[Rows]:
    """Open a confidence layer for writing: one band, each pixel's highest probability, in bytes alike."""
    return open_probabilities(path, height, width, ["confidence"], place)


def to_bytes(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Probabilities as the bytes of a probability layer."""
    scaled: npt.NDArray[np.uint8] = np.rint(probabilities * np.float32(PROBABILITY_SCALE)).astype(np.uint8)
    return scaled


def write_map(path: Path, codes: npt.NDArray[np.uint8], legend: Legend, place: Place | None = None) -> None:
    """Write a whole map, height × width; see `open_map`."""
    with open_map(path, codes.shape[0], codes.shape[1], legend, place) as rows:
        rows.write(codes[None])


def write_quantity(path: Path, values: npt.NDArray[np.float32], place: Place | None = None) -> None:
    """Write a quantity, rows × columns, NaN where it is not known, as a GeoTIFF of float32."""
    profile: dict[str, Any] = dict(
        height=values.shape[0], width=values.shape[1], dtype="float32", nodata=np.nan
    )
    if place is not None:
        profile |= dict(crs=place.crs, transform=place.transform)
    with (
        whole(path) as finished,
        told_when_full(path),
        rasterio.open(finished, "w", driver="GTiff", count=1, compress="deflate", **profile) as target,
    ):
        target.write(values, 1)


@contextmanager
def told_when_full(path: Path) -> Iterator[None]:
    """Raise OSError with ENOSPC where GDAL fails to write because the disk is full; it does not say why."""
    try:
        yield
    except RasterioError as error:
        if shutil.disk_usage(path.parent).free > LITTLE:
            raise
        raise OSError(errno.ENOSPC, "No space left on device", str(path)) from error


@contextmanager
def _create(
    path: Path, height: int, width: int, count: int, nodata: int, place: Place | None, halve: Halve
) -> Iterator[Any]:
    """A GeoTIFF to write to, which a large image leaves as a Cloud-Optimized one."""
    profile: dict[str, Any] = dict(dtype="uint8", count=count, height=height, width=width, nodata=nodata)
    if place is not None:
        profile |= dict(crs=place.crs, transform=place.transform)
    with whole(path) as finished:
        if not is_large(height, width):
            with (
                told_when_full(path),
                rasterio.open(finished, "w", driver="GTiff", compress="deflate", **profile) as target,
            ):
                yield target
            return
        with scratch(path) as folder, told_when_full(path):
            with rasterio.open(folder / "rows.tif", "w", **tiled(**profile)) as target:
                yield target
            write_cog(folder / "rows.tif", finished, halve)
