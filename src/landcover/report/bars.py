"""Bars of class shares as inline SVG, without Matplotlib, which would take most of the time of a report."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from landcover.legend import Legend
from landcover.report.page import Figure, number

WIDTH, LEFT, RIGHT = 540, 110, 450  # points; the longest bar goes from left to right
THICK, GAP = 14, 10  # of a bar, and between classes
SVG = Markup(
    '<svg role="img" aria-label="{}" width="{}pt" height="{}pt" viewBox="0 0 {} {}" '
    'xmlns="http://www.w3.org/2000/svg" fill="currentColor" font-family="sans-serif" font-size="10">'
)
TEXT = Markup('<text x="{:.2f}" y="{:.2f}" text-anchor="{}" dominant-baseline="central">{}</text>')
BAR = Markup(
    '<rect x="{}" y="{:.2f}" width="{:.2f}" height="{}" fill="{}" fill-opacity="{}" '
    'stroke="currentColor" stroke-width="0.6"/>'
)


def share_bars(shares: Mapping[str, pd.Series[float]], legend: Legend, caption: str = "") -> Figure:
    """Horizontal bars of one or several series of shares, in the colours of the legend.

    Parameters
    ----------
    shares : by title ("true", "predicted"), series indexed by class name; the first is drawn in full colour,
        others faded; classes that are 0 in all are left out
    """
    table = pd.DataFrame({k: v.reindex(legend.names).fillna(0.0) for k, v in shares.items()})
    table = table[(table > 0).any(axis=1)]
    colours = {c.name: c.colour for c in legend.classes}
    longest = max(float(table.to_numpy().max(initial=0.0)), 0.01)
    drawn, y = [], GAP / 2
    for name, row in table.iterrows():
        drawn.append(TEXT.format(LEFT - 8, y + THICK * len(row) / 2, "end", name))
        for title, share in row.items():
            length = (RIGHT - LEFT) * float(share) / longest
            opacity = 1 if title == table.columns[0] else 0.45
            drawn.append(BAR.format(LEFT, y, length, THICK, colours[str(name)], opacity))
            words = number(float(share), ".1%") + (f" {title}" if len(row) > 1 else "")
            drawn.append(TEXT.format(LEFT + length + 4, y + THICK / 2, "start", words))
            y += THICK
        y += GAP
    drawn.append(TEXT.format(LEFT, y + 4, "start", "share of the pixels"))
    height = y + 14
    largest = ", ".join(f"{k} {v:.1%}" for k, v in table.iloc[:, 0].nlargest(3).items())
    alt = f"Bar chart of class shares ({', '.join(shares)}); largest: {largest}"
    svg = SVG.format(alt, WIDTH, height, WIDTH, height) + Markup("\n").join(drawn) + Markup("</svg>")
    return Figure(svg, caption)
