"""A release: the maps and tables of a vintage, copied once, with checksums, and never changed again."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from landcover.errors import LandcoverError
from landcover.files import sha256, staged, write_text
from landcover.statistics.tables import SUFFIXES, write_table
from landcover.statistics.vintages.collection import COLLECTION, Publisher, write_collection
from landcover.statistics.vintages.correspondence import some
from landcover.statistics.vintages.differences import differences

SUMS, CHANGES = "SHA256SUMS", "changes.csv"
LAYERS = ("probabilities", "confidence", "novelty")  # folders of rasters that are no maps


@dataclass(frozen=True)
class Release:
    """What `release` wrote or verified.

    Attributes
    ----------
    folder : of the release
    files : how many it holds
    fingerprint : SHA-256 of SHA256SUMS, which stands for all its files
    changes : the differences from the previous release (`differences`); None without one
    """

    folder: Path
    files: int
    fingerprint: str
    changes: pd.DataFrame | None = None


def release(
    folder: Path,
    out: Path | None = None,
    *,
    vintage: str | None = None,
    previous: Path | None = None,
    bridge: Path | None = None,
    movements: Path | None = None,
    title: str | None = None,
    licence: str = "other",
    provider: str | None = None,
    verify: bool = False,
) -> Release:
    """Copy a folder of maps and tables into a release that does not change any more, or verify one.

    Parameters
    ----------
    folder : maps (.tif), tables and what else belongs to them, such as a prediction folder with the tables of
        its territories; with `verify`, a release
    out : folder of the release, such as releases/2018
    vintage : its name, such as 2018
    previous : the release before: `changes.csv` holds the differences from it
    bridge : table of the previous imagery, mapped with the new method, where both changed (`differences`)
    movements : INSEE's movements of communes, where the territories of `previous` are of another vintage
    title : of the collection
    licence : an SPDX identifier such as etalab-2.0, or `other`
    provider : who publishes it
    verify : compare all files of a release with its checksums; nothing is written

    Returns
    -------
    release : folder, number of files, fingerprint, differences

    Raises
    ------
    LandcoverError : nothing to release, the vintage is released already, files that were changed, are missing
        or were added
    """
    folder = Path(folder)
    if verify:
        return Release(folder, check_release(folder), sha256(folder / SUMS))
    if out is None or not vintage:
        raise LandcoverError(folder, "needs a name and a place", "--vintage and --out", "say both")
    out = Path(out)
    _check(folder, out, vintage, previous)
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not _hidden(p.relative_to(folder))]
    maps = [p for p in files if p.suffix.lower() == ".tif" and p.parent.name not in LAYERS]
    if not maps and not any(p.suffix.lower() in SUFFIXES for p in files):
        wanted = f"files of .tif, {', '.join(SUFFIXES)}"
        raise LandcoverError(folder, "holds no map and no table", wanted, "check the path")
    changes = None
    with staged(out) as stage:
        for path in files:
            _copy(path, stage / path.relative_to(folder))
        if previous is not None:
            changes, record = differences(previous, folder, bridge, movements)
            write_table(stage / CHANGES, changes, record)
        copies = [stage / p.relative_to(folder) for p in maps]
        write_collection(stage, copies, vintage, Publisher(title, licence, provider), previous)
        names = sorted(p.relative_to(stage).as_posix() for p in stage.rglob("*") if p.is_file())
        write_text(stage / SUMS, "".join(f"{sha256(stage / n)}  {n}\n" for n in names))
    for path in (*out.rglob("*"), out):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return Release(out, len(names) + 1, sha256(out / SUMS), changes)


def check_release(folder: Path) -> int:
    """Compare the files of a release with its checksums; how many there are.

    Raises
    ------
    LandcoverError : no release, or files that were changed, are missing or were added
    """
    listing = folder / SUMS
    if not (listing.is_file() and (folder / COLLECTION).is_file()):
        wanted = f"a folder with {COLLECTION} and {SUMS}"
        raise LandcoverError(folder, "is no release", wanted, "check the path")
    lines = listing.read_text(encoding="utf-8").splitlines()
    told = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {SUMS}
    changed = {n for n in told.keys() & there if sha256(folder / n) != told[n]}
    for finding, names in (
        ("lacks", told.keys() - there),
        ("holds files that were added:", there - told.keys()),
        ("holds files that were changed:", changed),
    ):
        if names:
            raise LandcoverError(
                folder, f"{finding} {some(sorted(names))}", f"the files that {SUMS} lists", "fetch it again"
            )
    return len(told) + 1


def _check(folder: Path, out: Path, vintage: str, previous: Path | None) -> None:
    """Refuse what can't be released, before any work is done."""
    if not folder.is_dir():
        raise LandcoverError(folder, "is no folder", "a folder of maps and tables", "check the path")
    if out.exists():
        raise LandcoverError(
            out, "is there already, and releases are not changed", "a new folder",
            "give another --out, with another --vintage",
        )  # fmt: skip
    if out.resolve().is_relative_to(folder.resolve()):
        raise LandcoverError(out, "lies in the folder to release", "a place outside it", "give another --out")
    reserved = [n for n in (COLLECTION, SUMS, CHANGES) if (folder / n).exists()]
    if reserved:
        raise LandcoverError(
            folder, f"holds {', '.join(reserved)}", "a folder that is no release", "move it away"
        )
    if previous is not None:
        check_release(previous)
        named = json.loads((previous / COLLECTION).read_text(encoding="utf-8"))["landcover:vintage"]
        if named == vintage:
            raise LandcoverError(
                previous, f"is of {vintage} too", "an earlier vintage", "give another --vintage"
            )


def _copy(path: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    before = sha256(path)
    shutil.copyfile(path, copy)
    if sha256(copy) != before:
        raise LandcoverError(path, "was changed while it was copied", "a file at rest", "try again")


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
