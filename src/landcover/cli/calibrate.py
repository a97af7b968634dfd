"""`landcover calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    data: Annotated[Path, typer.Argument(help="Chips folder with masks that the model was not trained on.")],
    out: Annotated[Path, typer.Option(help="Model file to write (.onnx).")],
    model: Annotated[Path | None, typer.Option(help="Model file; without it, the model in the box.")] = None,
    part: Annotated[
        str, typer.Option(help="Part of splits.csv; without that file, all chips count.")
    ] = "val",
    level: Annotated[float, typer.Option(help="Probability that an interval holds the true share.")] = 0.9,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Calibrate the intervals of a model's shares on labelled chips of a place.

    Example: landcover calibrate chips --part val --out calibrated.onnx
    """
    import landcover

    found = landcover.calibrate(data, out, model=model, part=part, level=level, overwrite=overwrite)
    print(f"intervals: {found.conformal.describe()}")
    print(f"model file: {found.model}")
