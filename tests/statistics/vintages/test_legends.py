"""Maps and tables in another legend: the shipped crosswalks, and those of a user."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from conftest import Run, is_one_line, read_tiff
from rasterio.transform import from_origin

import landcover
from landcover.imagery.image import Place
from landcover.imagery.maps import legend_of
from landcover.imagery.write import write_map
from landcover.legend import CORINE1, LEGENDS, S2GLC, WORLDCOVER, Legend
from landcover.statistics.tables import facts, stamp, write_table
from landcover.statistics.vintages.legends import SHIPPED, legend_crosswalk, reclass_table

COUPLES = sorted(tuple(p.stem.split("_")) for p in SHIPPED.glob("*.csv"))
PLACE = Place(rasterio.CRS.from_epsg(32631), from_origin(600_000, 5_000_000, 10, 10))


def table_of(legend: Legend, rows: int = 5) -> pd.DataFrame:
    """A table of territories in a legend, with numbers of chance."""
    hectares = np.random.default_rng(0).uniform(0, 900, (rows, len(legend.labels)))
    table = pd.DataFrame({"code": [f"0100{i}" for i in range(rows)], "name": "", "pixels": 1.0})
    table["area_ha"] = table["mapped_ha"] = hectares.sum(axis=1)
    table["no_data_share"] = 0.0
    columns = {f"{n}_ha": h for n, h in zip(legend.label_names, hectares.T, strict=True)}
    table = table.assign(**columns)
    shares = {f"{n}_share": table[f"{n}_ha"] / table["mapped_ha"] for n in legend.label_names}
    return table.assign(**shares)


def write(path: Path, table: pd.DataFrame) -> Path:
    write_table(path, table, facts("territories", {}, {}, vintages={"territories": "2018"}))
    return path


def test_every_couple_of_legends_is_shipped_but_one() -> None:
    couples = {(a, b) for a in LEGENDS for b in LEGENDS if a != b}
    assert couples - set(COUPLES) == {("corine1", "corine2")}


@pytest.mark.parametrize(("old", "new"), COUPLES)
def test_shipped_crosswalks_lose_nothing(old: str, new: str) -> None:
    pairs = legend_crosswalk(LEGENDS[old], LEGENDS[new])
    assert list(pairs["class_from"].unique()) == list(LEGENDS[old].names)
    np.testing.assert_allclose(pairs.groupby("class_from")["share"].sum(), 1, rtol=1e-12)
    label = {c.name: c.is_label for legend in (LEGENDS[old], LEGENDS[new]) for c in legend.classes}
    assert all(label[a] == label[b] for a, b in zip(pairs["class_from"], pairs["class_to"], strict=True))
    best = pairs.groupby("class_from")["share"].transform("max")
    assert (pairs["share"] == best)[pairs["dominant"]].all()
    before = table_of(LEGENDS[old])
    after, name, _ = reclass_table(before, Path("t.csv"), new)
    assert name == LEGENDS[new].name
    hectares = [f"{n}_ha" for n in LEGENDS[new].label_names]
    np.testing.assert_allclose(after[hectares].sum(axis=1), before["mapped_ha"], rtol=1e-9)
    shares = [f"{n}_share" for n in LEGENDS[new].label_names]
    np.testing.assert_allclose(after[shares].sum(axis=1), 1, rtol=1e-9)
    kept = ["code", "name", "pixels", "area_ha", "mapped_ha", "no_data_share"]
    assert list(after.columns) == [
        *kept,
        *(c for couple in zip(hectares, shares, strict=True) for c in couple),
    ]


@pytest.mark.parametrize("old", ["s2glc", "worldcover"])
def test_level_1_is_level_2_put_together(old: str) -> None:
    table = table_of(LEGENDS[old])
    direct = reclass_table(table, Path("t.csv"), "corine1")[0]
    level2 = reclass_table(table, Path("t.csv"), "corine2")[0]
    pd.testing.assert_frame_equal(direct, reclass_table(level2, Path("t.csv"), "corine1")[0])


def test_a_map_and_its_table_agree(tmp_path: Path, run: Callable[..., Run]) -> None:
    """S2GLC to WorldCover gives each class to one: pixels counted before are pixels counted after."""
    codes = np.random.default_rng(1).integers(0, 10, (700, 530)).astype(np.uint8)
    write_map(tmp_path / "map.tif", codes, S2GLC, PLACE)
    out = tmp_path / "worldcover.tif"
    assert run("crosswalk", tmp_path / "map.tif", "--to", "worldcover", "--out", out).out == f"wrote {out}\n"
    after = read_tiff(out)[0]
    table = table_of(S2GLC, 1)
    counts = {f"{c.name}_ha": [float((codes == c.code).sum())] for c in S2GLC.labels}
    mapped = sum(v[0] for v in counts.values())
    table = table.assign(**counts, mapped_ha=mapped, area_ha=float(codes.size))
    table = table.assign(**{f"{n}_share": table[f"{n}_ha"] / mapped for n in S2GLC.label_names})
    done = landcover.crosswalk(write(tmp_path / "t.csv", table), tmp_path / "t2.csv", to="worldcover")
    assert done.table is not None
    assert done.notes == ()
    for c in WORLDCOVER.labels:
        assert done.table.loc[0, f"{c.name}_ha"] == (after == c.code).sum()
    assert ((after == 0) == (codes < 2)).all()
    with rasterio.open(tmp_path / "map.tif") as before, rasterio.open(out) as source:
        assert (source.crs, source.transform) == (before.crs, before.transform)
        assert source.colormap(1)[10][:3] == (0, 0x64, 0)
        assert source.overviews(1)
    assert legend_of(out) == WORLDCOVER
    assert stamp(out)["legend"] == WORLDCOVER.name
    assert stamp(tmp_path / "t2.csv") == {"territories": "2018", "legend": WORLDCOVER.name}


def test_a_pixel_of_a_class_that_is_split_takes_the_dominant_one(tmp_path: Path) -> None:
    codes = np.array([[3, 6, 0], [4, 9, 2]], np.uint8)
    write_map(tmp_path / "map.tif", codes, S2GLC, PLACE)
    landcover.crosswalk(tmp_path / "map.tif", tmp_path / "c1.tif", to="corine1")
    assert legend_of(tmp_path / "c1.tif") == CORINE1
    assert read_tiff(tmp_path / "c1.tif")[0].tolist() == [[2, 2, 0], [3, 5, 1]]


def test_a_table_says_what_was_split(tmp_path: Path) -> None:
    source = write(tmp_path / "t.csv", table_of(WORLDCOVER).assign(low_water_ha=1.0, tree_cover_cv=0.1))
    done = landcover.crosswalk(source, tmp_path / "o.parquet", to="s2glc")
    assert done.notes == ("split by shares that are the same everywhere: tree_cover",)
    assert done.table is not None
    assert not {"low_water_ha", "tree_cover_cv"} & set(done.table)
    record = json.loads((tmp_path / "o.parquet.json").read_text())
    assert record["notes"] == list(done.notes)


CROSSWALKS = {
    "forest,tree_cover,1\nlake,water,0.5\n": "has shares of lake that sum to 0.5",
    "forest,tree_cover,1\nforest,tree_cover,1\nlake,water,1\n": "holds forest to tree_cover twice",
    "forest,tree_cover,1\n": "lacks lake",
    "forest,trees,1\nlake,water,1\n": "names trees in class_to",
    "forest,tree_cover,1\nlake,water,1\nsea,water,1\n": "names sea in class_from",
    "forest,tree_cover,0.6\nforest,shrubland,0.4\nlake,water,1\n": "gives forest to tree_cover, shrubland",
}


@pytest.mark.parametrize("rows", CROSSWALKS)
def test_a_wrong_crosswalk_is_one_line(rows: str, tmp_path: Path, run: Callable[..., Run]) -> None:
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[[classes]]\ncode = 1\nname = "forest"\ncolour = "#00ff00"\n'
        '[[classes]]\ncode = 2\nname = "lake"\ncolour = "#0000ff"\n'
    )
    (tmp_path / "x.csv").write_text(f"class_from,class_to,share\n{rows}")
    write_map(tmp_path / "map.tif", np.ones((4, 4), np.uint8), Legend.from_toml(tmp_path / "own.toml"), PLACE)
    call = ("crosswalk", tmp_path / "map.tif", "--to", "worldcover", "--out", tmp_path / "o.tif")
    assert is_one_line(run(*call, "--crosswalk", tmp_path / "x.csv"), CROSSWALKS[rows])
    assert not (tmp_path / "o.tif").exists()
    assert not (tmp_path / "o.tif.json").exists()


@pytest.mark.parametrize(
    ("table", "old", "new"), [("labels", "lake", "no_data"), ("all", "unknown", "water")]
)
def test_no_class_of_a_table_becomes_or_leaves_no_data(
    table: str, old: str, new: str, tmp_path: Path, run: Callable[..., Run]
) -> None:
    """Its hectares would leave those that shares are of, or enter them."""
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[[classes]]\ncode = 0\nname = "unknown"\ncolour = "#000000"\nis_label = false\n'
        '[[classes]]\ncode = 1\nname = "forest"\ncolour = "#00ff00"\n'
        '[[classes]]\ncode = 2\nname = "lake"\ncolour = "#0000ff"\n'
    )
    becomes = {"unknown": "no_data", "forest": "tree_cover", "lake": "water"} | {old: new}
    rows = "".join(f"{a},{b},1\n" for a, b in becomes.items())
    (tmp_path / "x.csv").write_text(f"class_from,class_to,share\n{rows}")
    own = table_of(Legend.from_toml(tmp_path / "own.toml"))
    source = write(tmp_path / "t.csv", own.assign(unknown_ha=1.0) if table == "all" else own)
    told = run(
        "crosswalk", source, "--to", "worldcover", "--legend", tmp_path / "own.toml",
        "--crosswalk", tmp_path / "x.csv", "--out", tmp_path / "o.csv",
    )  # fmt: skip
    assert is_one_line(told, f"gives {old} to {new}")
    assert not (tmp_path / "o.csv").exists()


def test_other_mistakes_are_one_line(tmp_path: Path, run: Callable[..., Run]) -> None:
    write_map(tmp_path / "map.tif", np.full((4, 4), 10, np.uint8), WORLDCOVER, PLACE)
    call = ("crosswalk", tmp_path / "map.tif", "--out", tmp_path / "o.tif")
    assert is_one_line(run(*call, "--to", "nlcd"), "nlcd: is no legend", "worldcover")
    assert is_one_line(run(*call, "--to", "s2glc"), "gives tree_cover to broadleaf, coniferous")
    assert is_one_line(run(*call), "has nothing to go by")
    to_table = run("crosswalk", tmp_path / "map.tif", "--to", "corine1", "--out", tmp_path / "o.csv")
    assert is_one_line(to_table, "is no map")
    (tmp_path / "o.tif").write_bytes(b"kept")
    assert is_one_line(run(*call, "--to", "corine1"), "is there already", "--overwrite")
    assert (tmp_path / "o.tif").read_bytes() == b"kept"
    source = write(tmp_path / "t.csv", table_of(CORINE1))
    told = run("crosswalk", source, "--to", "corine2", "--out", tmp_path / "t2.csv")
    assert is_one_line(told, "has no crosswalk here", "corine2 to corine1")
    strange = write(tmp_path / "s.csv", table_of(CORINE1).drop(columns="water_ha"))
    told = run("crosswalk", strange, "--to", "s2glc", "--out", tmp_path / "t2.csv")
    assert is_one_line(told, "has the hectares of no legend known here")
    told = run("crosswalk", strange, "--to", "s2glc", "--legend", "corine1", "--out", tmp_path / "t2.csv")
    assert is_one_line(told, "has no hectares of water")


def test_shipped_colours_are_the_official_ones() -> None:
    """ESA WorldCover, Product User Manual v2.0; CORINE's file clc_legend.csv (the first class of level 3)."""
    trees = next(c for c in WORLDCOVER.classes if c.code == 10)
    assert trees.rgb == (0, 100, 0)
    assert [c.code for c in WORLDCOVER.labels] == [*range(10, 100, 10), 95, 100]
    assert [c.rgb for c in CORINE1.labels] == [
        (230, 0, 77), (255, 255, 168), (128, 255, 0), (166, 166, 255), (0, 204, 242),
    ]  # fmt: skip
    level2 = LEGENDS["corine2"]
    assert [c.code // 10 for c in level2.labels] == [1] * 4 + [2] * 4 + [3] * 3 + [4] * 2 + [5] * 2
    assert not any(legend.classes[0].is_label for legend in LEGENDS.values())


def test_shipped_shares_follow_from_published_figures() -> None:
    """Figures and sources as in docs/statistics.md."""

    def share(old: str, new: str, before: str, after: str) -> float:
        pairs = legend_crosswalk(LEGENDS[old], LEGENDS[new]).set_index(["class_from", "class_to"])
        return float(pairs.loc[(before, after), "share"])

    coniferous, broadleaved = 46, 37
    mixed = 100 - coniferous - broadleaved
    trees = share("worldcover", "s2glc", "tree_cover", "coniferous")
    assert trees == pytest.approx((coniferous + mixed / 2) / 100)
    assert share("corine2", "s2glc", "forests", "coniferous") == trees
    arable, permanent, grass = 62.3, 7.1, 30.5
    cultivated = (arable + permanent) / (arable + permanent + grass)
    for old in ("corine1", "corine2"):
        before = {"corine1": "agricultural", "corine2": "heterogeneous_agriculture"}[old]
        assert share(old, "s2glc", before, "cultivated") == pytest.approx(cultivated, abs=5e-4)
        assert share(old, "worldcover", before, "cropland") == pytest.approx(cultivated, abs=5e-4)
    crops = share("s2glc", "corine2", "cultivated", "arable")
    assert crops == pytest.approx(arable / (arable + permanent), abs=5e-4)
    grassland = 17.4 * 4.1  # per cent of million km² is million ha
    pastures = grass / 100 * 157 / grassland
    for old, before in (("s2glc", "herbaceous"), ("worldcover", "grassland")):
        assert share(old, "corine2", before, "pastures") == pytest.approx(pastures, abs=5e-3)
    shrubs = 5.7 * 4.1
    found = share("corine2", "worldcover", "scrub_herbaceous", "shrubland")
    assert found == pytest.approx(shrubs / (shrubs + (1 - pastures) * grassland), abs=5e-3)
    wood, shrub, bare = np.array([37.8, 7.1, 3.3]) / (37.8 + 7.1 + 3.3)
    for name, value in (("tree_cover", wood), ("shrubland", shrub), ("bare_sparse", bare)):
        found = share("corine1", "worldcover", "forest_seminatural", name)
        assert found == pytest.approx(value, abs=1e-3)
    conifers = share("corine1", "s2glc", "forest_seminatural", "coniferous")
    assert conifers == pytest.approx(wood * trees, abs=1e-3)
