"""Maps and bars of territories: every territory drawn once, what is unknown told apart, same bytes again."""

from __future__ import annotations

import geopandas
import numpy as np
import pandas as pd
from shapely import MultiPolygon, box

from landcover.legend import S2GLC
from landcover.report.choropleth import choropleth, territory_bars

ZONES = geopandas.GeoDataFrame(
    {"code": list("abc")},
    geometry=[box(5, 45, 6, 46), box(6, 45, 7, 46), MultiPolygon([box(5, 46, 6, 47), box(6.5, 46, 7, 47)])],
    crs=4326,
)


def test_one_map_or_one_for_each_column() -> None:
    values = pd.Series([0.1, np.nan, 0.4])
    one = choropleth(ZONES, values, "water", caption="Where water is")
    assert one.caption == "Where water is"
    assert 'aria-label="Map of territories, water: water 10\u00a0% to 40\u00a0%"' in one.html
    several = choropleth(ZONES, pd.DataFrame({"water": values, "snow": values / 2}), "shares")
    assert "water 10\u00a0% to 40\u00a0%; snow 5\u00a0% to 20\u00a0%" in several.html
    assert ">snow</text>" in several.html
    assert choropleth(ZONES, values, "water", caption="Where water is") == one


def test_changes_are_drawn_on_both_sides_of_zero() -> None:
    figure = choropleth(ZONES, pd.Series([-5.0, 0.0, 2.0]), "change", diverging=True, spec="+.0f")
    assert "-5 to +2" in figure.html
    assert ">+5</text>" in figure.html or ">+4</text>" in figure.html
    brown, neutral = "#543005", "#f4f5f5"  # the ends of the ramp and its middle
    assert brown in figure.html
    assert neutral in figure.html


def test_nothing_known_is_drawn_too() -> None:
    figure = choropleth(ZONES, pd.Series([np.nan] * 3), "water")
    assert "no value" in figure.html
    assert "pattern" in figure.html


def test_bars_add_up_in_the_colours_of_the_legend() -> None:
    shares = pd.DataFrame({"water": [0.25, np.nan], "snow": [0.0, np.nan], "broadleaf": [0.75, np.nan]})
    figure = territory_bars(shares.set_axis(["Ars", "Lent"]), S2GLC)
    assert "Ars mostly broadleaf" in figure.html
    for text in (">Ars</text>", ">Lent</text>", ">75\u00a0%</text>"):
        assert text in figure.html
    assert "#1445f9" in figure.html
    assert "#6affff" not in figure.html
