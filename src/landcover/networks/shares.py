"""Networks that learn shares directly: they throw places away and say the same of all pixels of a window.

The cross-entropy of such probabilities over the pixels of a chip is the KL of its shares, up to a constant:
these networks are trained by the loss that all others are trained by.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

THRESHOLDS = 24  # of the histogram of an input, from − 3 to 3 standard deviations


class _Shares(nn.Module):
    """A network that says the same of all pixels."""

    def of_window(self, x: Tensor) -> Tensor:
        """N × inputs × H × W → N × classes scores."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """N × inputs × H × W → N × classes × H × W scores (before softmax)."""
        return self.of_window(x)[:, :, None, None].expand(-1, -1, x.shape[2], x.shape[3])


class Constant(_Shares):
    """The same shares for every image: those of training, once trained.

    Parameters
    ----------
    inputs, classes : channels in and out
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(1, classes))

    def of_window(self, x: Tensor) -> Tensor:
        return self.scores + 0 * x[:, :1, 0, 0]


class SharesMLP(_Shares):
    """Cumulative histograms of the inputs, then two hidden layers.

    Parameters
    ----------
    inputs, classes : channels in and out
    width : neurons of a hidden layer

    Examples
    --------
    >>> SharesMLP(4, 8)(torch.zeros(1, 4, 32, 64)).shape
    torch.Size([1, 8, 32, 64])
    """

    thresholds: Tensor

    def __init__(self, inputs: int, classes: int, width: int = 64) -> None:
        super().__init__()
        self.register_buffer("thresholds", torch.linspace(-3, 3, THRESHOLDS))
        self.layers = nn.Sequential(
            nn.Linear(inputs * THRESHOLDS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.head = nn.Linear(width, classes)

    def of_window(self, x: Tensor) -> Tensor:
        below = [(x < t).to(x.dtype).mean(dim=(2, 3)) for t in self.thresholds]
        scores: Tensor = self.head(self.layers(torch.cat(below, dim=1)))
        return scores


class SharesCNN(_Shares):
    """Convolution and max-pool, four times, the mean over what is left, and a linear layer.

    Parameters
    ----------
    inputs, classes : channels in and out
    width : channels of the first convolution; each max-pool doubles them

    Examples
    --------
    >>> SharesCNN(4, 8, width=4)(torch.zeros(1, 4, 32, 64)).shape
    torch.Size([1, 8, 32, 64])
    """

    def __init__(self, inputs: int, classes: int, width: int = 24) -> None:
        super().__init__()
        widths = [inputs, width, 2 * width, 4 * width, 8 * width]
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True))
            for a, b in pairwise(widths)
        )
        self.head = nn.Linear(widths[-1], classes)

    def of_window(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = max_pool2d(block(x), 2)
        scores: Tensor = self.head(x.mean(dim=(2, 3)))
        return scores
