"""Help texts, README and docs say what the code does."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import typer
from pydantic import BaseModel

import landcover
from landcover.cli import app
from landcover.training.recipe import Recipe

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
PAGES = [ROOT / "README.md", ROOT / "MODELS.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_an_example_a_section_and_a_function(name: str) -> None:
    assert f"Example: landcover {name}" in COMMANDS[name].help
    assert f"## landcover {name}\n" in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert callable(getattr(landcover, name))
    assert name in landcover.__all__


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_has_a_help_text(name: str) -> None:
    assert all(p.help for p in COMMANDS[name].params if p.name != "help")


def test_the_tree_of_the_readme_is_the_tree() -> None:
    tree = README.split("## The tree")[1].split("## Read on")[0]
    named = set(re.findall(r"^      (\S+)", tree, re.M))
    package = ROOT / "src" / "landcover"
    there = {f"{p.name}/" for p in package.iterdir() if (p / "__init__.py").exists()}
    there |= {p.name for p in package.glob("*.py") if not p.name.startswith("__")}
    assert named == there
    for folder in re.findall(r"^    (\w+)/", tree, re.M):
        assert (ROOT / folder).is_dir()


def test_the_six_commands_of_the_readme_are_commands_with_their_options() -> None:
    lines = re.findall(r"^\| `landcover (\w+) ([^`]*)`", README, re.M)
    assert len(lines) == 6
    for name, rest in lines:
        known = {o for p in COMMANDS[name].params for o in p.opts}
        assert set(re.findall(r"--[\w-]+", rest)) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_in_docs_have_these_options(page: Path) -> None:
    for line in re.findall(r"^    landcover (.*)$", page.read_text(encoding="utf-8"), re.M):
        name, *words = line.split("#")[0].split()
        known = {o for p in COMMANDS[name].params for o in p.opts}
        assert {w for w in words if w.startswith("--")} <= known, line


def test_training_md_names_every_key_of_the_recipe() -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    rows = {key for row in re.findall(r"^\| ([\w, ]+) \|", page, re.M) for key in row.split(", ")}
    for name, field in Recipe.model_fields.items():
        kinds = [get_args(kind)[0] for kind in get_args(field.annotation)] or [field.annotation]
        for table in kinds:
            if isinstance(table, type) and issubclass(table, BaseModel):
                assert f"| **{name}** |" in page
                assert set(table.model_fields) <= rows
            else:
                assert name in rows


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == landcover.__version__
    assert f"## {landcover.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_tables_are_those_of_the_result_files() -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from tables import PAGES as FILLED
    from tables import filled

    for name in FILLED:
        page = (ROOT / name).read_text(encoding="utf-8")
        assert filled(page) == page, f"{name}: run benchmarks/tables.py"
