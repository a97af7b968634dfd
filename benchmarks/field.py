"""Score the recipes of the field: python benchmarks/field.py CHIPS RUN…

RUN is a run folder, named as its recipe in recipes/field; each writes results/field/<name>.json. CHIPS is the
challenge's chips folder with splits.csv and train_labels.csv. Runs were chosen on val; test and elsewhere are
scored here, once.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from result_files import ROOT, this_commit
from scores import PARTS, scores_of_run

from landcover.files import write_text


def main(chips: Path, runs: list[Path]) -> None:
    """Score each run and write its result file."""
    commit = this_commit()
    for run in runs:
        scores = scores_of_run(run, chips)
        facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
        found = {"commit": commit, "run": facts, "scores": scores}
        target = ROOT / "results" / "field" / f"{run.name}.json"
        target.parent.mkdir(exist_ok=True)
        write_text(target, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        shown = "  ".join(f"{part} {scores[part][scores[part]['decoder']]['kl']:.4f}" for part in PARTS)
        print(f"{run.name:<22} {shown}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [Path(p) for p in sys.argv[2:]])
