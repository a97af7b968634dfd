"""Draw the figures of change in docs/statistics.md: benchmarks/change_figures.py [docs/images]

Needs LANDCOVER_DATA.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import PIL.Image
import rasterio
from change import BANDS, DATA
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from result_files import ONE_PLACE

import landcover
from landcover.imagery.maps import legend_of
from landcover.legend import S2GLC
from landcover.report.flows import flow_bands
from landcover.report.page import write_svg
from landcover.report.pictures import image_rgb, map_rgb


def outlines(path: Path, crs: Any) -> list[Any]:
    """The outer rings of the polygons of a file."""
    parts = geopandas.read_file(path).to_crs(crs).explode()
    return [shape.exterior for shape in parts.geometry if shape.geom_type == "Polygon"]


def figure(
    out: Path, images: Sequence[Path], titles: Sequence[str], bands: Sequence[int], shapes: Sequence[Path]
) -> None:
    """Both images over both maps and the map of change, with outlines of known water on the images."""
    with tempfile.TemporaryDirectory() as folder:
        landcover.predict(list(images), Path(folder) / "p", ONE_PLACE, bands=list(BANDS))
        maps = [Path(folder) / "p" / "maps" / f"{i.stem}.tif" for i in images]
        found = landcover.change(*maps, Path(folder) / "c", mmu=0.5)
        change = found.folder / "change.tif"
        canvas = Figure(figsize=(9, 6.3 if shapes else 4.9), layout="constrained")
        grid = canvas.subplots(2, 3)
        for column, (path, mapped, title) in enumerate(zip(images, maps, titles, strict=True)):
            with rasterio.open(path) as source, rasterio.open(mapped) as codes:
                grid[0, column].imshow(image_rgb(source.read(list(bands))))
                grid[1, column].imshow(map_rgb(codes.read(1), S2GLC))
                if shapes:
                    for line in outlines(shapes[column], source.crs):
                        columns, rows = ~source.transform @ np.asarray(line.coords).T
                        grid[0, column].plot(columns, rows, color="#ff2d95", linewidth=0.8)
                    grid[0, column].set(xlim=(0, source.width), ylim=(source.height, 0))
            grid[0, column].set_title(title, fontsize=10)
            grid[1, column].set_title("map", fontsize=9)
        legend = legend_of(change)
        with rasterio.open(change) as source:
            seen = source.read(1)
        grid[1, 2].imshow(map_rgb(seen, legend))
        grid[1, 2].set_title("what it became, where change counts", fontsize=9)
        there = set(np.unique(seen).tolist())
        handles = [
            Patch(facecolor=c.colour, edgecolor="black", linewidth=0.4, label=c.name)
            for c in legend.classes
            if c.code in there
        ]
        if shapes:
            handles.append(Patch(facecolor="none", edgecolor="#ff2d95", label="water polygons"))
        grid[0, 2].legend(handles=handles, loc="center", fontsize=9, frameon=False)
        for axes in grid.ravel():
            axes.set_axis_off()
        canvas.savefig(out, dpi=90)
        PIL.Image.open(out).convert("RGB").quantize(96).save(out, optimize=True)
        if not shapes:
            whole = found.transitions[found.transitions["code"] == "map"]
            write_svg(out.with_name(f"{out.stem}_flows.svg"), flow_bands(whole, S2GLC, *titles))


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    place = DATA / "elsewhere"
    figure(
        folder / "change_boadella.png",
        [place / f"Boadella_2020-01-{d}.tif" for d in (13, 28)],
        ["13 January 2020, haze", "28 January 2020, after the storm"],
        (2, 3, 4),
        [place / f"Boadella_2020-0{d}_water.geojson" for d in ("1-13", "2-02")],
    )
    figure(
        folder / "change_inn.png",
        [place / f"inn_date{n}.tif" for n in (1, 2)],
        ["date 1", "date 2"],
        (1, 2, 3),
        [],
    )
