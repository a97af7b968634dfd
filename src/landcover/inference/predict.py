"""Predict: from images to a prediction folder with maps, class shares and a record of what was done."""

from __future__ import annotations

import errno
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio

from landcover import __version__
from landcover.chips.tables import write_shares
from landcover.errors import LandcoverError
from landcover.files import sha256, staged, write_text
from landcover.imagery.image import Reading
from landcover.imagery.write import write_quantity
from landcover.inference.areas import area_table, write_areas
from landcover.inference.cluster import compute_on_cluster
from landcover.inference.engine import Engine, Precision, Resources
from landcover.inference.inputs import find_inputs
from landcover.inference.intervals import interval_table, write_intervals
from landcover.inference.items import write_items
from landcover.inference.journal import Journal
from landcover.inference.layers import Layers
from landcover.inference.modelfile import Card
from landcover.inference.novelty import CELL, distances, likely_causes, looks_resampled
from landcover.inference.report import MOST_PICTURES, write_report
from landcover.inference.rows import Plan, Row, Task, compute
from landcover.inference.scene import Assembly, Found, plan_scene
from landcover.legend import Legend
from landcover.report.pictures import MOST_SIDE
from landcover.shares.decode import override
from landcover.weights import box_model

Where = Literal["local", "ray"]
CACHE = 16 * 2**20  # bytes that GDAL keeps at least
RESULTS = (
    "maps",
    "probabilities",
    "confidence",
    "novelty",
    "items",
    "distributions.csv",
    "areas.csv",
    "intervals.csv",
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
    intervals : sample_id, class, share, low, high, joint_low, joint_high, note (see `interval_table`)
    warnings : sentences on images whose numbers look wrong, or that hold no data
    """

    folder: Path
    shares: pd.DataFrame
    areas: pd.DataFrame
    intervals: pd.DataFrame
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
    tta: bool = False,
    remote: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    threads: int | None = None,
    streams: int | None = None,
    engine: Where = "local",
    address: str | None = None,
    intro: str = "",
) -> Prediction:
    """Predict the land cover of images.

    Memory grows with the width of an image, not with its height. A killed run leaves a hidden folder beside
    `out`, from which `resume` goes on to the same bytes.

    Parameters
    ----------
    inputs : images, Sentinel-2 products (.SAFE folders or zips), files that hold one band each, folders of
        these, or chips folders
    out : prediction folder to write
    model : model file; None takes the model in the box
    bands : which bands of the images stand for the model's, by name or number; None finds them
    scale, offset : the model's numbers, reflectance × 10,000, are `raw × scale + offset`; products say theirs
    decoder : `counts`, `mean`, `calibrated` or `loglinear`, instead of the model's
    precision : `bf16`, `float32`, `int8` (the quantised copy beside the model file) or `auto`, which is bf16
        where the processor gains from it
    part : only this part of the splits.csv of chips folders
    window, overlap : px, instead of the model's (when resuming: of what was begun); they change the map
    probabilities : keep a layer of probabilities for each image
    confidence : keep a layer of the highest probability for each image
    tta : average the probabilities over the eight turned and mirrored images (test-time augmentation)
    remote : allow inputs on the network: `https://…`, `s3://bucket/key`, `/vsis3/bucket/key`
    overwrite : replace what `out` holds
    resume : go on where a killed run stopped
    threads, streams : of the processor, and windows computed side by side; None chooses
    engine : `local` computes in this process, `ray` on a Ray cluster; the bytes are the same
    address : of the cluster, such as ray://head:10001; None starts workers on this machine
    intro : a sentence for the report to open with

    Raises
    ------
    LandcoverError : an input, the model, the options or the folder are at fault; nothing is left behind then.
        Only when the disk is full, what is finished stays to go on with
    """
    if engine not in get_args(Where):
        raise LandcoverError("--engine", f"is {engine!r}", "local or ray", "mend it")
    path = Path(model) if model is not None else box_model()
    loaded = Engine(path, precision, Resources(threads, streams), tta)
    card, out = loaded.card, Path(out)
    decoding = override(card.decoder, decoder)
    paths = find_inputs([inputs] if isinstance(inputs, str | Path) else inputs, part)
    reading = Reading(card.bands, tuple(bands) if bands else None, scale, offset, remote)
    with (
        _told_when_full(out),
        staged(out, overwrite, RESULTS, resume) as stage,
    ):
        journal = Journal(stage)
        was = journal.begun.get("options", {"window": card.window, "overlap": card.overlap})
        size, lap = window or was["window"], was["overlap"] if overlap is None else overlap
        _check_windows(size, lap)
        layers = Layers.of(card, decoding, probabilities, confidence, lap)
        loaded.extend(layers.extend)
        options = {
            "bands": list(bands) if bands else None,
            "scale": scale,
            "offset": offset,
            "decoder": layers.decoder.to_dict(),
            "precision": loaded.precision,
            "window": size,
            "overlap": lap,
            "tta": tta,
        }
        record: dict[str, Any] = {
            "landcover": __version__,
            "versions": {"python": platform.python_version(), "openvino": version("openvino")},
            "model": {"file": loaded.path.name, "sha256": sha256(loaded.path)},
            "legend": card.legend.to_dict(),
            "options": options,
        }
        plans = [
            plan_scene(name, path, reading, size, lap, MOST_SIDE if number < MOST_PICTURES else 0)
            for number, (name, path) in enumerate(paths.items())
        ]
        journal.begin(out, record | {"layers": list(layers.bands)}, plans)
        if engine == "ray":
            rows = partial(compute_on_cluster, engine=loaded, layers=layers, address=address)
        else:
            rows = partial(compute, engine=loaded, layers=layers)
        with rasterio.Env(GDAL_CACHEMAX=max(CACHE, *(p.cache for p in plans))):
            found = _run(plans, rows, layers, card, journal, stage)
        shares = pd.DataFrame.from_dict(
            {f.plan.id: _shares(f, layers, card.legend) for f in found},
            orient="index",
            columns=list(card.legend.names),
        )
        write_shares(stage / "distributions.csv", shares, card.legend)
        areas = pd.concat(
            [area_table(f, layers.decoder, card.classes, card.legend) for f in found], ignore_index=True
        )
        if len(areas):
            write_areas(stage / "areas.csv", areas)
        intervals = interval_table(found, layers.decoder, card, tta)
        if intervals["low"].notna().any():
            write_intervals(stage / "intervals.csv", intervals)
        warnings = [f"{f.plan.id}: {text}" for f in found for text in f.warnings]
        record |= {"warnings": warnings, "images": [f.facts() for f in found]}
        record["conformal"] = card.conformal.to_dict() if card.conformal else None
        pictures = {p.id: journal.picture(p) for p in plans if p.step}
        write_report(
            stage / "report.html",
            pictures,
            shares,
            areas,
            intervals,
            card.legend,
            card.bands,
            card.novelty,
            record,
            intro,
        )
        write_items(stage, found, record, card, loaded.path)
        write_text(stage / "predict.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return Prediction(out, shares, areas, intervals, tuple(warnings))


def _run(
    plans: Sequence[Plan],
    rows: Callable[[Iterable[Task]], Iterator[Row]],
    layers: Layers,
    card: Card,
    journal: Journal,
    stage: Path,
) -> list[Found]:
    """Compute what no earlier run has finished, and write layers and journal scene by scene."""
    found = {f.plan.id: f for f in journal.finished(plans)}
    waiting: dict[str, Assembly] = {}
    digests: dict[str, Future[str] | None] = {}

    def tasks() -> Iterator[Task]:
        for plan in plans:
            if plan.id not in found:
                scene = waiting[plan.id] = Assembly(plan, layers, card.legend, journal.folder)
                digests[plan.id] = beside.submit(sha256, *plan.files) if plan.files else None
                for index in range(scene.next, len(plan.rows.starts)):
                    yield plan, index

    # one after another, beside the rows, so that none is waited for at the end
    with ThreadPoolExecutor(1) as beside, _progress(len(plans), len(found)) as tell:
        for row in rows(tasks()):
            scene = waiting[row.plan.id]
            scene.add(row)
            tell(row)
            if row.index + 1 == len(row.plan.rows.starts):
                found[row.plan.id] = _finish(scene, card, stage, digests.pop(row.plan.id))
                journal.add(found[row.plan.id])
                del waiting[row.plan.id]
            del row  # before the next row takes its room
    return [found[p.id] for p in plans]


def _finish(scene: Assembly, card: Card, stage: Path, digest: Future[str] | None) -> Found:
    """Write the layers of a scene whose rows are all in."""
    plan = scene.plan
    scene.finish(stage)
    distance = distances(scene.sample, card.novelty)
    (stage / "novelty").mkdir(exist_ok=True)
    cells = plan.place.of_cells(CELL) if plan.place else None
    write_quantity(stage / "novelty" / f"{plan.id}.tif", distance, cells)
    known = distance[~np.isnan(distance)]
    unlike = float(np.mean(known > card.novelty.distance)) if len(known) else None
    causes = _causes(scene, card, unlike)
    return Found(
        plan,
        scene.tally,
        float(np.median(known)) if len(known) else None,
        unlike,
        tuple(_warnings(scene, causes)),
        digest.result() if digest else None,
        familiar=not causes,
    )


def _check_windows(window: int, overlap: int) -> None:
    if window < 32 or window % 32:
        raise LandcoverError("--window", f"is {window} px", "a multiple of 32", "mend it")
    if overlap < 0 or 2 * overlap > window:
        raise LandcoverError("--overlap", f"is {overlap} px", f"0 to {window // 2} px", "mend it")


def _shares(found: Found, layers: Layers, legend: Legend) -> npt.NDArray[np.float64]:
    """Shares over all classes of the legend; pixels without data are the share of its no-data class."""
    row = np.zeros(len(legend.classes))
    missing = found.tally.no_data / found.tally.pixels
    row[[legend.codes.index(c) for c in layers.codes]] = (1 - missing) * layers.decoder.shares(
        found.tally.sums[0]
    )
    if legend.no_data is not None:
        row[legend.codes.index(legend.no_data.code)] = missing
    return row


def _causes(scene: Assembly, card: Card, unlike: float | None) -> list[str]:
    """Sentences on what looks unlike training in the numbers of a scene; none when nothing does."""
    causes = likely_causes(scene.sample, card.statistics, card.bands)
    if not causes and unlike is not None and unlike > card.novelty.share:
        causes = [
            f"{unlike:.0%} of it looks unlike the training images (of no validation chip more than "
            f"{card.novelty.share:.0%} did): trust the map less where novelty/{scene.plan.id}.tif is over "
            f"{card.novelty.distance:.3g}"
        ]
    resampled = looks_resampled(scene.sample, card.novelty)
    return [*causes, resampled] if resampled else causes


def _warnings(scene: Assembly, causes: Sequence[str]) -> list[str]:
    notes, tally = list(scene.plan.notes), scene.tally
    if tally.no_data == tally.pixels:
        return [*notes, "no pixel has data; the map is no_data"]
    notes += causes
    if tally.negative > 0.01 * tally.pixels:
        notes.append(
            f"{tally.negative / tally.pixels:.1%} of the pixels have a negative number, counted as 0: "
            "check --offset"
        )
    return notes


@contextmanager
def _told_when_full(out: Path) -> Iterator[None]:
    """Tell of a full disk in one line."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise LandcoverError(
            out, "can't be written: the disk is full", "more space", "free some, and go on with --resume"
        ) from error


@contextmanager
def _progress(scenes: int, finished: int) -> Iterator[Callable[[Row], None]]:
    """A bar on the terminal that moves with every row of windows; silent elsewhere."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        whole = bar.add_task("images", total=scenes, completed=finished)

        def tell(row: Row) -> None:
            bar.update(whole, description=row.plan.id, advance=1 / len(row.plan.rows.starts))

        yield tell
