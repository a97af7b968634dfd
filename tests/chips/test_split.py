from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landcover.chips.split import has_places, leaks, leave_one_scene_out, overlapping, split_by_place
from landcover.errors import LandcoverError


def grid(rows: int, columns: int, stride: int = 192, scene: str = "a") -> pd.DataFrame:
    y, x = np.divmod(np.arange(rows * columns), columns)
    return pd.DataFrame({"scene": scene, "y0": y * stride, "x0": x * stride})


def painted(chips: pd.DataFrame, size: int) -> int:
    """Pixels that two parts cover, found by painting each part on a canvas."""
    shared = 0
    for _, scene in chips[chips["part"] != "buffer"].groupby("scene"):
        canvases = []
        for _, part in scene.groupby("part"):
            canvas = np.zeros((scene["y0"].max() + size, scene["x0"].max() + size), int)
            for y, x in zip(part["y0"], part["x0"], strict=True):
                canvas[y : y + size, x : x + size] = 1
            canvases.append(canvas)
        shared += int((np.sum(canvases, axis=0) > 1).sum())
    return shared


scattered = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=40
).map(lambda rows: pd.DataFrame(rows, columns=["scene", "y0", "x0"]))


@settings(max_examples=60, deadline=None)
@given(scattered, st.integers(1, 80))
def test_pairs_are_all_that_overlap(chips: pd.DataFrame, size: int) -> None:
    found = {tuple(sorted(pair)) for pair in overlapping(chips, size).tolist()}
    rows = list(chips.itertuples(index=False))
    expected = {
        (i, j)
        for j, b in enumerate(rows)
        for i, a in enumerate(rows[:j])
        if a.scene == b.scene and abs(a.y0 - b.y0) < size and abs(a.x0 - b.x0) < size
    }
    assert found == expected


@settings(max_examples=60, deadline=None)
@given(scattered, st.integers(1, 80), st.data())
def test_leaks_are_found_where_pixels_are_shared(chips: pd.DataFrame, size: int, data: st.DataObject) -> None:
    parts = st.sampled_from(["train", "val", "test", "buffer", "elsewhere"])
    chips["part"] = data.draw(st.lists(parts, min_size=len(chips), max_size=len(chips)))
    assert leaks(chips, size).empty == (painted(chips, size) == 0)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 8), st.integers(16, 40), st.integers(10, 64), st.integers(10, 64), st.integers(0, 5),
    st.sampled_from([(0.15, 0.15), (0.3, 0.0), (0.0, 0.2)]),
)  # fmt: skip
def test_a_split_by_place_shares_no_pixel(
    rows: int, columns: int, size: int, stride: int, seed: int, fractions: tuple[float, float]
) -> None:
    chips = grid(rows, columns, max(stride, size // 2))
    split = split_by_place(chips, size, *fractions, seed)
    assert painted(split, size) == 0
    wanted = {"train"} | ({"val"} if fractions[0] else set()) | ({"test"} if fractions[1] else set())
    assert set(split["part"]) - {"buffer"} == wanted
    pd.testing.assert_frame_equal(split.drop(columns="part"), chips)


def test_the_same_seed_gives_the_same_parts() -> None:
    chips = grid(4, 100)
    assert split_by_place(chips, seed=1).equals(split_by_place(chips, seed=1))
    assert not split_by_place(chips, seed=1).equals(split_by_place(chips, seed=2))


@pytest.mark.parametrize(("rows", "columns"), [(10, 40), (40, 10), (57, 57)])
def test_the_fractions_are_near_the_wanted_ones(rows: int, columns: int) -> None:
    counts = split_by_place(grid(rows, columns))["part"].value_counts()
    assert counts["buffer"] < 0.15 * rows * columns
    shares = counts.drop("buffer") / counts.drop("buffer").sum()
    assert shares["train"] == pytest.approx(0.7, abs=0.06)
    assert shares["val"] == pytest.approx(0.15, abs=0.06)
    assert shares["test"] == pytest.approx(0.15, abs=0.06)


def test_chips_that_stand_alone_need_no_buffer() -> None:
    chips = pd.DataFrame({"scene": [str(i) for i in range(100)], "y0": 0, "x0": 0})
    assert split_by_place(chips)["part"].value_counts().to_dict() == {"train": 70, "val": 15, "test": 15}


def test_all_train_is_possible() -> None:
    assert set(split_by_place(grid(1, 1), val=0, test=0)["part"]) == {"train"}
    assert set(split_by_place(grid(2, 2), val=0, test=1)["part"]) == {"test"}


def test_chips_too_close_together_are_refused() -> None:
    with pytest.raises(LandcoverError, match=r"9 chips into test, val, train.*--val 0"):
        split_by_place(grid(3, 3))


@pytest.mark.parametrize(("val", "test"), [(0.6, 0.6), (-0.1, 0.1), (0.1, 1.1)])
def test_impossible_fractions_are_refused(val: float, test: float) -> None:
    with pytest.raises(LandcoverError, match="--val and --test"):
        split_by_place(grid(10, 40), val=val, test=test)


def test_a_split_needs_places() -> None:
    chips = grid(2, 20)
    assert has_places(chips)
    for lacking in (chips.drop(columns="scene"), chips.assign(y0=np.nan)):
        assert not has_places(lacking)
        with pytest.raises(LandcoverError, match=r"splits\.csv: lacks the place"):
            split_by_place(lacking)


def test_a_scene_is_left_out() -> None:
    chips = pd.concat([grid(3, 30, scene="a"), grid(3, 10, scene="b")])
    split = leave_one_scene_out(chips, "b")
    assert set(split.loc[split["scene"] == "b", "part"]) == {"elsewhere"}
    assert set(split.loc[split["scene"] == "a", "part"]) == {"train", "val", "buffer"}
    assert leaks(split).empty


@pytest.mark.parametrize("scene", ["c", "a"])
def test_a_scene_that_cannot_be_left_out_is_refused(scene: str) -> None:
    with pytest.raises(LandcoverError, match=f"^{scene}: is the scene of"):
        leave_one_scene_out(grid(3, 30), scene)


def test_the_split_of_the_real_chips_is_clean_and_a_random_one_leaks(data: Path) -> None:
    chips = pd.read_csv(data / "challenge48" / "chips.csv", dtype={"sample_id": str})
    assert leaks(chips).empty
    random = np.random.default_rng(0).choice(["train", "val", "test"], len(chips), p=[0.7, 0.15, 0.15])
    found = leaks(chips.assign(part=random))
    assert found[["part", "other"]].to_numpy().tolist() == [
        ["train", "val"],
        ["train", "test"],
        ["val", "test"],
    ]
    assert (found["pairs"] > 50).all()
    assert leaks(split_by_place(chips)).empty


def test_leaks_are_counted() -> None:
    chips = grid(1, 4).assign(part=["train", "test", "train", "buffer"])
    assert leaks(chips).to_dict("records") == [
        {"part": "train", "other": "test", "pairs": 2, "chips": 2, "other_chips": 1}
    ]
