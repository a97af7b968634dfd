"""A recipe that trains in seconds."""

from __future__ import annotations

from pathlib import Path

TINY = """
seed = 3
[data]
oversample = { water = 0.2 }
[network]
width = 4
depth = 2
dropout = 0.1
[schedule]
steps = %d
batch = 4
warmup = 2
[export]
window = 64
overlap = 16
"""


def tiny_recipe(path: Path, steps: int = 12, extra: str = "") -> Path:
    """Write the recipe."""
    path.write_text(TINY % steps + extra, encoding="utf-8")
    return path
