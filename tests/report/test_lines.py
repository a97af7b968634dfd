"""Lines of shares: classes told apart without colour, gaps and hollow markers where nothing is known."""

from __future__ import annotations

import re

import pandas as pd

from landcover.legend import S2GLC
from landcover.report.lines import share_lines

DATES = ["2018", "2021", "2022"]
NAMES = list(S2GLC.label_names)


def shares(water: list[float], no_data: list[float] | None = None) -> pd.DataFrame:
    table = pd.DataFrame(0.0, index=DATES, columns=NAMES)
    table["water"], table["cultivated"] = water, [1 - w for w in water]
    return table.assign(no_data=no_data or [0.0] * 3)


def test_a_chart_for_each_territory_and_a_marker_for_each_class() -> None:
    found = share_lines({"Gex": shares([0.1, 0.2, 0.3]), "Oyonnax": shares([0, 0, 0])}, S2GLC, "Lines")
    assert found.caption == "Lines"
    for word in ("Gex", "Oyonnax", "water", "cultivated", "2021"):
        assert f">{word}</text>" in found.html
    assert ">snow</text>" not in found.html
    assert "Gex: cultivated 90\u00a0% to 70\u00a0%, water 10\u00a0% to 30\u00a0%" in found.html
    assert found == share_lines(
        {"Gex": shares([0.1, 0.2, 0.3]), "Oyonnax": shares([0, 0, 0])}, S2GLC, "Lines"
    )


def test_dates_with_little_data_are_hollow() -> None:
    full = share_lines({"Gex": shares([0.1, 0.2, 0.3])}, S2GLC)
    half = share_lines({"Gex": shares([0.1, 0.2, 0.3], [0, 0.6, 0])}, S2GLC)
    hollow = re.compile("fill: #ffffff")
    assert len(hollow.findall(half.html)) > len(hollow.findall(full.html))


def test_nothing_known_is_drawn_too() -> None:
    nothing = shares([float("nan")] * 3, [1.0] * 3)
    assert "Gex: no data" in share_lines({"Gex": nothing.assign(cultivated=float("nan"))}, S2GLC).html
    assert "Lines of class shares" in share_lines({}, S2GLC).html
