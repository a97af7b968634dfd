"""Score model files by every decoder on every part: python benchmarks/box_model.py CHIPS RESULT.json MODEL…

Without MODEL, the model in the box. CHIPS is the challenge's chips folder with splits.csv and
train_labels.csv. The model's decoders are also compared with each other, paired, over spatial blocks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

from result_files import this_commit
from scores import DECODERS, PARTS, scores_of

from landcover.files import sha256, write_text
from landcover.inference.engine import Engine
from landcover.weights import box_model


def main(chips: Path, result: Path, models: list[Path]) -> None:
    """Predict, score, print a table and write the result file."""
    commit = this_commit()
    found_models: list[dict[str, object]] = []
    for model in models:
        entry = {"model": model.name, "sha256": sha256(model), "scores": scores_of(model, chips)}
        run = model.parent / "run.json"
        if run.exists():
            entry["run"] = json.loads(run.read_text(encoding="utf-8"))
            entry["recipe"] = dict(Engine(model).card.recipe)
        found_models.append(entry)
    for part in PARTS:
        known = set.intersection(*(set(m["scores"][part]) for m in found_models))  # type: ignore[index]
        for decoder in [d for d in (*DECODERS, "loglinear") if d in known]:
            values = [m["scores"][part][decoder]["kl"] for m in found_models]  # type: ignore[index]
            print(f"{part:<10} {decoder:<11} " + "  ".join(f"{v:.5f}" for v in values), end="")
            print(f"  median {median(values):.5f}" if len(values) > 1 else "")
    found = {"commit": commit, "models": found_models}
    write_text(result, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(p) for p in sys.argv[3:]] or [box_model()])
