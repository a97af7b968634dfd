"""Score model files by every decoder on every part: python benchmarks/box_model.py CHIPS RESULT.json MODEL…

Without MODEL, the model in the box. CHIPS is the challenge's chips folder with splits.csv and
train_labels.csv. The model's decoders are also compared with each other, paired, over spatial blocks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import landcover
from landcover.files import sha256, write_text
from landcover.inference.engine import Engine
from landcover.weights import box_model

PARTS = ("val", "test", "elsewhere")
DECODERS = ("counts", "mean", "calibrated")


def main(chips: Path, result: Path, models: list[Path]) -> None:
    """Predict, score, print a table and write the result file."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
    )
    found_models: list[dict[str, object]] = []
    kl: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, model in enumerate(models):
            scores: dict[str, object] = {}
            for part in PARTS:
                predicted = {}
                for decoder in DECODERS:
                    out = Path(folder) / f"{number}_{part}_{decoder}"
                    landcover.predict(
                        chips, out, model=model, part=part, decoder=decoder, probabilities=decoder == "mean"
                    )
                    predicted[decoder] = out
                own = Engine(model).card.decoder.kind
                entry: dict[str, object] = {"decoder": own}
                for decoder, out in predicted.items():
                    against = predicted[own] if decoder != own else None
                    s = landcover.score(
                        out / "distributions.csv",
                        chips / "train_labels.csv",
                        places=chips / "splits.csv",
                        part=part,
                        against=against / "distributions.csv" if against else None,
                    )
                    kl.setdefault((part, decoder), []).append(s.kl)
                    entry[decoder] = {"kl": s.kl, "low": s.low, "high": s.high, "resampled": s.resampled}
                    entry[decoder]["per_class"] = s.per_class.round(6).to_dict()  # type: ignore[index]
                    if s.difference:
                        d = s.difference
                        entry[f"{decoder} − {own}"] = {"mean": d.mean, "low": d.low, "high": d.high}
                e = landcover.evaluate(predicted["mean"], chips, Path(folder) / f"e{number}_{part}")
                entry["overall_accuracy"] = [e.overall_accuracy, e.low, e.high]
                entry["mean_iou"], entry["ece"] = e.mean_iou, e.ece
                scores[part] = entry
            entry = {"model": model.name, "sha256": sha256(model), "scores": scores}
            run = model.parent / "run.json"
            if run.exists():
                entry["run"] = json.loads(run.read_text(encoding="utf-8"))
                entry["recipe"] = dict(Engine(model).card.recipe)
            found_models.append(entry)
    for (part, decoder), values in kl.items():
        print(f"{part:<10} {decoder:<11} " + "  ".join(f"{v:.5f}" for v in values), end="")
        print(f"  median {median(values):.5f}" if len(values) > 1 else "")
    found = {"commit": commit.stdout.strip(), "models": found_models}
    write_text(result, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(p) for p in sys.argv[3:]] or [box_model()])
