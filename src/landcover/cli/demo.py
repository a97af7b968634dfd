"""`landcover demo`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("landcover-demo"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what OUT holds.")] = False,
) -> None:
    """Map a real Sentinel-2 image with the model in the box, and write a report.

    Example: landcover demo --out landcover-demo
    """
    import landcover

    prediction = landcover.demo(out, overwrite=overwrite)
    for warning in prediction.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for name, share in prediction.shares.iloc[0].items():
        print(f"{name:<12} {share:7.2%}  {'█' * round(40 * share)}")
    print(f"map: {prediction.folder / 'maps' / 'sentinel2.tif'}")
    print(f"report: {prediction.folder / 'report.html'}")
