"""The area to fetch: a bounding box, the polygons of a file, or a commune by its code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landcover.errors import LandcoverError
from landcover.imagery.vectors import code_column, read_vectors


@dataclass(frozen=True)
class Area:
    """A bounding box in degrees (west, south, east, north; WGS 84), and a name for the files."""

    bbox: tuple[float, float, float, float]
    name: str


def area_of(
    bbox: tuple[float, float, float, float] | None,
    polygon: Path | None,
    communes: Path | None,
    code: str | None,
) -> Area:
    """The area that exactly one of `bbox`, `polygon` or `communes` with `code` says.

    Raises
    ------
    LandcoverError : none or several are given, a file is at fault, or the code is not in it
    """
    given = [
        n for n, v in (("--bbox", bbox), ("--polygon", polygon), ("--communes", communes)) if v is not None
    ]
    if len(given) != 1 or (communes is None) != (code is None):
        raise LandcoverError(
            "the area", f"is told by {' and '.join(given) or 'nothing'}" + (" and --code" if code else ""),
            "one of --bbox, --polygon, or --communes with --code", "say which area to fetch",
        )  # fmt: skip
    if bbox is not None:
        return Area(_checked(bbox), "scene")
    table = read_vectors(Path(polygon or communes or ""), "polygon").to_crs(4326)
    if code is not None:
        table = _commune(table, Path(communes or ""), code)
    west, south, east, north = map(float, table.total_bounds)
    return Area(_checked((west, south, east, north)), code or Path(polygon or "").stem)


def _checked(bbox: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = bbox
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise LandcoverError(
            "the area", f"goes from {west:g}, {south:g} to {east:g}, {north:g}",
            "degrees: west < east, south < north", "give west south east north in WGS 84",
        )  # fmt: skip
    return bbox


def _commune(table: Any, path: Path, code: str) -> Any:
    """The rows of a commune."""
    column = code_column(table, path)
    found = table[table[column].astype(str) == code]
    if found.empty:
        raise LandcoverError(
            path, f"has no commune {code} in its column {column}",
            f"a code such as {table[column].iloc[0]}", "check --code, and the year of the file",
        )  # fmt: skip
    return found
