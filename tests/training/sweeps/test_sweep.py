"""A sweep: repeatable, resumable in mid-trial, its space checked like a recipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import Run, is_one_line, scene_and_mask

pytest.importorskip("optuna")
pytest.importorskip("torch")

import landcover
from landcover.training.recipe import read_recipe, write_recipe
from landcover.training.sweeps.space import Range, applied, read_space
from landcover.training.sweeps.sweep import Sweep
from landcover.training.sweeps.trial import open_study, tenths

from ..recipes import tiny_recipe

SPACE = """
"schedule.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
"network.width" = [2, 4]
"schedule.warmup" = { low = 0, high = 2 }
"""
TRIALS = 3


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A recipe of two steps, each an epoch, small chips, and a space."""
    folder = tmp_path_factory.mktemp("given")
    scene, mask = scene_and_mask(folder / "source", 160, 448)
    landcover.cut(scene, mask, folder / "chips", size=64, stride=48)
    recipe = tiny_recipe(folder / "recipe.toml", steps=2)
    recipe.write_text(recipe.read_text().replace("batch = 4", "batch = 30").replace("warmup = 2", ""))
    (folder / "space.toml").write_text(SPACE)
    return recipe, folder / "chips", folder / "space.toml"


@pytest.fixture(scope="module")
def swept(given: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    recipe, chips, space = given
    return landcover.sweep(recipe, chips, tmp_path_factory.mktemp("swept") / "sweep", space, TRIALS)


def told(table: pd.DataFrame) -> pd.DataFrame:
    """What must not depend on stops."""
    return table.drop(columns="processor_min")


def test_a_trial_is_a_run_and_the_best_is_a_recipe(swept: Sweep) -> None:
    table = pd.read_csv(swept.folder / "sweep.csv")
    assert table["state"].tolist() == ["finished"] * TRIALS
    assert table["epochs"].tolist() == [2] * TRIALS
    assert table["schedule.learning_rate"].nunique() == TRIALS
    assert swept.best == table["val_kl"].idxmin()
    for number, row in table.iterrows():
        run = swept.folder / "trials" / f"{number:03d}"
        assert pd.read_csv(run / "history.csv")["val_kl"].min() == pytest.approx(row["val_kl"], rel=1e-5)
        assert read_recipe(run / "recipe.toml").network.width == row["network.width"]
    best = read_recipe(swept.recipe)
    assert swept.recipe.read_text() == write_recipe(best)
    assert best.schedule.learning_rate == pytest.approx(table["schedule.learning_rate"][swept.best], rel=1e-5)
    page = (swept.folder / "sweep.html").read_text(encoding="utf-8")
    assert "schedule learning_rate" in page
    runs = [swept.folder / "trials" / f"{n:03d}" for n in range(TRIALS)]
    compared = landcover.compare(runs, swept.folder.parent / "comparison").table
    assert set(compared["name"]) == {run.name for run in runs}


def test_killed_in_mid_trial_it_resumes_to_the_same_results(
    given: tuple[Path, Path, Path], swept: Sweep, tmp_path: Path
) -> None:
    recipe, chips, space = given
    command = [sys.executable, "-m", "landcover", "sweep", recipe, "--data", chips, "--space", space]
    command += ["--trials", str(TRIALS), "--out", tmp_path / "sweep"]
    process = subprocess.Popen(command)
    history = tmp_path / "sweep" / "trials" / "001" / "history.csv"
    while not history.exists():
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    states = [t.state.name for t in open_study(tmp_path / "sweep" / "sweep.db").trials]
    assert states == ["COMPLETE", "RUNNING"]
    subprocess.run([*command, "--resume"], check=True, env=os.environ, stdout=subprocess.DEVNULL)
    resumed = pd.read_csv(tmp_path / "sweep" / "sweep.csv")
    pd.testing.assert_frame_equal(told(resumed), told(pd.read_csv(swept.folder / "sweep.csv")))
    for name in ("best.toml", "trials/001/checkpoint/best.safetensors", "trials/002/model.onnx"):
        assert (tmp_path / "sweep" / name).read_bytes() == (swept.folder / name).read_bytes(), name


def test_two_at_once_and_what_can_not_go_on(
    given: tuple[Path, Path, Path], tmp_path: Path, run: Callable[..., Run]
) -> None:
    recipe, chips, space = given
    first = landcover.sweep(recipe, chips, tmp_path / "sweep", space, 2, processes=2)
    assert first.table["state"].tolist() == ["finished"] * 2
    again = landcover.sweep(recipe, chips, tmp_path / "sweep", space, 2, resume=True)
    pd.testing.assert_frame_equal(again.table, first.table)
    other = tmp_path / "other.toml"
    other.write_text('"network.width" = [2, 3]\n')
    arguments = ["sweep", recipe, "--data", chips, "--out", tmp_path / "sweep", "--trials", 2]
    assert is_one_line(run(*arguments, "--space", other, "--resume"), "another recipe or space")
    assert is_one_line(run(*arguments, "--space", space), "already holds files")


def test_all_mistakes_of_a_space_are_told_at_once(
    given: tuple[Path, Path, Path], tmp_path: Path, run: Callable[..., Run]
) -> None:
    recipe, chips, _ = given
    space = tmp_path / "space.toml"
    space.write_text(
        '"network.layers" = [56]\n"schedule.batch" = { low = 0, high = 4 }\n"network.depth" = []\n'
        '"schedule.average" = { low = 0.9, high = 0.1 }\n"loss.kl" = { low = 0, high = 1, log = true }\n'
        '"schedule.steps" = { low = 1.0, high = 9.0 }\n"loss.cap" = { low = 2, high = 3, stop = 1 }\n'
    )
    told = run("sweep", recipe, "--data", chips, "--out", tmp_path / "out", "--space", space, "--trials", 3)
    assert is_one_line(
        told, "has 7 mistakes", "network.layers is unknown", "schedule.batch", "network.depth",
        "low has to be below high", "log goes with low > 0", "schedule.steps", "loss.cap.stop",
    )  # fmt: skip
    space.write_text("")
    with pytest.raises(landcover.LandcoverError, match="no setting varies"):
        read_space(space, {})
    assert not (tmp_path / "out").exists()


def test_settings_that_can_not_go_together_are_refused(tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    space.write_text("[augmentation]\nblur = { low = 0.1, high = 0.6 }\ncoarse = [0.2, 0.5]\n")
    with pytest.raises(landcover.LandcoverError, match="blur and coarse sum to more than 1"):
        read_space(space, {})
    space.write_text("[augmentation]\nblur = { low = 0.1, high = 0.5 }\ncoarse = [0.2, 0.5]\n")
    found = read_space(space, {})
    assert found == {"augmentation.blur": Range(low=0.1, high=0.5), "augmentation.coarse": (0.2, 0.5)}


def test_settings_are_put_into_a_recipe() -> None:
    base = {"seed": 2, "network": {"width": 8}}
    drawn = {"network.depth": 3, "data.oversample.water": 0.2, "seed": 5}
    found = applied(base, drawn)
    assert found == {"seed": 5, "network": {"width": 8, "depth": 3}, "data": {"oversample": {"water": 0.2}}}
    assert base == {"seed": 2, "network": {"width": 8}}


def test_trials_meet_at_tenths_of_their_steps() -> None:
    small = pd.DataFrame({"step": [25, 50, 75, 100], "val_kl": [0.5, 0.3, 0.4, 0.2]})
    large = pd.DataFrame({"step": [60, 100], "val_kl": [0.6, 0.1]})
    assert tenths(small, 100) == {
        1: 0.5,
        2: 0.5,
        3: 0.3,
        4: 0.3,
        5: 0.3,
        6: 0.3,
        7: 0.3,
        8: 0.2,
        9: 0.2,
        10: 0.2,
    }
    assert tenths(large, 100) == dict.fromkeys(range(1, 7), 0.6) | dict.fromkeys(range(7, 11), 0.1)


@pytest.mark.parametrize("name", ["rate", "size", "regularisation"])
def test_the_spaces_that_come_along_fit_their_recipes(name: str) -> None:
    recipes = Path(__file__).resolve().parents[3] / "recipes"
    base = {"network": {"kind": "unet"}}
    assert len(read_space(recipes / "sweeps" / f"{name}.toml", base)) >= 2
