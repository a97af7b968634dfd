"""Find what is compared: predictions (maps, shares, probabilities) and their reference (masks or shares)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from landcover.chips.folder import find_images, natural_order, read_splits
from landcover.chips.tables import read_shares
from landcover.errors import LandcoverError
from landcover.imagery.image import SUFFIXES
from landcover.legend import S2GLC, Legend
from landcover.shares.score import spatial_blocks

RASTERS = ", ".join("*" + s for s in SUFFIXES)


@dataclass(frozen=True)
class Inputs:
    """Predictions and reference of the same images.

    Attributes
    ----------
    ids : images that are predicted, in natural order; the reference has all of them
    predictions, reference : as the user gave them
    reference_size : images in the reference
    maps, probabilities : predicted files by id; empty without
    masks, images : reference files by id; empty without
    predicted, true : tables of shares from CSVs; None where shares have to be counted from pixels
    blocks : spatial block by id where splits.csv gives the place of all ids, else None
    files : the CSV, TOML and JSON files that were used
    """

    predictions: Path
    reference: Path
    ids: list[str]
    reference_size: int
    legend: Legend
    maps: dict[str, Path]
    probabilities: dict[str, Path]
    masks: dict[str, Path]
    images: dict[str, Path]
    predicted: pd.DataFrame | None
    true: pd.DataFrame | None
    blocks: pd.Series[str] | None
    files: list[Path]


def open_inputs(predictions: Path, reference: Path) -> Inputs:
    """Look at both sides and match them by id (the file's name without suffix, or sample_id).

    Parameters
    ----------
    predictions : a prediction folder (maps/, distributions.csv, probabilities/), a folder of maps, one map,
        or a CSV of shares
    reference : a chips folder (masks/; images/, splits.csv and legend.toml if there), a folder of masks, the
        mask of one map, or a CSV of shares

    Raises
    ------
    LandcoverError : one of them is missing, holds nothing, is a faulty CSV, or their ids don't match
    """
    legend_file = next(
        (p / "legend.toml" for p in (reference, predictions) if (p / "legend.toml").is_file()), None
    )
    legend = S2GLC if legend_file is None else Legend.from_toml(legend_file)
    maps, probabilities, predicted_csv = _predictions(predictions)
    predicted = None if predicted_csv is None else read_shares(predicted_csv, legend)
    ids = sorted(maps if predicted is None else predicted.index, key=natural_order)

    masks, true_csv = _reference(reference, ids)
    true = None if true_csv is None else read_shares(true_csv, legend)
    known = masks if true is None else true.index
    _same_ids(predictions, ids, maps)
    _contained(predictions, ids, known, reference)

    splits_file = reference / "splits.csv"
    blocks = spatial_blocks(read_splits(splits_file)) if splits_file.is_file() else None
    blocks = None if blocks is None else blocks.reindex(ids)
    described = predictions / "predict.json"
    return Inputs(
        predictions,
        reference,
        ids,
        len(known),
        legend,
        maps,
        {i: p for i, p in probabilities.items() if i in ids},
        masks,
        find_images(reference / "images") if (reference / "images").is_dir() else {},
        predicted,
        true,
        None if blocks is None or blocks.isna().any() else blocks,
        [p for p in (predicted_csv, described, true_csv, splits_file, legend_file) if p and p.is_file()],
    )


def _predictions(path: Path) -> tuple[dict[str, Path], dict[str, Path], Path | None]:
    """Maps, probabilities and CSV of shares of any kind of predictions."""
    if path.suffix.lower() == ".csv":
        return {}, {}, path
    if path.is_file():
        return {path.stem: path}, {}, None
    if not path.is_dir():
        raise LandcoverError(path, "is not there", "predictions: a folder, a map or a CSV", "check the path")
    maps = find_images(path / "maps" if (path / "maps").is_dir() else path)
    probabilities = find_images(path / "probabilities") if (path / "probabilities").is_dir() else {}
    table = path / "distributions.csv"
    if not maps and not table.is_file():
        raise LandcoverError(
            path, "holds neither maps nor distributions.csv", f"maps/{RASTERS} or {RASTERS}",
            "give the folder that landcover predict wrote, or a folder of maps",
        )  # fmt: skip
    return maps, probabilities, table if table.is_file() else None


def _reference(path: Path, ids: list[str]) -> tuple[dict[str, Path], Path | None]:
    """Masks or CSV of shares of any kind of reference."""
    if path.suffix.lower() == ".csv":
        return {}, path
    if path.is_file():
        if len(ids) != 1:
            raise LandcoverError(
                path, "is one mask", f"masks for {len(ids)} predicted images", "give the folder of masks"
            )
        return {ids[0]: path}, None
    if not path.is_dir():
        raise LandcoverError(path, "is not there", "masks or a CSV of shares", "check the path")
    folder = path / "masks" if (path / "masks").is_dir() else path
    masks = find_images(folder)
    if not masks:
        raise LandcoverError(
            folder, "holds no mask", f"files {RASTERS}", "give a chips folder, a folder of masks or a CSV"
        )
    return masks, None


def _same_ids(path: Path, ids: list[str], maps: dict[str, Path]) -> None:
    odd = sorted(set(maps) ^ set(ids), key=natural_order)
    if maps and odd:
        finding = f"has a map of {odd[0]} and no shares" if odd[0] in maps else f"has no map of {odd[0]}"
        raise LandcoverError(
            path, finding, "a map and a row of distributions.csv for each image",
            "predict again into an empty folder",
        )  # fmt: skip


def _contained(path: Path, ids: list[str], known: Iterable[str], reference: Path) -> None:
    missing = sorted(set(ids) - set(known), key=natural_order)
    if missing:
        some = ", ".join(missing[:3]) + (f" and {len(missing) - 3} others" if len(missing) > 3 else "")
        raise LandcoverError(
            path, f"holds {some}, which {reference} lacks", "predictions of images that the reference has",
            "compare them with their own reference, or leave them out",
        )  # fmt: skip
