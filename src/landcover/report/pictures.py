"""Pictures made of pixels: quick looks of images, maps in the colours of the legend, side by side."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from landcover.files import whole
from landcover.legend import Legend
from landcover.report.page import Figure

MOST_SIDE = 512  # px; more adds weight to the page, not detail to the eye
RGB = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Panel:
    """One picture of a row: its pixels (uint8, height × width × 3), its title, its text alternative."""

    rgb: RGB
    title: str
    alt: str


def image_rgb(bands: npt.NDArray[np.number[Any]], valid: npt.NDArray[np.bool_] | None = None) -> RGB:
    """Natural colours of an image, stretched so that few very dark or bright pixels don't decide.

    One stretch for the three bands keeps the hues: from the 1st to the 99th percentile of all their numbers.

    Parameters
    ----------
    bands : bands × height × width, the first three blue, green and red (B02, B03, B04); more are not used
    valid : pixels with data (those where a band isn't 0, if None); the others come out black

    Returns
    -------
    rgb : uint8, height × width × 3

    Examples
    --------
    >>> image_rgb(np.stack([np.full((1, 2), v) for v in (1, 2, 3)]))[0, 0]
    array([255, 156,   0], dtype=uint8)
    """
    rgb = np.moveaxis(bands[2::-1], 0, -1).astype(np.float32)
    valid = np.asarray(bands.any(axis=0)) if valid is None else valid
    if not valid.any():
        return np.zeros(rgb.shape, np.uint8)
    low, high = np.percentile(rgb[valid], [1, 99])
    # Reflectance is dark to the eye: gamma 0.7 lifts the shadows.
    stretched: npt.NDArray[np.float32] = np.clip((rgb - low) / max(high - low, 1e-6), 0, 1) ** 0.7
    stretched[~valid] = 0
    return (stretched * 255).astype(np.uint8)


def map_rgb(codes: npt.NDArray[np.uint8], legend: Legend) -> RGB:
    """A mask or map (uint8 codes, height × width) in the colours of the legend; unknown codes are black."""
    colours = np.zeros((256, 3), np.uint8)
    for c in legend.classes:
        colours[c.code] = c.rgb
    return colours[codes]


def distance_rgb(distance: npt.NDArray[np.float32], limit: float) -> RGB:
    """Distances, height × width: grey up to the limit, purple beyond, darkest at four times it; NaN is black.

    Examples
    --------
    >>> distance_rgb(np.array([[0.5, 4.0, np.nan]], np.float32), 1.0).tolist()
    [[[222, 222, 222], [64, 0, 75], [0, 0, 0]]]
    """
    usual = np.array([222, 222, 222])
    light, dark = np.array([194, 165, 207]), np.array([64, 0, 75])
    depth = np.clip((distance[..., None] / limit - 1) / 3, 0, 1)
    rgb = np.where(distance[..., None] > limit, light + depth * (dark - light), usual)
    return np.where(np.isnan(distance)[..., None], 0, rgb).astype(np.uint8)


def thinned(pixels: npt.NDArray[Any], most: int = MOST_SIDE) -> npt.NDArray[Any]:
    """Every k-th row and column (the first two axes), so that no side is longer than `most` px."""
    step = -(-max(pixels.shape[:2]) // most)
    return pixels[::step, ::step]


def panels(
    row: Sequence[Panel], caption: str = "", legend: Legend | None = None, codes: Sequence[int] = ()
) -> Figure:
    """Pictures side by side, such as image | known mask | predicted mask, with the legend below.

    Parameters
    ----------
    row : from left to right; pictures over 512 px are thinned
    legend, codes : classes to explain below the pictures; without codes, all of the legend
    """
    html = [Markup('<div class="panels" style="grid-template-columns: repeat({}, 1fr)">').format(len(row))]
    html += [
        Markup('<div><span>{}</span><img alt="{}" src="{}"></div>').format(
            p.title, p.alt, _png(thinned(p.rgb))
        )
        for p in row
    ]
    html.append(Markup("</div>"))
    if legend is not None:
        html.append(_legend(legend, codes))
    return Figure(Markup("\n").join(html), caption)


def write_panels(
    path: Path, rows: Sequence[Sequence[Panel]], names: Sequence[str], legend: Legend, codes: Sequence[int]
) -> None:
    """Write rows of pictures as one PNG, for where a page can't go.

    Parameters
    ----------
    rows : of equal length, with the same titles
    names : of the rows
    legend, codes : classes to explain below
    """
    from matplotlib.figure import Figure as Canvas
    from matplotlib.patches import Patch

    classes = [c for c in legend.classes if c.code in codes]
    canvas = Canvas(figsize=(2.4 * len(rows[0]), 2.4 * len(rows) + 0.8), layout="constrained")
    grid = canvas.subplots(len(rows), len(rows[0]), squeeze=False)
    for axes, panel in zip(grid[0], rows[0], strict=True):
        axes.set_title(panel.title, fontsize=10)
    for line, row, name in zip(grid, rows, names, strict=True):
        for axes, panel in zip(line, row, strict=True):
            axes.imshow(thinned(panel.rgb), interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        line[0].set_ylabel(name)
    canvas.legend(
        handles=[Patch(facecolor=c.colour, edgecolor="grey", label=c.name) for c in classes],
        loc="outside lower center",
        ncols=4,
        frameon=False,
    )
    with whole(path) as temporary:
        canvas.savefig(temporary, format="png", dpi=100)


def _png(rgb: RGB) -> str:
    """The address of a picture, which holds it whole: PNG, each row as its difference from the one above."""
    height, width, _ = rgb.shape
    rows = np.diff(rgb, axis=0, prepend=np.zeros_like(rgb[:1])).reshape(height, -1)
    above = np.full((height, 1), 2, np.uint8)  # the filter "Up"
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(np.concatenate([above, rows], axis=1).tobytes()),
        b"IEND": b"",
    }
    png = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks.items():
        png += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _legend(legend: Legend, codes: Sequence[int]) -> Markup:
    items = Markup("").join(
        Markup('<li><span class="swatch" style="background:{}"></span>{}</li>').format(c.colour, c.name)
        for c in legend.classes
        if not codes or c.code in codes
    )
    return Markup('<ul class="legend" aria-label="Legend">{}</ul>').format(items)
