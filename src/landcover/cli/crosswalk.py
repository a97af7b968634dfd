"""`landcover crosswalk`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    source: Annotated[Path, typer.Argument(help="Table of territories, or a map (.tif).")],
    out: Annotated[Path, typer.Option(help="Table (.csv, .parquet, .gpkg) or map (.tif) to write.")],
    to: Annotated[
        str | None,
        typer.Option(
            help="Vintage to go to (2024), or a legend: s2glc, worldcover, corine1, corine2, a legend.toml."
        ),
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="Vintage of the codes in the table, if its record doesn't say it."),
    ] = None,
    movements: Annotated[Path | None, typer.Option(help="INSEE's movements of communes (CSV).")] = None,
    crosswalk: Annotated[
        Path | None,
        typer.Option(help="Table of code_from, code_to, share; or of class_from, class_to, share."),
    ] = None,
    areas: Annotated[
        Path | None,
        typer.Option(help="Table of the vintage to go to (code, area_ha): communes are split by area."),
    ] = None,
    legend: Annotated[
        str | None, typer.Option(help="Legend of the source, where it doesn't say it: a name or legend.toml.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Re-express a table in the territories of another year, or a table or map in another legend.

    Example: landcover crosswalk t2018.csv --movements movements.csv --from 2018 --to 2024 --out t2024.csv
    """
    import landcover

    done = landcover.crosswalk(
        source,
        out,
        to=to,
        begin=begin,
        movements=movements,
        crosswalk=crosswalk,
        areas=areas,
        legend=legend,
        overwrite=overwrite,
    )
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)
    rows = "" if done.table is None else f" ({len(done.table)} territories)"
    print(f"wrote {done.path}{rows}")
