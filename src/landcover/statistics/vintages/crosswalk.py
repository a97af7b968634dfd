"""Re-express a table in the territories of another year, and a table or a map in another legend."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from landcover.errors import LandcoverError
from landcover.statistics.tables import check_table, facts, read_table, stamp, write_table
from landcover.statistics.vintages.correspondence import from_movements, incomplete, read_crosswalk, some
from landcover.statistics.vintages.legends import reclass_map, reclass_table
from landcover.statistics.vintages.movements import day_of
from landcover.statistics.vintages.transfer import transfer


@dataclass(frozen=True)
class Reexpressed:
    """What `crosswalk` wrote.

    Attributes
    ----------
    path : the table or map
    table : its rows; None for a map
    notes : sentences on what could not be carried over
    """

    path: Path
    table: pd.DataFrame | None
    notes: tuple[str, ...] = field(default=())


def crosswalk(
    source: Path,
    out: Path,
    *,
    to: str | None = None,
    begin: str | None = None,
    movements: Path | None = None,
    crosswalk: Path | None = None,
    areas: Path | None = None,
    legend: str | None = None,
    overwrite: bool = False,
) -> Reexpressed:
    """Re-express a table of territories in the codes of another year, or a table or map in another legend.

    Hectares and pixels are shared out and added up, and shares are computed anew from hectares, so that
    nothing is lost: each class keeps its hectares. Errors and intervals can't be added up; like all other
    columns they stay where a territory is taken over whole, and are empty elsewhere.

    Parameters
    ----------
    source : table written by `territories` (code, name, pixels, …_ha, …_share), or a map (.tif)
    out : table (.csv, .parquet, .gpkg) or map (.tif)
    to : the vintage to go to, as 2024 or 2024-01-01; or a legend (s2glc, worldcover, corine1, corine2, or a
        legend.toml)
    begin : the vintage of the codes in `source`; None takes the one in its record
    movements : INSEE's movements of communes
    crosswalk : a table instead: code_from, code_to, share; or class_from, class_to, share for a legend
    areas : table with code and area_ha of the vintage `to`, to split communes by area
    legend : of `source`, where it doesn't say it

    Returns
    -------
    reexpressed : path, table and notes

    Raises
    ------
    LandcoverError : shares that don't sum to 1, couples twice, codes or classes that the crosswalk lacks,
        communes split in unknown shares, a map whose class would become several
    """
    source, out = Path(source), Path(out)
    if source.is_dir():
        raise LandcoverError(source, "is a folder", "a table or a map", "give one of its files")
    if movements is not None and crosswalk is not None:
        raise LandcoverError(
            crosswalk, "is given beside movements", "one of --movements and --crosswalk", "leave one out"
        )
    if areas is not None and movements is None:
        raise LandcoverError(areas, "is of no use here", "--areas with --movements alone", "leave it out")
    if source.suffix.lower() in (".tif", ".tiff"):
        if to is None:
            raise _nothing_to_go_by()
        reclass_map(source, out, to, crosswalk, legend, overwrite)
        return Reexpressed(out, None)
    check_table(out, overwrite)
    table, stamped = _read(source), stamp(source)
    roles = {"table": source, "movements": movements, "crosswalk": crosswalk, "areas": areas}
    inputs = {role: path for role, path in roles.items() if path is not None}
    if movements is not None or (crosswalk is not None and _is_of_codes(crosswalk)):
        begin = _begin(source, begin, stamped.pop("territories", None))
        pairs, notes = _of_codes(table["code"], begin, to, movements, crosswalk, areas)
        table, more = transfer(table, pairs, source)
        notes += more
        stamped |= {} if to is None else {"territories": to}
    elif to is not None:
        table, stamped["legend"], split = reclass_table(table, source, to, crosswalk, legend)
        notes = (f"split by shares that are the same everywhere: {some(split)}",) if split else ()
    else:
        raise _nothing_to_go_by()
    options = {"from": begin, "to": to, "legend": legend}
    record = facts("crosswalk", inputs, options, vintages=stamped, notes=list(notes))
    write_table(out, table, record)
    return Reexpressed(out, table, notes)


def _of_codes(
    codes: pd.Series,
    begin: str | None,
    to: str | None,
    movements: Path | None,
    crosswalk: Path | None,
    areas: Path | None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The crosswalk of the codes of a table, from movements or from a file; and notes."""
    if crosswalk is not None:
        pairs = read_crosswalk(crosswalk, "code")
        missing = sorted(set(codes) - set(pairs["code_from"]))
        if missing:
            raise LandcoverError(crosswalk, f"lacks {some(missing)}", "every code of the table", "add them")
        origins = {str(new): set(olds) for new, olds in pairs.groupby("code_to")["code_from"]}
        reached = pairs["code_to"][pairs["code_from"].isin(codes)]
        return pairs, incomplete(origins, reached, codes)
    assert movements is not None
    if begin is None or to is None:
        raise LandcoverError(
            movements, "needs two vintages", "--from and --to", "say them, as --from 2018 --to 2024"
        )
    return from_movements(movements, begin, to, codes, areas)


def _begin(source: Path, asked: str | None, stamped: str | None) -> str | None:
    """The vintage of the codes of a table: the one asked for, which its own stamp must not contradict."""
    if asked and stamped and asked != stamped and day_of(asked) != day_of(stamped):
        finding = f"has territories of {stamped} by its record"
        raise LandcoverError(source, finding, f"--from {asked}", "correct --from, or leave it out")
    return asked or stamped


def _read(path: Path) -> Any:
    """A table of territories, with its polygons where it has some."""
    table = read_table(path, ["code"])
    if path.suffix.lower() == ".gpkg":
        import geopandas

        return geopandas.read_file(path, engine="pyogrio").astype({"code": str})
    return table


def _is_of_codes(path: Path) -> bool:
    return "code_from" in read_table(path, ["share"], text=("code_from", "code_to"))


def _nothing_to_go_by() -> LandcoverError:
    return LandcoverError(
        "landcover crosswalk",
        "has nothing to go by",
        "--movements, --crosswalk, or a legend in --to",
        "say one",
    )
