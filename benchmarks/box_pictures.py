"""Draw what the box makes of images it has never seen: python benchmarks/box_pictures.py docs/images/box.png

Needs LANDCOVER_DATA.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import rasterio
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


def main(target: Path) -> None:
    """Predict each image, and draw images above maps."""
    canvas = Figure(figsize=(13, 6.6), layout="constrained")
    grid = canvas.subplots(2, len(IMAGES))
    with tempfile.TemporaryDirectory() as name:
        for column, (title, (file, bands)) in enumerate(IMAGES.items()):
            out = Path(name) / str(column)
            if file is None:
                landcover.demo(out)
                image, out = out / "sentinel2.tif", out / "prediction"
            else:
                image = DATA / file
                landcover.predict(image, out, bands=[str(b) for b in bands])
            with rasterio.open(image) as source, rasterio.open(out / "maps" / f"{image.stem}.tif") as mapped:
                grid[0, column].imshow(image_rgb(source.read(list(bands[:3]))))
                grid[1, column].imshow(map_rgb(mapped.read(1), S2GLC))
            grid[0, column].set_title(title, fontsize=10)
    for axes in grid.ravel():
        axes.set_axis_off()
    patches = [Patch(color=c.colour, label=c.name) for c in S2GLC.labels if c.name not in ("natural", "snow")]
    canvas.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False)
    canvas.savefig(target, dpi=80)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
