"""The figure of a sweep: the score of all trials against each setting."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from landcover.report.figures import ACCENT, INK, STYLE, inline_svg, plain_logarithm
from landcover.report.page import Figure

COLUMNS = 3


def slices(
    table: pd.DataFrame, settings: Sequence[str], logarithmic: Collection[str], caption: str = ""
) -> Figure:
    """Small charts of the validation KL against each setting.

    Parameters
    ----------
    table : a row a trial: state (finished, stopped or failed), val_kl and a column per setting
    settings : columns to draw; those that hold text or yes and no are drawn side by side
    logarithmic : those of them that have a logarithmic axis
    """
    known = table[table["val_kl"].notna() & (table["state"] != "failed")]
    finished = (known["state"] == "finished").to_numpy()
    kl = known["val_kl"].to_numpy(float)
    best = int(np.argmin(np.where(finished, kl, np.inf)))
    rows = math.ceil(len(settings) / COLUMNS)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(10, 0.4 + 2.9 * rows), layout="constrained")
        grid = canvas.subplots(rows, COLUMNS, squeeze=False, sharey=True)
        for axes in grid.ravel()[len(settings) :]:
            axes.set_axis_off()
        for axes, name in zip(grid.ravel(), settings, strict=False):
            x = known[name]
            if not pd.api.types.is_numeric_dtype(x) or pd.api.types.is_bool_dtype(x):
                kinds = sorted(x.unique(), key=str)
                x = x.map({kind: i for i, kind in enumerate(kinds)})
                axes.set_xticks(range(len(kinds)), [str(k) for k in kinds])
                axes.set_xlim(-0.5, len(kinds) - 0.5)
            at = x.to_numpy(float)
            axes.plot(
                at[finished], kl[finished], "o", color=ACCENT, markersize=7,
                markeredgecolor=INK, markeredgewidth=0.6,
            )  # fmt: skip
            axes.plot(at[~finished], kl[~finished], "o", color=INK, alpha=0.5, fillstyle="none", markersize=6)
            axes.plot(
                at[best], kl[best], "o", color="#d1701f", fillstyle="none", markersize=14, markeredgewidth=2
            )
            axes.set(xlabel=name.replace(".", " "), yscale="log")
            plain_logarithm(axes.yaxis)
            if name in logarithmic:
                axes.set_xscale("log")
                plain_logarithm(axes.xaxis)
            elif pd.api.types.is_integer_dtype(known[name]):
                axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(True)
        for axes in grid[:, 0]:
            axes.set_ylabel("validation KL (logarithmic)")
        words = ", ".join(f"{name} {known[name].iloc[best]}" for name in settings)
        return inline_svg(canvas, f"Validation KL of {len(known)} trials; the best: {words}", caption)
