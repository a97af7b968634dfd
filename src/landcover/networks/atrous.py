"""A U-Net whose lowest level sees far: a cascade of dilated convolutions (Constantin, Ding and Lee 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from landcover.networks.unet import UNet

DILATIONS = (1, 2, 4, 8)


class AtrousUNet(UNet):
    """The U-Net with, at the bottom, dilated convolutions one after another, whose results are summed.

    A pixel there sees 31 × 31 others instead of 5 × 5, with no halving more and no detail lost.

    Parameters
    ----------
    inputs, classes, width, depth, batch_norm, dropout : as of the U-Net; height and width must be multiples
        of 2 ** depth

    Examples
    --------
    >>> AtrousUNet(4, 8, width=4, depth=2)(torch.zeros(1, 4, 32, 64)).shape
    torch.Size([1, 8, 32, 64])
    """

    def __init__(
        self,
        inputs: int,
        classes: int,
        width: int = 32,
        depth: int = 3,
        batch_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(inputs, classes, width, depth, batch_norm, dropout)
        channels = width * 2**depth
        self.down[-1] = _Cascade(channels // 2, channels, batch_norm)


class _Cascade(nn.Module):
    def __init__(self, before: int, channels: int, batch_norm: bool) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        for number, dilation in enumerate(DILATIONS):
            convolution = nn.Conv2d(
                channels if number else before, channels, 3, padding=dilation, dilation=dilation
            )
            norm = [nn.BatchNorm2d(channels)] if batch_norm else []
            self.steps.append(nn.Sequential(convolution, *norm, nn.ReLU()))

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for step in self.steps:
            x = step(x)
            found.append(x)
        return torch.stack(found).sum(dim=0)
