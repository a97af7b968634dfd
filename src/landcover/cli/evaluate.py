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
    print(
        f"KL ({score.formula})     {score.kl:.5f}  ({score.low:.5f} to {score.high:.5f}, {score.resampled})"
    )
    if result.confusion is not None:
        print(f"overall accuracy  {result.overall_accuracy:.4f}  ({result.low:.4f} to {result.high:.4f})")
        print(f"mean IoU          {result.mean_iou:.4f}")
    if result.reliability is not None:
        print(f"calibration error {result.ece:.4f}")
    print(f"report            {result.report}")
