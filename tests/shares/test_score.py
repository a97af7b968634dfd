from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import edit_csv
from hypothesis import given, settings
from hypothesis import strategies as st

import landcover
from landcover.chips.tables import read_shares, write_shares
from landcover.errors import LandcoverError
from landcover.legend import S2GLC
from landcover.shares.score import FORMULAS, bootstrap, score, spatial_blocks


def shares(rows: int, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).dirichlet(np.ones(10) * 0.3, rows)
    index = pd.Index([str(i) for i in range(rows)], name="sample_id")
    return pd.DataFrame(values, index=index, columns=list(S2GLC.names))


def constant(true: pd.DataFrame, row: object) -> pd.DataFrame:
    return pd.DataFrame(row, index=true.index, columns=true.columns)


def test_the_yardsticks(data: Path) -> None:
    true = read_shares(data / "challenge48" / "train_labels_all.csv")
    names = list(S2GLC.label_names)
    labels = true[names].div(true[names].sum(axis=1), axis=0)
    mean = constant(true, 0.0)
    mean[names] = labels.mean().to_numpy()
    uniform = constant(true, 0.1)
    assert f"{score(mean, true, draws=10).kl:.5f}" == "0.45655"
    assert f"{score(uniform, true, draws=10).kl:.5f}" == "0.99628"


def test_the_formula_by_hand() -> None:
    true, predicted = constant(shares(1), 0.0), constant(shares(1), 0.0)
    true[["no_data", "water", "snow"]] = 0.5, 0.25, 0.25
    predicted[["clouds", "water", "snow"]] = 0.2, 0.2, 0.6
    official = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert score(predicted, true).kl == pytest.approx(official, abs=1e-5)
    plain = (
        0.5 * np.log((0.5 + 1e-7) / 1e-7)
        + 1e-7 * np.log(1e-7 / (0.2 + 1e-7))
        + 0.25 * np.log(0.25 / 0.2)
        + 0.25 * np.log(0.25 / 0.6)
    )
    assert score(predicted, true, "plain").kl == pytest.approx(plain, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(0, 99), st.sampled_from(FORMULAS))
def test_the_order_of_rows_and_columns_is_of_no_account(rows: int, seed: int, formula: str) -> None:
    predicted, true = shares(rows, seed), shares(rows, seed + 1)
    one = score(predicted, true, formula, draws=20)  # type: ignore[arg-type]
    shuffled = predicted.sample(frac=1, random_state=seed).sample(frac=1, axis=1, random_state=seed)
    other = score(shuffled, true.sample(frac=1, random_state=seed + 1), formula, draws=20)  # type: ignore[arg-type]
    assert other.kl == pytest.approx(one.kl)
    pd.testing.assert_series_equal(other.per_class, one.per_class)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(0, 99))
def test_the_score_is_a_sum_over_classes_and_a_mean_over_images(rows: int, seed: int) -> None:
    result = score(shares(rows, seed), shares(rows, seed + 1), draws=20)
    assert result.kl >= -1e-5
    assert result.per_class.sum() == pytest.approx(result.kl)
    assert result.per_image.mean() == pytest.approx(result.kl)
    assert list(result.per_class.index) == list(S2GLC.label_names)
    assert result.low <= result.high


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_truth_scores_0(formula: str) -> None:
    assert score(shares(9), shares(9), formula).kl == pytest.approx(0)  # type: ignore[arg-type]


def test_a_larger_error_scores_more() -> None:
    true, other = shares(50), shares(50, 1)
    scores = [score((1 - w) * true + w * other, true, draws=10).kl for w in (0.0, 0.1, 0.3, 1.0)]
    assert scores == sorted(scores)


def test_the_interval_holds_the_score_and_narrows_with_more_images() -> None:
    widths = []
    for rows in (30, 3000):
        result = score(shares(rows), shares(rows, 1))
        assert result.low < result.kl < result.high
        assert result.resampled == f"{rows} images"
        widths.append(result.high - result.low)
    assert widths[1] < widths[0] / 5


def test_the_bootstrap_of_alike_neighbours_draws_blocks() -> None:
    index = pd.Index([str(i) for i in range(400)])
    blocks = pd.Series([str(i // 40) for i in range(400)], index=index)
    kl = pd.Series(np.random.default_rng(0).normal(1, 0.3, 10).repeat(40), index=index)
    low, high, drawn = bootstrap(kl, blocks)
    assert drawn == "10 spatial blocks"
    images_low, images_high, _ = bootstrap(kl, None)
    assert high - low > 3 * (images_high - images_low)


def test_blocks_are_squares_of_a_scene() -> None:
    splits = pd.DataFrame(
        {"sample_id": list("abcd"), "scene": ["s", "s", "s", "t"], "y0": [0, 0, 768, 0], "x0": [0, 767, 0, 0]}
    )
    blocks = spatial_blocks(splits)
    assert blocks is not None
    assert blocks["a"] == blocks["b"]
    assert blocks.nunique() == 3
    assert spatial_blocks(splits.drop(columns="scene")) is None


def test_files_are_scored(tmp_path: Path) -> None:
    write_shares(tmp_path / "p.csv", shares(30))
    write_shares(tmp_path / "t.csv", shares(30, 1))
    places = {"sample_id": [str(i) for i in range(30)], "part": "test", "scene": "s", "y0": 0}
    pd.DataFrame(places | {"x0": np.arange(30) * 256}).to_csv(tmp_path / "s.csv", index=False)
    result = landcover.score(tmp_path / "p.csv", tmp_path / "t.csv", places=tmp_path / "s.csv")
    assert result.kl == pytest.approx(score(shares(30), shares(30, 1)).kl, abs=1e-7)
    assert result.resampled == "10 spatial blocks"
    edit_csv(tmp_path / "s.csv", lambda t: t.head(20))  # without the place of all, images are drawn
    result = landcover.score(tmp_path / "p.csv", tmp_path / "t.csv", places=tmp_path / "s.csv")
    assert result.resampled == "30 images"


def test_ids_that_do_not_match_are_told() -> None:
    with pytest.raises(LandcoverError, match="predicted shares: lack 7, 8, 9;"):
        score(shares(7), shares(10))
    with pytest.raises(LandcoverError, match="predicted shares: have 10, 7, 8 and 1 more too many"):
        score(shares(11), shares(7))


def test_a_row_without_any_label_is_told() -> None:
    true = shares(5)
    true.loc["3", list(S2GLC.label_names)] = 0.0
    with pytest.raises(LandcoverError, match="true shares: row 3 sums to 0"):
        score(shares(5, 1), true)


def test_an_unknown_formula_is_told() -> None:
    with pytest.raises(LandcoverError, match="--formula: is 'mine'; expected one of official, plain"):
        score(shares(5), shares(5), "mine")  # type: ignore[arg-type]


def test_a_paired_difference_is_narrower_than_two_intervals(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = pd.Index([str(i) for i in range(40)], name="sample_id")
    true = pd.DataFrame(rng.dirichlet(np.ones(8), 40), index=ids, columns=S2GLC.label_names)
    true[["no_data", "clouds"]] = 0.0
    hard = rng.uniform(0.01, 0.5, (40, 1))
    for name, extra in (("a", 0.0), ("b", 0.02)):
        mixed = (1 - hard - extra) * true[list(S2GLC.label_names)] + (hard + extra) / 8
        mixed[["no_data", "clouds"]] = 0.0
        write_shares(tmp_path / f"{name}.csv", mixed)
    write_shares(tmp_path / "t.csv", true)
    found = landcover.score(tmp_path / "a.csv", tmp_path / "t.csv", against=tmp_path / "b.csv")
    assert found.difference is not None
    assert found.difference.high < 0
    assert found.difference.high - found.difference.low < found.high - found.low


def test_part_keeps_only_its_images(tmp_path: Path) -> None:
    shares = pd.DataFrame(0.1, index=pd.Index(["a", "b", "c"], name="sample_id"), columns=S2GLC.names)
    write_shares(tmp_path / "t.csv", shares)
    write_shares(tmp_path / "p.csv", shares.iloc[:2])
    (tmp_path / "s.csv").write_text("sample_id,part\na,test\nb,test\nc,train\n")
    found = landcover.score(tmp_path / "p.csv", tmp_path / "t.csv", places=tmp_path / "s.csv", part="test")
    assert list(found.per_image.index) == ["a", "b"]
    with pytest.raises(LandcoverError, match="--part"):
        landcover.score(tmp_path / "p.csv", tmp_path / "t.csv", part="test")
