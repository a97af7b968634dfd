"""`landcover sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landcover.errors import LandcoverError

OPTIONS = {
    "area": (
        "points", "target_error", "allocation", "expect", "minimum", "balanced", "strata", "join", "seed",
    ),
    "training": ("chips", "size"),
}  # fmt: skip


def command(
    context: typer.Context,
    map: Annotated[Path, typer.Argument(help="The map; for training also a prediction folder.")],
    out: Annotated[Path, typer.Option(help="GeoPackage to write: points, or squares for training.")],
    purpose: Annotated[
        str,
        typer.Option(
            "--for", help="area: points to label, for areas and accuracy; training: chips worth labelling."
        ),
    ] = "area",
    points: Annotated[int | None, typer.Option(help="How many points to draw.")] = None,
    target_error: Annotated[
        float | None,
        typer.Option(help="Or as many as give the overall accuracy this standard error, such as 0.01."),
    ] = None,
    allocation: Annotated[
        str, typer.Option(help="Of the points to the strata: equal, proportional or neyman.")
    ] = "proportional",
    expect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SHARE",
            help="Share of a stratum that should be right, such as water=0.7; others=0.8 for the rest.",
        ),
    ] = None,
    minimum: Annotated[int, typer.Option(help="Points of each stratum at least, or all its pixels.")] = 2,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="Spread the points of each stratum evenly over the map.")
    ] = False,
    strata: Annotated[
        Path | None, typer.Option(help="Raster of codes on the map's grid, instead of the map's classes.")
    ] = None,
    join: Annotated[
        int, typer.Option(help="Join the smallest strata until none has fewer pixels than this.")
    ] = 0,
    legend: Annotated[
        str | None, typer.Option(help="Of a map that carries none: s2glc or a legend.toml.")
    ] = None,
    chips: Annotated[int | None, typer.Option(help="For training: how many chips to propose.")] = None,
    size: Annotated[int, typer.Option(help="For training: side of a chip, px.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same points.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.")] = False,
) -> None:
    """Draw a stratified random sample of points to label; or propose the chips whose labels help most.

    Example: landcover sample map.tif --points 500 --minimum 50 --out points.gpkg
    """
    import landcover

    _check_purpose(purpose, context)
    if purpose == "training":
        if chips is None:
            raise LandcoverError("--chips", "is missing", "how many chips you can label", "say it")
        proposed = landcover.propose(map, out, chips, size, legend, overwrite)
        print(f"{'chip':<20} {'uncertainty':>11} {'novelty':>8} {'score':>6}")
        for row in proposed.itertuples():
            print(f"{row.id:<20} {row.uncertainty:>11.3f} {row.novelty:>8.2f} {row.score:>6.3f}")
        print(f"{chips} chips to label, the most helpful first, in {out}")
        return
    drawn = landcover.sample(
        map,
        out,
        points,
        allocation,  # type: ignore[arg-type]
        dict(_expected(e) for e in expect or []),
        target_error,
        minimum,
        balanced,
        strata,
        join,
        legend,
        seed,
        overwrite,
    )
    width = max(7, *drawn.strata["stratum"].str.len())
    print(f"{'stratum':<{width}} {'hectares':>14} {'pixels':>13} {'points':>8}")
    for row in drawn.strata.itertuples():
        print(f"{row.stratum:<{width}} {row.area_ha:>14,.1f} {row.pixels:>13,} {row.points:>8,}")
    if drawn.expected_error is not None:
        print(f"standard error of the overall accuracy, as expected: {drawn.expected_error:.4f}")
    print(f"{len(drawn.points):,} points to label in {out}; fill its column label, with QGIS for instance")


def _expected(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    try:
        return name.strip(), float(share)
    except ValueError as error:
        raise LandcoverError(
            "--expect", f"is {text!r}", "a stratum and a share, such as water=0.7", "mend it"
        ) from error


def _check_purpose(purpose: str, context: typer.Context) -> None:
    """Refuse an unknown purpose, and options that belong to the other one."""
    if purpose not in OPTIONS:
        raise LandcoverError("--for", f"is {purpose!r}", " or ".join(OPTIONS), "mend it")
    for other in OPTIONS.keys() - {purpose}:
        for name in OPTIONS[other]:
            source = context.get_parameter_source(name)
            if source is not None and source.name != "DEFAULT":
                option = "--" + name.replace("_", "-")
                raise LandcoverError(
                    option, f"does not go with --for {purpose}", f"--for {other}", "change it or --for"
                )
