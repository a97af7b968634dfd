from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import edit_csv, is_one_line

from landcover.chips.tables import read_shares
from landcover.legend import S2GLC


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """Predicted and true shares of three images, and their places."""
    rows = [
        [0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0.5],
    ]
    true = pd.DataFrame(rows, index=pd.Index(["a", "b", "c"], name="sample_id"), columns=list(S2GLC.names))
    true.to_csv(tmp_path / "true.csv")
    (0.9 * true + 0.01).to_csv(tmp_path / "predicted.csv")
    places = {"sample_id": ["a", "b", "c"], "part": "test", "scene": "s", "y0": 0, "x0": [0, 192, 960]}
    pd.DataFrame(places).to_csv(tmp_path / "splits.csv", index=False)
    return tmp_path / "predicted.csv", tmp_path / "true.csv"


def test_a_score_is_told_with_interval_and_classes(tables: tuple[Path, Path], run: Any) -> None:
    result = run("score", *tables)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("KL (official)  0.0")
    assert lines[1].endswith("(bootstrap over 3 images)")
    assert len(lines) == 3 + 8
    contributions = [float(line.split()[1]) for line in lines[3:]]
    assert sum(contributions) == pytest.approx(float(lines[0].split()[-1]), abs=5e-5)


def test_the_plain_formula_and_blocks(tables: tuple[Path, Path], run: Any) -> None:
    result = run("score", *tables, "--formula", "plain", "--places", tables[0].parent / "splits.csv")
    assert "KL (plain)" in result.out
    assert "bootstrap over 2 spatial blocks" in result.out
    assert len(result.out.splitlines()) == 3 + 10


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="water"), "predicted.csv: has no column water"),
        (lambda t: pd.concat([t, t.head(1)]), "predicted.csv: holds sample_id a twice"),
        (lambda t: t.assign(**dict.fromkeys(S2GLC.names, 0)), "predicted.csv: row a sums to 0"),
        (lambda t: t.assign(water=-0.5), "predicted.csv: row a holds a negative share"),
        (lambda t: t.assign(sample_id=["a", "b", "d"]), "predicted shares: lack c and have d too many"),
    ],
)
def test_bad_tables_are_one_line(tables: tuple[Path, Path], run: Any, change: Any, words: str) -> None:
    edit_csv(tables[0], change)
    assert is_one_line(run("score", *tables), words)


def test_missing_files_and_wrong_formulas_are_one_line(tables: tuple[Path, Path], run: Any) -> None:
    assert is_one_line(run("score", tables[0], "nowhere.csv"), "nowhere.csv: is not there")
    assert is_one_line(run("score", *tables, "--formula", "mine"), "--formula: is 'mine'")
    assert is_one_line(run("score", *tables, "--places", "nowhere.csv"), "nowhere.csv")


def test_debug_shows_the_traceback(tables: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from landcover import cli
    from landcover.errors import LandcoverError

    monkeypatch.setattr("sys.argv", ["landcover", "--debug", "score", str(tables[0]), "nowhere.csv"])
    with pytest.raises(LandcoverError):
        cli.main()


def test_the_yardsticks(data: Path, tmp_path: Path, run: Any) -> None:
    path = data / "challenge48" / "train_labels_all.csv"
    true = read_shares(path)
    names = list(S2GLC.label_names)
    mean = true * 0.0
    mean[names] = true[names].div(true[names].sum(axis=1), axis=0).mean().to_numpy()
    for table, expected in ((mean, "0.45655"), (true * 0.0 + 0.1, "0.99628")):
        table.to_csv(tmp_path / "p.csv")
        assert run("score", tmp_path / "p.csv", path).out.startswith(f"KL (official)  {expected}\n")
