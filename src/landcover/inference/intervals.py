"""The table intervals.csv: how far the shares of an image may be off, where that was calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from landcover.files import whole
from landcover.inference.modelfile import Card
from landcover.inference.scene import Found
from landcover.shares.conformal import Conformal, intervals_for
from landcover.shares.decode import Decoder

BOUNDS = ("low", "high", "joint_low", "joint_high")
UNKNOWN = "no error of this class was seen in calibration"


def interval_table(found: Sequence[Found], decoder: Decoder, card: Card, tta: bool = False) -> pd.DataFrame:
    """Intervals of the shares of images, or why there are none.

    Parameters
    ----------
    found : what prediction found in each image
    decoder : that the shares were made with
    card : of the model
    tta : the shares come from turned images too, which calibration has not seen

    Returns
    -------
    intervals : sample_id, class (those that the model knows), share (of the whole image, as in
        distributions.csv), low and high (each class by itself), joint_low and joint_high (all classes at
        once), and note: why there is no interval, else empty
    """
    return pd.concat([_of_image(f, decoder, card, tta) for f in found], ignore_index=True)


def _of_image(found: Found, decoder: Decoder, card: Card, tta: bool) -> pd.DataFrame:
    seen = found.tally.pixels - found.tally.no_data
    shares = decoder.shares(found.tally.sums[0])
    names = {c.code: c.name for c in card.legend.classes}
    table = pd.DataFrame({"sample_id": found.plan.id, "class": [names[c] for c in card.classes]})
    table["share"] = shares * seen / found.tally.pixels
    table[list(BOUNDS)] = np.nan
    note = why_none(card.conformal, decoder, seen, found.familiar, tta)
    table["note"] = note
    if card.conformal and not note:
        intervals = intervals_for(shares[None], [seen], card.conformal)
        for name in BOUNDS:
            table[name] = getattr(intervals, name)[0] * seen / found.tally.pixels
        table.loc[table["low"].isna(), "note"] = UNKNOWN
    return table


def why_none(conformal: Conformal | None, decoder: Decoder, pixels: float, familiar: bool, tta: bool) -> str:
    """Why an image of so many pixels with data has no interval; empty when it has.

    Parameters
    ----------
    familiar : nothing in it looks unlike training; elsewhere errors are larger than those calibrated
    """
    if conformal is None:
        return "the model file has no calibrated intervals"
    if decoder != conformal.decoder:
        return f"calibrated for the decoder {conformal.decoder.kind} of the model file alone"
    if tta:
        return "calibrated for predictions without --tta"
    if conformal.size_class(pixels) is None:
        sides = [size.side for size in conformal.sizes]
        return f"they are calibrated for images of {sides[0]} to {sides[-1]} px a side, without gaps"
    return "" if familiar else "the image looks unlike the training images, for which nothing was calibrated"


def write_intervals(path: Path, intervals: pd.DataFrame) -> None:
    """Write the table, whole or not at all."""
    with whole(path) as temporary:
        intervals.to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n")
