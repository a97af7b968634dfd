"""`landcover confront`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    map: Annotated[Path, typer.Argument(help="Map of class codes, best in its prediction folder.")],
    class_name: Annotated[str, typer.Option("--class", help="Class of the legend that the reference shows.")],
    out: Annotated[Path, typer.Option(help="Folder for tables, places, picture and report.")],
    vectors: Annotated[
        Path | None, typer.Argument(help="Polygons of the reference; leave out with --from.")
    ] = None,
    zones: Annotated[Path | None, typer.Option(help="Territories, for a row each.")] = None,
    tolerance: Annotated[
        float | None, typer.Option(help="What is as near as this, in metres, is forgiven; 10 if not given.")
    ] = None,
    minimum: Annotated[
        float | None,
        typer.Option(help="Smallest object, in m², that the map can show; 2 px if not given."),
    ] = None,
    places: Annotated[int | None, typer.Option(help="How many places to list; 100 if not given.")] = None,
    legend: Annotated[
        str | None, typer.Option(help="s2glc or a legend.toml, for a map that carries no legend.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="Column of the territories' codes.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Earlier confrontation elsewhere: its rates, not measured here."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what OUT holds.")] = False,
) -> None:
    """Confront a class of a map with a reference layer: omission, commission, and the places to look at.

    Example: landcover confront prediction/maps/map.tif buildings.gpkg --class artificial --out confrontation
    """
    import landcover

    done = landcover.confront(
        map, vectors, out, class_name, zones, tolerance, minimum, places, legend, code, source, overwrite
    )
    for warning in done.record["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    for name, words in (
        ("omission_rate", "of the reference is not mapped"),
        ("commission_rate", "of what is mapped lies beside it"),
    ):
        value, low, high = done.total[[name, f"low_{name}", f"high_{name}"]]
        interval = f"  (95 % interval {low:.1%} to {high:.1%})" if low <= high else ""
        print(f"{value:6.1%} {words}{interval}, {done.record['basis']}")
    print(f"results: {out}")
