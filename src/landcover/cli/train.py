"""`landcover train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    recipe: Annotated[Path, typer.Argument(help="Recipe in TOML (see recipes/).")],
    data: Annotated[Path, typer.Option(help="Chips folder with images and masks.")],
    out: Annotated[Path, typer.Option(help="Run folder to write.")],
    start: Annotated[
        Path | None,
        typer.Option("--from", help="Run folder or model file whose weights to go on from."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed, instead of the recipe's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in OUT.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew in OUT.")] = False,
    processes: Annotated[int, typer.Option(min=1, help="Members of a vote trained at the same time.")] = 1,
    track: Annotated[
        list[str] | None, typer.Option(help="Log the training to mlflow or wandb too; repeat for both.")
    ] = None,
) -> None:
    """Train a network on chips and masks, and write its model file.

    Example: landcover train recipes/box_base.toml --data chips --out runs/base
    """
    import landcover

    run = landcover.train(
        recipe,
        data,
        out,
        start=start,
        seed=seed,
        resume=resume,
        overwrite=overwrite,
        processes=processes,
        track=track or (),
    )
    for warning in run.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for name, value in run.scores.items():
        print(f"validation {name:<17} {value:.5f}")
    print(f"model file: {run.model}" if run.model else f"shares: {run.folder / 'distributions.csv'}")
