"""A prediction that is killed goes on to the same bytes, and shows nothing that is not whole."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

import landcover
from landcover.errors import LandcoverError
from landcover.files import sha256

from .models import tiny_model

SIZE = 700


def scene(path: Path, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(1, 4000, (4, SIZE, SIZE)).astype(np.uint16)
    profile = dict(driver="GTiff", count=4, height=SIZE, width=SIZE, dtype="uint16")
    with rasterio.open(path, "w", **profile) as target:
        target.write(pixels)
    return path


def hashes(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): sha256(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def command(images: list[Path], out: Path, model: Path, *more: str) -> list[str]:
    words = [*images, "--out", out, "--model", model, "--probabilities", "--confidence", *more]
    return [sys.executable, "-m", "landcover", "predict", *map(str, words)]


def test_kills_at_any_moment_and_resume_give_the_same_bytes(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "m.onnx")
    images = [scene(tmp_path / "a.tif"), scene(tmp_path / "b.tif", 1)]
    whole = tmp_path / "whole"
    began = time.monotonic()
    subprocess.run(command(images, whole, model), check=True, capture_output=True)
    took = time.monotonic() - began
    rng, out, kills = np.random.default_rng(), tmp_path / "killed", 0
    for _ in range(10):
        resume = ["--resume"] if (tmp_path / ".killed.partial").exists() else []
        process = subprocess.Popen(
            command(images, out, model, *resume), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            process.communicate(timeout=took * rng.uniform(0.2, 1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
        if out.exists():
            assert hashes(out) == hashes(whole)
            shutil.rmtree(out)
    if not out.exists():
        resume = ["--resume"] if (tmp_path / ".killed.partial").exists() else []
        done = subprocess.run(command(images, out, model, *resume), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert kills
    assert hashes(out) == hashes(whole)
    assert not (tmp_path / ".killed.partial").exists()


@pytest.fixture
def stopped(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Image, model and out of a run that was interrupted after its first scene."""
    model, image, out = tiny_model(tmp_path / "m.onnx"), scene(tmp_path / "a.tif"), tmp_path / "out"
    stop = "import landcover.inference.predict as p\n" + (
        "def stop(*_): raise KeyboardInterrupt\np.write_shares = stop\n"
        "import landcover, sys\nlandcover.predict(sys.argv[1], sys.argv[2], model=sys.argv[3], overlap=8)"
    )
    words = [sys.executable, "-c", stop, str(image), str(out), str(model)]
    assert subprocess.run(words, capture_output=True).returncode != 0
    assert (tmp_path / ".out.partial" / "maps" / "a.tif").exists()
    assert not out.exists()
    return image, model, out


def test_unfinished_work_is_neither_lost_nor_mixed_unasked(stopped: tuple[Path, Path, Path]) -> None:
    image, model, out = stopped
    with pytest.raises(LandcoverError, match=r"has unfinished work.*--resume.*--overwrite"):
        landcover.predict(image, out, model=model)
    with pytest.raises(LandcoverError, match="was begun with other options"):
        landcover.predict(image, out, model=model, overlap=16, resume=True)


def test_resume_reuses_the_overlap_that_was_asked_for(stopped: tuple[Path, Path, Path]) -> None:
    image, model, out = stopped
    landcover.predict(image, out, model=model, resume=True)
    landcover.predict(image, out.with_name("again"), model=model, overlap=8)
    assert hashes(out) == hashes(out.with_name("again"))


def test_an_input_that_changed_is_not_taken_for_the_same(stopped: tuple[Path, Path, Path]) -> None:
    image, model, out = stopped
    os.utime(scene(image, 7), (1, 1))
    with pytest.raises(LandcoverError, match="was begun with other inputs"):
        landcover.predict(image, out, model=model, resume=True)


def test_resume_without_unfinished_work_is_refused(tmp_path: Path) -> None:
    model, image = tiny_model(tmp_path / "m.onnx"), scene(tmp_path / "a.tif")
    with pytest.raises(LandcoverError, match="has no unfinished work"):
        landcover.predict(image, tmp_path / "out", model=model, resume=True)


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, image, out = tiny_model(tmp_path / "m.onnx"), scene(tmp_path / "a.tif"), tmp_path / "out"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("landcover.inference.predict.write_shares", full)
        with pytest.raises(LandcoverError, match=r"the disk is full.*--resume"):
            landcover.predict(image, out, model=model)
    assert not out.exists()
    landcover.predict(image, out, model=model, resume=True)
    assert (out / "maps" / "a.tif").exists()
