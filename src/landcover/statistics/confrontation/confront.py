"""Confront one class of a map with a reference layer: omission, commission, shift, places to look at."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from landcover.errors import LandcoverError
from landcover.files import staged
from landcover.imagery.image import Place, open_raster
from landcover.imagery.maps import legend_of
from landcover.legend import LandClass, Legend
from landcover.statistics.confrontation.agreement import (
    BLOCK,
    COMMISSION,
    LEAST,
    OMISSION,
    SUMS,
    Agreement,
    agreement,
    masks,
)
from landcover.statistics.confrontation.connected import outlines
from landcover.statistics.confrontation.expected import expected, read_rates
from landcover.statistics.confrontation.page import write_confrontation
from landcover.statistics.confrontation.rates import rate
from landcover.statistics.confrontation.reference import SHOWN, Geometries, Grid, Reference, read_reference
from landcover.statistics.coverage import zone_areas
from landcover.statistics.tables import facts, write_table
from landcover.statistics.zones import none_touches, read_zones

RESULTS = (
    "total.csv", "total.csv.json", "territories.csv", "territories.csv.json", "places.gpkg",
    "places.gpkg.json", "agreement.tif", "report.html",
)  # fmt: skip
FOUND = 0.5  # of its visible area: an object of which more is found is found


@dataclass(frozen=True)
class Confrontation:
    """What `confront` found and wrote.

    Attributes
    ----------
    folder : where the results are
    total : the figures of the whole map
    territories : a row each, the same columns after code and name; None without zones
    places : GeoDataFrame, from the one most worth a look: rank, kind, area_ha, map_class, confidence; None
        where rates are transferred
    record : how it was made: options, shift, novelty, warnings
    """

    folder: Path
    total: pd.Series[Any]
    territories: pd.DataFrame | None
    places: Any
    record: dict[str, Any]


def confront(
    map: Path,
    vectors: Path | None,
    out: Path,
    class_name: str,
    zones: Path | None = None,
    tolerance: float | None = None,
    minimum: float | None = None,
    places: int | None = None,
    legend: str | None = None,
    code: str | None = None,
    source: Path | None = None,
    overwrite: bool = False,
) -> Confrontation:
    """Compare one class of a map with a vector layer that shows the same, and write a folder of results.

    Parameters
    ----------
    map : class codes; in a prediction folder, its confidence and novelty are used too
    vectors : polygons of the reference, in any CRS; None with `source`
    out : folder to write: total.csv, territories.csv, places.gpkg, agreement.tif, report.html
    class_name : of the legend
    zones : territories
    tolerance : m; what is as near as this is forgiven; None takes 10
    minimum : m²; smaller objects of the reference are not expected in the map, and smaller places not listed;
        None takes 2 px, the smallest square that covers half of some pixel wherever it lies
    places : how many to list; None takes 100
    legend : s2glc or a legend.toml, for a map that carries none
    code : column of the territories' codes
    source : folder of an earlier confrontation with a reference elsewhere: its rates are expected here,
        flagged as transferred, not measured, without interval; tolerance, minimum and places are that one's

    Raises
    ------
    LandcoverError : a file, class or option that doesn't do; nothing of the reference on the map
    """
    map, out = Path(map), Path(out)
    known = legend_of(map, legend)
    wanted = class_of(known, class_name)
    if (vectors is None) == (source is None):
        raise LandcoverError(
            "landcover confront", "has both or neither of VECTORS and --from", "one of them", "choose"
        )
    for name, number in (("--tolerance", tolerance), ("--minimum", minimum), ("--places", places)):
        if source is not None and number is not None:
            raise LandcoverError(
                name, "does not go with --from", "what the earlier confrontation took", "leave it out"
            )
    tolerance, places = 10.0 if tolerance is None else tolerance, 100 if places is None else places
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise LandcoverError("--tolerance", f"is {tolerance:g}", "metres, 0 or more", "mend it")
    if minimum is not None and not (math.isfinite(minimum) and minimum >= 0):
        raise LandcoverError("--minimum", f"is {minimum:g}", "square metres, 0 or more", "mend it")
    if places < 0:
        raise LandcoverError("--places", f"is {places}", "0 or more", "mend it")
    with open_raster(map) as raster:
        grid = Grid.of(map, Place.of(raster), raster.height, raster.width)
    territories = None if zones is None else read_zones(zones, code)
    shapes = np.zeros(0, object) if territories is None else grid.pixels(territories.geometry)
    if (
        territories is not None
        and not shapely.intersects(shapes, shapely.box(0, 0, grid.width, grid.height)).any()
    ):
        raise none_touches(Path(zones or ""), map)
    inputs = {"map": map} | ({} if zones is None else {"zones": zones})
    options: dict[str, Any] = {"class": class_name}
    if source is not None:
        return _transferred(map, known, wanted, grid, territories, source, inputs, options, out, overwrite)
    assert vectors is not None
    least = SHOWN * grid.pixel_m2 if minimum is None else minimum
    options |= {"tolerance_m": tolerance, "minimum_m2": round(least, 3), "places": places}
    reference = read_reference(vectors, grid, tolerance, least)
    confidence = _beside(map, "confidence")
    with staged(out, overwrite, RESULTS) as stage:
        picture = stage / "agreement.tif"
        found = agreement(map, known, wanted.code, grid, reference, shapes, tolerance, picture, confidence)
        if not found.objects["seen_ha"].sum():
            raise LandcoverError(
                vectors, "lies where the map has no data", "a reference on mapped ground", "give another map"
            )
        figures = _figures(found, reference, shapes, grid, least)
        ranked = _places(found, known, grid, least, places, picture)
        record = facts(
            "confront", inputs | {"vectors": vectors}, options,
            basis="measured",
            objects={
                "repaired": reference.repaired, "polygons_off_the_map": reference.beside,
                "below_minimum": int((~reference.large).sum()),
            },
            shift=_shift(found.shift, grid),
            novelty=novelty_of(map),
            confidence=None if confidence is None else confidence.name,
        )  # fmt: skip
        record["warnings"] = _warnings(record)
        total, table = _write_tables(stage, figures, territories, grid, record)
        write_table(stage / "places.gpkg", ranked, record)
        write_confrontation(
            stage / "report.html", total, table, ranked, record, map, picture, known, reference.objects, grid
        )
    return Confrontation(out, total, table, ranked, record)


def _transferred(
    map: Path, legend: Legend, wanted: LandClass, grid: Grid, territories: Any, source: Path,
    inputs: dict[str, Path], options: dict[str, Any], out: Path, overwrite: bool,
) -> Confrontation:  # fmt: skip
    rates, past = read_rates(source, wanted.name)
    record = facts(
        "confront", inputs | {"rates": source / "total.csv"}, options,
        basis="transferred", source=past["inputs"], source_options=past["options"],
        novelty=novelty_of(map), novelty_source=past["novelty"],
    )  # fmt: skip
    models = [v.get("map", {}).get("model", {}).get("sha256") for v in (record["vintages"], past["vintages"])]
    record["warnings"] = [
        "These rates were measured elsewhere and are expected here, not measured: they have no interval, and "
        f"{_unlike('this image', record['novelty'])}; {_unlike('the image of the rates', past['novelty'])}."
    ]
    if models[0] is None or models[0] != models[1]:
        record["warnings"].append("The two maps are not known to come from the same model.")
    shapes = None if territories is None else territories.geometry
    with staged(out, overwrite, RESULTS) as stage:
        figures = expected(map, legend, wanted.code, grid, shapes, rates)
        total, table = _write_tables(stage, figures, territories, grid, record)
    return Confrontation(out, total, table, None, record)


def _unlike(what: str, novelty: dict[str, float] | None) -> str:
    if novelty is None or novelty["unlike"] is None:
        return f"how novel {what} is isn't known"
    return f"{novelty['unlike']:.0%} of {what} looks unlike those of training"


def _write_tables(
    stage: Path, figures: pd.DataFrame, territories: Any, grid: Grid, record: dict[str, Any]
) -> tuple[pd.Series[Any], pd.DataFrame | None]:
    """Write total.csv and territories.csv, with what is not seen, the basis and the novelty beside them."""
    areas = [zone_areas(s) for s in (grid.outline, *([] if territories is None else [territories.geometry]))]
    whole = np.concatenate(areas[::-1])
    figures.insert(0, "no_data_share", (1 - figures["seen_ha"] / whole).clip(0).where(lambda s: s > LEAST, 0))
    figures = figures.assign(basis=record["basis"])
    for name in ("novelty", "novelty_source"):
        if name in record:
            known = record[name]
            figures[f"{name}_unlike_share"] = math.nan if known is None else known["unlike"]
    write_table(stage / "total.csv", figures.iloc[[-1]], record)
    if territories is None:
        return figures.iloc[-1], None
    names = pd.DataFrame(territories[["code", "name"]])
    table = pd.concat([names, figures.iloc[:-1].reset_index(drop=True)], axis=1)
    write_table(stage / "territories.csv", table, record)
    return figures.iloc[-1], table


def class_of(legend: Legend, name: str) -> LandClass:
    """The class of that name.

    Raises
    ------
    LandcoverError : the legend has none that says something of the ground
    """
    for c in legend.labels:
        if c.name == name:
            return c
    raise LandcoverError("--class", f"names {name}", ", ".join(legend.label_names), "choose one of them")


def novelty_of(map: Path) -> dict[str, float] | None:
    """How far a predicted map's image is from training, as predict.json says; None for other maps."""
    record = map.parent.parent / "predict.json"
    if map.parent.name != "maps" or not record.is_file():
        return None
    images = json.loads(record.read_text(encoding="utf-8"))["images"]
    return next((i["novelty"] for i in images if i["sample_id"] == map.stem), None)


def _beside(map: Path, layer: str) -> Path | None:
    path = map.parent.parent / layer / map.name
    return path if map.parent.name == "maps" and path.is_file() else None


def _figures(
    found: Agreement, reference: Reference, zones: Geometries, grid: Grid, minimum: float
) -> pd.DataFrame:
    """A row per zone, then one for the whole map."""
    zones = np.append(zones, np.array([shapely.box(0, 0, grid.width, grid.height)], object))
    seen = found.objects["seen_ha"].to_numpy()
    kept = reference.large & (seen > 0)
    objects = pd.DataFrame(
        {"part": found.objects["found_ha"][kept] > FOUND * seen[kept], "whole": 1}, dtype=float
    )
    on_map = shapely.clip_by_rect(reference.objects[kept], 0, 0, grid.width, grid.height)
    middles = shapely.get_coordinates(shapely.point_on_surface(on_map))
    large = found.patches[found.patches["class_ha"] * 10_000 >= minimum]
    patches = pd.DataFrame(
        {"part": large["commission_ha"] > FOUND * large["class_ha"], "whole": 1}, dtype=float
    )
    firsts = np.stack(np.divmod(large["first"].to_numpy(), grid.width)[::-1], axis=1) + 0.5
    of_objects, of_patches = _counted(objects, middles, zones, grid), _counted(patches, firsts, zones, grid)
    rows = []
    for zone in range(len(zones)):
        blocks = found.sums[found.sums["zone"] == zone]
        sums = blocks[list(SUMS)].sum()
        o, p = of_objects[of_objects["zone"] == zone], of_patches[of_patches["zone"] == zone]
        n_objects, n_patches = int(o["whole"].sum()), int(p["whole"].sum())
        row: dict[str, Any] = {"seen_ha": sums["seen_ha"]}
        row |= {k: sums[k] for k in ("reference_ha", "found_ha", "omission_ha")}
        row |= _rate("omission_rate", blocks["omission_ha"], blocks["reference_ha"])
        row |= {k: sums[k] for k in ("class_ha", "commission_ha")}
        row |= _rate("commission_rate", blocks["commission_ha"], blocks["class_ha"])
        row |= {"objects": n_objects, "objects_found": int(o["part"].sum())}
        row |= _rate("objects_found_share", o["part"], o["whole"], n_objects)
        row |= {"patches": n_patches, "patches_beyond": int(p["part"].sum())}
        row |= _rate("patches_beyond_share", p["part"], p["whole"], n_patches)
        row |= {k: sums[k] for k in ("small_ha", "unseen_ha")}
        rows.append(row if row["seen_ha"] else dict.fromkeys(row, math.nan) | {"seen_ha": 0.0})
    return pd.DataFrame(rows)


def _counted(table: pd.DataFrame, points: Any, zones: Geometries, grid: Grid) -> pd.DataFrame:
    """Sums of a table, a row a point, by the zone and block that the points lie in."""
    zone, point = shapely.STRtree(shapely.points(points)).query(zones, predicate="intersects")
    column, row = np.floor(points[point]).astype(int).T // BLOCK
    inside = table.iloc[point].assign(zone=zone, block=row * (-(-grid.width // BLOCK)) + column)
    counted: pd.DataFrame = inside.groupby(["zone", "block"], as_index=False)[["part", "whole"]].sum()
    return counted


def _rate(name: str, part: Any, whole: Any, most: float = math.inf) -> dict[str, float]:
    value, low, high = rate(part, whole, most)
    return {name: value, f"low_{name}": low, f"high_{name}": high}


def _places(found: Agreement, legend: Legend, grid: Grid, minimum: float, most: int, picture: Path) -> Any:
    """Patches of omission and commission, from the one with most hectares × confidence."""
    import geopandas

    table = found.places[found.places["area_ha"] * 10_000 >= minimum]
    weight = table["sure_ha"].fillna(table["area_ha"])
    table = table.assign(weight=weight).sort_values(["weight", "first"], ascending=[False, True]).head(most)
    names = {c.code: c.name for c in legend.classes}
    ranked = pd.DataFrame(
        {
            "rank": range(1, len(table) + 1),
            "kind": table["kind"].to_numpy(),
            "area_ha": table["area_ha"].to_numpy(),
            "map_class": [names.get(c, "") for c in table["code"]],
            "confidence": (table["sure_ha"] / table["area_ha"]).to_numpy(),
        }
    )
    shapes = np.full(len(table), None, object)
    for kind, code in (("omission", OMISSION), ("commission", COMMISSION)):
        at = np.flatnonzero(table["kind"] == kind)
        wanted = table["number"].to_numpy()[at]
        shapes[at] = outlines(masks(picture, code, grid), found.numbers[kind], wanted, grid.place.transform)
    return geopandas.GeoDataFrame(ranked, geometry=shapes, crs=grid.place.crs.to_wkt())


def _shift(shares: dict[tuple[int, int], float], grid: Grid) -> dict[str, float]:
    """The shift of the map against the reference at which most of it is found; of equals the smallest."""
    best = min(shares, key=lambda s: (-round(shares[s], 9), math.hypot(*s), s))
    return {
        "dx_px": best[1], "dy_px": best[0], "dx_m": best[1] * grid.right, "dy_m": best[0] * grid.down,
        "found_share": shares[best], "found_share_unshifted": shares[0, 0],
    }  # fmt: skip


def _warnings(record: dict[str, Any]) -> list[str]:
    found = []
    shift = record["shift"]
    if shift["dx_px"] or shift["dy_px"]:
        found.append(
            f"The map lies {shift['dx_px']} px right and {shift['dy_px']} px down of the reference by the "
            f"best agreement: {shift['found_share']:.1%} of the reference is covered there, "
            f"{shift['found_share_unshifted']:.1%} as it lies. Check both before trusting the rates."
        )
    if record["confidence"] is None:
        found.append("There is no confidence layer beside the map: places are ranked by hectares alone.")
    return found
