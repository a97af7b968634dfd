"""Differences between two releases: how much changed on the ground, and how much in the method.

With f(imagery, method) the hectares of a class in a territory, the change f(i₂, m₂) − f(i₁, m₁) is the sum of
what the method changes on the same imagery, f(i₁, m₂) − f(i₁, m₁), and what the ground changes in the eyes of
the same method, f(i₂, m₂) − f(i₁, m₂). Where both are new, the middle term needs the previous imagery mapped
again with the new method: the bridge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landcover.errors import LandcoverError
from landcover.statistics.tables import SUFFIXES, facts, read_table, stamp
from landcover.statistics.vintages.correspondence import from_movements, some
from landcover.statistics.vintages.transfer import transfer

METHOD = ("model", "legend", "options", "shares")
READING = ("bands", "scale", "offset")  # options that say how the numbers of an image are read
NEAR = 0.01  # share of a territory's area by which its mapped part may differ
BY_GROUND, BY_METHOD, BY_BOTH, BY_NOTHING = "ground", "method", "ground and method", "nothing"
NOT_TOLD, COVERAGE = "not told", "mapped area"


def differences(
    previous: Path, folder: Path, bridge: Path | None = None, movements: Path | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Change of the hectares of each class in each territory, from a previous release to a new folder.

    Tables of territories of the same name in both are compared. Where the same images were mapped by another
    method, all change is the method's; where other images were mapped by the same one, all is the ground's
    (errors of the maps included); where both differ it is told apart by the bridge, else `ground_ha` and
    `method_ha` are empty, as they are where a table doesn't say what it was made from, and where the mapped
    part of a territory differs by more than 1 % of its area, as clouds make it: cause says which.

    Parameters
    ----------
    previous : a release
    folder : of the new one
    bridge : table of territories of the previous imagery, by the new method
    movements : INSEE's movements of communes, to re-express the previous table in the new vintage

    Returns
    -------
    changes : table, code, name, class, previous_ha, ha, change_ha, ground_ha, method_ha, cause
    record : what was compared, with the vintages of both

    Raises
    ------
    LandcoverError : no table in both, other classes or territories, or a bridge of other imagery or method
    """
    names = sorted(
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if p.suffix.lower() in SUFFIXES and (previous / p.relative_to(folder)).is_file() and _classes_of(p)
    )
    if not names:
        raise LandcoverError(
            previous, "has no table of territories that the new folder has too", "tables of the same name",
            "name them alike, or release without --previous",
        )  # fmt: skip
    if bridge is not None and len(names) > 1:
        raise LandcoverError(
            folder, f"has {len(names)} tables of territories", "one, where there is a bridge", "leave one"
        )
    rows, told = [], {}
    for name in names:
        before, after = previous / name, folder / name
        rows.append(_compare(name, before, after, bridge, movements))
        told[name] = {"previous": stamp(before), "new": stamp(after)}
    inputs = {"previous": previous / "collection.json"}
    inputs |= {"bridge": bridge} if bridge else {}
    inputs |= {"movements": movements} if movements else {}
    changes = pd.concat(rows, ignore_index=True)
    return changes, facts("release", inputs, {}, vintages={}, compared=told)


def cause_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What may have changed a number, by the vintages of two tables (`stamp`).

    Other pixels of the same date are another processing of one look at the ground, so they count as method.
    How the numbers of an image are read (bands, scale, offset) belongs to the image.

    Examples
    --------
    >>> old = {"image": "a1", "model": "m1"}
    >>> cause_of(old, {"image": "b2", "model": "m1"}), cause_of(old, {"image": "a1", "model": "m2"})
    ('ground', 'method')
    >>> cause_of(old, {"image": "b2", "model": "m2"}), cause_of(old, {})
    ('ground and method', 'not told')
    """
    if any("image" not in each or "model" not in each for each in (before, after)):
        return NOT_TOLD
    pixels = before["image"] != after["image"]
    dated = isinstance(before.get("imagery"), str) and before["imagery"] == after.get("imagery")
    method = _method(before, pixels) != _method(after, pixels) or (pixels and dated)
    if pixels and not dated:
        return BY_BOTH if method else BY_GROUND
    return BY_METHOD if method else BY_NOTHING


def _method(vintages: Mapping[str, Any], other_pixels: bool) -> dict[str, Any]:
    """What a method is: the model by its SHA-256, the legend, the options and how shares are computed."""
    found = {key: vintages.get(key) for key in METHOD}
    if isinstance(found["model"], dict):
        found["model"] = found["model"].get("sha256")
    if isinstance(found["options"], dict) and other_pixels:
        found["options"] = {k: v for k, v in found["options"].items() if k not in READING}
    return found


def _compare(
    name: str, before: Path, after: Path, bridge: Path | None, movements: Path | None
) -> pd.DataFrame:
    old, new = read_table(before, ["code"]), read_table(after, ["code"])
    vintages, now = stamp(before), stamp(after)
    old = _in_vintage(old, before, vintages.get("territories"), now.get("territories"), movements)
    classes = _classes(new)
    _same(before, _classes(old), classes, "the classes", "landcover crosswalk")
    _same(before, old["code"], new["code"], "the territories", "--movements or landcover crosswalk")
    columns = [f"{c}_ha" for c in classes]
    old = old.set_index("code").loc[list(new["code"])]
    a, b = old[columns].to_numpy(float), new[columns].to_numpy(float)
    cause = cause_of(vintages, now)
    middle = _bridge(bridge, vintages, now, new, columns) if cause == BY_BOTH and bridge is not None else None
    causes = np.full(len(new), cause, object)
    if {"area_ha", "mapped_ha"} <= set(old) & set(new):
        mapped = np.abs(new["mapped_ha"].to_numpy() - old["mapped_ha"].to_numpy())
        causes[mapped > NEAR * new["area_ha"].to_numpy()] = COVERAGE
    by = {BY_GROUND: a, BY_METHOD: b, BY_NOTHING: b, BY_BOTH: middle}.get(cause)
    seen = np.full_like(b, np.nan) if by is None else by  # what the new method sees in the previous imagery
    seen = np.where((causes == COVERAGE)[:, None], np.nan, seen)
    names = new["name"].fillna("").to_numpy() if "name" in new else np.full(len(new), "", object)
    return pd.DataFrame(
        {
            "table": name,
            "code": new["code"].repeat(len(classes)).to_numpy(),
            "name": names.repeat(len(classes)),
            "class": np.tile(classes, len(new)),
            "previous_ha": a.ravel(),
            "ha": b.ravel(),
            "change_ha": (b - a).ravel(),
            "ground_ha": (b - seen).ravel(),
            "method_ha": (seen - a).ravel(),
            "cause": causes.repeat(len(classes)),
        }
    )


def _bridge(
    path: Path, before: Mapping[str, Any], after: Mapping[str, Any], new: pd.DataFrame, columns: list[str]
) -> Any:
    """Hectares of the previous imagery by the new method, rows as in `new`."""
    made = stamp(path)
    for same, what in (
        (made.get("image") == before["image"], "previous imagery"),
        (_method(made, True) == _method(after, True), "new method"),
    ):
        if not same:
            raise LandcoverError(
                path, f"was not made from the {what}", "the previous imagery, mapped as the new one was",
                "make it so",
            )  # fmt: skip
    table = read_table(path, ["code", *columns])
    _same(path, table["code"], new["code"], "the territories", "landcover crosswalk")
    return table.set_index("code").loc[list(new["code"]), columns].to_numpy(float)


def _in_vintage(
    table: pd.DataFrame, path: Path, begin: str | None, end: str | None, movements: Path | None
) -> pd.DataFrame:
    """The previous table in the territories of the new one, where movements are given."""
    if movements is None or begin == end:
        return table
    if begin is None or end is None:
        raise LandcoverError(
            path, "or the new table doesn't tell the vintage of its territories", "both vintages",
            "make them with territories --vintage",
        )  # fmt: skip
    pairs, _ = from_movements(movements, begin, end, table["code"])
    return transfer(table, pairs, path)[0]


def _classes_of(path: Path) -> list[str]:
    """Classes of a table of territories; none of another table."""
    return _classes(read_table(path, []))


def _classes(table: pd.DataFrame) -> list[str]:
    names = [c.removesuffix("_share") for c in table.columns if c.endswith("_share")]
    return [n for n in names if f"{n}_ha" in table and n not in ("area", "mapped")] if "code" in table else []


def _same(path: Path, old: Iterable[str], new: Iterable[str], what: str, remedy: str) -> None:
    other = sorted(set(old) ^ set(new))
    if other:
        raise LandcoverError(
            path, f"differs in {some(other)}", f"{what} of the new table", f"re-express it with {remedy}"
        )
