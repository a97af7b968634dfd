from __future__ import annotations

import pytest

from landcover.catalog import patience
from landcover.catalog.patience import patiently, without_query
from landcover.errors import LandcoverError


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    return pauses


def test_pauses_double_and_end(slept: list[float]) -> None:
    def attempt(number: int) -> int:
        raise OSError(f"HTTP response code: 503 from https://example.org/a.tif?sig=secret#{number}")

    with pytest.raises(LandcoverError) as error:
        patiently(attempt, "https://example.org/a.tif?sig=secret", (OSError,))
    assert slept == [0.5, 1, 2]
    assert "secret" not in str(error.value)
    assert str(error.value).startswith("https://example.org/a.tif: can't be read after 4 tries (HTTP ")


def test_a_later_try_may_do_and_final_answers_end_at_once(slept: list[float]) -> None:
    assert patiently(lambda n: 1 // n, "it", (ZeroDivisionError,)) == 1
    assert slept == [0.5]
    with pytest.raises(LandcoverError, match=r"it: can't be read \(HTTP response code: 403\)"):
        patiently(lambda _: (_ for _ in ()).throw(OSError("HTTP response code: 403")), "it", (OSError,))
    assert slept == [0.5]


def test_without_query() -> None:
    told = "'/vsicurl/https://a.org/b.tif?sig=x&y#1' failed"
    assert without_query(told) == "'/vsicurl/https://a.org/b.tif' failed"
