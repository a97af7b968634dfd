import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import edit_csv, is_one_line, truncate, write_tiff


def test_a_sound_folder(small_chips: Path, run: Any, tmp_path: Path) -> None:
    result = run("inspect", small_chips, "--chart", tmp_path / "classes.svg")
    assert (result.code, result.err) == (0, "")
    for words in ("27 images read, 27 masks", "64 × 64 px", "uint16", "B08", "water", "█", "train"):
        assert words in result.out
    assert "problem:" not in result.out
    assert result.out.splitlines()[-2:] == [
        f"no problems found in {small_chips}",
        f"chart in {tmp_path / 'classes.svg'}",
    ]
    assert (tmp_path / "classes.svg").read_text().startswith("<svg")


def test_problems_are_lines_and_no_failure(small_chips: Path, run: Any) -> None:
    truncate(small_chips / "images" / "scene_0_0.tif")
    (small_chips / "masks" / "scene_0_1.tif").unlink()
    edit_csv(small_chips / "splits.csv", lambda t: t.assign(part=["train", "val", "val"] * 9))
    result = run("inspect", small_chips)
    assert result.code == 0
    problems = [line for line in result.out.splitlines() if line.startswith("problem: ")]
    assert len(problems) == 4
    assert "scene_0_0.tif: can't be read" in problems[0]
    assert problems[1] == "problem: images without mask: scene_0_1"
    assert problems[3].startswith("problem: train and val share pixels (by their places): 35 pairs of chips")
    assert result.out.splitlines()[-1] == f"4 problems found in {small_chips}"


def test_a_single_image(small_chips: Path, run: Any) -> None:
    result = run("inspect", small_chips / "images" / "scene_0_0.tif")
    assert result.code == 0
    assert "1 image read, 0 masks" in result.out
    assert "pixels per class" not in result.out


def test_small_numbers_of_float_images_are_shown(tmp_path: Path, run: Any) -> None:
    image = write_tiff(tmp_path / "a.tif", np.linspace(0.01, 0.9, 64, dtype=np.float32).reshape(1, 8, 8))
    assert "0.01" in run("inspect", image).out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="water"), "has no column water"),
        (lambda t: pd.concat([t, t.head(1)]), "holds sample_id scene_0_0 twice"),
        (lambda t: t.assign(water=-t["water"] - 0.1), "row scene_0_0 holds a negative share"),
        (lambda t: t.assign(**dict.fromkeys(t.columns[1:], 0)), "row scene_0_0 sums to 0"),
    ],
)
def test_wrong_labels_are_one_line(small_chips: Path, run: Any, change: Any, words: str) -> None:
    edit_csv(small_chips / "train_labels.csv", change)
    assert is_one_line(run("inspect", small_chips), f"train_labels.csv: {words}")


def test_missing_and_empty_folders_are_one_line(tmp_path: Path, run: Any) -> None:
    assert is_one_line(run("inspect", tmp_path / "nowhere"), "nowhere: is not there")
    assert is_one_line(run("inspect", tmp_path), "holds no image")


def test_a_png_named_tif_is_one_line_from_outside_too(tmp_path: Path) -> None:
    from matplotlib.image import imsave

    imsave(tmp_path / "a.tif", np.zeros((8, 8, 3), np.uint8), format="png")
    command = [sys.executable, "-m", "landcover", "inspect", str(tmp_path / "a.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"landcover: {tmp_path / 'a.tif'}: can't be read")


def test_images_without_place_raise_no_warning(small_chips: Path) -> None:
    command = [sys.executable, "-m", "landcover", "inspect", str(small_chips)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
