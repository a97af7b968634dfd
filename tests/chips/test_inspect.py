from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import edit_csv, read_tiff, truncate, write_tiff

import landcover
from landcover.errors import LandcoverError


def only_problem(data: Path, **options: Any) -> str:
    problems = landcover.inspect(data, **options).problems
    assert len(problems) == 1, problems
    return problems[0]


def test_a_sound_folder_has_no_problem(small_chips: Path) -> None:
    found = landcover.inspect(small_chips)
    assert found.problems == ()
    assert len(found.images) == found.masks == 27
    assert len(found.checks) == 4
    assert found.parts is not None
    assert found.parts.sum() == 27
    assert set(found.images["crs"]) == {"none"}


def test_ranges_are_those_of_the_pixels(small_chips: Path) -> None:
    found = landcover.inspect(small_chips)
    pixels = np.stack([read_tiff(p) for p in sorted((small_chips / "images").iterdir())])
    for n, band in enumerate(("B02", "B03", "B04", "B08")):
        expected = np.percentile(pixels[:, n], [0, 1, 50, 99, 100])
        np.testing.assert_allclose(found.bands.loc[band], expected, rtol=0.01)


def test_pixels_are_counted_by_class(small_chips: Path) -> None:
    found = landcover.inspect(small_chips)
    masks = np.stack([read_tiff(p) for p in (small_chips / "masks").iterdir()])
    assert found.classes is not None
    assert found.classes["pixels"].tolist() == np.bincount(masks.ravel(), minlength=10).tolist()
    assert found.classes["share"].sum() == pytest.approx(1)
    assert found.classes["images"].tolist()[9] == (masks == 9).any(axis=(1, 2, 3)).sum()


def test_a_folder_of_images_and_a_single_image(small_chips: Path) -> None:
    folder = landcover.inspect(small_chips / "images")
    single = landcover.inspect(small_chips / "images" / "scene_0_0.tif")
    assert (len(folder.images), len(single.images)) == (27, 1)
    for found in (folder, single):
        assert (found.masks, found.classes, found.parts, found.problems) == (0, None, None, ())


def test_an_image_larger_than_a_window_is_read_in_pieces(tmp_path: Path) -> None:
    pixels = np.ones((2, 1500, 1100), np.int16)
    pixels[0, 1400, 1050] = 3000
    pixels[:, :750] = -1
    found = landcover.inspect(write_tiff(tmp_path / "a.tif", pixels, nodata=-1))
    assert found.bands.loc["band 1", ["min", "max"]].tolist() == [1, 3000]
    assert found.images["empty"].item() == pytest.approx(0.5)


def test_couples_without_mask_or_image(small_chips: Path) -> None:
    (small_chips / "masks" / "scene_0_0.tif").unlink()
    (small_chips / "images" / "scene_0_1.tif").unlink()
    problems = landcover.inspect(small_chips).problems
    assert "images without mask: scene_0_0" in problems
    assert "masks without image: scene_0_1" in problems


def test_masks_that_disagree_with_labels(small_chips: Path) -> None:
    path = small_chips / "masks" / "scene_0_2.tif"
    codes = read_tiff(path)
    codes[0, 0, 0] = 7
    write_tiff(path, codes)
    assert only_problem(small_chips).endswith("train_labels.csv: scene_0_2")


def test_labels_from_elsewhere(small_chips: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    (small_chips / "train_labels.csv").rename(labels)
    assert not any("agree" in line for line in landcover.inspect(small_chips).checks)
    assert any("27 masks agree" in line for line in landcover.inspect(small_chips, labels=labels).checks)
    edit_csv(labels, lambda t: t.replace({"scene_0_0": "scene_9_9"}))
    assert landcover.inspect(small_chips, labels=labels).problems == (
        f"masks without row in {labels}: scene_0_0",
        f"rows of {labels} without mask: scene_9_9",
    )


def test_damaged_and_odd_files_are_listed_and_the_others_inspected(small_chips: Path) -> None:
    truncate(small_chips / "images" / "scene_0_0.tif")
    write_tiff(small_chips / "images" / "scene_0_1.tif", np.full((4, 64, 64), np.inf, np.float32))
    write_tiff(small_chips / "masks" / "scene_0_2.tif", np.full((64, 64), 77, np.uint8))
    write_tiff(small_chips / "masks" / "scene_0_3.tif", np.full((60, 64), 2, np.uint8))
    write_tiff(small_chips / "masks" / "scene_0_4.tif", np.zeros((64, 64), np.uint8))
    write_tiff(small_chips / "images" / "scene_0_5.tif", np.zeros((4, 64, 64), np.uint16), tuple("abcd"))
    found = landcover.inspect(small_chips)
    assert len(found.images) == 25
    for words in (
        "scene_0_0.tif: can't be read",
        "scene_0_1.tif: holds infinite values",
        "scene_0_2.tif: holds codes outside the legend: 77",
        "masks of another size than their image: scene_0_3",
        "masks without any label: scene_0_4",
        "images without any data: scene_0_5",
        "images are of 2 sets of bands",
    ):
        assert any(words in problem for problem in found.problems), (words, found.problems)


def test_an_image_of_nan_alone_is_inspected(tmp_path: Path) -> None:
    found = landcover.inspect(write_tiff(tmp_path / "a.tif", np.full((4, 8, 8), np.nan, np.float32)))
    assert found.problems == ("images without any data: a",)
    assert found.bands.empty


def test_leaking_splits_are_told_by_place_and_by_pixels(small_chips: Path, tmp_path: Path) -> None:
    random = tmp_path / "random.csv"
    table = pd.read_csv(small_chips / "splits.csv")
    table["part"] = ["train", "test", "train"] * 9
    table.to_csv(random, index=False)
    assert only_problem(small_chips, splits=random) == (
        "train and test share pixels (by their places): 42 pairs of chips; "
        "18 of 18 train chips, 9 of 9 test chips"
    )
    table[["sample_id", "part"]].to_csv(random, index=False)
    assert only_problem(small_chips, splits=random).startswith(
        "train and test share pixels (by their pixels)"
    )


def test_a_clean_split_without_places_is_clean(small_chips: Path) -> None:
    edit_csv(small_chips / "splits.csv", lambda t: t[["sample_id", "part"]])
    found = landcover.inspect(small_chips)
    assert found.problems == ()
    assert "no two parts of the split share a pixel (by their pixels)" in found.checks


def test_ids_that_only_the_split_or_the_folder_knows(small_chips: Path) -> None:
    edit_csv(small_chips / "splits.csv", lambda t: t.replace({"scene_0_0": "scene_9_9"}))
    assert landcover.inspect(small_chips).problems == (
        "images without part in the split: scene_0_0",
        "rows of the split without image: scene_9_9",
    )


def test_the_chart_is_the_same_each_time(small_chips: Path, tmp_path: Path) -> None:
    charts = [tmp_path / f"{n}.svg" for n in range(2)]
    for chart in charts:
        landcover.inspect(small_chips, chart=chart)
    text = charts[0].read_text()
    assert text.startswith("<svg ")
    assert "water" in text
    assert text == charts[1].read_text()


def test_what_cannot_be_inspected_is_refused(small_chips: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    bad = write_tiff(tmp_path / "bad" / "a.tif", np.ones((4, 200, 200), np.uint16))
    truncate(bad)
    for data, finding in (
        (tmp_path / "nowhere", "is not there"),
        (tmp_path / "empty", "holds no image"),
        (bad, "can't be read"),
        (bad.parent, "can't be read"),
    ):
        with pytest.raises(LandcoverError, match=finding):
            landcover.inspect(data)
    with pytest.raises(LandcoverError, match="has no masks to chart"):
        landcover.inspect(small_chips / "images", chart=tmp_path / "c.svg")
    for option in ("labels", "splits"):
        with pytest.raises(LandcoverError, match=r"nowhere\.csv"):
            landcover.inspect(small_chips, **{option: tmp_path / "nowhere.csv"})


def test_the_real_chips_are_sound_and_a_random_split_leaks(chips48: Path, tmp_path: Path) -> None:
    table = pd.read_csv(chips48 / "splits.csv")
    table["part"] = np.random.default_rng(0).choice(["train", "val", "test"], len(table))
    table[["sample_id", "part"]].to_csv(tmp_path / "random.csv", index=False)
    assert landcover.inspect(chips48).problems == ()
    problems = landcover.inspect(chips48, splits=tmp_path / "random.csv").problems
    assert len(problems) == 3
    assert all("share pixels (by their pixels)" in problem for problem in problems)
