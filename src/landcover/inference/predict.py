"""Predict: from images to a prediction folder with maps, class shares and a record of what was done."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio

from landcover import __version__
from landcover.chips.folder import find_images, open_chips
from landcover.chips.tables import write_shares
from landcover.errors import LandcoverError
from landcover.files import sha256, staged, write_text
from landcover.imagery.bandfiles import DOWNLOADED, gather, is_product, product_id
from landcover.imagery.cog import CACHE
from landcover.inference.areas import area_table, write_areas
from landcover.inference.engine import Engine, Precision
from landcover.inference.items import write_items
from landcover.inference.novelty import unlike
from landcover.inference.report import write_report
from landcover.inference.scene import Reading, Scene, run_scenes
from landcover.legend import Legend
from landcover.shares.decode import Decoder, override
from landcover.weights import box_model

# Bytes: two rows of JPEG 2000 tiles of four bands must fit, or each is decoded again and again.
JP2_CACHE = 256 * 2**20
RESULTS = (
    "maps",
    "probabilities",
    "confidence",
    "items",
    "distributions.csv",
    "areas.csv",
    "predict.json",
    "report.html",
)


@dataclass(frozen=True)
class Prediction:
    """What `predict` wrote and found.

    Attributes
    ----------
    folder : the prediction folder (docs/data-formats.md)
    shares : one row an image, one column a class of the legend; rows sum to 1
    areas : sample_id, class, area_ha, share; the images whose place is known
    warnings : sentences on images whose numbers look wrong, or that hold no data
    """

    folder: Path
    shares: pd.DataFrame
    areas: pd.DataFrame
    warnings: tuple[str, ...]


def predict(
    inputs: Path | Sequence[Path],
    out: Path,
    model: Path | None = None,
    bands: Sequence[str] | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    decoder: str | None = None,
    precision: Precision = "auto",
    part: str | None = None,
    window: int | None = None,
    overlap: int | None = None,
    probabilities: bool = False,
    confidence: bool = False,
    remote: bool = False,
    overwrite: bool = False,
    intro: str = "",
) -> Prediction:
    """Predict the land cover of images.

    Parameters
    ----------
    inputs : images, Sentinel-2 products (.SAFE folders or zips), files that hold one band each, folders of
        these, or chips folders
    out : prediction folder to write
    model : model file; None takes the model in the box
    bands : which bands of the images stand for the model's, by name or number; None finds them
    scale, offset : the model's numbers, reflectance × 10,000, are `raw × scale + offset`; products say theirs
    decoder : `counts`, `mean` or `calibrated`, instead of the model's
    precision : `bf16`, `float32` or `auto`, which is bf16 where the processor computes in it
    part : only this part of the splits.csv of chips folders
    window, overlap : px, instead of the model's; they change the map
    probabilities : keep a layer of probabilities for each image
    confidence : keep a layer of the highest probability for each image
    remote : allow inputs on the network: `https://…`, `s3://bucket/key`, `/vsis3/bucket/key`
    overwrite : replace what `out` holds
    intro : a sentence for the report to open with

    Raises
    ------
    LandcoverError : an input, the model, the options or the folder are at fault; nothing is left behind then
    """
    engine = Engine(Path(model) if model is not None else box_model(), precision)
    card = engine.card
    chosen = override(card.decoder, decoder)
    size, lap = _windows(window or card.window, card.overlap if overlap is None else overlap)
    paths = find_inputs([inputs] if isinstance(inputs, str | Path) else inputs, part)
    reading = Reading(tuple(bands) if bands else None, scale, offset, remote)
    for path in paths.values():
        with reading.open(path, card.bands):
            pass
    rows: dict[str, npt.NDArray[np.float64]] = {}
    warnings: list[str] = []
    facts: list[dict[str, Any]] = []
    scenes: list[Scene] = []
    tiles = JP2_CACHE if any(is_product(p) or p.suffix.lower() == ".jp2" for p in paths.values()) else CACHE
    with (
        rasterio.Env(GDAL_CACHEMAX=tiles),
        staged(Path(out), overwrite, RESULTS) as stage,
        _progress(len(paths)) as tell,
    ):
        (stage / "maps").mkdir()
        if probabilities:
            (stage / "probabilities").mkdir()
        if confidence:
            (stage / "confidence").mkdir()
        for scene in run_scenes(
            paths, stage, engine, chosen, reading, size, lap, probabilities, confidence, tell
        ):
            scenes.append(scene)
            rows[scene.id] = _shares(scene, chosen, card.classes, card.legend)
            warnings += _warnings(scene, engine)
            facts.append(
                {
                    "sample_id": scene.id,
                    "input": scene.image.name,
                    "sha256": sha256(*scene.image.files) if scene.image.files else None,
                    "height": scene.rows.length,
                    "width": scene.columns.length,
                    "no_data_px": scene.no_data,
                    "negative_px": scene.negative,
                }
            )
        shares = pd.DataFrame.from_dict(rows, orient="index", columns=list(card.legend.names))
        write_shares(stage / "distributions.csv", shares, card.legend)
        areas = pd.concat(
            [area_table(s, chosen, card.classes, card.legend) for s in scenes], ignore_index=True
        )
        if len(areas):
            write_areas(stage / "areas.csv", areas)
        record = {
            "landcover": __version__,
            "versions": {"python": platform.python_version(), "openvino": version("openvino")},
            "model": {"file": engine.path.name, "sha256": sha256(engine.path)},
            "legend": card.legend.to_dict(),
            "options": {
                "bands": list(bands) if bands else None,
                "scale": scale,
                "offset": offset,
                "decoder": chosen.to_dict(),
                "precision": engine.precision,
                "window": size,
                "overlap": lap,
            },
            "warnings": warnings,
            "images": facts,
        }
        write_report(stage / "report.html", paths, shares, card.legend, card.bands, reading, record, intro)
        write_items(stage, scenes, record, card, engine.path)
        write_text(stage / "predict.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return Prediction(Path(out), shares, areas, tuple(warnings))


def find_inputs(inputs: Sequence[Path], part: str | None = None) -> dict[str, Path]:
    """Images of all inputs, by id: the name of the file, product or files of bands, without suffix.

    Raises
    ------
    LandcoverError : an input is missing or empty, an id stands for two files, or the part can't be told
    """
    found: dict[str, Path] = {}
    for entry in map(Path, inputs):
        if entry.is_dir() and (entry / "images").is_dir():
            chips = open_chips(entry)
            images = chips.images if part is None else {i: chips.images[i] for i in chips.images_of(part)}
        elif entry.is_dir() and not is_product(entry):
            products = [p for p in sorted(entry.iterdir()) if DOWNLOADED.fullmatch(p.name)]
            images = gather(find_images(entry)) | {product_id(p): p for p in products}
        else:
            images = {product_id(entry): entry}
        if not images:
            raise LandcoverError(
                entry,
                "holds no image" + (f" of the part {part}" if part else ""),
                "images to predict",
                "check the path",
            )
        for name, path in images.items():
            if name in found:
                raise LandcoverError(
                    path, f"has the same id as {found[name]}", "one image an id", "predict them apart"
                )
            found[name] = path
    return gather(found)


def _windows(window: int, overlap: int) -> tuple[int, int]:
    if window < 32 or window % 32:
        raise LandcoverError("--window", f"is {window} px", "a multiple of 32", "mend it")
    if overlap < 0 or 2 * overlap > window:
        raise LandcoverError("--overlap", f"is {overlap} px", f"0 to {window // 2} px", "mend it")
    return window, overlap


def _shares(
    scene: Scene, decoder: Decoder, classes: Sequence[int], legend: Legend
) -> npt.NDArray[np.float64]:
    """Shares over all classes of the legend; pixels without data are the share of its no-data class."""
    row = np.zeros(len(legend.classes))
    missing = scene.no_data / scene.pixels
    row[[legend.codes.index(c) for c in classes]] = (1 - missing) * decoder.shares(scene.sums)
    if legend.no_data is not None:
        row[legend.codes.index(legend.no_data.code)] = missing
    return row


def _warnings(scene: Scene, engine: Engine) -> list[str]:
    found = list(scene.image.notes)
    if scene.no_data == scene.pixels:
        return [f"{scene.id}: {text}" for text in (*found, "no pixel has data; the map is no_data")]
    found += unlike(scene.histogram, engine.card.statistics, engine.card.bands)
    if scene.negative > 0.01 * scene.pixels:
        found.append(
            f"{scene.negative / scene.pixels:.1%} of the pixels have a negative number, counted as 0: "
            "check --offset"
        )
    return [f"{scene.id}: {text}" for text in found]


@contextmanager
def _progress(images: int) -> Iterator[Callable[[Scene, int], None]]:
    """A bar on the terminal that moves with every window; silent elsewhere."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        whole = bar.add_task("images", total=images)

        def tell(scene: Scene, windows: int) -> None:
            bar.update(whole, description=scene.id, advance=1 / windows)

        yield tell
