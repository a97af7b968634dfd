"""One trial of a sweep, in a process of its own: a training that is stopped where it is hopeless.

`python -m landcover.training.sweeps.trial sweep.db NUMBER recipe.toml CHIPS RUN` is started by the sweep
and ends with it: when nobody holds the other end of its standard input any more, it stops at once.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from pathlib import Path

import optuna
import pandas as pd

from landcover.errors import LandcoverError

NAME = "sweep"
MISTAKE = 2  # exit code of a LandcoverError
STARTUP, WARMUP = 5, 2  # trials that are finished, and tenths that are done, before any is stopped


def open_study(database: Path) -> optuna.Study:
    """The study in a SQLite file, made if it is not there."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    patient = {"connect_args": {"timeout": 60}}  # s, while another process writes
    return optuna.create_study(
        storage=optuna.storages.RDBStorage(f"sqlite:///{database.absolute()}", patient),
        study_name=NAME,
        direction="minimize",
        pruner=optuna.pruners.MedianPruner(STARTUP, WARMUP),
        load_if_exists=True,
    )


def trial_of(study: optuna.Study, number: int) -> optuna.trial.Trial:
    """A trial that was begun, to go on with."""
    return optuna.trial.Trial(study, study.trials[number]._trial_id)


def tenths(history: pd.DataFrame, steps: int) -> dict[int, float]:
    """Lowest validation KL so far at each tenth of the steps that is done, at the end of its epoch.

    Trials with other batches have other epochs; tenths of the training are what they have in common, and
    the learning rate is at the same point there.

    Examples
    --------
    >>> tenths(pd.DataFrame({"step": [10, 20], "val_kl": [0.3, 0.4]}), 50)
    {1: 0.3, 2: 0.3, 3: 0.3, 4: 0.3}
    """
    found: dict[int, float] = {}
    for step, kl in zip(history["step"], history["val_kl"].cummin(), strict=True):
        found |= dict.fromkeys(range(len(found) + 1, 10 * int(step) // steps + 1), float(kl))
    return found


def run_trial(database: Path, number: int, recipe: Path, data: Path, folder: Path) -> None:
    """Train, tell the study the validation KL after each epoch, and the lowest at the end.

    Raises
    ------
    LandcoverError : the training can't be done
    """
    from landcover.training.recipe import read_recipe
    from landcover.training.train import train

    study, steps = open_study(database), read_recipe(recipe).schedule.steps
    trial, reported = trial_of(study, number), set(study.trials[number].intermediate_values)

    def watch(history: pd.DataFrame) -> None:
        if not math.isfinite(history["val_kl"].iloc[-1]):
            raise optuna.TrialPruned  # diverged
        reached = tenths(history, steps)
        for tenth in sorted(set(reached) - reported):
            trial.report(reached[tenth], tenth)
            reported.add(tenth)
        if len(reached) < 10 and trial.should_prune():
            raise optuna.TrialPruned

    begun = (folder / "checkpoint" / "start.json").exists()
    try:
        run = train(recipe, data, folder, resume=begun, overwrite=True, watch=watch)
    except optuna.TrialPruned:
        study.tell(number, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(number, float(run.history["val_kl"].min()))


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    database, number, *paths = sys.argv[1:]
    try:
        run_trial(Path(database), int(number), *(Path(p) for p in paths))
    except LandcoverError as error:
        print(error, file=sys.stderr)
        sys.exit(MISTAKE)
