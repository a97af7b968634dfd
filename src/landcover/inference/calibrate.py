"""Calibrate: measure on labelled chips how far a model's shares may be off, and write it into its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.chips.folder import PLACE, ChipsFolder, open_chips, read_couples
from landcover.chips.split import has_places
from landcover.errors import LandcoverError
from landcover.files import sha256
from landcover.inference.engine import INT8, Engine
from landcover.inference.modelfile import Card, read_model, save
from landcover.shares.conformal import LEVEL, Conformal, blocks_needed, fit_conformal
from landcover.shares.tiles import Tiles
from landcover.weights import box_model

AT_ONCE = 16  # chips
NO_LABEL = 255


@dataclass(frozen=True)
class Calibration:
    """A model file with calibrated intervals."""

    model: Path
    conformal: Conformal


def calibrate(
    data: Path,
    out: Path,
    model: Path | None = None,
    part: str = "val",
    level: float = LEVEL,
    overwrite: bool = False,
) -> Calibration:
    """Calibrate the intervals of a model's shares on chips that it was not trained on.

    For a model file that has none, and for a place where those it has do not hold. The weights stay as they
    are. A quantised copy beside the model gets its own intervals.

    Parameters
    ----------
    data : chips folder with masks
    out : model file to write
    model : model file; None takes the model in the box
    part : of splits.csv; without that file, all chips count
    level : probability that an interval holds the true share

    Raises
    ------
    LandcoverError : the chips, the model or the options are at fault, or the blocks are too few for the level
    """
    onnx = _onnx()
    model, out = Path(model) if model is not None else box_model(), Path(out)
    _check(part, level, out, overwrite)
    chips, (_, card) = open_chips(Path(data)), read_model(model)
    ids = chips.couples if chips.splits is None else chips.part(part)
    if not ids:
        raise LandcoverError(
            chips.path, f"has no couple in the part {part}", "labelled chips", "check --part"
        )
    if chips.legend.label_codes != card.legend.label_codes:
        raise LandcoverError(
            chips.path,
            "has another legend than the model",
            card.legend.name,
            "recode the masks, or train anew",
        )
    codes = np.concatenate([masks for _, masks in _couples(chips, ids, card)])
    table = np.full(256, NO_LABEL, np.uint8)
    table[list(card.classes)] = np.arange(len(card.classes))
    known, places = about(chips, ids, part), places_of(chips, ids)
    suffixes = [s for s in (".onnx", INT8) if s == ".onnx" or model.with_suffix(s).exists()]
    files = []
    for suffix in suffixes:
        source = model.with_suffix(suffix) if suffix == INT8 else model
        images = (image for some, _ in _couples(chips, ids, card) for image in some)
        found = conformal_of(source, images, table[codes], places, known, level)
        if found is None:
            raise LandcoverError(
                chips.path, f"holds too few separate places for intervals of {level:.0%}",
                f"{blocks_needed(level)} blocks of 256 px", "label more, or lower --level",
            )  # fmt: skip
        files.append((out.with_suffix(suffix), source, found))
    for target, source, found in files:
        save(target, onnx.load(source), replace(read_model(source)[1], conformal=found))
    return Calibration(out, files[0][2])


def conformal_of(
    model: Path,
    images: Iterable[npt.NDArray[np.float32]],
    targets: npt.NDArray[np.uint8],
    places: pd.DataFrame | None,
    about: Mapping[str, Any],
    level: float = LEVEL,
) -> Conformal | None:
    """Intervals of a model file, by its decoder, from labelled chips.

    Parameters
    ----------
    images : bands × height × width each, digital numbers
    targets : chips × height × width, position of the class among the model's; 255 for no label
    places : see `Tiles.of`
    about : facts on the chips, to keep
    """
    engine = Engine(model, "float32")
    decoder = engine.card.decoder
    tiles = Tiles.of(engine.probabilities(images), targets, decoder, places)
    return fit_conformal(tiles, decoder, about, level)


def places_of(chips: ChipsFolder, ids: Sequence[str]) -> pd.DataFrame | None:
    """Scene, y0 and x0 of chips, where they are known."""
    if chips.splits is None or not has_places(chips.splits):
        return None
    return chips.splits.set_index("sample_id").loc[list(ids), list(PLACE)].reset_index(drop=True)


def about(chips: ChipsFolder, ids: Sequence[str], part: str) -> dict[str, Any]:
    """Which chips: what a model file keeps of those that it was calibrated on."""
    digest = sha256(*(chips.masks[i] for i in ids))
    return {"folder": chips.path.name, "part": part, "chips": len(ids), "sha256": digest}


def _onnx() -> Any:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise LandcoverError(
            "landcover calibrate", "needs onnx, which is not installed", "the extra 'train'",
            "install it: pip install 'landcover[train]'",
        ) from error  # fmt: skip
    return onnx


def _check(part: str, level: float, out: Path, overwrite: bool) -> None:
    if part == "train":
        raise LandcoverError(
            "--part", "is train", "chips that the model was not trained on", "name another part"
        )
    if not 0.5 <= level < 1:
        raise LandcoverError("--level", f"is {level:g}", "0.5 to 1, such as 0.9", "mend it")
    if out.suffix != ".onnx":
        raise LandcoverError(out, "is no model file", "a name that ends in .onnx", "give another --out")
    for path in (out, out.with_suffix(INT8)):
        if path.exists() and not overwrite:
            raise LandcoverError(path, "is there already", "a new file", "give another --out, or --overwrite")
    if not out.parent.is_dir():
        raise LandcoverError(out, "is in no folder", "a folder that is there", "make it first")


def _couples(
    chips: ChipsFolder, ids: Sequence[str], card: Card
) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]]:
    for first in range(0, len(ids), AT_ONCE):
        yield read_couples(chips, ids[first : first + AT_ONCE], None, card.bands)
