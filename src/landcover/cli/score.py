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
) -> None:
    """Score predicted class shares against true ones, by Kullback-Leibler divergence.

    Example: landcover score predictions/distributions.csv chips/train_labels.csv --places chips/splits.csv
    """
    import landcover

    result = landcover.score(predicted, true, formula=formula, places=places)  # type: ignore[arg-type]
    print(f"KL ({result.formula})  {result.kl:.5f}")
    print(f"95 % interval  {result.low:.5f} to {result.high:.5f} (bootstrap over {result.resampled})")
    print("contribution of each class:")
    for name, value in result.per_class.items():
        print(f"  {name:<12} {value:.5f}")
