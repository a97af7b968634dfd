"""A vote: trained in any number of processes to the same file, which is the mean of its members."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import landcover
from landcover.chips.folder import open_chips, read_couples
from landcover.errors import LandcoverError
from landcover.files import sha256
from landcover.inference.engine import Engine
from landcover.inference.modelfile import read_model

from .recipes import tiny_recipe


def a_vote(folder: Path, extra: str = "") -> Path:
    tiny_recipe(folder / "one.toml", steps=4)
    tiny_recipe(folder / "two.toml", steps=6)
    path = folder / "vote.toml"
    members = '[[members]]\nrecipe = "one.toml"\nseed = 1\n[[members]]\nrecipe = "two.toml"\nseed = 2\n'
    path.write_text(extra + members, encoding="utf-8")
    return path


def test_one_or_two_processes_give_the_same_file(small_chips: Path, tmp_path: Path) -> None:
    recipe = a_vote(tmp_path)
    one = landcover.train(recipe, small_chips, tmp_path / "a", processes=1)
    two = landcover.train(recipe, small_chips, tmp_path / "b", processes=2)
    assert one.model.read_bytes() == two.model.read_bytes()

    # the file is the mean of its members
    chips = open_chips(small_chips)
    images, _ = read_couples(chips, chips.part("val")[:2], None, read_model(one.model)[1].bands)
    members = [
        np.stack(list(Engine(one.folder / "members" / n / "model.onnx", "float32").probabilities(images)))
        for n in ("1", "2")
    ]
    found = np.stack([p.copy() for p in Engine(one.model, "float32").probabilities(images)])
    assert np.allclose(found, np.mean(members, axis=0), atol=1e-4)

    # a member that was lost is trained again, to the same file
    (one.folder / "members" / "2" / "run.json").unlink()
    one.model.unlink()
    again = landcover.train(recipe, small_chips, tmp_path / "a", resume=True)
    assert again.model.read_bytes() == two.model.read_bytes()


def test_the_members_of_a_vote_go_on_from_the_same_weights(small_chips: Path, tmp_path: Path) -> None:
    base = landcover.train(tiny_recipe(tmp_path / "base.toml", steps=4), small_chips, tmp_path / "base")
    vote = landcover.train(a_vote(tmp_path), small_chips, tmp_path / "vote", start=base.folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the members have
    try:
        alone = landcover.train(
            tmp_path / "one.toml", small_chips, tmp_path / "one", start=base.folder, seed=1
        )
    finally:
        torch.set_num_threads(threads)
    assert (vote.folder / "members" / "1" / "model.onnx").read_bytes() == alone.model.read_bytes()
    begun = json.loads((vote.folder / "run.json").read_text())["start"]["sha256"]
    assert begun == sha256(base.folder / "checkpoint" / "best.safetensors")


def test_mistakes_of_a_vote_are_told_at_once(small_chips: Path, tmp_path: Path) -> None:
    recipe = a_vote(tmp_path, 'how = "loud"\nthreads = 0\n')
    with pytest.raises(LandcoverError, match="2 mistakes"):
        landcover.train(recipe, small_chips, tmp_path / "out")
    recipe = a_vote(tmp_path)
    (tmp_path / "two.toml").write_text('[data]\nbands = ["B08", "B04", "B03", "B02"]\n')
    with pytest.raises(LandcoverError, match=r"differ in \[data\]"):
        landcover.train(recipe, small_chips, tmp_path / "out")
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text('[data]\nsplit = "place"\n')
    with pytest.raises(LandcoverError, match="draw their split"):
        landcover.train(recipe, small_chips, tmp_path / "out")
    with pytest.raises(LandcoverError, match="--seed: is given for a vote"):
        landcover.train(a_vote(tmp_path), small_chips, tmp_path / "out", seed=3)


def test_a_hard_vote_counts_votes(small_chips: Path, tmp_path: Path) -> None:
    run = landcover.train(a_vote(tmp_path, 'how = "hard"\n'), small_chips, tmp_path / "run")
    chips = open_chips(small_chips)
    images, _ = read_couples(chips, chips.part("val")[:1], None, read_model(run.model)[1].bands)
    p = next(Engine(run.model, "float32").probabilities(images))
    assert set(np.unique(p.round(3))) <= {0.0, 0.5, 1.0}


def test_overwriting_a_vote_forgets_its_members(small_chips: Path, tmp_path: Path) -> None:
    run = landcover.train(a_vote(tmp_path), small_chips, tmp_path / "run")
    stale = run.folder / "members" / "3"
    stale.mkdir()
    again = landcover.train(a_vote(tmp_path), small_chips, tmp_path / "run", overwrite=True)
    assert not stale.exists()
    assert again.model.is_file()


def test_first_and_last_convolutions_of_every_member_are_found() -> None:
    from landcover.networks.segmenter import Segmenter
    from landcover.networks.vote import Vote
    from landcover.training.export import _graph, edges

    settings = {"kind": "unet", "width": 4, "depth": 1, "scaling": "log", "ratios": True}
    members = [Segmenter(("B02", "B03", "B04", "B08"), 8, settings) for _ in range(2)]
    found = edges(_graph(Vote(members).eval(), 4, torch.onnx.TrainingMode.EVAL))
    convolutions = [name for name in found if "Conv" in name]
    assert len(convolutions) == 4
    assert sum("head" in name for name in convolutions) == 2
    assert sum("down.0/down.0.0" in name for name in convolutions) == 2
