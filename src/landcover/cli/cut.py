"""`landcover cut`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    image: Annotated[Path, typer.Argument(help="The scene.")],
    mask: Annotated[Path, typer.Argument(help="The class codes of the scene, on the same grid.")],
    out: Annotated[Path, typer.Option(help="Chips folder to write.")],
    size: Annotated[int, typer.Option(help="Side of a chip, px.")] = 256,
    stride: Annotated[
        int, typer.Option(help="Distance from a chip to the next, px; less than the size: they overlap.")
    ] = 192,
    bands: Annotated[
        str | None,
        typer.Option(help="Which bands are B02, B03, B04 and B08, by name or number, such as 2,3,4,8."),
    ] = None,
    scale: Annotated[
        float, typer.Option(help="Factor that makes reflectance × 10,000 of the numbers (10000 for 0 to 1).")
    ] = 1.0,
    offset: Annotated[
        float, typer.Option(help="Added after the factor (-1000 for products of baseline 04.00 and later).")
    ] = 0.0,
    legend: Annotated[
        Path | None, typer.Option(help="legend.toml, when the classes are not those of the challenge.")
    ] = None,
    val: Annotated[float, typer.Option(help="Fraction of the chips for validation.")] = 0.15,
    test: Annotated[float, typer.Option(help="Fraction of the chips for the test.")] = 0.15,
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what the folder holds.")] = False,
) -> None:
    """Cut a scene and its mask into a chips folder, split by place into train, val, test and buffer.

    Example: landcover cut scene.tif scene_mask.tif --out chips
    """
    import landcover

    done = landcover.cut(
        image,
        mask,
        out,
        size,
        stride,
        bands.split(",") if bands else None,
        scale,
        offset,
        legend,
        val,
        test,
        seed,
        overwrite,
    )
    assert done.chips.splits is not None
    parts = done.chips.splits["part"].value_counts()
    shown = ", ".join(f"{parts[p]} {p}" for p in ("train", "val", "test", "buffer") if p in parts)
    print(f"{len(done.chips.images)} chips of {size} × {size} px: {shown} (no two parts share a pixel)")
    if done.no_data or done.no_label:
        print(f"left out: {done.no_data} without data, {done.no_label} without label")
    if done.rows_left or done.columns_left:
        print(f"in no chip: the last {done.rows_left} rows and {done.columns_left} columns of the scene")
    if done.clipped:
        print(f"clipped: {done.clipped:,} numbers below 0 or above 65,535")
    print(f"chips in {out}; look at them with: landcover inspect {out}")
