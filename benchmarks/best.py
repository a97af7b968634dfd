"""The best models of the 241 chips: python benchmarks/best.py CHIPS RESULT.json RUN…

They are compared with the benchmark recipe: the first RUN is that of recipes/field/benchmark.toml. CHIPS is
the challenge's chips folder with splits.csv and train_labels.csv. Each model is scored by every decoder on
every part. Its KL, by its own decoder, over that of the benchmark by counts, of the same images, has an
interval over spatial blocks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
from result_files import this_commit
from scores import PARTS, score_part, told

from landcover.accuracy.confusion import ratio_interval
from landcover.chips.folder import open_chips
from landcover.files import sha256, write_text
from landcover.shares.score import spatial_blocks


def main(chips: Path, result: Path, runs: list[Path]) -> None:
    """Score, compare, print and write the result file."""
    commit = this_commit()
    splits = open_chips(chips).splits
    assert splits is not None
    blocks = pd.Series(spatial_blocks(splits))
    benchmark, *others = (run / "model.onnx" for run in runs)
    counted = {part: score_part(benchmark, chips, part).results["counts"].per_image for part in PARTS}
    models = {}
    for model in others:
        scores, ratios = {}, {}
        for part, before in counted.items():
            scored = score_part(model, chips, part)
            scores[part], own = told(scored), scored.results[scored.own].per_image
            low, high = ratio_interval(own.to_numpy(), before.to_numpy(), blocks.loc[own.index])
            ratios[part] = {"mean": float(own.sum() / before.sum()), "low": low, "high": high}
        run = json.loads((model.parent / "run.json").read_text(encoding="utf-8"))
        models[model.parent.name] = {
            "sha256": sha256(model), "run": run, "scores": scores, "of the benchmark": ratios
        }  # fmt: skip
        shown = "  ".join(f"{p} {scores[p][scores[p]['decoder']]['kl']:.5f}" for p in PARTS)
        print(f"{model.parent.name:<14} {shown}  of the benchmark on test {ratios['test']}", flush=True)
    found = {"commit": commit, "benchmark": {"sha256": sha256(benchmark)}, "models": models}
    write_text(result, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), [Path(p) for p in sys.argv[3:]])
