"""The forest: what it sees of a pixel, and the shares it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import landcover
from landcover.chips.folder import open_chips
from landcover.chips.tables import read_shares
from landcover.training.forest import features

BANDS = ("B02", "B03", "B04", "B08")


def test_features_are_bands_ndvi_and_their_surroundings() -> None:
    image = np.full((4, 20, 24), 1000.0, np.float32)
    image[3] = 3000
    found = features(image, BANDS, 5)
    assert found.shape == (20, 24, 15)
    assert found[0, 0, 4] == pytest.approx(2000 / 4002)
    assert found[3, 3, :5] == pytest.approx(found[3, 3, 5:10], abs=1e-5)
    assert found[..., 10:].max() < 1e-2  # nothing varies
    image[:, 10, 12] = 9000
    assert features(image, BANDS, 5)[10, 10, 10] > 0.1


def test_a_forest_learns_shares_and_repeats(small_chips: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "forest.toml"
    recipe.write_text('[network]\nkind = "pixel-forest"\ntrees = 8\npixels = 200\n', encoding="utf-8")
    run = landcover.train(recipe, small_chips, tmp_path / "a")
    again = landcover.train(recipe, small_chips, tmp_path / "b")
    assert run.model is None
    assert run.scores == again.scores
    table = read_shares(run.folder / "distributions.csv")
    chips = open_chips(small_chips)
    assert not set(table.index) & set(chips.part("train"))
    assert set(chips.part("val")) <= set(table.index)
    assert np.allclose(table.sum(axis=1), 1)
    even = np.log(8) / 2
    assert run.scores["kl_mean"] < even
