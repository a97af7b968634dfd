import base64
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landcover.legend import S2GLC
from landcover.report.bars import share_bars
from landcover.report.figures import confusion_heat, curves, intervals, reliability, share_scatter
from landcover.report.page import Fact, Figure, Section, Table, cell, swatches, write_page
from landcover.report.pictures import MOST_SIDE, Panel, image_rgb, map_rgb, panels, thinned, write_panels

SHARES = pd.Series(np.arange(10) / 45, index=list(S2GLC.names))
LABELS = list(S2GLC.label_names)


def all_figures() -> list[Figure]:
    rng = np.random.default_rng(0)
    shares = pd.DataFrame(rng.dirichlet(np.ones(8), 5), columns=LABELS)
    bins = pd.DataFrame({"low": np.arange(15) / 15, "high": np.arange(1, 16) / 15, "pixels": np.arange(15)})
    bins["confidence"] = bins["accuracy"] = np.where(bins["pixels"] > 0, bins["high"], np.nan)
    table = pd.DataFrame(
        {
            "name": ["a", "b"],
            "value": [0.1, 0.0],
            "low": [0.05, np.nan],
            "high": [0.2, np.nan],
            "strong": [True, False],
        }
    )
    history = pd.DataFrame(
        {"epoch": [1, 2], "loss": [1.0, 0.5], "val_loss": [1.1, 0.7], "val_kl": [0.2, 0.1]}
    )
    counts = pd.DataFrame(np.diag(np.arange(8)), LABELS, LABELS)
    mask = rng.integers(0, 10, (8, 9)).astype(np.uint8)
    return [
        share_bars({"true": SHARES, "predicted": SHARES[::-1]}, S2GLC, "caption"),
        share_scatter(shares, shares[::-1].set_index(shares.index), S2GLC),
        confusion_heat(counts),
        reliability(bins),
        intervals(table, "KL"),
        curves(history),
        curves(history[["epoch", "loss"]]),
        panels([Panel(map_rgb(mask, S2GLC), "map", "a map")], "caption", S2GLC),
    ]


class Reader(HTMLParser):
    """Collects what a browser would fetch, and pictures without text alternative."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.silent: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = dict(attrs)
        self.ids += [i for i in (have.get("id"),) if i]
        if tag == "img" and not have.get("alt"):
            self.silent.append(tag)
        if tag == "svg" and not have.get("aria-label"):
            self.silent.append(tag)
        for name in ("src", "href", "xlink:href"):
            if (value := have.get(name)) and not value.startswith(("#", "data:")):
                self.fetched.append(value)
        if tag in ("script", "link", "iframe"):
            self.fetched.append(tag)


def test_a_page_needs_nothing_else_and_tells_its_pictures(tmp_path: Path) -> None:
    page = tmp_path / "p.html"
    table = Table(
        pd.DataFrame({"class": ["water"], "share": [0.5]}), "Shares", {"share": ".1%"}, swatches(S2GLC)
    )
    sections = [Section(f"Part {k}", "One.\n\nTwo.", [f], [table]) for k, f in enumerate(all_figures())]
    write_page(page, "Title", "Lead", sections, [Fact("Score", "0.1", "note")], "foot")
    text = page.read_text()
    reader = Reader()
    reader.feed(text)
    assert reader.fetched == []
    assert reader.silent == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert not re.search(r"url\(\s*['\"]?https?:|@import", text)
    assert text.count("<caption>Shares</caption>") == len(all_figures())
    assert "50.0\u00a0%" in text
    assert "prefers-color-scheme: dark" in text
    assert "<p>One.</p>\n<p>Two.</p>" in text


def test_all_text_is_escaped(tmp_path: Path) -> None:
    bad = '<script>alert("x")</script>'
    panel = Panel(np.zeros((2, 2, 3), np.uint8), bad, bad)
    table = Table(pd.DataFrame({bad: [bad]}), bad)
    figures = [
        panels([panel], bad),
        intervals(
            pd.DataFrame({"name": [bad], "value": [1.0], "low": [1.0], "high": [2.0], "strong": [True]}), bad
        ),
    ]
    write_page(
        tmp_path / "p.html", bad, bad, [Section(bad, bad, figures, [table])], [Fact(bad, bad, bad)], bad
    )
    text = (tmp_path / "p.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_same_content_gives_the_same_bytes() -> None:
    assert [f.html for f in all_figures()] == [f.html for f in all_figures()]


@pytest.mark.parametrize("value", [None, np.nan, pd.NA])
def test_a_missing_value_is_a_dash(value: object) -> None:
    assert cell(value) == "–"


def test_single_and_empty_shares_are_drawn() -> None:
    assert "water" in share_bars({"shares": SHARES}, S2GLC).html
    assert share_bars({"shares": SHARES * 0}, S2GLC).html.startswith("<svg")


def test_curves_mark_the_best_epoch() -> None:
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "val_kl": [0.3, 0.1, 0.2]})
    assert "best validation KL 0.1000 in epoch 2" in curves(history).html
    without = history.assign(val_kl=np.nan)
    assert "best" not in curves(without).html


def test_a_quick_look_shows_red_green_blue_of_blue_green_red() -> None:
    bands = np.zeros((4, 10, 10))
    bands[2] = 3000  # red
    bands[1, :5] = 1000
    bands[:, 9, 9] = 0
    rgb = image_rgb(bands)
    assert rgb.dtype == np.uint8
    assert (rgb[0, 0] == [255, int((1 / 3) ** 0.7 * 255), 0]).all()
    assert (rgb[9, 9] == 0).all()
    assert not image_rgb(np.zeros((4, 3, 3))).any()


def test_one_bright_pixel_does_not_darken_the_picture() -> None:
    bands = np.random.default_rng(0).uniform(200, 1000, (4, 50, 50))
    plain = image_rgb(bands).mean()
    bands[:, 0, 0] = 20000
    assert image_rgb(bands).mean() == pytest.approx(plain, rel=0.05)


def test_a_map_has_the_colours_of_the_legend() -> None:
    rgb = map_rgb(np.array([list(S2GLC.codes)], np.uint8), S2GLC)
    assert [tuple(c) for c in rgb[0].tolist()] == [c.rgb for c in S2GLC.classes]


@pytest.mark.parametrize("side", [1, MOST_SIDE, MOST_SIDE + 1, 5 * MOST_SIDE - 3])
def test_large_pictures_are_thinned(side: int) -> None:
    assert max(thinned(np.zeros((side, 2, 3))).shape) <= MOST_SIDE


def test_pictures_are_read_back_as_they_were() -> None:
    from matplotlib.image import imread

    rgb = np.random.default_rng(0).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    html = panels([Panel(rgb, "title", "alt")]).html
    png = base64.b64decode(html.partition("base64,")[2].partition('"')[0])
    np.testing.assert_array_equal(np.rint(imread(BytesIO(png), format="png") * 255), rgb)


def test_rows_of_pictures_are_one_file_with_the_colours_and_the_legend(tmp_path: Path) -> None:
    from matplotlib.image import imread

    water, snow, forest = (c for c in S2GLC.classes if c.name in ("water", "snow", "broadleaf"))
    rows = [
        [Panel(map_rgb(np.full((20, 20), c.code, np.uint8), S2GLC), "map", c.name)] for c in (water, snow)
    ]
    write_panels(tmp_path / "rows.png", rows, ["a", "b"], S2GLC, [water.code, snow.code])
    pixels = np.rint(imread(tmp_path / "rows.png")[..., :3] * 255).astype(int)
    for c, most in ((water, 0.5), (snow, 0.5), (forest, 0.0)):
        share = (pixels == c.rgb).all(axis=-1).mean()
        assert (0.1 < share < most) if most else share == 0, c.name
    assert [p.name for p in tmp_path.iterdir()] == ["rows.png"]
