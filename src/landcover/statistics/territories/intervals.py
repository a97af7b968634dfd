"""Intervals of the shares of territories, by the calibration of the model that made the layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.shares.conformal import Conformal, intervals_for
from landcover.shares.decode import Decoder


def territory_intervals(
    layer: Path, shares: pd.DataFrame, pixels: npt.NDArray[np.float64]
) -> tuple[pd.DataFrame, str]:
    """Intervals of the shares of territories, each class by itself.

    A territory takes the bounds of its size class (`Conformal.size_class`); outside the calibrated sizes it
    has none. See docs/statistics.md, Shares with guaranteed intervals.

    Parameters
    ----------
    layer : probability layer of a prediction folder, whose predict.json says what was calibrated
    shares : territories × classes by name: mean probabilities of the pixels with data; NaN without any
    pixels : with data, of each territory

    Returns
    -------
    columns : `<class>_low` and `<class>_high` for each class, NaN where there is no interval; no column when
        no territory of the layer can have one
    note : why no territory has one, or in words which have; for the record of the table
    """
    names = list(shares.columns)
    columns = pd.DataFrame(
        np.nan, index=shares.index, columns=[f"{n}_{end}" for n in names for end in ("low", "high")]
    )
    known, classes, why = _known(layer)
    if known is None:
        return columns[[]], f"no intervals: {why}"
    at = [names.index(n) for n in classes if n in names]
    if not len(at) == len(classes) == len(known.sizes[0].quantiles):
        return columns[[]], "no intervals: the layer has other classes than the model was calibrated for"
    found = intervals_for(shares.to_numpy(np.float64)[:, at], pixels, known)
    for n, low, high in zip(classes, found.low.T, found.high.T, strict=True):
        columns[f"{n}_low"], columns[f"{n}_high"] = low, high
    sides = [size.side for size in known.sizes]
    return columns, (
        f"{known.level:.0%} intervals of territories of {sides[0]}² to {sides[-1]}² px with data, as "
        f"calibrated on {known.chips.get('chips', 'labelled')} chips; on ground unlike theirs fewer hold"
    )


def _known(layer: Path) -> tuple[Conformal | None, list[str], str]:
    """What was calibrated for the image of a layer, its classes, or why nothing holds for it."""
    record = layer.parent.parent / "predict.json"
    if not record.is_file():
        return None, [], "the layer lies in no prediction folder"
    made = json.loads(record.read_text(encoding="utf-8"))
    image = next((i for i in made["images"] if i["sample_id"] == layer.stem), None)
    if not made.get("conformal") or image is None:
        return None, [], "the model file has no calibrated intervals"
    if not image["novelty"].get("familiar"):
        return None, [], "the image looks unlike the training images"
    known = Conformal.from_dict(made["conformal"])
    if made["options"].get("tta"):
        return None, [], "they are calibrated for predictions without --tta"
    if Decoder.from_dict(made["options"]["decoder"]) != known.decoder:
        return None, [], f"they are calibrated for the decoder {known.decoder.kind} of the model file alone"
    if not known.decoder.is_mean_of_pixels:
        return None, [], "they are calibrated for a decoder that is not the mean of the layer's probabilities"
    labels = [c["name"] for c in made["legend"]["classes"] if c.get("is_label", True)]
    return known, labels, ""
