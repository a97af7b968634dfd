"""Best, median and worst images of an evaluation: image | known mask | predicted mask."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.accuracy.result import Evaluation
from landcover.errors import LandcoverError
from landcover.imagery.image import open_image, open_raster
from landcover.report.page import Figure, Section, number
from landcover.report.pictures import MOST_SIDE, RGB, Panel, image_rgb, map_rgb, panels


def looks(result: Evaluation) -> Section:
    """The two best, the two in the middle and the two worst by their KL; fewer if there are fewer."""
    images = result.images.sort_values("kl", kind="stable", ignore_index=True)
    n = len(images)
    places = sorted({p for p in (0, 1, n // 2 - 1, n // 2, n - 2, n - 1) if 0 <= p < n})
    no_label = " and ".join(c.name for c in result.inputs.legend.classes if not c.is_label)
    return Section(
        "Best, median and worst images",
        "Ranked by the score of each image, from the best. Look at the worst: is the prediction wrong there, "
        "or the known mask? "
        + (f"The colours of {no_label} mark pixels without label. " if no_label else "")
        + "The scores of all images are in images.csv.",
        [_row(result, images.iloc[[p]], p) for p in places],
    )


def _row(result: Evaluation, image: pd.DataFrame, place: int) -> Figure:
    inputs, legend, i = result.inputs, result.inputs.legend, str(image["sample_id"].item())
    row, note = [], ""
    if i in inputs.images:
        try:
            row.append(Panel(_quick_look(inputs.images[i]), "image", f"Image {i} in natural colours"))
        except LandcoverError as error:
            note = f" There is no picture of the image: {error}"
    codes: set[int] = set()
    for title, file, shares in (
        ("known mask", inputs.masks[i], result.true),
        ("predicted mask", inputs.maps[i], result.predicted),
    ):
        pixels = _codes(file)
        codes |= set(np.unique(pixels).tolist())
        largest = shares.T[i].nlargest(3)
        main = ", ".join(f"{name} {number(v, '.0%')}" for name, v in largest.items())
        row.append(Panel(map_rgb(pixels, legend), title, f"{title.capitalize()} of {i}: {main}"))
    accuracy = float(image["overall_accuracy"].item())
    right = "" if math.isnan(accuracy) else f", {number(accuracy, '.1%')} of the pixels right"
    rank = f"rank {place + 1} of {len(result.images):,}"
    return panels(row, f"{i}: KL {image['kl'].item():.4f}{right} ({rank}).{note}", legend, sorted(codes))


def _quick_look(path: Path) -> RGB:
    with open_image(path) as image:
        return image_rgb(*image.look(MOST_SIDE))


def _codes(path: Path) -> npt.NDArray[np.uint8]:
    with open_raster(path) as source:
        step = -(-max(source.shape) // MOST_SIDE)
        pixels: npt.NDArray[Any] = source.read(1, out_shape=tuple(-(-side // step) for side in source.shape))
        codes: npt.NDArray[np.uint8] = np.nan_to_num(pixels).astype(np.uint8)
        return codes
