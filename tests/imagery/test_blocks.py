"""Blocks: windows read in order are what the raster gives, each block decoded once, few of them kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import rasterio
from conftest import write_tiff
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from landcover.imagery import blocks
from landcover.imagery.blocks import Blocks
from landcover.inference.windows import Axis

TILED = dict(tiled=True, blockxsize=32, blockysize=16)
LAYOUTS: list[dict[str, Any]] = [TILED, dict(blockysize=1), dict(blockysize=7), dict(blockysize=100)]


class Counted:
    """A raster that tells how often each window of it was read."""

    def __init__(self, source: Any) -> None:
        self.source, self.seen = source, Counter[tuple[int, ...]]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def read(self, indexes: Any, window: Window) -> Any:
        self.seen[window.row_off, window.col_off] += 1
        return self.source.read(indexes, window=window)


@settings(max_examples=60)
@given(
    st.integers(1, 150), st.integers(1, 150), st.sampled_from(LAYOUTS), st.sampled_from([0, 2, 16]),
    st.sampled_from([1, 32]), st.sampled_from([50, 1024]),
)  # fmt: skip
def test_windows_are_those_of_the_raster_and_each_block_is_read_once(
    height: int, width: int, layout: dict[str, Any], overlap: int, smallest: int, tallest: int
) -> None:
    pixels = np.arange(2 * height * width).reshape(2, height, width).astype(np.float64)
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(blocks, "SMALLEST", smallest)
        patch.setattr(blocks, "TALLEST", tallest)
        with rasterio.open(write_tiff(Path(folder) / "x.tif", pixels, **layout)) as source:
            counted = Counted(source)
            found = Blocks(counted)
            rows, columns = Axis.cover(height, 32, overlap), Axis.cover(width, 32, overlap)
            for y, high, below in zip(rows.starts, rows.sizes, (*rows.starts[1:], height), strict=True):
                high = min(high, height - y)
                for x, wide, behind in zip(
                    columns.starts, columns.sizes, (*columns.starts[1:], width), strict=True
                ):
                    wide = min(wide, width - x)
                    piece = found.read([1, 2], Window(x, y, wide, high))
                    assert np.array_equal(piece, pixels[:, y : y + high, x : x + wide])
                    found.forget(below, behind)
            assert set(counted.seen.values()) == {1}
            assert not found.kept
            assert np.array_equal(found.read(2, Window(0, 0, width, height)), pixels[1])  # read again


def test_from_one_row_of_windows_to_the_next_only_shared_rows_and_the_rest_of_their_blocks_stay(
    tmp_path: Path,
) -> None:
    path = write_tiff(
        tmp_path / "x.tif", np.ones((4, 1600, 640), np.uint16), tiled=True, blockxsize=128, blockysize=128
    )
    with rasterio.open(path) as source:
        found, row = Blocks(source), 640 * 4 * 2  # bytes
        for y in range(0, 1600 - 200, 160):
            for x in range(0, 640 - 99, 90):
                found.read([1, 2, 3, 4], Window(x, y, 100, 200))
                found.forget(y + 160, x + 90 if x < 540 else 640)
                assert found.kept <= (40 + 127 + 256) * row
            assert found.kept <= (40 + 127) * row
