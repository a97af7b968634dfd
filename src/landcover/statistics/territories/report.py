"""The page of a table of territories: a map of each class, bars of classes, the table, how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from landcover.legend import Legend
from landcover.report.choropleth import choropleth, territory_bars
from landcover.report.page import Fact, Section, Table, number, swatches, write_page

LEAST = 0.001  # share of a class in some territory, to get a map
MOST_MISSING = 0.5  # share of a territory without data, above which no map of shares colours it
MOST_BARS = 30
MOST_ROWS = 500
MADE = {
    "map": "Each pixel of the map counts for its class.",
    "probabilities": "The probabilities of all pixels are averaged, so that a class that is a little likely"
    " everywhere counts too: shares differ from those counted on the map.",
}


def write_report(path: Path, table: Any, legend: Legend, record: Mapping[str, Any]) -> None:
    """Write the page.

    Parameters
    ----------
    table : as `landcover.statistics.territories.territories.share_table` gives it
    record : of the table
    """
    names = list(legend.label_names)
    shares = table[[f"{n}_share" for n in names]].set_axis(names, axis=1)
    hectares = pd.Series({n: table[f"{n}_ha"].sum() for n in names})
    there = [n for n in names if shares[n].max() >= LEAST]
    mapped = table[table["mapped_ha"] > 0]
    x0, y0, x1, y1 = (mapped if len(mapped) else table).total_bounds
    around = table.cx[x0:x1, y0:y1]
    seen = table["no_data_share"] <= MOST_MISSING
    labels = table["name"].where(table["name"] != "", table["code"])
    largest = table.loc[seen, "mapped_ha"].nlargest(MOST_BARS).index
    bars = shares.loc[largest].set_axis(labels[largest], axis=0)
    total = pd.DataFrame(
        {"class": names, "hectares": list(hectares), "share": list(hectares / hectares.sum())},
    )
    columns = ["code", "name", "area_ha", "mapped_ha", "no_data_share", *(f"{n}_share" for n in there)]
    known = mapped.copy()
    known.loc[known["no_data_share"] > MOST_MISSING, [f"{n}_share" for n in there]] = None
    rows = known[columns].rename(columns=lambda c: c.removesuffix("_share").replace("no_data", "no data"))
    rows = rows.rename(columns={"area_ha": "hectares", "mapped_ha": "mapped"}).head(MOST_ROWS)
    percents = {c: ".1%" for c in rows.columns[4:]}
    missing = 1 - mapped["mapped_ha"].sum() / mapped["area_ha"].sum() if len(mapped) else 1.0
    whole = int((table["no_data_share"] == 0).sum())
    cut = f" The first {MOST_ROWS} of {len(mapped):,}." if len(mapped) > MOST_ROWS else ""
    write_page(
        path,
        "Land cover of territories",
        f"Hectares and shares of each class in {len(mapped):,} territories"
        + (f"; {len(table) - len(mapped):,} others have no data." if len(mapped) < len(table) else "."),
        [
            Section(
                "All territories together",
                "Territories that overlap count each time.",
                tables=[
                    Table(
                        total, "Sums over the table", {"hectares": ",.0f", "share": ".2%"}, swatches(legend)
                    )
                ],
            ),
            Section(
                "Where each class is",
                "The share of each class in what is mapped of a territory. Each map has a scale of its own. "
                "Grey and hatched: less than half of the territory is mapped. Classes below 0.1\u00a0% "
                "everywhere are left out.",
                [choropleth(around, shares.where(seen).loc[around.index, there], "share of each class")]
                if there
                else [],
            ),
            Section(
                "Classes of each territory",
                "The shares of what is mapped, of the territories at least half of which is mapped."
                + (f" The {MOST_BARS} with most hectares mapped." if seen.sum() > MOST_BARS else ""),
                [territory_bars(bars, legend)] if len(bars) else [],
            ),
            Section(
                "Table",
                "Hectares are those of the polygon on the ellipsoid. No data is the share of them under "
                "clouds, without data or outside the map; the shares of classes are those of the rest, "
                "left out where it is less than half of the territory." + cut,
                tables=[
                    Table(rows, "Shares by territory", {"hectares": ",.0f", "mapped": ",.0f"} | percents)
                ],
            ),
            Section("How it was made", _made(record)),
        ],
        [
            Fact("territories", f"{len(mapped):,}", f"{whole:,} of them mapped wholly"),
            Fact("hectares mapped", f"{mapped['mapped_ha'].sum():,.0f}"),
            Fact("no data", number(max(missing, 0.0), ".1%"), "of the area of these territories"),
        ],
        f"Written by landcover {record['landcover']}.",
    )


def _made(record: Mapping[str, Any]) -> str:
    inputs = ", ".join(f"{i['file']} (SHA-256 {i['sha256'][:16]}…)" for i in record["inputs"].values())
    return (
        f"From {inputs}. {MADE[record['shares']['of']]} A pixel on a border counts with the exact fraction "
        "that lies in the territory, and every pixel with its true area on the ellipsoid."
        + f"\n\n{_vintages(record['vintages'])}"
        + "\n\nThese are the map's own figures: a map that confuses classes gives wrong areas, and nothing "
        "here says by how much."
    )


def _vintages(known: Mapping[str, Any]) -> str:
    """Of which date, model and legend the map is, and of which year the territories."""
    found = known.get("map", {})
    imagery, model = found.get("imagery"), found.get("model")
    parts = [f"Image: {imagery[:10] if isinstance(imagery, str) else 'date not known'}"]
    if model:
        parts.append(f"model: {model['file']} (SHA-256 {model['sha256'][:16]}…)")
    if "territories" in known:
        parts.append(f"territories: {known['territories']}")
    return "; ".join(parts) + "."
