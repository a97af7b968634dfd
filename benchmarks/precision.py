"""How far bf16 is from float32, and whether two runs agree: benchmarks/precision.py CHIPS RESULT.json [MODEL]

Predicts the part test of the challenge's chips twice in each precision.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from result_files import this_commit

import landcover
from landcover.files import sha256, write_text
from landcover.weights import box_model


def main(chips: Path, result: Path, model: Path) -> None:
    """Predict four times, compare, print and write the result file."""
    with tempfile.TemporaryDirectory() as folder:
        shares, files = {}, {}
        for precision in ("bf16", "float32"):
            for time in (1, 2):
                out = Path(folder) / f"{precision}{time}"
                found = landcover.predict(chips, out, model=model, part="test", precision=precision)
                shares[precision] = found.shares
                products = sorted([out / "distributions.csv", *out.glob("maps/*.tif")])
                files[precision, time] = [sha256(p) for p in products]
    commit = this_commit()
    record = {
        "commit": commit,
        "chips": len(shares["bf16"]),
        "largest_share_difference": float(abs(shares["bf16"] - shares["float32"]).to_numpy().max()),
        "two_runs_identical": {p: files[p, 1] == files[p, 2] for p in ("bf16", "float32")},
    }
    print(json.dumps(record, indent=1))
    write_text(result, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else box_model())
