"""Windows: how a scene is cut into pieces that overlap, and where one piece hands over to the next.

Along each side of a scene, a pixel belongs to one window, or, in a seam of `overlap` px between two windows,
to both: there the first fades out as the second fades in, in a straight line. So there is no jump where a
window ends, a model that returns its input gives the input back, and most pixels are taken as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

MULTIPLE = 32
SAVES = 1.01  # how much more windows of one size may compute along a side
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """What a window gives along one side, in px from its own first pixel.

    It fades in from `enter` to `begin`, stands alone from `begin` to `end`, and fades out from `end` to
    `leave`. Where the scene begins, `enter` equals `begin`; where it ends, `end` equals `leave`.
    """

    enter: int
    begin: int
    end: int
    leave: int


@dataclass(frozen=True)
class Axis:
    """The windows along one side of a scene.

    Attributes
    ----------
    length : of the scene, px
    overlap : px of a seam
    starts : first pixel of each window; the last is pulled inside
    sizes : of each window, px, multiples of 32; only a single window can be larger than the scene
    seams : first pixel of the seam between each window and the next

    Examples
    --------
    >>> axis = Axis.cover(150, 64, 16)
    >>> axis.starts, axis.sizes, axis.seams
    ((0, 48, 86), (64, 64, 64), (48, 91))
    >>> axis.part(2)
    Part(enter=5, begin=21, end=64, leave=64)
    """

    length: int
    overlap: int
    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    seams: tuple[int, ...]

    @classmethod
    def cover(cls, length: int, window: int, overlap: int) -> Axis:
        """As few windows of at most `window` px as cover `length` px and overlap by at least `overlap` px.

        They are of one size, the smallest that does it, so that the engine holds one graph, unless it
        costs less by 1 % to have the last of them smaller, and the others as large as may be. Where two
        windows overlap by more, the seam lies in the middle, far from the edges of both.

        Parameters
        ----------
        overlap : at most half of `window`
        """
        if length <= window:
            return cls(length, overlap, (0,), (_multiple(length),), ())
        many = -(-(length - overlap) // (window - overlap))
        size = last = _multiple(max(-(-(length + (many - 1) * overlap) // many), 2 * overlap))
        rest = max(_multiple(length - (many - 1) * (window - overlap)), _multiple(window // 4))
        if many * size > SAVES * ((many - 1) * window + rest):
            size, last = window, rest
        starts = (*range(0, length - last, size - overlap), length - last)
        seams: list[int] = []
        for this, following in pairwise(starts):
            middle = (following + this + size - overlap) // 2
            seams.append(max(middle, seams[-1] + overlap) if seams else middle)
        return cls(length, overlap, starts, (*(size,) * (len(starts) - 1), last), tuple(seams))

    def part(self, index: int) -> Part:
        """What window `index` gives."""
        start, last = self.starts[index], index + 1 == len(self.starts)
        enter = self.seams[index - 1] - start if index else 0
        end = (self.length if last else self.seams[index]) - start
        return Part(enter, enter + (self.overlap if index else 0), end, end + (0 if last else self.overlap))

    @property
    def fade(self) -> Floats:
        """Weight of the later window at each pixel of a seam."""
        return ((np.arange(self.overlap) + 0.5) / max(self.overlap, 1)).astype(np.float32)


def _multiple(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE
