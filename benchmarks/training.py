"""Speed of training in bf16 against float32: python benchmarks/training.py CHIPS RESULT.json [RECIPE…]

Each recipe of recipes/field that has a network of its own trains for a few steps of the real loop, from
reading a chip's view to the averaged weights, first in float32, then in bf16, both with channels last; the
median step counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result_files import ROOT, machine, this_commit

from landcover.chips.folder import open_chips
from landcover.errors import LandcoverError
from landcover.files import write_text
from landcover.networks.segmenter import Segmenter
from landcover.training import loop
from landcover.training.data import Chips, class_weights, load_couples
from landcover.training.recipe import Recipe, read_recipe

WITHOUT = {"pixel_forest", "random", "vote"}  # no network, or that of another recipe
STEPS, WARMUP = 7, 2


def seconds_a_step(recipe: Recipe, chips: Chips, precision: str) -> float:
    """Median over the steps after the first ones, which allocate and compile."""
    schedule = recipe.schedule.model_copy(update={"precision": precision, "steps": STEPS})
    recipe = recipe.model_copy(update={"schedule": schedule})
    torch.manual_seed(recipe.seed)
    network = Segmenter(recipe.data.bands, chips.classes, recipe.network.model_dump())
    network.inputs.fit(torch.from_numpy(chips.images))
    weighted = recipe.loss.class_weights != "none"
    weights = torch.from_numpy(class_weights(chips, recipe.loss.cap)) if weighted else None
    draw = np.full(len(chips.ids), 1 / len(chips.ids))
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        loop.fit(
            network, chips, None, draw, weights, None, recipe, Path(folder),
            lambda _: times.append(time.perf_counter()), lambda _: None,
        )  # fmt: skip
    return float(np.median(np.diff(times)[WARMUP - 1 :]))


def main(data: Path, target: Path, names: list[str]) -> None:
    """Time each recipe, print and write what was found."""
    commit = this_commit()
    found: dict[str, Any] = {"commit": commit, "machine": machine(), "recipes": {}}
    for path in sorted((ROOT / "recipes" / "field").glob("*.toml")):
        again = path.stem in WITHOUT or path.stem.endswith("_6_epochs")  # of the same network
        if again or (names and path.stem not in names):
            continue
        recipe = read_recipe(path)
        couples = load_couples(open_chips(data), recipe)
        few = 4 * recipe.schedule.batch
        whole = couples.training
        chips = Chips(whole.ids[:few], whole.images[:few], whole.targets[:few], whole.classes)
        try:
            took = {p: seconds_a_step(recipe, chips, p) for p in ("float32", "bf16")}
        except LandcoverError as error:  # a network whose library is not installed here
            print(f"{path.stem:<22} left out: {error}", flush=True)
            continue
        found["recipes"][path.stem] = {
            "batch": recipe.schedule.batch,
            "side": recipe.augmentation.crop or whole.images.shape[-1],
            **{f"{p}_images_per_second": recipe.schedule.batch / s for p, s in took.items()},
            "ratio": took["float32"] / took["bf16"],
        }
        print(f"{path.stem:<22}", *(f"{p} {s:.3f} s a step" for p, s in took.items()), flush=True)
        write_text(target, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
