"""Connected patches of a map that is read rows by rows: those that cross from rows to rows are joined."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
import shapely
from rasterio.features import shapes
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

EIGHT = np.ones((3, 3), int)  # pixels that touch at a corner are one patch
CODES = 256
Mask = npt.NDArray[np.bool_]


class Patches:
    """Takes the rows of a mask from top to bottom, with quantities to sum over each patch.

    Memory grows with the number of patches, not with the size of the map.

    Parameters
    ----------
    width : px
    quantities : names of what is summed
    """

    def __init__(self, width: int, *quantities: str) -> None:
        self._width, self._quantities = width, quantities
        self._count = self._top = 0
        self._above = np.zeros(width, np.int64)
        self._rows: list[pd.DataFrame] = []
        self._links: list[npt.NDArray[np.int64]] = []

    def add(self, inside: Mask, codes: npt.NDArray[np.uint8], *values: npt.NDArray[np.float64]) -> None:
        """Take the next rows.

        Parameters
        ----------
        inside : bool, rows × width: where the patches are
        codes : uint8, rows × width: a patch gets the one with most of the first quantity
        values : float, rows × width, a quantity each
        """
        labels, count = _labels(inside, self._count)
        self._links += _touching(self._above, labels[0])
        at = np.flatnonzero(labels)
        key = (labels.ravel()[at] - 1) * CODES + codes.ravel()[at]
        unique, first, group = np.unique(key, return_index=True, return_inverse=True)
        sums = {
            name: np.bincount(group, v.ravel()[at], len(unique))
            for name, v in zip(self._quantities, values, strict=True)
        }
        self._rows.append(
            pd.DataFrame(
                {
                    "patch": unique // CODES,
                    "code": unique % CODES,
                    "first": at[first] + self._top * self._width,
                    **sums,
                }
            )
        )
        self._above = labels[-1]
        self._count += count
        self._top += len(inside)

    def table(self) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
        """What was found.

        Returns
        -------
        patches : a row each: code, first (number of its first pixel, row × width + column) and the sums
        numbers : of the patch that each label of `outlines` belongs to
        """
        links = np.concatenate([*self._links, np.zeros((0, 2), np.int64)])
        graph = coo_array((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(self._count,) * 2)
        numbers = connected_components(graph, directed=False)[1].astype(np.int64)
        rows = pd.concat(self._rows, ignore_index=True)
        rows["patch"] = numbers[rows["patch"]]
        by_code = rows.groupby(["patch", "code"], as_index=False)[list(self._quantities)].sum()
        most = by_code.loc[by_code.groupby("patch")[self._quantities[0]].idxmax(), "code"].to_numpy()
        how = {"first": "min"} | dict.fromkeys(self._quantities, "sum")
        return rows.groupby("patch").agg(how).assign(code=most), numbers


def outlines(
    masks: Iterable[Mask], numbers: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64], transform: Any
) -> list[Any]:
    """Outlines of some patches, from the same masks that were added.

    Parameters
    ----------
    numbers : of `Patches.table`
    wanted : numbers of patches
    transform : of the whole map

    Returns
    -------
    polygons : in the CRS of the map, in the order of `wanted`
    """
    parts: dict[int, list[Any]] = {int(n): [] for n in wanted}
    done = top = 0
    for inside in masks:
        labels, count = _labels(inside, done)
        kept = np.append(0, np.where(np.isin(numbers, wanted), numbers + 1, 0)).astype(np.int32)
        patches = kept[labels]
        here = transform * rasterio.Affine.translation(0, top)
        for shape, number in shapes(patches, mask=patches > 0, connectivity=8, transform=here):
            parts[int(number) - 1].append(shapely.geometry.shape(shape))
        done, top = done + count, top + len(inside)
    return [shapely.union_all(shapely.make_valid(np.array(parts[int(n)], object))) for n in wanted]


def _labels(inside: Mask, before: int) -> tuple[npt.NDArray[np.int64], int]:
    labels, count = ndimage.label(inside, EIGHT)
    return np.where(labels > 0, labels + np.int64(before), 0), int(count)


def _touching(above: npt.NDArray[np.int64], below: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    found = []
    for upper, lower in ((above, below), (above[1:], below[:-1]), (above[:-1], below[1:])):
        both = (upper > 0) & (lower > 0)
        found.append(np.unique(np.stack([upper[both], lower[both]], axis=1) - 1, axis=0))
    return found
