"""`landcover sweep`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    recipe: Annotated[Path, typer.Argument(help="Recipe in TOML with what does not vary (see recipes/).")],
    data: Annotated[Path, typer.Option(help="Chips folder with images and masks.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    space: Annotated[Path, typer.Option(help="Settings that vary, in TOML (see recipes/sweeps/).")],
    trials: Annotated[int, typer.Option(help="How many trainings in all.")],
    processes: Annotated[int, typer.Option(help="Trainings at once; the cores are shared out.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the sweep in OUT.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew in OUT.")] = False,
) -> None:
    """Find the settings of a recipe that give the lowest validation KL, in many trainings.

    Example: landcover sweep recipe.toml --data chips --out sweep --space recipes/sweeps/rate.toml --trials 30
    """
    import landcover

    found = landcover.sweep(recipe, data, out, space, trials, processes, resume, overwrite)
    best = found.table.set_index("trial").loc[found.best]
    for name, value in best.drop(["state", "note"]).items():
        print(f"{name:<28} {value:.6g}" if isinstance(value, float) else f"{name:<28} {value}")
    print(f"best of {len(found.table)} trials: {found.best}")
    print(f"its recipe: {found.recipe}")
    print(f"page: {found.folder / 'sweep.html'}")
