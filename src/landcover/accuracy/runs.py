"""Read the folders of finished trainings: one row of figures a run, and their histories."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from landcover.errors import LandcoverError

COLUMNS = (
    "name", "network", "parameters", "epochs", "kept_epoch", "wall_min", "processor_min", "kl", "decoder",
    "kl_counts", "kl_mean", "overall_accuracy", "mean_iou", "calibration_error",
)  # fmt: skip


@dataclass(frozen=True)
class Runs:
    """Finished trainings, by name.

    Attributes
    ----------
    table : a row a run, the lowest KL first: COLUMNS, `iou_<class>` for each class of any run, commit; what
        older runs did not record is missing
    histories : by name, a row an epoch: epoch, loss, val_kl
    settings : by name, every setting of the recipe, such as `schedule.batch`
    data : by name, what tells the chips of a run: hash of those of training, number of those of validation
    """

    table: pd.DataFrame
    histories: Mapping[str, pd.DataFrame]
    settings: Mapping[str, Mapping[str, Any]]
    data: Mapping[str, tuple[str, int]]

    @property
    def classes(self) -> list[str]:
        """Names of the classes that have an IoU in any run."""
        return [str(c).removeprefix("iou_") for c in self.table.columns if str(c).startswith("iou_")]


def read_runs(folders: Sequence[Path]) -> Runs:
    """Read run folders; one that is given twice counts once.

    Raises
    ------
    LandcoverError : none is given, or one is no finished run
    """
    if not folders:
        raise LandcoverError("runs", "there are none", "run folders of landcover train", "give some")
    names = names_of([Path(f).resolve() for f in folders])
    rows: list[dict[str, Any]] = []
    histories: dict[str, pd.DataFrame] = {}
    settings: dict[str, Mapping[str, Any]] = {}
    data: dict[str, tuple[str, int]] = {}
    for folder, name in names.items():
        row, data[name], settings[name], histories[name] = _read(folder)
        rows.append({"name": name} | row)
    classes = dict.fromkeys(key for row in rows for key in row if key.startswith("iou_"))
    table = pd.DataFrame(rows, columns=[*COLUMNS, *classes, "commit"])
    table = table.astype({"parameters": "Int64", "epochs": "Int64", "kept_epoch": "Int64"})
    table = table.sort_values(["kl", "name"], ignore_index=True)
    return Runs(table, histories, settings, data)


def names_of(folders: Sequence[Path]) -> dict[Path, str]:
    """Names of folders, with as many of their parents as it takes to tell them apart.

    Examples
    --------
    >>> list(names_of([Path("/a/base"), Path("/b/base"), Path("/b/wide")]).values())
    ['a/base', 'b/base', 'wide']
    """
    names = {folder: folder.name for folder in folders}
    for length in range(2, max(len(f.parts) for f in folders) + 1):
        taken = list(names.values())
        for folder, name in names.items():
            if taken.count(name) > 1:
                names[folder] = "/".join(folder.parts[-length:])
    return names


def _read(
    folder: Path,
) -> tuple[dict[str, Any], tuple[str, int], dict[str, Any], pd.DataFrame]:
    """The figures of a run, what tells its chips, its settings and its history."""
    try:
        facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        recipe = tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))
        history = pd.read_csv(folder / "history.csv")[["epoch", "loss", "val_kl"]]
        row = {"network": recipe["network"]["kind"]} | _figures(facts)
        return row, (facts["data_hash"], facts["chips"]["val"]), flat(recipe), history
    except (OSError, ValueError, KeyError, TypeError) as error:
        missing = isinstance(error, OSError) and error.filename and Path(error.filename).name
        finding = f"has no {missing} that can be read" if missing else f"has a record at fault ({error!r})"
        raise LandcoverError(
            folder, f"is no finished run: it {finding}", "a run folder of landcover train", "leave it out"
        ) from error


def _figures(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a record, by column; those that it lacks are left out."""
    scores, kind = facts["scores_val"], facts["decoder"]["kind"]
    minutes = {
        column: None if facts.get(key) is None else facts[key] / 60
        for column, key in (("wall_min", "wall_time_s"), ("processor_min", "processor_time_s"))
    }
    iou = {f"iou_{name}": value for name, value in facts.get("iou_val", {}).items()}
    known = {key: facts[key] for key in ("parameters", "epochs", "kept_epoch", "commit")}
    own = {"kl": scores.get(f"kl_{kind}"), "decoder": kind}
    return known | minutes | own | {k: v for k, v in scores.items() if k in COLUMNS} | iou


def flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a recipe's data, as `table.key`.

    Examples
    --------
    >>> flat({"seed": 1, "schedule": {"steps": 900, "batch": 4}})
    {'seed': 1, 'schedule.steps': 900, 'schedule.batch': 4}
    """
    tables = {k: v for k, v in recipe.items() if isinstance(v, dict)}
    top = {k: v for k, v in recipe.items() if k not in tables}
    return top | {f"{name}.{key}": value for name, table in tables.items() for key, value in table.items()}
