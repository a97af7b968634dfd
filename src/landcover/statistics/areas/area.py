"""Areas with confidence intervals from a map and labelled points, or from a table of counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landcover.errors import LandcoverError
from landcover.imagery.maps import legend_of
from landcover.statistics.areas.counts import read_counts
from landcover.statistics.areas.domains import territory_rows
from landcover.statistics.areas.estimators import Estimate, Floats, Ints, Sample, estimate
from landcover.statistics.areas.labelled import Labelled, read_labelled
from landcover.statistics.areas.publish import (
    Interval,
    Limits,
    accuracy_interval,
    area_interval,
    check_interval,
    flags,
    least_variation,
)
from landcover.statistics.tables import check_table, facts, write_table

ALL = "all"
TINY = 0.01  # of the map: what classes with less than two points may hold to be post-stratified with another


@dataclass(frozen=True)
class Areas:
    """Areas and accuracies, as they were written.

    Attributes
    ----------
    table : a row a class, or with territories a row for each and class, see docs/data-formats.md
    overall : overall accuracy: value, se, low, high, flag
    points : how many were labelled
    notes : what a reader of the figures must know
    """

    table: Any
    overall: dict[str, Any]
    points: int
    notes: list[str]

    @property
    def whole(self) -> Any:
        """The rows of the whole map."""
        return self.table[self.table["name"] == ALL] if "name" in self.table else self.table


def area(
    map: Path | None,
    labelled: Path | None,
    out: Path,
    counts: Path | None = None,
    areas: Path | None = None,
    zones: Path | None = None,
    code: str | None = None,
    post_stratify: bool = False,
    legend: str | None = None,
    interval: Interval | None = None,
    caution: float = Limits.caution,
    suppress: float = Limits.suppress,
    overwrite: bool = False,
) -> Areas:
    """Estimate the area of each class and the accuracy of a map, with standard errors and 95 % intervals.

    The estimators are those of Olofsson et al. (2014) and Stehman (2014), see `estimators.estimate`. In
    territories, areas are model-assisted (`small_areas.small_areas`), and raked to those of the whole.

    Parameters
    ----------
    map, labelled : the map, and a file of labelled points; None with `counts`
    out : table to write; a GeoPackage with `zones` alone
    counts, areas : table of counts (rows are the map, columns the reference), and of class, area_ha
    zones : territories, for estimates of each; needs map and labelled points, and post-stratifies them
    code : column with the codes of the territories
    post_stratify : use the areas of the map's classes beside the strata, when these are something else
    legend : of the map, when it carries none, see `legend_of`
    interval : `wilson`, which holds better where points are few, see `publish.wilson`, or `normal`: ± 1.96
        standard errors. None takes Wilson's for points, and for counts ± 1.96, as publications have it;
        territories always have ± 1.96
    caution, suppress : coefficients of variation above which a number is flagged so

    Raises
    ------
    LandcoverError : an input or setting is at fault; nothing is written then
    """
    out, limits = Path(out), Limits(caution, suppress)
    inputs = {
        role: Path(path)
        for role, path in dict(map=map, labelled=labelled, counts=counts, areas=areas, zones=zones).items()
        if path is not None
    }
    _check(inputs)
    limits.check()
    check_interval(interval)
    kind: Interval = interval or ("normal" if "counts" in inputs else "wilson")
    check_table(out, overwrite)
    if out.suffix.lower() == ".gpkg" and zones is None:
        raise LandcoverError(
            out, "would have no geometry", "a .csv or .parquet without --zones", "give another --out"
        )
    probability, notes = True, list[str]()
    if "counts" in inputs:
        sample, classes, map_ha = read_counts(inputs["counts"], inputs["areas"])
    else:
        ground = legend_of(inputs["map"], legend)
        found = read_labelled(inputs["map"], inputs["labelled"], ground)
        sample = _sample(found, inputs["labelled"], post_stratify or zones is not None)
        classes, map_ha, probability, notes = found.classes, found.map_ha, found.probability, found.notes
    estimated = estimate(sample)
    table = _class_rows(estimated, classes, map_ha, limits, probability, kind)
    if "zones" in inputs:
        rows, more = territory_rows(
            inputs["map"], ground, found, sample, estimated, inputs["zones"], code, limits
        )
        table = pd.concat([rows, table.assign(code="", name=ALL)], ignore_index=True)
        notes = notes + more
    share, error = np.atleast_1d(estimated.overall), np.atleast_1d(estimated.overall_se)
    points = int(sample.points.sum())
    low, high = accuracy_interval(share, error, points, kind)
    overall = dict(
        value=float(share[0]), se=float(error[0]), low=float(low[0]), high=float(high[0]),
        flag=flags(share, error, low, high, limits, probability)[0],
    )  # fmt: skip
    result = Areas(table, overall, points, notes)
    options = dict(
        code=code, post_stratify=post_stratify, legend=legend, interval=kind, caution=caution,
        suppress=suppress,
    )  # fmt: skip
    write_table(
        out,
        table,
        facts(
            "area", inputs, options, overall_accuracy=overall, points=points, whole_ha=estimated.whole,
            probability_sample=probability, post_stratified=sample.map_ha is not None, notes=notes,
        ),
    )  # fmt: skip
    return result


def _check(inputs: dict[str, Path]) -> None:
    given, pairs = set(inputs) - {"zones"}, ({"map", "labelled"}, {"counts", "areas"})
    if given not in pairs or ("zones" in inputs and given != pairs[0]):
        raise LandcoverError(
            "landcover area", f"was given {', '.join(sorted(inputs)) or 'nothing'}",
            "MAP and LABELLED (and --zones), or --counts and --areas", "see landcover area --help",
        )  # fmt: skip


def _sample(found: Labelled, path: Path, post_stratify: bool) -> Sample:
    """The sample of labelled points, with post-strata when wanted, or when there are no strata to go by."""
    mapped = found.points["mapped"].to_numpy(np.int64)
    reference = found.points["reference"].to_numpy(np.int64)
    strata, groups, map_ha = found.strata, None, None
    if post_stratify or not found.probability:
        if abs(strata["stratum_ha"].sum() / found.map_ha.sum() - 1) > 0.001:
            raise LandcoverError(
                path, "was drawn from another area than the map's", "a sample of the whole map",
                "leave --post-stratify and --zones out, or cut the map to the sample's area",
            )  # fmt: skip
        map_ha = found.map_ha * (strata["stratum_ha"].sum() / found.map_ha.sum())
        groups = _post_strata(found, mapped, path)
    return Sample.of_points(
        found.stratum, mapped, reference, found.points["area_ha"].to_numpy(float), len(found.classes),
        strata["stratum_ha"].to_numpy(float),
        strata["stratum_px"].to_numpy(float) if found.probability else None, map_ha, groups,
    )  # fmt: skip


def _post_strata(found: Labelled, mapped: Ints, path: Path) -> Ints:
    """The post-stratum of each class of the map: its own, or if tiny and without points the largest one's."""
    points = np.bincount(mapped, minlength=len(found.classes))
    short = (points < 2) & (found.map_ha > 0)
    names = ", ".join(f"{found.classes[m]} ({points[m]})" for m in np.flatnonzero(short))
    hectares = found.map_ha[short].sum()
    if hectares > TINY * found.map_ha.sum():
        raise LandcoverError(
            path, f"has less than two points where the map says {names}", "two for each class of the map",
            "label more points there, or leave --post-stratify and --zones out",
        )  # fmt: skip
    largest = int(np.argmax(np.where(short, 0, found.map_ha)))
    if short.any():
        found.notes.append(
            f"less than two points in {names}: these {hectares:,.1f} ha of the map are taken to be wrong as "
            f"{found.classes[largest]} is"
        )
    return np.where(short, largest, np.arange(len(points)))


def _class_rows(
    estimated: Estimate, classes: tuple[str, ...], map_ha: Floats, limits: Limits, probability: bool,
    kind: Interval,
) -> pd.DataFrame:  # fmt: skip
    """A row for each class: area, user's and producer's accuracy, each with error, interval and flag."""
    area_se = np.where(estimated.area > 0, estimated.area_se, np.nan)  # of what no point shows, none is known
    low, high = area_interval(estimated.area, area_se, estimated.whole, estimated.heaviest, kind)
    least = least_variation(estimated.area, estimated.unseen)
    table = pd.DataFrame(
        {
            "class": classes,
            "map_ha": map_ha,
            "area_ha": estimated.area,
            "se_ha": area_se,
            "low_ha": low,
            "high_ha": high,
            "flag": flags(estimated.area, area_se, low, high, limits, probability, least),
        }
    )
    for name, share, error, points, unseen in (
        ("users_accuracy", estimated.users, estimated.users_se, estimated.map_points, 0.0),
        (
            "producers_accuracy", estimated.producers, estimated.producers_se, estimated.reference_points,
            least,
        ),
    ):  # fmt: skip
        low, high = accuracy_interval(share, error, points, kind)
        flag = flags(share, error, low, high, limits, probability, unseen)
        table[[name, f"se_{name}", f"low_{name}", f"high_{name}"]] = np.stack(
            [share, error, low, high], axis=1
        )
        table[f"flag_{name}"] = flag
    table["bias_corrected_producers_accuracy"] = estimated.producers_corrected
    return table.assign(map_points=estimated.map_points, reference_points=estimated.reference_points)
