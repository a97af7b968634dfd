"""Change between two maps: transitions, gains and losses in hectares, a map of change, and a report."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.files import staged
from landcover.imagery.cog import CACHE
from landcover.imagery.maps import open_codes
from landcover.imagery.write import open_map
from landcover.legend import LandClass, Legend
from landcover.statistics.change.comparable import check_comparable
from landcover.statistics.change.net_change import net_change, read_blocks, without_estimate
from landcover.statistics.change.pair import Pair, open_pair
from landcover.statistics.change.report import write_report
from landcover.statistics.coverage import tabulate
from landcover.statistics.tables import facts, write_table
from landcover.statistics.zones import none_touches, read_zones

RESULTS = (
    "transitions.csv", "change.csv", "estimates.csv", "change.tif", "report.html",
    *(f"{name}.csv.json" for name in ("transitions", "change", "estimates")),
)  # fmt: skip
WHOLE = "map"  # code of the row of the whole map among territories
FIGURES = 256 * 256 * 2  # numbers that a pair of codes and "counted" make


@dataclass(frozen=True)
class Change:
    """What changed between two maps.

    Attributes
    ----------
    folder : where everything was written
    transitions : code, name (of the territory), from, to, pixels, area_ha, filtered_ha
    classes : code, name, class, area_a_ha, area_b_ha, gain_ha, loss_ha, net_ha, gross_ha, swap_ha,
        filtered_gain_ha, filtered_loss_ha
    estimates : areas corrected for the maps' errors (`net_change.net_change`); None without confusion blocks
    notes : what the reader has to know
    """

    folder: Path
    transitions: pd.DataFrame
    classes: pd.DataFrame
    estimates: pd.DataFrame | None
    notes: tuple[str, ...]


def change(
    map_a: Path,
    map_b: Path,
    out: Path,
    zones: Path | None = None,
    mmu: float = 0.0,
    evaluation: Sequence[Path] = (),
    allow: Collection[str] = (),
    legend: str | None = None,
    code: str | None = None,
    overwrite: bool = False,
) -> Change:
    """Compare two maps of one place.

    A pixel counts as changed when it has a class in both maps, another one in each, no shift of a boundary by
    one pixel explains it (`pair.persists`), and it belongs to a patch of at least `mmu` hectares of such
    pixels. Areas are true ones (`landcover.imagery.area`). Maps are read in strips: memory does not grow with
    their height beyond GDAL's cache (`landcover.imagery.cog.CACHE`).

    Parameters
    ----------
    map_a, map_b : before and after, on one grid
    out : folder for transitions.csv, change.csv, change.tif, report.html and, with `evaluation`,
        estimates.csv
    zones : territories, to have tables for each; the whole map comes first, with the code `map`
    mmu : minimum mapping unit, ha
    evaluation : folders of `landcover evaluate` for the model of `map_a` and, where it is another, of
        `map_b`: their confusion_blocks.csv give areas corrected for the maps' errors, with joint intervals
    allow : what may differ between the maps: `model`, `baseline`
    legend : of maps that carry none, or another
    code : column of the zones' codes
    overwrite : replace what an earlier run wrote into `out`

    Raises
    ------
    LandcoverError : maps that can't be compared, zones or evaluation at fault, or `out` can't be used; `out`
        is then as it was
    """
    paths = Path(map_a), Path(map_b)
    if mmu < 0:
        raise LandcoverError("--mmu", f"is {mmu:g} ha", "0 or more", "mend it")
    common, notes = check_comparable(paths, legend, allow)
    territories = None if zones is None else read_zones(Path(zones), code)
    if territories is not None and (territories["code"] == WHOLE).any():
        raise LandcoverError(Path(zones or ""), f"holds the code {WHOLE}", "another code", "rename it")
    blocks = [read_blocks(Path(e), common) for e in evaluation]
    notes += dict.fromkeys(note for matrices in blocks for note in without_estimate(matrices, common))
    shown = change_legend(common)
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE),
        staged(Path(out), overwrite, RESULTS) as folder,
        open_pair(*paths, common) as pair,
    ):
        cells = {WHOLE: _write_change(pair, folder / "change.tif", shown, mmu)}
        names = {WHOLE: ""}
        if territories is not None:
            names |= dict(zip(territories["code"], territories["name"], strict=True))
            cells |= _by_territory(pair, folder / "change.tif", territories, Path(zones or ""), common)
        transitions = pd.concat(
            [_transitions(c, common).assign(code=k, name=names[k]) for k, c in cells.items()]
        )
        transitions = transitions[["code", "name", "from", "to", "pixels", "area_ha", "filtered_ha"]]
        classes = class_table(transitions, common)
        estimates = net_change(transitions, blocks, common) if blocks else None
        inputs = dict(zip(("map_a", "map_b"), paths, strict=True))
        inputs |= {} if zones is None else {"zones": Path(zones)}
        inputs |= {f"evaluation_{i}": Path(e) / "confusion_blocks.csv" for i, e in enumerate(evaluation, 1)}
        options = {"mmu_ha": mmu, "allow": list(allow), "legend": legend}
        record = facts("change", inputs, options, notes=notes)
        tables = {"transitions": transitions, "change": classes, "estimates": estimates}
        for name, table in tables.items():
            if table is not None:
                write_table(folder / f"{name}.csv", table, record)
        write_report(folder, paths, transitions, classes, estimates, territories, common, shown, record)
    return Change(Path(out), transitions, classes, estimates, tuple(notes))


def change_legend(legend: Legend) -> Legend:
    """The legend of the map of change: a changed pixel has the code of the class that it became.

    The two highest free codes below 255 are "unchanged" and "filtered" (a change that does not count).
    What has no class in both maps is no data.
    """
    free = [c for c in range(254, -1, -1) if c not in legend.codes]
    if len(free) < 2:
        raise LandcoverError("legend", "leaves no two free codes", "at most 253 classes", "merge some")
    became = [LandClass(c.code, f"to {c.name}", f"vers {c.name_fr}", c.colour) for c in legend.labels]
    nothing = LandClass(legend.no_data_code, "not compared", "non comparé", "#000000", is_label=False)
    same = LandClass(free[0], "unchanged", "inchangé", "#e9e9e9")
    small = LandClass(free[1], "filtered", "filtré", "#c4c4c4")
    classes = sorted([*became, nothing, same, small], key=lambda c: c.code)
    return Legend(f"change of {legend.name}", tuple(classes))


def _write_change(pair: Pair, path: Path, shown: Legend, mmu: float) -> pd.DataFrame:
    """Write the map of change and count the whole map: code (packed), pixels, area_ha."""
    code = {c.name: c.code for c in shown.classes}
    labels = np.isin(np.arange(256), pair.legend.label_codes)
    pixels, areas = np.zeros(FIGURES, np.int64), np.zeros(FIGURES)
    with open_map(path, *pair.shape, shown, pair.place) as rows:
        for s in pair.strips(mmu):
            changed = np.where(s.counted, s.b, code["filtered"])
            seen = np.where(s.a == s.b, code["unchanged"], changed)
            rows.write(np.where(labels[s.a] & labels[s.b], seen, code["not compared"]).astype(np.uint8)[None])
            packed = _packed(s.a, s.b, s.counted).ravel()
            pixels += np.bincount(packed, minlength=FIGURES)
            areas += np.bincount(packed, s.areas.ravel(), minlength=FIGURES)
    found = np.flatnonzero(pixels)
    return pd.DataFrame({"code": found, "pixels": pixels[found], "area_ha": areas[found]})


def _by_territory(
    pair: Pair, path: Path, zones: Any, source: Path, legend: Legend
) -> dict[str, pd.DataFrame]:
    with open_codes(path, change_legend(legend)) as seen:

        def read(row: int, column: int, height: int, width: int) -> npt.NDArray[np.int64]:
            window = Window(column, row, width, height)
            a, b, c = pair.a.read(window), pair.b.read(window), seen.read(window)
            return _packed(a, b, (c == b) & (a != b))

        table = tabulate(pair.place, pair.shape, zones.geometry, read)
    if not len(table):
        raise none_touches(source, pair.a.path)
    return {k: table[table["zone"] == i] for i, k in enumerate(zones["code"])}


def _packed(
    a: npt.NDArray[Any], b: npt.NDArray[Any], counted: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    packed: npt.NDArray[np.int64] = (a.astype(np.int64) * 256 + b) * 2 + counted
    return packed


def _transitions(cells: pd.DataFrame, legend: Legend) -> pd.DataFrame:
    """One row for each pair of classes that occurs, in the order of the legend."""
    names = dict(zip(legend.codes, legend.names, strict=True)) | {legend.no_data_code: _no_data(legend)}
    pair, counted = cells["code"] // 2, cells["code"] % 2 == 1
    a, b = pair // 256, pair % 256
    labels = set(legend.label_codes)
    kept = counted | (a == b) | ~a.isin(labels) | ~b.isin(labels)
    table = pd.DataFrame(
        {
            "a": a, "b": b, "pixels": cells["pixels"],
            "area_ha": cells["area_ha"].where(kept, 0.0), "filtered_ha": cells["area_ha"].where(~kept, 0.0),
        }
    )  # fmt: skip
    table = table.groupby(["a", "b"], as_index=False).sum()
    table["from"], table["to"] = table["a"].map(names), table["b"].map(names)
    return table


def _no_data(legend: Legend) -> str:
    return "no_data" if legend.no_data is None else legend.no_data.name


def class_table(transitions: pd.DataFrame, legend: Legend) -> pd.DataFrame:
    """Gains and losses of each class and territory.

    Net change is gain − loss, gross change gain + loss, and swap, what a class lost in one place and gained
    in another, 2 · min(gain, loss) (Pontius, Shusas and McEachern 2004, Detecting important categorical land
    changes while accounting for persistence). Only changes that count are in them; what was filtered out
    stands in filtered_gain_ha and filtered_loss_ha. So area_b_ha − area_a_ha is
    net_ha + filtered_gain_ha − filtered_loss_ha, where both maps have classes everywhere.

    Parameters
    ----------
    transitions : code, name, from, to, area_ha, filtered_ha

    Examples
    --------
    >>> from landcover.legend import S2GLC
    >>> flows = pd.DataFrame({"code": "map", "name": "", "from": ["water", "water"],
    ...     "to": ["water", "natural"], "area_ha": [5.0, 2.0], "filtered_ha": [0.0, 0.5]})
    >>> found = class_table(flows, S2GLC).set_index("class")
    >>> found.loc[["water"], ["loss_ha", "net_ha", "filtered_loss_ha", "area_b_ha"]].to_numpy()
    array([[ 2. , -2. ,  0.5,  5. ]])
    """
    parts = []
    labels = set(legend.label_names)
    names = [*legend.names] + ([] if legend.no_data is not None else [_no_data(legend)])
    for (code, name), table in transitions.groupby(["code", "name"], sort=False):
        whole = table["area_ha"] + table["filtered_ha"]
        moved = table[table["from"].isin(labels) & table["to"].isin(labels) & (table["from"] != table["to"])]

        def total(values: pd.Series[float], by: pd.Series[str]) -> npt.NDArray[np.float64]:
            return np.asarray(values.groupby(by).sum().reindex(names, fill_value=0.0), np.float64)

        gain, loss = total(moved["area_ha"], moved["to"]), total(moved["area_ha"], moved["from"])
        part = {
            "code": code, "name": name, "class": names,
            "area_a_ha": total(whole, table["from"]), "area_b_ha": total(whole, table["to"]),
            "gain_ha": gain, "loss_ha": loss, "net_ha": gain - loss, "gross_ha": gain + loss,
            "swap_ha": 2 * np.minimum(gain, loss),
            "filtered_gain_ha": total(moved["filtered_ha"], moved["to"]),
            "filtered_loss_ha": total(moved["filtered_ha"], moved["from"]),
        }  # fmt: skip
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)
