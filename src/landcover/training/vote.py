"""Train a vote: its members in processes of their own, then one model file of all of them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landcover.errors import LandcoverError
from landcover.networks.segmenter import Segmenter
from landcover.networks.vote import How, Vote
from landcover.training import checkpoint
from landcover.training.recipe import Recipe, read_recipe, read_toml, refuse, told

MEMBERS = "members"


class Member(BaseModel):
    """A recipe, its path relative to the vote's, and a seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: Path
    seed: int = Field(ge=0)


class VoteRecipe(BaseModel):
    """A vote: who, how, and the threads of each training, which its bytes depend on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    members: tuple[Member, ...] = Field(min_length=2)
    how: How = "mean"
    threads: int = Field(default=1, ge=1)


def read_vote(path: Path) -> VoteRecipe | None:
    """The vote that a recipe describes; None where it describes one network.

    Raises
    ------
    LandcoverError : unreadable, or a vote that is at fault, all its mistakes told at once
    """
    data = read_toml(path)
    if MEMBERS not in data:
        return None
    try:
        vote = VoteRecipe.model_validate(data)
    except ValidationError as error:
        refuse(path, told(error))
        raise
    members = [m.model_copy(update={"recipe": path.parent / m.recipe}) for m in vote.members]
    recipes = [read_recipe(m.recipe) for m in members]
    if len({_in_common(recipe) for recipe in recipes}) > 1:
        finding = "has members that differ in [data], [decoder] or [export]"
        raise LandcoverError(path, finding, "the same in all", "mend the recipes")
    if recipes[0].data.split != "csv":
        raise LandcoverError(path, f"has members that draw their split ({recipes[0].data.split})",
            'split = "csv": each seed draws other parts', "write a splits.csv")  # fmt: skip
    if any(recipe.network.kind == "pixel-forest" for recipe in recipes):
        raise LandcoverError(path, "has a forest as a member", "networks", "leave it out")
    return vote.model_copy(update={"members": tuple(members)})


def train_members(
    vote: VoteRecipe,
    data: Path,
    folder: Path,
    start: Path | None,
    processes: int,
    resume: bool,
    overwrite: bool,
) -> list[Path]:
    """Train each member as a run of its own, several at once; finished ones stay as they are.

    Each has `vote.threads` threads whatever the number of processes, so that its bytes are the same.

    Parameters
    ----------
    start : run folder or model file whose weights each member goes on from

    Returns
    -------
    run folders, `folder/members/1` and so on

    Raises
    ------
    LandcoverError : a member failed, in its own words
    """
    runs = [folder / MEMBERS / str(number) for number in range(1, len(vote.members) + 1)]

    def run(member: Member, out: Path) -> None:
        if resume and (out / "run.json").exists():
            return
        words = [sys.executable, "-m", "landcover", "train", str(member.recipe), "--data", str(data)]
        words += ["--out", str(out), "--seed", str(member.seed)]
        words += ["--from", str(start)] if start else []
        words += ["--resume"] if resume and (out / "checkpoint" / "start.json").exists() else []
        words += ["--overwrite"] if overwrite else []
        threads = {"OMP_NUM_THREADS": str(vote.threads)}
        done = subprocess.run(words, env={**os.environ, **threads}, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1]
            raise LandcoverError(out, f"could not be trained: {said}", "a finished run", "mend it, --resume")

    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(run, vote.members, runs))
    return runs


def assemble(vote: VoteRecipe, runs: list[Path], classes: int) -> tuple[Vote, list[Recipe]]:
    """The trained members as one network, and their recipes as run."""
    recipes = [read_recipe(run / "recipe.toml") for run in runs]
    members = []
    for run, recipe in zip(runs, recipes, strict=True):
        member = Segmenter(recipe.data.bands, classes, recipe.network.model_dump())
        member.load_state_dict(checkpoint.load(run / "checkpoint" / "best.safetensors")[0])
        members.append(member)
    return Vote(members, vote.how), recipes


def histories(runs: list[Path]) -> list[dict[str, float]]:
    """The kept epoch of each member, seconds added up."""
    rows, seconds, processor = [], 0.0, 0.0
    for run in runs:
        history: list[dict[str, float]] = pd.read_csv(run / "history.csv").to_dict("records")  # type: ignore[assignment]
        chosen = not math.isnan(history[-1]["val_kl"])  # there were validation chips
        kept = min(history, key=lambda row: row["val_kl"]) if chosen else history[-1]
        seconds += history[-1]["seconds"]
        processor += history[-1]["processor_seconds"]
        rows.append(kept | {"seconds": seconds, "processor_seconds": processor})
    return rows


def _in_common(recipe: Recipe) -> str:
    seen = recipe.data.model_dump_json(exclude={"oversample"})
    return seen + recipe.decoder.model_dump_json() + recipe.export.model_dump_json()
