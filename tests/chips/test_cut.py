from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from conftest import read_tiff, scene_and_mask, truncate, write_tiff
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

import landcover
from landcover.chips.folder import open_chips
from landcover.chips.split import leaks
from landcover.chips.tables import read_shares
from landcover.errors import LandcoverError

PLACE: dict[str, Any] = dict(crs="EPSG:32633", transform=Affine(10, 0, 500_000, 0, -10, 5_000_000))
ALL = dict(val=0, test=0)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@settings(max_examples=15, deadline=None)
@given(st.integers(40, 150), st.integers(40, 150), st.integers(8, 40), st.integers(8, 60))
def test_chips_are_whole_pieces_of_the_scene(height: int, width: int, size: int, stride: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        scene, mask = scene_and_mask(Path(folder), height, width)
        done = landcover.cut(scene, mask, Path(folder) / "chips", size, stride, val=0, test=0)
        assert done.chips.splits is not None
        places = done.chips.splits.set_index("sample_id")
        rows, columns = 1 + (height - size) // stride, 1 + (width - size) // stride
        assert len(done.chips.couples) == len(places) == rows * columns
        assert done.rows_left == height - size - (rows - 1) * stride
        assert done.columns_left == width - size - (columns - 1) * stride
        pixels, codes = read_tiff(scene), read_tiff(mask)
        for i in done.chips.couples:
            y, x = int(places.loc[i, "y0"]), int(places.loc[i, "x0"])
            assert i == f"scene_{y // stride}_{x // stride}"
            chip = read_tiff(done.chips.images[i])
            assert chip.dtype == np.uint16
            np.testing.assert_array_equal(chip, pixels[:, y : y + size, x : x + size])
            np.testing.assert_array_equal(
                read_tiff(done.chips.masks[i]), codes[:, y : y + size, x : x + size]
            )


def test_the_folder_is_that_of_the_contract(small_chips: Path) -> None:
    assert names(small_chips) == ["images", "masks", "splits.csv", "train_labels.csv"]
    assert names(small_chips / "images") == names(small_chips / "masks")
    chips = open_chips(small_chips)
    assert chips.splits is not None
    assert list(chips.splits) == ["sample_id", "part", "scene", "row", "col", "y0", "x0"]
    assert {"train", "val", "test"} <= set(chips.splits["part"])
    assert leaks(chips.splits, 64).empty
    shares = read_shares(small_chips / "train_labels.csv")
    codes = read_tiff(chips.masks["scene_1_2"])
    assert shares.loc["scene_1_2", "water"] == pytest.approx((codes == 9).mean(), abs=1e-9)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    scene, mask = scene_and_mask(tmp_path, 160, 448)
    for out in ("a", "b"):
        landcover.cut(scene, mask, tmp_path / out, 64, 48)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


def test_chips_keep_their_place_and_the_names_of_the_bands(tmp_path: Path) -> None:
    scene, mask = scene_and_mask(tmp_path, **PLACE)
    done = landcover.cut(scene, mask, tmp_path / "chips", 64, 48, val=0, test=0)
    for path in (done.chips.images["scene_1_2"], done.chips.masks["scene_1_2"]):
        with rasterio.open(path) as chip:
            assert chip.crs.to_epsg() == 32633
            assert chip.transform == Affine(10, 0, 500_000 + 960, 0, -10, 5_000_000 - 480)
    with rasterio.open(done.chips.images["scene_1_2"]) as chip:
        assert chip.descriptions == ("B02", "B03", "B04", "B08")


def test_chips_of_a_scene_without_place_have_none(small_chips: Path) -> None:
    with rasterio.open(small_chips / "images" / "scene_1_1.tif") as chip:
        assert chip.crs is None
        assert chip.transform.is_identity


def test_chips_without_data_or_label_are_left_out_and_counted(tmp_path: Path) -> None:
    scene, mask = scene_and_mask(tmp_path, 64, 320)
    pixels, codes = read_tiff(scene), read_tiff(mask)
    pixels[:, :, :64] = 0  # the first chip has no data
    codes[:, :, 64:128] = 1  # the second only clouds
    pixels[:, :, 128:160] = 0  # the third has data where it has no label
    codes[:, :, 160:192] = 0
    pixels[:, :, 192:200] = 0  # the fourth lacks a part
    write_tiff(scene, pixels)
    write_tiff(mask, codes)
    done = landcover.cut(scene, mask, tmp_path / "chips", 64, 64, val=0, test=0)
    assert done.chips.couples == ["scene_0_3", "scene_0_4"]
    assert (done.no_data, done.no_label) == (1, 2)


def test_bands_are_chosen(tmp_path: Path) -> None:
    scene, mask = scene_and_mask(tmp_path)
    pixels = read_tiff(scene)
    write_tiff(scene, np.concatenate([pixels[::-1], pixels[:2]]))
    done = landcover.cut(scene, mask, tmp_path / "chips", 64, 64, bands=["4", "3", "2", "1"], **ALL)  # type: ignore[arg-type]
    np.testing.assert_array_equal(read_tiff(done.chips.images["scene_0_0"]), pixels[:, :64, :64])


def test_reflectance_is_scaled_rounded_and_clipped(tmp_path: Path) -> None:
    scene, mask = scene_and_mask(tmp_path, 64, 64)
    pixels = read_tiff(scene)
    reflectance = pixels.astype(np.float32) / 10_000
    reflectance[0, 0, 0] = -0.02
    reflectance[1, 0, 1] = 7
    reflectance[2, 0, 2] = np.nan
    write_tiff(scene, reflectance)
    done = landcover.cut(scene, mask, tmp_path / "chips", 64, 64, scale=10_000, val=0, test=0)
    chip = read_tiff(done.chips.images["scene_0_0"])
    np.testing.assert_array_equal(chip[:, 1:], pixels[:, 1:])
    assert (chip[0, 0, 0], chip[1, 0, 1], chip[2, 0, 2]) == (0, 65_535, 0)
    assert done.clipped == 2


def test_an_offset_is_taken_off(tmp_path: Path) -> None:
    scene, mask = scene_and_mask(tmp_path, 64, 64)
    pixels = read_tiff(scene)
    write_tiff(scene, (pixels + 1000).astype(np.uint16))
    done = landcover.cut(scene, mask, tmp_path / "chips", 64, 64, offset=-1000, val=0, test=0)
    np.testing.assert_array_equal(read_tiff(done.chips.images["scene_0_0"]), pixels)
    assert done.clipped == 0


def test_a_legend_of_ones_own_goes_along(tmp_path: Path) -> None:
    scene, mask = scene_and_mask(tmp_path, 64, 128)
    write_tiff(mask, np.where(read_tiff(mask) == 9, 20, 10).astype(np.uint8))
    rows = [
        f'[[classes]]\ncode = {c}\nname = "{n}"\ncolour = "#000000"\n' for c, n in ((10, "land"), (20, "sea"))
    ]
    (tmp_path / "own.toml").write_text("".join(rows))
    out = tmp_path / "chips"
    done = landcover.cut(scene, mask, out, 64, 64, legend=tmp_path / "own.toml", val=0, test=0)
    assert done.chips.legend.names == ("land", "sea")
    assert list(pd.read_csv(out / "train_labels.csv")) == ["sample_id", "land", "sea"]
    scene, mask = scene_and_mask(tmp_path, 64, 128)
    again = landcover.cut(scene, mask, out, 64, 64, val=0, test=0, overwrite=True)
    assert len(again.chips.legend.names) == 10


def test_overwriting_leaves_no_chip_of_before(tmp_path: Path) -> None:
    scene, mask = scene_and_mask(tmp_path)
    landcover.cut(scene, mask, tmp_path / "chips", 32, 32, val=0, test=0)
    done = landcover.cut(scene, mask, tmp_path / "chips", 64, 64, val=0, test=0, overwrite=True)
    assert len(done.chips.images) == len(done.chips.masks) == 10


def shift(mask: Path, **profile: Any) -> None:
    write_tiff(mask, read_tiff(mask), **(PLACE | profile))


def recode(mask: Path) -> None:
    codes = read_tiff(mask)
    codes[0, 100, 200] = 77
    write_tiff(mask, codes, **PLACE)


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (lambda s, m: s.unlink(), r"scene\.tif: is not there"),
        (lambda s, m: truncate(s), r"scene\.tif: can't be read"),
        (lambda s, m: truncate(m, 0.9), r"scene_mask\.tif: can't be read"),
        (lambda s, m: write_tiff(s, read_tiff(s)[:3]), r"scene\.tif: has 3 bands"),
        (lambda s, m: write_tiff(s, read_tiff(s) * np.float32(np.inf)), r"scene\.tif: holds infinite values"),
        (lambda s, m: write_tiff(s, read_tiff(s) / np.float32(1e4)), r"scene\.tif: .*--scale 10000"),
        (lambda s, m: write_tiff(s, read_tiff(s) * 0), r"scene\.tif: gives no chip .10 without data"),
        (
            lambda s, m: write_tiff(m, read_tiff(m)[:, 1:]),
            r"mask\.tif: is 159 × 320 px; expected 160 × 320 px",
        ),
        (lambda s, m: write_tiff(m, read_tiff(m) * 0), r"gives no chip .0 without data, 10 without label"),
        (lambda s, m: recode(m), r"mask\.tif: holds codes outside the legend: 77"),
        (lambda s, m: shift(m, crs="EPSG:32632"), r"mask\.tif: is in EPSG:32632; expected EPSG:32633"),
        (lambda s, m: shift(m, transform=Affine(10, 0, 500_005, 0, -10, 5e6)), r"lies up to 0\.50 px beside"),
        (lambda s, m: shift(m, transform=Affine(20, 0, 5e5, 0, -20, 5e6)), "lies up to"),
    ],
)
def test_bad_input_is_told_and_leaves_nothing(tmp_path: Path, spoil: Any, finding: str) -> None:
    scene, mask = scene_and_mask(tmp_path / "in", **PLACE)
    spoil(scene, mask)
    with pytest.raises(LandcoverError, match=finding):
        landcover.cut(scene, mask, tmp_path / "out" / "chips", 64, 64, val=0, test=0)
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        (dict(size=0), "--size: is 0"),
        (dict(stride=-1), "--stride: is -1"),
        (dict(size=161), "is 160 × 320 px; expected at least 161 × 161 px"),
        (dict(size=160, stride=80), "split: finds no way"),
        (dict(val=0.9, test=0.9), "--val and --test"),
        (dict(legend=Path("nowhere.toml")), r"nowhere\.toml: can't be read"),
    ],
)
def test_bad_options_are_told_and_leave_nothing(
    tmp_path: Path, options: dict[str, Any], finding: str
) -> None:
    scene, mask = scene_and_mask(tmp_path / "in")
    with pytest.raises(LandcoverError, match=finding):
        landcover.cut(scene, mask, tmp_path / "out" / "chips", **(dict(size=64, stride=64) | options))
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_a_place_on_one_side_only_is_enough(tmp_path: Path) -> None:
    scene, mask = scene_and_mask(tmp_path, **PLACE)
    write_tiff(mask, read_tiff(mask))
    assert len(landcover.cut(scene, mask, tmp_path / "chips", 64, 64, val=0, test=0).chips.couples) == 10


def test_the_real_scene_gives_the_challenges_chips(data: Path, chips_west: Path, tmp_path: Path) -> None:
    folder = data / "challenge48"
    done = landcover.cut(folder / "ain_west.tif", folder / "ain_west_mask.tif", tmp_path / "chips")
    assert done.chips.splits is not None
    assert leaks(done.chips.splits).empty
    mine = done.chips.splits.set_index(["y0", "x0"])["sample_id"]
    mine_shares = read_shares(tmp_path / "chips" / "train_labels.csv")
    shares = read_shares(chips_west / "train_labels.csv")
    for theirs in pd.read_csv(chips_west / "splits.csv", dtype={"sample_id": str}).itertuples():
        i = mine[theirs.y0, theirs.x0]
        for kind, files in (("images", done.chips.images), ("masks", done.chips.masks)):
            expected = read_tiff(chips_west / kind / f"{theirs.sample_id}.tif")
            np.testing.assert_array_equal(read_tiff(files[i]), expected)
        np.testing.assert_allclose(mine_shares.loc[i], shares.loc[theirs.sample_id], atol=1e-9)
