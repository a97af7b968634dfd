"""`landcover release`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    folder: Annotated[Path, typer.Argument(help="Folder of maps and tables; with --verify, a release.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the release, such as releases/2018.")] = None,
    vintage: Annotated[str | None, typer.Option(help="Name of the vintage, such as 2018.")] = None,
    previous: Annotated[
        Path | None, typer.Option(help="The release before: changes.csv holds the differences from it.")
    ] = None,
    bridge: Annotated[
        Path | None,
        typer.Option(help="Table of the previous imagery, mapped with the new model, where both changed."),
    ] = None,
    movements: Annotated[
        Path | None,
        typer.Option(help="INSEE's movements of communes, where those of --previous are of another year."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the collection.")] = None,
    licence: Annotated[
        str, typer.Option(help="Licence by its SPDX identifier, such as etalab-2.0.")
    ] = "other",
    provider: Annotated[str | None, typer.Option(help="Who publishes it.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the files of a release with its checksums.")
    ] = False,
) -> None:
    """Copy maps and tables into a release that does not change any more: a STAC Collection with checksums.

    Example: landcover release prediction --vintage 2018 --out releases/2018
    """
    import landcover

    done = landcover.release(
        folder,
        out,
        vintage=vintage,
        previous=previous,
        bridge=bridge,
        movements=movements,
        title=title,
        licence=licence,
        provider=provider,
        verify=verify,
    )
    if verify:
        print(f"{done.folder}: all {done.files} files are as they were released")
        return
    if done.changes is not None:
        causes = ", ".join(done.changes["cause"].unique())
        causes = "no difference" if causes == "nothing" else f"cause: {causes}"
        print(f"differences from {previous}: {done.folder / 'changes.csv'} ({causes})")
        if done.changes["ground_ha"].isna().all():
            print("ground and method can't be told apart: see --bridge", file=sys.stderr)
    print(f"released {vintage}: {done.files} files in {done.folder}")
    print(f"fingerprint (SHA-256 of SHA256SUMS): {done.fingerprint}")
