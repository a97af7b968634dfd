"""Trainings compared: a row a run, older records with gaps, names told apart, one line for what is no run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import Run, is_one_line

import landcover
from landcover.accuracy.runs import names_of
from landcover.legend import S2GLC
from landcover.report.runs import looks

HISTORY = "epoch,step,loss,val_loss,val_kl,learning_rate,seconds\n1,9,2,2,0.3,0.1,60\n2,18,1,1,{kl},0.1,120\n"


def made_up(folder: Path, kl: float, width: int = 16, **changed: object) -> Path:
    """A run folder as training leaves it, but for the files that comparing does not read."""
    folder.mkdir(parents=True)
    facts = {
        "commit": "abc", "parameters": 1000 * width, "data_hash": "d", "chips": {"train": 9, "val": 3},
        "epochs": 2, "kept_epoch": 2, "wall_time_s": 120.0, "processor_time_s": 180.0,
        "decoder": {"kind": "mean"},
        "scores_val": {"kl_counts": 2 * kl, "kl_mean": kl, "kl_calibrated": kl / 2, "overall_accuracy": 0.75,
                       "mean_iou": 0.5, "calibration_error": 0.02},
        "iou_val": {"water": 0.5, "snow": None},
    } | changed  # fmt: skip
    (folder / "run.json").write_text(json.dumps({k: v for k, v in facts.items() if v is not ...}))
    (folder / "recipe.toml").write_text(f'seed = 1\n[network]\nkind = "unet"\nwidth = {width}\n')
    (folder / "history.csv").write_text(HISTORY.format(kl=kl))
    return folder


def test_a_row_a_run_the_best_first(tmp_path: Path) -> None:
    runs = [made_up(tmp_path / "base", 0.08), made_up(tmp_path / "wide", 0.04, 32)]
    found = landcover.compare([*runs, runs[0]], tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "compare.csv")
    assert table["name"].tolist() == ["wide", "base"]
    assert table.columns[-3:].tolist() == ["iou_water", "iou_snow", "commit"]
    first = table.iloc[0]
    assert (first["network"], first["decoder"], first["parameters"]) == ("unet", "mean", 32000)
    assert (first["kl"], first["kl_counts"], first["wall_min"], first["processor_min"]) == (0.04, 0.08, 2, 3)
    assert (first["iou_water"], first["mean_iou"], first["calibration_error"]) == (0.5, 0.5, 0.02)
    assert table["iou_snow"].isna().all()
    assert found.notes == ()
    page = found.page.read_text(encoding="utf-8")
    assert "network width" in page
    assert "network kind" not in page  # the same in both
    assert "processor time of training (min)" in page
    assert {c.colour for c in S2GLC.labels if c.name == "water"} <= {w.rstrip(";") for w in page.split()}
    assert "http" not in page.replace("http://www.w3.org/", "")


def test_older_runs_and_runs_without_validation_leave_gaps(tmp_path: Path) -> None:
    old = made_up(tmp_path / "old", 0.08, processor_time_s=..., iou_val=...,
                  scores_val={"kl_counts": 0.2, "kl_mean": 0.1, "overall_accuracy": 0.7})  # fmt: skip
    blind = made_up(tmp_path / "blind", 0.0, scores_val={}, chips={"train": 12, "val": 0}, iou_val={})
    (blind / "history.csv").write_text(HISTORY.replace("0.3", "").format(kl=""))
    found = landcover.compare([blind, old], tmp_path / "out")
    table = found.table.set_index("name")
    assert table.index.tolist() == ["old", "blind"]
    assert table.loc["old", ["processor_min", "mean_iou", "calibration_error"]].isna().all()
    assert pd.isna(table.loc["blind", "kl"])
    assert [note.split(",")[0].split(":")[0] for note in found.notes] == [
        "not all runs have the same chips for training and validation",
        "without validation chips there is no score",
    ]
    page = found.page.read_text(encoding="utf-8")
    assert "wall time of training (min)" in page
    assert "Which classes they see" not in page


def test_runs_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    runs = [made_up(tmp_path / a / b, 0.1) for a, b in (("x", "run"), ("y", "run"), ("y", "other"))]
    assert set(landcover.compare(runs, tmp_path / "out").table["name"]) == {"x/run", "y/run", "other"}
    deep = names_of([Path("/a/c/run"), Path("/b/c/run")])
    assert list(deep.values()) == ["a/c/run", "b/c/run"]


def test_twenty_one_runs_look_different() -> None:
    found = looks([str(i) for i in range(21)])
    assert len({tuple(look.items()) for look in found.values()}) == 21


def test_what_is_no_finished_run_is_one_line(tmp_path: Path, run: Callable[..., Run]) -> None:
    good, out = made_up(tmp_path / "good", 0.1), tmp_path / "out"
    killed = shutil.copytree(good, tmp_path / "killed")
    (killed / "run.json").unlink()
    assert is_one_line(run("compare", good, killed, "--out", out), "killed", "no run.json")
    (killed / "run.json").write_text("{}")
    assert is_one_line(run("compare", killed, "--out", out), "is no finished run")
    (killed / "run.json").write_text("{")
    assert is_one_line(run("compare", killed, "--out", out), "is no finished run")
    assert not out.exists()
    assert run("compare", good, "--out", out).code == 0
    assert is_one_line(run("compare", good, "--out", out), "already holds files")
    assert "0.10000  good" in run("compare", good, "--out", out, "--overwrite").out
    with pytest.raises(landcover.LandcoverError, match="there are none"):
        landcover.compare([], tmp_path / "none")
