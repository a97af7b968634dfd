"""The examples in docstrings give what they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import landcover

ROOT = Path(landcover.__file__).parent
NEED_TORCH = ("landcover.networks.", "landcover.training.")
WITH_EXAMPLES = [
    ".".join(("landcover", *path.relative_to(ROOT).with_suffix("").parts))
    for path in sorted(ROOT.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_give_what_they_show(name: str) -> None:
    if name.startswith(NEED_TORCH):
        pytest.importorskip("torch")
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
