"""Files appear whole or not at all: temporary names, renames, output folders, hashes."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from landcover.errors import LandcoverError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` when the block ends well, else remove it."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path` for what is needed on the way to it; it is gone afterwards."""
    folder = path.with_name(f".{path.name}.parts")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` (UTF-8), whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


PROGRESS = ".progress"


@contextmanager
def staged(
    out: Path, overwrite: bool = False, results: Sequence[str] = (), resume: bool | None = None
) -> Iterator[Path]:
    """Give a folder beside `out`; what it holds moves into `out` when the block ends well.

    When the block fails, nothing is left of it and `out` is as it was. With `overwrite`, entries of the
    same name in `out` and all that are named in `results` (what the command may have written there before)
    make way, and others stay.

    Work that can go on after a stop says so with `resume`, True or False. Its folder stays when the block is
    killed or interrupted, and whatever happens to one that resumes; with `resume`, the block gets it back,
    without, it is refused or, with `overwrite`, emptied. An entry named `.progress` never moves.

    Raises
    ------
    LandcoverError : `out` is a file, holds something already (without `overwrite`) or can't be written; there
        is unfinished work, or none to go on with
    """
    if out.exists() and not out.is_dir():
        raise LandcoverError(out, "is a file", "a folder for the results", "give another --out")
    stage = out.parent / f".{out.name}.partial"
    if resume and not stage.exists():
        raise LandcoverError(out, "has no unfinished work", "work to go on with", "leave --resume out")
    if resume is False and stage.exists() and not overwrite:
        raise LandcoverError(
            out, "has unfinished work", "a decision", "go on with --resume, or begin anew with --overwrite"
        )
    if out.is_dir() and any(out.iterdir()) and not (overwrite or resume):
        raise LandcoverError(
            out, "already holds files", "a new or empty folder", "give another --out, or --overwrite"
        )
    made = [p for p in out.parents if not p.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(exist_ok=True)
        if not os.access(out if out.is_dir() else stage, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        shutil.rmtree(stage, ignore_errors=True)
        raise LandcoverError(
            out, f"can't be written ({error.strerror})", "a folder one may write to", "give another --out"
        ) from error
    lasting = False
    try:
        try:
            yield stage
        except BaseException as error:
            lasting = bool(resume) or (resume is False and not isinstance(error, LandcoverError))
            raise
        shutil.rmtree(stage / PROGRESS, ignore_errors=True)
        if not out.exists():
            os.replace(stage, out)
            return
        for name in sorted({*results, *(entry.name for entry in stage.iterdir())}):
            target = out / name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
            if (stage / name).exists():
                os.replace(stage / name, target)
    finally:
        if not lasting:
            shutil.rmtree(stage, ignore_errors=True)
        for parent in made:
            with suppress(OSError):
                parent.rmdir()


def sha256(*paths: Path) -> str:
    """SHA-256 of a file, in hexadecimal; of several files, that of the lines `sha256sum` prints of them."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    if len(paths) == 1:
        return digests[0]
    listing = "".join(f"{digest}  {path.name}\n" for digest, path in zip(digests, paths, strict=True))
    return hashlib.sha256(listing.encode()).hexdigest()
