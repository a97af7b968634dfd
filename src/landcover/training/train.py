"""Train: from a recipe and a chips folder to a run folder with a model file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from landcover.chips.folder import open_chips
from landcover.errors import LandcoverError
from landcover.files import whole
from landcover.inference.processor import gains_from_bf16
from landcover.networks.segmenter import Segmenter
from landcover.report.figures import curves
from landcover.report.page import write_svg
from landcover.training import checkpoint, loop
from landcover.training.conclude import Run, conclude
from landcover.training.data import Chips, class_weights, draw_weights, load_couples
from landcover.training.export import load_weights, trained_weights
from landcover.training.forest import train_forest
from landcover.training.lakes import Lakes
from landcover.training.recipe import Recipe, read_recipe, write_recipe
from landcover.training.runfolder import commit_of_code, hash_of, open_run, versions
from landcover.training.tracking import Tracking, check_trackers
from landcover.training.vote import VoteRecipe, assemble, histories, read_vote, train_members


def train(
    recipe: Path,
    data: Path,
    out: Path,
    start: Path | None = None,
    seed: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    processes: int = 1,
    track: Sequence[str] = (),
    watch: Callable[[pd.DataFrame], None] | None = None,
) -> Run:
    """Train a network on the chips of a folder, or several that vote.

    Parameters
    ----------
    recipe : TOML file (docs/training.md)
    data : chips folder with masks
    out : run folder to write
    start : run folder or model file whose weights to go on from, each member of a vote; the last layer is
        new where the legend differs (the command line's --from)
    seed : used instead of the recipe's
    resume : go on from the last finished epoch of `out`, to the same bytes as without the stop
    overwrite : begin anew in a folder that holds a run
    processes : members of a vote trained at the same time; one network is trained in one
    track : where to log the training too: mlflow, wandb (docs/training.md)
    watch : gets the history, one row an epoch, after each epoch; an exception that it raises stops the
        training, and `resume` can go on with it

    Raises
    ------
    LandcoverError : the recipe, the chips, the folder or the weights to start from are at fault, or a tracker
        is not installed
    """
    check_trackers(track)
    commit = commit_of_code()  # of the code that runs, not of what is checked out when it ends
    start = Path(start) if start is not None else None
    vote = read_vote(Path(recipe))
    if vote is not None:
        _refuse({"--track": track, "--seed": seed, "watch": watch}, "a vote")
        return _train_vote(
            vote, Path(recipe), Path(data), Path(out), start, resume, overwrite, processes, commit
        )
    settings, chips = read_recipe(Path(recipe)), open_chips(Path(data))
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    settings = _on_this_machine(settings)
    weights = trained_weights(start) if start is not None else None
    couples = load_couples(chips, settings)
    training, validation = couples.training, couples.validation
    facts = {"recipe": write_recipe(settings), "data": couples.hash(), "start": hash_of(start)}
    if settings.network.kind == "pixel-forest":
        _refuse({"--track": track, "--from": start, "watch": watch}, "a forest")
        folder = open_run(Path(out), facts, resume, overwrite)
        scores = train_forest(folder, couples, settings, commit, versions())
        return Run(folder, None, pd.DataFrame(), scores)
    _refuse_crops_larger_than_chips(training, settings.augmentation.crop)
    draw = draw_weights(training, chips.legend, settings.data.oversample)
    share = settings.augmentation.lakes
    lakes = Lakes.of(training, chips.legend, settings.data.bands, share) if share else None

    torch.manual_seed(settings.seed)
    segmenter = Segmenter(settings.data.bands, training.classes, settings.network.model_dump())
    if start is None or weights is None:
        segmenter.inputs.fit(torch.from_numpy(training.images))
    else:
        load_weights(segmenter, weights, start)
    folder = open_run(Path(out), facts, resume, overwrite)
    tracking = Tracking(track, folder, settings)
    history = _fit(segmenter, training, validation, draw, lakes, settings, folder, tracking, watch)

    best, _ = checkpoint.load(folder / "checkpoint" / "best.safetensors")
    segmenter.load_state_dict(best)
    described = settings.model_dump(mode="json")
    run = conclude(folder, segmenter, couples, settings, described, history, commit, start)
    tracking.end(history, run.scores, folder / "model.onnx", validation)
    return replace(run, warnings=tuple(tracking.warnings))


def _train_vote(
    vote: VoteRecipe,
    recipe: Path,
    data: Path,
    out: Path,
    start: Path | None,
    resume: bool,
    overwrite: bool,
    processes: int,
    commit: str | None,
) -> Run:
    """Train the members, then write what a run writes, with all of them as one network."""
    settings = _on_this_machine(read_recipe(vote.members[0].recipe))
    couples = load_couples(open_chips(data), settings)
    facts = {
        "recipe": recipe.read_text(encoding="utf-8"),
        "members": [write_recipe(read_recipe(m.recipe)) for m in vote.members],
        "data": couples.hash(),
        "start": hash_of(start),
    }
    folder = open_run(out, facts, resume, overwrite)
    runs = train_members(vote, data, folder, start, processes, resume, overwrite)
    network, recipes = assemble(vote, runs, couples.training.classes)
    described = {"vote": vote.how, "members": [r.model_dump(mode="json") for r in recipes]}
    return conclude(folder, network, couples, settings, described, histories(runs), commit, start)


def _on_this_machine(settings: Recipe) -> Recipe:
    """The recipe with the precision that `auto` stands for here."""
    if settings.schedule.precision != "auto":
        return settings
    precision = "bf16" if gains_from_bf16() else "float32"
    schedule = settings.schedule.model_copy(update={"precision": precision})
    return settings.model_copy(update={"schedule": schedule})


def _refuse(options: dict[str, Any], what: str) -> None:
    for option, value in options.items():
        if value not in (None, ()):
            raise LandcoverError(option, f"is given for {what}", "a single network", "leave it out")


def _refuse_crops_larger_than_chips(training: Chips, crop: int) -> None:
    side = min(training.images.shape[2:])
    if crop > side:
        raise LandcoverError("augmentation.crop", f"is {crop}", f"at most the chips' {side} px", "mend it")


def _fit(
    segmenter: Segmenter,
    training: Chips,
    validation: Chips | None,
    draw: np.ndarray[Any, np.dtype[np.float64]],
    lakes: Lakes | None,
    settings: Recipe,
    folder: Path,
    tracking: Tracking,
    watch: Callable[[pd.DataFrame], None] | None,
) -> list[loop.Row]:
    weights: Tensor | None = None
    if settings.loss.class_weights != "none":
        weights = torch.from_numpy(class_weights(training, settings.loss.cap))

    def record(history: list[loop.Row]) -> None:
        table = pd.DataFrame(history)
        with whole(folder / "history.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        write_svg(folder / "curves.svg", curves(table))
        tracking.record(history)
        if watch is not None:
            watch(table)

    with tracking, _progress(settings.schedule.steps) as tell:
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
