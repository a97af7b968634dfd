"""A vote: several segmenters as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

How = Literal["mean", "hard"]
SMALLEST = 1e-6  # probability: its logarithm is finite


class Vote(nn.Module):
    """The mean of the members' probabilities, or of their votes: each pixel of a member for one class.

    By convexity the KL of the mean of shares is never above the mean KL of the members.

    Parameters
    ----------
    members : segmenters with the same bands and classes
    how : `mean` of probabilities, or `hard` votes

    Examples
    --------
    >>> sure, torn = torch.tensor([0.9, 0.1]).log(), torch.tensor([0.3, 0.7]).log()
    >>> members = [lambda image, s=s: s.reshape(1, 2, 1, 1) for s in (sure, torn)]
    >>> combine([m(None) for m in members], "mean").softmax(dim=1).flatten()
    tensor([0.6000, 0.4000])
    >>> combine([m(None) for m in members], "hard").softmax(dim=1).flatten()
    tensor([0.5000, 0.5000])
    """

    def __init__(self, members: Sequence[nn.Module], how: How = "mean") -> None:
        super().__init__()
        self.members, self.how = nn.ModuleList(members), how

    def forward(self, image: Tensor) -> Tensor:
        """N × bands × H × W digital numbers → N × classes × H × W logarithms of probabilities."""
        return combine([member(image) for member in self.members], self.how)


def combine(scores: Sequence[Tensor], how: How) -> Tensor:
    """Logarithm of the combined probabilities from each member's scores, N × classes × H × W."""
    if how == "mean":
        p = torch.stack([s.softmax(dim=1) for s in scores]).mean(dim=0)
    else:
        votes = [one_hot(s.argmax(dim=1), s.shape[1]).permute(0, 3, 1, 2).to(s.dtype) for s in scores]
        p = torch.stack(votes).mean(dim=0)
    return p.clamp(min=SMALLEST).log()
