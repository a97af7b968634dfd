from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import is_one_line, read_tiff, scene_and_mask, truncate, write_tiff


def test_a_cut_tells_what_it_made(tmp_path: Path, run: Any) -> None:
    scene, mask = scene_and_mask(tmp_path, 170, 450)
    pixels = read_tiff(scene)
    pixels[:, :64, :64] = 0
    write_tiff(scene, pixels)
    result = run("cut", scene, mask, "--out", tmp_path / "chips", "--size", 64, "--stride", 48)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("26 chips of 64 × 64 px: ")
    assert lines[0].endswith("(no two parts share a pixel)")
    assert lines[1:] == [
        "left out: 1 without data, 0 without label",
        "in no chip: the last 10 rows and 2 columns of the scene",
        f"chips in {tmp_path / 'chips'}; look at them with: landcover inspect {tmp_path / 'chips'}",
    ]


def test_options_reach_the_cut(tmp_path: Path, run: Any) -> None:
    scene, mask = scene_and_mask(tmp_path, 64, 128)
    pixels = read_tiff(scene)
    write_tiff(scene, (pixels[::-1] / 10_000).astype(np.float32))
    options = ("--size", 64, "--stride", 64, "--bands", "4,3,2,1", "--scale", 10_000, "--offset", -50)
    result = run("cut", scene, mask, "--out", tmp_path / "chips", *options, "--val", 0, "--test", 0)
    assert result.code == 0, result
    chip = read_tiff(tmp_path / "chips" / "images" / "scene_0_1.tif")
    np.testing.assert_array_equal(chip, pixels[:, :, 64:] - 50)


def png(path: Path) -> None:
    from matplotlib.image import imsave

    imsave(path, np.zeros((8, 8, 3), np.uint8), format="png")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda s, m: s.unlink(), ["scene.tif: is not there"]),
        (lambda s, m: truncate(s), ["scene.tif: can't be read"]),
        (lambda s, m: png(s), ["scene.tif: can't be read", "GTiff"]),
        (lambda s, m: write_tiff(s, read_tiff(s)[:3]), ["scene.tif: has 3 bands", "--bands 1,2,3,4"]),
        (lambda s, m: write_tiff(m, read_tiff(m)[:, :, 9:]), ["scene_mask.tif: is 160 × 311 px"]),
        (lambda s, m: write_tiff(m, read_tiff(m) + np.uint8(9)), ["scene_mask.tif: holds codes outside"]),
        (lambda s, m: write_tiff(s, read_tiff(s) * np.float32(np.inf)), ["scene.tif: holds infinite values"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tmp_path: Path, run: Any, spoil: Any, words: list[str]
) -> None:
    scene, mask = scene_and_mask(tmp_path / "in")
    spoil(scene, mask)
    result = run("cut", scene, mask, "--out", tmp_path / "out" / "chips", "--size", 64)
    assert is_one_line(result, *words)
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_a_folder_with_results_is_refused_and_kept(tmp_path: Path, run: Any) -> None:
    scene, mask = scene_and_mask(tmp_path)
    arguments = ("cut", scene, mask, "--out", tmp_path / "chips", "--size", 64, "--val", 0, "--test", 0)
    (tmp_path / "chips").mkdir()
    (tmp_path / "chips" / "mine.txt").write_text("mine")
    assert is_one_line(run(*arguments), "already holds files", "--overwrite")
    assert [p.name for p in (tmp_path / "chips").iterdir()] == ["mine.txt"]
    assert run(*arguments, "--overwrite").code == 0
    assert (tmp_path / "chips" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("out", ["/proc/chips", "scene.tif", "scene.tif/chips"])
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, run: Any, out: str) -> None:
    scene, mask = scene_and_mask(tmp_path)
    if out.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    assert is_one_line(run("cut", scene, mask, "--out", tmp_path / out, "--size", 64), "--out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["scene.tif", "scene_mask.tif"]


def test_a_wrong_use_ends_with_2(run: Any) -> None:
    result = run("cut", "scene.tif")
    assert result.code == 2
    assert "missing argument 'mask'" in result.err.lower()
