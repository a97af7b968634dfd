"""Tables: the same in every format, with a record; whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import pandas as pd
import pytest
from shapely import Point

from landcover.errors import LandcoverError
from landcover.files import sha256
from landcover.statistics.tables import check_table, facts, read_table, stamp, vintage, write_table

TABLE = geopandas.GeoDataFrame(
    {"code": ["01004", "01007"], "area_ha": [1.5, 2.25]}, geometry=[Point(0, 0), Point(1, 1)], crs=4326
)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".gpkg"])
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    write_table(path, TABLE, {"command": "test"})
    found = read_table(path, ["code", "area_ha"])
    assert list(found["code"]) == ["01004", "01007"]
    assert list(found["area_ha"]) == [1.5, 2.25]
    record = json.loads((tmp_path / f"table{suffix}.json").read_text())
    assert record == {"command": "test", "sha256": sha256(path)}


def test_faults_are_told(tmp_path: Path) -> None:
    with pytest.raises(LandcoverError, match="is no table"):
        check_table(tmp_path / "a.txt", False)
    with pytest.raises(LandcoverError, match="is in no folder"):
        check_table(tmp_path / "none" / "a.csv", False)
    (tmp_path / "a.csv").write_text("code\n01\n")
    with pytest.raises(LandcoverError, match="--overwrite"):
        check_table(tmp_path / "a.csv", False)
    check_table(tmp_path / "a.csv", True)
    with pytest.raises(LandcoverError, match="has no column area_ha"):
        read_table(tmp_path / "a.csv", ["code", "area_ha"])
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(LandcoverError, match="can't be read"):
        read_table(tmp_path / "a.parquet", ["code"])
    with pytest.raises(LandcoverError, match="would have no geometry"):
        write_table(tmp_path / "b.gpkg", pd.DataFrame({"code": ["01"]}), {})
    assert not (tmp_path / "b.gpkg").exists()


def test_vintages_travel_from_a_map_to_a_table_to_the_next(tmp_path: Path) -> None:
    for folder in ("maps", "items"):
        (tmp_path / folder).mkdir()
    (tmp_path / "maps" / "a.tif").write_bytes(b"map")
    (tmp_path / "items" / "a.json").write_text('{"properties": {"datetime": "2020-01-28T10:50:31Z"}}')
    made = {"model": {"file": "box.onnx", "sha256": "00"}, "legend": {"name": "S2GLC"}}
    (tmp_path / "predict.json").write_text(json.dumps(made))
    of_map = {"imagery": "2020-01-28T10:50:31Z", "model": made["model"], "legend": "S2GLC"}
    assert vintage(tmp_path / "maps" / "a.tif") == of_map
    record = facts("territories", {"map": tmp_path / "maps" / "a.tif"}, {"code": None})
    assert record["vintages"] == {"map": of_map}
    write_table(tmp_path / "t.csv", TABLE, record)
    assert vintage(tmp_path / "t.csv") == {"map": of_map}


def test_a_stamp_is_in_one_level_and_lists_what_differs(tmp_path: Path) -> None:
    maps = {"image": {"imagery": "2018", "legend": "S2GLC"}, "map_b": {"imagery": "2020", "legend": "S2GLC"}}
    record = facts("change", {}, {}, vintages=maps | {"territories": "2018"}, shares={"decoder": "mean"})
    write_table(tmp_path / "t.csv", TABLE, record)
    told = {"imagery": ["2018", "2020"], "legend": "S2GLC", "territories": "2018"}
    assert stamp(tmp_path / "t.csv") == told | {"shares": {"decoder": "mean"}}
    assert stamp(tmp_path / "none.csv") == {}
