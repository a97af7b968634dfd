"""What an evaluation found, and the same as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from landcover import __version__
from landcover.accuracy.inputs import Inputs
from landcover.files import sha256
from landcover.shares.score import Score


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    What needs both maps and masks is NaN, or None for tables, without them; so is calibration without
    probabilities.

    Attributes
    ----------
    score : KL of the shares with its interval
    yardsticks : the score beside others: name, kl, low, high, images (`yardsticks.yardsticks`)
    true, predicted : the shares that were scored, images × classes
    classes : a row per class: code, name, reference_px, map_px, iou, f1, users_accuracy, producers_accuracy
        (`confusion.class_measures`), true_share and predicted_share (means over images), kl (its
        contribution to the score)
    images : a row per image: sample_id, kl, overall_accuracy, valid_px (labelled pixels in the reference)
    left_out : images without a labelled pixel in the reference
    confusion : pixels by class name, rows reference, columns map
    blocks : the same block by block (images where places are not known): block, reference, map, pixels
    overall_accuracy, low, high : right pixels over compared pixels, and its 95 % bootstrap interval (NaN with
        a single image or block: nothing varies)
    mean_iou, mean_f1 : over the classes present in reference or map
    unmapped_px : pixels with a label in the reference and none in the map; they are in no measure
    ece, reliability : expected calibration error and its bins (`calibration.Calibration`)
    inputs : what was compared
    report : report.html
    """

    score: Score
    yardsticks: pd.DataFrame
    true: pd.DataFrame
    predicted: pd.DataFrame
    classes: pd.DataFrame
    images: pd.DataFrame
    left_out: list[str]
    confusion: pd.DataFrame | None
    blocks: pd.DataFrame | None
    overall_accuracy: float
    low: float
    high: float
    mean_iou: float
    mean_f1: float
    unmapped_px: int
    ece: float
    reliability: pd.DataFrame | None
    inputs: Inputs
    report: Path


def summary(result: Evaluation) -> dict[str, Any]:
    """The numbers of an evaluation as JSON-ready data (evaluation.json); null where they are NaN."""
    score, inputs = result.score, result.inputs
    pixels = (
        {
            "compared": int(result.confusion.to_numpy().sum()),
            "unmapped": result.unmapped_px,
        }
        if result.confusion is not None
        else None
    )
    data = {
        "landcover": __version__,
        "formula": score.formula,
        "kl": _value(score.kl, score.low, score.high),
        "resampled": score.resampled,
        "overall_accuracy": _value(result.overall_accuracy, result.low, result.high),
        "mean_iou": result.mean_iou,
        "mean_f1": result.mean_f1,
        "expected_calibration_error": result.ece,
        "images": {
            "scored": len(result.images),
            "in_reference": inputs.reference_size,
            "left_out": result.left_out,
        },
        "pixels": pixels,
        "shares": {
            "predicted": "counted from maps" if inputs.predicted is None else "CSV",
            "true": "counted from masks" if inputs.true is None else "CSV",
        },
        "legend": inputs.legend.name,
        "yardsticks": _records(result.yardsticks),
        "classes": _records(result.classes),
        "reliability": None if result.reliability is None else _records(result.reliability),
        "inputs": {
            "predictions": str(inputs.predictions),
            "reference": str(inputs.reference),
            "sha256": {str(p): sha256(p) for p in inputs.files},
        },
    }
    return {k: _plain(v) for k, v in data.items()}


def _value(value: float, low: float, high: float) -> dict[str, float | None]:
    varies = low < high  # ends that meet are no interval: a single image or block
    return {"value": _plain(value), "low": low if varies else None, "high": high if varies else None}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): _plain(v) for k, v in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    missing = value is pd.NA or (isinstance(value, float) and not math.isfinite(value))
    return None if missing else value
