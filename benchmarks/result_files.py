"""Result files, and tables of them in Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ONE_PLACE = ROOT / "results" / "models" / "one_place.onnx"  # has seen no label of `elsewhere` (MODELS.md)


def read(name: str) -> Any:
    """A result file."""
    return json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))


def interval(d: dict[str, float], sign: str = "") -> str:
    """A figure with its interval."""
    value = d.get("kl", d.get("mean", 0.0))
    return f"{value:{sign}.4f} ({d['low']:{sign}.4f} to {d['high']:{sign}.4f})"


def rows(header: list[str], body: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
