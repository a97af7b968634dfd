"""Connected patches of an image that comes in strips from top to bottom."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

EIGHT = np.ones((3, 3), np.int8)  # pixels that touch at a corner are one patch
Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int64]


class Patches:
    """Patches of eight-connected pixels: strips are labelled one by one, and joined where they meet.

    What is kept are the last row and pairs of labels that meet: memory does not grow with the image's height.

    Attributes
    ----------
    count : of labels given so far

    Examples
    --------
    >>> patches = Patches()
    >>> for strip in np.array([[[1, 0, 0, 1]], [[0, 1, 0, 0]]], bool):
    ...     print(patches.add(strip))
    [[1 0 0 2]]
    [[0 3 0 0]]
    >>> patches.numbers()
    array([0, 1, 0])
    """

    def __init__(self) -> None:
        self.count = 0
        self._above: Labels | None = None
        self._links = [np.zeros((0, 2), np.int64)]

    def add(self, mask: Mask) -> Labels:
        """Label the next strip (height × width): from 1, going on from the strips before; 0 is outside.

        The same strips get the same labels each time.
        """
        found, count = ndimage.label(mask, EIGHT)
        labels: Labels = np.where(found > 0, found + np.int64(self.count), 0)
        if self._above is not None:
            self._links += _touching(self._above, labels[0])
        self.count += int(count)
        self._above = labels[-1]
        return labels

    def numbers(self) -> Labels:
        """The patch that each label belongs to: of label i at i − 1, from 0."""
        links = np.concatenate(self._links)
        graph = coo_array((np.ones(len(links), bool), (links[:, 0], links[:, 1])), shape=(self.count,) * 2)
        numbers: Labels = connected_components(graph, directed=False)[1].astype(np.int64)
        return numbers


def _touching(above: Labels, below: Labels) -> list[Labels]:
    """Pairs of labels, each less 1, of two rows that meet."""
    found = []
    for upper, lower in ((above, below), (above[1:], below[:-1]), (above[:-1], below[1:])):
        both = (upper > 0) & (lower > 0)
        found.append(np.unique(np.stack([upper[both], lower[both]], axis=1) - 1, axis=0))
    return found
