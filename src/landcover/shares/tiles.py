"""Windows of labelled ground, in spatial blocks: the shares that intervals are calibrated and tested on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.shares.decode import Decoder, Floats

TILE = 64  # px
BLOCK = 256  # px: windows that are smaller come in blocks of this side


@dataclass(frozen=True)
class Tiles:
    """Sums over tiles of 64 × 64 px of labelled chips, from which windows are put together.

    Attributes
    ----------
    predicted : chips × classes × rows × columns, what the decoder adds up over the labelled pixels of a tile
    true : the same shape, labelled pixels of each class
    places : scene, row and column (of tiles) of each chip; a chip of unknown place is a scene of its own
    """

    predicted: Floats
    true: Floats
    places: pd.DataFrame

    @classmethod
    def of(
        cls,
        probabilities: Iterable[npt.NDArray[np.floating[Any]]],
        targets: npt.NDArray[np.uint8],
        decoder: Decoder,
        places: pd.DataFrame | None = None,
    ) -> Tiles:
        """Add up chips of one size.

        Parameters
        ----------
        probabilities : of each chip, classes × height × width
        targets : chips × height × width, index of the class of each pixel; a number that is none, no label
        places : scene, y0 and x0 of each chip, px; None where they are not known. Chips of one scene whose
            corners lie on multiples of 64 px are put together; any other stands alone
        """
        rows, columns = (n // TILE for n in targets.shape[1:])
        predicted, true = [], []
        for p, target in zip(probabilities, targets, strict=True):
            at = [np.s_[y : y + TILE, x : x + TILE] for y in _steps(rows) for x in _steps(columns)]
            valid = target < len(p)
            sums = [decoder.pixel_sums(p[:, *tile], valid[tile]) for tile in at]
            labels = [np.bincount(target[tile].ravel(), minlength=256)[: len(p)] for tile in at]
            predicted.append(np.transpose(sums).reshape(len(p), rows, columns))
            true.append(np.transpose(labels).reshape(len(p), rows, columns).astype(np.float64))
        alone = pd.DataFrame({"scene": [f"chip {i}" for i in range(len(true))], "row": 0, "column": 0})
        if places is not None:
            corners = places[["y0", "x0"]].to_numpy()
            fits = (corners % TILE == 0).all(axis=1)
            alone.loc[fits, "scene"] = "scene " + places["scene"].astype(str).to_numpy()[fits]
            alone.loc[fits, ["row", "column"]] = corners[fits] // TILE
        return cls(np.stack(predicted), np.stack(true), alone)

    def take(self, chosen: npt.NDArray[Any]) -> Tiles:
        """The tiles of some chips only, by position or mask."""
        places = self.places[chosen] if chosen.dtype == bool else self.places.iloc[chosen]
        return Tiles(self.predicted[chosen], self.true[chosen], places)

    def windows(self, side: int) -> Windows:
        """Windows of one size that share no pixel, in blocks.

        Blocks of 256 px, or of `side` where that is more, or of a chip where that is less, are laid from the
        upper left where chips cover all of a block and at least half of each tile is labelled. Each is cut
        into windows. Where chips overlap, the mean of their predictions counts.

        Parameters
        ----------
        side : of a window, px, a multiple of 64
        """
        size = side // TILE
        block = max(size, min(BLOCK // TILE, *self.true.shape[2:]))
        found: list[tuple[Floats, Floats]] = []
        for _, chips in sorted(self.places.groupby("scene").indices.items()):
            predicted, true = self._scene(np.asarray(chips))
            free = true.sum(axis=0) >= TILE**2 / 2
            for y in range(free.shape[0] - block + 1):
                for x in range(free.shape[1] - block + 1):
                    at = np.s_[y : y + block, x : x + block]
                    if free[at].all():
                        free[at] = False
                        found.append((predicted[:, *at], true[:, *at]))
        blocks = np.repeat(np.arange(len(found)), (block // size) ** 2)
        classes = self.true.shape[1]
        whole = [
            np.concatenate([_tiled(b[i], size) for b in found] or [np.zeros((0, classes))]) for i in (0, 1)
        ]
        return Windows(side, whole[0], whole[1], blocks)

    def _scene(self, chips: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Mean sums of a scene, from its chips by position: classes × rows × columns; 0 where no chip is."""
        _, classes, rows, columns = self.true.shape
        row, column = (self.places[name].to_numpy()[chips] for name in ("row", "column"))
        shape = (row.max() + rows, column.max() + columns)
        sums, times = np.zeros((2, classes, *shape)), np.zeros(shape)
        for chip, y, x in zip(chips, row, column, strict=True):
            sums[:, :, y : y + rows, x : x + columns] += self.predicted[chip], self.true[chip]
            times[y : y + rows, x : x + columns] += 1
        predicted, true = sums / np.maximum(times, 1)
        return predicted, true


@dataclass(frozen=True)
class Windows:
    """Windows of one size.

    Attributes
    ----------
    side : px
    predicted, true : windows × classes: what the decoder adds up, and labelled pixels
    blocks : the block that each lies in, from 0
    """

    side: int
    predicted: Floats
    true: Floats
    blocks: npt.NDArray[np.int64]


def _steps(number: int) -> range:
    return range(0, number * TILE, TILE)


def _tiled(tiles: Floats, size: int) -> Floats:
    """Sums of the windows of a block: classes × rows × columns of tiles to windows × classes."""
    classes, rows, columns = tiles.shape
    down, right = rows // size, columns // size
    inside = tiles[:, : down * size, : right * size]
    found: Floats = inside.reshape(classes, down, size, right, size).sum(axis=(2, 4)).reshape(classes, -1).T
    return found
