"""Two maps of one grid, read in strips: which pixels changed, and which of these changes count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Place
from landcover.imagery.maps import Codes, open_codes
from landcover.legend import Legend
from landcover.statistics.patches import Patches

STRIP_PX = 4_000_000  # of each map at once
STRIP_ROWS = 512  # a row of tiles of a Cloud-Optimized GeoTIFF
Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Strip:
    """Rows `y` and below of both maps: their codes, which changes count, hectares (all height × width)."""

    y: int
    a: Pixels
    b: Pixels
    counted: Mask
    areas: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two open maps of one legend and one grid.

    Attributes
    ----------
    step : rows of a strip; it changes nothing of the result
    """

    a: Codes
    b: Codes
    legend: Legend
    place: Place
    shape: tuple[int, int]
    step: int

    def strips(self, mmu: float = 0.0) -> Iterator[Strip]:
        """Go through both maps from top to bottom.

        Memory is that of a strip and, with a minimum mapping unit, of some numbers for each patch of change.

        Parameters
        ----------
        mmu : minimum mapping unit, ha: patches of change below it do not count
        """
        if mmu <= 0:
            yield from self._persistent()
            return
        patches, areas = Patches(), []
        for strip in self._persistent():
            before, labels = patches.count, patches.add(strip.counted)
            here = labels > 0
            areas.append(np.bincount(labels[here] - before - 1, strip.areas[here], patches.count - before))
        numbers = patches.numbers()
        total = np.bincount(numbers, np.concatenate(areas))[numbers]
        large, again = np.append(False, total >= mmu * (1 - 1e-9)), Patches()
        for strip in self._persistent():
            yield Strip(strip.y, strip.a, strip.b, large[again.add(strip.counted)], strip.areas)

    def _persistent(self) -> Iterator[Strip]:
        height, width = self.shape
        labels = np.zeros(256, np.bool_)
        labels[list(self.legend.label_codes)] = True
        for y in range(0, height, self.step):
            rows = min(self.step, height - y)
            top, bottom = max(0, y - 1), min(height, y + rows + 1)
            window = Window(0, top, width, bottom - top)
            a, b = self.a.read(window), self.b.read(window)
            inner = slice(y - top, y - top + rows)
            counted = (persists(a, b) & labels[a] & labels[b])[inner]
            areas = pixel_areas(self.place, np.arange(y, y + rows), np.arange(width))
            assert areas is not None, "the place was checked"
            yield Strip(y, a[inner], b[inner], counted, areas)


def persists(a: Pixels, b: Pixels) -> Mask:
    """Which pixels changed in a way that no shift of a boundary by one pixel explains.

    A pixel of class p before and q after is jitter when q lies among its eight neighbours before and p among
    them after: a boundary between p and q runs beside it at both dates, and moved by one pixel at most. So a
    lake that grows by a ring of one pixel has not grown; one that grows by two pixels has, by both.

    Parameters
    ----------
    a, b : codes before and after, height × width; beyond the edge nothing is known, so nothing is explained

    Examples
    --------
    >>> before = np.array([[9, 9, 3, 3, 3, 3]], np.uint8)
    >>> persists(before, np.array([[9, 9, 9, 3, 3, 3]], np.uint8)).astype(int)
    array([[0, 0, 0, 0, 0, 0]])
    >>> persists(before, np.array([[9, 9, 9, 9, 3, 3]], np.uint8)).astype(int)
    array([[0, 0, 1, 1, 0, 0]])
    """
    changed: Mask = a != b
    if not changed.any():
        return changed
    return changed & ~(_near(a, b) & _near(b, a))


def _near(codes: Pixels, wanted: Pixels) -> Mask:
    """Whether the code wanted at a pixel is among the eight neighbours of it in `codes`."""
    height, width = codes.shape
    found = np.zeros(codes.shape, np.bool_)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            if dy or dx:
                here = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
                there = slice(max(0, dy), height - max(0, -dy)), slice(max(0, dx), width - max(0, -dx))
                found[here] |= codes[there] == wanted[here]
    return found


@contextmanager
def open_pair(before: Path, after: Path, legend: Legend, step: int | None = None) -> Iterator[Pair]:
    """Open two maps to compare them.

    Raises
    ------
    LandcoverError : another size, CRS or transform, or no place that hectares could be taken from
    """
    with ExitStack() as stack:
        a, b = (stack.enter_context(open_codes(path, legend)) for path in (before, after))
        place = same_grid(a, b)
        height, width = a.source.shape
        rows = step or min(STRIP_ROWS, max(1, STRIP_PX // width))
        yield Pair(a, b, legend, place, (height, width), rows)


def same_grid(a: Codes, b: Codes) -> Place:
    """The place of two maps that lie on the same pixels, to a thousandth of one.

    Raises
    ------
    LandcoverError : see `open_pair`
    """
    place, other = Place.of(a.source), Place.of(b.source)
    if place is None or pixel_areas(place, [0], [0]) is None:
        raise LandcoverError(
            a.path, "has no place on Earth", "a map with a CRS, for hectares", "give it one with gdal_edit"
        )
    (height, width), theirs = a.source.shape, b.source.shape
    if theirs != (height, width):
        finding = f"is {theirs[0]} × {theirs[1]} px and {a.path} {height} × {width} px"
    elif other is None or other.crs != place.crs:
        finding = f"has another CRS than {a.path}"
    elif _shift(place, other, height, width) > 1e-3:
        finding = f"lies {_shift(place, other, height, width):.3g} px off {a.path}"
    else:
        return place
    raise LandcoverError(b.path, finding, "maps on one grid", "bring both to one grid with gdalwarp -r near")


def _shift(place: Place, other: Place, height: int, width: int) -> float:
    """How far the corners of one grid are from those of the other, px of the first."""
    back = ~place.transform @ other.transform
    corners = [(0, 0), (width, 0), (0, height), (width, height)]
    return max(float(np.abs(np.subtract(back @ corner, corner)).max()) for corner in corners)
