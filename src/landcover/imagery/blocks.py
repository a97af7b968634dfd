"""Blocks of a raster that is read in order: each is decoded once, and kept no longer than needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

SMALLEST = 128  # px: smaller blocks are read several at once
TALLEST = 1024  # px: of blocks with more rows, a few rows are read at once; GDAL's cache holds the others
Pixels = npt.NDArray[Any]


class Blocks:
    """An open raster whose windows are read from left to right and from top to bottom.

    GDAL's cache drops the blocks used longest ago: for none to be decoded twice, it has to hold all that a
    row of windows touches. Here the reader says what is needed no more (`forget`), and what stays from one
    row of windows to the next are the rows that it reads again and the rest of their blocks.

    Parameters
    ----------
    source : open raster; its other attributes are to be had here, too
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        high, wide = source.block_shapes[0]
        self._high = SMALLEST if high > TALLEST else -(-SMALLEST // high) * high
        self._wide = -(-SMALLEST // wide) * wide
        self._kept: dict[tuple[int, int], tuple[int, Pixels]] = {}  # by row and column: first row, pixels

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    @property
    def cache(self) -> int:
        """Bytes that GDAL has to keep so that it decodes no block twice."""
        return sum(
            (2 * high * self._source.width if high > TALLEST else self._high * self._wide)
            * np.dtype(kind).itemsize
            for (high, _), kind in zip(self._source.block_shapes, self._source.dtypes, strict=True)
        )

    @property
    def kept(self) -> int:
        """Bytes kept here."""
        return sum(pixels.nbytes for _, pixels in self._kept.values())

    def read(
        self, indexes: int | Sequence[int], window: Window, out_shape: tuple[int, ...] | None = None
    ) -> Pixels:
        """Read a window as the raster does, always of the same bands; `out_shape` is that of the window."""
        top, left = int(window.row_off), int(window.col_off)
        bottom, right = top + int(window.height), left + int(window.width)
        found: Pixels | None = None
        for row in range(top // self._high, -(-bottom // self._high)):
            for column in range(left // self._wide, -(-right // self._wide)):
                y, block = self._block(indexes, row, column, top)
                x = column * self._wide
                above, below = max(top, y), min(bottom, y + block.shape[-2])
                before, behind = max(left, x), min(right, x + block.shape[-1])
                if found is None:
                    found = np.empty((*block.shape[:-2], bottom - top, right - left), block.dtype)
                found[..., above - top : below - top, before - left : behind - left] = block[
                    ..., above - y : below - y, before - x : behind - x
                ]
        assert found is not None
        return found

    def forget(self, y: int, x: int) -> None:
        """Let go of what is above row `y` and left of column `x`; if it is asked for, it is read again."""
        for (row, column), (first, block) in list(self._kept.items()):
            if first >= y or column * self._wide + block.shape[-1] > x:
                continue
            if first + block.shape[-2] <= y:
                del self._kept[row, column]
            else:
                self._kept[row, column] = y, block[..., y - first :, :].copy()

    def _block(self, indexes: int | Sequence[int], row: int, column: int, top: int) -> tuple[int, Pixels]:
        """A block from row `top` on, or from one above: its first row and pixels."""
        y, x = row * self._high, column * self._wide
        kept = self._kept.get((row, column))
        if kept is None or kept[0] > max(y, top):
            size = min(self._wide, self._source.width - x), min(self._high, self._source.height - y)
            kept = self._kept[row, column] = y, self._source.read(indexes, window=Window(x, y, *size))
        return kept
