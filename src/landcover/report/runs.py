"""Figures of several trainings together: their curves, what they cost, their classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle, islice, product
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from landcover.legend import S2GLC
from landcover.report.figures import ACCENT, INK, STYLE, inline_svg, plain_logarithm
from landcover.report.page import Figure

# Seven colours that colour-blind people tell apart (Okabe and Ito 2008), then the same with other strokes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a8a8a")
STROKES = (("-", "o"), ("--", "s"), (":", "^"))
COLUMNS = 4


def looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour, line and marker of each run, the same in all figures; they repeat after 21."""
    kinds = cycle((s, c) for s, c in product(STROKES, COLOURS))
    return {
        name: {"color": colour, "linestyle": line, "marker": marker}
        for name, ((line, marker), colour) in zip(names, islice(kinds, len(names)), strict=True)
    }


def run_curves(histories: Mapping[str, pd.DataFrame], caption: str = "") -> Figure:
    """Loss and validation KL of all runs by epoch; the epoch that was kept is marked.

    Parameters
    ----------
    histories : by name, in the order of the key: a row per epoch with epoch, loss and val_kl (NaN without
        validation chips)
    """
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(10, 4), layout="constrained")
        left, right = canvas.subplots(1, 2)
        for name, look in looks(list(histories)).items():
            table, stroke = histories[name], look | {"marker": "", "linewidth": 1.5}
            # A training of one epoch would have no line to see.
            left.plot(table["epoch"], table["loss"], **stroke | ({"marker": "."} if len(table) == 1 else {}))
            known = table.dropna(subset=["val_kl"])
            right.plot(known["epoch"], known["val_kl"], **stroke)
            best = known[known["val_kl"] == known["val_kl"].min()].iloc[-1:]
            right.plot(best["epoch"], best["val_kl"], **look | {"linestyle": ""}, markersize=6)
        left.set(xlabel="epoch", ylabel="training loss")
        right.set(xlabel="epoch", ylabel="validation KL (logarithmic)", yscale="log")
        plain_logarithm(right.yaxis)
        for axes in (left, right):
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(True)
        _key(canvas, list(histories))
        words = ", ".join(f"{n} {t['val_kl'].min():.4f}" for n, t in histories.items())
        return inline_svg(canvas, f"Training curves; lowest validation KL: {words}", caption)


def run_costs(table: pd.DataFrame, minutes: str, caption: str = "") -> Figure:
    """Score of each run against its size and its training time.

    Parameters
    ----------
    table : a row a run: name, kl, parameters and the column `minutes`
    """
    axis = {"wall_min": "wall time of training (min)", "processor_min": "processor time of training (min)"}
    names = table["name"].tolist()
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(10, 4), layout="constrained")
        grid = canvas.subplots(1, 2, sharey=True)
        columns = (("parameters", "parameters (millions)", 1e6), (minutes, axis[minutes], 1.0))
        for axes, (column, label, unit) in zip(grid, columns, strict=True):
            x = pd.to_numeric(table[column]).to_numpy(float, na_value=np.nan) / unit
            for (_, look), across, up in zip(looks(names).items(), x, table["kl"], strict=True):
                axes.plot(across, up, **look, markersize=9, markeredgecolor=INK, markeredgewidth=0.6)
            axes.margins(0.12)
            axes.set(xlabel=label, yscale="log")
            plain_logarithm(axes.yaxis)
            axes.grid(True)
        grid[0].set(xlabel="parameters (millions, logarithmic)", xscale="log")
        plain_logarithm(grid[0].xaxis)
        grid[1].set_xlim(left=0)
        grid[0].set_ylabel("validation KL (logarithmic)")
        _key(canvas, names)
        words = ", ".join(f"{n} {k:.4f}" for n, k in zip(names, table["kl"], strict=True))
        return inline_svg(canvas, f"Validation KL against parameters and training time: {words}", caption)


def class_dots(iou: pd.DataFrame, caption: str = "") -> Figure:
    """IoU of each class, a small chart a class with a row for each run, in the colours of the legend.

    Parameters
    ----------
    iou : a row a run, indexed by its name, a column per class name; NaN where a run has none
    """
    colours = {c.name: c.colour for c in S2GLC.labels}
    rows = math.ceil(len(iou.columns) / COLUMNS)
    at = np.arange(len(iou))
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(10, rows * (0.9 + 0.24 * len(iou))), layout="constrained")
        grid = canvas.subplots(rows, COLUMNS, squeeze=False, sharey=True, sharex=True)
        for axes in grid.ravel()[len(iou.columns) :]:
            axes.set_axis_off()
        for axes, name in zip(grid.ravel(), iou.columns, strict=False):
            values = iou[name].to_numpy(float)
            axes.hlines(at, 0, values, color=INK, alpha=0.35, linewidth=1)
            axes.plot(
                values, at, "o", color=colours.get(str(name), ACCENT), markersize=7,
                markeredgecolor=INK, markeredgewidth=0.7, clip_on=False,
            )  # fmt: skip
            axes.set(title=str(name), xlim=(0, 1))
            axes.set_ylim(len(iou) - 0.5, -0.5)
            axes.set_yticks(at, [str(n) for n in iou.index])
            axes.xaxis.set_major_formatter(lambda v, _: f"{v:g}")
            axes.tick_params(axis="y", length=0)
            axes.tick_params(axis="x", labelbottom=True)
            axes.grid(True, axis="x")
        canvas.supxlabel("IoU on the validation chips", fontsize=10)
        known = iou.dropna(axis="columns", how="all")
        words = ", ".join(f"{n} {known[n].min():.2f} to {known[n].max():.2f}" for n in known)
        return inline_svg(canvas, f"IoU per class over {len(iou)} runs: {words}", caption)


def _key(canvas: Canvas, names: Sequence[str]) -> None:
    """Names beside the charts, in their order."""
    keys = [Line2D([], [], **look, linewidth=1.5, markersize=6) for look in looks(names).values()]
    canvas.legend(keys, list(names), loc="outside right upper", fontsize=9)
