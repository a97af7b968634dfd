"""Areas corrected for the maps' errors: arithmetic, joint intervals, what is not known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import Run, is_one_line
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_maps import UTM, blobs

import landcover
from landcover.errors import LandcoverError
from landcover.imagery.write import write_map
from landcover.legend import S2GLC
from landcover.statistics.change.net_change import correctable, corrected, read_blocks

NONE = np.eye(3) * 1000


def erring(rng: np.random.Generator, truth: np.ndarray[Any, Any], error: np.ndarray[Any, Any]) -> Any:
    """A map of the truth (classes 0 to 2) with each class mistaken for the next at its own rate."""
    wrong = rng.random(truth.shape) < error[truth]
    return np.where(wrong, (truth + 1) % 3, truth)


def blocks_of(rng: np.random.Generator, number: int, spread: float, alike: float = 8) -> tuple[Any, Any]:
    """Confusion matrices of blocks whose error rates scatter, and the rates of one more place."""
    matrices = []
    for _ in range(number):
        truth = rng.choice(3, 2000, p=rng.dirichlet([alike] * 3))
        mapped = erring(rng, truth, np.clip(rng.normal(0.15, spread, 3), 0, 1))
        matrices.append(np.bincount(truth * 3 + mapped, minlength=9).reshape(3, 3).astype(float))
    return np.stack(matrices), np.clip(rng.normal(0.15, spread, 3), 0, 1)


def test_maps_without_error_are_their_own_correction() -> None:
    flows = np.array([[50.0, 5, 0], [2, 30, 0], [0, 0, 13]])
    found = corrected(flows, 10_000, np.stack([NONE] * 6), np.stack([NONE] * 6))
    assert found["area_a_ha"].to_numpy() == pytest.approx(flows.sum(axis=1))
    assert found["net_ha"].to_numpy() == pytest.approx([-3, 3, 0])


def test_the_correction_solves_for_the_true_areas() -> None:
    """By hand: 80 % of class 0 are mapped as 0 and 20 % as 1; so 8 ha mapped as 0 stand for 10."""
    matrix = np.array([[80.0, 20, 0], [0, 100, 0], [0, 0, 100]])
    found = corrected(np.diag([8.0, 22, 30]), 6000, np.stack([matrix] * 6), np.stack([matrix] * 6))
    assert found["area_a_ha"].to_numpy() == pytest.approx([10, 20, 30])


def test_a_class_that_no_block_maps_has_no_interval() -> None:
    matrices = np.stack(
        [np.diag([100.0, 100, 0]) + 5 * (np.arange(3) < 2)[:, None] * (np.arange(3) < 2)] * 3
        + [np.diag([100.0, 100, 0]) + 15 * (np.arange(3) < 2)[:, None] * (np.arange(3) < 2)] * 3
    )
    found = corrected(np.diag([10.0, 20, 30]) + np.eye(3, k=1), 6000, matrices, matrices)
    assert found["low_net_ha"].notna().tolist() == [True, True, False]
    assert found["area_a_ha"].iloc[2] == pytest.approx(30)


def test_a_class_that_is_never_mapped_has_no_estimate_and_the_others_keep_theirs() -> None:
    two = np.array([[800.0, 200, 0], [100, 900, 0], [0, 0, 0]])
    never = two + np.array([[0.0, 0, 0], [0, 0, 0], [60, 40, 0]])
    flows = np.array([[200.0, 30, 0], [10, 300, 0], [0, 0, 0]])
    found = corrected(flows, 54_000, np.stack([never] * 6), np.stack([never] * 6))
    without = corrected(flows, 54_000, np.stack([two] * 6), np.stack([two] * 6))
    pd.testing.assert_frame_equal(found.iloc[:2], without.iloc[:2])
    assert found.loc[2, ["area_a_ha", "area_b_ha", "net_ha", "se_net_ha", "low_net_ha"]].isna().all()
    assert found.loc[2, "mapped_a_ha"] == 0


@settings(max_examples=50)
@given(st.floats(0, 1), st.integers(0, 5))
def test_a_class_that_is_hardly_ever_found_makes_no_area_absurd(recall: float, seed: int) -> None:
    """Where an area is given, chance in the matrix moves it by no more than the matrix's condition."""
    matrix = np.array([[900.0, 100, 0], [50, 900, 50], [0, 1000 * (1 - recall), 1000 * recall]])
    kept = correctable(matrix[None])
    assert kept[:2].all()
    assert kept[2] or recall < 0.15
    assert not kept[2] or abs(recall - 0.05) > 0.01  # 5 % of another class are mapped as it too
    flows = np.diag(np.random.default_rng(seed).dirichlet([5, 5, 1]) @ matrix) / 10
    found = corrected(flows, 100_000, np.stack([matrix] * 6), np.stack([matrix] * 6))
    assert (found["area_a_ha"].abs().fillna(0) <= 2 * flows.sum()).all()
    assert found["area_a_ha"].notna().tolist() == kept.tolist()


def test_joint_intervals_hold_0_where_nothing_changed() -> None:
    """Places with error rates of their own, errors of two dates alike but for half of the wrong pixels."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(60):
        matrices, error = blocks_of(rng, 20, 0.05)
        truth = rng.choice(3, 2000, p=[0.5, 0.3, 0.2])
        a, b = erring(rng, truth, error), erring(rng, truth, error)
        b = np.where(rng.random(2000) < 0.5, a, b)
        flows = np.bincount(a * 3 + b, minlength=9).reshape(3, 3).astype(float)
        found = corrected(flows, 2000, matrices, matrices)
        held += bool(((found["low_net_ha"] <= 0) & (found["high_net_ha"] >= 0)).all())
    assert held >= 57


def test_a_large_change_is_told_from_0_and_its_size_is_held() -> None:
    rng = np.random.default_rng(1)
    matrices, error = blocks_of(rng, 20, 0.03, alike=200)
    before = rng.choice(3, 2000, p=[0.5, 0.3, 0.2])
    after = before.copy()
    after[:600] = 2
    a = erring(rng, before, error)
    b = np.where(np.arange(2000) < 600, erring(rng, after, error), a)
    flows = np.bincount(a * 3 + b, minlength=9).reshape(3, 3).astype(float)
    found = corrected(flows, 2000, matrices, matrices)
    true = np.bincount(after, minlength=3) - np.bincount(before, minlength=3)
    assert found["low_net_ha"].iloc[2] > 0
    assert ((found["low_net_ha"] <= true) & (true <= found["high_net_ha"])).all()


def test_a_larger_place_and_maps_that_agree_more_have_narrower_intervals() -> None:
    matrices, _ = blocks_of(np.random.default_rng(2), 20, 0.05)
    flows = np.array([[500.0, 40, 0], [30, 300, 20], [0, 10, 200]])
    width = lambda f, n: corrected(f, n, matrices, matrices)["detectable_ha"].max()  # noqa: E731
    assert width(flows, 40_000) < width(flows, 2000)
    still = np.diag(np.diag(flows)) + 0.1 * (flows - np.diag(np.diag(flows)))
    assert width(still * flows.sum() / still.sum(), 2000) < width(flows, 2000)


def write_blocks(folder: Path, number: int = 6, name: str = "water") -> Path:
    """The table of an evaluation folder."""
    folder.mkdir()
    rows = [
        (f"{i}", r, m, 1000 if r == m else 40 + 20 * i)
        for i in range(number)
        for r in ("artificial", "cultivated", "broadleaf", name)
        for m in ("artificial", "cultivated", "broadleaf", name)
    ]
    table = pd.DataFrame(rows, columns=["block", "reference", "map", "pixels"])
    table.to_csv(folder / "confusion_blocks.csv", index=False)
    return folder


def test_estimates_are_written_flagged_and_read_back(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        write_map(tmp_path / f"{name}.tif", blobs(seed), S2GLC, UTM)
    evaluation = write_blocks(tmp_path / "evaluation")
    found = landcover.change(
        tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "out", evaluation=[evaluation]
    )
    table = pd.read_csv(tmp_path / "out" / "estimates.csv").set_index("class")
    assert (table["basis"] == "model-based").all()
    assert found.estimates is not None
    assert table.loc["water", "low_net_ha"] < table.loc["water", "net_ha"] < table.loc["water", "high_net_ha"]
    assert table["net_ha"].sum() == pytest.approx(0, abs=1e-6)
    assert "model-based" in (tmp_path / "out" / "report.html").read_text()


def test_a_class_that_is_never_mapped_is_told(tmp_path: Path, run: Callable[..., Run]) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        write_map(tmp_path / f"{name}.tif", blobs(seed), S2GLC, UTM)
    table = write_blocks(tmp_path / "evaluation") / "confusion_blocks.csv"
    with table.open("a") as file:
        file.writelines(f"{i},snow,natural,100\n" for i in range(4, 10))  # four blocks of snow alone
    arguments = ("change", tmp_path / "a.tif", tmp_path / "b.tif", "--out", tmp_path / "out")
    done = run(*arguments, "--evaluation", table.parent)
    assert done.code == 0
    assert "snow: where the model was evaluated, 0.0% of its pixels were mapped as it" in done.err
    assert "snow: where the model was evaluated" in (tmp_path / "out/report.html").read_text()
    snow = pd.read_csv(tmp_path / "out" / "estimates.csv").set_index("class").loc["snow"]
    assert np.isnan(snow["net_ha"])


def test_blocks_of_nothing_but_what_is_never_mapped_do_not_serve(tmp_path: Path) -> None:
    table = write_blocks(tmp_path / "evaluation", 4) / "confusion_blocks.csv"
    with table.open("a") as file:
        file.write("4,snow,natural,100\n")
    with pytest.raises(LandcoverError, match="holds 5 blocks, of which 4 can serve"):
        read_blocks(table.parent, S2GLC)


@pytest.mark.parametrize(
    ("number", "name", "word"), [(4, "water", "holds 4 blocks"), (6, "sea", "holds sea")]
)
def test_blocks_that_can_not_serve_are_refused(
    tmp_path: Path, run: Callable[..., Run], number: int, name: str, word: str
) -> None:
    for map_name, seed in (("a", 1), ("b", 2)):
        write_map(tmp_path / f"{map_name}.tif", blobs(seed), S2GLC, UTM)
    folder = write_blocks(tmp_path / "evaluation", number, name)
    arguments = ("change", tmp_path / "a.tif", tmp_path / "b.tif", "--out", tmp_path / "out")
    assert is_one_line(run(*arguments, "--evaluation", folder), word)
    assert is_one_line(run(*arguments, "--evaluation", tmp_path / "nowhere"), "is not there")


def test_blocks_of_evaluate_are_read(tmp_path: Path, chips_west: Path) -> None:
    """Masks evaluated against themselves: 44 chips in five blocks, without error."""
    landcover.evaluate(chips_west / "masks", chips_west, tmp_path / "evaluation")
    counts = read_blocks(tmp_path / "evaluation", S2GLC)
    whole = pd.read_csv(tmp_path / "evaluation" / "confusion.csv", index_col="reference").to_numpy()
    assert (counts.sum(axis=0) == whole).all()
    assert (counts.sum(axis=0) == np.diag(np.diag(whole))).all()
    assert len(counts) >= 5
