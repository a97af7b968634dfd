"""Losses: what is added to the cross-entropy is what its name says, and leaves out what has no label."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landcover.shares.score import kl_terms
from landcover.training.data import IGNORED
from landcover.training.losses import loss_of
from landcover.training.recipe import Loss


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    target = torch.randint(0, 3, (2, 8, 8))
    target[0, :2] = IGNORED
    return torch.randn(2, 3, 8, 8), target


def test_the_kl_is_that_of_the_shares_of_labelled_pixels(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    scores, target = batch
    added = loss_of(scores, target, None, Loss(kl=1)) - loss_of(scores, target, None, Loss())
    p, valid = scores.softmax(1).double().numpy(), (target != IGNORED).numpy()
    predicted = np.stack([q[:, v].mean(axis=1) for q, v in zip(p, valid, strict=True)])
    counts = [np.bincount(t[v], minlength=3) for t, v in zip(target.numpy(), valid, strict=True)]
    true = np.stack(counts) / valid.sum(axis=(1, 2))[:, None]
    assert float(added) == pytest.approx(kl_terms(true, predicted).sum(axis=1).mean(), rel=0.01)


@pytest.mark.parametrize("settings", [Loss(kl=1), Loss(jaccard=1), Loss(kl=0.3, jaccard=0.3)])
def test_pixels_without_label_do_not_count(batch: tuple[torch.Tensor, torch.Tensor], settings: Loss) -> None:
    scores, target = batch
    other = scores.clone()
    other[0, :, :2] = 50 * torch.randn(3, 2, 8)
    assert float(loss_of(scores, target, None, settings)) == pytest.approx(
        float(loss_of(other, target, None, settings)), rel=1e-6
    )
    nothing = torch.full_like(target, IGNORED)
    nothing[0, 0, 0] = 0
    assert torch.isfinite(loss_of(scores, nothing, None, settings))


def test_a_right_map_has_no_loss() -> None:
    target = torch.randint(0, 3, (2, 8, 8))
    scores = 40 * torch.nn.functional.one_hot(target, 3).permute(0, 3, 1, 2).float()
    assert float(loss_of(scores, target, None, Loss(kl=1, jaccard=1))) == pytest.approx(0, abs=1e-5)
