"""Legends by crosswalk: the classes of a map or a table in another legend."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.files import sha256, write_text
from landcover.imagery.image import Place
from landcover.imagery.maps import legend_of, open_codes
from landcover.imagery.write import open_map
from landcover.legend import LEGENDS, Legend
from landcover.statistics.tables import facts, stamp
from landcover.statistics.vintages.correspondence import read_crosswalk, some
from landcover.statistics.vintages.transfer import recompute_shares

SHIPPED = Path(__file__).with_name("crosswalks")
ROWS = 512


def legend_crosswalk(old: Legend, new: Legend, path: Path | None = None) -> pd.DataFrame:
    """The crosswalk from one legend to another: a file, or the one that is shipped.

    Returns
    -------
    crosswalk : DataFrame with class_from, class_to, share and dominant (bool): whether a pixel of class_from
        becomes class_to; a class that becomes one other has it as dominant one

    Raises
    ------
    LandcoverError : none is shipped for these legends; or the file is wrong, names a class that is in
        neither legend, lacks a class, or makes two classes dominant

    Examples
    --------
    >>> found = legend_crosswalk(LEGENDS["worldcover"], LEGENDS["s2glc"])
    >>> found[found["class_from"] == "tree_cover"][["class_to", "share"]].values.tolist()
    [['broadleaf', 0.455], ['coniferous', 0.545]]
    """
    if path is None:
        keys = [next((k for k, known in LEGENDS.items() if known == legend), "") for legend in (old, new)]
        path = SHIPPED / f"{keys[0]}_{keys[1]}.csv"
        if not path.is_file():
            known = ", ".join(sorted(p.stem.replace("_", " to ") for p in SHIPPED.glob("*.csv")))
            raise LandcoverError(
                f"{old.name} to {new.name}", "has no crosswalk here", known,
                "give one with --crosswalk: class_from, class_to, share",
            )  # fmt: skip
    table = read_crosswalk(path, "class")
    for column, legend in (("class_from", old), ("class_to", new)):
        strange = sorted(set(table[column]) - set(legend.names))
        if strange:
            raise LandcoverError(
                path, f"names {some(strange)} in {column}", f"classes of {legend.name}", "mend the names"
            )
    missing = [c.name for c in old.classes if c.name not in set(table["class_from"])]
    if missing:
        raise LandcoverError(path, f"lacks {some(missing)}", f"every class of {old.name}", "add them")
    alone = table.groupby("class_from")["class_to"].transform("count") == 1
    said = table["dominant"].astype(str).str.lower() if "dominant" in table else pd.Series("", table.index)
    table["dominant"] = alone | said.isin(("yes", "true", "1"))
    several = table.groupby("class_from")["dominant"].sum()
    if (several > 1).any():
        raise LandcoverError(
            path, f"makes {some(several.index[several > 1])} several classes", "one dominant", "choose one"
        )
    return table[["class_from", "class_to", "share", "dominant"]]


def reclass_table(
    table: pd.DataFrame, source: Path, to: str, path: Path | None = None, legend: str | None = None
) -> tuple[pd.DataFrame, str, list[str]]:
    """The class columns (`<class>_ha`, `<class>_share`) of a table in another legend.

    The hectares of a new class are Σ share(old → new) × hectares of the old ones. Columns on single classes
    other than these (errors, intervals) are left out.

    Returns
    -------
    table : the other columns, then hectares and shares of each class of the new legend
    name : of the new legend
    split : old classes of which the crosswalk gives parts to several new ones

    Raises
    ------
    LandcoverError : a class without hectares, or one that says something of the ground and becomes one that
        doesn't, or the other way round: shares are of hectares with a class, which would not be the same
    """
    old, new = _legend_of_table(table, source, legend), legend_of(source, to)
    pairs = legend_crosswalk(old, new, path)
    held = [c for c in old.classes if f"{c.name}_ha" in table]
    lost = [c.name for c in old.labels if c not in held]
    if lost:
        raise LandcoverError(
            source,
            f"has no hectares of {some(lost)}",
            f"a column for each class of {old.name}",
            "give them all",
        )
    for begin, end in zip(pairs["class_from"], pairs["class_to"], strict=True):
        if f"{begin}_ha" in table and (begin in old.label_names) != (end in new.label_names):
            raise LandcoverError(
                path or f"{old.name} to {new.name}", f"gives {begin} to {end}: one of the two is no ground",
                "the same hectares mapped before and after", "reclass the map, and make the table from it",
            )  # fmt: skip
    wanted = new.classes if len(held) > len(old.labels) else new.labels
    about = {n for n in old.names for c in table if f"_{n}_" in f"_{c}_"}
    rest = [c for c in table if c == "no_data_share" or not any(f"_{n}_" in f"_{c}_" for n in about)]
    out = table[rest].copy()
    parts = pairs.pivot_table(index="class_from", columns="class_to", values="share")
    parts = parts.reindex(index=[c.name for c in held], columns=[c.name for c in wanted]).fillna(0.0)
    hectares = table[[f"{c.name}_ha" for c in held]].to_numpy(float) @ parts.to_numpy()
    shares = any(f"{c.name}_share" in table for c in old.labels)
    for c, column in zip(wanted, hectares.T, strict=True):
        out[f"{c.name}_ha"] = column
        if shares and c.is_label:
            out[f"{c.name}_share"] = np.nan
    recompute_shares(out, table, source)
    torn = pairs["class_from"][pairs["share"] < 1].unique()
    return out, new.name, [n for n in torn if f"{n}_ha" in table]


def _legend_of_table(table: pd.DataFrame, source: Path, asked: str | None) -> Legend:
    """The legend asked for, or the one known here whose classes all have hectares in the table."""
    if asked is not None:
        return legend_of(source, asked)
    for known in LEGENDS.values():
        if all(f"{name}_ha" in table for name in known.label_names):
            return known
    raise LandcoverError(
        source, "has the hectares of no legend known here", f"the classes of {', '.join(LEGENDS)}",
        "give a legend.toml with --legend",
    )  # fmt: skip


def reclass_map(
    source: Path,
    out: Path,
    to: str,
    path: Path | None = None,
    legend: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a map in another legend, rows at a time, with its record beside it (`<map>.json`).

    Raises
    ------
    LandcoverError : a class becomes several, none of them dominant; no legend; the file is there already
    """
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise LandcoverError(out, "is no map", "a .tif, as the source is a map", "give another --out")
    if out.exists() and not overwrite:
        raise LandcoverError(out, "is there already", "a new file", "give another --out, or --overwrite")
    if not out.parent.is_dir():
        raise LandcoverError(out, "is in no folder", "a folder that is there", "make it first")
    old, new = legend_of(source, legend), legend_of(source, to)
    pairs = legend_crosswalk(old, new, path)
    main = pairs[pairs["dominant"]].set_index("class_from")["class_to"]
    torn = [name for name in old.names if name not in main.index]
    if torn:
        parts = pairs[pairs["class_from"] == torn[0]]["class_to"]
        raise LandcoverError(
            path or f"{old.name} to {new.name}", f"gives {torn[0]} to {', '.join(parts)}",
            "one class for each pixel", "re-express a table instead, or name the dominant one in --crosswalk",
        )  # fmt: skip
    code = {c.name: c.code for c in new.classes}
    lookup = np.full(256, new.no_data_code, np.uint8)
    for c in old.classes:
        lookup[c.code] = code[main[c.name]]
    with open_codes(source, old) as codes:
        height, width = codes.source.height, codes.source.width
        with open_map(out, height, width, new, Place.of(codes.source)) as rows:
            for y in range(0, height, ROWS):
                window = Window(0, y, width, min(ROWS, height - y))
                rows.write(lookup[codes.read(window)][None])
    inputs = {"map": source} | ({} if path is None else {"crosswalk": path})
    record = facts(
        "crosswalk", inputs, {"to": to, "legend": legend}, vintages=stamp(source) | {"legend": new.name}
    )
    text = json.dumps(record | {"sha256": sha256(out)}, indent=1, ensure_ascii=False)
    write_text(out.with_name(out.name + ".json"), text + "\n")
