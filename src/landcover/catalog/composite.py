"""Which items make one scene, and the median of their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from landcover.catalog.dialect import Source

Composite = Literal["median", "year", "season", "month", "date"]
SEASONS = ("winter", "spring", "summer", "autumn")
MOST = np.iinfo(np.uint16).max
STRIP = 64  # rows whose numbers are sorted at once


def grouped(sources: Sequence[Source], composite: Composite) -> dict[str, list[Source]]:
    """The items of each scene, by the name of its period: `all`, 2023, 2023-summer, 2023-07 or 2023-07-14.

    Winter is December to February, and bears the year of its January.
    """
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(_period(source.when, composite), []).append(source)
    return groups


def _period(moment: datetime, composite: Composite) -> str:
    match composite:
        case "median":
            return "all"
        case "year":
            return f"{moment.year}"
        case "season":
            return f"{moment.year + (moment.month == 12)}-{SEASONS[moment.month % 12 // 3]}"
        case "month":
            return f"{moment:%Y-%m}"
        case "date":
            return f"{moment:%Y-%m-%d}"


def median(numbers: Sequence[npt.NDArray[np.float32]]) -> tuple[npt.NDArray[np.uint16], int]:
    """Median over items, band by band.

    Parameters
    ----------
    numbers : of each item bands × height × width, reflectance × 10,000; NaN where an item shows nothing

    Returns
    -------
    pixels : uint16, bands × height × width, at least 1 where any item shows something, 0 elsewhere; of an
        even number of items the mean of the middle two
    clipped : how many numbers were below 1 or above 65,535
    """
    bands, height, width = numbers[0].shape
    pixels, clipped = np.zeros((bands, height, width), np.uint16), 0
    for band in range(bands):
        for top in range(0, height, STRIP):
            rows = slice(top, top + STRIP)
            ordered = np.stack([n[band, rows] for n in numbers])
            ordered.sort(axis=0)  # NaN comes last
            count = (~np.isnan(ordered)).sum(axis=0)
            low, high = (
                np.take_along_axis(ordered, np.maximum(index, 0)[None], axis=0)[0]
                for index in ((count - 1) // 2, count // 2)
            )
            middle = np.rint((low + high) / 2)[count > 0]
            clipped += int(((middle < 1) | (middle > MOST)).sum())
            pixels[band, rows][count > 0] = np.clip(middle, 1, MOST)
    return pixels, clipped
