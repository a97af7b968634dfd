"""Open an image of any size and read windows of the bands that a model wants: one file, or a product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.bandfiles import is_product
from landcover.imagery.blocks import Blocks
from landcover.imagery.mtd import BAND_IDS
from landcover.imagery.product import Product, open_layers, read_product
from landcover.imagery.raster import SUFFIXES, Place, open_raster, reading, slow_layout, without_query

__all__ = [
    "BANDS",
    "SENTINEL2",
    "SUFFIXES",
    "Image",
    "Place",
    "Reading",
    "open_image",
    "open_raster",
    "reading",
]
BANDS = ("B02", "B03", "B04", "B08")
SENTINEL2 = {12: [b for b in BAND_IDS if b != "B10"], 13: list(BAND_IDS)}
HIDDEN = (0, 1, 3, 8, 9, 10)  # SCL: no data, saturated or defective, cloud shadow, clouds, thin cirrus


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

    Attributes
    ----------
    sources : the open raster, or one for each band
    indexes : numbers of the wanted bands in it, from 1; of one band each when there are several rasters
    scale, offset : one number, or one a band
    files : local files that hold the image
    notes : sentences on what to know before using it
    product, scene_classes : what a product's MTD file says, and its open SCL layer
    """

    path: Path
    sources: tuple[Any, ...]
    indexes: tuple[int, ...]
    scale: Sequence[float]
    offset: Sequence[float]
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    product: Product | None = None
    scene_classes: Any = None

    @property
    def name(self) -> str:
        """What records call it: the name of the file or product."""
        return without_query(self.path).name

    @property
    def source(self) -> Any:
        """The open raster that gives the grid."""
        return self.sources[0]

    def by_blocks(self) -> Image:
        """The same image, for windows that are read from left to right and from top to bottom: `Blocks`."""
        classes = Blocks(self.scene_classes) if self.scene_classes is not None else None
        return replace(self, sources=tuple(map(Blocks, self.sources)), scene_classes=classes)

    @property
    def cache(self) -> int:
        """Bytes that GDAL has to keep so that, read `by_blocks`, no block is decoded twice."""
        return sum(Blocks(raster).cache for raster in self._rasters)

    def forget(self, y: int, x: int) -> None:
        """Read `by_blocks`: no window to come needs what is above row `y` and left of column `x`."""
        for blocks in self._rasters:
            k = -(-self.height // blocks.height)  # SCL: each of its pixels covers k × k of those of the bands
            blocks.forget(y // k, x // k if x < self.width else blocks.width)

    @property
    def _rasters(self) -> tuple[Any, ...]:
        return self.sources if self.scene_classes is None else (*self.sources, self.scene_classes)

    @property
    def place(self) -> Place | None:
        """Where it lies; None when that isn't known."""
        return Place.of(self.source)

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
        valid : bool, height × width; False where every band is 0 (in a Sentinel-2 product: any band), where a
            band is NaN or the file's nodata value, and where SCL tells of clouds or shadows

        Raises
        ------
        LandcoverError : a number is infinite, or the file is damaged
        """
        height = self.height - y if height is None else height
        width = self.width - x if width is None else width
        return self._numbers(y, x, height, width, (height, width))

    def look(self, most: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Read every k-th row and column, so that no side is longer than `most` px; returns as `read`."""
        step = -(-max(self.height, self.width) // most)
        shape = (-(-self.height // step), -(-self.width // step))
        return self._numbers(0, 0, self.height, self.width, shape)

    def _numbers(
        self, y: int, x: int, height: int, width: int, shape: tuple[int, int]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        window = Window(x, y, width, height)
        try:
            if len(self.sources) == 1:
                raws = [self._raw(0, window, shape)]
            else:
                with ThreadPoolExecutor(len(self.sources)) as pool:  # JPEG 2000 is slow to decode
                    raws = list(pool.map(lambda n: self._raw(n, window, shape), range(len(self.sources))))
        except MemoryError as error:
            raise LandcoverError(
                self.path, "does not fit in memory", "a smaller image", "cut it into parts"
            ) from error
        raw = raws[0] if len(raws) == 1 else np.concatenate(raws)
        whole = self.product is not None and self.product.level is not None
        valid = np.asarray(raw.all(axis=0) if whole else raw.any(axis=0))
        for source, part in zip(self.sources, raws, strict=True):
            nodata = source.nodata
            if nodata is not None and nodata != 0 and not np.isnan(nodata):
                valid &= (part != nodata).all(axis=0)
        pixels = raw.astype(np.float32)
        if raw.dtype.kind == "f":
            valid &= ~np.isnan(raw).any(axis=0)
            if np.isinf(pixels[:, valid]).any():
                raise LandcoverError(
                    self.path, "holds infinite values", "finite numbers or NaN", "replace them by NaN"
                )
        for band, scale, offset in zip(pixels, self.scale, self.offset, strict=True):
            if scale != 1 or offset != 0:
                band *= np.float32(scale)
                band += np.float32(offset)
        if self.scene_classes is not None:
            valid &= self._clear(y, x, height, width, shape)
        if not valid.all():
            np.copyto(pixels, 0, where=~valid)
        return pixels, valid

    def _raw(self, number: int, window: Window, shape: tuple[int, int]) -> npt.NDArray[Any]:
        indexes = self.indexes if len(self.sources) == 1 else [self.indexes[number]]
        path = self.product.bands[number].name if self.product else self.path
        with reading(path):
            raw: npt.NDArray[Any] = self.sources[number].read(
                indexes, window=window, out_shape=(len(indexes), *shape)
            )
        return raw

    def _clear(
        self, y: int, x: int, height: int, width: int, shape: tuple[int, int]
    ) -> npt.NDArray[np.bool_]:
        """Where SCL shows the ground, on the grid of the bands: each of its pixels covers k × k of theirs."""
        k = -(-self.height // self.scene_classes.height)
        top, left = y // k, x // k
        rows, columns = -(-(y + height) // k) - top, -(-(x + width) // k) - left
        window = Window(left, top, columns, rows)
        member = self.product.scene_classes if self.product else None
        with reading(member.name if member else self.path):
            if shape != (height, width):
                classes = self.scene_classes.read(1, window=window, out_shape=shape)
            else:
                classes = self.scene_classes.read(1, window=window).repeat(k, axis=0).repeat(k, axis=1)
                classes = classes[y - top * k :, x - left * k :][:height, :width]
        clear: npt.NDArray[np.bool_] = ~np.isin(classes, HIDDEN)
        return clear


@contextmanager
def open_image(
    path: Path,
    bands: Sequence[str] | None = None,
    wanted: Sequence[str] = BANDS,
    scale: float = 1.0,
    offset: float = 0.0,
    remote: bool = False,
) -> Iterator[Image]:
    """Open an image and choose its bands.

    Parameters
    ----------
    path : a file; a Sentinel-2 product (.SAFE folder or zip) or a path such as `T31TFL_{band}.jp2`
    bands : which bands of the file stand for `wanted`, in that order, by name (`B08`) or number (`8`, from
        1); None finds them by the names in the file, or takes all when their number is right
    wanted : names of the bands that the model was trained on
    scale, offset : the model's numbers are `raw × scale + offset`; a product's MTD file says them
    remote : allow files on the network, see `open_raster`

    Raises
    ------
    LandcoverError : the file can't be read, or the bands can't be told
    """
    if is_product(path):
        with _open_product(path, bands, wanted, scale, offset, remote) as image:
            yield image
        return
    with open_raster(path, remote) as source:
        indexes = _choose(path, source, bands, wanted)
        files = (path,) if path.is_file() else ()
        notes = tuple(filter(None, [slow_layout(source)]))
        yield Image(path, (source,), indexes, [scale] * len(indexes), [offset] * len(indexes), files, notes)


@dataclass(frozen=True)
class Reading:
    """How images are read: see `open_image`."""

    wanted: tuple[str, ...] = BANDS
    bands: tuple[str, ...] | None = None
    scale: float = 1.0
    offset: float = 0.0
    remote: bool = False

    def open(self, path: Path) -> AbstractContextManager[Image]:
        """Open an image so that it gives the `wanted` bands."""
        return open_image(path, self.bands, self.wanted, self.scale, self.offset, self.remote)


@contextmanager
def _open_product(
    path: Path,
    bands: Sequence[str] | None,
    wanted: Sequence[str],
    scale: float,
    offset: float,
    remote: bool,
) -> Iterator[Image]:
    _same_number(bands, wanted)
    product = read_product(path, [b.strip().upper() for b in bands or wanted])
    scales: Sequence[float] = [scale] * len(wanted)
    offsets: Sequence[float] = [offset] * len(wanted)
    if product.level is not None:
        if (scale, offset) != (1.0, 0.0):
            raise LandcoverError(
                path, "says its scale and offset in its MTD file", "no other ones",
                "leave --scale and --offset out",
            )  # fmt: skip
        scales, offsets = product.scale, product.offset
    with open_layers(product, remote) as (sources, classes):
        notes = (*product.notes, *filter(None, [slow_layout(sources[0])]))
        ones = (1,) * len(sources)
        yield Image(path, sources, ones, scales, offsets, product.files, notes, product, classes)


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
    _same_number(bands, wanted)
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


def _same_number(bands: Sequence[str] | None, wanted: Sequence[str]) -> None:
    if bands is not None and len(bands) != len(wanted):
        raise LandcoverError(
            "--bands", f"names {len(bands)} bands", f"{len(wanted)}, for {', '.join(wanted)}", "name them all"
        )
