"""The command line as a whole: quick, quiet, one line for a mistake."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run

import landcover

HEAVY = ("torch", "openvino", "numpy", "pandas", "rasterio", "matplotlib")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["predict", "--help"], ["train", "--help"], ["fetch", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from landcover.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("HEAVY []")


@pytest.mark.parametrize(
    "module",
    ["inference.predict", "accuracy.evaluate", "accuracy.comparison", "chips.cut", "chips.inspect"],
)
def test_torch_is_loaded_by_training_alone(module: str) -> None:
    code = f"import sys, landcover.{module}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_version(run: Callable[..., Run]) -> None:
    assert run("--version").out == f"landcover {landcover.__version__}\n"


def test_wrong_use_exits_with_2(run: Callable[..., Run]) -> None:
    assert run("score").code == 2
    assert run("paint").code == 2


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "landcover"]
    rest = ["score", str(tmp_path / "none.csv"), str(tmp_path / "none.csv")]
    plain = subprocess.run([*command, *rest], capture_output=True, text=True)
    debug = subprocess.run([*command, "--debug", *rest], capture_output=True, text=True)
    assert plain.returncode == 1
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr


def test_a_missing_extra_is_one_line(tmp_path: Path) -> None:
    """As in an environment without PyTorch: `landcover train` says what to install."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from landcover.cli import main\n"
        "sys.argv = ['landcover', 'train', 'r.toml', '--data', 'd', '--out', 'o']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "needs torch, which is not installed" in done.stderr
    assert "pip install 'landcover[train]'" in done.stderr
    assert done.stderr.count("\n") == 1
