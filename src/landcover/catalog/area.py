"""The area to fetch: a bounding box, the polygons of a file, or a commune by its code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landcover.errors import LandcoverError

CODES = ("code", "insee_com", "code_insee", "codgeo", "com")  # columns that hold codes of communes
SUFFIXES = (".geojson", ".json", ".gpkg", ".shp")


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
    table = _read(Path(polygon or communes or ""))
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


def _read(path: Path) -> Any:
    """The polygons of a file in WGS 84, as a GeoDataFrame."""
    import geopandas
    from pyogrio.errors import DataSourceError

    wanted = f"polygons in a file of {', '.join(SUFFIXES)}"
    if not path.is_file() or path.suffix.lower() not in SUFFIXES:
        finding = "is of another format" if path.is_file() else "is not there"
        raise LandcoverError(path, finding, wanted, "check the path")
    try:
        table = geopandas.read_file(path, engine="pyogrio")
    except (DataSourceError, ValueError, RuntimeError) as error:
        finding = f"can't be read ({' '.join(str(error).split())[:120]})"
        raise LandcoverError(path, finding, wanted, "mend the file") from error
    if not hasattr(table, "geom_type") or not table.geom_type.isin(["Polygon", "MultiPolygon"]).any():
        raise LandcoverError(path, "holds no polygon", wanted, "give a file of polygons")
    if table.crs is None:
        raise LandcoverError(path, "has no CRS", wanted, "tell its CRS in the file")
    return table.to_crs(4326)


def _commune(table: Any, path: Path, code: str) -> Any:
    """The rows of a commune."""
    columns = [c for c in table.columns if str(c).lower() in CODES]
    if not columns:
        raise LandcoverError(
            path, f"has the columns {', '.join(map(str, table.columns))}",
            f"one of {', '.join(CODES)} with the codes", "rename the column",
        )  # fmt: skip
    found = table[table[columns[0]].astype(str) == code]
    if found.empty:
        raise LandcoverError(
            path, f"has no commune {code} in its column {columns[0]}",
            f"a code such as {table[columns[0]].iloc[0]}", "check --code, and the year of the file",
        )  # fmt: skip
    return found
