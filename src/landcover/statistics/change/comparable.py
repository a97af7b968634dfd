"""Whether maps may be compared: one legend, one model, one way of reading the images' numbers."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from landcover.errors import LandcoverError
from landcover.imagery.maps import legend_of
from landcover.legend import Legend

ALLOWED = ("model", "baseline")  # what a user may let differ


def check_comparable(
    maps: Sequence[Path], legend: str | None, allow: Collection[str]
) -> tuple[Legend, list[str]]:
    """The legend of several maps, and what the reader of their comparison has to know.

    All have to agree in codes and names of the legend; those whose predict.json tells them, in the model, by
    its SHA-256 (`model`), and the scale and offset that the images were read with (`baseline`).
    Different ones may be right, since Sentinel-2's numbers are 1000 higher from baseline 04.00 on; only who
    made the maps knows.

    Parameters
    ----------
    legend : see `landcover.imagery.maps.legend_of`; given, it counts for all maps
    allow : what may differ, of `model` and `baseline`; it is told then

    Returns
    -------
    legend, notes : sentences on what differs, what is not known, and the warnings of the predictions

    Raises
    ------
    LandcoverError : something differs that is not allowed
    """
    unknown = sorted(set(allow) - set(ALLOWED))
    if unknown:
        raise LandcoverError("--allow", f"holds {', '.join(unknown)}", " or ".join(ALLOWED), "mend it")
    first, notes = maps[0], []
    common = legend_of(first, legend)
    records = [_record(path) for path in maps]
    for path, record in zip(maps, records, strict=True):
        if record is None:
            notes.append(f"{path.name}: no predict.json tells its model and how its image was read.")
        else:
            notes += [w for w in record["warnings"] if w.startswith(f"{path.stem}: ")]
    for path in maps[1:]:
        if _meaning(legend_of(path, legend)) != _meaning(common):
            raise LandcoverError(
                path, f"has another legend than {first}", "maps of one legend",
                "bring both to one legend first, or give the one that holds for both: --legend",
            )  # fmt: skip
    told = [(path, record) for path, record in zip(maps, records, strict=True) if record is not None]
    for what in ALLOWED:
        for path, record in told[1:]:
            known, its = told[0]
            theirs, ours = _fact(record, what), _fact(its, what)
            if ours == theirs:
                continue
            if what not in allow:
                raise LandcoverError(
                    path, f"was made with {theirs}, {known} with {ours}",
                    f"one {what}, since what differs would be taken for change on the ground",
                    f"predict both alike, or let it differ: --allow {what}",
                )  # fmt: skip
            notes.append(
                f"{path.name} was made with {theirs}, {known.name} with {ours}: part of the change may be "
                "due to that."
            )
    return common, notes


def _meaning(legend: Legend) -> dict[int, str]:
    return {c.code: c.name for c in legend.classes}


def _record(path: Path) -> dict[str, Any] | None:
    """The predict.json of the prediction folder that a map lies in."""
    record, item = path.parent.parent / "predict.json", path.parent.parent / "items" / f"{path.stem}.json"
    if path.parent.name != "maps" or not (record.is_file() and item.is_file()):
        return None
    found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    return found


def _fact(record: dict[str, Any], what: str) -> str:
    if what == "model":
        return f"model {record['model']['file']} ({record['model']['sha256'][:12]})"
    options = record["options"]
    return f"numbers read as raw × {options['scale']:g} + {options['offset']:g}"
