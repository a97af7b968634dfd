"""`landcover territories`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    map: Annotated[Path, typer.Argument(help="Map (pixels are counted) or probability layer (averaged).")],
    zones: Annotated[Path, typer.Argument(help="Polygons: GeoPackage, GeoJSON, Parquet or Shapefile.")],
    out: Annotated[Path, typer.Option(help="Table to write: .csv, .parquet or .gpkg.")],
    legend: Annotated[
        str | None, typer.Option(help="Legend of a map without: a name (s2glc) or a legend.toml.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="Column of the codes; without it, the first with a usual name.")
    ] = None,
    vintage: Annotated[
        str | None, typer.Option(help="Vintage of the territories, such as 2018, for the record.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Page to write, with a map of each class (.html).")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")] = False,
) -> None:
    """Hectares and shares of each class in each territory, from a map or probabilities.

    Example: landcover territories prediction/maps/ain.tif communes.geojson --out communes.csv
    """
    import landcover

    table = landcover.territories(
        map, zones, out, legend=legend, code=code, vintage=vintage, report=report, overwrite=overwrite
    )
    mapped = int((table["mapped_ha"] > 0).sum())
    print(f"{len(table)} territories, something of {mapped} is mapped: {out}")
    if report is not None:
        print(f"report: {report}")
