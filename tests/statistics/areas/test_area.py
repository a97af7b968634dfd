"""`landcover area`: from files to a table, and every fault that a file may have."""

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
from conftest import Run, is_one_line, write_tiff
from rasterio import Affine
from shapely import box

import landcover
from landcover.errors import LandcoverError
from landcover.legend import S2GLC

COUNTS = "map,forest,gain,loss,rest\nloss,5,0,66,4\ngain,8,55,0,12\nforest,153,0,1,11\nrest,9,1,2,313\n"
AREAS = "class,area_ha\nforest,288000\nrest,580500\ngain,13500\nloss,18000\n"
UTM = dict(crs="EPSG:32631", transform=Affine(10, 0, 500_000, 0, -10, 5_000_000))
NAMES = dict(zip(S2GLC.codes, S2GLC.names, strict=True))
World = tuple[Path, Path, Any]


def tables(folder: Path, counts: str = COUNTS, areas: str = AREAS) -> tuple[Path, Path]:
    (folder / "counts.csv").write_text(counts)
    (folder / "areas.csv").write_text(areas)
    return folder / "counts.csv", folder / "areas.csv"


def draw(
    folder: Path, mapped: np.ndarray, truth: np.ndarray, n: int = 30, seed: int = 0, **profile: Any
) -> World:
    """A map, and a labelled sample of n points in each of its classes; also as a table to be changed."""
    path, rng, parts = folder / "map.tif", np.random.default_rng(seed), []
    write_tiff(path, mapped, **{**UTM, **profile})
    with rasterio.open(path) as source:
        for code in np.unique(mapped[mapped > 1]):
            rows, columns = np.nonzero(mapped == code)
            chosen = rng.choice(len(rows), min(n, len(rows)), replace=False)
            x, y = source.transform @ (columns[chosen] + 0.5, rows[chosen] + 0.5)
            table = pd.DataFrame({"stratum": NAMES[code], "map_class": NAMES[code]}, index=range(len(chosen)))
            table["inclusion"], table["stratum_px"] = len(chosen) / len(rows), len(rows)
            table["stratum_ha"] = len(rows) * 0.01
            table["label"] = [NAMES[c] for c in truth[rows[chosen], columns[chosen]]]
            parts.append(
                geopandas.GeoDataFrame(table, geometry=geopandas.points_from_xy(x, y), crs=source.crs)
            )
    points = pd.concat(parts, ignore_index=True)
    points.insert(0, "id", [f"p{i}" for i in range(len(points))])
    return path, save(folder, points), points


def save(folder: Path, points: Any) -> Path:
    points.to_file(folder / "points.gpkg")
    return folder / "points.gpkg"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """60 × 80 px of four classes, of which the map gets a fifth wrong."""
    rng = np.random.default_rng(1)
    truth = rng.choice(np.array([2, 3, 4, 9], np.uint8), (12, 16), p=[0.1, 0.4, 0.4, 0.1])
    truth = truth.repeat(5, axis=0).repeat(5, axis=1)
    noise = rng.choice(np.array([2, 3, 4, 9], np.uint8), truth.shape)
    return draw(tmp_path, np.where(rng.random(truth.shape) < 0.2, noise, truth), truth)


def test_olofsson_2014_from_tables(tmp_path: Path, run: Callable[..., Run]) -> None:
    counts, areas = tables(tmp_path)
    done = run("area", "--counts", counts, "--areas", areas, "--out", tmp_path / "out.csv")
    assert "21,158" in done.out
    assert "overall accuracy 0.947" in done.out
    table = pd.read_csv(tmp_path / "out.csv").set_index("class").loc[["loss", "gain", "forest", "rest"]]
    assert table["area_ha"].round().tolist() == [21_158, 11_686, 285_770, 581_386]
    assert (1.96 * table["se_ha"]).round().tolist() == [6_158, 3_756, 15_510, 16_282]
    np.testing.assert_allclose(table["high_ha"] - table["area_ha"], 1.96 * table["se_ha"])
    assert table["users_accuracy"].round(2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert (1.96 * table["se_users_accuracy"]).round(2).tolist() == [0.07, 0.10, 0.04, 0.02]
    assert table["producers_accuracy"].round(2).tolist() == [0.75, 0.85, 0.93, 0.96]
    record = json.loads((tmp_path / "out.csv.json").read_text())
    assert round(record["overall_accuracy"]["value"], 2) == 0.95
    assert round(1.96 * record["overall_accuracy"]["se"], 2) == 0.02


def test_a_rare_class_that_may_be_omitted_in_a_large_stratum_is_suppressed(tmp_path: Path) -> None:
    counts, areas = tables(
        tmp_path, "map,rare,rest\nrare,57,3\nrest,0,300\n", "class,area_ha\nrare,60\nrest,99940\n"
    )
    table = landcover.area(None, None, tmp_path / "out.csv", counts, areas).table.set_index("class")
    rare, rest = table.loc["rare"], table.loc["rest"]
    assert rare["area_ha"] == pytest.approx(57.0)
    assert rare["se_ha"] / rare["area_ha"] < 0.03  # by which it would be published
    assert (rare["flag"], rare["flag_producers_accuracy"]) == ("suppress", "suppress")
    assert (rare["flag_users_accuracy"], rest["flag"]) == ("publish", "publish")


def test_a_class_that_the_map_never_shows_has_a_column_alone(tmp_path: Path) -> None:
    counts, areas = tables(tmp_path, "map,a,b,c\na,8,1,1\nb,0,9,1\n", "class,area_ha\na,100\nb,900\n")
    table = landcover.area(None, None, tmp_path / "out.csv", counts, areas).table.set_index("class")
    assert table.loc["c", "area_ha"] == pytest.approx(100.0)
    assert np.isnan(table.loc["c", "users_accuracy"])
    assert table.loc["c", "flag_users_accuracy"] == "suppress"
    assert table.loc["c", "producers_accuracy"] == 0


@pytest.mark.parametrize(
    ("counts", "areas", "finding"),
    [
        (COUNTS, AREAS.replace("gain,13500\n", ""), "has no area of gain"),
        (COUNTS, AREAS + "water,5\n", "has water, of which there are no counts"),
        (COUNTS, AREAS + "gain,5\n", "has a class twice"),
        (COUNTS, AREAS.replace("13500", "-1"), "holds an area that is not above 0"),
        (COUNTS, AREAS.replace("area_ha", "ha"), "has no column area_ha"),
        (COUNTS.replace("55", "5.5"), AREAS, "holds what is no count"),
        (COUNTS.replace("55", "many"), AREAS, "holds what is no count"),
        (
            COUNTS.replace("8,55,0,12", "0,1,0,0"),
            AREAS,
            "has too few points of the map's classes (1 of gain)",
        ),
        (COUNTS.replace("rest,9", "gain,9"), AREAS, "has two rows of one class"),
        ("map\na\n", AREAS, "holds no counts"),
    ],
)
def test_faults_of_tables_are_one_line(
    tmp_path: Path, run: Callable[..., Run], counts: str, areas: str, finding: str
) -> None:
    first, second = tables(tmp_path, counts, areas)
    done = run("area", "--counts", first, "--areas", second, "--out", tmp_path / "out.csv")
    assert is_one_line(done, finding)
    assert not (tmp_path / "out.csv").exists()


def test_what_is_given_must_fit_together(tmp_path: Path, run: Callable[..., Run]) -> None:
    counts, areas = tables(tmp_path)
    out = "--out", tmp_path / "out.csv"
    assert is_one_line(run("area", *out), "was given nothing")
    assert is_one_line(run("area", "--counts", counts, *out), "was given counts")
    assert is_one_line(run("area", "--counts", counts, "--areas", areas, "--zones", areas, *out), "zones")
    assert is_one_line(run("area", counts, areas, "--counts", counts, "--areas", areas, *out), "map")
    both = "--counts", counts, "--areas", areas
    none = "--counts", tmp_path / "none.csv", "--areas", areas
    assert is_one_line(run("area", *none, "--out", tmp_path / "out.gpkg"), "out.gpkg: would have no geometry")
    assert is_one_line(run("area", *both, *out, "--interval", "exact"), "is 'exact'")
    limits = "--caution", "0.4"
    assert is_one_line(run("area", "--counts", counts, "--areas", areas, *out, *limits), "0.4 and 0.333")


def test_stehman_2014_from_a_map_and_points(tmp_path: Path) -> None:
    """Strata unlike the map's classes; classes A to D stand for codes 2 to 5, hectares for 100 pixels."""
    pairs = (
        "AA AA AA AA AA AC AB BA BB BC",
        "AA BB BB BB BB BB BA BA BB BB",
        "BC BC CC CC CC CD CD CB BB BA",
        "DD DD DD DD DD DD DD DC DC DB",
    )
    found = [(f"s{h}", *pair) for h, row in enumerate(pairs) for pair in row.split()]
    code = {letter: c for letter, c in zip("ABCD", (2, 3, 4, 5), strict=True)}
    mapped = np.array([code[m] for _, m, _ in found], np.uint8)[None]
    path = write_tiff(
        tmp_path / "map.tif", mapped, crs="EPSG:3035", transform=Affine(10, 0, 4e6, 0, -10, 3e6)
    )
    x = 4e6 + 10 * np.arange(40) + 5
    points = geopandas.GeoDataFrame(
        {
            "stratum": [s for s, _, _ in found],
            "label": [NAMES[code[r]] for _, _, r in found],
            "stratum_px": np.repeat([40_000, 30_000, 20_000, 10_000], 10),
        },
        geometry=geopandas.points_from_xy(x, np.full(40, 3e6 - 5)),
        crs=3035,
    )
    points["inclusion"], points["stratum_ha"] = 10 / points["stratum_px"], points["stratum_px"] / 100
    result = landcover.area(path, save(tmp_path, points), tmp_path / "out.csv", legend="s2glc")
    table = result.table.set_index("class")
    assert (table.loc[["artificial", "broadleaf"], "area_ha"] / 1000).round(2).tolist() == [0.35, 0.20]
    assert (table.loc[["artificial", "broadleaf"], "se_ha"] / 1000).round(3).tolist() == [0.082, 0.064]
    of_b = table.loc["cultivated"]
    assert (round(of_b["users_accuracy"], 3), round(of_b["se_users_accuracy"], 3)) == (0.574, 0.125)
    assert (round(of_b["producers_accuracy"], 3), round(of_b["se_producers_accuracy"], 3)) == (0.794, 0.117)
    assert (round(result.overall["value"], 2), round(result.overall["se"], 3)) == (0.63, 0.085)
    assert any("of the strata" in note for note in result.notes)  # the map is forty pixels


def test_a_perfect_map_on_a_geographic_grid(data: Path, tmp_path: Path) -> None:
    """Areas are those of true pixels, and the error is 0; the interval is not."""
    source = data / "challenge48" / "ain_west_mask.tif"
    with rasterio.open(source) as mask:
        pixels, profile = mask.read(1), dict(crs=mask.crs, transform=mask.transform)
    path, labelled, points = draw(tmp_path, pixels, pixels, 40, **profile)
    truth = landcover.area(path, labelled, tmp_path / "a.csv", legend="s2glc").table.set_index("class")[
        "map_ha"
    ]
    points["stratum_ha"] = points["stratum"].map(truth)
    table = landcover.area(path, save(tmp_path, points), tmp_path / "b.csv", legend="s2glc").table
    table = table.set_index("class")
    np.testing.assert_allclose(table["area_ha"], table["map_ha"])
    assert (
        table["map_ha"].sum() < 0.0070 * (pixels > 1).sum()
    )  # a hundredth of a hectare would be 10 m × 10 m
    present = table[table["map_ha"] > 0]
    np.testing.assert_allclose(present["se_ha"], 0, atol=1e-4)
    assert (present["high_ha"] > present["area_ha"]).all()
    assert np.isnan(table.loc["snow", "se_ha"])
    assert table.loc["snow", "flag"] == "suppress"


def test_no_probability_sample_is_said_in_table_record_and_on_screen(
    world: World, tmp_path: Path, run: Callable[..., Run]
) -> None:
    path, _, points = world
    labelled = save(tmp_path, points.drop(columns=["stratum", "inclusion"]))
    done = run("area", path, labelled, "--legend", "s2glc", "--out", tmp_path / "out.csv")
    assert "note: no probability sample" in done.out
    table = pd.read_csv(tmp_path / "out.csv")
    assert set(table["flag"]) == {"no probability sample"}
    record = json.loads((tmp_path / "out.csv.json").read_text())
    assert record["probability_sample"] is False
    assert record["notes"][0].startswith("no probability sample")


def test_labels_may_be_codes(world: World, tmp_path: Path) -> None:
    path, labelled, points = world
    first = landcover.area(path, labelled, tmp_path / "a.csv", legend="s2glc").table
    points["label"] = points["label"].map({name: float(code) for code, name in NAMES.items()})
    pd.testing.assert_frame_equal(
        landcover.area(path, save(tmp_path, points), tmp_path / "b.csv", legend="s2glc").table, first
    )


def change(column: str, rows: Any, value: Any) -> Callable[[Any], Any]:
    def changed(points: Any) -> Any:
        points = points.astype({column: object})
        points.loc[rows, column] = value
        return points.astype({column: float}) if isinstance(value, float) else points

    return changed


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (lambda p: p.drop(columns="label"), "has no column label"),
        (change("label", [3, 5], ""), "has 2 of 120 points without label (p3, p5)"),
        (change("label", [3], "forrest"), "holds unknown labels: forrest"),
        (change("label", [3], "clouds"), "holds unknown labels: clouds"),
        (lambda p: p.drop(index=range(1, 30)), "has a single point in artificial"),
        (change("inclusion", [0], 0.5), "tells different things of one stratum (artificial)"),
        (change("stratum_px", [0], -1.0), "that can't be"),
        (change("stratum_ha", [0], np.nan), "lacks stratum_ha of some points"),
        (lambda p: p.drop(columns="stratum_px"), "lacks stratum_px of some points"),
        (lambda p: p.assign(inclusion=p["inclusion"] / 2), "has more points in artificial"),
        (lambda p: p.set_geometry(p.translate(10_000)), "has 120 points outside"),
        (lambda p: pd.concat([p, p.iloc[:2]]), "has 2 points on a pixel that has one already (p0, p1)"),
    ],
)
def test_faults_of_points_are_one_line(
    world: World, tmp_path: Path, run: Callable[..., Run], spoil: Callable[[Any], Any], finding: str
) -> None:
    path, _, points = world
    labelled = save(tmp_path, spoil(points))
    done = run("area", path, labelled, "--legend", "s2glc", "--out", tmp_path / "out.csv")
    assert is_one_line(done, finding)
    assert not (tmp_path / "out.csv").exists()


def test_points_on_no_data_and_maps_without_place_are_refused(world: World, tmp_path: Path) -> None:
    path, labelled, _ = world
    with rasterio.open(path) as source:
        pixels = source.read(1)
    write_tiff(path, np.where(pixels == 2, 0, pixels).astype(np.uint8), **UTM)
    with pytest.raises(LandcoverError, match="has 30 points where the map has no data"):
        landcover.area(path, labelled, tmp_path / "out.csv", legend="s2glc")
    write_tiff(path, pixels)
    with pytest.raises(LandcoverError, match="has no place"):
        landcover.area(path, labelled, tmp_path / "out.csv", legend="s2glc")


def test_another_map_than_the_sample_was_drawn_from_is_told(world: World, tmp_path: Path) -> None:
    path, labelled, _ = world
    with rasterio.open(path) as source:
        pixels = source.read(1)
    write_tiff(path, np.where(pixels == 2, 3, pixels).astype(np.uint8), **UTM)
    found = landcover.area(path, labelled, tmp_path / "out.csv", legend="s2glc")
    assert any(n.startswith("30 of 120 points have another class in the map") for n in found.notes)
    assert found.table.set_index("class").loc["artificial", "map_points"] == 0


def test_points_that_were_lost_are_told(world: World, tmp_path: Path) -> None:
    path, _, points = world
    labelled = save(tmp_path, points.drop(index=[0, 40]))
    found = landcover.area(path, labelled, tmp_path / "out.csv", legend="s2glc")
    assert found.notes == ["2 of 120 drawn points are not in the file: the others stand for them"]


def test_post_strata_make_a_simple_random_sample_sharper(world: World, tmp_path: Path) -> None:
    path, _, points = world
    with rasterio.open(path) as source:
        pixels = source.read(1).size
    simple = points.assign(stratum="all", stratum_px=pixels, stratum_ha=pixels * 0.01, inclusion=120 / pixels)
    labelled = save(tmp_path, simple)
    plain = landcover.area(path, labelled, tmp_path / "a.csv", legend="s2glc").table
    sharper = landcover.area(path, labelled, tmp_path / "b.csv", post_stratify=True, legend="s2glc").table
    assert (sharper["se_ha"] < plain["se_ha"])[plain["area_ha"] > 0].all()
    few = save(tmp_path, simple[simple["map_class"] != "water"].assign(inclusion=90 / pixels))
    with pytest.raises(LandcoverError, match=r"less than two points where the map says water \(0\)"):
        landcover.area(path, few, tmp_path / "c.csv", post_stratify=True, legend="s2glc")


def zones_file(folder: Path, *boxes: tuple[float, float, float, float]) -> Path:
    """Territories in pixels of the map: left, top, right, bottom."""
    shapes = [box(5e5 + 10 * a, 5e6 - 10 * d, 5e5 + 10 * c, 5e6 - 10 * b) for a, b, c, d in boxes]
    codes = [f"{i:02}" for i in range(len(shapes))]
    geopandas.GeoDataFrame({"code": codes, "nom": codes}, geometry=shapes, crs=32631).to_file(
        folder / "z.gpkg"
    )
    return folder / "z.gpkg"


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".gpkg"])
def test_territories_sum_to_the_whole_and_classes_to_the_territory(
    world: World, tmp_path: Path, suffix: str
) -> None:
    path, labelled, _ = world
    zones = zones_file(tmp_path, (0, 0, 40, 60), (40, 0, 60.5, 33.3), (500, 0, 510, 10))
    out = tmp_path / f"out{suffix}"
    found = landcover.area(path, labelled, out, zones=zones, legend="s2glc")
    table = found.table
    parts, whole = table[table["name"] != "all"], found.whole.set_index("class")["area_ha"]
    np.testing.assert_allclose(
        parts.groupby("class")["area_ha"].sum()[whole.index], whole, rtol=1e-9, atol=1e-9
    )
    assert list(parts["name"].unique()) == ["00", "01", "02", "outside the territories"]
    territory = parts.groupby("name")
    np.testing.assert_allclose(territory["area_ha"].sum(), territory["map_ha"].sum(), rtol=1e-9)
    assert territory["map_ha"].sum()["00"] == pytest.approx(24.0, rel=1e-3)
    assert territory["area_ha"].apply(lambda a: a.isna().all())["02"]
    assert (parts["area_ha"].dropna() >= 0).all()
    assert int(parts["map_points"].sum()) == 120
    assert any("1 of 3 territories lie outside the map" in n for n in found.notes)
    assert out.exists()


def test_a_class_that_lies_outside_the_territories_alone_is_not_lost(tmp_path: Path) -> None:
    mapped = np.full((120, 120), 3, np.uint8)
    mapped[:, 60:], mapped[0, 0] = 4, 9  # 0.7 pixels in 10,000
    path, _, points = draw(tmp_path, mapped, mapped)
    points = points[points["stratum"] != "water"]
    whole = dict(stratum="all", stratum_px=14_400, stratum_ha=144.0, inclusion=len(points) / 14_400)
    zones = zones_file(tmp_path, (1, 0, 120, 120), (0, 1, 1, 120))
    out = tmp_path / "out.csv"
    table = landcover.area(
        path, save(tmp_path, points.assign(**whole)), out, zones=zones, legend="s2glc"
    ).table
    assert list(table["name"].unique()) == ["00", "01", "outside the territories", "all"]
    hectares = table.groupby("name")["area_ha"].sum()
    assert hectares.drop("all").sum() == pytest.approx(hectares["all"], rel=1e-9)
    assert hectares["outside the territories"] == pytest.approx(0.01, rel=1e-2)


def test_what_may_hide_in_the_whole_may_hide_in_a_territory(tmp_path: Path) -> None:
    mapped = np.full((120, 120), 3, np.uint8)
    mapped[:10, :10] = 9
    truth = mapped.copy()
    truth[:2, :10] = 3
    path, labelled, _ = draw(tmp_path, mapped, truth)
    zones = zones_file(tmp_path, (0, 0, 120, 60), (0, 60, 120, 120))
    table = landcover.area(path, labelled, tmp_path / "out.csv", zones=zones, legend="s2glc").table
    flags = table[table["map_ha"] > 0].set_index(["name", "class"])["flag"]
    rows = table.set_index(["name", "class"])
    assert rows.loc[("00", "water"), "se_ha"] < 0.165 * rows.loc[("00", "water"), "area_ha"]
    assert flags[("00", "water")] == flags[("all", "water")] == "suppress"
    assert flags[("01", "cultivated")] == flags[("all", "cultivated")] == "publish"


def test_territories_that_overlap_or_lie_elsewhere_are_refused(world: World, tmp_path: Path) -> None:
    path, labelled, _ = world
    for boxes, finding in (
        (((0, 0, 80, 60), (0, 0, 40, 40)), "has territories that overlap"),
        (((500, 0, 510, 10),), "has no territory that touches"),
    ):
        zones = zones_file(tmp_path, *boxes)
        with pytest.raises(LandcoverError, match=finding):
            landcover.area(path, labelled, tmp_path / "out.csv", zones=zones, legend="s2glc")
