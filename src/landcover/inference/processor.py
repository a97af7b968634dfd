"""The processor: whether it gains from computing in bf16."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


def gains_from_bf16(otherwise: bool = False) -> bool:
    """Whether bf16 is faster than float32 here: decided by what the processor is, never by timing.

    Matrix units (AMX) gain most, and AMD's AVX512-BF16 does too. Intel's AVX512-BF16 without AMX, as some
    virtual machines show it, is slower than float32 (docs/performance.md).

    Parameters
    ----------
    otherwise : the answer where /proc/cpuinfo is missing or tells no flags
    """
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return otherwise
    first = dict(line.partition(":")[::2] for line in text.split("\n\n")[0].splitlines())
    facts = {key.strip(): value.split() for key, value in first.items()}
    if "flags" not in facts:
        return otherwise
    intel = facts.get("vendor_id") == ["GenuineIntel"]
    return "amx_bf16" in facts["flags"] or ("avx512_bf16" in facts["flags"] and not intel)
