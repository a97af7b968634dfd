"""Write the scenes, window by window, and the record of where each comes from."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from landcover import __version__
from landcover.catalog.composite import median
from landcover.catalog.dialect import COMMON, Source
from landcover.catalog.patience import without_query
from landcover.catalog.read import MASKED
from landcover.catalog.search import overlap
from landcover.files import sha256, write_text
from landcover.imagery.image import BANDS
from landcover.progress import track

MEMORY = 512 * 2**20  # bytes, for the numbers of all items of a window
BLOCK = 256  # px, side of the tiles of the files
LARGEST = 8 * BLOCK  # px, side of a window
DUBIOUS = 0.2  # a larger share of numbers below 0: an offset was taken off twice

Reader = Callable[[Source, GeoBox], npt.NDArray[np.float32]]


@dataclass
class _Seen:
    """What the items of a scene showed, by their ids, and what became of it."""

    used: Counter[str] = field(default_factory=Counter)
    below: Counter[str] = field(default_factory=Counter)
    clipped: int = 0
    filled: int = 0

    def take(self, source: Source, numbers: npt.NDArray[np.float32]) -> None:
        self.used[source.id] += int((~np.isnan(numbers[0])).sum())
        self.below[source.id] += int((numbers < 0).sum())


def write_scenes(
    folder: Path,
    name: str,
    groups: Mapping[str, Sequence[Source]],
    grid: GeoBox,
    read: Reader,
    asked: Mapping[str, Any],
) -> tuple[list[str], list[str]]:
    """Write a scene for each group of items, `<name>_<period>.tif` and `.json`.

    Parameters
    ----------
    groups : items of each period
    grid : of all scenes
    read : gives the numbers of an item in a window
    asked : what was searched for, for the record

    Returns
    -------
    names of the GeoTIFF files; warnings
    """
    reads = [
        (period, window, source)
        for period, group in groups.items()
        for window in _windows(grid, len(group))
        for source in group
        if overlap(source.bbox, _box(grid, window))
    ]
    files: list[str] = []
    warnings: list[str] = []
    for period, of_period in groupby(track(reads, "fetching"), key=lambda r: r[0]):
        file, seen = folder / f"{name}_{period}.tif", _Seen()
        with rasterio.open(file, "w", **_profile(grid)) as target:
            for number, band in enumerate(BANDS, 1):
                target.set_band_description(number, band)
            for (y, x, height, width), of_window in groupby(of_period, key=lambda r: r[1]):
                numbers = []
                for _, _, source in of_window:
                    numbers.append(read(source, grid[y : y + height, x : x + width]))
                    seen.take(source, numbers[-1])
                pixels, clipped = median(numbers)
                seen.clipped += clipped
                seen.filled += int(pixels.any(axis=0).sum())
                target.write(pixels, window=Window(x, y, width, height))
        record = _record(file, groups[period], grid, seen, asked)
        write_text(file.with_suffix(".json"), json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        files.append(file.name)
        warnings += _warnings(file, groups[period], seen)
    return files, warnings


def _windows(grid: GeoBox, items: int) -> Iterator[tuple[int, int, int, int]]:
    """y, x, height and width of windows that tile the grid, as large as `MEMORY` allows."""
    each = (items + 2) * len(COMMON) * 4  # bytes a pixel: all numbers, and those being read
    side = int((MEMORY / each) ** 0.5) // BLOCK * BLOCK
    side = min(max(side, BLOCK), LARGEST)
    height, width = grid.shape
    for y in range(0, height, side):
        for x in range(0, width, side):
            yield y, x, min(side, height - y), min(side, width - x)


def _box(grid: GeoBox, window: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
    """West, south, east and north of a window, degrees."""
    y, x, height, width = window
    box = grid[y : y + height, x : x + width].geographic_extent.boundingbox
    return box.left, box.bottom, box.right, box.top


def _profile(grid: GeoBox) -> dict[str, Any]:
    height, width = grid.shape
    return dict(
        driver="GTiff", dtype="uint16", count=len(BANDS), height=height, width=width, nodata=0,
        crs=str(grid.crs), transform=grid.transform, compress="deflate", predictor=2, tiled=True,
        blockxsize=BLOCK, blockysize=BLOCK, bigtiff="if_safer",
    )  # fmt: skip


def _warnings(file: Path, group: Sequence[Source], seen: _Seen) -> Iterator[str]:
    if not seen.filled:
        yield f"{file.name}: no pixel is free of clouds; take more dates or a larger --cloud"
    for source in group:
        share = seen.below[source.id] / max(seen.used[source.id] * len(BANDS), 1)
        if share > DUBIOUS:
            asset = source.assets["B02"]
            yield (
                f"{source.id}: {share:.0%} of its numbers are below 0 after the offset {asset.offset:g} "
                f"({asset.reason}); it may have been taken off before: compare with another catalogue"
            )


def _record(
    file: Path, group: Sequence[Source], grid: GeoBox, seen: _Seen, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that the scene comes from; addresses without signatures."""
    height, width = grid.shape
    packages = ("odc-stac", "pystac-client", "rasterio", "numpy")
    return {
        "scene": file.name,
        "sha256": sha256(file),
        "asked": dict(asked),
        "grid": {
            "crs": str(grid.crs), "transform": list(grid.transform)[:6], "height": height, "width": width
        },
        "numbers": "reflectance × 10,000, 0 = no data",
        "masked": {str(code): name for code, name in MASKED.items()},
        "pixels": {"with_data": seen.filled, "all": height * width, "numbers_clipped": seen.clipped},
        "items": [
            {
                "id": source.id,
                "collection": source.collection,
                "datetime": source.when.isoformat(),
                "cloud_cover": source.cloud,
                "baseline": source.baseline,
                "pixels_used": seen.used[source.id],
                "assets": {
                    band: {"key": a.key, "href": without_query(a.href)}
                    | ({"scale": a.scale, "offset": a.offset, "reason": a.reason} if band in COMMON else {})
                    for band, a in source.assets.items()
                },
            }
            for source in group
        ],
        "landcover": __version__,
        "versions": {"python": platform.python_version()} | {n: version(n) for n in packages},
    }  # fmt: skip
