"""Read polygons and points from vector files, and say in one line what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from landcover.errors import LandcoverError

CODES = ("code", "insee_com", "code_insee", "codgeo", "com", "nuts_id")  # columns that hold territory codes
STARTS = {  # how a file of each format begins, since GDAL goes by content, also of formats not wanted here
    ".gpkg": (b"SQLite format 3\0",),
    ".geojson": (b"{",),
    ".json": (b"{",),
    ".parquet": (b"PAR1",),
    ".shp": (b"\x00\x00\x27\x0a",),
}
SUFFIXES = tuple(STARTS)
KINDS = {"polygon": ("Polygon", "MultiPolygon"), "point": ("Point",)}


def read_vectors(path: Path, kind: str) -> Any:
    """Read the geometries of a vector file with their columns.

    Parameters
    ----------
    path : GeoPackage, GeoJSON, GeoParquet or Shapefile; of several layers the first is read
    kind : `polygon` or `point`: rows of another kind, or without geometry, are left out

    Returns
    -------
    table : GeoDataFrame in the file's own CRS

    Raises
    ------
    LandcoverError : missing, of another format, damaged, without such geometry, or without CRS
    """
    wanted = f"{kind}s in a file of {', '.join(SUFFIXES)}"
    suffix = path.suffix.lower()
    if not path.is_file() or suffix not in SUFFIXES:
        finding = "is of another format" if path.is_file() else "is not there"
        raise LandcoverError(path, finding, wanted, "check the path")
    with path.open("rb") as file:
        begin = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    if not begin.startswith(STARTS[suffix]):
        raise LandcoverError(path, f"is no {suffix} file by its content", wanted, "export it again")
    table = _read(path, wanted)
    kinds = KINDS[kind]
    if not hasattr(table, "geom_type") or not table.geom_type.isin(kinds).any():
        raise LandcoverError(path, f"holds no {kind}", wanted, f"give a file of {kind}s")
    if table.crs is None:
        raise LandcoverError(path, "has no CRS", wanted, "tell its CRS in the file")
    return table[table.geom_type.isin(kinds)].reset_index(drop=True)


def _read(path: Path, wanted: str) -> Any:
    import geopandas
    from pyarrow import ArrowException
    from pyogrio.errors import DataSourceError

    try:
        if path.suffix.lower() == ".parquet":
            return geopandas.read_parquet(path)
        return geopandas.read_file(path, engine="pyogrio")
    except (DataSourceError, ArrowException, ValueError, RuntimeError, OSError) as error:
        finding = f"can't be read ({' '.join(str(error).split())[:120]})"
        raise LandcoverError(path, finding, wanted, "mend the file") from error


def code_column(table: Any, path: Path, column: str | None = None) -> str:
    """The column that holds the codes of territories: the one asked for, or the first with a usual name.

    Raises
    ------
    LandcoverError : there is none
    """
    names = [str(c) for c in table.columns if c != table.geometry.name]
    found = [n for n in names if n == column or (column is None and n.lower() in CODES)]
    if not found:
        asked = f"no column {column}" if column else "no column with codes"
        raise LandcoverError(
            path, f"has {asked} (it has {', '.join(names) or 'none'})",
            f"codes of the territories in {column or ', '.join(CODES)}", "name the column with --code",
        )  # fmt: skip
    return found[0]
