"""Maps and bars of territories as inline SVG, in the style of `landcover.report.figures`."""

from __future__ import annotations

import math
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas

from landcover.legend import Legend
from landcover.report.figures import INK, STYLE, inline_svg
from landcover.report.page import Figure, number

MISSING = "#d5d8dd"  # of territories without a value, hatched besides
DETAIL = 400  # in a map's extent, of a third of the page: smaller bends of a border are left out
FEW = 0.06  # the largest share of a scale that needs tenths of a per cent
ACROSS = 3  # small maps in a row
FLAT: dict[Any, Any] = {"axes.spines.left": False, "axes.spines.bottom": False, "hatch.linewidth": 0.4}


def choropleth(
    zones: Any, values: pd.DataFrame | pd.Series[float], title: str, diverging: bool = False,
    spec: str = ".0%", caption: str = "",
) -> Figure:  # fmt: skip
    """Territories coloured by a value; of several columns, a small map each with a scale of its own.

    Parameters
    ----------
    zones : GeoDataFrame, or GeoSeries of polygons
    values : of each zone, in the same order; NaN is drawn hatched
    title : what the values are; with several columns, each has its name beside it
    diverging : values around 0, such as changes: brown below, green-blue above, to the same depth
    spec : format of numbers on the scale
    """
    several = isinstance(values, pd.DataFrame)
    table = values if isinstance(values, pd.DataFrame) else values.to_frame(title)
    shapes = zones.geometry if hasattr(zones, "geometry") else zones
    low_x, low_y, high_x, high_y = shapes.total_bounds
    tall = _stretch(shapes) * (high_y - low_y) / (high_x - low_x)
    columns = min(ACROSS, table.shape[1]) if several else 1
    outlines = _outlines(shapes, max(high_x - low_x, high_y - low_y) / DETAIL / (ACROSS / columns))
    rows = math.ceil(table.shape[1] / columns)
    wide = 9 / columns if several else 6.5
    with matplotlib.rc_context(STYLE | FLAT):
        canvas = Canvas(figsize=(wide * columns, rows * (wide * 0.8 * tall + 0.75)), layout="constrained")
        grid = canvas.subplots(rows, columns, squeeze=False).ravel()
        for axes in grid[table.shape[1] :]:
            axes.set_axis_off()
        for axes, name in zip(grid, table, strict=False):
            _draw(axes, outlines, table[name].to_numpy(float), diverging, spec)
            axes.set(
                xticks=[], yticks=[], aspect=_stretch(shapes), xlim=(low_x, high_x), ylim=(low_y, high_y)
            )
            axes.set_title(str(name))
        described = "; ".join(f"{n} {_range(table[n].to_numpy(float), spec)}" for n in table)
        return inline_svg(canvas, f"Map of territories, {title}: {described}", caption)


def territory_bars(shares: pd.DataFrame, legend: Legend, caption: str = "") -> Figure:
    """Stacked bars of the shares of classes, a row for each territory, in the colours of the legend.

    Parameters
    ----------
    shares : indexed by the name of the territory, a column per class name; rows that are NaN stay empty
    """
    drawn = [c for c in legend.labels if c.name in shares and shares[c.name].max() > 0]
    with matplotlib.rc_context(STYLE | FLAT):
        canvas = Canvas(figsize=(9, 1.0 + 0.26 * len(shares)), layout="constrained")
        axes = canvas.subplots()
        left = np.zeros(len(shares))
        for c in drawn:
            part = shares[c.name].fillna(0).to_numpy(float)
            axes.barh(
                range(len(shares)),
                part,
                0.78,
                left,
                color=c.colour,
                edgecolor=INK,
                linewidth=0.4,
                label=c.name,
            )
            for y in (part >= 0.08).nonzero()[0].tolist():
                dark = np.dot(c.rgb, (0.299, 0.587, 0.114)) < 140
                axes.text(
                    left[y] + part[y] / 2, y, number(part[y], ".0%"), ha="center", va="center", fontsize=7.5,
                    color="white" if dark else "#1c2430",
                )  # fmt: skip
            left += part
        axes.set_yticks(range(len(shares)), [str(n) for n in shares.index])
        axes.tick_params(axis="y", length=0)
        axes.set(xlim=(0, 1), ylim=(len(shares) - 0.5, -0.5), xlabel="share of what is mapped")
        axes.xaxis.set_major_formatter(lambda v, _: number(v, ".0%"))
        canvas.legend(
            loc="outside upper left", ncols=min(8, max(len(drawn), 1)), fontsize=8.5, columnspacing=1.2
        )
        largest = ", ".join(f"{n} mostly {row.idxmax()}" for n, row in shares.dropna().head(5).iterrows())
        return inline_svg(
            canvas, f"Stacked bars of class shares of {len(shares)} territories: {largest}", caption
        )


def _draw(
    axes: Any, outlines: list[tuple[int, Any]], values: npt.NDArray[np.float64], diverging: bool, spec: str
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Normalize

    most = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    scale = ScalarMappable(Normalize(-most if diverging else 0.0, most), _ramp(diverging))
    known = ~np.isnan(values)
    full = [(path, scale.to_rgba(values[z])) for z, path in outlines if known[z]]
    empty = [path for z, path in outlines if not known[z]]
    thin: dict[str, Any] = dict(edgecolors="#ffffff", linewidths=0.15)
    axes.add_collection(PathCollection(empty, facecolors=MISSING, hatch="//", **thin))
    axes.add_collection(PathCollection([p for p, _ in full], facecolors=[c for _, c in full], **thin))
    if spec == ".0%" and most < FEW:
        spec = ".1%"
    bar = axes.figure.colorbar(
        scale,
        ax=axes,
        location="bottom",
        shrink=0.75,
        aspect=28,
        pad=0.02,
        format=lambda v, _: number(v, spec if v else spec.lstrip("+")),
    )
    bar.outline.set_visible(False)
    bar.locator = matplotlib.ticker.MaxNLocator(4)
    bar.update_ticks()
    bar.ax.tick_params(labelsize=8, length=2)


def _ramp(diverging: bool) -> Colormap:
    """Blues whose lightness falls evenly, or brown and green-blue on both sides of a light grey."""
    if diverging:
        return matplotlib.colormaps["BrBG"]
    blues = matplotlib.colormaps["Blues"](np.linspace(0.06, 1, 64))
    return LinearSegmentedColormap.from_list("share", blues)


def _outlines(shapes: Any, tolerance: float) -> list[tuple[int, Any]]:
    """Paths of polygons with few points, by position; the ones of what is too small to be simplified too."""
    import shapely
    from matplotlib.path import Path

    found = []
    for position, shape in enumerate(shapely.simplify(shapes.to_numpy(), tolerance)):
        rings = shapely.get_rings(shapely.get_parts(shape))
        paths = [Path(shapely.get_coordinates(ring), closed=True) for ring in rings]
        if paths:
            found.append((position, Path.make_compound_path(*paths)))
    return found


def _stretch(shapes: Any) -> float:
    """How much taller than wide a unit is drawn: degrees of longitude are narrower than those of latitude."""
    if not shapes.crs.is_geographic:
        return 1.0
    middle = (shapes.total_bounds[1] + shapes.total_bounds[3]) / 2
    return 1 / max(math.cos(math.radians(middle)), 0.1)


def _range(values: npt.NDArray[np.float64], spec: str) -> str:
    known = values[~np.isnan(values)]
    return f"{number(known.min(), spec)} to {number(known.max(), spec)}" if len(known) else "no value"
