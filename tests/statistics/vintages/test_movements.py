"""INSEE's movements of communes: what became of a code, checked against known cases and published numbers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from landcover.errors import LandcoverError
from landcover.statistics.vintages.movements import absent, between, day_of, read_movements

HEADER = "MOD,DATE_EFF,TYPECOM_AV,COM_AV,LIBELLE_AV,TYPECOM_AP,COM_AP,LIBELLE_AP"


@pytest.fixture(scope="module")
def official(data: Path) -> pd.DataFrame:
    return read_movements(data / "france" / "mouvements-communes.csv")


def write(path: Path, *rows: str) -> Path:
    """A file of movements from rows as `32 2019-01-01 a>b`."""
    lines = [HEADER]
    for row in rows:
        event, day, codes = row.split()
        before, after = codes.split(">")
        lines.append(f"{event},{day},COM,{before},name of {before},COM,{after},name of {after}")
    path.write_text("\n".join(lines) + "\n")
    return path


def follow(path: Path, begin: int, end: int) -> dict[str, str]:
    found = between(read_movements(path), date(begin, 1, 1), date(end, 1, 1))
    return {code: "".join(sorted(now)) for code, now in found.became.items()}


@pytest.mark.parametrize(
    ("begin", "end", "fewer"),
    [
        (2018, 2019, 387),
        (2019, 2020, 2),
        (2020, 2021, 3),
        (2021, 2022, 10),
        (2022, 2023, 10),
        (2023, 2024, 10),
    ],
)
def test_the_number_of_communes_is_the_published_one(
    official: pd.DataFrame, begin: int, end: int, fewer: int
) -> None:
    """INSEE: 35,357 communes on 1 January 2018, then 34,970, 34,968, 34,965, 34,955, 34,945, 34,935."""
    before, after = absent(official, day_of(str(begin))), absent(official, day_of(str(end)))
    assert len(after - before) - len(before - after) == fewer


@pytest.mark.parametrize(("begin", "end"), [(2018, 2024), (1999, 2024), (1968, 2010), (2024, 1999)])
def test_communes_become_communes(official: pd.DataFrame, begin: int, end: int) -> None:
    """What is followed starts at codes of the first date and ends at codes of the second, all of them."""
    first, last = absent(official, date(begin, 1, 1)), absent(official, date(end, 1, 1))
    became = between(official, date(begin, 1, 1), date(end, 1, 1)).became
    reached = {code for codes in became.values() for code in codes}
    assert not first & became.keys()
    assert not last & reached
    assert first - last <= reached
    assert last - first <= became.keys()


def test_known_cases(official: pd.DataFrame) -> None:
    def now(code: str, begin: int, end: int) -> set[str]:
        return set(between(official, date(begin, 1, 1), date(end, 1, 1)).became[code])

    assert now("01091", 2018, 2024) == {"01033"}  # Châtillon-en-Michaille, in Valserhône since 2019
    assert now("49144", 2017, 2018) == {"44180"}  # Freigné: another département and merged, on one day
    assert now("14513", 2017, 2018) == {"50592"}  # Pont-Farcy, likewise
    assert now("14712", 2016, 2020) == {"14712"}  # Troarn, in Saline from 2017 to 2019: itself again
    assert now("14666", 2016, 2020) == {"14666"}  # Sannerville, whose code came back
    assert now("14712", 2018, 2020) == {"14712", "14666"}  # Saline, which was both, is split
    assert now("01033", 2024, 2018) == {"01033", "01091", "01205"}
    names = between(official, date(2018, 1, 1), date(2024, 1, 1)).names
    assert names["01033"] == "Valserhône"
    assert between(official, date(2024, 1, 1), date(2018, 1, 1)).names["01091"] == "Châtillon-en-Michaille"


def test_the_first_of_january_belongs_to_its_year(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "32 2018-01-01 a>a", "32 2018-01-01 b>a")
    assert follow(path, 2018, 2024) == {}
    assert follow(path, 2017, 2018) == {"a": "a", "b": "a"}


def test_chains_codes_that_come_back_and_splits(tmp_path: Path) -> None:
    merged = ("31 2001-01-01 a>c", "31 2001-01-01 b>c", "31 2001-01-01 c>c")
    renumbered = "41 2003-01-01 c>d"
    assert follow(write(tmp_path / "1", *merged, renumbered), 2000, 2010) == {"a": "d", "b": "d", "c": "d"}
    back = ("21 2005-01-01 c>c", "21 2005-01-01 c>b")
    assert follow(write(tmp_path / "2", *merged, *back), 2000, 2010) == {"a": "c", "b": "b", "c": "c"}
    assert follow(write(tmp_path / "3", *merged, *back), 2002, 2010) == {"c": "bc"}
    made = ("20 2005-01-01 c>c", "20 2005-01-01 c>e")
    assert follow(write(tmp_path / "4", *merged, *made), 2000, 2010) == {"a": "ce", "b": "ce", "c": "ce"}


def test_other_parts_of_communes_are_left_out(tmp_path: Path) -> None:
    rows = f"{HEADER}\n32,2019-01-01,COM,a,A,COMD,a,A\n35,2019-01-01,COMD,b,B,COM,a,A\n"
    (tmp_path / "m.csv").write_text(rows)
    assert read_movements(tmp_path / "m.csv").empty


def test_faults_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("DATE_EFF\n2019-01-01\n")
    with pytest.raises(LandcoverError, match="has no column MOD"):
        read_movements(tmp_path / "a.csv")
    with pytest.raises(LandcoverError, match="has events of MOD 99"):
        read_movements(write(tmp_path / "b.csv", "99 2019-01-01 a>b"))
    with pytest.raises(LandcoverError, match="has the date '2019-13-01'"):
        read_movements(write(tmp_path / "c.csv", "31 2019-13-01 a>b"))
    with pytest.raises(LandcoverError, match="is not there"):
        read_movements(tmp_path / "none.csv")
    (tmp_path / "d.geojson").write_text('{"type": "FeatureCollection", "features": []}' + "," * 1_000_000)
    with pytest.raises(LandcoverError, match="has no column MOD"):
        read_movements(tmp_path / "d.geojson")
    with pytest.raises(LandcoverError, match="is no vintage"):
        day_of("last year")
