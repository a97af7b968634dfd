"""Open one raster file safely: which drivers and sizes, local or remote, one line for what is wrong."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from landcover.errors import LandcoverError

DRIVERS = ("GTiff", "JP2OpenJPEG", "ENVI", "HFA")
SUFFIXES = (".tif", ".tiff", ".jp2", ".img")
MOST_PIXELS = 2_000_000_000
MOST_WIDTH = 65_536  # memory grows with the width of an image, not with its height
MOST_UNPACKED = 16 << 20  # bytes that a file of any size may claim; above, MOST_RATIO decides
MOST_RATIO = 4000  # claimed bytes per byte of the file; deflate reaches 1032 where all pixels are equal
SLOW_PIXELS = 20_000_000
SLOW_ROWS = 1024
REMOTE = re.compile(r"https:/+|s3:/+|/vsis3/")
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)  # chips without place are usual here

# Decoding in several threads, the JPEG 2000 driver of GDAL 3.10 loses errors and gives undefined pixels.
SETTINGS = dict(
    GDAL_NUM_THREADS="1", GDAL_HTTP_TIMEOUT="60", GDAL_HTTP_CONNECTTIMEOUT="10",
    GDAL_HTTP_MAX_RETRY="3", GDAL_HTTP_RETRY_DELAY="1",
)  # fmt: skip


@contextmanager
def open_raster(path: Path, remote: bool = False, member: str | None = None) -> Iterator[Any]:
    """Open a raster with rasterio, whatever its bands.

    Only drivers of the allow-list `DRIVERS` are tried; a file that claims more pixels than `MOST_PIXELS`,
    more columns than `MOST_WIDTH` or more than its bytes could hold is refused before anything is read.
    What a file refers to on the network is never fetched.

    Parameters
    ----------
    remote : allow `https://…`, `s3://bucket/key` and `/vsis3/bucket/key`
    member : path inside `path`, which is a zip then

    Raises
    ------
    LandcoverError : missing, not a raster of the allow-list, damaged, or absurdly large; also when a read
        inside the block fails
    """
    name = str(path)
    if is_remote(path):
        if not remote:
            raise LandcoverError(
                _shown(path), "is on the network", "a local file", "add --remote to read it from there"
            )
        name = _network_name(path)
    elif path.is_dir():
        raise LandcoverError(path, "is a folder", "an image", "give one of its files")
    elif not path.is_file():
        raise LandcoverError(path, "is not there", "an image", "check the path")
    elif member is not None:
        name = f"/vsizip/{{{path.resolve()}}}/{member}"
        path = path / member
    # rasterio.open takes one driver only; the reader behind it takes a list.
    with reading(path), DatasetReader(name, driver=list(DRIVERS)) as source:
        _check_size(path, source)
        yield source


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what GDAL says of a damaged file into a `LandcoverError` that names the file.

    Within, nothing on the network can be opened but `path` itself. Reads have one of their own, since the
    innermost of several open rasters would else take the blame.
    """
    settings = dict(SETTINGS, CPL_VSIL_CURL_ALLOWED_FILENAME="none")
    if is_remote(path):
        allowed = dict(CPL_VSIL_CURL_ALLOWED_FILENAME=_network_name(path))
        settings |= allowed | dict(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
    try:
        with rasterio.Env(**settings):
            yield
    except (RasterioError, CRSError, UnicodeDecodeError) as error:
        detail = str(error.__cause__ or error).removeprefix(f"'{path}' ").removeprefix(f"{path}: ")
        raise LandcoverError(
            _shown(path),
            f"can't be read ({detail.rstrip('. ')})",
            f"a whole raster of a format read here ({', '.join(DRIVERS)})",
            "fetch it again, or convert it with gdal_translate",
        ) from error


def is_remote(path: Path) -> bool:
    """Whether a path names something on the network."""
    return bool(REMOTE.match(str(path)))


def without_query(path: Path) -> Path:
    """A path without what follows a `?` in an address, which may be a signature; local paths as they are."""
    return Path(str(path).partition("?")[0]) if is_remote(path) else path


def _shown(path: Path) -> str:
    return _network_name(without_query(path)).removeprefix("/vsicurl/") if is_remote(path) else str(path)


def _network_name(path: Path) -> str:
    """GDAL's name of something on the network; `Path` has made one slash of the two of `https://`."""
    name = str(path)
    if name.startswith("https:"):
        return "/vsicurl/https://" + name.removeprefix("https:").lstrip("/")
    return "/vsis3/" + name.removeprefix("s3:").removeprefix("/vsis3/").lstrip("/")


def _check_size(path: Path, source: Any) -> None:
    height, width = int(source.height), int(source.width)
    claimed = height * width * sum(np.dtype(_numpy_name(d)).itemsize for d in source.dtypes)
    files = [Path(f) for f in source.files]
    packed = sum(f.stat().st_size for f in files if f.is_file())
    if height * width > MOST_PIXELS:
        expectation = f"at most {MOST_PIXELS:,} px"
    elif width > MOST_WIDTH:
        expectation = f"at most {MOST_WIDTH:,} columns"
    elif packed and claimed > max(MOST_UNPACKED, MOST_RATIO * packed):
        raise LandcoverError(
            path,
            f"claims {height} × {width} px in {source.count} bands, in a file of {packed:,} bytes",
            "no more than a file of that size can hold",
            "fetch it again",
        )
    else:
        return
    raise LandcoverError(path, f"claims {height} × {width} px", expectation, "cut it into parts")


def _numpy_name(gdal_type: str) -> str:
    return {"complex_int16": "complex64"}.get(gdal_type, gdal_type)


def slow_layout(source: Any) -> str | None:
    """A sentence when a large raster is stored such that windows of it are slow to read; else None.

    Windows are read from top to bottom, whole rows at once: strips of few rows are as quick as tiles then.
    """
    if source.height * source.width <= SLOW_PIXELS:
        return None
    rows = max(shape[0] for shape in source.block_shapes)
    if source.driver == "JP2OpenJPEG":
        kind = "JPEG 2000"
    elif rows > SLOW_ROWS:
        kind = f"blocks of {rows} rows"
    else:
        return None
    return f"stored as {kind}: reading is slow; gdal_translate -of COG makes a quicker copy"


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

    def of_cells(self, side: int) -> Place:
        """The place of a raster that has a cell for each `side` × `side` px of this one."""
        return Place(self.crs, self.transform @ rasterio.Affine.scale(side))
