"""Change between two maps: what counts, tables that add up, maps that can't be compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
from conftest import Run, is_one_line, read_tiff, write_tiff
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio import CRS, Affine
from scipy import ndimage
from shapely import box
from statistics_maps import UTM, blobs, folder_of

import landcover
from landcover.errors import LandcoverError
from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Place
from landcover.imagery.maps import legend_of
from landcover.imagery.write import write_map
from landcover.legend import S2GLC, LandClass, Legend
from landcover.statistics.change.pair import open_pair, persists

codes = st.sampled_from([0, 1, 2, 3, 4, 9])
pairs = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(*[arrays(np.uint8, shape, elements=codes)] * 2)
)
Maps = Callable[..., tuple[Path, Path]]


@pytest.fixture
def maps(tmp_path: Path) -> Maps:
    """Write two maps."""

    def write(a: Any, b: Any, place: Place = UTM, legend: Legend = S2GLC) -> tuple[Path, Path]:
        paths = tmp_path / "a.tif", tmp_path / "b.tif"
        for path, pixels in zip(paths, (a, b), strict=True):
            write_map(path, np.asarray(pixels, np.uint8), legend, place)
        return paths

    return write


@given(pairs)
def test_persistence_takes_the_definition_literally(pair: tuple[Any, Any]) -> None:
    a, b = pair
    found = persists(a, b)
    for y, x in np.ndindex(a.shape):
        around = slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2)
        moved = b[y, x] in a[around] and a[y, x] in b[around]
        assert found[y, x] == (a[y, x] != b[y, x] and not moved)


@given(pairs)
def test_persistence_never_invents_change(pair: tuple[Any, Any]) -> None:
    a, b = pair
    assert not (persists(a, b) & (a == b)).any()
    assert (persists(a, b) == persists(b, a)).all()


@pytest.mark.parametrize(("width", "counts"), [(1, False), (2, True), (5, True)])
def test_a_ring_counts_from_two_pixels_on(width: int, counts: bool) -> None:
    a = np.full((30, 30), 3, np.uint8)
    b = a.copy()
    a[12:18, 12:18] = 9
    b[12 - width : 18 + width, 12 - width : 18 + width] = 9
    assert (persists(a, b) == ((a != b) & counts)).all()


@pytest.mark.parametrize("mmu", [0.0, 0.05, 0.3])
@settings(max_examples=12)
@given(st.integers(0, 50), st.integers(1, 91))
def test_strips_of_any_height_count_the_same(
    tmp_path_factory: pytest.TempPathFactory, mmu: float, seed: int, step: int
) -> None:
    folder = tmp_path_factory.mktemp("strips")
    a, b = blobs(seed), blobs(seed + 1000)
    for name, pixels in (("a", a), ("b", b)):
        write_map(folder / f"{name}.tif", pixels, S2GLC, UTM)
    with open_pair(folder / "a.tif", folder / "b.tif", S2GLC, step) as pair:
        found = np.concatenate([s.counted for s in pair.strips(mmu)])
    labels, number = ndimage.label(persists(a, b), np.ones((3, 3)))
    areas = pixel_areas(UTM, range(90), range(70))
    size = ndimage.sum_labels(areas, labels, range(number + 1))
    size[0] = -1
    assert (found == (labels > 0) & (size[labels] >= mmu * (1 - 1e-9))).all()


@pytest.mark.parametrize("mmu", [0.0, 0.2])
def test_margins_of_the_transitions_are_the_areas_of_the_maps(tmp_path: Path, maps: Maps, mmu: float) -> None:
    a, b = blobs(1), blobs(2)
    a[:5], b[:, :3] = 0, 1
    found = landcover.change(*maps(a, b), tmp_path / "out", mmu=mmu)
    areas = pixel_areas(UTM, range(90), range(70))
    assert areas is not None
    t = found.transitions.assign(ha=lambda d: d["area_ha"] + d["filtered_ha"])
    for side, pixels in (("from", a), ("to", b)):
        margin = t.groupby(side)["ha"].sum()
        for c in S2GLC.classes:
            assert margin.get(c.name, 0.0) == pytest.approx(areas[pixels == c.code].sum(), rel=1e-12)
    assert t["pixels"].sum() == a.size
    assert (t.loc[t["from"] == t["to"], "filtered_ha"] == 0).all()


def test_gains_less_losses_are_the_net_change_and_all_of_it(tmp_path: Path, maps: Maps) -> None:
    found = landcover.change(*maps(blobs(1), blobs(2)), tmp_path / "out", mmu=0.1).classes
    assert np.allclose(found["gain_ha"] - found["loss_ha"], found["net_ha"])
    assert found["net_ha"].sum() == pytest.approx(0, abs=1e-9)
    assert found["gain_ha"].sum() == pytest.approx(found["loss_ha"].sum())
    filtered = found["filtered_gain_ha"] - found["filtered_loss_ha"]
    assert np.allclose(found["area_b_ha"] - found["area_a_ha"], found["net_ha"] + filtered)
    assert (found["swap_ha"] + found["net_ha"].abs()).to_numpy() == pytest.approx(
        found["gross_ha"].to_numpy()
    )
    assert found["filtered_gain_ha"].sum() > 0


def test_two_equal_maps_have_no_change(tmp_path: Path, maps: Maps) -> None:
    found = landcover.change(*maps(blobs(1), blobs(1)), tmp_path / "out")
    assert (found.classes[["gain_ha", "loss_ha", "filtered_gain_ha"]] == 0).to_numpy().all()
    assert "nothing changed" in (tmp_path / "out/report.html").read_text()


def test_territories_sum_to_the_map_that_they_cover(tmp_path: Path, maps: Maps) -> None:
    west, north = 600_000, 5_100_000
    parts = [box(west, north - 900, west + 333, north), box(west + 333, north - 900, west + 700, north)]
    zones = geopandas.GeoDataFrame({"code": ["01", "02"], "nom": ["A", "B"]}, geometry=parts, crs=32631)
    zones.to_crs(32631).to_file(tmp_path / "zones.gpkg")
    found = landcover.change(
        *maps(blobs(1), blobs(2)), tmp_path / "out", zones=tmp_path / "zones.gpkg", mmu=0.05
    )
    columns = [c for c in found.classes if str(c).endswith("_ha")]
    by = {k: v.set_index("class")[columns] for k, v in found.classes.groupby("code")}
    assert list(found.classes["code"].unique()) == ["map", "01", "02"]
    linear = [c for c in columns if c not in ("swap_ha",)]
    assert np.allclose((by["01"] + by["02"])[linear], by["map"][linear], atol=1e-5)


def test_the_map_of_change_shows_what_became_of_a_pixel(tmp_path: Path, maps: Maps) -> None:
    a = np.full((40, 40), 3, np.uint8)
    b = a.copy()
    b[10:20, 10:20] = 9  # 1 ha
    b[30, 30] = 2  # too small
    a[0] = 0
    landcover.change(*maps(a, b), tmp_path / "out", mmu=0.5)
    path = tmp_path / "out" / "change.tif"
    shown, names = read_tiff(path)[0], {c.name: c.code for c in legend_of(path).classes}
    assert (shown[10:20, 10:20] == names["to water"]).all()
    assert shown[30, 30] == names["filtered"]
    assert (shown[0] == names["not compared"]).all()
    assert (shown == names["unchanged"]).sum() == 40 * 40 - 100 - 1 - 40


def test_tables_and_records_lie_in_the_folder(tmp_path: Path, maps: Maps) -> None:
    landcover.change(*maps(blobs(1), blobs(2)), tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "transitions.csv")
    assert list(table.columns) == ["code", "name", "from", "to", "pixels", "area_ha", "filtered_ha"]
    record = json.loads((tmp_path / "out" / "change.csv.json").read_text())
    assert set(record["inputs"]) == {"map_a", "map_b"}
    assert "without interval" in (tmp_path / "out/report.html").read_text()
    assert not (tmp_path / "out" / "estimates.csv").exists()


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"model": {"file": "m.onnx", "sha256": "b" * 64}}, "model"),
        ({"options": {"scale": 1.0, "offset": -1000.0}}, "baseline"),
    ],
)
def test_another_model_or_baseline_is_refused_unless_allowed(
    tmp_path: Path, run: Callable[..., Run], record: dict[str, Any], what: str
) -> None:
    a, b = folder_of(tmp_path / "a", {}, 1), folder_of(tmp_path / "b", record, 2)
    assert is_one_line(run("change", a, b, "--out", tmp_path / "out"), f"--allow {what}")
    assert not (tmp_path / "out").exists()
    told = run("change", a, b, "--out", tmp_path / "out", "--allow", what)
    assert told.code == 0
    assert "part of the change may be due to that" in told.err


def test_warnings_of_the_predictions_are_told(tmp_path: Path) -> None:
    a = folder_of(tmp_path / "a", {"warnings": ["x: looks unlike", "y: another image"]}, 1)
    found = landcover.change(a, folder_of(tmp_path / "b", {}, 2), tmp_path / "out")
    assert found.notes == ("x: looks unlike",)


OTHER = Legend("other", (LandClass(0, "none", "", "#000000", False), LandClass(3, "wheat", "", "#ffff00")))


@pytest.mark.parametrize(
    ("place", "shape", "legend", "word"),
    [
        (Place(CRS.from_epsg(32632), UTM.transform), (90, 70), S2GLC, "another CRS"),
        (Place(UTM.crs, UTM.transform @ Affine.translation(0.5, 0)), (90, 70), S2GLC, "0.5 px off"),
        (UTM, (90, 71), S2GLC, "90 × 71 px"),
        (UTM, (90, 70), OTHER, "another legend"),
    ],
)
def test_maps_that_differ_are_refused(
    tmp_path: Path, run: Callable[..., Run], place: Place, shape: tuple[int, int], legend: Legend, word: str
) -> None:
    write_map(tmp_path / "a.tif", blobs(1), S2GLC, UTM)
    pixels = np.full(shape, 3, np.uint8)
    write_map(tmp_path / "b.tif", pixels, legend, place)
    assert is_one_line(run("change", tmp_path / "a.tif", tmp_path / "b.tif", "--out", tmp_path / "out"), word)


def test_a_map_without_place_is_refused(tmp_path: Path, run: Callable[..., Run]) -> None:
    for name in "ab":
        write_tiff(tmp_path / f"{name}.tif", np.full((5, 5), 3, np.uint8))
    arguments = ("change", tmp_path / "a.tif", tmp_path / "b.tif", "--out", tmp_path / "out")
    assert is_one_line(run(*arguments), "doesn't say what its codes mean")
    assert is_one_line(run(*arguments, "--legend", "s2glc"), "no place on Earth")


def test_options_that_mean_nothing_are_refused(tmp_path: Path, maps: Maps) -> None:
    paths = maps(blobs(1), blobs(2))
    with pytest.raises(LandcoverError, match="--allow: holds weather"):
        landcover.change(*paths, tmp_path / "out", allow=["weather"])
    with pytest.raises(LandcoverError, match="--mmu: is -1 ha"):
        landcover.change(*paths, tmp_path / "out", mmu=-1)
