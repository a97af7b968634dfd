"""The loss of a step: cross-entropy of pixels, and what may be added to it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from landcover.training.data import IGNORED
from landcover.training.recipe import Loss

FLOOR = 1e-4  # added to shares, so that a class that a chip lacks doesn't outweigh all others


def loss_of(scores: Tensor, target: Tensor, weights: Tensor | None, settings: Loss) -> Tensor:
    """Cross-entropy + `kl` × KL of the shares + `jaccard` × Jaccard distance.

    Parameters
    ----------
    scores : float32, N × classes × H × W, before softmax
    target : int64, N × H × W: index of the class, 255 for no label
    weights : of the classes in the cross-entropy
    """
    loss = cross_entropy(scores, target, weights, ignore_index=IGNORED)
    if settings.kl or settings.jaccard:
        valid = target != IGNORED
        true = one_hot(target.where(valid, 0), scores.shape[1]).permute(0, 3, 1, 2) * valid[:, None]
        p = scores.softmax(dim=1) * valid[:, None]
        if settings.kl:
            loss = loss + settings.kl * kl_of_shares(p, true)
        if settings.jaccard:
            loss = loss + settings.jaccard * jaccard_distance(p, true)
    return loss


def kl_of_shares(p: Tensor, true: Tensor) -> Tensor:
    """The score itself: mean over chips of Σ t ln((t + 1e-4) / (p + 1e-4)), by the mean of probabilities.

    Parameters
    ----------
    p : probabilities, N × classes × H × W, 0 where there is no label
    true : 1 for the class of a pixel, else 0; the same shape

    Examples
    --------
    >>> p = torch.tensor([[[[0.5]], [[0.5]]]])
    >>> round(float(kl_of_shares(p, torch.tensor([[[[1]], [[0]]]]))), 3)
    0.693
    """
    pixels = true.sum(dim=(1, 2, 3))
    kept = pixels > 0
    t, found = (v.sum(dim=(2, 3))[kept] / pixels[kept, None] for v in (true, p))
    terms = t * torch.log((t + FLOOR) / (found + FLOOR))
    return terms.sum(dim=1).mean() if kept.any() else p.sum() * 0


def jaccard_distance(p: Tensor, true: Tensor) -> Tensor:
    """1 − the soft Jaccard index, mean over the classes of the batch (Constantin, Ding and Lee 2018).

    Examples
    --------
    >>> true = torch.tensor([[[[1, 0]], [[0, 1]]]])
    >>> float(jaccard_distance(true.float(), true)), float(jaccard_distance(1 - true.float(), true))
    (0.0, 1.0)
    """
    both = (p * true).sum(dim=(0, 2, 3))
    either = (p + true).sum(dim=(0, 2, 3)) - both
    there = true.sum(dim=(0, 2, 3)) > 0
    return (1 - both[there] / either[there]).mean() if there.any() else p.sum() * 0
