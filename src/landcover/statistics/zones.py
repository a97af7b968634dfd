"""Zones: the territories of a table, read from any vector file: each with a code, a name and a polygon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from landcover.errors import LandcoverError
from landcover.imagery.vectors import code_column, read_vectors

NAMES = ("nom", "name", "libelle", "nom_com", "label")  # columns that hold names of territories
FEW = 5


def read_zones(path: Path, code: str | None = None) -> Any:
    """Read territories, in the order of the file.

    Parameters
    ----------
    path : GeoPackage, GeoJSON, GeoParquet or Shapefile
    code : column of the codes; None finds it by its usual names

    Returns
    -------
    zones : GeoDataFrame with the columns code and name (text; name is "" where there is none) and geometry,
        in the CRS of the file; indexed from 0

    Raises
    ------
    LandcoverError : not readable, no CRS, no codes, a code twice or missing, or invalid polygons
    """
    import geopandas
    import shapely

    table = read_vectors(path, "polygon")
    column = code_column(table, path, code)
    codes = table[column]
    if codes.isna().any():
        raise LandcoverError(
            path, f"has {int(codes.isna().sum())} polygons without {column}", "a code each", "add them"
        )
    codes = codes.astype(str)
    _refuse(path, codes[codes.duplicated()].unique(), "holds", "twice", "each code once", "dissolve them")
    invalid = ~table.geometry.is_valid
    if invalid.any():
        why = shapely.is_valid_reason(table.geometry[invalid].iloc[0]).partition("[")[0].lower()
        _refuse(
            path, codes[invalid], "holds", f"with an invalid polygon ({why})", "valid polygons",
            "mend them, for instance with QGIS's Fix geometries",
        )  # fmt: skip
    named = next((c for c in table.columns if str(c).lower() in NAMES), None)
    names = "" if named is None else table[named].fillna("").astype(str)
    return geopandas.GeoDataFrame({"code": codes, "name": names}, geometry=table.geometry, crs=table.crs)


def none_touches(path: Path, map: Path) -> LandcoverError:
    """What to say of territories that all lie beside a map."""
    return LandcoverError(
        path, f"has no territory that touches {map}", "territories in the map",
        "check the CRS of both, or take other zones",
    )  # fmt: skip


def _refuse(path: Path, codes: Any, before: str, after: str, expectation: str, remedy: str) -> None:
    if len(codes):
        some = ", ".join(codes[:FEW]) + (f" and {len(codes) - FEW} others" if len(codes) > FEW else "")
        raise LandcoverError(path, f"{before} {some} {after}", expectation, remedy)
