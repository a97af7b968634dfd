"""The figure of a series: shares of classes over time, a small chart for each territory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

from landcover.legend import LandClass, Legend
from landcover.report.figures import INK, STYLE, inline_svg
from landcover.report.page import Figure, number

MARKERS = "osD^vP*X<>ph"
COLUMNS = 3


def share_lines(shares: Mapping[str, pd.DataFrame], legend: Legend, caption: str = "") -> Figure:
    """Lines of shares over time in the colours of the legend; classes differ in their markers too.

    Parameters
    ----------
    shares : by the name of the territory: indexed by date (text, the same for all, in order; ISO dates and
        years lie as far apart as they are, others evenly), a column per class name, and `no_data`, the share
        of the territory that has none: markers are hollow where it is over a half. NaN leaves a gap
    """
    classes = [c for c in legend.labels if any(t[c.name].max() > 0 for t in shares.values())]
    rows = max(1, math.ceil(len(shares) / COLUMNS))
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(9, 0.9 + 2.5 * rows), layout="constrained")
        grid = canvas.subplots(rows, COLUMNS, squeeze=False, sharey=True)
        for axes in grid.ravel()[len(shares) :]:
            axes.set_axis_off()
        for axes, (name, table) in zip(grid.ravel(), shares.items(), strict=False):
            at = _positions(table.index)
            hidden = table["no_data"].to_numpy(float) > 0.5
            for c, marker in zip(classes, MARKERS * len(classes), strict=False):
                values, look = table[c.name].to_numpy(float), _look(c, marker)
                axes.plot(at, values, **look, clip_on=False, in_layout=False)
                empty = look | {"linestyle": "", "markerfacecolor": "white"}
                axes.plot(at[hidden], values[hidden], **empty, clip_on=False, in_layout=False)
            axes.set_title(name)
            turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if len(at) > 3 else {}
            axes.set_xticks(at, [str(d) for d in table.index], **turned)
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(lambda v, _: number(v, ".0%"))
            axes.grid(True)
        for axes in grid[:, 0]:
            axes.set_ylabel("share")
        keys = [Line2D([], [], **_look(c, m)) for c, m in zip(classes, MARKERS * len(classes), strict=False)]
        canvas.legend(keys, [c.name for c in classes], loc="outside upper left", ncols=8, fontsize=9)
        words = "; ".join(f"{name}: {_range(table, legend)}" for name, table in list(shares.items())[:5])
        return inline_svg(canvas, f"Lines of class shares over time. {words}", caption)


def _look(c: LandClass, marker: str) -> dict[str, Any]:
    """A line of one class: its colour with an outline, so that light ones are seen too, and its marker."""
    return {
        "color": c.colour, "linewidth": 1.8, "marker": marker, "markersize": 6.5,
        "markeredgecolor": INK, "markeredgewidth": 0.7,
        "path_effects": [Stroke(linewidth=2.6, foreground=INK), Normal()],
    }  # fmt: skip


def _positions(dates: Any) -> Any:
    """Where dates lie: in days if they are dates, else evenly."""
    found = pd.to_datetime(pd.Series(list(dates)), format="ISO8601", errors="coerce")
    if found.isna().any():
        return np.arange(len(dates))
    return (found - found.iloc[0]).dt.days.to_numpy()


def _range(table: pd.DataFrame, legend: Legend) -> str:
    """The two largest classes of the first date that has data, there and at the last."""
    known = table[list(legend.label_names)].dropna()
    if known.empty:
        return "no data"
    first, last = known.iloc[0], known.iloc[-1]
    return ", ".join(
        f"{name} {number(first[name], '.0%')} to {number(last[name], '.0%')}"
        for name in first.nlargest(2).index
    )
