"""Charts as inline SVG: scatters of shares, confusion, reliability, intervals, training curves.

Drawn with Matplotlib's objects (no pyplot, no window, no global state but the style). Lines and text take
the colour of the page, so that they are read in light and dark; the same numbers give the same bytes.
"""

from __future__ import annotations

import math
import re
from io import StringIO
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure as Canvas

from landcover.legend import Legend
from landcover.report.page import Figure, number

INK = "#010203"  # stands for the colour of the page's text, put in when the SVG is written
ACCENT = "#2b7bba"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "grid.alpha": 0.15,
    "legend.frameon": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color"), INK
    ),
}


def share_scatter(true: pd.DataFrame, predicted: pd.DataFrame, legend: Legend, caption: str = "") -> Figure:
    """Predicted against true share, one small chart a class; classes that are nowhere are left out.

    Parameters
    ----------
    true, predicted : same index, a column per class name
    """
    drawn = [
        c for c in legend.labels if c.name in true and max(true[c.name].max(), predicted[c.name].max()) > 0
    ]
    columns = min(4, max(1, len(drawn)))
    rows = max(1, math.ceil(len(drawn) / columns))
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(2.3 * columns + 0.4, 2.3 * rows + 0.3), layout="constrained")
        grid = canvas.subplots(rows, columns, squeeze=False).ravel()
        for axes in grid[len(drawn) :]:
            axes.set_axis_off()
        for axes, c in zip(grid, drawn, strict=False):
            x, y = true[c.name].to_numpy(float), predicted[c.name].to_numpy(float)
            most = float(max(x.max(), y.max())) * 1.05
            axes.plot([0, most], [0, most], color=INK, alpha=0.5, linewidth=0.8)
            # Thousands of points would make the file heavy: they become pixels.
            axes.scatter(
                x,
                y,
                s=14,
                color=c.colour,
                edgecolors=INK,
                linewidths=0.3,
                alpha=0.8,
                rasterized=len(x) > 300,
                clip_on=False,
            )
            axes.set(title=c.name, xlim=(0, most), ylim=(0, most), aspect="equal")
            axes.locator_params(nbins=4)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda v, _, most=most: number(v, ".0%" if most > 0.04 else ".1%"))
            axes.grid(True)
        canvas.supxlabel("true share", fontsize=10)
        canvas.supylabel("predicted share", fontsize=10)
        names = ", ".join(c.name for c in drawn)
        return inline_svg(canvas, f"Scatter charts of predicted against true share for {names}", caption)


def confusion_heat(confusion: pd.DataFrame, caption: str = "") -> Figure:
    """Confusion matrix as a heat map of row percentages.

    Parameters
    ----------
    confusion : counts, rows are the reference and columns the map; empty rows stay empty
    """
    counts = confusion.to_numpy(float)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    n = len(confusion)
    with matplotlib.rc_context(STYLE | {"axes.spines.left": False, "axes.spines.bottom": False}):
        canvas = Canvas(figsize=(2.2 + 0.72 * n, 1.3 + 0.46 * n), layout="constrained")
        axes = canvas.subplots()
        axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors=INK, linewidth=0.2)
        for i, j in zip(*np.nonzero(share >= 0.0005), strict=True):
            axes.text(
                j + 0.5, i + 0.5, number(share[i, j], ".1%"), ha="center", va="center", fontsize=8.5,
                color="white" if share[i, j] > 0.55 else "#1c2430",
            )  # fmt: skip
        axes.set_xticks(
            np.arange(n) + 0.5,
            [str(c) for c in confusion.columns],
            rotation=35,
            ha="left",
            rotation_mode="anchor",
        )
        axes.set_yticks(np.arange(n) + 0.5, [str(c) for c in confusion.index])
        axes.tick_params(length=0)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set(xlabel="class in the map", ylabel="class in the reference")
        axes.invert_yaxis()
        recall = ", ".join(
            f"{name} {share[i, i]:.0%}" for i, name in enumerate(confusion.index) if total[i, 0] > 0
        )
        return inline_svg(canvas, f"Confusion matrix in row percentages; rightly mapped: {recall}", caption)


def reliability(bins: pd.DataFrame, caption: str = "") -> Figure:
    """Accuracy against stated probability, above the proportion of pixels in each bin.

    Parameters
    ----------
    bins : a row per bin with low, high, confidence, accuracy and pixels (see
        `landcover.accuracy.calibration.Calibration.table`); empty bins have NaN
    """
    full = bins[bins["pixels"] > 0]
    weight = bins["pixels"] / max(int(bins["pixels"].sum()), 1)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(5.2, 5.0), layout="constrained")
        upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot([0, 1], [0, 1], color=INK, alpha=0.5, linewidth=0.8)
        upper.text(0.02, 0.1, "stated = observed", fontsize=8, rotation=38, alpha=0.7)
        upper.plot(full["confidence"], full["accuracy"], "o-", color=ACCENT, markersize=5, clip_on=False)
        upper.set(ylabel="observed: right pixels", ylim=(0, 1), xlim=(0, 1))
        lower.bar(
            bins["low"],
            weight,
            bins["high"] - bins["low"],
            align="edge",
            color=ACCENT,
            edgecolor=INK,
            linewidth=0.4,
        )
        lower.set(xlabel="stated: probability of the class chosen", ylabel="pixels")
        for axis in (upper.xaxis, upper.yaxis, lower.yaxis):
            axis.set_major_formatter(lambda v, _: number(v, ".0%"))
        upper.grid(True)
        points = ", ".join(
            f"{c:.0%} stated {a:.0%} observed"
            for c, a in zip(full["confidence"], full["accuracy"], strict=True)
        )
        return inline_svg(canvas, f"Reliability curve: {points}", caption)


def intervals(table: pd.DataFrame, xlabel: str, caption: str = "") -> Figure:
    """Values with their intervals on one logarithmic axis, a row each: a score beside its yardsticks.

    Parameters
    ----------
    table : columns name, value, low, high (NaN without interval) and strong (filled rather than hollow)
    """
    floor = 1e-4
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(8.5, 0.9 + 0.38 * len(table)), layout="constrained")
        axes = canvas.subplots()
        columns = (table[c].tolist() for c in ("value", "low", "high", "strong"))
        for y, (value, low, high, strong) in enumerate(zip(*columns, strict=True)):
            ends = [max(v, floor) for v in (low, high)] if high > low else []
            at = max(value, floor)
            axes.plot(ends, [y] * len(ends), color=ACCENT, linewidth=3, alpha=0.5, solid_capstyle="round")
            axes.plot(at, y, "o", color=ACCENT, markerfacecolor=ACCENT if strong else "none", markersize=8)
            axes.annotate(
                f"{value:.4f}",
                (max([at, *ends]), y),
                (9, 0),
                textcoords="offset points",
                va="center",
                fontsize=9,
            )
        axes.set_xscale("log")
        values = table[["value", "low", "high"]].to_numpy(float).clip(floor)
        axes.set_xlim(np.nanmin(values) / 1.5, np.nanmax(values) * 2.2)
        plain_logarithm(axes.xaxis)
        axes.tick_params(axis="x", which="both", length=3.5, pad=4)
        axes.set_yticks(range(len(table)), list(table["name"]))
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.set_xlabel(xlabel)
        axes.grid(True, axis="x")
        words = ", ".join(f"{n} {v:.4f}" for n, v in zip(table["name"], table["value"], strict=True))
        return inline_svg(canvas, f"Values with intervals: {words}", caption)


def curves(history: pd.DataFrame, caption: str = "") -> Figure:
    """Training curves: loss and validation KL by epoch, the best epoch marked.

    `write_text(path, curves(history).html)` makes a file of it.

    Parameters
    ----------
    history : a row per epoch with epoch and loss; val_loss and val_kl where there is validation
    """
    known = history.dropna(axis="columns", how="all")
    with matplotlib.rc_context(STYLE):
        charts = 2 if "val_kl" in known else 1
        canvas = Canvas(figsize=(4.2 * charts, 3.2), layout="constrained")
        grid = canvas.subplots(1, charts, squeeze=False)[0]
        grid[0].plot(known["epoch"], known["loss"], color=ACCENT, label="training")
        if "val_loss" in known:
            grid[0].plot(known["epoch"], known["val_loss"], color="#d1701f", label="validation")
            grid[0].legend()
        grid[0].set(ylabel="loss", xlabel="epoch")
        alt = f"Training curves over {len(known)} epochs; last loss {known['loss'].iloc[-1]:.4f}"
        if charts == 2:
            place = int(known["val_kl"].argmin())
            epoch, best = int(known["epoch"].iloc[place]), float(known["val_kl"].iloc[place])
            grid[1].plot(known["epoch"], known["val_kl"], color=ACCENT)
            grid[1].plot(epoch, best, "o", color=ACCENT)
            grid[1].set(ylabel="validation KL (logarithmic)", xlabel="epoch", yscale="log")
            grid[1].set_title(f"best: {best:.4f} in epoch {epoch}")
            plain_logarithm(grid[1].yaxis)
            alt += f", best validation KL {best:.4f} in epoch {epoch}"
        for axes in grid:
            axes.grid(True)
        return inline_svg(canvas, alt, caption)


def plain_logarithm(axis: Any) -> None:
    """Numbers as people write them on a logarithmic axis, few enough to be read."""
    axis.set_major_formatter(lambda v, _: f"{v:g}")
    axis.set_minor_formatter(lambda v, _: f"{v:g}" if f"{v:e}"[0] in "25" else "")


def inline_svg(canvas: Canvas, alt: str, caption: str) -> Figure:
    buffer = StringIO()
    # The text alternative as salt keeps the ids of several charts on one page apart.
    with matplotlib.rc_context({"svg.hashsalt": alt}):
        canvas.savefig(
            buffer,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    svg = buffer.getvalue().partition("<svg ")[2].strip()
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg).replace(INK, "currentColor")
    return Figure(Markup('<svg role="img" aria-label="{}" ').format(alt) + Markup(svg), caption)
