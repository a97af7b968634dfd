"""An image of bytes that comes row by row: kept in plain files with its overviews, then a GeoTIFF.

A plain file can be cut back to the rows that are known to be whole, which a GeoTIFF can't; and GDAL reads it
as it is, described by a VRT file beside it.
"""

from __future__ import annotations

import errno
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from landcover.files import whole
from landcover.imagery.cog import Bytes, Halve, is_large, write_cog
from landcover.imagery.raster import Place

LITTLE = 8 * 2**20  # bytes: a disk with less is full
ROWS_AT_ONCE = 128  # even


@dataclass(frozen=True)
class Layer:
    """What a GeoTIFF says of the bytes in it.

    Attributes
    ----------
    names : of its bands
    nodata : the value where there are no data
    halve : makes an overview half the size: `most_frequent` for codes, `mean` for quantities
    colours : red, green and blue of values
    """

    names: tuple[str, ...]
    nodata: int
    halve: Halve
    tags: Mapping[str, str]
    colours: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)


class Rows:
    """An image whose rows come in from top to bottom.

    Parameters
    ----------
    path : of its plain file, rows × bands × width; overviews lie beside it, as `path`.1 and so on
    place : None for an image without place
    kept : rows that are there already, less than `height`; what follows them is cut off
    """

    def __init__(
        self, path: Path, layer: Layer, height: int, width: int, place: Place | None = None, kept: int = 0
    ) -> None:
        self._layer, self._place = layer, place
        self._levels = [_Level(path, len(layer.names), height, width, kept)]
        while is_large(height, width):
            height, width, kept = -(-height // 2), -(-width // 2), kept // 2
            beside = path.with_name(f"{path.name}.{len(self._levels)}")
            self._levels.append(_Level(beside, len(layer.names), height, width, kept))

    def write(self, rows: Bytes) -> None:
        """Take the next rows, bands × rows × width."""
        self._append(0, rows)

    def flush(self) -> None:
        """Hand all rows to the system, so that they outlive this process."""
        for level in self._levels:
            level.file.flush()

    def close(self) -> None:
        """Close the files."""
        for level in self._levels:
            level.file.close()

    def remove(self) -> None:
        """Close the files and remove them."""
        self.close()
        for level in self._levels:
            level.path.unlink()
            _vrt(level.path).unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        """Write the GeoTIFF, whole or not at all: Cloud-Optimized when large. All rows are in."""
        self.flush()
        with whole(target) as finished, told_when_full(target):
            if len(self._levels) == 1:
                self._write_small(finished)
            else:
                for number, level in enumerate(self._levels):
                    _vrt(level.path).write_bytes(tostring(self._described(number)))
                write_cog(_vrt(self._levels[0].path), finished)

    def _append(self, number: int, rows: Bytes) -> None:
        """Add rows to a level, and what they complete to those above it."""
        level, end = self._levels[number], number + 1 == len(self._levels)
        level.append(rows)
        if end:
            return
        smaller = self._levels[number + 1]
        complete = level.rows if level.rows == level.height else level.rows // 2 * 2
        for y in range(2 * smaller.rows, complete, ROWS_AT_ONCE):
            portion = level.read(y, min(y + ROWS_AT_ONCE, complete))
            halves = [self._layer.halve(band, self._layer.nodata) for band in portion]
            self._append(number + 1, np.stack(halves))

    def _write_small(self, target: Path) -> None:
        layer, level = self._layer, self._levels[0]
        profile: dict[str, Any] = dict(count=level.bands, height=level.height, width=level.width)
        if self._place is not None:
            profile |= dict(crs=self._place.crs, transform=self._place.transform)
        profile |= dict(driver="GTiff", dtype="uint8", nodata=layer.nodata, compress="deflate")
        with rasterio.open(target, "w", **profile) as file:
            if layer.colours:
                file.write_colormap(1, {code: (*rgb, 255) for code, rgb in layer.colours.items()})
            for index, name in enumerate(layer.names, 1):
                file.set_band_description(index, name)
            file.update_tags(**layer.tags)
            file.write(level.read(0, level.height))

    def _described(self, number: int) -> Element:
        """What GDAL has to know of a level: https://gdal.org/en/stable/drivers/raster/vrt.html."""
        layer, level, place = self._layer, self._levels[number], self._place
        root = Element("VRTDataset", rasterXSize=str(level.width), rasterYSize=str(level.height))
        if place is not None and not number:
            if place.crs:
                SubElement(root, "SRS").text = place.crs.to_wkt()
            SubElement(root, "GeoTransform").text = ", ".join(map(repr, place.transform.to_gdal()))
        metadata = SubElement(root, "Metadata")
        for key, value in {"AREA_OR_POINT": "Area", **layer.tags}.items():
            SubElement(metadata, "MDI", key=key).text = value
        for index, name in enumerate(layer.names):
            band = SubElement(
                root, "VRTRasterBand", dataType="Byte", band=str(index + 1), subClass="VRTRawRasterBand"
            )
            SubElement(band, "Description").text = name
            SubElement(band, "NoDataValue").text = str(layer.nodata)
            if layer.colours:
                SubElement(band, "ColorInterp").text = "Palette"
                table = SubElement(band, "ColorTable")
                for code in range(max(layer.colours) + 1):
                    rgb = zip(("c1", "c2", "c3"), map(str, layer.colours.get(code, (0, 0, 0))), strict=True)
                    SubElement(table, "Entry", dict(rgb), c4="255")
            SubElement(band, "SourceFilename", relativeToVRT="1").text = level.path.name
            SubElement(band, "ImageOffset").text = str(index * level.width)
            SubElement(band, "PixelOffset").text = "1"
            SubElement(band, "LineOffset").text = str(level.bands * level.width)
            for smaller in self._levels[1:] if not number else ():
                overview = SubElement(band, "Overview")
                SubElement(overview, "SourceFilename", relativeToVRT="1").text = _vrt(smaller.path).name
                SubElement(overview, "SourceBand").text = str(index + 1)
        return root


class _Level:
    """The image in one of its sizes: a plain file and the rows that are in it."""

    def __init__(self, path: Path, bands: int, height: int, width: int, kept: int) -> None:
        self.path, self.bands, self.height, self.width, self.rows = path, bands, height, width, kept
        self.file = path.open("r+b" if kept else "w+b")
        self.file.truncate(kept * bands * width)
        self.file.seek(0, 2)

    def append(self, rows: Bytes) -> None:
        """Add rows, bands × rows × width."""
        self.file.write(np.ascontiguousarray(rows.transpose(1, 0, 2)).data)
        self.rows += rows.shape[1]

    def read(self, top: int, bottom: int) -> Bytes:
        """Rows from `top` to before `bottom`, bands × rows × width."""
        shape = (bottom - top, self.bands, self.width)
        self.file.seek(top * self.bands * self.width)
        found = np.fromfile(self.file, np.uint8, math.prod(shape)).reshape(shape)
        self.file.seek(0, 2)
        return found.transpose(1, 0, 2)


def _vrt(path: Path) -> Path:
    return path.with_name(path.name + ".vrt")


@contextmanager
def told_when_full(path: Path) -> Iterator[None]:
    """Raise OSError with ENOSPC where GDAL fails to write because the disk is full; it does not say why."""
    try:
        yield
    except RasterioError as error:
        if shutil.disk_usage(path.parent).free > LITTLE:
            raise
        raise OSError(errno.ENOSPC, "No space left on device", str(path)) from error
