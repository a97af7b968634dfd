"""Areas of connected patches of an image that comes in strips from top to bottom."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

EIGHT = np.ones((3, 3), np.int8)  # pixels that touch at a corner are one patch
Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Patches:
    """Patches of eight-connected pixels: strips are labelled one by one, and joined where they meet.

    What is kept are the area of each strip's patches, the last row, and pairs of patches that meet.

    Examples
    --------
    >>> strips = np.array([[[1, 0, 0, 1]], [[0, 1, 0, 0]]], bool)
    >>> patches = Patches()
    >>> for strip in strips:
    ...     patches.add(strip, np.full(strip.shape, 0.5))
    >>> patches.areas()
    array([1. , 0.5, 1. ])
    """

    def __init__(self) -> None:
        self._areas: list[Floats] = []
        self._meetings: list[Labels] = []
        self._number = 0
        self._last: Labels | None = None

    @staticmethod
    def label(mask: Mask) -> tuple[Labels, int]:
        """Number the patches of one strip from 1; 0 is outside."""
        labels, number = ndimage.label(mask, EIGHT)
        return labels.astype(np.int64), int(number)

    def add(self, mask: Mask, areas: Floats) -> None:
        """Take the next strip: which pixels are in a patch, and their area (both height × width)."""
        labels, number = self.label(mask)
        self._areas.append(np.bincount(labels.ravel(), areas.ravel(), number + 1)[1:].astype(np.float64))
        first, last = (np.where(row > 0, row + self._number, 0) for row in (labels[0], labels[-1]))
        if self._last is not None:
            above, width = np.pad(self._last, 1), len(first)
            pairs = [np.stack([above[s : s + width], first]) for s in range(3)]
            met = np.concatenate(pairs, axis=1)
            self._meetings.append(np.unique(met[:, (met > 0).all(axis=0)], axis=1))
        self._number += number
        self._last = last

    def areas(self) -> Floats:
        """Area of the whole patch that each strip's patch belongs to, in the order of strips and labels."""
        own = np.concatenate([*self._areas, np.zeros(0)])
        one, other = (
            np.concatenate([*self._meetings, np.zeros((2, 0), np.int64)], axis=1).astype(np.int64) - 1
        )
        graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(len(own), len(own)))
        _, patch = connected_components(graph, directed=False)
        return np.bincount(patch, own).astype(np.float64)[patch] if len(own) else own
