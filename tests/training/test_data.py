"""The chips of a training: chosen by the split, never leaking, drawn by their classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import edit_csv

from landcover.chips.folder import open_chips
from landcover.errors import LandcoverError
from landcover.legend import S2GLC
from landcover.training.data import (
    Chips,
    choose_chips,
    class_table,
    class_weights,
    draw_weights,
    load_chips,
    refuse_leaks,
)
from landcover.training.recipe import Recipe


def chips_of(*shares: dict[int, int]) -> Chips:
    """Chips of 100 px with the given pixels of each class; the rest has no label."""
    targets = np.full((len(shares), 10, 10), 255, np.uint8)
    for target, share in zip(targets, shares, strict=True):
        flat = np.repeat(np.array(list(share), np.uint8), list(share.values()))
        target.ravel()[: len(flat)] = flat
    return Chips(
        tuple(map(str, range(len(shares)))), np.ones((len(shares), 4, 10, 10), np.float32), targets, 8
    )


def test_codes_that_are_no_label_are_ignored() -> None:
    table = class_table(S2GLC)
    assert list(table[[0, 1]]) == [255, 255]
    assert list(table[list(S2GLC.label_codes)]) == list(range(8))


def test_shares_are_of_labelled_pixels() -> None:
    shares = chips_of({0: 30, 7: 10}, {}).shares
    assert np.allclose(shares[0], [0.75, 0, 0, 0, 0, 0, 0, 0.25])
    assert not shares[1].any()


def test_oversampling_draws_chips_by_their_share_of_the_class() -> None:
    chips = chips_of({0: 100}, {0: 90, 7: 10}, {0: 70, 7: 30})
    draw = draw_weights(chips, S2GLC, {"water": 0.4})
    assert np.allclose(draw, [0.2, 0.2 + 0.1, 0.2 + 0.3])
    with pytest.raises(LandcoverError, match="names lava"):
        draw_weights(chips, S2GLC, {"lava": 0.1})


def test_class_weights_are_capped_and_mean_one() -> None:
    chips = chips_of({0: 80, 1: 19, 7: 1})
    weights = class_weights(chips, 10)
    assert weights[7] == pytest.approx(10 * weights[0])
    assert weights[3] == weights[7]
    assert (weights * chips.shares[0]).sum() == pytest.approx(1)


def test_the_split_of_the_csv_is_used(small_chips: Path) -> None:
    chips = open_chips(small_chips)
    train, val = choose_chips(chips, Recipe())
    splits = pd.read_csv(small_chips / "splits.csv", dtype=str).set_index("sample_id")["part"]
    assert set(splits[train]) == {"train"}
    assert set(splits[val]) == {"val"}
    loaded = load_chips(chips, val, Recipe())
    assert loaded.images.shape == (len(val), 4, 64, 64)
    assert loaded.hash() != load_chips(chips, train, Recipe()).hash()


def test_a_split_by_place_does_not_leak(small_chips: Path) -> None:
    chips = open_chips(small_chips)
    recipe = Recipe.model_validate({"data": {"split": "place"}})
    train, val = choose_chips(chips, recipe)
    assert train
    assert val
    assert not set(train) & set(val)


def test_a_random_split_is_refused(small_chips: Path) -> None:
    rng = np.random.default_rng(0)
    edit_csv(small_chips / "splits.csv", lambda t: t.assign(part=rng.choice(["train", "val"], len(t))))
    with pytest.raises(LandcoverError, match="is leaking"):
        refuse_leaks(open_chips(small_chips), 64)


def test_chips_without_splits_are_told(small_chips: Path) -> None:
    (small_chips / "splits.csv").unlink()
    with pytest.raises(LandcoverError, match=r"has no splits\.csv"):
        choose_chips(open_chips(small_chips), Recipe())
