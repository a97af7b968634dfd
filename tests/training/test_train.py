"""Training: repeatable, resumable to the byte, and its model file says what the network says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import Run, is_one_line, scene_and_mask

import landcover
from landcover.chips.tables import read_shares
from landcover.errors import LandcoverError
from landcover.inference.modelfile import read_model
from landcover.shares.score import score
from landcover.training import checkpoint
from landcover.training.export import trained_weights

from .recipes import tiny_recipe


def outcome(run: Path) -> tuple[bytes, bytes]:
    """What must not depend on stops: the best weights, the model file and its int8 copy."""
    names = ("checkpoint/best.safetensors", "model.onnx", "model.int8.onnx")
    return tuple((run / name).read_bytes() for name in names)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return tiny_recipe(tmp_path / "recipe.toml")


def test_the_run_folder_holds_its_contract(small_chips: Path, recipe: Path, tmp_path: Path) -> None:
    run = landcover.train(recipe, small_chips, tmp_path / "run")
    names = {p.name for p in run.folder.iterdir()}
    assert names == {
        "recipe.toml", "history.csv", "curves.svg", "checkpoint", "model.onnx", "model.int8.onnx", "card.md",
        "run.json",
    }  # fmt: skip
    facts = json.loads((run.folder / "run.json").read_text())
    assert facts["export_difference"] < 1e-4
    assert facts["scores_val"]["kl_calibrated"] <= facts["scores_val"]["kl_mean"] + 1e-12
    history = pd.read_csv(run.folder / "history.csv")
    assert history["step"].iloc[-1] == 12
    assert facts["kept_epoch"] == history.loc[history["val_kl"].idxmin(), "epoch"]
    assert history["processor_seconds"].is_monotonic_increasing
    assert facts["processor_time_s"] == pytest.approx(history["processor_seconds"].iloc[-1], abs=0.051)
    _, card = read_model(run.model)
    assert card.decoder.kind == "calibrated"
    assert card.recipe["seed"] == 3
    landcover.predict(small_chips, tmp_path / "predicted", model=run.model, part="val")


def test_a_log_linear_decoder_is_fitted_where_the_recipe_asks_for_it(
    small_chips: Path, tmp_path: Path
) -> None:
    recipe = tiny_recipe(tmp_path / "recipe.toml", 2, '[decoder]\nkind = "loglinear"\n')
    run = landcover.train(recipe, small_chips, tmp_path / "run")
    decoder = read_model(run.model)[1].decoder
    assert decoder.kind == "loglinear"
    assert len(decoder.slopes) == len(decoder.offsets) == 8
    assert np.isfinite(run.scores["kl_loglinear"])
    assert run.scores["kl_loglinear"] != run.scores["kl_mean"]
    found = landcover.predict(small_chips, tmp_path / "out", model=run.model, part="val", precision="float32")
    true = read_shares(small_chips / "train_labels.csv").loc[found.shares.index]
    assert score(found.shares, true).kl == pytest.approx(run.scores["kl_loglinear"], rel=1e-3)
    assert "loglinear" in (run.folder / "card.md").read_text()


def test_iou_and_calibration_are_those_of_an_evaluation(
    small_chips: Path, recipe: Path, tmp_path: Path
) -> None:
    run = landcover.train(recipe, small_chips, tmp_path / "run")
    facts = json.loads((run.folder / "run.json").read_text())
    landcover.predict(
        small_chips,
        tmp_path / "predicted",
        model=run.model,
        part="val",
        precision="float32",
        probabilities=True,
    )
    found = landcover.evaluate(tmp_path / "predicted", small_chips, tmp_path / "evaluation")
    assert set(facts["iou_val"]) == set(found.classes["name"])
    for name, iou in zip(found.classes["name"], found.classes["iou"], strict=True):
        assert facts["iou_val"][name] == (None if np.isnan(iou) else pytest.approx(iou, abs=2e-3)), name
    assert facts["scores_val"]["mean_iou"] == pytest.approx(found.mean_iou, abs=2e-3)
    assert run.scores["calibration_error"] == pytest.approx(found.ece, abs=5e-3)


def test_a_watcher_stops_a_training_that_can_go_on(small_chips: Path, recipe: Path, tmp_path: Path) -> None:
    whole = landcover.train(recipe, small_chips, tmp_path / "whole")
    epochs: list[int] = []

    def stop(history: pd.DataFrame) -> None:
        epochs.append(len(history))
        if len(history) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        landcover.train(recipe, small_chips, tmp_path / "stopped", watch=stop)
    assert not (tmp_path / "stopped" / "run.json").exists()
    resumed = landcover.train(
        recipe, small_chips, tmp_path / "stopped", resume=True, watch=lambda h: epochs.append(len(h))
    )
    assert epochs == [1, 2, *range(2, len(whole.history) + 1)]
    assert outcome(resumed.folder) == outcome(whole.folder)


@pytest.mark.parametrize("kind", ["atrous", "benchmark", "fcdensenet"])
def test_other_networks_train_and_export(small_chips: Path, tmp_path: Path, kind: str) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'[network]\nkind = "{kind}"\n[schedule]\nsteps = 2\nbatch = 2\nwarmup = 0\n')
    run = landcover.train(recipe, small_chips, tmp_path / "run")
    facts = json.loads((run.folder / "run.json").read_text())
    assert facts["export_difference"] < 1e-4
    assert np.isfinite(facts["scores_val"]["kl_int8"])


def test_the_int8_copy_maps_nearly_the_same_and_its_score_is_in_the_card(
    small_chips: Path, recipe: Path, tmp_path: Path
) -> None:
    run = landcover.train(recipe, small_chips, tmp_path / "run")
    exact, small = (
        landcover.predict(small_chips, tmp_path / p, model=run.model, part="val", precision=p)  # type: ignore[arg-type]
        for p in ("float32", "int8")
    )
    assert abs(exact.shares - small.shares).to_numpy().max() < 0.05
    assert not exact.shares.equals(small.shares)
    record = json.loads((small.folder / "predict.json").read_text())
    assert record["model"]["file"] == "model.int8.onnx"
    assert record["options"]["precision"] == "int8"
    _, card = read_model(run.model)
    true = read_shares(small_chips / "train_labels.csv").loc[small.shares.index]
    assert card.scores["kl_int8"] == pytest.approx(score(small.shares, true).kl, rel=1e-3)
    (run.folder / "model.int8.onnx").unlink()
    with pytest.raises(landcover.LandcoverError, match=r"no model.int8.onnx beside"):
        landcover.predict(small_chips, tmp_path / "none", model=run.model, precision="int8")


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    small_chips: Path, recipe: Path, tmp_path: Path
) -> None:
    one, two = (landcover.train(recipe, small_chips, tmp_path / name) for name in ("one", "two"))
    other = landcover.train(recipe, small_chips, tmp_path / "other", seed=4)
    assert outcome(one.folder) == outcome(two.folder)
    assert outcome(one.folder)[0] != outcome(other.folder)[0]


def test_a_killed_training_resumes_to_the_same_bytes(small_chips: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path / "long.toml", steps=40)
    whole = landcover.train(recipe, small_chips, tmp_path / "whole")
    command = [sys.executable, "-m", "landcover", "train", recipe, "--data", small_chips]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen([*command, "--out", tmp_path / "killed"], env=environment)
    history = tmp_path / "killed" / "history.csv"
    while not (history.exists() and len(history.read_text().splitlines()) > 2):
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "model.onnx").exists()
    resumed = landcover.train(recipe, small_chips, tmp_path / "killed", resume=True)
    assert outcome(whole.folder) == outcome(resumed.folder)


def test_resume_wants_the_same_recipe_and_a_run(small_chips: Path, recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(LandcoverError, match="no training to go on with"):
        landcover.train(recipe, small_chips, tmp_path / "none", resume=True)
    landcover.train(recipe, small_chips, tmp_path / "run")
    with pytest.raises(LandcoverError, match="another recipe"):
        landcover.train(tiny_recipe(tmp_path / "b.toml", 15), small_chips, tmp_path / "run", resume=True)
    with pytest.raises(LandcoverError, match="already holds files"):
        landcover.train(recipe, small_chips, tmp_path / "run")


def test_training_goes_on_from_a_run_or_its_model_file(
    small_chips: Path, recipe: Path, tmp_path: Path
) -> None:
    first = landcover.train(recipe, small_chips, tmp_path / "first")
    from_run = trained_weights(first.folder)
    from_file = trained_weights(first.model)
    for name, value in from_run.items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, from_file[name]), name
    runs = [
        landcover.train(recipe, small_chips, tmp_path / name, start=start)
        for name, start in (("a", first.folder), ("b", first.model))
    ]
    weights = [checkpoint.load(r.folder / "checkpoint" / "best.safetensors")[0] for r in runs]
    assert all(torch.equal(v, weights[1][k]) for k, v in weights[0].items() if not k.endswith("tracked"))
    assert runs[0].history["loss"].iloc[0] < first.history["loss"].iloc[0]


def test_another_legend_gets_a_new_last_layer(small_chips: Path, recipe: Path, tmp_path: Path) -> None:
    first = landcover.train(recipe, small_chips, tmp_path / "first")
    legend = tmp_path / "legend.toml"
    legend.write_text(
        "name = 'three'\n"
        "[[classes]]\ncode = 0\nname = 'none'\ncolour = '#000000'\nis_label = false\n"
        "[[classes]]\ncode = 4\nname = 'wood'\ncolour = '#00ff00'\n"
        "[[classes]]\ncode = 9\nname = 'water'\ncolour = '#0000ff'\n"
        "[[classes]]\ncode = 3\nname = 'field'\ncolour = '#ffff00'\n"
        "[[classes]]\ncode = 2\nname = 'town'\ncolour = '#ff0000'\n"
    )
    scene, mask = scene_and_mask(tmp_path / "other", 160, 448, seed=1)
    landcover.cut(scene, mask, tmp_path / "other_chips", size=64, stride=48, legend=legend)
    run = landcover.train(recipe, tmp_path / "other_chips", tmp_path / "run", start=first.folder)
    found = landcover.predict(tmp_path / "other_chips", tmp_path / "predicted", model=run.model)
    assert list(found.shares.columns) == ["none", "town", "field", "wood", "water"]
    assert np.allclose(found.shares.sum(axis=1), 1)


def test_weights_of_another_network_are_refused(small_chips: Path, recipe: Path, tmp_path: Path) -> None:
    first = landcover.train(recipe, small_chips, tmp_path / "first")
    wider = tmp_path / "wider.toml"
    wider.write_text(recipe.read_text().replace("width = 4", "width = 6"))
    with pytest.raises(LandcoverError, match="does not fit the recipe's network"):
        landcover.train(wider, small_chips, tmp_path / "run", start=first.model)
    assert not (tmp_path / "run").exists()


def test_without_validation_chips_the_last_epoch_is_kept(
    small_chips: Path, recipe: Path, tmp_path: Path
) -> None:
    splits = small_chips / "splits.csv"
    table = pd.read_csv(splits, dtype={"sample_id": str})
    table[table["part"] != "val"].to_csv(splits, index=False)
    run = landcover.train(recipe, small_chips, tmp_path / "run")
    assert run.scores == {}
    assert read_model(run.model)[1].decoder.kind == "mean"


def test_mistakes_are_one_line(small_chips: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("colour = 'red'\n[schedule]\nsteps = 0\n")
    assert is_one_line(run("train", bad, "--data", small_chips, "--out", tmp_path / "run"), "2 mistakes")
    good = tiny_recipe(tmp_path / "good.toml")
    assert is_one_line(run("train", good, "--data", tmp_path / "no", "--out", tmp_path / "run"), "not there")
    assert is_one_line(
        run("train", good, "--data", small_chips, "--out", tmp_path / "run", "--from", bad), "bad.toml"
    )
    assert not (tmp_path / "run").exists()
