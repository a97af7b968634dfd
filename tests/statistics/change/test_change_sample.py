"""Change from labelled points: strata from the map of change, areas with intervals from their labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
from conftest import Run
from statistics_maps import UTM, blobs

import landcover
from landcover.imagery.area import pixel_areas
from landcover.imagery.write import write_map
from landcover.legend import S2GLC

Truth = tuple[Any, dict[str, float]]


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    """Two maps that err, compared; what really became of each pixel, and hectares of that."""
    rng = np.random.default_rng(0)
    before = blobs(1, (200, 200))
    after = np.where(blobs(2, (200, 200)) == 9, 9, before)
    for name, codes in (("a", before), ("b", after)):
        wrong = rng.random((50, 50)).repeat(4, axis=0).repeat(4, axis=1) < 0.05
        write_map(tmp_path / f"{name}.tif", np.where(wrong, 3, codes), S2GLC, UTM)
    landcover.change(tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "change", mmu=0.3)
    became = np.where(before == after, "unchanged", "to water")
    areas = pixel_areas(UTM, range(200), range(200))
    assert areas is not None
    return became, {name: float(areas[became == name].sum()) for name in ("unchanged", "to water")}


def label(path: Path, became: Any) -> None:
    """Write into each point what really became of its pixel."""
    points = geopandas.read_file(path)
    points["label"] = became[points["row"], points["col"]]
    points.to_file(path)


def test_labels_in_the_strata_of_change_give_hectares_with_intervals(
    tmp_path: Path, truth: Truth, run: Callable[..., Run]
) -> None:
    became, true = truth
    seen, points, table = tmp_path / "change/change.tif", tmp_path / "points.gpkg", tmp_path / "areas.csv"
    drawn = run("sample", seen, "--points", 200, "--minimum", 30, "--out", points)
    assert drawn.code == 0
    label(points, became)
    assert run("area", seen, points, "--out", table).code == 0
    strata = set(geopandas.read_file(points)["stratum"])
    assert {"unchanged", "filtered", "to water", "to cultivated"} <= strata
    found = pd.read_csv(table).set_index("class")
    for name, hectares in true.items():
        assert found.loc[name, "low_ha"] <= hectares <= found.loc[name, "high_ha"]
    assert found["area_ha"].sum() == pytest.approx(sum(true.values()))
    assert found.loc["to water", "map_ha"] < 0.95 * true["to water"]  # the map itself misses some
    assert found.loc["to water", "flag"] in ("publish", "caution")


def test_hectares_of_change_are_right_on_average_whatever_the_maps_err(tmp_path: Path, truth: Truth) -> None:
    became, true = truth
    seen, points = tmp_path / "change/change.tif", tmp_path / "points.gpkg"
    estimates, held = [], 0
    for seed in range(12):
        landcover.sample(seen, points, points=200, minimum=30, seed=seed, overwrite=True)
        label(points, became)
        found = landcover.area(seen, points, tmp_path / "areas.csv", overwrite=True)
        water = found.table.set_index("class").loc["to water"]
        estimates.append(water["area_ha"])
        held += water["low_ha"] <= true["to water"] <= water["high_ha"]
    error = np.std(estimates, ddof=1) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - true["to water"]) < 3 * error
    assert held >= 10
