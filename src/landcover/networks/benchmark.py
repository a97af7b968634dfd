"""The network of the challenge's published benchmark (Preligens 2020, preligens-lab/challenge-ens).

A U-Net with as many filters at every level: 64 on the way down, 96 then 64 on the way up, and batch
normalisation before each convolution but the first and the last.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

DOWN, UP = 64, 96
LEVELS = 2  # beside the first, which has one convolution more and no second skip


class Benchmark(nn.Module):
    """The benchmark's network: 984,234 parameters with four bands and ten classes.

    Parameters
    ----------
    inputs, classes : channels in and out; height and width must be multiples of 8

    Examples
    --------
    >>> Benchmark(4, 8)(torch.zeros(1, 4, 32, 64)).shape
    torch.Size([1, 8, 32, 64])
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inputs, DOWN, 3, padding=1), nn.ReLU())
        self.keep = nn.ModuleList(
            nn.Sequential(*(_step(DOWN, DOWN) for _ in range(1 if level == 0 else 2)))
            for level in range(LEVELS + 1)
        )
        self.after = nn.ModuleList(_step(DOWN, DOWN) for _ in range(LEVELS + 1))
        self.bottom = nn.Sequential(_step(DOWN, DOWN), _step(DOWN, DOWN))
        self.grow = nn.ModuleList(_doubling(DOWN) for _ in range(LEVELS + 1))
        self.merge = nn.ModuleList(
            nn.Sequential(_step(2 * DOWN, UP), _step(UP, DOWN)) for _ in range(LEVELS + 1)
        )
        self.head = nn.Conv2d(DOWN, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N × inputs × H × W → N × classes × H × W scores (before softmax)."""
        skipped = []
        x = self.first(x)
        for keep, after in zip(self.keep, self.after, strict=True):
            skipped.append(keep(x))
            x = max_pool2d(after(skipped[-1]), 2)
        x = self.bottom(x)
        for grow, merge in zip(self.grow, self.merge, strict=True):
            x = merge(torch.cat([grow(x), skipped.pop()], dim=1))
        scores: Tensor = self.head(x)
        return scores


def _step(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(before), nn.Conv2d(before, after, 3, padding=1), nn.ReLU())


def _doubling(channels: int) -> nn.Sequential:
    up = nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(nn.BatchNorm2d(channels), up, nn.ReLU())
