"""Result files: what they say of commit and machine, and tables of them in Markdown."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ONE_PLACE = ROOT / "results" / "models" / "one_place.onnx"  # has seen no label of `elsewhere` (MODELS.md)


def this_commit(folder: Path = ROOT) -> str:
    """Commit of a folder's repository, `-dirty` where files differ from it."""
    words = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> dict[str, Any]:
    """The processor and how many cores of it there are."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next(line for line in lines if line.startswith("model name"))
    return {"processor": name.split(":")[1].strip(), "cores": os.cpu_count()}


def measured(found: dict[str, Any]) -> str:
    """On what the figures of a result file were measured, without the full stop."""
    where = found["machine"]
    return f"Measured at commit {found['commit']} on {where['processor']}, {where['cores']} cores"


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
