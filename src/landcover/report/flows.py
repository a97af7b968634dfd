"""The figure of flows: what changed from which class to which, as bands between two columns of classes."""

from __future__ import annotations

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from landcover.legend import Legend
from landcover.report.figures import INK, STYLE, inline_svg
from landcover.report.page import Figure, number

GAP = 0.035  # between classes, of the height of all
WIDTH = 0.035  # of a column
Floats = npt.NDArray[np.float64]


def flow_bands(
    flows: pd.DataFrame, legend: Legend, before: str = "before", after: str = "after", caption: str = ""
) -> Figure:
    """Hectares that went from class to class: an alluvial diagram, bands in the colour they come from.

    What stayed is not drawn: it would leave no room for what changed.

    Parameters
    ----------
    flows : from, to (class names) and area_ha
    before, after : titles of the columns
    """
    names = [c.name for c in legend.labels]
    table = flows[flows["from"].isin(names) & flows["to"].isin(names) & (flows["from"] != flows["to"])]
    matrix = table.pivot_table("area_ha", "from", "to", "sum").reindex(index=names, columns=names)
    moved = matrix.fillna(0.0).to_numpy()
    total = float(moved.sum())
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(7.5, 4.6 if total else 0.8), layout="constrained")
        axes = canvas.subplots()
        axes.set_axis_off()
        axes.set(xlim=(-0.42, 1.42), ylim=(1.02, -0.07))
        if not total:
            axes.text(0.5, 0.5, "nothing changed", ha="center", va="center")
            return inline_svg(canvas, "No flow: nothing changed", caption)
        classes = max(int((moved.sum(axis=k) > 0).sum()) for k in (0, 1))
        scale = (1 - GAP * (classes - 1)) / total
        left = _column(axes, moved.sum(axis=1), legend, scale, 0, before)
        right = _column(axes, moved.sum(axis=0), legend, scale, 1, after)
        for i, j in sorted(zip(*np.nonzero(moved), strict=True), key=lambda p: -moved[p]):
            above = moved[i, :j].sum() * scale, moved[:i, j].sum() * scale
            ends = left[i] + above[0], right[j] + above[1]
            _band(axes, *ends, float(moved[i, j] * scale), legend.labels[i].colour)
        axes.text(0.5, -0.035, f"{number(total, ',.1f')} ha changed class", ha="center", fontsize=9)
        largest = table.groupby(["from", "to"])["area_ha"].sum().nlargest(3).reset_index()
        columns = (largest[c] for c in ("from", "to", "area_ha"))
        words = ", ".join(f"{a} to {b} {number(v, ',.1f')} ha" for a, b, v in zip(*columns, strict=True))
        return inline_svg(canvas, f"Flows between classes; largest: {words}", caption)


def _column(axes: Axes, hectares: Floats, legend: Legend, scale: float, x: int, title: str) -> Floats:
    """Draw the classes of one date from top to bottom, names and hectares outside; gives their tops."""
    shown = hectares > 0
    tops: Floats = np.cumsum(hectares * scale) - hectares * scale + GAP * np.maximum(np.cumsum(shown) - 1, 0)
    side, at = ("right", -WIDTH - 0.02) if x == 0 else ("left", 1 + WIDTH + 0.02)
    axes.text(x - WIDTH / 2 if x == 0 else x + WIDTH / 2, -0.035, title, ha="center", weight="bold")
    for c, top, ha in zip(legend.labels, tops, hectares, strict=True):
        if ha > 0:
            corner = (-WIDTH if x == 0 else 1, top)
            axes.add_patch(
                Rectangle(corner, WIDTH, ha * scale, facecolor=c.colour, edgecolor=INK, linewidth=0.6)
            )
            words = f"{c.name}  {'−' if x == 0 else '+'}{number(ha, ',.1f')} ha"
            axes.text(at, top + ha * scale / 2, words, ha=side, va="center", fontsize=9)
    return tops


def _band(axes: Axes, start: float, end: float, height: float, colour: str) -> None:
    moves = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    points = [
        (0, start), (0.5, start), (0.5, end), (1, end),
        (1, end + height), (0.5, end + height), (0.5, start + height), (0, start + height), (0, start),
    ]  # fmt: skip
    axes.add_patch(PathPatch(Path(points, moves), facecolor=colour, alpha=0.6, edgecolor=INK, linewidth=0.25))
