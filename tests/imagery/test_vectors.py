"""Vector files: read in every format, and every fault in one line."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pytest
from shapely import Point, box

from landcover.errors import LandcoverError
from landcover.imagery.vectors import code_column, read_vectors

TABLE = geopandas.GeoDataFrame({"code": ["01", "02"]}, geometry=[box(0, 0, 1, 1), Point(2, 2)], crs=4326)


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet"])
def test_polygons_and_points_come_apart_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"zones{suffix}"
    TABLE.to_parquet(path) if suffix == ".parquet" else TABLE.to_file(path)
    assert list(read_vectors(path, "polygon")["code"]) == ["01"]
    assert list(read_vectors(path, "point")["code"]) == ["02"]


def test_a_shapefile_is_read(tmp_path: Path) -> None:
    TABLE[:1].to_file(tmp_path / "zones.shp")
    assert list(read_vectors(tmp_path / "zones.shp", "polygon")["code"]) == ["01"]


def test_another_format_under_a_known_suffix_is_refused(tmp_path: Path) -> None:
    """GDAL would open it by its content, whatever its name: here a file that refers to others."""
    path = tmp_path / "zones.shp"
    path.write_text('<OGRVRTDataSource><OGRVRTLayer name="a"/></OGRVRTDataSource>')
    with pytest.raises(LandcoverError, match=r"is no \.shp file by its content"):
        read_vectors(path, "polygon")


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".parquet"])
def test_a_truncated_file_is_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"zones{suffix}"
    TABLE.to_parquet(path) if suffix == ".parquet" else TABLE.to_file(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(LandcoverError, match=r"can't be read|holds no polygon"):
        read_vectors(path, "polygon")


def test_missing_files_kinds_and_crs_are_told(tmp_path: Path) -> None:
    with pytest.raises(LandcoverError, match="is not there"):
        read_vectors(tmp_path / "none.gpkg", "polygon")
    TABLE[:1].to_file(tmp_path / "a.gpkg")
    with pytest.raises(LandcoverError, match="holds no point"):
        read_vectors(tmp_path / "a.gpkg", "point")
    TABLE[:1].set_crs(None, allow_override=True).to_file(tmp_path / "b.gpkg")
    with pytest.raises(LandcoverError, match="has no CRS"):
        read_vectors(tmp_path / "b.gpkg", "polygon")


def test_the_column_of_codes_is_found_or_named(tmp_path: Path) -> None:
    assert code_column(TABLE, tmp_path) == "code"
    renamed = TABLE.rename(columns={"code": "INSEE_COM"})
    assert code_column(renamed, tmp_path) == "INSEE_COM"
    odd = TABLE.rename(columns={"code": "zone"})
    assert code_column(odd, tmp_path, "zone") == "zone"
    with pytest.raises(LandcoverError, match="--code"):
        code_column(odd, tmp_path)
