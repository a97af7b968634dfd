"""A tour from images to published tables, on real data: python benchmarks/tour.py RESULT.json [FOLDER]

Runs the commands of the tour in docs/statistics.md on ain.tif and ain_west.tif over the communes of Ain, with
the model in the box. The points that a person would label take their classes from the mask of ain_west, so
that the estimates can be compared with the truth. Data come from LANDCOVER_DATA (default ../shared/data);
what is written stays in FOLDER, where it is given.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
from result_files import this_commit

import landcover
from landcover.files import write_text
from landcover.imagery.area import pixel_areas
from landcover.imagery.maps import read_codes
from landcover.imagery.raster import Place
from landcover.legend import S2GLC

DATA = Path(os.environ.get("LANDCOVER_DATA", "../shared/data"))
COMMUNES = DATA / "france" / "communes-01-ain.geojson"
MOVEMENTS = DATA / "france" / "mouvements-communes.csv"
POINTS, MINIMUM, SEED = 500, 30, 1
SHOWN = 6  # communes


def labelled(points: Path, mask: Path, out: Path) -> None:
    """Fill in the labels that the mask gives; a pixel without one is left out."""
    table = geopandas.read_file(points)
    with rasterio.open(mask) as source:
        rows, columns = rasterio.transform.rowcol(source.transform, table.geometry.x, table.geometry.y)
    codes = read_codes(mask, S2GLC)[rows, columns]
    table["label"] = [S2GLC.names[S2GLC.codes.index(c)] for c in codes]
    table[np.isin(codes, S2GLC.label_codes)].to_file(out, driver="GPKG")


def truth(mask: Path) -> dict[str, float]:
    """Hectares of each class in the mask."""
    codes = read_codes(mask, S2GLC)
    with rasterio.open(mask) as source:
        areas = pixel_areas(Place.of(source), np.arange(source.height), np.arange(source.width))
    return {c.name: float(areas[codes == c.code].sum()) for c in S2GLC.labels}


def tour(folder: Path) -> dict[str, Any]:
    """Run every command, and keep what the page shows."""
    west, mask = DATA / "challenge48" / "ain_west.tif", DATA / "challenge48" / "ain_west_mask.tif"
    prediction, map_west = folder / "prediction", folder / "prediction" / "maps" / "ain_west.tif"
    landcover.predict([DATA / "challenge48" / "ain.tif", west], prediction, probabilities=True)
    tables = {}
    for scene in ("ain", "ain_west"):
        layer = prediction / "probabilities" / f"{scene}.tif"
        out, page = folder / f"{scene}.gpkg", folder / f"{scene}.html"
        tables[scene] = landcover.territories(layer, COMMUNES, out, vintage="2018", report=page)
    later = landcover.crosswalk(folder / "ain.gpkg", folder / "ain_2024.gpkg", movements=MOVEMENTS, to="2024")
    points, done = folder / "points.gpkg", folder / "labelled.gpkg"
    landcover.sample(map_west, points, points=POINTS, minimum=MINIMUM, seed=SEED)
    labelled(points, mask, done)
    whole = landcover.area(map_west, done, folder / "areas.csv")
    parts = landcover.area(map_west, done, folder / "areas_communes.csv", zones=COMMUNES)
    known = truth(mask)
    both = [t[t["mapped_ha"] > 0] for t in tables.values()]
    columns = [c for c in both[0] if str(c).endswith("_ha") and c not in ("area_ha", "mapped_ha")]
    after = later.table
    assert after is not None
    return {
        "points": whole.points,
        "overall": whole.overall,
        "classes": [{**row, "true_ha": known[row["class"]]} for row in whole.table.to_dict("records")],
        "flags": parts.table.loc[parts.table["mapped_share"] > 0, "flag"].value_counts().to_dict(),
        "notes": [*whole.notes, *parts.notes],
        "communes": {scene: len(t) for scene, t in zip(tables, both, strict=True)},
        "shown": both[1].nlargest(SHOWN, "mapped_ha").drop(columns="geometry").to_dict("records"),
        "vintages": {
            "rows": [len(tables["ain"]), len(after)],
            "merged": int(len(tables["ain"]) - len(after)),
            "hectares": [
                float(t[columns].to_numpy(float)[~np.isnan(t[columns])].sum()) for t in (tables["ain"], after)
            ],
        },
    }


def main(result: Path, folder: Path) -> None:
    """Run the tour, write the result file."""
    commit = this_commit()
    found = {"commit": commit, **tour(folder)}
    write_text(result, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[2:]:
        Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(Path(sys.argv[1]), Path(name))
