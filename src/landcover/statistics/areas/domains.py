"""Areas of the classes in each territory of a map, from few points each, that sum to those of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.maps import open_codes
from landcover.imagery.raster import Place
from landcover.legend import Legend
from landcover.statistics.areas.estimators import Estimate, Floats, Ints, Sample, expand, tally
from landcover.statistics.areas.labelled import Labelled
from landcover.statistics.areas.publish import Limits, area_interval, flags, least_variation
from landcover.statistics.areas.small_areas import SmallAreas, benchmark, small_areas
from landcover.statistics.coverage import tabulate, zone_areas
from landcover.statistics.zones import none_touches, read_zones

SLIVER = 1e-4  # of the map: what territories may overlap by
WHOLLY = 0.99  # share of a territory that the map must cover to be silent about the rest
OUTSIDE = "outside the territories"


def territory_rows(
    map: Path, legend: Legend, found: Labelled, sample: Sample, whole: Estimate, path: Path, code: str | None,
    limits: Limits,
) -> tuple[Any, list[str]]:  # fmt: skip
    """A row for each territory and class, and what is to be said of them.

    Where territories leave a part of the map out, it is a territory of its own, so that all sum to the whole.

    Parameters
    ----------
    sample, whole : post-stratified, of the points `found`
    path, code : file of the territories, and its column of codes

    Returns
    -------
    rows : GeoDataFrame in the CRS of the territories: code, name, mapped_share (the part of the territory
        that the map gives a class), class, map_ha, area_ha, se_ha, low_ha, high_ha, flag, map_points and
        reference_points

    Raises
    ------
    LandcoverError : territories that overlap or don't meet the map
    """
    zones = read_zones(path, code)
    zone_ha = _map_ha(map, legend, zones)
    inside, total = zone_ha.sum(axis=1), float(found.map_ha.sum())
    if not inside.any():
        raise none_touches(path, map)
    if inside.sum() > total * (1 + SLIVER):
        raise LandcoverError(
            path, "has territories that overlap", "each place in one territory, or areas sum to no whole",
            "give territories of one level",
        )  # fmt: skip
    rest = np.clip(found.map_ha - zone_ha.sum(axis=0), 0.0, None)
    zone, alone = _zone_of(found.points, zones), (rest > 0) & (zone_ha.sum(axis=0) == 0)
    if rest.sum() > SLIVER * total or alone.any() or (zone == len(zones)).any():
        zones.loc[len(zones), ["code", "name"]] = "", OUTSIDE
        zone_ha = np.vstack([zone_ha, rest])
    zone_ha = zone_ha * (sample.map_ha / np.maximum(zone_ha.sum(axis=0), 1e-9))
    small, points = estimate_territories(found, sample, zone, zone_ha)
    area, error = benchmark(small, zone_ha.sum(axis=1), whole.area)
    rows = _rows(zones, found.classes, zone_ha, area, error, whole, limits, found.probability)
    rows["map_points"], rows["reference_points"] = points.sum(axis=2).ravel(), points.sum(axis=1).ravel()
    shares = rows["mapped_share"].dropna()[:: len(found.classes)]
    kinds = {
        "lie outside the map: they have no figures": (shares == 0).sum(),
        "lie partly outside the map, or where it has no class: figures are of the rest": (
            (shares > 0) & (shares < WHOLLY)
        ).sum(),
    }
    return rows, [f"{n} of {len(shares)} territories {what}" for what, n in kinds.items() if n]


def estimate_territories(
    found: Labelled, sample: Sample, zone: Ints, zone_ha: Floats
) -> tuple[SmallAreas, Ints]:
    """The regression estimate, and the points in cells: territories × classes (map) × classes (reference)."""
    mapped = found.points["mapped"].to_numpy(np.int64)
    cells = (zone, mapped, found.points["reference"].to_numpy(np.int64))
    shape = (len(zone_ha), len(found.classes), len(found.classes))
    weights, squares = expand(sample, found.stratum, mapped, found.points["area_ha"].to_numpy(float))
    points = tally(cells, shape).astype(np.int64)
    sums = tally(cells, shape, weights), tally(cells, shape, squares)
    return small_areas(*sums, points.sum(axis=(1, 2)), zone_ha, sample.groups), points


def _map_ha(map: Path, legend: Legend, zones: Any) -> Floats:
    """Hectares of each class of the ground in each territory, by the map."""
    with open_codes(map, legend) as codes:
        place = Place.of(codes.source)
        assert place is not None

        def read(row: int, column: int, height: int, width: int) -> Any:
            return codes.read(Window(column, row, width, height))

        table = tabulate(place, codes.source.shape, zones.geometry, read)
    hectares = np.zeros((len(zones), 256))
    hectares[table["zone"], table["code"]] = table["area_ha"]
    return hectares[:, list(legend.label_codes)]


def _zone_of(points: Any, zones: Any) -> Ints:
    """Position of the territory of each point; one past the last where it lies in none."""
    joined = points[[points.geometry.name]].to_crs(zones.crs).sjoin(zones[[zones.geometry.name]], how="left")
    first = joined[~joined.index.duplicated()]["index_right"]
    return np.asarray(first.fillna(len(zones)), np.int64)


def _rows(
    zones: Any, classes: tuple[str, ...], map_ha: Floats, area: Floats, error: Floats, estimated: Estimate,
    limits: Limits, probability: bool,
) -> Any:  # fmt: skip
    whole = map_ha.sum(axis=1, keepdims=True)
    error = np.where(area > 0, error, np.nan)
    low, high = area_interval(area, error, whole, float(estimated.heaviest))
    area, low, high = (np.where(whole > 0, values, np.nan) for values in (area, low, high))
    known = zones.geometry.notna()
    extent = np.full(len(zones), np.nan)
    extent[known] = zone_areas(zones.geometry[known])
    rows = zones.assign(mapped_share=np.minimum(whole[:, 0] / extent, 1.0))
    rows = rows.loc[rows.index.repeat(len(classes))].reset_index(drop=True)
    rows["class"] = np.tile(classes, len(zones))
    for name, values in dict(map_ha=map_ha, area_ha=area, se_ha=error, low_ha=low, high_ha=high).items():
        rows[name] = values.ravel()
    numbers = area.ravel(), error.ravel(), low.ravel(), high.ravel()
    least = np.tile(least_variation(estimated.area, estimated.unseen), len(zones))
    rows["flag"] = flags(*numbers, limits, probability, least)
    return rows
