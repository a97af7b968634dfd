"""Compare finished trainings: one table, one page with their curves, costs and classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from landcover import __version__
from landcover.accuracy.runs import Runs, read_runs
from landcover.files import staged, whole
from landcover.report.page import Fact, Figure, Section, Table, write_page
from landcover.report.runs import class_dots, run_costs, run_curves

RESULTS = ("compare.html", "compare.csv")


@dataclass(frozen=True)
class Comparison:
    """Trainings beside each other.

    Attributes
    ----------
    table : a row a run as in compare.csv (docs/data-formats.md), the lowest KL first
    page : compare.html
    notes : why figures may not be comparable
    """

    table: pd.DataFrame
    page: Path
    notes: tuple[str, ...]


def compare(runs: list[Path], out: Path, overwrite: bool = False) -> Comparison:
    """Compare the folders that `landcover.train` wrote.

    Figures are those that training measured on its validation chips; nothing is measured anew. What older
    runs did not record is left empty.

    Parameters
    ----------
    runs : run folders; those of the same name are told apart by their parents
    out : folder for compare.html and compare.csv
    overwrite : replace what an earlier comparison wrote into `out`

    Raises
    ------
    LandcoverError : a folder is no finished run, or `out` can't be used
    """
    found = read_runs([Path(r) for r in runs])
    notes = _notes(found)
    with staged(Path(out), overwrite, RESULTS) as folder:
        with whole(folder / "compare.csv") as temporary:
            found.table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
        _write(folder / "compare.html", found, notes)
    return Comparison(found.table, Path(out) / "compare.html", notes)


def _notes(runs: Runs) -> tuple[str, ...]:
    notes = []
    if len(set(runs.data.values())) > 1:
        notes.append("not all runs have the same chips for training and validation, which their scores show")
    if len(set(runs.table["commit"].dropna())) > 1:
        notes.append("these runs were trained by different commits of the program")
    unknown = runs.table.loc[runs.table["kl"].isna(), "name"].tolist()
    if unknown:
        notes.append(f"without validation chips there is no score: {', '.join(unknown)}")
    return tuple(notes)


def _write(path: Path, runs: Runs, notes: tuple[str, ...]) -> None:
    sections = [_table(runs, notes), _differences(runs), _curves(runs), *_costs(runs), *_classes(runs)]
    best = runs.table.iloc[0]
    facts = [Fact("Runs", str(len(runs.table)))]
    if pd.notna(best["kl"]):
        facts += [
            Fact("Lowest validation KL", f"{best['kl']:.4f}", f"{best['name']}, decoder {best['decoder']}"),
            Fact("Its parameters", f"{best['parameters']:,}", str(best["network"])),
        ]
    write_page(
        path,
        "Trainings compared",
        "What runs of landcover train reached on their validation chips, and what they cost.",
        sections,
        facts,
        f"Made by landcover {__version__}. The same numbers are in compare.csv.",
    )


def _table(runs: Runs, notes: tuple[str, ...]) -> Section:
    names = {
        "name": "run",
        "network": "network",
        "parameters": "parameters",
        "epochs": "epochs",
        "kept_epoch": "kept",
        "wall_min": "wall (min)",
        "processor_min": "processor (min)",
        "kl": "KL",
        "decoder": "decoder",
        "kl_counts": "KL, counts",
        "kl_mean": "KL, mean",
        "overall_accuracy": "accuracy",
        "mean_iou": "mean IoU",
        "calibration_error": "calibration error",
    }
    formats = dict.fromkeys(("KL", "KL, counts", "KL, mean"), ".4f") | {"accuracy": ".1%"}
    formats |= dict.fromkeys(("wall (min)", "processor (min)"), ".1f")
    text = (
        "All scores are of the validation chips, by which the epoch was kept and the decoder fitted: they "
        "flatter every run a little, and the best of many runs most. KL is the score of the shares by the "
        "run's own decoder, lower is better; KL by counts and by the mean of probabilities tell what the "
        "decoder is worth. Mean IoU and accuracy are over pixels; the calibration error tells how far the "
        "probabilities can be believed, 0 is best. Processor minutes are those of the training process over "
        "all its threads, and say more than wall minutes where other work ran beside."
    )
    text += "".join(f"\n\nBeware: {note}." for note in notes)
    table = runs.table[list(names)].rename(columns=names)
    return Section("The runs", text, tables=[Table(table, "The lowest KL first", formats)])


def _differences(runs: Runs) -> Section:
    keys = dict.fromkeys(key for s in runs.settings.values() for key in s)
    varied = [k for k in keys if len({str(s.get(k)) for s in runs.settings.values()}) > 1]
    if not varied:
        return Section("What differs in their recipes", "Nothing: all runs have the same recipe.")
    heads = {key: key.replace(".", " ") for key in varied}
    rows = [
        {"run": name} | {heads[key]: _spelled(runs.settings[name].get(key)) for key in varied}
        for name in runs.table["name"]
    ]
    caption = "Settings that are not the same in all runs; – where a network has no such setting"
    table = Table(pd.DataFrame(rows), caption, dict.fromkeys(heads.values(), "g"))
    return Section("What differs in their recipes", tables=[table])


def _spelled(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if value is None or isinstance(value, int | float) else str(value)


def _curves(runs: Runs) -> Section:
    figure = run_curves(
        {name: runs.histories[name] for name in runs.table["name"]},
        "Left: the loss on training chips, as its recipe defines it; runs with other class weights or other "
        "parts in the loss can't be compared here. Right: the KL of the shares on the validation chips, by "
        "the mean of probabilities; a mark is the epoch that was kept. An epoch shows each training chip "
        "once on average, so a larger batch takes fewer steps for it. In the order of the table.",
    )
    return Section("How they learned", figures=[figure])


def _costs(runs: Runs) -> list[Section]:
    scored = runs.table.dropna(subset=["kl"])
    if scored.empty:
        return []
    minutes = "processor_min" if scored["processor_min"].notna().all() else "wall_min"
    figure: Figure = run_costs(
        scored,
        minutes,
        "KL by the run's own decoder. Down and to the left is better and cheaper: a run with another one to "
        "its lower left is worth little."
        + (" Wall time, since not all runs recorded their processor time." if minutes == "wall_min" else ""),
    )
    return [Section("What the score costs", figures=[figure])]


def _classes(runs: Runs) -> list[Section]:
    iou = runs.table.set_index("name")[[f"iou_{c}" for c in runs.classes]]
    iou = iou.set_axis(runs.classes, axis=1).astype(float).dropna(how="all")
    if iou.empty:
        return []
    figure = class_dots(
        iou,
        "IoU (intersection over union): pixels that are the class in both mask and map, over those that are "
        "it in either. Runs in the order of the table. No dot: the class is neither in the masks nor in the "
        "run's maps.",
    )
    table = Table(iou.reset_index(names="run"), "The same in numbers", dict.fromkeys(runs.classes, ".3f"))
    return [Section("Which classes they see", figures=[figure], tables=[table])]
