"""What ten labelled chips of a new place are worth: python benchmarks/finetune.py CHIPS RESULT.json [MODEL]

Of the chips of the part elsewhere, the ten furthest to the west are labelled; the others that share no pixel
with them are scored before, after fine-tuning from MODEL (that of one place), and after training from
scratch on the same ten.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
from result_files import ONE_PLACE, this_commit

import landcover
from landcover.chips.split import overlapping
from landcover.files import write_text

LABELLED = 10
RECIPES = Path(__file__).resolve().parents[1] / "recipes"


def choose(chips: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Ids of the ten labelled chips, and of those that share no pixel with them."""
    ordered = chips.sort_values(["x0", "y0"], ignore_index=True)
    touched = {int(j) for pair in overlapping(ordered) if pair.min() < LABELLED for j in pair}
    rest = [i for i in range(LABELLED, len(ordered)) if i not in touched]
    ids = ordered["sample_id"]
    return ids[:LABELLED].tolist(), ids[rest].tolist()


def main(chips: Path, result: Path, model: Path) -> None:
    """Train twice, score three times, print and write the result file."""
    splits = pd.read_csv(chips / "splits.csv", dtype={"sample_id": str})
    elsewhere = splits[splits["part"] == "elsewhere"]
    labelled, rest = choose(elsewhere)
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "few"
        for kind in ("images", "masks"):
            (few / kind).mkdir(parents=True)
            for i in [*labelled, *rest]:
                shutil.copy(chips / kind / f"{i}.tif", few / kind)
        parts = elsewhere.assign(part="buffer")
        parts.loc[parts["sample_id"].isin(labelled), "part"] = "train"
        parts.loc[parts["sample_id"].isin(rest), "part"] = "test"
        parts[parts["part"] != "buffer"].to_csv(few / "splits.csv", index=False)
        recipe = RECIPES / "finetune.toml"
        tuned = landcover.train(recipe, few, Path(folder) / "tuned", start=model)
        scratch = landcover.train(RECIPES / "scratch.toml", few, Path(folder) / "scratch")
        found = {}
        for name, file in (("before", model), ("after", tuned.model), ("from scratch", scratch.model)):
            out = Path(folder) / name
            landcover.predict(few, out, model=file, part="test", decoder="mean")
            e = landcover.evaluate(out, few, Path(folder) / f"{name} evaluation")
            s = e.score
            found[name] = {"kl": s.kl, "low": s.low, "high": s.high, "overall_accuracy": e.overall_accuracy}
            print(
                f"{name:<13} KL {s.kl:.4f} ({s.low:.4f} to {s.high:.4f}), accuracy {e.overall_accuracy:.3f}"
            )
    commit = this_commit()
    record = {"commit": commit, "labelled": labelled, "scored": rest, "scores": found}
    write_text(result, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else ONE_PLACE)
