"""Write maps, probabilities and confidence as GeoTIFF, rows at a time, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio

from landcover.files import scratch, whole
from landcover.imagery.cog import mean, most_frequent
from landcover.imagery.image import Place
from landcover.imagery.rows import Layer, Rows, told_when_full
from landcover.legend import Legend

PROBABILITY_SCALE = 250
PROBABILITY_NO_DATA = 255


def map_layer(legend: Legend) -> Layer:
    """A map: one band of codes, with the legend's colours, names and nodata value."""
    tags = {f"CLASS_{c.code}": c.name for c in legend.classes}
    colours = {c.code: c.rgb for c in legend.classes}
    return Layer(("land cover",), legend.no_data_code, most_frequent, tags, colours)


def probability_layer(names: Sequence[str]) -> Layer:
    """Probabilities: a band each, 0 to 250 for 0 to 1, 255 = no data."""
    tags = {"SCALE": f"probability = value / {PROBABILITY_SCALE}"}
    return Layer(tuple(names), PROBABILITY_NO_DATA, mean, tags)


def confidence_layer() -> Layer:
    """Confidence: one band, each pixel's highest probability, in bytes alike."""
    return probability_layer(["confidence"])


def open_map(
    path: Path, height: int, width: int, legend: Legend, place: Place | None = None
) -> AbstractContextManager[Rows]:
    """Open a map for writing, see `map_layer`.

    Parameters
    ----------
    place : CRS and transform; None for an image without place
    """
    return _open(path, map_layer(legend), height, width, place)


def open_probabilities(
    path: Path, height: int, width: int, names: Sequence[str], place: Place | None = None
) -> AbstractContextManager[Rows]:
    """Open a probability layer for writing, see `probability_layer`."""
    return _open(path, probability_layer(names), height, width, place)


def open_confidence(
    path: Path, height: int, width: int, place: Place | None = None
) -> AbstractContextManager[Rows]:
    """Open a confidence layer for writing, see `confidence_layer`."""
    return _open(path, confidence_layer(), height, width, place)


def to_bytes(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Probabilities as the bytes of a probability layer."""
    scaled: npt.NDArray[np.uint8] = np.rint(probabilities * np.float32(PROBABILITY_SCALE)).astype(np.uint8)
    return scaled


def write_map(path: Path, codes: npt.NDArray[np.uint8], legend: Legend, place: Place | None = None) -> None:
    """Write a whole map, height × width; see `open_map`."""
    with open_map(path, codes.shape[0], codes.shape[1], legend, place) as rows:
        rows.write(codes[None])


def write_quantity(path: Path, values: npt.NDArray[np.float32], place: Place | None = None) -> None:
    """Write a quantity, rows × columns, NaN where it is not known, as a GeoTIFF of float32."""
    profile: dict[str, Any] = dict(
        height=values.shape[0], width=values.shape[1], dtype="float32", nodata=np.nan
    )
    if place is not None:
        profile |= dict(crs=place.crs, transform=place.transform)
    with (
        whole(path) as finished,
        told_when_full(path),
        rasterio.open(finished, "w", driver="GTiff", count=1, compress="deflate", **profile) as target,
    ):
        target.write(values, 1)


@contextmanager
def _open(path: Path, layer: Layer, height: int, width: int, place: Place | None) -> Iterator[Rows]:
    with scratch(path) as folder, closing(Rows(folder / "rows", layer, height, width, place)) as rows:
        yield rows
        rows.finish(path)
