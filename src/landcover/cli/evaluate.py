"""`landcover evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    predictions: Annotated[
        Path, typer.Argument(help="Prediction folder, folder of maps, one map, or a CSV of shares.")
    ],
    reference: Annotated[
        Path,
        typer.Option(help="Chips folder, folder of masks, the mask of one map, or a CSV of true shares."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the report and its tables.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier evaluation in --out.")
    ] = False,
    formula: Annotated[
        str, typer.Option(help="official: the challenge's score; plain: the talk's KL over all ten classes.")
    ] = "official",
) -> None:
    """Compare predictions with masks or true shares: score, accuracy per class, calibration, a report.

    Example: landcover evaluate predictions --reference chips --out evaluation
    """
    import landcover

    result = landcover.evaluate(predictions, reference, out, overwrite, formula)  # type: ignore[arg-type]
    score = result.score
    print(f"images            {len(result.images)} of {result.inputs.reference_size} in the reference")
    print(f"{f'KL ({score.formula})':<17} {score.kl:.5f}{_interval(score.low, score.high, score.resampled)}")
    if result.confusion is not None:
        accuracy = _interval(result.low, result.high, score.resampled)
        print(f"overall accuracy  {result.overall_accuracy:.5f}{accuracy}")
        print(f"mean IoU          {result.mean_iou:.5f}")
    if result.reliability is not None:
        print(f"calibration error {result.ece:.5f}")
    print(f"report            {result.report}")


def _interval(low: float, high: float, resampled: str) -> str:
    return f"  (95 % interval {low:.5f} to {high:.5f}, {resampled})" if low < high else ""
