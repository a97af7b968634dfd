"""Movements of communes: which codes of one date became which codes of another, from INSEE's official file.

A territory keeps its ground when codes change: it is followed from date to date as the parts that were
communes of their own at the first date, and each part knows in which commune it is now.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from landcover.errors import LandcoverError

COLUMNS = ("MOD", "DATE_EFF", "TYPECOM_AV", "COM_AV", "TYPECOM_AP", "COM_AP", "LIBELLE_AV", "LIBELLE_AP")
EVENTS = {
    "10": "change of name",
    "20": "creation",
    "21": "re-establishment",
    "30": "suppression",
    "31": "simple merger",
    "32": "creation of a commune nouvelle",
    "33": "merger with associated communes",
    "34": "associated communes merged wholly",
    "35": "delegated commune suppressed",
    "41": "change of code with the département",
    "50": "change of seat",
    "70": "associated commune becomes delegated",
    "71": "delegated commune re-established",
}
CODE_CHANGE = "41"  # comes first on a day: a commune changes its département, then merges there
Codes = frozenset[str]


@dataclass(frozen=True)
class Movements:
    """Movements between two dates.

    Attributes
    ----------
    became : of each code that was touched, the codes that its ground has now; several where it was split
    names : the names of communes at the second date, of those that came out of movements
    """

    became: dict[str, Codes]
    names: dict[str, str]


def read_movements(path: Path) -> pd.DataFrame:
    """Read INSEE's movements of communes (official columns), communes alone, in the order of time.

    Delegated, associated communes and arrondissements (TYPECOM other than COM) are parts of communes, and
    their rows repeat what the rows of communes say.

    Returns
    -------
    movements : DataFrame of text with MOD, DATE_EFF, COM_AV, COM_AP, LIBELLE_AV, LIBELLE_AP, and step, a
        number in the order of time that rows share which take effect at once

    Raises
    ------
    LandcoverError : not readable, without one of the columns, or an event or a date that is not known here
    """
    wanted = f"INSEE's movements of communes, a CSV with {', '.join(COLUMNS)}"
    if not path.is_file():
        raise LandcoverError(path, "is not there", wanted, "check the path")
    with path.open("rb") as file:
        header = file.readline(4096)
    if b"MOD" not in header:  # pandas takes minutes for the one line of a large GeoJSON
        raise LandcoverError(path, "has no column MOD", wanted, "fetch it from insee.fr")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        finding = f"can't be read ({' '.join(str(error).split())[:120]})"
        raise LandcoverError(path, finding, wanted, "fetch it from insee.fr") from error
    missing = [c for c in COLUMNS if c not in table]
    if missing:
        raise LandcoverError(path, f"has no column {', '.join(missing)}", wanted, "fetch it from insee.fr")
    strange = sorted(set(table["MOD"]) - set(EVENTS))
    if strange:
        raise LandcoverError(
            path,
            f"has events of MOD {', '.join(strange)}",
            f"MOD {', '.join(EVENTS)}",
            "leave these rows out",
        )
    days = pd.to_datetime(table["DATE_EFF"], format="%Y-%m-%d", errors="coerce")
    if days.isna().any():
        strange = table["DATE_EFF"][days.isna()].iloc[0]
        raise LandcoverError(path, f"has the date {strange!r}", "dates as 2019-01-01", "write it so")
    communes = (table["TYPECOM_AV"] == "COM") & (table["TYPECOM_AP"] == "COM")
    kept = table[communes].drop_duplicates(["MOD", "DATE_EFF", "COM_AV", "COM_AP"])
    kept = kept.assign(later=kept["MOD"] != CODE_CHANGE)
    kept["step"] = kept.groupby(["DATE_EFF", "later", "MOD"]).ngroup()
    names = [c for c in COLUMNS if not c.startswith("TYPECOM")]
    return kept.sort_values("step", kind="stable")[["step", *names]].reset_index(drop=True)


def day_of(vintage: str) -> date:
    """The day of a vintage: 1 January of a year, as INSEE's list of communes has it, or the day itself.

    Examples
    --------
    >>> day_of("2018"), day_of("2019-12-31")
    (datetime.date(2018, 1, 1), datetime.date(2019, 12, 31))
    """
    try:
        return date.fromisoformat(f"{vintage}-01-01" if len(vintage) == 4 else vintage)
    except ValueError as error:
        raise LandcoverError(
            vintage, "is no vintage", "a year or a day", "write 2018 or 2018-01-01"
        ) from error


def between(movements: pd.DataFrame, begin: date, end: date) -> Movements:
    """What became of the communes of `begin` until `end`, which includes what takes effect on that day.

    Mergers, changes of code and chains of them leave each code with one successor. A commune that is
    re-established takes back the part that bore its code at `begin`, and the rest stays; one that was in
    another already at `begin` splits that commune, whose code has several successors then. With `end`
    before `begin`, time runs backwards: a merged commune has several successors.

    Parameters
    ----------
    movements : of `read_movements`

    Examples
    --------
    >>> moves = pd.DataFrame(
    ...     {"step": 0, "DATE_EFF": "2019-01-01", "COM_AV": ["01033", "01091"], "COM_AP": "01033",
    ...      "LIBELLE_AV": ["Bellegarde", "Châtillon"], "LIBELLE_AP": "Valserhône"}
    ... )
    >>> {code: sorted(now) for code, now in between(moves, date(2018, 1, 1), date(2024, 1, 1)).became.items()}
    {'01033': ['01033'], '01091': ['01033']}
    >>> sorted(between(moves, date(2024, 1, 1), date(2018, 1, 1)).became["01033"])
    ['01033', '01091']
    """
    days = movements["DATE_EFF"]
    first, last = sorted((begin, end))
    span = movements[(days > first.isoformat()) & (days <= last.isoformat())]
    forward = _followed(span)
    if begin <= end:
        return Movements(forward, dict(zip(span["COM_AP"], span["LIBELLE_AP"], strict=True)))
    back: dict[str, set[str]] = defaultdict(set)
    for before, codes in forward.items():
        for code in codes:
            back[code].add(before)
    names = dict(zip(span["COM_AV"][::-1], span["LIBELLE_AV"][::-1], strict=True))
    return Movements({code: frozenset(b) for code, b in back.items()}, names)


def absent(movements: pd.DataFrame, day: date) -> Codes:
    """Codes that are no communes on a day, of all that the movements name: gone before it, or made after it.

    Examples
    --------
    >>> moves = pd.DataFrame({"step": 0, "DATE_EFF": "2019-01-01", "COM_AV": ["a", "b"], "COM_AP": "a"})
    >>> absent(moves, date(2018, 1, 1)), absent(moves, date(2024, 1, 1))
    (frozenset(), frozenset({'b'}))
    """
    past = movements["DATE_EFF"] <= day.isoformat()
    left = movements[past].groupby("COM_AV")["step"].max()
    came = movements[past].groupby("COM_AP")["step"].max()
    leaves = movements[~past].groupby("COM_AV")["step"].min()
    comes = movements[~past].groupby("COM_AP")["step"].min()
    gone = {str(code) for code, step in left.items() if came.get(code, -1) < step}
    made = {str(code) for code, step in comes.items() if step < leaves.get(code, len(movements))}
    return frozenset(gone | made - set(left.index) - set(came.index))


def _followed(span: pd.DataFrame) -> dict[str, Codes]:
    """Each part that was touched, a commune before the first movement, and the codes it lies in at last."""
    now: dict[str, Codes] = {}
    parts: dict[str, set[str]] = {}  # the other way round: of each code, the parts that lie in it
    for _, group in span.groupby("step"):
        successors: dict[str, set[str]] = defaultdict(set)
        for before, after in zip(group["COM_AV"], group["COM_AP"], strict=True):
            successors[before].add(after)
        for code in successors:
            if code not in parts:
                parts[code], now[code] = {code}, frozenset([code])
        moved = {
            part: frozenset().union(*(_successors(part, code, successors, parts) for code in now[part]))
            for code in successors
            for part in parts[code]
        }
        for code in successors.keys() | set().union(*successors.values()):
            parts[code] = parts.get(code, set()) - moved.keys()
        for part, codes in moved.items():
            now[part] = codes
            for code in codes:
                parts[code].add(part)
    return now


def _successors(
    part: str, code: str, successors: dict[str, set[str]], parts: dict[str, set[str]]
) -> set[str]:
    """Where the ground of a part goes that lies in `code`."""
    after = successors.get(code, {code})
    if len(after) == 1 or not after - {code} <= parts[code]:
        return after
    return {part} if part in after else {code} if code in after else after
