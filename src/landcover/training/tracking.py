"""Tracking: settings, curve, scores, pictures and model of a training in MLflow or Weights & Biases.

A tracker never changes a training: one that fails is left out with a warning, and what it missed is logged
when the training is resumed.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

import numpy as np

from landcover.accuracy.runs import flat
from landcover.errors import LandcoverError
from landcover.files import write_text
from landcover.inference.engine import Engine
from landcover.report.pictures import Panel, image_rgb, map_rgb, write_panels
from landcover.training.data import Chips
from landcover.training.loop import Row
from landcover.training.recipe import Recipe

CURVE = ("loss", "val_loss", "val_kl", "learning_rate")
PICTURED = 4  # validation chips
NO_LABEL = 255  # no class of the map's colours: black
ENVIRONMENT = {  # what users set themselves holds
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a server that is down holds a training up for seconds
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


class Results(NamedTuple):
    """What a training ends with: scores by name and files."""

    scores: Mapping[str, float]
    pictures: Sequence[Path]
    model: Path


class Tracker(Protocol):
    """A place that trainings are logged to. Every method may raise what it likes."""

    def begin(self, run: str | None) -> str:
        """Begin a run, or go on with the one of this id; returns its id."""

    def epoch(self, row: Row) -> None:
        """Log an epoch."""

    def end(self, last: Row, results: Results) -> None:
        """Log what came out, and close the run."""

    def stop(self) -> None:
        """Close the run of a training that was stopped, and may go on."""


def check_trackers(names: Sequence[str]) -> None:
    """Refuse a tracker that is unknown or not installed."""
    for name in names:
        if name not in _TRACKERS:
            raise LandcoverError("--track", f"is {name!r}", " or ".join(_TRACKERS), "choose one of these")
        for package in _TRACKERS[name].packages:
            found = find_spec(package)
            if found is None or found.origin is None:  # the folder wandb/ of a user is no package
                raise LandcoverError(
                    f"--track {name}",
                    f"needs {package}, which is not installed",
                    "the extra 'track'",
                    "install it: pip install 'landcover[track]'",
                )


class Tracking:
    """The trackers of a training, each with its memory `checkpoint/<name>.json`: run id and last epoch.

    Entered around the training loop; one that stops with an error leaves the runs closed.

    Attributes
    ----------
    warnings : a line for each tracker that failed
    """

    def __init__(self, names: Sequence[str], folder: Path, settings: Recipe) -> None:
        self.warnings: list[str] = []
        self._folder = folder
        self._trackers: dict[str, Tracker] = {n: _TRACKERS[n](folder.resolve(), settings) for n in names}
        self._memory: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Tracking:
        def begin(name: str, tracker: Tracker) -> None:
            kept = self._folder / "checkpoint" / f"{name}.json"
            known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
            self._remember(name, tracker.begin(known.get("run")), known.get("epoch", 0))

        self._each(begin)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._each(lambda _, tracker: tracker.stop())

    def record(self, history: Sequence[Row]) -> None:
        """Log the epochs that a tracker doesn't have."""

        def log(name: str, tracker: Tracker) -> None:
            for row in history:
                if row["epoch"] > self._memory[name]["epoch"]:
                    tracker.epoch(row)
                    self._remember(name, self._memory[name]["run"], row["epoch"])

        self._each(log)

    def end(
        self, history: Sequence[Row], scores: Mapping[str, float], model: Path, validation: Chips | None
    ) -> None:
        """Log what came out of a training, and close its runs."""
        self.record(history)

        def end(_: str, tracker: Tracker) -> None:
            with TemporaryDirectory() as folder:
                pictures = [self._folder / "curves.svg"]
                if validation is not None:
                    pictures.append(_write_pictures(Path(folder) / "validation.png", model, validation))
                tracker.end(history[-1], Results(scores, pictures, model))

        self._each(end)

    def _remember(self, name: str, run: str, epoch: float) -> None:
        self._memory[name] = {"run": run, "epoch": int(epoch)}
        write_text(self._folder / "checkpoint" / f"{name}.json", json.dumps(self._memory[name]) + "\n")

    def _each(self, act: Callable[[str, Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            try:
                act(name, tracker)
            except Exception as error:
                del self._trackers[name]
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                self.warnings.append(
                    f"{name} failed and was left out ({reason}). What it missed is logged by training again "
                    f"with --resume --track {name}."
                )


class MLflow:
    """MLflow: the server of MLFLOW_TRACKING_URI, else the SQLite file mlflow.db beside the run folder."""

    packages = ("mlflow", "sqlalchemy", "alembic")

    def __init__(self, folder: Path, settings: Recipe) -> None:
        self._folder, self._recipe = folder, settings

    def begin(self, run: str | None) -> str:
        _set_environment()
        from mlflow import MlflowClient
        from mlflow.entities import Param

        for noisy in ("mlflow", "urllib3"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        uri, beside = os.environ.get("MLFLOW_TRACKING_URI"), self._folder.parent
        self._client = MlflowClient(uri or f"sqlite:///{beside / 'mlflow.db'}")
        if run is None:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "landcover"
            found = self._client.get_experiment_by_name(name)
            place = None if uri else (beside / "mlflow-artifacts").as_uri()
            experiment = found.experiment_id if found else self._client.create_experiment(name, place)
            run = self._client.create_run(experiment, run_name=self._folder.name).info.run_id
            params = [Param(key, str(value)) for key, value in _settings(self._recipe).items()]
            self._client.log_batch(run, params=params)
        else:
            self._client.update_run(run, status="RUNNING")
        self._run, self._start = run, self._client.get_run(run).info.start_time
        return str(run)

    def epoch(self, row: Row) -> None:
        self._log(_curve(row), row)

    def end(self, last: Row, results: Results) -> None:
        self._log(results.scores, last)
        for path in (*results.pictures, results.model):
            self._client.log_artifact(self._run, str(path))
        self._client.set_terminated(self._run, "FINISHED")

    def stop(self) -> None:
        self._client.set_terminated(self._run, "KILLED")

    def _log(self, values: Mapping[str, float], row: Row) -> None:
        """Log metrics of an epoch. A metric at the same time again is the same one: logged once by MLflow."""
        from mlflow.entities import Metric

        time = self._start + round(1000 * row["seconds"])
        self._client.log_batch(
            self._run, [Metric(key, value, time, int(row["epoch"])) for key, value in values.items()]
        )


class Wandb:
    """Weights & Biases: offline without WANDB_API_KEY; files in wandb/ beside the run folder."""

    packages = ("wandb",)

    def __init__(self, folder: Path, settings: Recipe) -> None:
        self._folder, self._recipe = folder, settings

    def begin(self, run: str | None) -> str:
        _set_environment()
        import wandb

        mode: Any = os.environ.get("WANDB_MODE") or (
            "online" if os.environ.get("WANDB_API_KEY") else "offline"
        )
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "landcover",
            dir=self._folder.parent,
            name=self._folder.name,
            id=run,
            resume="allow" if run and mode == "online" else None,
            config=_settings(self._recipe),
            mode=mode,
            reinit="create_new",  # leaves a run of the caller's own alone
            settings=wandb.Settings(console="off", silent=True, disable_git=True),
        )
        return str(self._run.id)

    def epoch(self, row: Row) -> None:
        self._run.log(_curve(row), step=int(row["epoch"]), commit=True)

    def end(self, last: Row, results: Results) -> None:
        import wandb

        pictures: dict[str, Any] = {
            path.stem: wandb.Html(path.read_text(encoding="utf-8"), inject=False)
            if path.suffix == ".svg"
            else wandb.Image(str(path))
            for path in results.pictures
        }
        self._run.log(pictures, step=int(last["epoch"]) + 1, commit=True)  # steps are written once
        self._run.summary.update(dict(results.scores))
        model = wandb.Artifact(f"model-{self._run.id}", "model")
        model.add_file(str(results.model), policy="immutable")  # from where it is, without a copy
        self._run.log_artifact(model)
        self._run.finish()

    def stop(self) -> None:
        self._run.finish(exit_code=1)


_TRACKERS: dict[str, type[MLflow] | type[Wandb]] = {"mlflow": MLflow, "wandb": Wandb}


def _set_environment() -> None:
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)


def _curve(row: Row) -> dict[str, float]:
    """The logged numbers of an epoch; without validation chips there are fewer."""
    return {key: row[key] for key in CURVE if math.isfinite(row[key])}


def _settings(recipe: Recipe) -> dict[str, Any]:
    return flat(recipe.model_dump(mode="json", exclude_none=True))


def _write_pictures(path: Path, model: Path, chips: Chips) -> Path:
    """Image, known mask and estimated mask of a few chips."""
    engine = Engine(model)
    card = engine.card
    colours = [card.bands.index(b) if b in card.bands else 0 for b in ("B02", "B03", "B04")]
    picks = np.unique(np.linspace(0, len(chips.ids) - 1, PICTURED).astype(int))
    codes = np.full(256, NO_LABEL, np.uint8)
    codes[: len(card.classes)] = card.classes
    rows, seen = [], set()
    for i, p in zip(picks, engine.probabilities(chips.images[picks]), strict=True):
        known, estimated = codes[chips.targets[i]], codes[p.argmax(axis=0)]
        seen |= {*np.unique(known).tolist(), *np.unique(estimated).tolist()}
        image = image_rgb(chips.images[i][colours], chips.images[i].any(axis=0))
        rows.append(
            [
                Panel(image, "image", f"Image {chips.ids[i]}"),
                Panel(map_rgb(known, card.legend), "known mask", f"Known mask of {chips.ids[i]}"),
                Panel(map_rgb(estimated, card.legend), "estimated mask", f"Estimated mask of {chips.ids[i]}"),
            ]
        )
    write_panels(path, rows, [chips.ids[i] for i in picks], card.legend, sorted(seen))
    return path
