"""A damaged or hostile TIFF gives one line, or the map of the values that GDAL reads; nothing worse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .models import tiny_model


@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_tiffs_are_refused_in_one_line_or_mapped_as_read(tmp_path: Path, seed: int) -> None:
    model = tiny_model(tmp_path / "tiny.onnx")
    script = Path(__file__).with_name("mutants.py")
    command = [sys.executable, "-W", "ignore", script, model, tmp_path, str(seed), "250"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    counts = {name: int(number) for name, number in map(str.split, done.stdout.splitlines())}
    assert counts["refused"] + counts["mapped"] == 250
    assert min(counts["refused"], counts["mapped"]) > 50
    assert counts["peak"] < 1024, "MiB"
