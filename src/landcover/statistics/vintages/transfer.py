"""Rows of new territories out of rows of old ones: what can be added up is, and shares follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landcover.errors import LandcoverError
from landcover.statistics.vintages.correspondence import some

ERRORS = {"se", "low", "high", "cv", "moe"}  # parts of names of columns that can't be added up
NEAR = 1e-6


def transfer(table: pd.DataFrame, pairs: pd.DataFrame, source: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows of new territories out of those of old ones.

    Each quantity of a new territory is Σ share(old → new) × quantity(old), over `pixels` and all columns of
    hectares; `x_share` becomes x_ha over the hectares that it was a share of (mapped_ha or area_ha), and
    no_data_share its mean by area_ha. A territory of which nothing is mapped adds nothing to its classes.

    Parameters
    ----------
    table : a row for each code; a GeoDataFrame has its polygons joined, where none was split
    pairs : code_from, code_to, share, for all codes of the table; name_to where names are known

    Returns
    -------
    table : same columns, in the order in which codes first come up
    notes : what could not be carried over
    """
    if table["code"].duplicated().any():
        twice = table["code"][table["code"].duplicated()].unique()
        raise LandcoverError(source, f"holds {some(twice)} twice", "each code once", "mend the table")
    spatial = hasattr(table, "geom_type")
    plain = pd.DataFrame(table.drop(columns=table.geometry.name)) if spatial else table
    joined = pairs.merge(plain, left_on="code_from", right_on="code", how="inner", validate="many_to_one")
    joined["order"] = joined["code_from"].map({code: i for i, code in enumerate(plain["code"])})
    joined = joined.sort_values("order", kind="stable")
    codes = joined["code_to"]
    whole = ~codes.duplicated(keep=False) & (joined["share"] == 1)
    sums = additive(plain.columns)
    parts = joined[sums].mul(joined["share"], axis=0)
    if "no_data_share" in plain and "area_ha" in plain:
        parts["no_data_share"] = joined["no_data_share"] * parts["area_ha"]
    classes = [c for c in sums if f"{c.removesuffix('_ha')}_share" in plain]
    if "mapped_ha" in sums:
        parts.loc[parts["mapped_ha"] == 0, classes] = 0.0
    totals = parts.groupby(codes, sort=False).sum().mask(parts.isna().groupby(codes, sort=False).any())
    if "mapped_ha" in sums:
        totals.loc[totals["mapped_ha"] == 0, classes] = np.nan
    out = pd.DataFrame(index=totals.index)
    emptied = []
    for column in plain.columns:
        if column == "code":
            out[column] = out.index
        elif column == "name":
            out[column] = _names(joined, plain, out.index)
        elif column in totals:
            out[column] = totals[column] / (totals["area_ha"] if column == "no_data_share" else 1)
        elif column.endswith("_share") and f"{column.removesuffix('_share')}_ha" in sums:
            out[column] = np.nan
        else:
            out[column] = joined[whole].set_index("code_to")[column]
            emptied += [column] if joined.loc[~whole, column].notna().any() else []
    recompute_shares(out, plain, source)
    notes = [f"empty where territories were merged or split: {some(emptied)}"] if emptied else []
    out = out.reset_index(drop=True)
    if spatial:
        if (joined["share"] < 1).any():
            notes.append("without polygons, since a territory was split")
        else:
            import geopandas

            shapes = table.set_index("code").geometry.loc[list(joined["code_from"])]
            merged = shapes.groupby(joined["code_to"].to_numpy(), sort=False).agg(lambda g: g.union_all())
            out = geopandas.GeoDataFrame(out, geometry=list(merged.loc[out["code"]]), crs=table.crs)
    return out, tuple(notes)


def additive(columns: Iterable[str]) -> list[str]:
    """Columns that can be summed over territories: pixels and hectares, but not the errors of hectares."""
    return [c for c in columns if c == "pixels" or (c.endswith("_ha") and not ERRORS & set(c.split("_")))]


def recompute_shares(out: pd.DataFrame, table: pd.DataFrame, source: Path) -> None:
    """Fill the `x_share` columns of `out` from its hectares, over what they were a share of in `table`.

    Raises
    ------
    LandcoverError : the shares of `table` are those of its hectares in neither mapped_ha nor area_ha
    """
    sums = set(additive(out.columns))
    names = [c.removesuffix("_share") for c in out.columns if c.endswith("_share") and c != "no_data_share"]
    names = [n for n in names if f"{n}_ha" in sums]
    before = [n for n in names if f"{n}_share" in table and f"{n}_ha" in table]
    if not names:
        return
    for whole in ("mapped_ha", "area_ha"):
        if whole not in table:
            continue
        gaps = [(table[f"{n}_share"] * table[whole] - table[f"{n}_ha"]).abs().max() for n in before]
        if not any(gap > NEAR * max(1.0, table[whole].max()) for gap in gaps):
            for name in names:
                out[f"{name}_share"] = out[f"{name}_ha"] / out[whole].where(out[whole] > 0)
            return
    raise LandcoverError(
        source, "has shares that are not its hectares over mapped_ha or area_ha", "a table of territories",
        "give the table as territories wrote it",
    )  # fmt: skip


def _names(joined: pd.DataFrame, plain: pd.DataFrame, codes: Any) -> list[str]:
    """Names of new territories: as the crosswalk has them, else of the old one with the same code."""
    names = dict(zip(plain["code"], plain["name"], strict=True))
    if "name_to" in joined:
        told = joined.dropna(subset=["name_to"])
        names |= dict(zip(told["code_to"], told["name_to"], strict=True))
    return [names.get(code, "") for code in codes]
