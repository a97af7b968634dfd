"""The table areas.csv: hectares of each class, for images whose place is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from landcover.files import whole
from landcover.inference.scene import Found
from landcover.legend import Legend
from landcover.shares.decode import Decoder


def area_table(found: Found, decoder: Decoder, classes: Sequence[int], legend: Legend) -> pd.DataFrame:
    """Hectares of each class of the legend in one image.

    They come from the decoder, as the shares do, but each pixel counts with its true area, while shares count
    pixels. The two differ where pixels differ: on a geographic grid those in the north are smaller.

    Parameters
    ----------
    found : what prediction found in the image
    classes : code of each of the model's outputs

    Returns
    -------
    areas : sample_id, class, area_ha, share (of the whole image's area); a row a class, with pixels without
        data as the legend's no-data class; no row when the place is not known
    """
    hectares = dict.fromkeys(legend.codes, 0.0)
    tally = found.tally
    seen = (tally.area - tally.no_data_area) * decoder.shares(tally.sums[1])
    hectares |= dict(zip(classes, seen.tolist(), strict=True))
    if legend.no_data is not None:
        hectares[legend.no_data.code] = tally.no_data_area
    table = pd.DataFrame({"sample_id": found.plan.id, "class": legend.names, "area_ha": hectares.values()})
    table["share"] = table["area_ha"] / (tally.area or 1)
    return table if tally.area else table[:0]


def write_areas(path: Path, areas: pd.DataFrame) -> None:
    """Write the table, whole or not at all."""
    with whole(path) as temporary:
        areas.to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n")
