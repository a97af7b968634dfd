"""The page of a series: shares of classes over time in territories, and what pixels went through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from landcover.legend import Legend
from landcover.report.lines import share_lines
from landcover.report.page import Fact, Section, Table, number, write_page

MOST_CHARTS = 12
MOST_ROWS = 20


def write_report(
    path: Path, shares: pd.DataFrame, trajectories: pd.DataFrame, legend: Legend, record: Mapping[str, Any]
) -> None:
    """Write the page.

    Parameters
    ----------
    shares, trajectories : of `series.Series`
    record : of the tables
    """
    mapped = shares.groupby("code", sort=False)["mapped_ha"].max()
    seen = list(mapped[mapped > 0].index)
    charts = {}
    for code in seen[:MOST_CHARTS]:
        own = shares[shares["code"] == code]
        name = own["name"].iloc[0] or code
        table = own.pivot_table("share", "date", "class", dropna=False).reindex(
            index=own["date"].unique(), columns=list(legend.label_names)
        )
        table["no_data"] = own.groupby("date")["no_data_share"].first()
        charts[name if name not in charts else f"{name} ({code})"] = table
    some = (
        f"The first {MOST_CHARTS} of {len(seen):,}, in the order of the file."
        if len(seen) > MOST_CHARTS
        else ""
    )
    dates = list(shares["date"].unique())
    absent = len(mapped) - len(seen)
    total = float(trajectories["area_ha"].sum())
    top = trajectories.head(MOST_ROWS)[["trajectory", "changes", "area_ha"]].copy()
    top["share"] = top["area_ha"] / total
    top = top.rename(columns={"area_ha": "hectares"})
    formats = {"changes": ".0f", "hectares": ",.1f", "share": ".1%"}
    write_page(
        path,
        "Land cover over time",
        f"Shares of each class at {len(dates)} dates, {dates[0]} to {dates[-1]}.",
        [
            Section(
                "What to know before using it",
                "\n\n".join(
                    [
                        *record["notes"],
                        "These are counts of mapped pixels, without interval, and nothing is filtered: "
                        "a class that goes up at one date and back at the next is more likely an error of "
                        "that date than a change.",
                    ]
                ),
            ),
            Section(
                "Territories",
                "Shares of what has data. A hollow marker: more than half of the territory has none at that "
                f"date (clouds, or outside the map). A gap: nothing has data. {some}",
                [share_lines(charts, legend)],
            ),
            Section(
                "Trajectories",
                f"What pixels went through, the largest {len(top)} of {len(trajectories):,}. "
                "All of the maps counts here, also what lies outside the territories.",
                tables=[Table(top, "Sequences of classes", formats)],
            ),
        ],
        [
            Fact("dates", f"{len(dates)}"),
            Fact("territories", f"{len(seen):,}", f"without data: {absent:,} more" if absent else ""),
            Fact("followed", f"{number(total, ',.0f')} ha", "pixel by pixel"),
        ],
        f"Written by landcover {record['landcover']}.",
    )  # fmt: skip
