"""Train: from a recipe and a chips folder to a run folder with a model file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
import torch
from torch import Tensor

from landcover.chips.folder import open_chips
from landcover.files import whole
from landcover.inference.calibrate import about, conformal_of, places_of
from landcover.inference.engine import Engine
from landcover.inference.modelfile import Card, band_statistics, save
from landcover.inference.novelty import fit_novelty
from landcover.inference.processor import gains_from_bf16
from landcover.networks.segmenter import Segmenter
from landcover.report.figures import curves
from landcover.report.page import write_svg
from landcover.shares.calibrate import fit_calibrated
from landcover.shares.decode import KINDS, Decoder
from landcover.shares.loglinear import fit_loglinear
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
from landcover.training.export import (
    check_model,
    load_weights,
    trained_weights,
    write_int8,
    write_model,
)
from landcover.training.lakes import Lakes
from landcover.training.recipe import Recipe, read_recipe, write_recipe
from landcover.training.runfolder import commit_of_code, finish, hash_of, open_run, versions

CHECKED_CHIPS = 8


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes
    ----------
    folder : the run folder (docs/data-formats.md)
    model : its model file
    history : one row an epoch
    scores : mean KL on the validation chips by decoder (`kl_counts`, `kl_mean`, `kl_calibrated`, and
        `kl_loglinear` where the recipe asks for it), of the int8 copy by the model's decoder (`kl_int8`), and
        overall accuracy; empty without validation chips
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
    commit = commit_of_code()  # of the code that runs, not of what is checked out when it ends
    settings, chips = read_recipe(Path(recipe)), open_chips(Path(data))
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    settings = _on_this_machine(settings)
    train_ids, val_ids = choose_chips(chips, settings)
    weights = trained_weights(Path(start)) if start is not None else None
    training = load_chips(chips, train_ids, settings)
    validation = load_chips(chips, val_ids, settings) if val_ids else None
    refuse_leaks(chips, training.images.shape[-1])
    draw = draw_weights(training, chips.legend, settings.data.oversample)
    share = settings.augmentation.lakes
    lakes = Lakes.of(training, chips.legend, settings.data.bands, share) if share else None

    torch.manual_seed(settings.seed)
    segmenter = Segmenter(settings.data.bands, training.classes, settings.network.model_dump())
    if weights is None:
        segmenter.inputs.fit(torch.from_numpy(training.images))
    else:
        load_weights(segmenter, weights, Path(start or ""))
    facts = {
        "recipe": write_recipe(settings),
        "data": training.hash() + (validation.hash() if validation else ""),
        "start": hash_of(start),
    }
    folder = open_run(Path(out), facts, resume, overwrite)
    history = _fit(segmenter, training, validation, draw, lakes, settings, folder)

    best, _ = checkpoint.load(folder / "checkpoint" / "best.safetensors")
    segmenter.load_state_dict(best)
    decoder, scores = _decoder(segmenter, training, validation, settings)
    card = Card(
        legend=chips.legend,
        classes=chips.legend.label_codes,
        bands=settings.data.bands,
        statistics=band_statistics(training.images.transpose(1, 0, 2, 3)[:, training.images.any(axis=1)]),
        novelty=fit_novelty(training.images, (validation or training).images),
        window=settings.export.window,
        overlap=settings.export.overlap,
        decoder=decoder,
        recipe=settings.model_dump(mode="json"),
        scores=scores,
        data_hash=training.hash(),
        versions=versions(),
    )
    model, small = folder / "model.onnx", folder / "model.int8.onnx"
    write_model(model, segmenter, card)
    difference = check_model(model, segmenter, (validation or training).images[:CHECKED_CHIPS])
    write_int8(small, segmenter, card, training.images)
    if validation is not None:
        p = np.stack(list(Engine(small).probabilities(validation.images)))
        card = replace(card, scores=scores | {"kl_int8": _kl(card.decoder, p, validation)})
        known = about(chips, val_ids, "val")
        for path in (small, model):
            found = conformal_of(
                path, validation.images, validation.targets, places_of(chips, val_ids), known
            )
            card = replace(card, conformal=found)
            save(path, onnx.load(path), card)
    finish(
        folder,
        card,
        commit,
        history,
        difference,
        sum(p.numel() for p in segmenter.parameters()),
        chips.path.name,
        training,
        validation,
        Path(start) if start else None,
    )
    return Run(folder, model, pd.DataFrame(history), dict(card.scores))


def _on_this_machine(settings: Recipe) -> Recipe:
    """The recipe with the precision that `auto` stands for here."""
    if settings.schedule.precision != "auto":
        return settings
    precision = "bf16" if gains_from_bf16() else "float32"
    schedule = settings.schedule.model_copy(update={"precision": precision})
    return settings.model_copy(update={"schedule": schedule})


def _fit(
    segmenter: Segmenter,
    training: Chips,
    validation: Chips | None,
    draw: np.ndarray[Any, np.dtype[np.float64]],
    lakes: Lakes | None,
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
            segmenter,
            training,
            validation,
            draw,
            weights,
            lakes,
            settings,
            folder / "checkpoint",
            tell,
            record,
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
    fitted = fit_calibrated(list(p[keep]), list(valid[keep]), validation.shares[keep], prior / prior.sum())
    if settings.decoder.kind == "loglinear":
        both = _loglinear(segmenter, training, validation)
        fitted = replace(fitted, slopes=both.slopes, offsets=both.offsets)
    kinds = [kind for kind in KINDS if kind != "loglinear" or fitted.slopes]
    scores = {f"kl_{kind}": _kl(replace(fitted, kind=kind), p, validation) for kind in kinds}
    right = p.argmax(axis=1) == validation.targets
    scores["overall_accuracy"] = float(right[valid].mean())
    return replace(fitted, kind=settings.decoder.kind), scores


def _loglinear(segmenter: Segmenter, *parts: Chips) -> Decoder:
    """The log-linear decoder of the labelled chips of training and validation."""
    labelled = [(chips.targets != IGNORED).any(axis=(1, 2)) for chips in parts]
    chosen = [(c, i) for c, known in zip(parts, labelled, strict=True) for i in np.flatnonzero(known)]
    p = (loop.probabilities(segmenter, replace(c, images=c.images[i : i + 1]))[0] for c, i in chosen)
    valid = (c.targets[i] != IGNORED for c, i in chosen)
    true = np.concatenate([c.shares[known] for c, known in zip(parts, labelled, strict=True)])
    return fit_loglinear(p, valid, true)


def _kl(decoder: Decoder, p: npt.NDArray[np.float32], chips: Chips) -> float:
    """Mean KL of the shares of chips that have labels; p: chips × classes × height × width."""
    valid = chips.targets != IGNORED
    keep = valid.any(axis=(1, 2))
    shares = np.stack([decoder.decode(q, v) for q, v in zip(p[keep], valid[keep], strict=True)])
    return float(kl_terms(chips.shares[keep], shares).sum(axis=1).mean())
