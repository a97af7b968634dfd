"""Maps of many dates: hectares of each class by territory and date, and the trajectories of pixels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.area import pixel_areas
from landcover.imagery.cog import CACHE
from landcover.imagery.image import Place
from landcover.imagery.maps import Codes, open_codes
from landcover.legend import Legend
from landcover.statistics.change.comparable import check_comparable
from landcover.statistics.change.pair import STRIP_PX, STRIP_ROWS, same_grid
from landcover.statistics.coverage import missing_share, tabulate, zone_areas
from landcover.statistics.tables import check_table, facts, vintage, write_table
from landcover.statistics.zones import none_touches, read_zones

MOST_MAPS = 12  # memory grows with the number of sequences
MOST_SEQUENCES = 1000  # in the table of trajectories


@dataclass(frozen=True)
class Series:
    """What a series of maps holds.

    Attributes
    ----------
    shares : code, name, date, class, area_ha, share, mapped_ha, no_data_share; by territory in the order of
        the file, date, class of the legend. As in `landcover territories`, share is of mapped_ha, what has
        data in the territory at that date (NaN without any, and for classes that say nothing of the ground),
        and no_data_share of the territory's area: clouds, no data, and what lies outside the map
    trajectories : trajectory ("cultivated > artificial"), a column per date, changes (of the class,
        as far as it is known: clouds are none), pixels, area_ha; largest first; the last row sums the others
        where there are over 1000
    notes : what the reader has to know
    table, trajectories_table : where they were written
    """

    shares: pd.DataFrame
    trajectories: pd.DataFrame
    table: Path
    trajectories_table: Path
    notes: tuple[str, ...]


def series(
    maps: Sequence[Path],
    zones: Path,
    out: Path,
    dates: Sequence[str] | None = None,
    allow: Collection[str] = (),
    legend: str | None = None,
    code: str | None = None,
    report: Path | None = None,
    overwrite: bool = False,
) -> Series:
    """Tabulate maps of several dates by territory, and follow their pixels.

    Nothing is filtered: the errors of each date are in the table, and a trajectory that goes to and fro is
    more likely an error than a change. Maps are read in strips; memory grows with the number of different
    sequences of classes, and not with the height beyond GDAL's cache (`landcover.imagery.cog.CACHE`).

    Parameters
    ----------
    maps : 2 to 12, on one grid
    zones : territories
    out : table to write, `<stem>_trajectories` with the same suffix beside it (CSV beside a GeoPackage)
    dates : of the maps, in their order; None takes them from their STAC items
    report : a page to write, with lines of shares over time for each of the first territories
    allow, legend, code, overwrite : see `landcover.statistics.change.change.change`

    Raises
    ------
    LandcoverError : maps that can't be compared, no dates or one twice, zones at fault, or `out` can't be
        used
    """
    paths, out = [Path(m) for m in maps], Path(out)
    second = out.with_name(
        f"{out.stem}_trajectories{'.csv' if out.suffix.lower() == '.gpkg' else out.suffix}"
    )
    for table in (out, second):
        check_table(table, overwrite)
    if report is not None and report.exists() and not overwrite:
        raise LandcoverError(
            report, "is there already", "a new page", "give another --report, or --overwrite"
        )
    if not 2 <= len(paths) <= MOST_MAPS:
        raise LandcoverError("maps", f"are {len(paths)}", f"2 to {MOST_MAPS}", "give as many")
    common, notes = check_comparable(paths, legend, allow)
    when = _dates(paths, dates)
    order = sorted(range(len(paths)), key=lambda i: when[i])
    paths, when = [paths[i] for i in order], [when[i] for i in order]
    territories = read_zones(Path(zones), code)
    with rasterio.Env(GDAL_CACHEMAX=CACHE), ExitStack() as stack:
        opened = [stack.enter_context(open_codes(p, common)) for p in paths]
        place = [same_grid(opened[0], other) for other in opened[1:]][-1]
        parts = [
            _shares(codes, place, territories, common).assign(date=d)
            for codes, d in zip(opened, when, strict=True)
        ]
        trajectories = _trajectories(opened, place, common, when)
    if not any(map(len, parts)):
        raise none_touches(Path(zones), paths[0])
    shares = _in_order(pd.concat(parts), territories, common)
    inputs = {f"map {d}": p for d, p in zip(when, paths, strict=True)} | {"zones": Path(zones)}
    record = facts("series", inputs, {"allow": list(allow), "legend": legend}, notes=notes)
    written = shares
    if out.suffix.lower() == ".gpkg":
        written = territories[["code", "geometry"]].merge(shares, on="code")
    write_table(out, written, record)
    write_table(second, trajectories, record)
    if report is not None:
        from landcover.statistics.change.series_report import write_report

        write_report(report, shares, trajectories, common, record)
    return Series(shares, trajectories, out, second, tuple(notes))


def _dates(paths: Sequence[Path], asked: Sequence[str] | None) -> list[str]:
    """The date of each map, each once."""
    if asked is not None and len(asked) != len(paths):
        raise LandcoverError("--dates", f"holds {len(asked)}", f"{len(paths)}, one a map", "add what lacks")
    found = list(asked) if asked is not None else [_date(path) for path in paths]
    twice = [d for d in found if found.count(d) > 1]
    if twice:
        raise LandcoverError("maps", f"have the date {twice[0]} twice", "each date once", "give --dates")
    return found


def _date(path: Path) -> str:
    taken = vintage(path).get("imagery")
    if not isinstance(taken, str):
        raise LandcoverError(
            path, "has no date in a STAC item", "the date of its image", "give the dates of all maps: --dates"
        )
    return taken[:10]


def _shares(codes: Codes, place: Place, zones: Any, legend: Legend) -> pd.DataFrame:
    """Hectares of each class that occurs in a territory: code, class, area_ha."""

    def read(row: int, column: int, height: int, width: int) -> npt.NDArray[np.uint8]:
        return codes.read(Window(column, row, width, height))

    found = tabulate(place, codes.source.shape, zones.geometry, read)
    return pd.DataFrame(
        {
            "code": zones["code"].to_numpy()[found["zone"]],
            "class": found["code"].map(_names(legend)).to_numpy(),
            "area_ha": found["area_ha"].to_numpy(),
        }
    )


def _names(legend: Legend) -> dict[int, str]:
    return {legend.no_data_code: "no_data"} | dict(zip(legend.codes, legend.names, strict=True))


def _in_order(table: pd.DataFrame, zones: Any, legend: Legend) -> pd.DataFrame:
    """A row for every territory, date and class, also where there is nothing."""
    names = list(dict.fromkeys([*legend.names, *_names(legend).values()]))
    keys = [list(zones["code"]), sorted(table["date"].unique()), names]
    full = pd.MultiIndex.from_product(keys, names=["code", "date", "class"])
    area = table.groupby(["code", "date", "class"])["area_ha"].sum().reindex(full, fill_value=0.0)
    ground = area.where(full.get_level_values("class").isin(legend.label_names))
    mapped = ground.groupby(["code", "date"], sort=False).transform("sum")
    found = pd.DataFrame({"area_ha": area, "share": ground / mapped.where(mapped > 0), "mapped_ha": mapped})
    found = found.reset_index()
    found["no_data_share"] = missing_share(
        found["mapped_ha"],
        found["code"].map(dict(zip(zones["code"], zone_areas(zones.geometry), strict=True))),
    )
    found.insert(1, "name", found["code"].map(dict(zip(zones["code"], zones["name"], strict=True))))
    return found


def _trajectories(maps: Sequence[Codes], place: Place, legend: Legend, when: Sequence[str]) -> pd.DataFrame:
    """Count the sequences of classes."""
    height, width = maps[0].source.shape
    step, counts = min(STRIP_ROWS, max(1, STRIP_PX // width)), pd.DataFrame()
    dates = list(range(len(maps)))
    for y in range(0, height, step):
        rows = min(step, height - y)
        window = Window(0, y, width, rows)
        at, sequences = _sequences([codes.read(window).ravel() for codes in maps])
        areas = pixel_areas(place, np.arange(y, y + rows), np.arange(width))
        assert areas is not None, "the place was checked"
        strip = pd.DataFrame(sequences, columns=dates)
        strip["pixels"], strip["area_ha"] = np.bincount(at), np.bincount(at, areas.ravel())
        counts = pd.concat([counts, strip]).groupby(dates, as_index=False).sum()
    counts = counts.sort_values("area_ha", ascending=False, kind="stable", ignore_index=True)
    names = _names(legend)
    table = pd.DataFrame({d: counts[i].map(names) for i, d in enumerate(when)})
    changes = _changes(table.where(table.isin(legend.label_names)))
    table.insert(0, "trajectory", table.agg(" > ".join, axis=1))
    table["changes"], table["pixels"], table["area_ha"] = changes, counts["pixels"], counts["area_ha"]
    if len(table) <= MOST_SEQUENCES:
        return table
    rest = table.iloc[MOST_SEQUENCES:]
    other = {
        "trajectory": f"{len(rest)} others",
        "pixels": rest["pixels"].sum(),
        "area_ha": rest["area_ha"].sum(),
    }
    return pd.concat([table.iloc[:MOST_SEQUENCES], pd.DataFrame([other])], ignore_index=True)


def _changes(table: pd.DataFrame) -> pd.Series[int]:
    """How often the class changes from date to date, where what is not known (NaN) is passed over."""
    filled = table.ffill(axis=1)
    before = filled.shift(axis=1)
    return (before.notna() & (filled != before)).sum(axis=1)


def _sequences(
    layers: Sequence[npt.NDArray[np.uint8]],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """The sequences of codes that pixels go through: which one each pixel has, and all of them.

    They are numbered anew with every date, so that no number is larger than 256 times the pixels.

    Examples
    --------
    >>> at, found = _sequences([np.array([2, 2, 3], np.uint8), np.array([9, 9, 2], np.uint8)])
    >>> at.tolist(), found.tolist()
    ([0, 0, 1], [[2, 9], [3, 2]])
    """
    at, found = np.zeros(layers[0].size, np.int64), np.zeros((1, 0), np.uint8)
    for codes in layers:
        at, longer = pd.factorize(at * 256 + codes)
        found = np.column_stack([found[longer // 256], (longer % 256).astype(np.uint8)])
    return at, found
