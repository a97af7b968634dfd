"""Recipes: all mistakes at once, and what is written is read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from landcover.errors import LandcoverError
from landcover.training.recipe import Recipe, read_recipe, write_recipe
from landcover.training.vote import read_vote

FOLDER = Path(__file__).resolve().parents[2] / "recipes"
RECIPES = [*FOLDER.glob("*.toml"), *FOLDER.glob("field/*.toml")]
VOTES = [path for path in RECIPES if path.stem.endswith("vote")]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        "seed = -1\nspeed = 3\n[network]\nwidth = 0\nkind = 'vit'\n[schedule]\nlearning_rate = 'fast'\n"
    )
    with pytest.raises(LandcoverError) as error:
        read_recipe(path)
    message = str(error.value)
    assert "5 mistakes" in message
    for word in ("seed", "speed is unknown", "network.width", "network.kind", "schedule.learning_rate"):
        assert word in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed = ", "can't be read"),
        ("[data]\nbands = ['B02', 'B08']\n", "one number for each of data.bands"),
        ("[data]\nsplit = 'scene'\n", "the name of the scene"),
        ("[data]\noversample = {water = 0.6, snow = 0.6}\n", "sum to 1 or more"),
        ("[export]\nwindow = 64\noverlap = 48\n", "more than half"),
    ],
)
def test_values_that_contradict_each_other_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(LandcoverError, match=words):
        read_recipe(path)


def test_a_missing_recipe_is_told(tmp_path: Path) -> None:
    with pytest.raises(LandcoverError, match="is not there"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("path", sorted({*RECIPES} - {*VOTES}), ids=lambda p: p.stem)
def test_committed_recipes_are_valid_and_survive_writing(path: Path, tmp_path: Path) -> None:
    recipe = read_recipe(path)
    (tmp_path / "again.toml").write_text(write_recipe(recipe), encoding="utf-8")
    assert read_recipe(tmp_path / "again.toml") == recipe


@pytest.mark.parametrize("path", VOTES, ids=lambda p: p.stem)
def test_committed_votes_are_valid(path: Path) -> None:
    vote = read_vote(path)
    assert vote is not None
    assert len(vote.members) > 1


def test_every_setting_is_spelled_out() -> None:
    text = write_recipe(Recipe())
    for line in ("seed = 1", "[schedule]", "learning_rate = 0.002", 'bands = ["B02", "B03", "B04", "B08"]'):
        assert line in text
