"""Windows: how a scene is cut into pieces that overlap, and how their results are blended into one.

The weights of a window are products of a weight by row and a weight by column, and at every row (and every
column) the weights of all windows that hold it sum to 1. So the blend is a plain weighted sum, whose result
does not depend on where one window ends: there are no seams, and a model that returns its input gives the
input back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MULTIPLE = 32
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Axis:
    """The windows along one side of a scene.

    Attributes
    ----------
    length : of the scene, px
    size : of each window, px: a multiple of 32, larger than the scene only when there is a single one
    starts : first pixel of each window; the last window is pulled inside
    weights : windows × size, float32; 0 beyond the scene

    Examples
    --------
    >>> axis = Axis.cover(100, 64, 16)
    >>> axis.starts, axis.finished(0), axis.finished(1)
    ((0, 36), 36, 100)
    """

    length: int
    size: int
    starts: tuple[int, ...]
    weights: Floats

    @classmethod
    def cover(cls, length: int, window: int, overlap: int) -> Axis:
        """Windows of `window` px that overlap by at least `overlap` px and cover `length` px."""
        if length <= window:
            size = -(-length // MULTIPLE) * MULTIPLE
            weights = np.zeros((1, size), np.float32)
            weights[0, :length] = 1
            return cls(length, size, (0,), weights)
        stride = window - overlap
        count = -(-(length - window) // stride) + 1
        starts = [min(i * stride, length - window) for i in range(count)]
        ramp = np.minimum(1, (np.arange(window) + 0.5) / max(overlap, 1))
        raw = np.zeros((count, length))
        for i, start in enumerate(starts):
            left = ramp if i > 0 else 1
            right = ramp[::-1] if i < count - 1 else 1
            raw[i, start : start + window] = left * right * np.ones(window)
        raw /= raw.sum(axis=0)
        weights = np.stack([raw[i, s : s + window] for i, s in enumerate(starts)]).astype(np.float32)
        return cls(length, window, tuple(starts), weights)

    def finished(self, index: int) -> int:
        """How many pixels from the start no window after `index` touches."""
        return self.starts[index + 1] if index + 1 < len(self.starts) else self.length


class Blend:
    """Add up the windows of a scene, row of windows by row of windows, and hand out finished rows.

    Memory holds `channels` × one window's height × the scene's width, whatever the scene's height.
    """

    def __init__(self, rows: Axis, columns: Axis, channels: int) -> None:
        self.rows, self.columns = rows, columns
        self._sum = np.zeros((channels, rows.size, columns.length), np.float32)

    def add(self, row: int, column: int, values: Floats) -> Floats | None:
        """Add one window's values, channels × size × size; windows come row by row, left to right.

        Returns
        -------
        finished : channels × finished rows × width after the last window of a row, else None; rows go on
            where the last ones ended
        """
        x = self.columns.starts[column]
        width = min(self.columns.size, self.columns.length - x)
        weights = self.rows.weights[row][:, None] * self.columns.weights[column][None, :width]
        self._sum[:, :, x : x + width] += values[:, :, :width] * weights
        if column + 1 < len(self.columns.starts):
            return None
        done = self.rows.finished(row) - self.rows.starts[row]
        finished = self._sum[:, :done].copy()
        self._sum[:, : self.rows.size - done] = self._sum[:, done:]
        self._sum[:, self.rows.size - done :] = 0
        return finished
