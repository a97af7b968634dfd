"""`landcover inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from landcover.chips.inspect import Inspection


def command(
    data: Annotated[Path, typer.Argument(help="Chips folder, folder of images, or one image.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV of shares to compare the masks with (else DATA/train_labels.csv)."),
    ] = None,
    splits: Annotated[
        Path | None,
        typer.Option(help="CSV with sample_id and part to look for leaks in (else DATA/splits.csv)."),
    ] = None,
    chart: Annotated[Path | None, typer.Option(help="SVG to write: bars of the pixels per class.")] = None,
) -> None:
    """Look into images, masks, labels and splits: what is there, and what is wrong with it.

    Example: landcover inspect chips --chart classes.svg
    """
    from rich.console import Console

    import landcover

    found = landcover.inspect(data, labels, splits, chart)
    console = Console(highlight=False, markup=False, emoji=False)
    _print_images(found)
    console.print(_bands(found))
    if found.classes is not None:
        console.print(_classes(found, console.width))
    if found.parts is not None:
        print("split: " + ", ".join(f"{n:,} {part}" for part, n in found.parts.items()))
    for line in found.checks:
        print(f"ok: {line}")
    for line in found.problems:
        print(f"problem: {line}")
    print(f"{len(found.problems) or 'no'} problem{'s' * (len(found.problems) != 1)} found in {data}")
    if chart is not None:
        print(f"chart in {chart}")


def _print_images(found: Inspection) -> None:
    images = found.images
    print(f"{len(images):,} image{'s' * (len(images) != 1)} read, {found.masks:,} masks")
    sizes = images["height"].astype(str) + " × " + images["width"].astype(str) + " px"
    for title, values in (("size", sizes), ("type", images["type"]), ("CRS", images["crs"])):
        counts = values.value_counts()
        some = ", ".join(f"{v} ({n:,})" if len(counts) > 1 else str(v) for v, n in counts.head(5).items())
        print(f"{title:<5} {some}" + (f" and {len(counts) - 5:,} more" if len(counts) > 5 else ""))
    print(f"no data in {100 * images['empty'].mean():.1f} % of the pixels")


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i == 0 else "right", no_wrap=True)
    return table


def _bands(found: Inspection) -> Table:
    table = _table("range of each band", "band", "min", "1 %", "median", "99 %", "max")
    whole = not found.images["type"].str.startswith("float").any()
    for name, row in found.bands.iterrows():
        table.add_row(str(name), *(f"{v:,.0f}" if whole else f"{v:,.6g}" for v in row))
    return table


def _classes(found: Inspection, width: int) -> Table:
    from rich.bar import Bar
    from rich.text import Text

    assert found.classes is not None
    table = _table("pixels per class", "class", "code", "masks", "pixels", "share")
    table.add_column("", no_wrap=True)
    columns = (found.classes[name].tolist() for name in ("images", "pixels", "share"))
    most = max(found.classes["share"].max(), 1e-9)
    for c, masks, pixels, share in zip(found.legend.classes, *columns, strict=True):
        colour = c.colour if c.is_label else "default"  # black or white might not be seen
        bar = Bar(most, 0, share, width=max(10, min(40, width - 56)), color=colour)
        table.add_row(Text(c.name), str(c.code), f"{masks:,}", f"{pixels:,}", _percent(share), bar)
    return table


def _percent(share: float) -> str:
    return "< 0.01 %" if 0 < share < 0.00005 else f"{100 * share:.2f} %"
