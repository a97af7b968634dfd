from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import edit_csv, read_tiff, write_tiff

from landcover.chips.folder import find_images, natural_order, open_chips, read_couples, read_splits
from landcover.errors import LandcoverError


def test_ids_are_in_natural_order() -> None:
    assert sorted(["10", "9", "a_2_10", "a_2_9", "a"], key=natural_order) == [
        "9",
        "10",
        "a",
        "a_2_9",
        "a_2_10",
    ]


def test_a_folder_is_found(small_chips: Path) -> None:
    (small_chips / "images" / ".hidden.tif").touch()
    (small_chips / "images" / "notes.txt").touch()
    chips = open_chips(small_chips)
    assert len(chips.couples) == 27
    assert chips.couples[:2] == ["scene_0_0", "scene_0_1"]
    assert chips.splits is not None
    assert sorted(chips.part("train", "val", "test", "buffer")) == sorted(chips.couples)


def test_couples_have_both_image_and_mask(small_chips: Path) -> None:
    (small_chips / "masks" / "scene_0_0.tif").unlink()
    (small_chips / "images" / "scene_0_1.tif").unlink()
    assert open_chips(small_chips).couples[0] == "scene_0_2"


def test_couples_are_read(small_chips: Path) -> None:
    chips = open_chips(small_chips)
    images, masks = read_couples(chips, chips.couples[:3])
    assert (images.shape, images.dtype) == ((3, 4, 64, 64), np.float32)
    assert (masks.shape, masks.dtype) == ((3, 64, 64), np.uint8)
    np.testing.assert_array_equal(images[2], read_tiff(chips.images["scene_0_2"]))


def test_a_mask_has_no_label_where_its_image_has_no_data(small_chips: Path) -> None:
    path = small_chips / "images" / "scene_0_0.tif"
    pixels = read_tiff(path)
    pixels[:, :10] = 0
    write_tiff(path, pixels)
    chips = open_chips(small_chips)
    _, masks = read_couples(chips, ["scene_0_0"])
    assert (masks[0, :10] == 0).all()
    assert (masks[0, 10:] != 0).all()


def test_a_mask_of_another_size_is_refused(small_chips: Path) -> None:
    write_tiff(small_chips / "masks" / "scene_0_0.tif", np.full((60, 64), 2, np.uint8))
    with pytest.raises(LandcoverError, match=r"masks/scene_0_0\.tif: is 60 × 64 px; expected 64 × 64 px"):
        read_couples(open_chips(small_chips), ["scene_0_0"])


def test_chips_of_several_sizes_are_refused(small_chips: Path) -> None:
    write_tiff(small_chips / "images" / "scene_0_1.tif", np.ones((4, 32, 32), np.uint16))
    write_tiff(small_chips / "masks" / "scene_0_1.tif", np.full((32, 32), 2, np.uint8))
    with pytest.raises(LandcoverError, match=r"scene_0_1\.tif: is 32 × 32 px; expected 64 × 64 px"):
        read_couples(open_chips(small_chips), ["scene_0_0", "scene_0_1"])


def test_no_couple_is_refused(small_chips: Path) -> None:
    with pytest.raises(LandcoverError, match="gives no couple"):
        read_couples(open_chips(small_chips), [])


def test_missing_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LandcoverError, match="is not there"):
        open_chips(tmp_path / "nowhere")
    with pytest.raises(LandcoverError, match="has no folder images/"):
        open_chips(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(LandcoverError, match="images: holds no image"):
        open_chips(tmp_path)
    with pytest.raises(LandcoverError, match="is not there"):
        find_images(tmp_path / "masks")


def test_an_id_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.tif").touch()
    (tmp_path / "1.jp2").touch()
    with pytest.raises(LandcoverError, match=r"1\.tif: has the same id as 1\.jp2"):
        find_images(tmp_path)


def test_parts_need_splits(small_chips: Path) -> None:
    (small_chips / "splits.csv").unlink()
    with pytest.raises(LandcoverError, match=r"has no splits\.csv"):
        open_chips(small_chips).part("train")


def test_ids_of_splits_are_text(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("sample_id,part\n007,train\n8,val\n")
    assert read_splits(tmp_path / "splits.csv")["sample_id"].tolist() == ["007", "8"]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda t: t.drop(columns="part"), "has no column part"),
        (lambda t: t.drop(columns="sample_id"), "has no column sample_id"),
        (lambda t: pd.concat([t, t.head(1)]), "holds sample_id scene_0_0 twice"),
        (lambda t: t.replace({"part": {"train": "training"}}), "has the part 'training'"),
        (lambda t: t.assign(y0="here"), "has a y0 that is no number"),
    ],
)
def test_wrong_splits_are_refused(small_chips: Path, change: object, finding: str) -> None:
    edit_csv(small_chips / "splits.csv", change)  # type: ignore[arg-type]
    with pytest.raises(LandcoverError, match=rf"splits\.csv: {finding}"):
        open_chips(small_chips)


def test_an_empty_file_of_splits_is_refused(small_chips: Path) -> None:
    (small_chips / "splits.csv").write_text("")
    with pytest.raises(LandcoverError, match=r"splits\.csv: can't be read"):
        open_chips(small_chips)


def test_the_real_chips_are_found(chips48: Path) -> None:
    chips = open_chips(chips48)
    counts = {part: len(chips.part(part)) for part in ("train", "val", "test", "buffer", "elsewhere")}
    assert counts == {"train": 241, "val": 41, "test": 62, "buffer": 60, "elsewhere": 44}
    images, masks = read_couples(chips, chips.part("elsewhere")[:2])
    assert images.shape == (2, 4, 256, 256)
    assert (masks > 1).all()
