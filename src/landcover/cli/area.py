"""`landcover area`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    out: Annotated[Path, typer.Option(help="Table to write: .csv or .parquet; with --zones also .gpkg.")],
    map: Annotated[Path | None, typer.Argument(help="Map, a raster of class codes.")] = None,
    labelled: Annotated[
        Path | None, typer.Argument(help="Labelled points, as sample draws them, with the column label.")
    ] = None,
    counts: Annotated[
        Path | None,
        typer.Option(help="Instead of map and points: table of counts, rows map classes, columns reference."),
    ] = None,
    areas: Annotated[
        Path | None, typer.Option(help="With --counts: table of class, area_ha of the map.")
    ] = None,
    zones: Annotated[
        Path | None, typer.Option(help="Territories: estimates of each, which sum to those of the whole.")
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="Column with the codes of the territories; found by its usual names.")
    ] = None,
    post_stratify: Annotated[
        bool,
        typer.Option("--post-stratify", help="Use the areas of the map's classes too, where strata differ."),
    ] = False,
    legend: Annotated[
        str | None, typer.Option(help="Legend of a map that carries none: s2glc, or a legend.toml.")
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(help="wilson, or normal: ± 1.96 standard errors; of --counts normal, else wilson."),
    ] = None,
    caution: Annotated[
        float, typer.Option(help="Coefficient of variation above which a number is flagged caution.")
    ] = 0.165,
    suppress: Annotated[
        float, typer.Option(help="Coefficient of variation above which a number is flagged suppress.")
    ] = 0.333,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --out.")] = False,
) -> None:
    """Estimate the area of each class, and the map's accuracy, from labelled points, with 95 % intervals.

    Example: landcover area map.tif points.gpkg --zones communes.geojson --out areas.csv
    """
    import landcover

    found = landcover.area(
        map, labelled, out, counts, areas, zones, code, post_stratify, legend, interval,  # type: ignore[arg-type]
        caution, suppress, overwrite,
    )  # fmt: skip
    for note in found.notes:
        print(f"note: {note}")
    print(f"{'class':<16} {'hectares':>14} {'95 % interval':>29}  flag")
    for row in found.whole.to_dict("records"):
        interval = f"{row['low_ha']:,.0f} to {row['high_ha']:,.0f}"
        print(f"{row['class']:<16} {row['area_ha']:>14,.0f} {interval:>29}  {row['flag']}")
    value, low, high, flag = (found.overall[k] for k in ("value", "low", "high", "flag"))
    print(f"overall accuracy {value:.3f} (95 % interval {low:.3f} to {high:.3f})  {flag}")
    print(f"points           {found.points}")
    print(f"table            {out}")
