"""The fully convolutional DenseNet (Jégou, Drozdzal, Vazquez, Romero and Bengio 2017, "The one hundred layers
tiramisu"): every layer of a block sees the features of all layers before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FIRST = 48  # filters of the first convolution
SIZES: dict[
    int, tuple[int, tuple[int, ...], int]
] = {  # growth rate, layers of each block down, at the bottom
    56: (12, (4, 4, 4, 4, 4), 4),
    67: (16, (5, 5, 5, 5, 5), 5),
    103: (16, (4, 5, 7, 10, 12), 15),
}


class FCDenseNet(nn.Module):
    """FC-DenseNet56, 67 or 103.

    Parameters
    ----------
    inputs, classes : channels in and out; height and width must be multiples of 32
    layers : 56, 67 or 103
    dropout : share of channels dropped after each convolution, in training

    Examples
    --------
    >>> FCDenseNet(4, 8)(torch.zeros(1, 4, 32, 64)).shape
    torch.Size([1, 8, 32, 64])
    """

    def __init__(self, inputs: int, classes: int, layers: int = 56, dropout: float = 0.2) -> None:
        super().__init__()
        growth, down, bottom = SIZES[layers]
        channels = FIRST
        self.first = nn.Conv2d(inputs, FIRST, 3, padding=1)
        self.down, self.halve, skipped = nn.ModuleList(), nn.ModuleList(), []
        for count in down:
            self.down.append(_Block(channels, growth, count, dropout))
            channels += growth * count
            skipped.append(channels)
            self.halve.append(nn.Sequential(_layer(channels, channels, 1, dropout), nn.MaxPool2d(2)))
        self.bottom = _Block(channels, growth, bottom, dropout)
        self.grow, self.up = nn.ModuleList(), nn.ModuleList()
        new = growth * bottom  # only the features that a block adds go up, or their number would explode
        for count in reversed(down):
            self.grow.append(nn.ConvTranspose2d(new, new, 3, stride=2, padding=1, output_padding=1))
            channels = new + skipped.pop()
            self.up.append(_Block(channels, growth, count, dropout))
            new = growth * count
        self.head = nn.Conv2d(channels + new, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N × inputs × H × W → N × classes × H × W scores (before softmax)."""
        skipped = []
        x = self.first(x)
        for block, halve in zip(self.down, self.halve, strict=True):
            x = torch.cat([x, block(x)], dim=1)
            skipped.append(x)
            x = halve(x)
        new = self.bottom(x)
        for grow, block in zip(self.grow, self.up, strict=True):
            x = torch.cat([grow(new), skipped.pop()], dim=1)
            new = block(x)
        scores: Tensor = self.head(torch.cat([x, new], dim=1))
        return scores


class _Block(nn.Module):
    """A dense block; it gives the features that its layers add."""

    def __init__(self, channels: int, growth: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_layer(channels + n * growth, growth, 3, dropout) for n in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for layer in self.layers:
            seen.append(layer(torch.cat(seen, dim=1)))
        return torch.cat(seen[1:], dim=1)


def _layer(before: int, after: int, side: int, dropout: float) -> nn.Sequential:
    """Normalise, activate, convolve, drop."""
    convolution = nn.Conv2d(before, after, side, padding=side // 2)
    return nn.Sequential(nn.BatchNorm2d(before), nn.ReLU(), convolution, nn.Dropout2d(dropout))
