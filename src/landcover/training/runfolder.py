"""The run folder: begun or reopened at the start, its record and card written at the end."""

from __future__ import annotations

import json
import math
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from landcover import __version__
from landcover.errors import LandcoverError
from landcover.files import sha256, write_text
from landcover.inference.modelfile import Card
from landcover.training.data import Chips, Couples

WRITTEN = (
    "history.csv", "curves.svg", "model.onnx", "model.int8.onnx", "card.md", "run.json", "distributions.csv",
)  # fmt: skip


def hash_of(start: Path | None) -> str:
    if start is None:
        return ""
    path = Path(start)
    return sha256(path / "checkpoint" / "best.safetensors" if path.is_dir() else path)


def open_run(out: Path, facts: dict[str, Any], resume: bool, overwrite: bool) -> Path:
    """Make or reopen the run folder; `start.json` in its checkpoint folder holds what must not change."""
    begun = out / "checkpoint" / "start.json"
    if resume:
        if not begun.exists():
            raise LandcoverError(out, "holds no training to go on with", "a run folder", "leave --resume out")
        for key, was in json.loads(begun.read_text(encoding="utf-8")).items():
            if was != facts[key]:
                raise LandcoverError(
                    out,
                    f"was begun with another {key}",
                    "the same recipe, data, start and seed",
                    "give what it was begun with, or --overwrite to begin anew",
                )
        return out
    refuse_used(out, "the run", overwrite)
    try:
        for old in ("last.safetensors", "best.safetensors", "start.json", "mlflow.json", "wandb.json"):
            (out / "checkpoint" / old).unlink(missing_ok=True)
        for old in WRITTEN:
            (out / old).unlink(missing_ok=True)
        shutil.rmtree(out / "members", ignore_errors=True)  # of a vote
        begun.parent.mkdir(parents=True, exist_ok=True)
        write_text(out / "recipe.toml", facts["recipe"])
        write_text(begun, json.dumps(facts, indent=1))
    except OSError as error:
        raise LandcoverError(
            out, f"can't be written ({error.strerror})", "a folder one may write to", "give another --out"
        ) from error
    return out


def refuse_used(out: Path, purpose: str, overwrite: bool) -> None:
    """Refuse a file, and a folder that holds something already."""
    if out.exists() and not out.is_dir():
        raise LandcoverError(out, "is a file", f"a folder for {purpose}", "give another --out")
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        raise LandcoverError(
            out, "already holds files", "a new or empty folder", "give another --out, --resume or --overwrite"
        )


def versions() -> dict[str, str]:
    names = ("numpy", "torch", "onnx", "nncf", "openvino")
    return {"landcover": __version__, "python": platform.python_version()} | {n: version(n) for n in names}


def commit_of_code() -> str | None:
    """Commit of the program's repository; None when it was installed without one."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=here,
            capture_output=True,
            text=True,
        )
    except OSError:
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None


def finish(
    folder: Path,
    card: Card,
    commit: str | None,
    history: Sequence[dict[str, float]],
    difference: float | None,
    parameters: int,
    couples: Couples,
    start: Path | None,
    iou: Mapping[str, float],
) -> None:
    """Write run.json and card.md; iou: of each class on the validation chips, NaN for one that is nowhere."""
    training, validation = couples.training, couples.validation
    kept = min(history, key=lambda r: r["val_kl"]) if validation else history[-1]
    facts = {
        "commit": commit,
        "versions": dict(card.versions),
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "parameters": parameters,
        "data": couples.source.path.name,
        "data_hash": card.data_hash,
        "chips": {"train": len(training.ids), "val": len(validation.ids) if validation else 0},
        "epochs": len(history),
        "kept_epoch": int(kept["epoch"]),
        "wall_time_s": round(history[-1]["seconds"], 1),
        "processor_time_s": _rounded(history[-1].get("processor_seconds", math.nan), 1),
        "decoder": card.decoder.to_dict(),
        "scores_val": dict(card.scores),
        "iou_val": {name: _rounded(value, 5) for name, value in iou.items()},
        "export_difference": difference,
        "start": _about(start) if start is not None else None,
    }
    write_text(folder / "run.json", json.dumps(facts, indent=1) + "\n")
    slopes, offsets = card.decoder.slopes, card.decoder.offsets
    lines = [
        "# Model card",
        "",
        f"- Classes: {', '.join(card.legend.label_names)} ({card.legend.name})",
        f"- Bands: {', '.join(card.bands)}, reflectance × 10,000",
        f"- Trained on {len(training.ids)} chips, epoch {facts['kept_epoch']} of {len(history)} kept"
        + (f" by the KL of {len(validation.ids)} validation chips" if validation else ""),
        *([f"- Started from weights of SHA-256 {hash_of(start)}"] if start else []),
        f"- Decoder: {card.decoder.kind}, temperature {card.decoder.temperature:.3f}, "
        f"shrinkage {card.decoder.shrinkage:.2g}"
        + "".join(f", {a:.2f} ln p {b:+.2f}" for a, b in zip(slopes, offsets, strict=True)),
        *(f"- Validation, {name}: {value:.5f}" for name, value in card.scores.items()),
        "- Intervals of shares: " + (card.conformal.describe() if card.conformal else "none"),
        f"- Never seen in training: {_never_seen(training, card)}",
        f"- Commit: {facts['commit'] or 'unknown'}",
        f"- Data: SHA-256 {card.data_hash}",
        "",
        "The recipe, with every setting, is recipe.toml.",
    ]
    write_text(folder / "card.md", "\n".join(lines) + "\n")


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _about(start: Path) -> dict[str, Any]:
    """The run or model file that a training went on from."""
    run = start / "run.json"
    known = {"run": json.loads(run.read_text(encoding="utf-8"))} if run.exists() else {}
    return {"sha256": hash_of(start), **known}


def _never_seen(training: Chips, card: Card) -> str:
    absent = [
        n for n, share in zip(card.legend.label_names, training.shares.sum(axis=0), strict=True) if not share
    ]
    return ", ".join(absent) or "no class of the legend"
