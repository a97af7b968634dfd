"""What the tests share: real data, small images and chips folders, the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from hypothesis import settings

from landcover import cli

settings.register_profile("landcover", deadline=None)  # speed is measured in benchmarks/
settings.load_profile("landcover")
ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("LANDCOVER_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data, outside the repository."""
    if not (DATA / "challenge48").is_dir():
        pytest.skip(f"no real data in {DATA} (set LANDCOVER_DATA)")
    return DATA


@pytest.fixture(scope="session")
def chips48(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chips folder of all 448 real chips. Read it only."""
    return _make_chips(data, tmp_path_factory.mktemp("chips48") / "chips")


@pytest.fixture(scope="session")
def chips_west(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chips folder of the 44 real chips of ain_west. Read it only."""
    return _make_chips(data, tmp_path_factory.mktemp("chips_west") / "chips", "ain_west")


def _make_chips(data: Path, out: Path, *scenes: str) -> Path:
    subprocess.run(
        [sys.executable, "-W", "ignore", data / "challenge48" / "make_chips.py", out, *scenes],
        check=True,
        capture_output=True,
    )
    return out


def write_tiff(path: Path, pixels: np.ndarray[Any, Any], names: tuple[str, ...] = (), **profile: Any) -> Path:
    """Write pixels, (bands ×) height × width, as a GeoTIFF."""
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = dict(zip(("count", "height", "width"), pixels.shape, strict=True))
    with rasterio.open(path, "w", driver="GTiff", dtype=pixels.dtype, **shape, **profile) as target:
        target.write(pixels)
        for number, name in enumerate(names, 1):
            target.set_band_description(number, name)
    return path


def read_tiff(path: Path) -> np.ndarray[Any, Any]:
    """All bands of a raster."""
    with rasterio.open(path) as source:
        pixels: np.ndarray[Any, Any] = source.read()
        return pixels


def scene_and_mask(
    folder: Path, height: int = 160, width: int = 320, seed: int = 0, **profile: Any
) -> tuple[Path, Path]:
    """A synthetic scene of four classes in patches of 16 px, and its mask."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(np.array([2, 3, 4, 9], np.uint8), (height // 16 + 1, width // 16 + 1))
    mask = classes.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]
    level = np.array([0, 0, 900, 1200, 500, 0, 0, 0, 0, 200])[mask]
    pixels = rng.integers(100, 400, (4, height, width)) + level + np.array([0, 100, 50, 1500])[:, None, None]
    scene = write_tiff(
        folder / "scene.tif", pixels.astype(np.uint16), ("B02", "B03", "B04", "B08"), **profile
    )
    return scene, write_tiff(folder / "scene_mask.tif", mask, **profile)


@pytest.fixture
def small_chips(tmp_path: Path) -> Path:
    """A chips folder of 3 × 9 chips of 64 × 64 px that overlap by 16 px, with labels and splits."""
    import landcover

    scene, mask = scene_and_mask(tmp_path / "source", 160, 448)
    landcover.cut(scene, mask, tmp_path / "chips", size=64, stride=48)
    return tmp_path / "chips"


def edit_csv(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
    """Change a table in its file; ids stay text."""
    table = pd.read_csv(path, dtype={"sample_id": str})
    changed = change(table)
    (table if changed is None else changed).to_csv(path, index=False)


def truncate(path: Path, keep: float = 0.5) -> Path:
    """Cut off the end of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


@dataclass(frozen=True)
class Run:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Run `landcover` with the given arguments, in this process."""

    def run(*arguments: object) -> Run:
        monkeypatch.setattr(sys, "argv", ["landcover", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return Run(int(end.value.code or 0), out, err)

    return run


def is_one_line(result: Run, *words: str) -> bool:
    """Whether a command failed as it should: exit code 1, one line with finding, expectation and remedy."""
    assert result.code == 1, result
    assert result.err.startswith("landcover: "), result.err
    assert result.err.count("\n") == 1, result.err
    assert "; expected " in result.err, result.err
    assert result.err.rstrip().endswith("."), result.err
    for word in words:
        assert word in result.err, result.err
    return True
