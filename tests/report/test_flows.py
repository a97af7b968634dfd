"""The figure of flows."""

from __future__ import annotations

import pandas as pd

from landcover.legend import S2GLC
from landcover.report.flows import flow_bands

FLOWS = pd.DataFrame(
    [
        ("cultivated", "artificial", 120.0),
        ("cultivated", "cultivated", 9000.0),
        ("broadleaf", "water", 60.0),
        ("no_data", "water", 5.0),
    ],
    columns=["from", "to", "area_ha"],
)


def test_flows_are_named_with_their_hectares() -> None:
    html = str(flow_bands(FLOWS, S2GLC, "2018", "2021").html)
    for words in ("cultivated  −120.0 ha", "artificial  +120.0 ha", "180.0 ha changed class", "2018"):
        assert words in html
    assert "9,000" not in html
    assert "no_data" not in html


def test_bands_have_the_colour_they_come_from() -> None:
    html = str(flow_bands(FLOWS, S2GLC).html)
    colours = {c.name: c.colour for c in S2GLC.classes}
    assert html.count(f"fill: {colours['cultivated']}") == 2  # its column and the band
    assert html.count(f"fill: {colours['artificial']}") == 1


def test_the_same_flows_give_the_same_bytes_and_none_a_sentence() -> None:
    assert flow_bands(FLOWS, S2GLC).html == flow_bands(FLOWS, S2GLC).html
    assert "nothing changed" in flow_bands(FLOWS.iloc[:0], S2GLC).html
