"""The page of a change: flows, gains and losses, maps, and how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.imagery.image import open_raster
from landcover.legend import Legend
from landcover.report.choropleth import choropleth
from landcover.report.flows import flow_bands
from landcover.report.page import Fact, Figure, Section, Table, number, swatches, write_page
from landcover.report.pictures import MOST_SIDE, Panel, map_rgb, panels

MOST_ROWS = 30
POINTS = (
    "Labelled points give hectares of change with intervals that assume nothing of how the maps err: draw "
    "them from change.tif (landcover sample), label them, estimate (landcover area)."
)
HECTARES = ",.1f"


def write_report(
    folder: Path,
    maps: Sequence[Path],
    transitions: pd.DataFrame,
    classes: pd.DataFrame,
    estimates: pd.DataFrame | None,
    zones: Any,
    legend: Legend,
    shown: Legend,
    record: Mapping[str, Any],
) -> None:
    """Write report.html into a folder that holds change.tif and the tables already.

    Parameters
    ----------
    maps : before and after
    transitions, classes, estimates : of `change.Change`; the whole map comes first
    zones : GeoDataFrame of the territories; None without
    shown : the legend of change.tif
    record : what the tables' records hold
    """
    whole = transitions["code"].iloc[0]
    flows = transitions[transitions["code"] == whole]
    labels = list(legend.label_names)
    compared = flows[flows["from"].isin(labels) & flows["to"].isin(labels)]
    moved = compared[compared["from"] != compared["to"]]
    total = float((compared["area_ha"] + compared["filtered_ha"]).sum())
    counted, filtered = float(moved["area_ha"].sum()), float(moved["filtered_ha"].sum())
    share = f"{number(counted / total, '.1%')} of what was compared" if total else ""
    facts = [
        Fact("differs and counts", f"{number(counted, HECTARES)} ha", share),
        Fact("filtered out", f"{number(filtered, HECTARES)} ha", "boundaries, small patches"),
        Fact("compared", f"{number(total, HECTARES)} ha"),
    ]
    least = record["options"]["mmu_ha"]
    sections = [
        Section("What to know before using it", _to_know(record, estimates)),
        Section(
            "Flows",
            "What went from which class to which. What stayed is not drawn.",
            [flow_bands(moved, legend, maps[0].stem, maps[1].stem)],
        ),
        Section(
            "Gains and losses",
            "Net change is gain − loss, gross change gain + loss; swap is what a class lost in one place and "
            "gained in another. Area b − area a is the net change and, beside it, what was filtered out.",
            tables=[_classes(classes[classes["code"] == whole], legend)],
        ),
        Section(
            "Maps",
            "Both maps, and where change counts: the colour is that of the class it became. "
            "Filtered pixels are changes that a shift of a boundary by one pixel explains"
            + (f", or patches below {number(least, 'g')} ha" if least else "")
            + ". Black was not compared.",
            [_pictures(folder, maps, legend, shown)],
        ),
    ]
    if estimates is not None:
        sections.insert(
            3, Section("Estimates", _about(estimates), tables=_estimates(estimates, whole, legend))
        )
    if zones is not None:
        sections.insert(3, _territories(classes[classes["code"] != whole], labels, zones))
    sections.append(Section("How it was made", _made(record)))
    lead = f"What changed between {maps[0].name} and {maps[1].name}, in hectares on the ground."
    write_page(
        folder / "report.html", "Land cover change", lead, sections, facts,
        f"Written by landcover {record['landcover']}.",
    )  # fmt: skip


def _to_know(record: Mapping[str, Any], estimates: pd.DataFrame | None) -> str:
    text = list(record["notes"])
    if estimates is None:
        text.append(
            "These are counts of mapped pixels, without interval: no matrix of the maps' errors was given "
            "(--evaluation). Where each of two maps is wrong in one pixel of ten, up to one in five differs "
            "though nothing changed. Trust what is large beside that, and what the pictures confirm. "
            + POINTS
        )
    return "\n\n".join(text)


def _classes(table: pd.DataFrame, legend: Legend) -> Table:
    shown = table[(table["area_a_ha"] > 0) | (table["area_b_ha"] > 0)].drop(columns=["code", "name"])
    shown = shown.rename(columns=lambda c: str(c).removesuffix("_ha").replace("_", " "))
    formats = dict.fromkeys(map(str, shown.columns[1:]), HECTARES)
    return Table(shown, "Hectares of each class before (a) and after (b)", formats, swatches(legend))


def _about(estimates: pd.DataFrame) -> str:
    same = float(estimates["same_error"].iloc[0])
    return (
        "Areas corrected for the maps' errors, as landcover evaluate measured them elsewhere: model-based, "
        "as no point of this place was checked. The intervals hold for all classes of a territory at once in "
        "95 % of cases if the maps err here as they did there. A true change as large as “detectable” is "
        "told from 0 in 80 % of cases, a smaller one more rarely. "
        "Classes without interval were mapped here and nowhere where the model was evaluated; those without "
        "corrected hectares the model hardly ever finds.\n\n"
        "The errors of two dates are not independent: a meadow taken for a field is taken for one at both. "
        f"From how often the maps agree, their errors are taken as correlated by {number(same, '.2f')}. "
        + POINTS
    )


def _estimates(estimates: pd.DataFrame, whole: str, legend: Legend) -> list[Table]:
    own = estimates[(estimates["code"] == whole)]
    own = own[(own["mapped_a_ha"] > 0) | (own["mapped_b_ha"] > 0) | own["low_net_ha"].notna()]
    columns = {
        "class": "class", "area_a_ha": "a", "area_b_ha": "b", "net_ha": "net", "low_net_ha": "low",
        "high_net_ha": "high", "detectable_ha": "detectable",
    }  # fmt: skip
    shown = own[list(columns)].rename(columns=columns)
    verdict = np.where(
        own["low_net_ha"] > 0, "gain", np.where(own["high_net_ha"] < 0, "loss", "not told from 0")
    )
    shown["verdict"] = np.where(own["low_net_ha"].isna(), "no interval", verdict)
    formats = dict.fromkeys(["a", "b", "net", "low", "high", "detectable"], HECTARES)
    return [Table(shown, "Corrected hectares, model-based, 95 % joint intervals", formats, swatches(legend))]


def _territories(classes: pd.DataFrame, labels: list[str], zones: Any) -> Section:
    own = classes[classes["class"].isin(labels)]
    net = own.pivot_table("net_ha", "code", "class", "sum", sort=False).reindex(columns=labels)
    gross = own.groupby("code", sort=False)["gross_ha"].sum() / 2
    net = net.loc[:, (net != 0).any()]
    names = own.drop_duplicates("code").set_index("code")["name"]
    order = gross.sort_values(ascending=False).index[:MOST_ROWS]
    shown = net.loc[order].reset_index()
    shown.insert(1, "name", names[order].to_numpy())
    shown.insert(2, "changed", gross[order].to_numpy())
    formats = dict.fromkeys(map(str, shown.columns[2:]), HECTARES)
    many = f" The {MOST_ROWS} with most change of {len(gross):,}." if len(gross) > MOST_ROWS else ""
    return Section(
        "Territories",
        "The maps show the net change of each class, as a share of what was compared in the territory; the "
        f"table has hectares, of all that changed class and of each class's net change.{many} All are in "
        "change.csv.",
        [_net_maps(own, list(net.columns), zones)] if len(net.columns) else [],
        [Table(shown, "Change by territory, hectares", formats)],
    )


def _net_maps(classes: pd.DataFrame, names: list[str], zones: Any) -> Figure:
    """A small map a class of its net change, as a share of what was compared in each territory."""
    compared = classes.groupby("code")["area_a_ha"].sum()
    net = classes.pivot_table("net_ha", "code", "class", "sum").reindex(columns=names)
    shares = net.div(compared.where(compared > 0), axis=0).reindex(zones["code"])
    title = "net change, share of what was compared"
    return choropleth(zones, shares.set_axis(zones.index), title, diverging=True, spec=".1%")


def _made(record: Mapping[str, Any]) -> str:
    files = ", ".join(f"{i['file']} (SHA-256 {i['sha256'][:16]}…)" for i in record["inputs"].values())
    return (
        f"From {files}. Hectares are those of the pixels on the ellipsoid. All figures are in change.csv and "
        "transitions.csv."
    )


def _pictures(folder: Path, maps: Sequence[Path], legend: Legend, shown: Legend) -> Any:
    a, b, change = (_thinned(path) for path in (*maps, folder / "change.tif"))
    row = [
        Panel(map_rgb(a, legend), maps[0].stem, f"Map {maps[0].name}"),
        Panel(map_rgb(b, legend), maps[1].stem, f"Map {maps[1].name}"),
        Panel(map_rgb(change, shown), "change", "Map of change"),
    ]
    return panels(row, "", shown, sorted(set(np.unique(change).tolist())))


def _thinned(path: Path) -> npt.NDArray[np.uint8]:
    with open_raster(path) as source:
        step = -(-max(source.height, source.width) // MOST_SIDE)
        size = (-(-source.height // step), -(-source.width // step))
        codes: npt.NDArray[np.uint8] = source.read(1, out_shape=size)
    return codes
