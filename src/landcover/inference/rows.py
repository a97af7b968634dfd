"""Rows of windows: each is computed apart from all others, on this machine or elsewhere.

A row of windows reads its own pixels of the scene and gives finished layers, but for the seams that it shares
with the rows above and below: of these it gives its own probabilities. Whoever puts the rows together
(`scene.py`) gets the same bytes, whoever computed them and in whatever order.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Image, Place, Reading
from landcover.inference.engine import Arrays, Engine
from landcover.inference.layers import BLOCK, Bytes, Floats, Layers, Sums
from landcover.inference.novelty import Sample
from landcover.inference.windows import Axis, Part

Valid = npt.NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """A scene to compute: what is known before its pixels are read, and how it is cut into windows.

    Attributes
    ----------
    name : what records call it
    files : local files that hold it
    notes : sentences on what to know before using it
    taken : when, as `when_taken` tells
    cache : bytes that GDAL keeps of the files, so that no block is decoded twice
    step : every how many px a pixel is kept for a picture; 0 for no picture
    """

    id: str
    path: Path
    reading: Reading
    name: str
    files: tuple[Path, ...]
    notes: tuple[str, ...]
    taken: str | None
    cache: int
    step: int
    place: Place | None
    rows: Axis
    columns: Axis


Task = tuple[Plan, int]  # a row of windows of a scene
NUMBERS = ("pixels", "no_data", "negative", "area", "no_data_area")


@dataclass
class Tally:
    """What is counted over the pixels of a scene, or of a part of it.

    Attributes
    ----------
    sums : 2 × classes: what the decoder adds up, each pixel counting once, and each with its hectares
    pixels, no_data, negative : numbers of pixels: all, without data, with a negative number in some band
    area, no_data_area : hectares: all, without data; 0 when the place is not known
    """

    sums: Sums
    pixels: int = 0
    no_data: int = 0
    negative: int = 0
    area: float = 0.0
    no_data_area: float = 0.0

    @classmethod
    def empty(cls, classes: int) -> Tally:
        """Nothing counted yet."""
        return cls(np.zeros((2, classes)))

    def count(self, valid: Valid, place: Place | None, y: int) -> None:
        """Count the pixels of rows of a scene, height × width, from row `y` on, and their areas."""
        missing = valid.size - int(np.count_nonzero(valid))
        self.pixels += valid.size
        self.no_data += missing
        blocks = np.arange(0, valid.shape[1], BLOCK)
        sizes = np.diff(blocks, append=valid.shape[1])
        areas = pixel_areas(place, np.arange(y, y + len(valid)), blocks + (sizes - 1) / 2)
        if areas is not None:
            self.area += float((areas * sizes).sum())
            if missing:
                seen = np.add.reduceat(valid.view(np.uint8), blocks, axis=1, dtype=np.uint8)
                self.no_data_area += float((areas * (sizes - seen)).sum())

    def merge(self, other: Tally) -> None:
        """Add what was counted over another part of the scene."""
        self.sums += other.sums
        for name, number in other.numbers().items():
            setattr(self, name, getattr(self, name) + number)

    def numbers(self) -> dict[str, float]:
        """All but sums, by name."""
        return {name: getattr(self, name) for name in NUMBERS}


@dataclass(frozen=True)
class Row:
    """A row of windows, computed.

    Attributes
    ----------
    layers : finished rows of each layer, bands × rows × width
    top, bottom : probabilities in the seams above and below, classes × overlap × width; without rows at the
        edge of the scene
    valid : pixels with data in the seam above, overlap × width
    tally : of the finished rows; its negative numbers are also of the seam above
    sample : of the numbers of the seam above and the finished rows
    picture : numbers of every `step`-th pixel of the seam above and the finished rows, bands × rows ×
        columns; NaN where there is no data
    """

    plan: Plan
    index: int
    layers: list[Bytes]
    top: Floats
    bottom: Floats
    valid: Valid
    tally: Tally
    sample: Sample
    picture: Floats


def compute(tasks: Iterable[Task], engine: Engine, layers: Layers) -> Iterator[Row]:
    """Compute rows of windows, in their order.

    The next window is read while others are computed, and windows of several rows are under way at once.

    Parameters
    ----------
    engine : extended by `layers`
    """
    with closing(_ahead(_read(tasks, layers))) as windows:
        for (row, column), outputs in engine.run(windows):
            row.add(column, outputs)
            if column + 1 == len(row.plan.columns.starts):
                yield row.finished()
            del row, outputs  # before the next row takes its room


Window = tuple[tuple["_Building", int], Arrays]


def _read(tasks: Iterable[Task], layers: Layers) -> Generator[Window]:
    for plan, rows in groupby(tasks, key=lambda task: task[0]):
        with plan.reading.open(plan.path) as image:
            blocks = image.by_blocks()
            for _, index in rows:
                yield from _Building(plan, index, layers).windows(blocks)


class _Building:
    """A row of windows on its way through the engine."""

    done: list[Bytes]
    top: Floats
    bottom: Floats
    right: Floats  # of the last window: its part of the seam

    def __init__(self, plan: Plan, index: int, layers: Layers) -> None:
        self.plan, self.index, self.layers = plan, index, layers
        self.y, self.part = plan.rows.starts[index], plan.rows.part(index)
        part, width = self.part, plan.columns.length
        self.valid = np.empty((part.end - part.enter, width), bool)
        bands = len(plan.reading.wanted)
        self.tally = Tally.empty(len(layers.codes))
        self.sample = Sample(bands, self.y + part.enter, self.y + part.end, width)
        self.picture = np.full((bands, *self._picked(0, width)[0]), np.nan, np.float32)
        columns, own = plan.columns, np.arange(self.y + part.begin, self.y + part.end)
        blocks = [np.arange(0, size, BLOCK) + (BLOCK - 1) / 2 for size in columns.sizes]
        seams = np.add.outer(columns.seams, np.arange(columns.overlap)).ravel()
        self.block_areas = pixel_areas(
            plan.place, np.arange(plan.rows.sizes[index]) + self.y,
            np.concatenate([x + middles for x, middles in zip(columns.starts, blocks, strict=True)]),
        )  # fmt: skip
        self.seam_areas = pixel_areas(plan.place, own, seams)

    def windows(self, image: Image) -> Iterator[Window]:
        """Windows from left to right: the key; what the engine takes, where pixels of no other window count.

        Beyond the edge of an image smaller than a window, pixels are reflected.
        """
        plan, rows, columns = self.plan, self.part, self.plan.columns
        size = plan.rows.sizes[self.index]
        below = (*plan.rows.starts, plan.rows.length)[self.index + 1]  # where the next row begins
        last = len(columns.starts) - 1
        for column, (x, width) in enumerate(zip(columns.starts, columns.sizes, strict=True)):
            part = columns.part(column)
            inside = (min(size, plan.rows.length), min(width, columns.length))
            pixels, valid = image.read(self.y, x, *inside)
            image.forget(below, columns.starts[column + 1] if column < last else columns.length)
            fresh = np.s_[rows.enter : rows.end, part.enter : part.end]
            self.valid[:, x + part.enter : x + part.end] = valid[fresh]
            seen = pixels[:, *fresh]
            self.tally.negative += int((seen < 0).any(axis=0).sum()) if pixels.min() < 0 else 0
            self.sample.add(seen, valid[fresh], self.y + rows.enter, x + part.enter)
            self._keep(seen, valid[fresh], x + part.enter)
            if inside != (size, width):
                beyond = ((0, 0), (0, size - inside[0]), (0, width - inside[1]))
                pixels = np.pad(pixels, beyond, mode="reflect")
            counts = np.zeros((1, size, width), np.uint8)
            own = np.s_[rows.begin : rows.end, part.begin : part.end]
            counts[0, *own] = valid[own]
            seams = (_seams(p, plan.columns.overlap, n) for p, n in ((rows, size), (part, width)))
            yield (self, column), (pixels, counts, *seams)

    def add(self, column: int, outputs: Arrays) -> None:
        """Take in what the engine gives for one window; windows come from left to right."""
        if not column:
            self._begin()
        rows, columns, *layers, sums = outputs
        x, part = self.plan.columns.starts[column], self.plan.columns.part(column)
        above, below = np.split(rows[:, :, part.begin : part.end], 2, axis=1)
        left, right = np.split(columns[:, self.part.enter : self.part.leave], 2, axis=2)
        if column:
            self._seam(column - 1, self.right + (left - self.right) * self.plan.columns.fade)
        self.right = right.copy()
        self._strips(x + part.begin, above, below)
        inside = np.s_[:, self.part.begin : self.part.end, part.begin : part.end]
        self._put(x + part.begin, [layer[inside] for layer in layers])
        self.tally.sums[0] += sums.sum(axis=(1, 2), dtype=np.float64)
        if self.block_areas is not None:
            first = column * self.plan.columns.sizes[0] // BLOCK
            areas = self.block_areas[:, first : first + sums.shape[2]]
            self.tally.sums[1] += (sums * areas).sum(axis=(1, 2))

    def finished(self) -> Row:
        """The row, when its last window is in."""
        above = self.valid[: self.part.begin - self.part.enter]
        self.tally.count(self.valid[len(above) :], self.plan.place, self.y + self.part.begin)
        found = (self.done, self.top, self.bottom, above, self.tally, self.sample, self.picture)
        return Row(self.plan, self.index, *found)

    def _begin(self) -> None:
        """Make room for the results, only now that the row before has left."""
        part, width, classes = self.part, self.plan.columns.length, len(self.layers.codes)
        self.done = [
            np.empty((n, part.end - part.begin, width), np.uint8) for n in self.layers.bands.values()
        ]
        self.top = np.empty((classes, part.begin - part.enter, width), np.float32)
        self.bottom = np.empty((classes, part.leave - part.end, width), np.float32)
        self.right = np.empty((classes, 0, 0), np.float32)

    def _picked(self, left: int, right: int) -> tuple[tuple[int, int], tuple[slice, slice], slice]:
        """Pixels of these columns that the picture takes: how many, which, and its columns."""
        step, top = self.plan.step, self.y + self.part.enter
        if not step:
            return (0, 0), (slice(0), slice(0)), slice(0)
        bottom, y, x = self.y + self.part.end, -top % step, -left % step
        count = (-(-(bottom - top - y) // step), -(-(right - left - x) // step))
        first = (left + x) // step
        return (max(count[0], 0), max(count[1], 0)), np.s_[y::step, x::step], slice(first, first + count[1])

    def _keep(self, pixels: Floats, valid: Valid, x: int) -> None:
        _, picked, columns = self._picked(x, x + pixels.shape[2])
        self.picture[:, :, columns] = np.where(valid[picked], pixels[:, *picked], np.float32(np.nan))

    def _seam(self, index: int, p: Floats) -> None:
        x, width = self.plan.columns.seams[index], p.shape[2]
        self._strips(x, p, p)
        own = p[:, self.part.begin - self.part.enter : self.part.end - self.part.enter]
        areas = None if self.seam_areas is None else self.seam_areas[:, index * width : (index + 1) * width]
        self.tally.sums += self.layers.sums_of_pixels(own, self._valid(x, x + width), areas)
        self._put(x, self.layers.of_pixels(own))

    def _strips(self, x: int, above: Floats, below: Floats) -> None:
        own = slice(x, x + above.shape[2])
        self.top[:, :, own] = above[:, : self.top.shape[1]]
        self.bottom[:, :, own] = below[:, below.shape[1] - self.bottom.shape[1] :]

    def _put(self, x: int, found: list[npt.NDArray[Any]]) -> None:
        end = x + found[0].shape[2]
        self.layers.hide(found, self._valid(x, end))
        for layer, piece in zip(self.done, found, strict=True):
            layer[:, :, x:end] = piece

    def _valid(self, left: int, right: int) -> Valid:
        return self.valid[self.part.begin - self.part.enter :, left:right]


def _seams(part: Part, overlap: int, size: int) -> npt.NDArray[np.int32]:
    """Rows or columns of the two seams of a window; at the edge of the scene those of a seam are any."""
    starts = np.array([part.enter, part.end], np.int32)
    return np.minimum(np.add.outer(starts, np.arange(overlap, dtype=np.int32)).ravel(), np.int32(size - 1))


def _ahead(items: Generator[T]) -> Generator[T]:
    """The same items; a thread makes the next while one is used."""
    with ThreadPoolExecutor(1) as thread:
        try:
            coming = thread.submit(next, items, None)
            while (item := coming.result()) is not None:
                coming = thread.submit(next, items, None)
                yield item
        finally:
            thread.submit(items.close).result()
