"""Draw what the box makes of images it has never seen: python benchmarks/box_pictures.py FOLDER

Writes box.png, images and maps of four places, and demo.png, the demonstration with its shares. Needs
LANDCOVER_DATA.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pandas as pd
import rasterio
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

import landcover
from landcover.legend import S2GLC
from landcover.report.pictures import image_rgb, map_rgb

DATA = Path(os.environ.get("LANDCOVER_DATA", "../shared/data"))
IMAGES = {  # title: file, its bands B02 B03 B04 B08
    "Boadella, 28 January 2020": ("elsewhere/Boadella_2020-01-28.tif", (2, 3, 4, 8)),
    "Boadella, 13 January 2020, haze": ("elsewhere/Boadella_2020-01-13.tif", (2, 3, 4, 8)),
    "The Inn": ("elsewhere/inn_date1.tif", (1, 2, 3, 4)),
    "The demonstration": (None, (1, 2, 3, 4)),
}
SHOWN = [c for c in S2GLC.labels if c.name not in ("natural", "snow")]  # they are nowhere here


def main(folder: Path) -> None:
    """Predict each image, and draw both pictures."""
    canvas = Figure(figsize=(13, 6.6), layout="constrained")
    grid = canvas.subplots(2, len(IMAGES))
    with tempfile.TemporaryDirectory() as name:
        for column, (title, (file, bands)) in enumerate(IMAGES.items()):
            out = Path(name) / str(column)
            if file is None:
                shares = landcover.demo(out).shares.iloc[0]
                image, out = out / "sentinel2.tif", out / "prediction"
                draw_demo(image, out, shares, folder / "demo.png")
            else:
                image = DATA / file
                landcover.predict(image, out, bands=[str(b) for b in bands])
            draw(image, out, bands, grid[0, column], grid[1, column])
            grid[0, column].set_title(title, fontsize=10)
    name_classes(canvas)
    canvas.savefig(folder / "box.png", dpi=80)


def draw_demo(image: Path, prediction: Path, shares: pd.Series[float], target: Path) -> None:
    """The image, its map, and bars of the shares."""
    canvas = Figure(figsize=(13, 4.4), layout="constrained")
    before, after, bars = canvas.subplots(1, 3, width_ratios=(1, 1, 1.2))
    draw(image, prediction, (1, 2, 3, 4), before, after)
    before.set_title("image", loc="left", fontsize=12)
    after.set_title("map", loc="left", fontsize=12)
    bars.set_title("shares", loc="left", fontsize=12)
    names = [c.name for c in SHOWN][::-1]
    drawn = bars.barh(names, shares[names], color=[c.colour for c in SHOWN][::-1])
    bars.bar_label(drawn, [f"{shares[n]:.1%}" for n in names], padding=4, fontsize=12)
    bars.tick_params(left=False, labelsize=12)
    bars.xaxis.set_visible(False)
    bars.set_xlim(0, 1.2 * shares.max())
    bars.spines[["top", "right", "bottom"]].set_visible(False)
    name_classes(canvas)
    canvas.savefig(target, dpi=85)


def draw(image: Path, prediction: Path, bands: tuple[int, ...], before: Axes, after: Axes) -> None:
    """An image and its map."""
    with (
        rasterio.open(image) as source,
        rasterio.open(prediction / "maps" / f"{image.stem}.tif") as mapped,
    ):
        before.imshow(image_rgb(source.read(list(bands[:3]))))
        after.imshow(map_rgb(mapped.read(1), S2GLC))
    before.set_axis_off()
    after.set_axis_off()


def name_classes(canvas: Figure) -> None:
    """The colours of the classes below."""
    patches = [Patch(color=c.colour, label=c.name) for c in SHOWN]
    canvas.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False, fontsize=11)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
