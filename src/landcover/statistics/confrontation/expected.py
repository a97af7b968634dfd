"""Rates of omission and commission for a place without reference: those of another, flagged as such."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.maps import open_codes
from landcover.legend import Legend
from landcover.statistics.confrontation.reference import Grid
from landcover.statistics.coverage import tabulate
from landcover.statistics.tables import read_table

RATES = ("omission_rate", "commission_rate")


def read_rates(folder: Path, class_name: str) -> tuple[pd.Series[Any], dict[str, Any]]:
    """The rates of a confrontation, and its record.

    Raises
    ------
    LandcoverError : no such folder, not measured there, of another class, or without rates
    """
    path = folder / "total.csv"
    wanted = "the folder of a confrontation with a reference"
    table = read_table(path, [*RATES, "class_ha"], text=())
    try:
        record: dict[str, Any] = json.loads(path.with_name("total.csv.json").read_text(encoding="utf-8"))
        basis, asked = record["basis"], record["options"]["class"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LandcoverError(folder, "has no record of how it was made", wanted, "confront anew") from error
    if basis != "measured":
        raise LandcoverError(
            folder, "holds rates that were transferred themselves", wanted, "give their source"
        )
    if asked != class_name:
        raise LandcoverError(folder, f"holds rates of {asked}", f"those of {class_name}", "mend --class")
    rates = table.iloc[0]
    if rates[list(RATES)].isna().any():
        raise LandcoverError(folder, "has no rate of omission or commission", wanted, "give another --from")
    return rates, record


def expected(
    path: Path, legend: Legend, code: int, grid: Grid, territories: Any, rates: pd.Series[Any]
) -> pd.DataFrame:
    """What rates from elsewhere would mean here: the same columns, without intervals.

    Of the mapped hectares C, commission is C · c; what was found is the rest, so that with the omission rate
    o the reference holds C · (1 − c) / (1 − o), of which o is omitted. Nothing was compared with a reference.

    Parameters
    ----------
    territories : GeoSeries, or None
    rates : omission_rate and commission_rate

    Returns
    -------
    table : a row per territory, then one for the whole map
    """
    with open_codes(path, legend) as codes:

        def read(row: int, column: int, high: int, wide: int) -> Any:
            return codes.read(Window(column, row, wide, high))

        sets = [grid.outline] if territories is None else [territories, grid.outline]
        shape = (grid.height, grid.width)
        tables = [_hectares(tabulate(grid.place, shape, s, read), legend, code, len(s)) for s in sets]
    table = pd.concat(tables, ignore_index=True)
    o, c = (float(rates[name]) for name in RATES)
    found = table["class_ha"] * (1 - c)
    table["reference_ha"] = found / (1 - o) if o < 1 else np.nan
    table["omission_ha"] = table["reference_ha"] - found
    table["commission_ha"] = table["class_ha"] * c
    for name in RATES:
        table[name] = np.where(table["seen_ha"] > 0, rates[name], np.nan)
        table[[f"low_{name}", f"high_{name}"]] = np.nan
    return table


def _hectares(found: pd.DataFrame, legend: Legend, code: int, zones: int) -> pd.DataFrame:
    """Hectares with a class, and of the class, in each zone; NaN for the class where nothing is seen."""
    seen = found[found["code"].isin(legend.label_codes)].groupby("zone")["area_ha"].sum()
    there = found[found["code"] == code].groupby("zone")["area_ha"].sum()
    table = pd.DataFrame({"seen_ha": seen.reindex(range(zones)).fillna(0.0)})
    table["class_ha"] = there.reindex(range(zones)).fillna(0.0).where(table["seen_ha"] > 0)
    return table
