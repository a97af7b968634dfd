"""The page of a confrontation: rates with intervals, and pictures of the places most worth a look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
import shapely
from rasterio.features import rasterize
from rasterio.windows import Window

from landcover.imagery.maps import open_codes
from landcover.legend import Legend
from landcover.report.page import Fact, Figure, Section, Table, number, write_page
from landcover.report.pictures import RGB, Panel, map_rgb, panels
from landcover.statistics.confrontation.agreement import AGREEMENT, BLOCK
from landcover.statistics.confrontation.rates import FEWEST
from landcover.statistics.confrontation.reference import Geometries, Grid

PICTURES = 6
ROWS = 30
AROUND = 24  # px around a place
SIDE = 480  # px of a picture, at most
FADED = 3  # of a colour, what is left outside the place
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def write_confrontation(
    path: Path,
    total: pd.Series[Any],
    territories: pd.DataFrame | None,
    places: Any,
    record: Mapping[str, Any],
    map: Path,
    picture: Path,
    legend: Legend,
    reference: Geometries,
    grid: Grid,
) -> None:
    """Write `report.html`.

    Parameters
    ----------
    total, territories, places : as in the tables
    record : what the tables' records hold
    map, picture : the map, and where it agrees with the reference
    reference : polygons in pixels
    """
    options, name = record["options"], record["options"]["class"]
    lead = (
        f"The class “{name}” of {map.name} beside {record['inputs']['vectors']['file']}: what is missing in "
        f"the map, and what is too much. Within {options['tolerance_m']:g} m nothing counts as an error."
    )
    facts = [
        *(
            Fact(words, _percent(total, rate), _interval(total, rate))
            for words, rate in (
                ("of the reference is not mapped", "omission_rate"),
                (f"of the mapped {name} has no reference", "commission_rate"),
            )
        ),
        Fact("objects found", f"{int(total['objects_found']):,} of {int(total['objects']):,}"),
    ]  # fmt: skip
    sections = [
        Section("What to know before using it", "\n\n".join([*record["warnings"], *_notes(record)])),
        Section(
            "Rates",
            "Map and reference are known everywhere, so the rates of this ground have no sampling error. The "
            "95 % intervals say where the rates of other ground of the same kind would lie, by their spread "
            f"over blocks of {BLOCK} × {BLOCK} px; there is none with fewer than {FEWEST} blocks.",
            tables=_tables(total, territories),
        ),
        Section(
            "Places most worth a look",
            f"The first {min(PICTURES, len(places))} of {len(places)} in places.gpkg, ranked by hectares"
            + (" × confidence of the map" if record["confidence"] else "")
            + ". Black lines are the reference; the place is in full colour. Is the map wrong, or the "
            "reference, or is the ground another today?",
            [_picture(place, map, picture, legend, reference, grid)
             for place in places.head(PICTURES).itertuples()],
        ),
    ]  # fmt: skip
    footer = f"landcover {record['landcover']}, confront; sources with SHA-256 in total.csv.json."
    write_page(path, f"Confrontation of {name} with a reference", lead, sections, facts, footer)


def _notes(record: Mapping[str, Any]) -> list[str]:
    options, objects = record["options"], record["objects"]
    notes = [
        f"Objects of the reference under {options['minimum_m2']:,.0f} m² can't be expected in a map of such "
        f"pixels: {objects['below_minimum']:,} of them count neither as found nor as omitted."
    ]
    if objects["repaired"] or objects["polygons_off_the_map"]:
        notes.append(
            f"{objects['repaired']:,} invalid polygons of the reference were mended; "
            f"{objects['polygons_off_the_map']:,} lie beside the map."
        )
    if record["novelty"] and record["novelty"]["unlike"] is not None:
        share = number(record["novelty"]["unlike"], ".0%")
        notes.append(f"{share} of the image looks unlike those that the model was trained on.")
    return notes


def _tables(total: pd.Series[Any], territories: pd.DataFrame | None) -> list[Table]:
    columns = {
        "reference_ha": "reference, ha", "omission_ha": "omitted, ha", "class_ha": "mapped, ha",
        "commission_ha": "beyond, ha",
    }  # fmt: skip

    def row(title: str, r: Any) -> dict[str, Any]:
        cells: dict[str, Any] = {"": title} | {text: float(r[c]) for c, text in columns.items()}
        for rate in ("omission_rate", "commission_rate", "objects_found_share"):
            text = f"{_percent(r, rate)} {_interval(r, rate)}".strip()
            cells[rate.removesuffix("_rate").replace("_", " ").replace("share", "")] = text
        return cells

    formats = dict.fromkeys(columns.values(), ",.1f")
    tables = [Table(pd.DataFrame([row("whole map", total)]), "The whole map", formats)]
    if territories is not None:
        errors = territories["omission_ha"].fillna(0) + territories["commission_ha"].fillna(0)
        worst = territories.loc[errors.sort_values(ascending=False, kind="stable").index[:ROWS]]
        frame = pd.DataFrame([row(r["name"] or r["code"], r) for _, r in worst.iterrows()])
        title = f"The {len(worst)} territories with most hectares of error, of {len(territories):,}"
        tables.append(Table(frame, title, formats))
    return tables


def _percent(row: Any, name: str) -> str:
    return "–" if pd.isna(row[name]) else number(row[name], ".1%")


def _interval(row: Any, name: str) -> str:
    low, high = row[f"low_{name}"], row[f"high_{name}"]
    return "" if pd.isna(low) else f"({number(100 * low, '.1f')} to {number(high, '.1%')})"


def _picture(
    place: Any, map: Path, picture: Path, legend: Legend, reference: Geometries, grid: Grid
) -> Figure:
    back = ~grid.place.transform
    outline = shapely.transform(place.geometry, lambda p: np.stack(back @ (p[:, 0], p[:, 1]), axis=1))
    left, top, right, bottom = shapely.bounds(outline)
    side = min(SIDE, max(right - left, bottom - top) + 2 * AROUND)
    x, y = (round(max(0, middle - side / 2)) for middle in ((left + right) / 2, (top + bottom) / 2))
    width, height = (int(min(side, most - at)) for most, at in ((grid.width, x), (grid.height, y)))
    zoom = max(1, int(SIDE // max(width, height)))
    window = Window(x, y, width, height)
    with open_codes(map, legend) as source:
        codes = source.read(window)
    with open_codes(picture, AGREEMENT) as source:
        kinds = source.read(window)
    lines = _lines(reference, x, y, width, height, zoom)
    here = rasterize([outline], (height, width), transform=rasterio.Affine.translation(x, y)).astype(bool)
    agreement = map_rgb(kinds, AGREEMENT)
    agreement[~here] = agreement[~here] // FADED + 255 - 255 // FADED
    row = []
    for title, rgb in (("map", map_rgb(codes, legend)), ("map against reference", agreement)):
        large = rgb.repeat(zoom, axis=0).repeat(zoom, axis=1)
        row.append(Panel(_drawn(large, lines), title, f"{title} around place {place.rank}"))
    surface = "" if pd.isna(place.confidence) else f", confidence {place.confidence:.2f}"
    what = f"not mapped as the class but as {place.map_class}" if place.kind == "omission" else "no reference"
    words = f"{place.rank}: {place.kind}, {place.area_ha:,.1f} ha, {what}{surface}."
    classes = [c for c in legend.classes if c.code in np.unique(codes)]
    return panels(row, words, Legend("", (*classes, *AGREEMENT.labels)))


def _lines(
    reference: Geometries, x: int, y: int, width: int, height: int, zoom: int
) -> npt.NDArray[np.bool_]:
    near = reference[shapely.intersects(reference, shapely.box(x, y, x + width, y + height))]
    if not len(near):
        return np.zeros((height * zoom, width * zoom), bool)
    drawn = shapely.transform(shapely.boundary(near), lambda p: (p - [x, y]) * zoom)
    burnt: npt.NDArray[np.uint8] = rasterize(drawn, (height * zoom, width * zoom), dtype="uint8")
    return burnt.astype(bool)


def _drawn(rgb: RGB, lines: npt.NDArray[np.bool_]) -> RGB:
    from scipy.ndimage import binary_dilation

    drawn = rgb.copy()
    drawn[binary_dilation(lines, iterations=2)] = WHITE
    drawn[binary_dilation(lines)] = BLACK
    return drawn
