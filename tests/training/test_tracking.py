"""Tracking: what is logged, once, to the same run; and a training that doesn't depend on it."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import Run, is_one_line, scene_and_mask

import landcover
from landcover.errors import LandcoverError
from landcover.training import tracking
from landcover.training.recipe import Recipe, read_recipe
from landcover.training.tracking import CURVE, Results, Tracking, check_trackers

from .recipes import tiny_recipe

PATIENCE = 900  # seconds for other processes on a machine that is busy with other things


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    monkeypatch.setenv("WANDB_BASE_URL", "http://localhost:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for name, value in tracking.ENVIRONMENT.items():
        monkeypatch.setenv(name, os.environ.get(name, value))


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chips of `small_chips`, for all tests here. Read them only."""
    folder = tmp_path_factory.mktemp("tracking")
    scene, mask = scene_and_mask(folder / "source", 160, 448)
    landcover.cut(scene, mask, folder / "chips", size=64, stride=48)
    return folder / "chips"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_recipe(tmp_path_factory.mktemp("recipe") / "recipe.toml")


@pytest.fixture(scope="module")
def untracked(chips: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ...]:
    """The model files of a training without trackers."""
    return model_files(landcover.train(recipe, chips, tmp_path_factory.mktemp("untracked") / "run").folder)


def model_files(run: Path) -> tuple[bytes, ...]:
    return tuple((run / name).read_bytes() for name in ("model.onnx", "model.int8.onnx"))


def stop_after(epochs: int, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Do something when a training draws its curves for the given time."""
    from landcover.training import train

    draw, times = train.curves, iter(range(1, 1000))

    def curves(*arguments: Any) -> Any:
        if next(times) == epochs:
            act()
        return draw(*arguments)

    monkeypatch.setattr(train, "curves", curves)


def interrupt() -> None:
    raise KeyboardInterrupt


def logged(uri: str, run: Path) -> tuple[Any, pd.DataFrame]:
    """A run in MLflow, and its curve as history.csv has it."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_run(json.loads((run / "checkpoint" / "mlflow.json").read_text())["run"])
    curve = {key: client.get_metric_history(found.info.run_id, key) for key in CURVE}
    table = pd.DataFrame({key: [m.value for m in values] for key, values in curve.items()})
    table.insert(0, "epoch", [m.step for m in curve["loss"]])
    return found, table


def assert_complete(uri: str, run: Path) -> None:
    """Every epoch is in MLflow exactly once, with scores and files."""
    from mlflow import MlflowClient

    found, curve = logged(uri, run)
    history = pd.read_csv(run / "history.csv")
    pd.testing.assert_frame_equal(curve, history[list(curve)], rtol=1e-5, check_dtype=False)
    assert found.info.status == "FINISHED"
    assert found.data.params["schedule.steps"] == "12"
    scores = json.loads((run / "run.json").read_text())["scores_val"]
    assert {key: found.data.metrics[key] for key in scores} == pytest.approx(scores)
    client = MlflowClient(uri)
    names = {file.path for file in client.list_artifacts(found.info.run_id)}
    assert names == {"curves.svg", "validation.png", "model.onnx"}
    model = client.download_artifacts(found.info.run_id, "model.onnx")
    assert Path(model).read_bytes() == (run / "model.onnx").read_bytes()


def test_mlflow_logs_to_a_file_beside_the_run_and_a_stopped_run_goes_on_in_it(
    chips: Path,
    recipe: Path,
    untracked: tuple[bytes, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    stop_after(2, monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        landcover.train(recipe, chips, tmp_path / "run", track=["mlflow"])
    first, curve = logged(uri, tmp_path / "run")
    assert first.info.status == "KILLED"
    assert curve["epoch"].tolist() == [1]
    run = landcover.train(recipe, chips, tmp_path / "run", resume=True, track=["mlflow"])
    assert run.warnings == ()
    assert logged(uri, run.folder)[0].info.run_id == first.info.run_id
    assert_complete(uri, run.folder)
    assert model_files(run.folder) == untracked
    assert (tmp_path / "mlflow-artifacts").is_dir()


@contextmanager
def mlflow_server(folder: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A server on a free port: its address, and what kills it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir()
    options = f"--host 127.0.0.1 --port {port} --workers 1 --backend-store-uri sqlite:///server.db"
    log = (folder / "server.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *options.split(), "--artifacts-destination", "files"],
        cwd=folder,
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    try:
        address, began = f"http://127.0.0.1:{port}", time.monotonic()
        while True:
            with suppress(OSError):
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            assert process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() - began < PATIENCE, (folder / "server.log").read_text()
            time.sleep(0.2)
        yield address, kill
    finally:
        kill()
        log.close()


def test_mlflow_logs_to_a_server_whose_end_is_one_warning(
    chips: Path,
    recipe: Path,
    untracked: tuple[bytes, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("mlflow")
    with mlflow_server(tmp_path / "server") as (address, kill):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        run = landcover.train(recipe, chips, tmp_path / "run", track=["mlflow"])
        assert run.warnings == ()
        assert_complete(address, run.folder)
        assert not (tmp_path / "mlflow.db").exists()
        assert (tmp_path / "server" / "files").is_dir()
        assert model_files(run.folder) == untracked
        stop_after(2, monkeypatch, kill)
        run = landcover.train(recipe, chips, tmp_path / "alone", track=["mlflow"])
    (warning,) = run.warnings
    assert warning.startswith("mlflow failed and was left out (")
    assert json.loads((run.folder / "checkpoint" / "mlflow.json").read_text())["epoch"] == 1
    assert len(run.history) == 3
    assert model_files(run.folder) == untracked


def wandb_records(folder: Path) -> list[Any]:
    """What a closed run's file holds; wandb's own process may still be writing its end."""
    (file,) = folder.glob("*.wandb")
    began, records = time.monotonic(), list(_records(file.read_bytes()))
    while not any(r.HasField("exit") for r in records):
        assert time.monotonic() - began < PATIENCE, f"{file} has no end"
        time.sleep(0.1)
        records = list(_records(file.read_bytes()))
    return records


def _records(data: bytes) -> Iterator[Any]:
    """A header of 7 bytes, then records in the log format of LevelDB."""
    from wandb.proto.wandb_internal_pb2 import Record

    place, body, block = 7, b"", 32768
    while place + 7 <= len(data):
        length, kind = struct.unpack_from("<HB", data, place + 4)
        if place + 7 + length > len(data):
            return  # still being written
        body += data[place + 7 : place + 7 + length]
        place += 7 + length
        if block - place % block < 7:
            place += block - place % block
        if kind in (1, 4):  # whole, or the last piece
            yield Record.FromString(body)
            body = b""


def _items(items: Any) -> dict[str, Any]:
    return {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items}


def test_wandb_writes_beside_the_run_and_a_stopped_run_keeps_its_id(
    chips: Path,
    recipe: Path,
    untracked: tuple[bytes, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("wandb")
    stop_after(2, monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        landcover.train(recipe, chips, tmp_path / "run", track=["wandb"])
    memory = tmp_path / "run" / "checkpoint" / "wandb.json"
    begun = json.loads(memory.read_text())
    assert begun["epoch"] == 1
    run = landcover.train(recipe, chips, tmp_path / "run", resume=True, track=["wandb"])
    assert run.warnings == ()
    assert json.loads(memory.read_text()) == {"run": begun["run"], "epoch": len(run.history)}
    (*_, last) = folders = sorted((tmp_path / "wandb").glob(f"offline-run-*-{begun['run']}"))
    records = [record for folder in folders for record in wandb_records(folder)]
    steps = [_items(r.history.item) for r in records if r.HasField("history")]
    curve = pd.DataFrame([step for step in steps if "loss" in step])
    history = run.history[["epoch", *CURVE]].rename(columns={"epoch": "_step"})
    pd.testing.assert_frame_equal(curve[list(history)], history, check_dtype=False)
    settings = _items(next(r.run.config.update for r in records if r.HasField("run")))
    assert settings["schedule.steps"] == 12
    summary: dict[str, Any] = {}
    for record in records:
        summary |= _items(record.summary.update)
    assert {key: summary[key] for key in run.scores} == pytest.approx(run.scores)
    assert list((last / "files" / "media" / "images").glob("validation_*.png"))
    assert list((last / "files" / "media" / "html").glob("curves_*.html"))
    (artifact,) = [r.artifact for r in records if r.HasField("artifact")]
    assert [file.path for file in artifact.manifest.contents] == ["model.onnx"]
    assert model_files(run.folder) == untracked


class Failing:
    """A tracker whose service is down from the third epoch on, the first time."""

    packages = ()
    down = True
    epochs: list[float] = []  # noqa: RUF012

    def __init__(self, folder: Path, settings: Recipe) -> None:
        pass

    def begin(self, run: str | None) -> str:
        return run or "7"

    def epoch(self, row: dict[str, float]) -> None:
        if self.down and row["epoch"] > 2:
            raise ConnectionError("no answer\nfor long")
        self.epochs.append(row["epoch"])

    def end(self, last: dict[str, float], results: Results) -> None:
        assert not self.down

    def stop(self) -> None:
        raise AssertionError


def test_what_a_failed_tracker_missed_is_logged_on_resumption(
    tmp_path: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tracking._TRACKERS, "failing", Failing)  # type: ignore[arg-type]
    monkeypatch.setattr(Failing, "epochs", [])
    (tmp_path / "checkpoint").mkdir()
    history = [{"epoch": float(n), "loss": 1 / n} for n in range(1, 6)]
    warnings = []
    for down in (True, False):
        monkeypatch.setattr(Failing, "down", down)
        with Tracking(["failing"], tmp_path, read_recipe(recipe)) as tracked:
            for n in range(1, 6):
                tracked.record(history[:n])
        tracked.end(history, {}, tmp_path / "model.onnx", None)
        warnings.append(tracked.warnings)
    assert Failing.epochs == [1, 2, 3, 4, 5]
    assert warnings == [
        [
            "failing failed and was left out (no answer). What it missed is logged by training again with "
            "--resume --track failing."
        ],
        [],
    ]


def test_a_tracker_that_is_unknown_or_not_installed_is_told_before_training(
    chips: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Run]
) -> None:
    arguments = ("train", recipe, "--data", chips, "--out", tmp_path / "run")
    assert is_one_line(run(*arguments, "--track", "paper"), "'paper'", "mlflow or wandb")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert is_one_line(run(*arguments, "--track", "mlflow"), "needs mlflow", "pip install 'landcover[track]'")
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(LandcoverError, match="extra 'track'"):
        check_trackers(["wandb"])
    assert not (tmp_path / "run").exists()


def test_a_folder_of_that_name_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tracker_of_nobody").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(Failing, "packages", ("tracker_of_nobody",))
    monkeypatch.setitem(tracking._TRACKERS, "failing", Failing)  # type: ignore[arg-type]
    with pytest.raises(LandcoverError, match="not installed"):
        check_trackers(["failing"])
