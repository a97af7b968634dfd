from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import edit_csv
from hypothesis import given, settings
from hypothesis import strategies as st

from landcover.chips.tables import read_shares, write_shares
from landcover.errors import LandcoverError
from landcover.legend import S2GLC


def table(rows: int = 5) -> pd.DataFrame:
    shares = np.random.default_rng(0).dirichlet(np.ones(10), rows)
    index = pd.Index([f"00{i}" for i in range(rows)], name="sample_id")
    return pd.DataFrame(shares, index=index, columns=list(S2GLC.names))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 50), st.integers(0, 100))
def test_shares_survive_the_file(rows: int, seed: int) -> None:
    import tempfile

    shares = table(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "d.csv"
        write_shares(path, shares.sample(frac=1, axis=1, random_state=seed))
        header = path.read_text().splitlines()[0]
        back = read_shares(path)
    assert header == ",".join(["sample_id", *S2GLC.names])
    pd.testing.assert_frame_equal(back, shares, atol=1e-9)


def test_ids_stay_text_and_other_columns_are_left(tmp_path: Path) -> None:
    table().assign(note="x").to_csv(tmp_path / "d.csv")
    shares = read_shares(tmp_path / "d.csv")
    assert shares.index[0] == "000"
    assert list(shares) == list(S2GLC.names)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda t: t.drop(columns="water"), "has no column water;"),
        (lambda t: t.drop(columns=["sample_id", "snow"]), "has no column sample_id, snow;"),
        (lambda t: t.head(0), "has no row;"),
        (lambda t: pd.concat([t, t.tail(1)]), "holds sample_id 004 twice;"),
        (lambda t: t.assign(water=["much"] * 5), "row 000 holds something that is no number;"),
        (
            lambda t: t.assign(water=[0.1, np.nan, 0.1, 0.1, 0.1]),
            "row 001 holds something that is no number;",
        ),
        (
            lambda t: t.assign(water=[0.1, 0.1, np.inf, 0.1, 0.1]),
            "row 002 holds something that is no number;",
        ),
        (lambda t: t.assign(water=t["water"] - 1.5), "row 000 holds a negative share;"),
        (lambda t: t.assign(**dict.fromkeys(S2GLC.names, 0)), "row 000 sums to 0;"),
        (lambda t: t.assign(water=t["water"] + 0.02), "row 000 doesn't sum to 1;"),
    ],
)
def test_wrong_shares_are_told(tmp_path: Path, change: object, finding: str) -> None:
    table().to_csv(tmp_path / "d.csv")
    edit_csv(tmp_path / "d.csv", change)  # type: ignore[arg-type]
    with pytest.raises(LandcoverError, match=rf"d\.csv: {finding} expected"):
        read_shares(tmp_path / "d.csv")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00bad", b'a,b\n"'])
def test_what_is_no_table_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "d.csv").write_bytes(content)
    with pytest.raises(LandcoverError, match=r"d\.csv: (is not there|can't be read|has no column)"):
        read_shares(tmp_path / "d.csv")
