"""Open an image of any size safely and read windows of the bands that a model wants."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landcover.errors import LandcoverError

BANDS = ("B02", "B03", "B04", "B08")
DRIVERS = ("GTiff", "JP2OpenJPEG", "ENVI", "HFA")
SUFFIXES = (".tif", ".tiff", ".jp2", ".img")
MOST_PIXELS = 2_000_000_000
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)  # chips without place are usual here
SENTINEL2 = {
    12: ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"],
    13: ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"],
}


@contextmanager
def open_raster(path: Path) -> Iterator[Any]:
    """Open a local raster with rasterio, whatever its bands.

    Only drivers of the allow-list `DRIVERS` are tried, and a file that claims more than `MOST_PIXELS`
    pixels is refused before anything is read.

    Raises
    ------
    LandcoverError : missing, not a raster of the allow-list, damaged, or absurdly large; also when a read
        inside the block fails
    """
    if not path.is_file():
        raise LandcoverError(path, "is not there", "an image", "check the path")
    # rasterio.open takes one driver only; the reader behind it takes a list.
    with reading(path), rasterio.Env(), DatasetReader(str(path), driver=list(DRIVERS)) as source:
        if source.width * source.height > MOST_PIXELS:
            raise LandcoverError(
                path,
                f"claims {source.height} × {source.width} px",
                f"at most {MOST_PIXELS:,} px",
                "cut it into parts",
            )
        yield source


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what GDAL says of a damaged file into a `LandcoverError` that names the file.

    Reads have one of their own, since the innermost of several open rasters would else take the blame.
    """
    try:
        yield
    except RasterioError as error:
        detail = str(error.__cause__ or error).removeprefix(f"'{path}' ").removeprefix(f"{path}: ")
        raise LandcoverError(
            path,
            f"can't be read ({detail.rstrip('. ')})",
            f"a whole raster of a format read here ({', '.join(DRIVERS)})",
            "fetch it again, or convert it with gdal_translate",
        ) from error


@dataclass(frozen=True)
class Place:
    """Where a raster lies: its CRS and the affine transform of its pixels."""

    crs: Any
    transform: Any

    @classmethod
    def of(cls, source: Any) -> Place | None:
        """The place of an open raster; None when it has none."""
        known = source.crs or not source.transform.is_identity
        return cls(source.crs, source.transform) if known else None


def when_taken(source: Any) -> str | None:
    """When an image was taken, as its metadata say, in UTC; None when they don't.

    GDAL's ACQUISITIONDATETIME (domain IMAGERY) comes first. The TIFF's own DateTime is the next best: many
    programs put the time of acquisition there, some that of writing the file. A time without zone is UTC.

    Parameters
    ----------
    source : an open raster

    Returns
    -------
    taken : as 2020-01-28T10:50:31Z
    """
    for text in (source.tags(ns="IMAGERY").get("ACQUISITIONDATETIME"), source.tags().get("TIFFTAG_DATETIME")):
        day, _, time = (text or "").strip().replace("T", " ").partition(" ")
        try:
            taken = datetime.fromisoformat(f"{day.replace(':', '-')} {time or '00:00:00'}")
            taken = taken.replace(tzinfo=taken.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        return taken.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    return None


@dataclass(frozen=True)
class Image:
    """An open image and the bands of it that are wanted; `read` gives windows of it.

    Numbers come out as `raw × scale + offset`, which should be reflectance × 10,000.
    """

    path: Path
    source: Any
    indexes: tuple[int, ...]
    scale: float
    offset: float

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.source.height)

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.source.width)

    def read(
        self, y: int = 0, x: int = 0, height: int | None = None, width: int | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Read a window.

        Returns
        -------
        pixels : float32, bands × height × width; 0 where there is no data
        valid : bool, height × width; False where every band is 0, or a band is NaN or the file's nodata value

        Raises
        ------
        LandcoverError : a number is infinite, or the file is damaged
        """
        height = self.height - y if height is None else height
        width = self.width - x if width is None else width
        try:
            with reading(self.path):
                raw = self.source.read(self.indexes, window=Window(x, y, width, height))
        except MemoryError as error:
            raise LandcoverError(
                self.path, "does not fit in memory", "a smaller image", "cut it into parts"
            ) from error
        valid = raw.any(axis=0)
        nodata = self.source.nodata
        if nodata is not None and nodata != 0 and not np.isnan(nodata):
            valid &= (raw != nodata).all(axis=0)
        pixels = raw.astype(np.float32)
        if raw.dtype.kind == "f":
            valid &= ~np.isnan(raw).any(axis=0)
            if np.isinf(pixels[:, valid]).any():
                raise LandcoverError(
                    self.path, "holds infinite values", "finite numbers or NaN", "replace them by NaN"
                )
        if self.scale != 1 or self.offset != 0:
            pixels *= np.float32(self.scale)
            pixels += np.float32(self.offset)
        pixels[:, ~valid] = 0
        return pixels, valid


@contextmanager
def open_image(
    path: Path,
    bands: Sequence[str] | None = None,
    wanted: Sequence[str] = BANDS,
    scale: float = 1.0,
    offset: float = 0.0,
) -> Iterator[Image]:
    """Open an image and choose its bands.

    Parameters
    ----------
    path : a local file
    bands : which bands of the file stand for `wanted`, in that order, by name (`B08`) or number (`8`, from
        1); None finds them by the names in the file, or takes all when their number is right
    wanted : names of the bands that the model was trained on
    scale, offset : the model's numbers are `raw × scale + offset`

    Raises
    ------
    LandcoverError : the file can't be read, or the bands can't be told
    """
    with open_raster(path) as source:
        yield Image(path, source, _choose(path, source, bands, wanted), scale, offset)


def _choose(path: Path, source: Any, bands: Sequence[str] | None, wanted: Sequence[str]) -> tuple[int, ...]:
    names = [str(d or "").upper() for d in source.descriptions]
    if bands is None:
        if all(names.count(b) == 1 for b in wanted):
            return tuple(names.index(b) + 1 for b in wanted)
        if source.count == len(wanted):
            return tuple(source.indexes)
        raise LandcoverError(
            path,
            f"has {source.count} bands" + (f" named {', '.join(names)}" if any(names) else " without names"),
            f"{', '.join(wanted)}",
            "say which they are with --bands, by name or number, such as --bands "
            + ",".join(wanted if source.count in SENTINEL2 else map(str, range(1, len(wanted) + 1))),
        )
    if len(bands) != len(wanted):
        raise LandcoverError(
            "--bands", f"names {len(bands)} bands", f"{len(wanted)}, for {', '.join(wanted)}", "name them all"
        )
    if not any(names):
        names = SENTINEL2.get(source.count, names)
    chosen = []
    for band in bands:
        name = str(band).strip().upper()
        if name in names:
            chosen.append(names.index(name) + 1)
        elif name.isdigit() and 1 <= int(name) <= source.count:
            chosen.append(int(name))
        else:
            known = f" ({', '.join(n for n in names if n)})" if any(names) else ", without names"
            raise LandcoverError(
                path,
                f"has no band {band}",
                f"one of its {source.count} bands{known}",
                "mend --bands",
            )
    return tuple(chosen)
