"""`landcover change`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    map_a: Annotated[Path, typer.Argument(help="Map of the first date.")],
    map_b: Annotated[Path, typer.Argument(help="Map of the second date, on the same grid.")],
    out: Annotated[Path, typer.Option(help="Folder for tables, map of change and report.")],
    zones: Annotated[Path | None, typer.Option(help="Territories: tables for each of them too.")] = None,
    code: Annotated[str | None, typer.Option(help="Column of the territories' codes.")] = None,
    mmu: Annotated[float, typer.Option(help="Minimum mapping unit in hectares; 0 keeps all patches.")] = 0.0,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(help="Evaluation folder of the maps' model, for intervals; twice for two models."),
    ] = None,
    allow: Annotated[
        str, typer.Option(help="What may differ between the maps: model, baseline, or model,baseline.")
    ] = "",
    legend: Annotated[
        str | None, typer.Option(help="Legend of maps that carry none: s2glc, or a legend.toml.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier change in --out.")
    ] = False,
) -> None:
    """Compare two maps: transitions, gains and losses in hectares, a map of change, and a report.

    Example: landcover change 2018.tif 2021.tif --mmu 0.5 --out change
    """
    import landcover

    found = landcover.change(
        map_a,
        map_b,
        out,
        zones=zones,
        mmu=mmu,
        evaluation=evaluation or (),
        allow=allow.split(",") if allow else (),
        legend=legend,
        code=code,
        overwrite=overwrite,
    )
    for note in found.notes:
        print(f"warning: {note}", file=sys.stderr)
    whole = found.classes[found.classes["code"] == found.classes["code"].iloc[0]]
    print(
        f"differs  {whole['gain_ha'].sum():,.1f} ha that count as change, the errors of both maps among them"
    )
    print(f"tables   {found.folder / 'transitions.csv'}, {found.folder / 'change.csv'}")
    print(f"map      {found.folder / 'change.tif'}")
    print(f"report   {found.folder / 'report.html'}")
