"""`landcover fetch`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    catalog: Annotated[
        str,
        typer.Argument(
            help="earth-search, planetary-computer, copernicus, a STAC API's address, or a catalog.json."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write the scenes to.")],
    start: Annotated[str, typer.Option(help="First day, such as 2023-06-01.")],
    end: Annotated[str, typer.Option(help="Last day.")],
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(metavar="WEST SOUTH EAST NORTH", help="The area, in degrees (WGS 84)."),
    ] = None,
    polygon: Annotated[
        Path | None, typer.Option(help="Or a file of polygons, whose bounding box is the area.")
    ] = None,
    communes: Annotated[Path | None, typer.Option(help="Or a file of communes, with --code.")] = None,
    code: Annotated[str | None, typer.Option(help="Code of the commune, such as 01004.")] = None,
    cloud: Annotated[float, typer.Option(help="Most cloud cover of an item, percent.")] = 40.0,
    composite: Annotated[
        str,
        typer.Option(help="median of all, or the median of each year, season, month or date."),
    ] = "median",
    resolution: Annotated[float, typer.Option(help="Side of a pixel, in units of the CRS.")] = 10.0,
    crs: Annotated[
        str | None, typer.Option(help="Such as EPSG:32631; without it, UTM at the centre of the area.")
    ] = None,
    collection: Annotated[
        str | None, typer.Option(help="Collection of the catalogue, instead of its Sentinel-2 L2A.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Longest wait for an answer, s.")] = 30.0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace scenes in OUT.")] = False,
) -> None:
    """Fetch Sentinel-2 scenes without clouds from a STAC catalogue.

    Example: landcover fetch earth-search --bbox 5.2 45.9 5.3 46 --start 2023-06-01 --end 2023-08-31 --out ain
    """
    import landcover

    done = landcover.fetch(
        catalog,
        out,
        start,
        end,
        bbox=bbox,
        polygon=polygon,
        communes=communes,
        code=code,
        cloud=cloud,
        composite=composite,  # type: ignore[arg-type]
        resolution=resolution,
        crs=crs,
        collection=collection,
        timeout=timeout,
        overwrite=overwrite,
    )
    for warning in done.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{len(done.scenes)} scenes of {done.items} items in {done.folder}, each with its record (.json)")
    print(f"map them with: landcover predict {done.folder} --out prediction")
