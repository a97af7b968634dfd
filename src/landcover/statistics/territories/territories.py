"""The table of territories: hectares and shares of each class in each, from a map or from probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.maps import legend_of, open_codes
from landcover.imagery.raster import open_raster, reading
from landcover.imagery.write import PROBABILITY_NO_DATA, PROBABILITY_SCALE
from landcover.legend import LEGENDS, Legend
from landcover.statistics.coverage import missing_share, place_of, sum_layers, tabulate, zone_areas
from landcover.statistics.outline import Floats
from landcover.statistics.tables import check_table, facts, write_table
from landcover.statistics.territories.intervals import territory_intervals
from landcover.statistics.zones import none_touches, read_zones

COLUMNS = ("code", "name", "pixels", "area_ha", "mapped_ha", "no_data_share")
DECODERS = {"map": "counts", "probabilities": "mean"}


def territories(
    map: Path,
    zones: Path,
    out: Path,
    *,
    legend: str | None = None,
    code: str | None = None,
    vintage: str | None = None,
    report: Path | None = None,
    overwrite: bool = False,
) -> Any:
    """Write the table of territories of a map, or of the probability layer of a prediction.

    Parameters
    ----------
    map : a map (one band of codes), whose pixels are counted, or a probability layer (a band per class, named
        after it), whose probabilities are averaged, as the decoder `mean` does
    zones : polygons with codes: GeoPackage, GeoJSON, GeoParquet or Shapefile
    out : .csv, .parquet or .gpkg
    legend : name of a legend or path of a legend.toml, for a map that carries none
    code : column of the codes
    vintage : of the territories, such as 2018; for the record
    report : a page to write, with a map of each class

    Returns
    -------
    table : GeoDataFrame as in `share_table`; of a probability layer whose model was calibrated also
        `<class>_low` and `<class>_high`, the interval of the share (`territory_intervals`)

    Raises
    ------
    LandcoverError : what is wrong with an input or a path, or no territory touches the map
    """
    check_table(out, overwrite)
    if report is not None and report.exists() and not overwrite:
        raise LandcoverError(
            report, "is there already", "a new page", "give another --report, or --overwrite"
        )
    polygons = read_zones(zones, code)
    sums, classes = measure(map, polygons.geometry, legend)
    if not sums.touched.any():
        raise none_touches(zones, map)
    table = share_table(polygons, sums, classes)
    told: dict[str, str] = {}
    if sums.of == "probabilities":
        means = pd.DataFrame(table[[f"{c}_share" for c in classes.label_names]])
        means.columns = pd.Index(classes.label_names)
        intervals, told["intervals"] = territory_intervals(map, means, sums.pixels)
        table = table[["geometry"]].join([table.drop(columns="geometry"), intervals])
        table = table[[*(c for c in table.columns if c != "geometry"), "geometry"]]
    options = {"legend": legend, "code": code, "vintage": vintage}
    shares = {"of": sums.of, "decoder": DECODERS[sums.of]}
    record = facts("territories", {"map": map, "zones": zones}, options, shares=shares, **told)
    if vintage is not None:
        record["vintages"]["territories"] = vintage
    write_table(out, table, record)
    if report is not None:
        from landcover.statistics.territories.report import write_report

        write_report(report, table, classes, record)
    return table


@dataclass(frozen=True)
class Sums:
    """What lies in each of n territories.

    Attributes
    ----------
    of : `map` or `probabilities`
    touched : whether the map has pixels there, with or without data
    pixels : with data, n; partly covered ones by their fraction
    mapped : hectares with data, n
    hectares : of each label of the legend, n × labels; their sum is `mapped`
    """

    of: str
    touched: npt.NDArray[np.bool_]
    pixels: Floats
    mapped: Floats
    hectares: Floats


def measure(path: Path, geometries: Any, legend: str | None = None) -> tuple[Sums, Legend]:
    """Sums of a map or probability layer over territories, and the legend they are in.

    Parameters
    ----------
    geometries : GeoSeries of polygons, in any CRS

    Raises
    ------
    LandcoverError : a folder, no place on Earth, no legend, or neither a map nor a probability layer
    """
    if path.is_dir():
        raise LandcoverError(
            path, "is a folder", "a map or a probability layer",
            "give maps/<id>.tif or probabilities/<id>.tif of it",
        )  # fmt: skip
    with open_raster(path) as source:
        names = [d for d in source.descriptions if d]
        layered = source.count > 1
        if layered and (len(names) < source.count or source.nodata != PROBABILITY_NO_DATA):
            raise LandcoverError(
                path, f"has {source.count} bands and is no probability layer", "a map with one band",
                "give a map, or a layer that predict --probabilities wrote",
            )  # fmt: skip
    if layered:
        classes = _legend_of_layer(path, names, legend)
        return _averaged(path, geometries, classes, names), classes
    classes = legend_of(path, legend)
    return _counted(path, geometries, classes), classes


def share_table(zones: Any, sums: Sums, legend: Legend) -> Any:
    """One row for each territory, in the order of `zones`.

    Parameters
    ----------
    zones : GeoDataFrame with code, name and geometry

    Returns
    -------
    table : GeoDataFrame with code, name; pixels (with data); area_ha (of the polygon, on the ellipsoid);
        mapped_ha (with data); no_data_share (of area_ha: clouds and no data, and what lies outside the map);
        for each label `<class>_ha` and `<class>_share` (of mapped_ha), NaN where nothing is mapped; geometry
    """
    columns = [f"{c}_{unit}" for c in legend.label_names for unit in ("ha", "share")]
    if clash := set(columns) & set(COLUMNS):
        raise LandcoverError(
            legend.name, f"has a class that would be the column {clash.pop()}", "other names", "rename it"
        )
    area = zone_areas(zones.geometry)
    mapped = np.where(sums.mapped > 0, sums.mapped, np.nan)[:, None]
    shares = sums.hectares / mapped
    table = zones[["code", "name"]].copy()
    table["pixels"], table["area_ha"], table["mapped_ha"] = sums.pixels, area, sums.mapped
    table["no_data_share"] = missing_share(sums.mapped, area)
    both = np.stack([shares * mapped, shares], axis=2).reshape(len(table), -1)
    of_classes = pd.DataFrame(both, columns=columns, index=table.index)
    return zones[["geometry"]].join([table, of_classes])[[*table.columns, *columns, "geometry"]]


def _counted(path: Path, geometries: Any, legend: Legend) -> Sums:
    with open_codes(path, legend) as codes:
        source = codes.source
        found = tabulate(
            place_of(path, source),
            source.shape,
            geometries,
            lambda row, column, height, width: codes.read(Window(column, row, width, height)),
        )
    pixels, hectares = np.zeros((2, len(geometries), 256))
    at = found["zone"].to_numpy(), found["code"].to_numpy()
    pixels[at], hectares[at] = found["pixels"], found["area_ha"]
    labels = list(legend.label_codes)
    ground = hectares[:, labels]
    return Sums("map", pixels.sum(axis=1) > 0, pixels[:, labels].sum(axis=1), ground.sum(axis=1), ground)


def _averaged(path: Path, geometries: Any, legend: Legend, names: Sequence[str]) -> Sums:
    with open_raster(path) as source:

        def read(row: int, column: int, height: int, width: int) -> Floats:
            with reading(path):
                raw = source.read(window=Window(column, row, width, height))
            valid = (raw != PROBABILITY_NO_DATA).all(axis=0)
            every = np.ones_like(valid)
            return np.concatenate([raw * valid / PROBABILITY_SCALE, [valid, every]])

        pixels, hectares = sum_layers(place_of(path, source), source.shape, geometries, read, len(names) + 2)
    mapped, expected = hectares[:, -2], hectares[:, :-2]
    total = expected.sum(axis=1, keepdims=True)  # near `mapped`, but for the rounding of bytes
    ground = np.zeros((len(mapped), len(legend.labels)))
    at = [legend.label_names.index(n) for n in names]
    ground[:, at] = np.divide(expected, total, out=np.zeros_like(expected), where=total > 0)
    return Sums("probabilities", pixels[:, -1] > 0, pixels[:, -2], mapped, ground * mapped[:, None])


def _legend_of_layer(path: Path, names: Sequence[str], asked: str | None) -> Legend:
    """The legend asked for, else that of the map beside the layer, else a known one with these classes."""
    beside = path.parent.parent / "maps" / path.name
    if asked is not None or beside.is_file():
        legend = legend_of(beside, asked)
    else:
        fitting = [known for known in LEGENDS.values() if set(names) <= set(known.label_names)]
        if not fitting:
            raise LandcoverError(
                path, f"has classes of no known legend: {', '.join(names)}", "classes of a legend",
                f"give the legend: --legend {', '.join(LEGENDS)} or a legend.toml",
            )  # fmt: skip
        legend = fitting[0]
    if strange := [n for n in names if n not in legend.label_names]:
        raise LandcoverError(
            path, f"has bands that are no class: {', '.join(strange)}",
            f"classes of {legend.name}", "give the layer's own legend with --legend",
        )  # fmt: skip
    return legend
