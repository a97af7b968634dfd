"""`landcover predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    inputs: Annotated[
        list[Path], typer.Argument(help="Images, Sentinel-2 products (.SAFE, zip), folders of these, chips.")
    ],
    out: Annotated[Path, typer.Option(help="Prediction folder to write.")],
    model: Annotated[Path | None, typer.Option(help="Model file; without it, the model in the box.")] = None,
    bands: Annotated[
        str | None, typer.Option(help="Bands that stand for B02,B03,B04,B08, by name or number: 2,3,4,8.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Reflectance × 10,000 is raw × SCALE + OFFSET.")] = 1.0,
    offset: Annotated[float, typer.Option(help="-1000 for Sentinel-2 baseline 04.00 or later.")] = 0.0,
    decoder: Annotated[
        str | None, typer.Option(help="counts, mean, calibrated or loglinear, instead of the model's.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="bf16, float32, int8, or auto: bf16 where that is faster.")
    ] = "auto",
    part: Annotated[str | None, typer.Option(help="Only this part of a chips folder's splits.csv.")] = None,
    window: Annotated[int | None, typer.Option(help="Most px of a window, instead of the model's.")] = None,
    overlap: Annotated[int | None, typer.Option(help="Overlap in px, instead of the model's.")] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Keep probability layers.")] = False,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Keep a layer of the highest probability.")
    ] = False,
    tta: Annotated[
        bool, typer.Option("--tta", help="Average over the 8 turned images: 8 times the time.")
    ] = False,
    remote: Annotated[bool, typer.Option("--remote", help="Allow inputs at https:// and s3://.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what OUT holds.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a killed run stopped.")] = False,
    threads: Annotated[int | None, typer.Option(help="Threads of the engine, instead of all.")] = None,
    streams: Annotated[
        int | None, typer.Option(help="Windows computed side by side, instead of our choice.")
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray: spread over a Ray cluster.")] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster, such as ray://head:10001; else this machine.")
    ] = None,
) -> None:
    """Predict land cover maps and class shares from images.

    Example: landcover predict image.tif --out prediction
    """
    import landcover

    prediction = landcover.predict(
        inputs,
        out,
        model=model,
        bands=bands.split(",") if bands else None,
        scale=scale,
        offset=offset,
        decoder=decoder,
        precision=precision,  # type: ignore[arg-type]
        part=part,
        window=window,
        overlap=overlap,
        probabilities=probabilities,
        confidence=confidence,
        tta=tta,
        remote=remote,
        overwrite=overwrite,
        resume=resume,
        threads=threads,
        streams=streams,
        engine=engine,  # type: ignore[arg-type]
        address=address,
    )
    for warning in prediction.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"shares of {len(prediction.shares)} images: {prediction.folder / 'distributions.csv'}")
    if len(prediction.areas):
        print(f"hectares: {prediction.folder / 'areas.csv'}")
    held = prediction.intervals["low"].notna()
    if held.any():
        print(
            f"intervals: {prediction.folder / 'intervals.csv'} (as calibrated on ground like that of the "
            "calibration chips; elsewhere fewer hold the truth)"
        )
    else:
        print(f"no intervals: {prediction.intervals['note'].mode().iloc[0]}")
    print(f"maps: {prediction.folder / 'maps'}")
    print(f"report: {prediction.folder / 'report.html'}")
