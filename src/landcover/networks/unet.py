"""The U-Net (Ronneberger, Fischer and Brox 2015), with padding so that a map is as large as its image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d


class UNet(nn.Module):
    """U-Net: `depth` halvings of the image on the way down, as many doublings on the way up.

    Parameters
    ----------
    inputs, classes : channels in and out
    width : channels at full size; each halving doubles them
    depth : number of halvings; height and width must be multiples of 2 ** depth
    batch_norm : batch normalisation after each 3 × 3 convolution
    dropout : share of channels dropped at the lowest level and after each step up, in training

    Examples
    --------
    >>> UNet(4, 8, width=4, depth=2)(torch.zeros(1, 4, 32, 64)).shape
    torch.Size([1, 8, 32, 64])
    """

    def __init__(
        self,
        inputs: int,
        classes: int,
        width: int = 64,
        depth: int = 4,
        batch_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]

        def block(before: int, after: int, drop: float) -> nn.Sequential:
            layers: list[nn.Module] = []
            for channels in (before, after):
                layers.append(nn.Conv2d(channels, after, 3, padding=1, bias=not batch_norm))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(after))
                layers.append(nn.ReLU(inplace=True))
            if drop:
                layers.append(nn.Dropout2d(drop))
            return nn.Sequential(*layers)

        self.down = nn.ModuleList(
            block(before, after, dropout if after == widths[-1] else 0)
            for before, after in zip([inputs, *widths], widths, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * channels, channels, 2, stride=2) for channels in widths[:-1]
        )
        self.merge = nn.ModuleList(block(2 * channels, channels, dropout) for channels in widths[:-1])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N × inputs × H × W → N × classes × H × W scores (before softmax)."""
        skipped = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else max_pool2d(x, 2))
            skipped.append(x)
        skipped.pop()
        for up, merge in zip(reversed(self.up), reversed(self.merge), strict=True):
            x = merge(torch.cat([skipped.pop(), up(x)], dim=1))
        scores: Tensor = self.head(x)
        return scores
