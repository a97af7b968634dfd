"""The command line: a thin skin over the Python API, one module a command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from landcover import __version__
from landcover.cli import (
    area,
    calibrate,
    change,
    compare,
    confront,
    crosswalk,
    cut,
    demo,
    evaluate,
    fetch,
    inspect,
    predict,
    release,
    sample,
    score,
    series,
    sweep,
    territories,
    train,
)
from landcover.errors import LandcoverError

app = typer.Typer(
    name="landcover",
    help="From a satellite image to land cover maps, class shares and area tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (
    demo,
    predict,
    calibrate,
    score,
    evaluate,
    inspect,
    fetch,
    cut,
    train,
    sweep,
    compare,
    territories,
    sample,
    area,
    change,
    series,
    crosswalk,
    confront,
    release,
):
    app.command(module.__name__.rpartition(".")[2])(module.command)

_debug = False


def _version(wanted: bool) -> None:
    if wanted:
        print(f"landcover {__version__}")
        raise typer.Exit


@app.callback(epilog="Example: landcover demo")
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    global _debug
    _debug = debug


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 1."""
    try:
        app()
    except LandcoverError as error:
        if _debug:
            raise
        print(f"landcover: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
