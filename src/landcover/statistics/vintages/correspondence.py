"""A crosswalk: which share of each old code or class is which new one; read or derived, and checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from landcover.errors import LandcoverError
from landcover.statistics.tables import read_table
from landcover.statistics.vintages.movements import absent, between, day_of, read_movements

NEAR = 1e-6  # what shares may sum to beside 1
FEW = 5


def read_crosswalk(path: Path, kind: str) -> pd.DataFrame:
    """Read a crosswalk table and check that it loses nothing.

    Parameters
    ----------
    kind : `code` for territories, `class` for legends

    Returns
    -------
    crosswalk : DataFrame with <kind>_from, <kind>_to and share, and what other columns it has

    Raises
    ------
    LandcoverError : a column is missing, a couple stands twice, a share is outside 0 to 1, or the shares of
        a code don't sum to 1
    """
    old, new = f"{kind}_from", f"{kind}_to"
    table = read_table(path, [old, new, "share"], text=(old, new))
    twice = table.duplicated([old, new])
    if twice.any():
        couples = [f"{a} to {b}" for a, b in zip(table[old][twice], table[new][twice], strict=True)]
        raise LandcoverError(
            path, f"holds {some(couples)} twice", f"each couple of {kind}s once", "add up or drop them"
        )
    shares = pd.to_numeric(table["share"], errors="coerce")
    wrong = ~((shares >= 0) & (shares <= 1))
    if wrong.any():
        raise LandcoverError(
            path, f"has no share from 0 to 1 for {some(table[old][wrong])}", "shares from 0 to 1", "mend it"
        )
    table["share"] = shares.astype(float)
    sums = table.groupby(old, sort=False)["share"].sum()
    off = sums[(sums - 1).abs() > NEAR]
    if len(off):
        raise LandcoverError(
            path, f"has shares of {off.index[0]} that sum to {off.iloc[0]:.6g}"
            + (f" (and so {len(off) - 1} others)" if len(off) > 1 else ""),
            f"shares that sum to 1 for each {old}", "mend them, or ground would be lost or made",
        )  # fmt: skip
    return table[table["share"] > 0].reset_index(drop=True)


def from_movements(
    path: Path, begin: str, end: str, codes: Iterable[str], areas: Path | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The crosswalk of a table's communes between two vintages, from INSEE's movements.

    A commune that was merged or changed its code belongs to one other wholly. Movements don't tell how the
    ground of one that was split is shared out: where its successors come from it alone, and their areas are
    given, it is by area; else it is refused.

    Parameters
    ----------
    begin, end : vintages, as 2018 (1 January) or 2019-12-31; `end` may be earlier
    codes : of the table, at `begin`
    areas : a table of the vintage `end` with code and area_ha

    Returns
    -------
    crosswalk : DataFrame with code_from, code_to, share and name_to, in the order of `codes`
    notes : sentences, such as on communes that are incomplete since the table lacks a part of them

    Raises
    ------
    LandcoverError : codes that are no communes at `begin`, or a commune split in shares that are not known
    """
    movements = read_movements(path)
    codes, last = list(codes), date.fromisoformat(movements["DATE_EFF"].max())
    late = [v for v in (begin, end) if day_of(v) > last]
    if late:
        raise LandcoverError(
            path, f"ends on {last}", f"movements up to {late[0]}", "fetch the latest file from insee.fr"
        )
    strange = sorted(set(codes) & absent(movements, day_of(begin)))
    if strange:
        raise LandcoverError(
            path, f"knows no commune {some(strange)} on {day_of(begin)}", f"codes of the vintage {begin}",
            "give the vintage of the table with --from",
        )  # fmt: skip
    found = between(movements, day_of(begin), day_of(end))
    origins: dict[str, set[str]] = {}
    for old, now in found.became.items():
        for new in now:
            origins.setdefault(new, set()).add(old)
    split = [c for c in codes if len(found.became.get(c, (c,))) > 1]
    known = _areas(path, end, split, found.became, origins, areas) if split else {}
    rows = []
    for old in codes:
        successors = sorted(found.became.get(old, (old,)))
        total = sum(known[new] for new in successors) if len(successors) > 1 else 1.0
        for new in successors:
            share = known[new] / total if len(successors) > 1 else 1.0
            rows.append((old, new, share, found.names.get(new)))
    notes = incomplete(origins, [new for _, new, _, _ in rows], codes)
    return pd.DataFrame(rows, columns=["code_from", "code_to", "share", "name_to"]), notes


def incomplete(
    origins: Mapping[str, set[str]], successors: Iterable[str], codes: Iterable[str]
) -> tuple[str, ...]:
    """A sentence on each new code of which the table lacks a part.

    Parameters
    ----------
    origins : old codes of each new one; of one that isn't there, itself
    successors : new codes that the table's become
    codes : of the table

    Examples
    --------
    >>> incomplete({"A": {"a", "b"}, "B": {"c"}}, ["A", "B"], ["a", "c"])
    ('A is incomplete: the table lacks b',)
    """
    there = set(codes)
    lacking = {new: origins.get(new, {new}) - there for new in successors}
    return tuple(
        f"{new} is incomplete: the table lacks {some(sorted(olds))}" for new, olds in lacking.items() if olds
    )


def _areas(
    path: Path,
    end: str,
    split: list[str],
    became: dict[str, frozenset[str]],
    origins: dict[str, set[str]],
    areas: Path | None,
) -> dict[str, float]:
    """Hectares of the successors of split communes."""
    wanted = sorted({new for old in split for new in became[old]})
    if areas is None:
        raise LandcoverError(
            path, f"doesn't tell in which shares {some(split)} became {some(wanted)}", "shares of each",
            f"give a table of {end} with --areas, or a crosswalk with --crosswalk",
        )  # fmt: skip
    mixed = [old for old in split if any(origins[new] != {old} for new in became[old])]
    if mixed:
        raise LandcoverError(
            path, f"splits {some(mixed)} and merges parts of it with others", "one or the other",
            "give a crosswalk with --crosswalk",
        )  # fmt: skip
    table = read_table(areas, ["code", "area_ha"])
    known = dict(zip(table["code"], table["area_ha"].astype(float), strict=True))
    unknown = [new for new in wanted if not np.isfinite(known.get(new, np.nan))]
    if unknown:
        raise LandcoverError(
            areas, f"has no area of {some(unknown)}", f"the communes of {end}", "give a whole table"
        )
    twice = [code for code, times in Counter(table["code"]).items() if times > 1 and code in wanted]
    if twice:
        raise LandcoverError(areas, f"holds {some(twice)} twice", "each code once", "mend the table")
    return known


def some(codes: Iterable[str]) -> str:
    """The first codes, and how many others.

    Examples
    --------
    >>> some("abcdefgh")
    'a, b, c, d, e and 3 others'
    """
    named = list(codes)
    others = f" and {len(named) - FEW} others" if len(named) > FEW else ""
    return ", ".join(named[:FEW]) + others
