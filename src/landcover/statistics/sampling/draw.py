"""Draw pixels from the strata of a raster of any size: count them, draw ranks, and find these again.

A walk goes through all pixels, window by window, and each stratum's pixels have ranks along it. So a sample
is a set of ranks, and only the windows in which one of them lies are read a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Place
from landcover.progress import track

SIDE = 256  # px, of a window; a power of 2
ORDERS = np.array([[a, b, c, 6 - a - b - c] for a in range(4) for b in range(4) for c in range(4)
                   if len({a, b, c}) == 3])  # fmt: skip
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Window = tuple[int, int, int, int]  # first row, first column, height, width
Read = Callable[[int, int, int, int], npt.NDArray[np.integer]]


def count(place: Place, shape: tuple[int, int], read: Read, strata: int) -> tuple[Ints, Floats]:
    """Count the pixels and hectares of strata.

    Parameters
    ----------
    shape : of the raster, px
    read : gives the strata of the pixels of a window, from 0 to `strata` − 1
    strata : their number

    Returns
    -------
    pixels : of each stratum in each window, rows × columns × strata
    hectares : of each stratum, true areas
    """
    rows, columns = (-(-n // SIDE) for n in shape)
    pixels, hectares = np.zeros((rows, columns, strata), np.int64), np.zeros(strata)
    for index in track(list(np.ndindex(rows, columns)), "counting"):
        row, column, height, width = _window(index[0], index[1], shape)
        found = read(row, column, height, width).ravel()
        areas = pixel_areas(place, row + np.arange(height), column + np.arange(width))
        assert areas is not None
        pixels[index] = np.bincount(found, minlength=strata)
        hectares += np.bincount(found, areas.ravel(), minlength=strata)
    return pixels, hectares


def draw(
    shape: tuple[int, int], read: Read, pixels: Ints, points: Ints, balanced: bool, seed: int
) -> Iterator[tuple[Window, Ints, Ints, Ints]]:
    """Draw pixels without replacement: of a stratum's N pixels n, each with probability n/N.

    A simple sample is n random ranks. A balanced one takes the ranks ⌊(u + i) N / n⌋, i = 0 … n − 1, with one
    random u from 0 to 1, along a walk that goes through the four quadrants of the raster, of each quadrant
    and so on, in a random order each time (GRTS: Stevens & Olsen 2004, Spatially balanced sampling of natural
    resources). A rank is met with probability n/N whatever the walk, since the steps are N/n ≥ 1 long.

    Parameters
    ----------
    shape, read : as for `count`
    pixels : what `count` found
    points : of each stratum, at most its pixels
    balanced : spread the points of each stratum evenly over the place

    Yields
    ------
    window, rows, columns, strata : of the drawn pixels; rows and columns in the window; windows from top to
        bottom
    """
    order = walk(pixels.shape[0], pixels.shape[1], np.random.default_rng([seed, 0]))
    chance = np.random.default_rng([seed, 1])
    picked = []  # number of the window, stratum, rank in the window
    for stratum in np.flatnonzero(points):
        until = pixels[..., stratum][order].cumsum()
        ranks = _ranks(int(until[-1]), int(points[stratum]), balanced, chance)
        step = np.searchsorted(until, ranks, side="right")
        inside = ranks - np.where(step, until[step - 1], 0)
        numbers = np.ravel_multi_index((order[0][step], order[1][step]), pixels.shape[:2])
        picked.append(np.stack([numbers, np.full(len(ranks), stratum), inside]))
    table = np.concatenate(picked, axis=1)
    for number in track(np.unique(table[0]), "drawing"):
        i, j = np.unravel_index(number, pixels.shape[:2])
        window = _window(int(i), int(j), shape)
        rows, columns = walk(*window[2:], np.random.default_rng([seed, 2, number]))
        found = read(*window)[rows, columns]
        strata, ranks = table[1:, table[0] == number]
        at = np.empty(len(strata), np.int64)
        for stratum in np.unique(strata):
            mine = strata == stratum
            at[mine] = np.flatnonzero(found == stratum)[ranks[mine]]
        yield window, rows[at], columns[at], strata


def walk(rows: int, columns: int, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Go through all cells of a grid, quadrant by quadrant of quadrants, in a random order at each level.

    Returns
    -------
    y, x : of the cells, in the order of the walk

    Examples
    --------
    >>> y, x = walk(4, 4, np.random.default_rng(0))
    >>> len(set(zip(y[:4] // 2, x[:4] // 2)))  # the first four are one quadrant
    1
    """
    y = x = np.zeros(1, np.int64)
    for level in reversed(range((max(rows, columns) - 1).bit_length())):
        quadrants = ORDERS[random.integers(len(ORDERS), size=len(y))]
        y = (2 * y[:, None] + quadrants // 2).ravel()
        x = (2 * x[:, None] + quadrants % 2).ravel()
        inside = (y << level < rows) & (x << level < columns)
        y, x = y[inside], x[inside]
    return y, x


def _ranks(pixels: int, points: int, balanced: bool, random: np.random.Generator) -> Ints:
    if balanced:
        along = (random.random() + np.arange(points)) * (pixels / points)
        return np.minimum(along.astype(np.int64), pixels - 1)  # rounding may reach one too far
    ranks: Ints = random.choice(pixels, points, replace=False, shuffle=False)
    ranks.sort()
    return ranks


def _window(i: int, j: int, shape: tuple[int, int]) -> Window:
    row, column = int(i) * SIDE, int(j) * SIDE
    return row, column, min(SIDE, shape[0] - row), min(SIDE, shape[1] - column)
