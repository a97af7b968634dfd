"""Evaluate predictions against a reference: score, accuracy, calibration, and a report of them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from landcover.accuracy.compare import Counts, compare, shares_of
from landcover.accuracy.confusion import Crossing, class_measures, ratio_interval
from landcover.accuracy.inputs import Inputs, open_inputs
from landcover.accuracy.report import write_report
from landcover.accuracy.result import Evaluation, summary
from landcover.accuracy.yardsticks import scored_shares, yardsticks
from landcover.errors import LandcoverError
from landcover.files import staged, write_text
from landcover.legend import Legend
from landcover.shares.score import Formula, Score, score

RESULTS = (
    "evaluation.json",
    "classes.csv",
    "confusion.csv",
    "confusion_blocks.csv",
    "images.csv",
    "report.html",
)


def evaluate(
    predictions: Path, reference: Path, out: Path, overwrite: bool = False, formula: Formula = "official"
) -> Evaluation:
    """Compare predictions with their reference, and write figures, tables and a report into a folder.

    The shares come from CSVs; where a side has none, they are counted from its maps or masks. Images are read
    one at a time. Pixels and images without a label in the reference are left out.

    Parameters
    ----------
    predictions : a prediction folder, a folder of maps, one map, or a CSV of shares
    reference : a chips folder, a folder of masks, the mask of one map, or a CSV of shares; it may hold more
        images than are predicted. A legend.toml in it (or in `predictions`) replaces the challenge's legend
    out : folder for evaluation.json, classes.csv, images.csv, confusion.csv, confusion_blocks.csv and
        report.html
    overwrite : replace what an earlier evaluation wrote into `out`
    formula : of the score, see `landcover.shares.score.score`

    Raises
    ------
    LandcoverError : an input is at fault, the two don't match, nothing can be scored, or `out` can't be used;
        `out` is then as it was
    """
    inputs = open_inputs(Path(predictions), Path(reference))
    with staged(Path(out), overwrite, RESULTS) as folder:
        result = _assess(inputs, compare(inputs), formula, Path(out) / "report.html")
        _write_csv(folder / "classes.csv", result.classes)
        _write_csv(folder / "images.csv", result.images)
        if result.confusion is not None and result.blocks is not None:
            _write_csv(folder / "confusion.csv", result.confusion.add_prefix("map_").reset_index())
            _write_csv(folder / "confusion_blocks.csv", result.blocks)
        write_text(
            folder / "evaluation.json", json.dumps(summary(result), indent=2, ensure_ascii=False) + "\n"
        )
        write_report(folder / "report.html", result)
    return result


def _assess(inputs: Inputs, counts: Counts, formula: Formula, report: Path) -> Evaluation:
    legend = inputs.legend
    true = shares_of(counts.true, legend) if inputs.true is None else inputs.true.loc[inputs.ids]
    predicted = shares_of(counts.predicted, legend) if inputs.predicted is None else inputs.predicted
    labelled = true[list(legend.label_names)].sum(axis=1) > 0
    kept = [i for i in inputs.ids if labelled[i]]
    if not kept:
        raise LandcoverError(
            inputs.reference, "has no label in any predicted image", "at least one labelled pixel", "check it"
        )
    true, predicted = true.loc[kept], predicted.loc[kept]
    blocks = None if inputs.blocks is None else inputs.blocks.loc[kept]
    result = score(predicted, true, formula, blocks, legend)
    true, predicted = (scored_shares(t, formula, legend) for t in (true, predicted))

    met = [counts.met[i] for i in kept if i in counts.met]
    total = sum(met, Crossing.none(legend))
    right, pixels = np.array([m.right for m in met], float), np.array([m.pixels for m in met], float)
    low, high = ratio_interval(right, pixels, blocks)
    labels = pd.Index(legend.label_names, name="reference")
    measures = class_measures(total.counts).set_index(labels)
    images = pd.DataFrame({"sample_id": kept, "kl": result.per_image.to_numpy()})
    images["overall_accuracy"] = right / np.where(pixels > 0, pixels, np.nan) if met else np.nan
    images["valid_px"] = pd.array([counts.labelled(i, legend) for i in kept], dtype="Int64")
    calibrated = math.isfinite(counts.calibration.error)
    return Evaluation(
        score=result,
        yardsticks=yardsticks(result, true, blocks, legend),
        true=true,
        predicted=predicted,
        classes=_class_table(legend, result, true, predicted, measures if met else measures.iloc[:0]),
        images=images,
        left_out=[i for i in inputs.ids if not labelled[i]],
        confusion=pd.DataFrame(total.counts, labels, list(legend.label_names)) if met else None,
        blocks=_block_table({i: counts.met[i] for i in kept if i in counts.met}, blocks, legend),
        overall_accuracy=total.right / total.pixels if total.pixels else math.nan,
        low=low,
        high=high,
        mean_iou=float(measures["iou"].mean()),
        mean_f1=float(measures["f1"].mean()),
        unmapped_px=total.unmapped,
        ece=counts.calibration.error,
        reliability=counts.calibration.table if calibrated else None,
        inputs=inputs,
        report=report,
    )


def _class_table(
    legend: Legend, result: Score, true: pd.DataFrame, predicted: pd.DataFrame, measures: pd.DataFrame
) -> pd.DataFrame:
    codes = {c.name: c.code for c in legend.classes}
    table = measures.reindex(true.columns).astype({"reference_px": "Int64", "map_px": "Int64"})
    table.insert(0, "code", [codes[str(n)] for n in table.index])
    table.insert(1, "name", table.index)
    return table.assign(
        true_share=true.mean(), predicted_share=predicted.mean(), kl=result.per_class
    ).reset_index(drop=True)


def _block_table(
    met: dict[str, Crossing], blocks: pd.Series[str] | None, legend: Legend
) -> pd.DataFrame | None:
    """Crossings of each block, or image where places are not known, one row for each that occurs."""
    names, parts = list(legend.label_names), []
    for i, crossing in met.items():
        row, column = np.nonzero(crossing.counts)
        part = pd.DataFrame({"reference": np.take(names, row), "map": np.take(names, column)})
        block = i if blocks is None else blocks[i]
        parts.append(part.assign(block=block, pixels=crossing.counts[row, column]))
    if not parts:
        return None
    keys = ["block", "reference", "map"]
    return pd.concat(parts).groupby(keys, sort=False)["pixels"].sum().reset_index()


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, index=False, float_format="%.10g", lineterminator="\n")
