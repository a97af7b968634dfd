"""`landcover compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of landcover train.")],
    out: Annotated[Path, typer.Option(help="Folder for the page and its table.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier comparison in --out.")
    ] = False,
) -> None:
    """Compare trainings: scores, curves, costs and classes of several runs, in one page.

    Example: landcover compare runs/* --out comparison
    """
    import landcover

    found = landcover.compare(runs, out, overwrite)
    for note in found.notes:
        print(f"warning: {note}", file=sys.stderr)
    for name, kl in zip(found.table["name"], found.table["kl"], strict=True):
        print(f"{kl:.5f}  {name}")
    print(f"page: {found.page}")
