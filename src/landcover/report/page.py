"""One self-contained HTML page from sections of text, figures and tables: opens offline, light or dark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from landcover.files import write_text
from landcover.legend import Legend


@dataclass(frozen=True)
class Figure:
    """A picture for a page: inline SVG or `<img>`, text alternative included, and what to read in it."""

    html: Markup
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A table for a page; the first column of `frame` names the rows.

    Parameters
    ----------
    frame : text and numbers; NaN and None show as "–"
    caption : what the table holds
    formats : format specification of columns of numbers, such as {"iou": ".3f"}; without one, whole numbers
        show as 12,345 and others with three decimals
    swatches : colour (`#rrggbb`) to show before a row's name, by name
    """

    frame: pd.DataFrame
    caption: str
    formats: Mapping[str, str] = field(default_factory=dict)
    swatches: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_text(self) -> list[bool]:
        """Which columns hold text: they are aligned to the left, numbers to the right."""
        return [any(isinstance(v, str) for v in self.frame[c]) for c in self.frame.columns]

    @property
    def rows(self) -> list[list[str]]:
        """The cells as text."""
        columns = [self.frame[c].tolist() for c in self.frame.columns]
        names = [str(c) for c in self.frame.columns]
        return [
            [cell(v, self.formats.get(n, "")) for n, v in zip(names, row, strict=True)]
            for row in zip(*columns, strict=True)
        ]


@dataclass(frozen=True)
class Fact:
    """A number that the page opens with."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs (separated by an empty line), figures and tables."""

    title: str
    text: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs of `text`."""
        return [p.strip() for p in self.text.split("\n\n") if p.strip()]


def write_page(
    path: Path,
    title: str,
    lead: str,
    sections: Sequence[Section],
    facts: Sequence[Fact] = (),
    footer: str = "",
) -> None:
    """Write one HTML file that needs nothing else: no script, no network, style and pictures inside.

    All text is escaped. The same content gives the same bytes.

    Parameters
    ----------
    title, lead : heading and first sentence
    sections : in reading order, each with an entry in the table of contents
    facts : the numbers to show first
    footer : how the page was made
    """
    environment = Environment(
        loader=PackageLoader("landcover.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html").render(
        title=title, lead=lead, sections=sections, facts=facts, footer=footer
    )
    write_text(path, page)


def write_svg(path: Path, figure: Figure) -> None:
    """Write an SVG figure to a file of its own, black on white, since no page lends it colours there."""
    write_text(path, str(figure.html).replace("<svg ", '<svg style="background: #fff; color: #000" ', 1))


def cell(value: Any, spec: str = "") -> str:
    """A value as the text of a table cell.

    Examples
    --------
    >>> cell(12345), cell(0.12345), cell(float("nan")), cell("water")
    ('12,345', '0.123', '–', 'water')
    """
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return "–"
    return number(value, spec or (",d" if isinstance(value, int) else ".3f"))


def number(value: float, spec: str) -> str:
    """Format a number; the per cent sign stands apart, and a zero has no minus.

    Examples
    --------
    >>> number(0.125, ".1%") == "12.5\u00a0%", number(-0.0001, ".2f")
    (True, '0.00')
    """
    text = format(value, spec if "d" in spec or "g" in spec else re.sub(r"(?=[,.])", "z", spec, count=1))
    return text.replace("%", "\u00a0%")


def swatches(legend: Legend) -> dict[str, str]:
    """Colours by class name, for `Table`."""
    return {c.name: c.colour for c in legend.classes}
