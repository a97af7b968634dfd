"""The training loop, from the first step to the last, read from top to bottom.

Every random draw of a step comes from the seed and the number of the step, so that a training that goes on
from a checkpoint does what an uninterrupted one would have done, to the byte.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from landcover.shares.score import kl_terms
from landcover.training import checkpoint
from landcover.training.augment import augment
from landcover.training.data import IGNORED, Chips
from landcover.training.lakes import Lakes
from landcover.training.losses import loss_of
from landcover.training.recipe import Recipe

Row = dict[str, float]


@dataclass(frozen=True)
class Progress:
    """What the loop tells after each step."""

    step: int
    epoch: int
    loss: float
    val_kl: float


def fit(
    network: nn.Module,
    train: Chips,
    val: Chips | None,
    draw: npt.NDArray[np.float64],
    weights: Tensor | None,
    lakes: Lakes | None,
    recipe: Recipe,
    folder: Path,
    tell: Callable[[Progress], None],
    record: Callable[[list[Row]], None],
) -> list[Row]:
    """Train `network` in place and leave the best averaged weights in `folder/best.safetensors`.

    An epoch is as many steps as draw each training chip once on average. After each, the averaged weights
    are validated; the epoch with the lowest KL of the decoded shares (mean of probabilities) is kept, or the
    last one when there are no validation chips. `folder/last.safetensors` holds all that is needed to go on.

    `record` gets the history after each epoch, and what there is of it when a training goes on. An exception
    that it raises stops the training there; it can go on like a killed one.

    Returns
    -------
    history : one row an epoch
    """
    schedule = recipe.schedule
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.AdamW(
        network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
    )
    history: list[Row] = []
    start = 0
    if (folder / "last.safetensors").exists():
        tensors, facts = checkpoint.load(folder / "last.safetensors")
        checkpoint.unpack(tensors, network, average, optimizer)
        start, history = facts["step"], facts["history"]
        record(history)  # the stop may have come before the last epoch was recorded
    steps_an_epoch = math.ceil(len(train.ids) / schedule.batch)
    losses: list[float] = []
    began = time.perf_counter() - (history[-1]["seconds"] if history else 0)
    began_processor = time.process_time() - (history[-1].get("processor_seconds", math.nan) if history else 0)
    for step in range(start, schedule.steps):
        rng = np.random.default_rng((recipe.seed, step))
        torch.manual_seed(int(rng.integers(2**31)))
        picks = rng.choice(len(train.ids), schedule.batch, p=draw)
        chips = [(train.images[i], train.targets[i]) for i in picks]
        if lakes is not None:
            chips = [lakes.draw(image, target, rng) for image, target in chips]
        views = [augment(image, target, recipe.augmentation, rng) for image, target in chips]
        image = torch.from_numpy(np.stack([v[0] for v in views])).to(memory_format=torch.channels_last)
        target = torch.from_numpy(np.stack([v[1] for v in views])).long()

        network.train()
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * _rate(step, schedule.steps, schedule.warmup)
        scores = run(network, image, schedule.precision)
        loss = loss_of(scores, target, weights, recipe.loss)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        update(average, network, min(schedule.average, (1 + step) / (10 + step)))

        losses.append(float(loss.detach()))
        epoch, last = math.ceil((step + 1) / steps_an_epoch), step + 1 == schedule.steps
        tell(Progress(step + 1, epoch, losses[-1], history[-1]["val_kl"] if history else math.nan))
        if (step + 1) % steps_an_epoch and not last:
            continue
        val_loss, val_kl = validate(average, val, schedule.precision) if val else (math.nan, math.nan)
        history.append(
            {
                "epoch": epoch,
                "step": step + 1,
                "loss": float(np.mean(losses)),
                "val_loss": val_loss,
                "val_kl": val_kl,
                "learning_rate": optimizer.param_groups[0]["lr"],
                "seconds": time.perf_counter() - began,
                "processor_seconds": time.process_time() - began_processor,
            }
        )
        if not val or val_kl <= min(row["val_kl"] for row in history):
            checkpoint.save(
                folder / "best.safetensors", average.state_dict(), {"epoch": epoch, "val_kl": val_kl}
            )
        checkpoint.save(
            folder / "last.safetensors",
            checkpoint.pack(network, average, optimizer),
            {"step": step + 1, "history": history},
        )
        record(history)
        losses = []
    return history


def run(network: nn.Module, image: Tensor, precision: str) -> Tensor:
    """Scores in float32, computed in the given precision."""
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        scores: Tensor = network(image)
    return scores.float()


@torch.inference_mode()
def probabilities(network: nn.Module, chips: Chips, precision: str = "float32") -> npt.NDArray[np.float32]:
    """Probabilities of all chips, chips × classes × height × width."""
    network.eval()
    found = []
    for image in torch.from_numpy(chips.images):
        batch = image[None].to(memory_format=torch.channels_last)
        found.append(run(network, batch, precision).softmax(dim=1)[0].numpy())
    return np.stack(found)


def validate(network: nn.Module, val: Chips, precision: str) -> tuple[float, float]:
    """Cross-entropy a pixel, and mean KL of the shares that the mean of probabilities gives."""
    p = probabilities(network, val, precision)
    valid = val.targets != IGNORED
    index = np.minimum(val.targets, val.classes - 1).astype(np.int64)[:, None]
    chosen = np.take_along_axis(p, index, axis=1)[:, 0]
    loss = float(-np.log(np.maximum(chosen[valid], 1e-12)).mean(dtype=np.float64))
    labelled = valid.any(axis=(1, 2))
    shares = np.stack(
        [q[:, v].mean(axis=1, dtype=np.float64) for q, v in zip(p[labelled], valid[labelled], strict=True)]
    )
    return loss, float(kl_terms(val.shares[labelled], shares).sum(axis=1).mean())


def _rate(step: int, steps: int, warmup: int) -> float:
    """Linear warm-up, then half a cosine down to 0 (Loshchilov and Hutter 2017)."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


@torch.no_grad()
def update(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of weights and of batch-norm statistics."""
    for mine, theirs in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)
