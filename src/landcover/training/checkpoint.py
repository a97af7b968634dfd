"""Checkpoints: the whole state of a training in one safetensors file, never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from landcover.errors import LandcoverError
from landcover.files import whole


def save(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and JSON-ready facts, whole or not at all."""
    with whole(path) as temporary:
        save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, {"facts": json.dumps(facts)})


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
            return tensors, json.loads(file.metadata()["facts"])
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise LandcoverError(
            path, f"can't be read ({error})", "a checkpoint of this program", "train again with --overwrite"
        ) from error


def pack(network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """All tensors of a training, by name."""
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in slots.items()}
    return tensors


@torch.no_grad()
def unpack(
    tensors: dict[str, Tensor], network: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Put back what `pack` took."""
    network.load_state_dict(part(tensors, "network"))
    average.load_state_dict(part(tensors, "average"))
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in part(tensors, "optimizer").items():
        index, slot = key.split(".", 1)
        if value.shape == parameters[int(index)].shape:
            # The fused step walks through memory, so its slots need the parameter's memory format.
            value = torch.empty_like(parameters[int(index)]).copy_(value)
        state.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors whose name begins with `name.`, without it."""
    return {k.removeprefix(name + "."): v for k, v in tensors.items() if k.startswith(name + ".")}
