"""Sums over connected patches of a map that is read rows by rows, and their outlines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
import shapely
from rasterio.features import shapes

from landcover.statistics.patches import Mask, Patches

CODES = 256


class PatchSums:
    """Takes the rows of a mask from top to bottom, with quantities to sum over each patch.

    Memory grows with the number of patches, not with the size of the map.

    Parameters
    ----------
    width : px
    quantities : names of what is summed
    """

    def __init__(self, width: int, *quantities: str) -> None:
        self._width, self._quantities = width, quantities
        self._patches, self._top = Patches(), 0
        self._rows: list[pd.DataFrame] = []

    def add(self, inside: Mask, codes: npt.NDArray[np.uint8], *values: npt.NDArray[np.float64]) -> None:
        """Take the next rows.

        Parameters
        ----------
        inside : bool, rows × width: where the patches are
        codes : uint8, rows × width: a patch gets the one with most of the first quantity
        values : float, rows × width, a quantity each
        """
        labels = self._patches.add(inside)
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
        self._top += len(inside)

    def table(self) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
        """What was found.

        Returns
        -------
        patches : a row each: code, first (number of its first pixel, row × width + column) and the sums
        numbers : of the patch that each label of `outlines` belongs to
        """
        numbers = self._patches.numbers()
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
    numbers : of `PatchSums.table`
    wanted : numbers of patches
    transform : of the whole map

    Returns
    -------
    polygons : in the CRS of the map, in the order of `wanted`
    """
    parts: dict[int, list[Any]] = {int(n): [] for n in wanted}
    kept = np.append(0, np.where(np.isin(numbers, wanted), numbers + 1, 0)).astype(np.int32)
    again, top = Patches(), 0
    for inside in masks:
        patches = kept[again.add(inside)]
        here = transform * rasterio.Affine.translation(0, top)
        for shape, number in shapes(patches, mask=patches > 0, connectivity=8, transform=here):
            parts[int(number) - 1].append(shapely.geometry.shape(shape))
        top += len(inside)
    return [shapely.union_all(shapely.make_valid(np.array(parts[int(n)], object))) for n in wanted]
