"""Curves of what labels are worth: python benchmarks/labels_figure.py

Draws results/labels_*.json (benchmarks/labels.py) into docs/images/labels.png: KL by the number of chips, and
by the share of their labels that is wrong, with 95 % intervals.
"""

from __future__ import annotations

from typing import Any

import matplotlib
from matplotlib.figure import Figure
from result_files import ROOT, read

from landcover.report.figures import STYLE

LOOKS = {"forest": ("#1b6ca8", "o"), "network": ("#d1495b", "s")}
LINES = {"test": "-", "elsewhere": "--"}
CHOSEN = "chosen"  # by the network, not at random


def draw(axes: Any, points: dict[str, Any], by: str, kind: str, part: str, shift: float) -> None:
    """A line over the points that differ in `by`, a little sideways: intervals hide each other."""
    colour, marker = LOOKS[kind]
    most = max(p["chips"] for p in points.values())
    kept = [
        p
        for name, p in points.items()
        if name != CHOSEN and (not p["wrong"] if by == "chips" else p["chips"] == most)
    ]
    kept.sort(key=lambda p: p[by])
    x = [p[by] * (1 + shift) if by == "chips" else 100 * p[by] + 10 * shift for p in kept]
    scores = [p["scores"][part][p["scores"][part]["decoder"]] for p in kept]
    y = [s["kl"] for s in scores]
    off = [[s["kl"] - s["low"] for s in scores], [s["high"] - s["kl"] for s in scores]]
    look = {"color": colour, "marker": marker, "linestyle": LINES[part], "capsize": 2.5}
    axes.errorbar(x, y, off, label=f"{kind}, {part}", **look)


def main() -> None:
    """Draw both panels."""
    found = {kind: read(f"labels_{kind}")["points"] for kind in LOOKS}
    with matplotlib.rc_context(STYLE):
        canvas = Figure(figsize=(9, 3.8), layout="constrained", dpi=150)
        left, right = canvas.subplots(1, 2, sharey=True)
        for number, kind in enumerate(LOOKS):
            for part in LINES:
                shift = (number - 0.5) * 0.06
                draw(left, found[kind], "chips", kind, part, shift)
                draw(right, found[kind], "wrong", kind, part, shift)
        left.set(xscale="log", xlabel="labelled chips", ylabel="KL, lower is better", ylim=(0, None))
        numbers = sorted({p["chips"] for points in found.values() for p in points.values()})
        left.set_xticks(numbers, [str(n) for n in numbers])
        left.minorticks_off()
        right.set(xlabel=f"labels that are wrong, % ({numbers[-1]} chips)")
        for axes in (left, right):
            axes.grid(True)
        canvas.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncols=4)
        canvas.savefig(ROOT / "docs" / "images" / "labels.png")


if __name__ == "__main__":
    main()
