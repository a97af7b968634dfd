"""A progress bar on stderr, silent when that is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import TypeVar

T = TypeVar("T")


def track(items: Collection[T], description: str) -> Iterator[T]:
    """Go through `items`, showing how far it is and how long is left."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track as rich_track

    yield from rich_track(items, description, console=Console(stderr=True), transient=True)
