"""Zones: codes, names and polygons of territories, and what is refused."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pytest
from shapely import Polygon, box

from landcover.errors import LandcoverError
from landcover.statistics.zones import read_zones


def write(path: Path, codes: list[str | None], shapes: list[Polygon]) -> Path:
    geopandas.GeoDataFrame({"code": codes}, geometry=shapes, crs=4326).to_file(path)
    return path


def test_communes_are_read_in_their_order(data: Path) -> None:
    zones = read_zones(data / "france" / "communes-01-ain.geojson")
    assert len(zones) == 407
    assert tuple(zones.iloc[0][["code", "name"]]) == ("01338", "Groslée-Saint-Benoit")


def test_nested_and_overlapping_zones_are_welcome(tmp_path: Path) -> None:
    path = write(tmp_path / "z.gpkg", ["a", "b"], [box(0, 0, 2, 2), box(1, 1, 3, 3)])
    assert list(read_zones(path)["code"]) == ["a", "b"]


def test_codes_twice_missing_codes_and_invalid_polygons_are_named(tmp_path: Path) -> None:
    square, bow = box(0, 0, 1, 1), Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(LandcoverError, match="holds a twice"):
        read_zones(write(tmp_path / "twice.gpkg", ["a", "a", "b"], [square] * 3))
    with pytest.raises(LandcoverError, match="1 polygons without code"):
        read_zones(write(tmp_path / "missing.gpkg", ["a", None], [square] * 2))
    with pytest.raises(LandcoverError, match=r"holds b with an invalid polygon \(self-intersection\)"):
        read_zones(write(tmp_path / "bow.gpkg", ["a", "b"], [square, bow]))
