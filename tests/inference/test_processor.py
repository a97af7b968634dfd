"""Whether bf16 is the faster one, by what /proc/cpuinfo says."""

from __future__ import annotations

from pathlib import Path

import pytest

from landcover.inference import processor


@pytest.mark.parametrize(
    ("vendor", "flags", "gains"),
    [
        ("GenuineIntel", "fma avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("GenuineIntel", "fma avx512f avx512_bf16", False),
        ("AuthenticAMD", "fma avx512f avx512_bf16", True),
        ("AuthenticAMD", "fma avx2", False),
    ],
)
def test_bf16_is_chosen_where_it_is_faster(
    vendor: str, flags: str, gains: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: a: b\nflags\t\t: {flags}\nbugs\t\t:\n"
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"{one}\n{one}")
    assert processor.gains_from_bf16() is gains
    assert processor.gains_from_bf16(otherwise=not gains) is gains


def test_where_nothing_is_known_the_caller_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    assert processor.gains_from_bf16(otherwise=True)
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert processor.gains_from_bf16(otherwise=True)
    assert not processor.gains_from_bf16()
