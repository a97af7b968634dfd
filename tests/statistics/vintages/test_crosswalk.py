"""Tables of territories re-expressed in the codes of another year: ground is neither lost nor made."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from conftest import Run, is_one_line
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

import landcover
from landcover.errors import LandcoverError
from landcover.imagery.image import Place
from landcover.imagery.write import write_map
from landcover.legend import S2GLC
from landcover.statistics.tables import facts, read_table, stamp, write_table
from landcover.statistics.vintages.transfer import additive, transfer
from landcover.statistics.zones import read_zones

HECTARES = [f"{name}_ha" for name in S2GLC.label_names]


def territories(codes: list[str], seed: int = 0) -> pd.DataFrame:
    """A table as `territories` writes it, with numbers of chance."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(len(HECTARES)), len(codes))
    area = rng.uniform(300, 9000, len(codes))
    mapped = area * rng.uniform(0.5, 1, len(codes))
    table = pd.DataFrame({"code": codes, "name": [f"name of {c}" for c in codes], "pixels": area * 100})
    table = table.assign(area_ha=area, mapped_ha=mapped, no_data_share=1 - mapped / area)
    for name, share in zip(S2GLC.label_names, shares.T, strict=True):
        table[f"{name}_ha"], table[f"{name}_share"] = share * mapped, share
    return table


def write(path: Path, table: pd.DataFrame, **vintages: Any) -> Path:
    write_table(path, table, facts("territories", {}, {}, vintages=vintages))
    return path


@pytest.fixture(scope="module")
def ain(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of the 407 communes of 2018, with their polygons."""
    zones = read_zones(data / "france" / "communes-01-ain.geojson")
    table = territories(list(zones["code"])).assign(name=zones["name"])
    path = tmp_path_factory.mktemp("ain") / "t2018.gpkg"
    return write(path, geopandas.GeoDataFrame(table, geometry=zones.geometry, crs=zones.crs), imagery="2018")


@pytest.fixture
def movements(data: Path) -> Path:
    return data / "france" / "mouvements-communes.csv"


def test_ain_of_2018_in_2024(ain: Path, movements: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    out = tmp_path / "t2024.gpkg"
    done = run("crosswalk", ain, "--movements", movements, "--from", 2018, "--to", 2024, "--out", out)
    assert done.code == 0, done
    assert done.out == f"wrote {out} (392 territories)\n"
    before, after = geopandas.read_file(ain), geopandas.read_file(out)
    assert len(before) == 407
    assert len(after) == 392
    sums = additive(before.columns)
    assert len(sums) == 3 + len(HECTARES)
    np.testing.assert_allclose(after[sums].sum(), before[sums].sum(), rtol=1e-12)
    shares = [c for c in after if c.endswith("_share") and c != "no_data_share"]
    np.testing.assert_allclose(after[shares].sum(axis=1), 1)
    np.testing.assert_allclose(after["no_data_share"], 1 - after["mapped_ha"] / after["area_ha"])
    valserhone = after.set_index("code").loc["01033"]
    assert valserhone["name"] == "Valserhône"
    parts = before[before["code"].isin(["01033", "01091", "01205"])]
    assert valserhone["water_ha"] == pytest.approx(parts["water_ha"].sum())
    assert valserhone.geometry.symmetric_difference(parts.geometry.union_all()).is_empty
    assert stamp(out) == {"imagery": "2018", "territories": "2024"}
    record = json.loads(out.with_name("t2024.gpkg.json").read_text())
    assert record["inputs"]["movements"]["file"] == movements.name
    assert record["options"] == {"from": "2018", "to": "2024", "legend": None}


def test_the_table_is_the_one_of_the_joined_polygons(data: Path, movements: Path, tmp_path: Path) -> None:
    """A map counted over the communes of 2024 gives what its table of 2018 gives, re-expressed."""
    pytest.importorskip(
        "landcover.statistics.territories.territories", reason="the command territories is not here"
    )
    rng = np.random.default_rng(0)
    codes = rng.choice(np.arange(10, dtype=np.uint8), (930, 1500))
    codes[:, :200] = 0
    place = Place(rasterio.CRS.from_epsg(4326), from_origin(4.7, 46.53, 0.001, 0.001))
    write_map(tmp_path / "map.tif", codes, S2GLC, place)
    zones = data / "france" / "communes-01-ain.geojson"
    landcover.territories(tmp_path / "map.tif", zones, tmp_path / "t2018.gpkg", vintage="2018")
    new = tmp_path / "t2024.gpkg"
    landcover.crosswalk(tmp_path / "t2018.gpkg", new, movements=movements, to="2024")
    landcover.territories(tmp_path / "map.tif", new, tmp_path / "direct.csv", vintage="2024")
    crossed, direct = read_table(new, ["code"]), read_table(tmp_path / "direct.csv", ["code"])
    assert len(crossed) == 392
    pd.testing.assert_frame_equal(crossed[direct.columns], direct, rtol=1e-6, atol=1e-6)


def test_there_and_back_is_the_identity_where_no_merge_happened(
    ain: Path, movements: Path, tmp_path: Path
) -> None:
    there, back = tmp_path / "t2024.csv", tmp_path / "t2018.csv"
    landcover.crosswalk(ain, there, movements=movements, begin="2018", to="2024")
    with pytest.raises(LandcoverError, match=r"doesn't tell in which shares 0.* --areas") as told:
        landcover.crosswalk(there, back, movements=movements, begin="2024", to="2018")
    assert "\n" not in str(told.value)
    landcover.crosswalk(there, back, movements=movements, begin="2024", to="2018", areas=ain)
    first = read_table(ain, ["code"]).set_index("code").drop(columns="geometry", errors="ignore")
    second = read_table(back, ["code"]).set_index("code").loc[first.index]
    between = read_table(there, ["code"]).set_index("code")
    sums = additive(first.columns)
    np.testing.assert_allclose(second[sums].sum(), first[sums].sum(), rtol=1e-9)
    untouched = [
        c
        for c in first.index
        if c in between.index and between.loc[c, "area_ha"] == pytest.approx(first.loc[c, "area_ha"])
    ]
    assert len(untouched) == 407 - 15 - 8  # 15 merged into 8 others
    pd.testing.assert_frame_equal(second.loc[untouched], first.loc[untouched], rtol=1e-9)
    merged = first.index.difference(untouched)
    np.testing.assert_allclose(second.loc[merged, "area_ha"], first.loc[merged, "area_ha"], rtol=1e-9)


@given(data=st.data())
@settings(max_examples=25)
def test_nothing_is_lost_whatever_the_crosswalk(data: st.DataObject) -> None:
    old = [f"o{i}" for i in range(data.draw(st.integers(1, 8)))]
    rows = []
    for code in old:
        weights = data.draw(st.lists(st.floats(0.05, 1), min_size=1, max_size=4))
        targets = data.draw(st.permutations([f"n{i}" for i in range(4)]))
        rows += [(code, to, w / sum(weights)) for to, w in zip(targets, weights, strict=False)]
    table = territories(old)
    after, _ = transfer(table, pd.DataFrame(rows, columns=["code_from", "code_to", "share"]), Path("t.csv"))
    sums = additive(table.columns)
    np.testing.assert_allclose(after[sums].sum(), table[sums].sum(), rtol=1e-9)
    shares = [f"{name}_share" for name in S2GLC.label_names]
    np.testing.assert_allclose(after[shares].sum(axis=1), 1, rtol=1e-9)
    assert sorted(after["code"]) == sorted({to for _, to, _ in rows})


def test_intervals_stay_where_a_territory_is_taken_over_whole(tmp_path: Path) -> None:
    table = territories(["a", "b", "c"]).assign(
        low_water_ha=[1.0, 2.0, 3.0], water_high_ha=9.0, flag="publish"
    )
    source = write(tmp_path / "t.csv", table)
    (tmp_path / "x.csv").write_text("code_from,code_to,share\na,A,1\nb,B,1\nc,B,1\n")
    done = landcover.crosswalk(source, tmp_path / "out.csv", crosswalk=tmp_path / "x.csv")
    assert done.table is not None
    after = done.table.set_index("code")
    assert list(after["low_water_ha"].fillna(-1)) == [1, -1]
    assert list(after["water_high_ha"].fillna(-1)) == [9, -1]
    assert list(after["flag"].fillna("")) == ["publish", ""]
    assert done.notes == ("empty where territories were merged or split: low_water_ha, water_high_ha, flag",)


def test_what_is_not_known_of_a_part_is_not_known_of_the_whole(tmp_path: Path) -> None:
    table = territories(["a", "b", "c"])
    table.loc[1, ["water_ha", "water_share"]] = np.nan
    pairs = pd.DataFrame({"code_from": ["a", "b", "c"], "code_to": ["A", "A", "C"], "share": 1.0})
    after = transfer(table, pairs, tmp_path)[0].set_index("code")
    assert np.isnan(after.loc["A", "water_ha"])
    assert np.isnan(after.loc["A", "water_share"])
    assert after.loc["C", "water_ha"] > 0


def test_a_territory_off_the_map_adds_nothing(tmp_path: Path) -> None:
    table = territories(["a", "b", "c", "d"])
    off = table["code"].isin(["b", "c", "d"])
    classes = [c for n in S2GLC.label_names for c in (f"{n}_ha", f"{n}_share")]
    table.loc[off, ["pixels", "mapped_ha", *classes]] = [0, 0, *[np.nan] * len(classes)]
    table.loc[off, "no_data_share"] = 1.0
    pairs = pd.DataFrame({"code_from": list("abcd"), "code_to": list("AACC"), "share": 1.0})
    after = transfer(table, pairs, tmp_path)[0].set_index("code")
    whole = table.set_index("code").loc["a"]
    assert (after.loc["A", HECTARES] == whole[HECTARES]).all()
    assert after.loc["A", "water_share"] == pytest.approx(whole["water_share"])
    assert after.loc["A", "no_data_share"] == pytest.approx(
        1 - whole["mapped_ha"] / table["area_ha"][:2].sum()
    )
    assert after.loc["C", classes].isna().all()
    assert after.loc["C", "no_data_share"] == 1


def test_a_part_that_the_table_lacks_is_told(ain: Path, movements: Path, tmp_path: Path) -> None:
    table = read_table(ain, ["code"])
    source = write(tmp_path / "t.csv", table[table["code"] != "01091"])
    done = landcover.crosswalk(source, tmp_path / "o.csv", movements=movements, begin="2018", to="2024")
    assert done.notes == ("01033 is incomplete: the table lacks 01091",)


def test_a_part_of_a_crosswalk_that_the_table_lacks_is_told(tmp_path: Path) -> None:
    source = write(tmp_path / "t.csv", territories(["a", "d"]))
    (tmp_path / "x.csv").write_text("code_from,code_to,share\na,A,1\nb,A,1\nc,C,1\nd,D,0.5\nd,E,0.5\n")
    done = landcover.crosswalk(source, tmp_path / "o.csv", crosswalk=tmp_path / "x.csv")
    assert "A is incomplete: the table lacks b" in done.notes
    assert sum("incomplete" in note for note in done.notes) == 1


CROSSWALKS = {
    "code_from,code_to,share\na,A,0.5\na,B,0.4\n": "has shares of a that sum to 0.9",
    "code_from,code_to,share\na,A,0.5\na,A,0.5\n": "holds a to A twice",
    "code_from,code_to,share\na,A,1.5\na,B,-0.5\n": "has no share from 0 to 1 for a",
    "code_from,code_to,share\nb,A,1\n": "lacks a",
    "code_from,share\nb,1\n": "has no column code_to",
}


@pytest.mark.parametrize("content", CROSSWALKS)
def test_a_wrong_crosswalk_is_one_line(content: str, tmp_path: Path, run: Callable[..., Run]) -> None:
    source = write(tmp_path / "t.csv", territories(["a"]))
    (tmp_path / "x.csv").write_text(content)
    done = run("crosswalk", source, "--crosswalk", tmp_path / "x.csv", "--out", tmp_path / "o.csv")
    assert is_one_line(done, CROSSWALKS[content])
    assert not (tmp_path / "o.csv").exists()


def test_the_vintage_of_a_table_is_known_from_its_record(
    movements: Path, tmp_path: Path, run: Callable[..., Run]
) -> None:
    source = write(tmp_path / "t.csv", territories(["01033", "01091", "01205"]), territories="2018")
    call = ("crosswalk", source, "--movements", movements, "--to", 2024, "--out", tmp_path / "o.csv")
    assert is_one_line(run(*call, "--from", 2019), "has territories of 2018 by its record")
    assert run(*call).code == 0
    assert list(read_table(tmp_path / "o.csv", ["code"])["code"]) == ["01033"]
    assert stamp(tmp_path / "o.csv") == {"territories": "2024"}
    (tmp_path / "x.csv").write_text("code_from,code_to,share\n01033,A,1\n01091,A,1\n01205,B,1\n")
    landcover.crosswalk(source, tmp_path / "n.csv", crosswalk=tmp_path / "x.csv")
    assert stamp(tmp_path / "n.csv") == {}


def test_other_mistakes_are_one_line(movements: Path, tmp_path: Path, run: Callable[..., Run]) -> None:
    out = tmp_path / "o.csv"
    source = write(tmp_path / "t.csv", territories(["01004", "01039", "01059", "01091"]))
    table = ("crosswalk", source, "--out", out)
    assert is_one_line(run(*table), "has nothing to go by")
    assert is_one_line(run(*table, "--areas", source, "--to", "corine1"), "is of no use here")
    both = run(*table, "--movements", movements, "--crosswalk", source)
    assert is_one_line(both, "is given beside movements")
    assert is_one_line(run(*table, "--movements", movements, "--to", 2024), "needs two vintages")
    wrong = run(*table, "--movements", movements, "--from", 2024, "--to", 2018)
    assert is_one_line(
        wrong, "knows no commune 01039, 01059, 01091", "Give the vintage of the table with --from"
    )
    split = write(tmp_path / "s.csv", territories(["14712"]))
    told = run("crosswalk", split, "--movements", movements, "--from", 2018, "--to", 2024, "--out", out)
    assert is_one_line(told, "doesn't tell in which shares 14712 became 14666, 14712", "--crosswalk")
    few = write(tmp_path / "f.csv", territories(["14712"]))
    told = run(
        "crosswalk",
        split,
        "--movements",
        movements,
        "--from",
        2018,
        "--to",
        2024,
        "--areas",
        few,
        "--out",
        out,
    )
    assert is_one_line(told, "has no area of 14666")
    twice = write(tmp_path / "w.csv", territories(["01004", "01004"]))
    told = run("crosswalk", twice, "--movements", movements, "--from", 2018, "--to", 2024, "--out", out)
    assert is_one_line(told, "holds 01004 twice")
    odd = write(tmp_path / "odd.csv", territories(["01004"]).assign(water_share=0.5))
    told = run("crosswalk", odd, "--movements", movements, "--from", 2018, "--to", 2024, "--out", out)
    assert is_one_line(told, "has shares that are not its hectares")
    assert not out.exists()
