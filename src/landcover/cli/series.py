"""`landcover series`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    maps: Annotated[list[Path], typer.Argument(help="Maps of 2 to 12 dates, on one grid.")],
    zones: Annotated[Path, typer.Option(help="Territories: GeoPackage, GeoJSON, GeoParquet or Shapefile.")],
    out: Annotated[Path, typer.Option(help="Table to write: .csv, .parquet or .gpkg.")],
    dates: Annotated[
        str | None, typer.Option(help="Dates of the maps, in their order: 2018,2021; else their items'.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="Column of the territories' codes.")] = None,
    allow: Annotated[
        str, typer.Option(help="What may differ between the maps: model, baseline, or model,baseline.")
    ] = "",
    legend: Annotated[
        str | None, typer.Option(help="Legend of maps that carry none: s2glc, or a legend.toml.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Page to write, with lines of shares over time (.html).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace tables that are there.")] = False,
) -> None:
    """Tabulate maps of several dates by territory, and the sequences of classes that pixels go through.

    Example: landcover series 2018.tif 2021.tif --dates 2018,2021 --zones communes.gpkg --out series.csv
    """
    import landcover

    found = landcover.series(
        maps,
        zones,
        out,
        dates=dates.split(",") if dates else None,
        allow=allow.split(",") if allow else (),
        legend=legend,
        code=code,
        report=report,
        overwrite=overwrite,
    )
    for note in found.notes:
        print(f"warning: {note}", file=sys.stderr)
    print(f"{found.shares['code'].nunique()} territories, {found.shares['date'].nunique()} dates: {out}")
    print(f"{len(found.trajectories)} trajectories: {found.trajectories_table}")
    if report is not None:
        print(f"report: {report}")
