"""Fill the tables of MODELS.md and docs/ from results/*.json: python benchmarks/tables.py

A table stands between `<!-- table NAME -->` and `<!-- end -->`; what is between is replaced by what the
function NAME of tables_model.py or tables_statistics.py gives.
"""

from __future__ import annotations

import re

import tables_model
import tables_statistics
from result_files import ROOT

PAGES = ("MODELS.md", "docs/results.md", "docs/performance.md", "docs/cluster.md", "docs/statistics.md")


def table(name: str) -> str:
    """A table by name."""
    module = tables_model if hasattr(tables_model, name) else tables_statistics
    found: str = getattr(module, name)()
    return found


def filled(page: str) -> str:
    """A page with its tables made anew."""

    def replaced(match: re.Match[str]) -> str:
        return f"<!-- table {match[1]} -->\n{table(match[1])}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->.*?<!-- end -->", replaced, page, flags=re.S)


if __name__ == "__main__":
    for name in PAGES:
        path = ROOT / name
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
