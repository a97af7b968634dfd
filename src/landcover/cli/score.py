"""`landcover score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    predicted: Annotated[Path, typer.Argument(help="CSV of predicted shares (distributions.csv).")],
    true: Annotated[Path, typer.Argument(help="CSV of true shares.")],
    formula: Annotated[
        str, typer.Option(help="official: the challenge's score; plain: the talk's KL over all ten classes.")
    ] = "official",
    places: Annotated[
        Path | None, typer.Option(help="splits.csv with scene, y0, x0: draw spatial blocks in the bootstrap.")
    ] = None,
    part: Annotated[str | None, typer.Option(help="Only the images of this part of --places.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="Another CSV of predicted shares, to compare with, paired.")
    ] = None,
) -> None:
    """Score predicted class shares against true ones, by Kullback-Leibler divergence.

    Example: landcover score predictions/distributions.csv chips/train_labels.csv --places chips/splits.csv
    """
    import landcover

    result = landcover.score(
        predicted,
        true,
        formula=formula,  # type: ignore[arg-type]
        places=places,
        part=part,
        against=against,
    )
    print(f"KL ({result.formula})  {result.kl:.5f}")
    print(f"95 % interval  {result.low:.5f} to {result.high:.5f} (bootstrap over {result.resampled})")
    if (paired := result.difference) is not None:
        print(f"difference to {against}: {paired.mean:+.5f}")
        print(f"95 % interval  {paired.low:+.5f} to {paired.high:+.5f} (paired, over {paired.resampled})")
    print("contribution of each class:")
    for name, value in result.per_class.items():
        print(f"  {name:<12} {value:.5f}")
