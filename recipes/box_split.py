"""The parts that the model in the box is trained on: python recipes/box_split.py CHIPS OUT

Writes a chips folder OUT that points to the images and masks of CHIPS, the challenge's chips, with a splits.csv of
its own. The parts train, val and test stay as they are. Of `elsewhere` (ain_west), columns 3 to 5 (ponds of the
Dombes) and 14 to 16 (the river Ain, towns) stay `elsewhere`, 13 chips that no training sees; columns 10
and 11 (ponds, forest) join val, and what shares no pixel with these joins train: 14 chips.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

HELD_OUT = {3, 4, 5, 14, 15, 16}
VAL = {10, 11}


def part_of(column: int) -> str:
    """The part of a column of ain_west; neighbours share 64 px."""
    if column in HELD_OUT:
        return "elsewhere"
    if column in VAL:
        return "val"
    near = {column - 1, column + 1}
    return "buffer" if near & (HELD_OUT | VAL) else "train"


def main(chips: Path, out: Path) -> None:
    """Write the chips folder."""
    splits = pd.read_csv(chips / "splits.csv", dtype={"sample_id": str})
    elsewhere = splits["part"] == "elsewhere"
    splits.loc[elsewhere, "part"] = splits.loc[elsewhere, "col"].map(part_of)
    out.mkdir(parents=True)
    for name in ("images", "masks", "train_labels.csv"):
        (out / name).symlink_to((chips / name).resolve())
    splits.to_csv(out / "splits.csv", index=False, lineterminator="\n")
    print(splits.groupby(["part", "scene"]).size().to_string())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
