"""Sweep: many trainings of one recipe, to find the settings with the lowest validation KL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd

from landcover.chips.folder import open_chips
from landcover.errors import LandcoverError
from landcover.files import write_text
from landcover.training.data import choose_chips
from landcover.training.recipe import Recipe, read_recipe, read_toml, write_recipe
from landcover.training.runfolder import refuse_used
from landcover.training.sweeps.results import RESULTS, trial_table, write_results
from landcover.training.sweeps.space import Space, applied, draw, read_space
from landcover.training.sweeps.trial import MISTAKE, open_study, trial_of

STATE = ("sweep.db", "sweep.db-journal", "recipe.toml", "space.toml", "trials")


@dataclass(frozen=True)
class Sweep:
    """A finished sweep.

    Attributes
    ----------
    folder : docs/data-formats.md
    table : a row a trial, as in sweep.csv
    best : number of the best trial
    recipe : its recipe, best.toml
    """

    folder: Path
    table: pd.DataFrame
    best: int
    recipe: Path


def sweep(
    recipe: Path,
    data: Path,
    out: Path,
    space: Path,
    trials: int,
    processes: int = 1,
    resume: bool = False,
    overwrite: bool = False,
) -> Sweep:
    """Look for the settings of a recipe that give the lowest KL on the validation chips.

    Settings are drawn by the tree-structured Parzen estimator (Bergstra et al. 2011) from what the trials
    before them found. A trial whose KL at a tenth of its steps is above the median of the others there is
    stopped. The seed of a draw is that of the recipe and the number of the trial, so that one process gives
    the same trials again, killed in between or not.

    Parameters
    ----------
    recipe : TOML file with the settings that do not vary
    data : chips folder with masks, some of them in the part val
    out : folder to write (docs/data-formats.md): state, trials, table, page and best recipe
    space : TOML file of the settings that vary (docs/training.md)
    trials : how many in all, those before a stop included
    processes : trials at once, each with its part of the processor's cores
    resume : go on with the sweep in `out`; a trial that was stopped goes on from its last epoch
    overwrite : begin anew in a folder that holds a sweep

    Raises
    ------
    LandcoverError : recipe, space, chips or folder are at fault, or no trial could be finished
    """
    settings, base = read_recipe(Path(recipe)), read_toml(Path(recipe))
    wanted = read_space(Path(space), base)
    if trials < 1 or processes < 1:
        raise LandcoverError("trials and processes", "are below 1", "1 or more", "give other numbers")
    if not choose_chips(open_chips(Path(data)), settings)[1]:
        raise LandcoverError(data, "has no couple in the part val", "validation chips", "see splits.csv")
    folder = _open(Path(out), settings, Path(space), wanted, base, resume, overwrite)
    study = open_study(folder / "sweep.db")
    _run_all(study, _todo(study, wanted, settings.seed, trials), trials, processes, folder, base, Path(data))
    table = trial_table(study, folder)
    if not (table["state"] == "finished").any():
        raise LandcoverError(
            folder,
            f"has no trial that finished: {next(iter(table['note'].dropna()), 'all diverged')}",
            "one or more",
            "see the logs in trials/",
        )
    number = study.best_trial.number
    best = Recipe.model_validate(applied(base, study.best_trial.params))
    write_text(folder / "best.toml", write_recipe(best))
    write_results(folder, study, table, settings, wanted)
    return Sweep(folder, table, number, folder / "best.toml")


def _open(
    out: Path,
    settings: Recipe,
    space: Path,
    wanted: Space,
    base: dict[str, Any],
    resume: bool,
    overwrite: bool,
) -> Path:
    """Make or reopen the folder; its recipe.toml and space.toml hold what must not change."""
    kept = {
        out / "recipe.toml": write_recipe(settings),
        out / "space.toml": space.read_text(encoding="utf-8"),
    }
    if resume:
        if not all(path.exists() for path in kept):
            raise LandcoverError(out, "holds no sweep to go on with", "a sweep", "leave --resume out")
        same = read_space(out / "space.toml", base) == wanted
        if not same or (out / "recipe.toml").read_text(encoding="utf-8") != kept[out / "recipe.toml"]:
            raise LandcoverError(
                out,
                "was begun with another recipe or space",
                "the same",
                "give what it was begun with, or --overwrite to begin anew",
            )
        return out
    refuse_used(out, "the sweep", overwrite)
    try:
        for name in (*STATE, *RESULTS):
            if (out / name).is_dir():
                shutil.rmtree(out / name)
            else:
                (out / name).unlink(missing_ok=True)
        (out / "trials").mkdir(parents=True)
        for path, text in kept.items():
            write_text(path, text)
    except OSError as error:
        raise LandcoverError(
            out, f"can't be written ({error.strerror})", "a folder one may write to", "give another --out"
        ) from error
    return out


def _todo(study: optuna.Study, space: Space, seed: int, trials: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbers and settings of the trials to run: those that were under way, then new ones."""
    running = optuna.trial.TrialState.RUNNING
    known = [trial_of(study, t.number) for t in study.trials if t.state == running]
    while known or len(study.trials) < trials:
        trial = known.pop(0) if known else study.ask()
        study.sampler = optuna.samplers.TPESampler(
            seed=int(np.random.SeedSequence((seed, trial.number)).generate_state(1)[0])
        )
        yield trial.number, draw(trial, space)


def _run_all(
    study: optuna.Study,
    todo: Iterator[tuple[int, dict[str, Any]]],
    trials: int,
    processes: int,
    folder: Path,
    base: dict[str, Any],
    data: Path,
) -> None:
    """Run trials in processes of their own, as many at once as there are to be; none outlives this one."""
    under_way: dict[int, subprocess.Popen[bytes]] = {}
    with _progress(study, trials) as tell:
        try:
            while True:
                while len(under_way) < processes and (job := next(todo, None)) is not None:
                    number, drawn = job
                    under_way[number] = _start(folder, number, applied(base, drawn), data, processes)
                if not under_way:
                    return
                time.sleep(0.1)
                for number in [n for n, process in under_way.items() if process.poll() is not None]:
                    _settle(study, number, under_way.pop(number).returncode, folder)
                    tell()
        finally:
            for process in under_way.values():
                process.kill()
                process.wait()


def _start(
    folder: Path, number: int, recipe: dict[str, Any], data: Path, processes: int
) -> subprocess.Popen[bytes]:
    run = folder / "trials" / f"{number:03d}"
    told = run.with_suffix(".toml")
    write_text(told, write_recipe(Recipe.model_validate(recipe)))
    environment = dict(os.environ)
    if processes > 1:
        cores = int(os.environ.get("OMP_NUM_THREADS", 0)) or (os.cpu_count() or 1)
        environment["OMP_NUM_THREADS"] = str(max(1, cores // processes))
    command: list[str | Path] = [sys.executable, "-m", "landcover.training.sweeps.trial"]
    command += [folder / "sweep.db", str(number), told, data, run]
    with run.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the sweep, which ends its trials
        )


def _settle(study: optuna.Study, number: int, code: int, folder: Path) -> None:
    """After a trial's end: one that crashed is marked as failed, with the reason; a mistake is told."""
    log = (folder / "trials" / f"{number:03d}.log").read_text(encoding="utf-8", errors="replace")
    reason = log.strip().rpartition("\n")[2] if code > 0 else f"killed by signal {-code}"
    if code == MISTAKE:
        raise LandcoverError(
            f"trial {number}", f"can't be run ({reason})", "a training", "mend it, then --resume"
        )
    if code != 0:
        trial_of(study, number).set_user_attr("note", reason)
        study.tell(number, state=optuna.trial.TrialState.FAIL)


@contextmanager
def _progress(study: optuna.Study, trials: int) -> Iterator[Any]:
    """A bar on the terminal with the trials that are done and the lowest KL; silent elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("trials"),
        MofNCompleteColumn(),
        TextColumn("lowest val KL {task.fields[kl]}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=trials, kl="–")

        def tell() -> None:
            done = [t for t in study.trials if t.state.is_finished()]
            values = [t.value for t in done if t.state == optuna.trial.TrialState.COMPLETE and t.value]
            bar.update(task, completed=len(done), kl=f"{min(values):.4f}" if values else "–")

        tell()
        yield tell
