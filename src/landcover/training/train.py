"""Train: from a recipe and a chips folder to a run folder with a model file."""

from __future__ import annotations

import json
import math
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from landcover import __version__
from landcover.chips.folder import ChipsFolder, open_chips
from landcover.errors import LandcoverError
from landcover.files import sha256, whole, write_text
from landcover.inference.modelfile import Card, band_statistics
from landcover.networks.segmenter import Segmenter
from landcover.report.figures import curves
from landcover.report.page import write_svg
from landcover.shares.calibrate import fit_calibrated
from landcover.shares.decode import KINDS, Decoder
from landcover.shares.score import kl_terms
from landcover.training import checkpoint, loop
from landcover.training.data import (
    IGNORED,
    Chips,
    choose_chips,
    class_weights,
    draw_weights,
    load_chips,
    refuse_leaks,
)
from landcover.training.export import check_model, load_weights, trained_weights, write_model
from landcover.training.recipe import Recipe, read_recipe, write_recipe

CHECKED_CHIPS = 8


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes
    ----------
    folder : the run folder (docs/data-formats.md)
    model : its model file
    history : one row an epoch
    scores : mean KL on the validation chips by decoder (`kl_counts`, `kl_mean`, `kl_calibrated`) and overall
        accuracy; empty without validation chips
    """

    folder: Path
    model: Path
    history: pd.DataFrame
    scores: dict[str, float]


def train(
    recipe: Path,
    data: Path,
    out: Path,
    start: Path | None = None,
    seed: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Run:
    """Train a network on the chips of a folder.

    Parameters
    ----------
    recipe : TOML file (docs/training.md)
    data : chips folder with masks
    out : run folder to write
    start : run folder or model file whose weights to go on from; the last layer is new where the legend
        differs (the command line's --from)
    seed : used instead of the recipe's
    resume : go on from the last finished epoch of `out`, to the same bytes as without the stop
    overwrite : begin anew in a folder that holds a run

    Raises
    ------
    LandcoverError : the recipe, the chips, the folder or the weights to start from are at fault
    """
    commit = _commit()  # of the code that runs, not of what is checked out when it ends
    settings, chips = read_recipe(Path(recipe)), open_chips(Path(data))
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    train_ids, val_ids = choose_chips(chips, settings)
    weights = trained_weights(Path(start)) if start is not None else None
    training = load_chips(chips, train_ids, settings)
    validation = load_chips(chips, val_ids, settings) if val_ids else None
    refuse_leaks(chips, training.images.shape[-1])
    draw = draw_weights(training, chips.legend, settings.data.oversample)

    torch.manual_seed(settings.seed)
    segmenter = Segmenter(settings.data.bands, training.classes, settings.network.model_dump())
    if weights is None:
        segmenter.inputs.fit(torch.from_numpy(training.images))
    else:
        load_weights(segmenter, weights, Path(start or ""))
    facts = {
        "recipe": write_recipe(settings),
        "data": training.hash() + (validation.hash() if validation else ""),
        "start": _hash_of(start),
    }
    folder = _run_folder(Path(out), facts, resume, overwrite)
    history = _fit(segmenter, training, validation, draw, settings, folder)

    best, _ = checkpoint.load(folder / "checkpoint" / "best.safetensors")
    segmenter.load_state_dict(best)
    decoder, scores = _decoder(segmenter, training, validation, settings)
    card = Card(
        legend=chips.legend,
        classes=chips.legend.label_codes,
        bands=settings.data.bands,
        statistics=band_statistics(training.images.transpose(1, 0, 2, 3)[:, training.images.any(axis=1)]),
        window=settings.export.window,
        overlap=settings.export.overlap,
        decoder=decoder,
        recipe=settings.model_dump(mode="json"),
        scores=scores,
        data_hash=training.hash(),
        versions=_versions(),
    )
    model = folder / "model.onnx"
    write_model(model, segmenter, card)
    difference = check_model(model, segmenter, (validation or training).images[:CHECKED_CHIPS])
    _finish(folder, card, commit, history, difference, chips, (training, validation))
    return Run(folder, model, pd.DataFrame(history), scores)


def _hash_of(start: Path | None) -> str:
    if start is None:
        return ""
    path = Path(start)
    return sha256(path / "checkpoint" / "best.safetensors" if path.is_dir() else path)


def _run_folder(out: Path, facts: dict[str, Any], resume: bool, overwrite: bool) -> Path:
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
    if out.exists() and not out.is_dir():
        raise LandcoverError(out, "is a file", "a folder for the run", "give another --out")
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        raise LandcoverError(
            out, "already holds files", "a new or empty folder", "give another --out, --resume or --overwrite"
        )
    try:
        for old in ("last.safetensors", "best.safetensors", "start.json"):
            (out / "checkpoint" / old).unlink(missing_ok=True)
        for old in ("history.csv", "curves.svg", "model.onnx", "card.md", "run.json"):
            (out / old).unlink(missing_ok=True)
        begun.parent.mkdir(parents=True, exist_ok=True)
        write_text(out / "recipe.toml", facts["recipe"])
        write_text(begun, json.dumps(facts, indent=1))
    except OSError as error:
        raise LandcoverError(
            out, f"can't be written ({error.strerror})", "a folder one may write to", "give another --out"
        ) from error
    return out


def _fit(
    segmenter: Segmenter,
    training: Chips,
    validation: Chips | None,
    draw: np.ndarray[Any, np.dtype[np.float64]],
    settings: Recipe,
    folder: Path,
) -> list[loop.Row]:
    weights: Tensor | None = None
    if settings.loss.class_weights != "none":
        weights = torch.from_numpy(class_weights(training, settings.loss.cap))

    def record(history: list[loop.Row]) -> None:
        table = pd.DataFrame(history)
        with whole(folder / "history.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        write_svg(folder / "curves.svg", curves(table))

    with _progress(settings.schedule.steps) as tell:
        return loop.fit(
            segmenter, training, validation, draw, weights, settings, folder / "checkpoint", tell, record
        )


@contextmanager
def _progress(steps: int) -> Iterator[Any]:
    """A bar on the terminal with epoch, loss, validation KL and time left; silent elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("epoch {task.fields[epoch]}  loss {task.fields[loss]:.3f}  val KL {task.fields[kl]:.4f}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=steps, epoch=1, loss=math.nan, kl=math.nan)

        def tell(p: loop.Progress) -> None:
            bar.update(task, completed=p.step, epoch=p.epoch, loss=p.loss, kl=p.val_kl)

        yield tell


def _decoder(
    segmenter: Segmenter, training: Chips, validation: Chips | None, settings: Recipe
) -> tuple[Decoder, dict[str, float]]:
    """The decoder of the model file, and the scores of every decoder on the validation chips."""
    prior = training.shares.mean(axis=0)
    if validation is None:
        return Decoder("counts" if settings.decoder.kind == "counts" else "mean"), {}
    p = loop.probabilities(segmenter, validation)
    valid = validation.targets != IGNORED
    keep = valid.any(axis=(1, 2))
    p, valid, true = p[keep], valid[keep], validation.shares[keep]
    fitted = fit_calibrated(list(p), list(valid), true, prior / prior.sum())
    scores: dict[str, float] = {}
    for kind in KINDS:
        decoder = Decoder(kind, fitted.temperature, fitted.shrinkage, fitted.prior)
        shares = np.stack([decoder.decode(q, v) for q, v in zip(p, valid, strict=True)])
        scores[f"kl_{kind}"] = float(kl_terms(true, shares).sum(axis=1).mean())
    right = p.argmax(axis=1) == validation.targets[keep]
    scores["overall_accuracy"] = float(right[valid].mean())
    return Decoder(settings.decoder.kind, fitted.temperature, fitted.shrinkage, fitted.prior), scores


def _versions() -> dict[str, str]:
    names = ("numpy", "torch", "onnx", "openvino")
    return {"landcover": __version__, "python": platform.python_version()} | {n: version(n) for n in names}


def _commit() -> str | None:
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


def _finish(
    folder: Path,
    card: Card,
    commit: str | None,
    history: list[loop.Row],
    difference: float,
    chips: ChipsFolder,
    used: tuple[Chips, Chips | None],
) -> None:
    """Write run.json and card.md."""
    training, validation = used
    kept = min(history, key=lambda r: r["val_kl"]) if validation else history[-1]
    facts = {
        "commit": commit,
        "versions": dict(card.versions),
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "data": str(chips.path.name),
        "data_hash": card.data_hash,
        "chips": {"train": len(training.ids), "val": len(validation.ids) if validation else 0},
        "epochs": len(history),
        "kept_epoch": int(kept["epoch"]),
        "wall_time_s": round(history[-1]["seconds"], 1),
        "decoder": card.decoder.to_dict(),
        "scores_val": dict(card.scores),
        "export_difference": difference,
    }
    write_text(folder / "run.json", json.dumps(facts, indent=1) + "\n")
    lines = [
        "# Model card",
        "",
        f"- Classes: {', '.join(card.legend.label_names)} ({card.legend.name})",
        f"- Bands: {', '.join(card.bands)}, reflectance × 10,000",
        f"- Trained on {len(training.ids)} chips, epoch {facts['kept_epoch']} of {len(history)} kept"
        + (f" by the KL of {len(validation.ids)} validation chips" if validation else ""),
        f"- Decoder: {card.decoder.kind}, temperature {card.decoder.temperature:.3f}, "
        f"shrinkage {card.decoder.shrinkage:.2g}",
        *(f"- Validation, {name}: {value:.5f}" for name, value in card.scores.items()),
        f"- Never seen in training: {_never_seen(training, card)}",
        f"- Commit: {facts['commit'] or 'unknown'}",
        f"- Data: SHA-256 {card.data_hash}",
        "",
        "The recipe, with every setting, is recipe.toml.",
    ]
    write_text(folder / "card.md", "\n".join(lines) + "\n")


def _never_seen(training: Chips, card: Card) -> str:
    absent = [
        n for n, share in zip(card.legend.label_names, training.shares.sum(axis=0), strict=True) if not share
    ]
    return ", ".join(absent) or "no class of the legend"
