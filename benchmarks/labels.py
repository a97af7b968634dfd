"""What labels are worth: python benchmarks/labels.py CHIPS RESULT.json RECIPE

Trains RECIPE on 25, 50, 100 and all chips of the part train, drawn at random, each set within the next; and
on all of them with 5, 10 and 20 % of their labels wrong: cells of 16 × 16 px that get another class.
Chips are repeated, so that an epoch has as many steps whatever their number; the epoch is chosen on val.
CHIPS is the challenge's chips folder with splits.csv and train_labels.csv. RESULT is written after each
training, and those that it holds of the same commit are not trained again. RECIPE may be a network's or a
forest's; with a network, 25 chips are chosen by it, too: to the first 25, those of which its probabilities
have the highest mean entropy.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from result_files import this_commit
from scores import PARTS, scores_of_run

import landcover
from landcover.chips.folder import open_chips, read_couples
from landcover.files import write_text
from landcover.inference.engine import Engine
from landcover.training.recipe import read_recipe

SIZES = (25, 50, 100)
WRONG = (0.05, 0.1, 0.2)
CELL = 16  # px


def fewer(chips: Path, target: Path, chosen: list[str], wrong: float = 0.0) -> Path:
    """A chips folder whose part train is `chosen`, repeated, with a share of its labels wrong."""
    splits = pd.read_csv(chips / "splits.csv", dtype={"sample_id": str})
    train = splits[splits["part"] == "train"]
    kept = splits[splits["part"].isin(PARTS)]
    for kind in ("images", "masks"):
        (target / kind).mkdir(parents=True)
        for id in kept["sample_id"]:
            (target / kind / f"{id}.tif").symlink_to((chips / kind / f"{id}.tif").resolve())
    rng, rows = np.random.default_rng(0), [kept]
    known = train.set_index("sample_id").loc[chosen].reset_index()
    for turn in range(round(len(train) / len(chosen))):
        again = known.assign(sample_id=[f"t{turn}x{id}" for id in known["sample_id"]])
        for old, new in zip(known["sample_id"], again["sample_id"], strict=True):
            (target / "images" / f"{new}.tif").symlink_to((chips / "images" / f"{old}.tif").resolve())
            shutil.copy(chips / "masks" / f"{old}.tif", target / "masks" / f"{new}.tif")
            if wrong:
                spoil(target / "masks" / f"{new}.tif", wrong, rng)
        rows.append(again)
    pd.concat(rows).to_csv(target / "splits.csv", index=False)
    return target


def spoil(mask: Path, share: float, rng: np.random.Generator) -> None:
    """Give some cells of a mask one class, drawn from the pixels that are not of the cell's commonest."""
    with rasterio.open(mask, "r+") as file:
        labels = file.read(1)
        before = labels.copy()
        for y in range(0, labels.shape[0], CELL):
            for x in range(0, labels.shape[1], CELL):
                cell = before[y : y + CELL, x : x + CELL]
                others = before[before != np.bincount(cell.ravel()).argmax()]
                if rng.random() < share and len(others):
                    labels[y : y + CELL, x : x + CELL] = rng.choice(others)
        file.write(labels, 1)


def unsure(model: Path, chips: Path, ids: list[str], many: int) -> list[str]:
    """The chips of which the model's probabilities have the highest mean entropy."""
    engine = Engine(model, "float32")
    images, _ = read_couples(open_chips(chips), ids, None, engine.card.bands)
    entropy = [float(-(p * np.log(p.clip(1e-9))).sum(axis=0).mean()) for p in engine.probabilities(images)]
    return [ids[i] for i in np.argsort(entropy)[::-1][:many]]


def main(chips: Path, result: Path, recipe: Path) -> None:
    """Train, score, print and write the result file after each point."""
    ids = open_chips(chips).part("train")
    drawn = [ids[i] for i in np.random.default_rng(0).permutation(len(ids))]
    begun = {"commit": this_commit(), "recipe": recipe.stem}
    found = begun | {"points": {}}
    if result.exists():
        before = json.loads(result.read_text(encoding="utf-8"))
        found = before if before.items() >= begun.items() else found
    points = found["points"]
    with tempfile.TemporaryDirectory() as folder:

        def point(name: str, chosen: list[str], wrong: float = 0.0) -> Path:
            data = fewer(chips, Path(folder) / f"{name} chips", chosen, wrong)
            run = Path(folder) / name
            landcover.train(recipe, data, run)
            scores = scores_of_run(run, chips)
            points[name] = {"chips": len(chosen), "wrong": wrong, "scores": scores}
            write_text(result, json.dumps(found, indent=1) + "\n")
            shown = "  ".join(f"{p} {scores[p][scores[p]['decoder']]['kl']:.4f}" for p in PARTS)
            print(f"{name:<12} {shown}", flush=True)
            return run

        few = SIZES[0]
        if read_recipe(recipe).network.kind != "pixel-forest" and "chosen" not in points:
            run = point(f"{few} chips", drawn[:few])
            more = unsure(run / "model.onnx", chips, drawn[few:], SIZES[1] - few)
            point("chosen", [*drawn[:few], *more])
        for number in (*SIZES, len(ids)):
            if f"{number} chips" not in points:
                point(f"{number} chips", drawn[:number])
        for wrong in WRONG:
            if f"{wrong:.0%} wrong" not in points:
                point(f"{wrong:.0%} wrong", ids, wrong)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
