"""The demonstration: a real Sentinel-2 image that an installed package carries, from numbers to report."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio

from landcover.errors import LandcoverError
from landcover.files import staged, whole
from landcover.imagery.image import BANDS
from landcover.inference.predict import Prediction, predict

SAMPLE = "spyndex/data/S2_10m.json"
INTRO = (
    "A real Sentinel-2 image of 3 × 3 km, taken from the package spyndex, was read, every pixel was given "
    "its land cover by the model in the box, and the share of each class was computed. No place is known for "
    "it, so there are no hectares."
)


def demo(out: Path = Path("landcover-demo"), overwrite: bool = False) -> Prediction:
    """Predict the Sentinel-2 sample of the package spyndex (4 bands, 300 × 300 px, 10 m, no place).

    Parameters
    ----------
    out : folder to write: image.tif and a prediction folder with report.html
    overwrite : replace what it holds

    Raises
    ------
    LandcoverError : the sample is not there, or the folder can't be written
    """
    out = Path(out)
    pixels = read_sample()
    with staged(out, overwrite) as stage:
        image = stage / "sentinel2.tif"
        profile = dict(driver="GTiff", count=4, height=pixels.shape[1], width=pixels.shape[2], dtype="uint16")
        with whole(image) as temporary, rasterio.open(temporary, "w", **profile) as target:
            target.write(pixels)
            target.descriptions = BANDS
        found = predict(image, stage / "prediction", intro=INTRO)
    return Prediction(out / "prediction", found.shares, found.areas, found.intervals, found.warnings)


def read_sample() -> npt.NDArray[np.uint16]:
    """The sample's digital numbers, B02 B03 B04 B08; its JSON is read without importing spyndex."""
    try:
        path = Path(str(distribution("spyndex").locate_file(SAMPLE)))
        return np.array(json.loads(path.read_text(encoding="utf-8")), dtype=np.uint16)
    except (PackageNotFoundError, OSError, ValueError) as error:
        raise LandcoverError(
            SAMPLE,
            f"can't be read ({error})",
            "the package spyndex, which carries the image",
            "pip install spyndex",
        ) from error
