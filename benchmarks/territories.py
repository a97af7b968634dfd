"""Speed and memory of territories: python benchmarks/territories.py RESULT.json

Lays out a map of SIDE × SIDE px (Lambert-93, 10 m, Cloud-Optimized GeoTIFF) that covers the département of
Ain with the real mask ain_west_mask.tif, mirrored, and sums it over the 407 communes by every way in WAYS,
each in a process of its own; reading is timed, imports are not. One rectangle over all of the map, and over
one twice as high, tell whether memory grows. Data come from LANDCOVER_DATA (default ../shared/data).
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas
import numpy as np
import rasterio
from rasterio import Affine
from result_files import machine, this_commit
from shapely import box

from landcover.files import write_text
from landcover.imagery.image import Place
from landcover.imagery.write import open_map
from landcover.legend import S2GLC

DATA = Path(os.environ.get("LANDCOVER_DATA", "../shared/data"))
ZONES = DATA / "france" / "communes-01-ain.geojson"
SIDE = 10980
CORNER = 833_860, 6_609_390
WHOLE, TWICE = "landcover, one rectangle", "landcover, one rectangle, map twice as high"
WAYS = ("landcover", "exactextract", "rasterstats", WHOLE, TWICE)


def lay_out(target: Path, height: int) -> None:
    """Mirror the mask to height × SIDE px."""
    with rasterio.open(DATA / "challenge48" / "ain_west_mask.tif") as source:
        real = source.read(1)
    mirrored = np.concatenate([real, real[::-1]])
    mirrored = np.concatenate([mirrored, mirrored[:, ::-1]], axis=1)
    columns = np.arange(SIDE) % mirrored.shape[1]
    place = Place(rasterio.CRS.from_epsg(2154), Affine(10, 0, CORNER[0], 0, -10, CORNER[1]))
    with open_map(target, height, SIDE, S2GLC, place) as rows:
        for y in range(0, height, 512):
            part = np.arange(y, min(y + 512, height)) % len(mirrored)
            rows.write(mirrored[part][:, columns][None])


def landcover_way(path: Path, out: Path, zones: Path) -> dict[str, float]:
    """Ours: the command, from files to a CSV."""
    from landcover.statistics.territories.territories import territories

    table = territories(path, zones, out / "communes.csv", overwrite=True)
    return {"pixels": float(table["pixels"].sum()), "hectares": float(table["mapped_ha"].sum())}


def exactextract_way(path: Path) -> dict[str, float]:
    """Fractions of each code by exactextract."""
    from exactextract import exact_extract

    with rasterio.open(path) as source:
        zones = geopandas.read_file(ZONES).to_crs(source.crs)
        table = exact_extract(source, zones, ["count", "unique", "frac"], output="pandas")
    return {"pixels": float(table["count"].sum())}


def rasterstats_way(path: Path) -> dict[str, float]:
    """Whole pixels whose centre lies inside, by rasterstats."""
    from rasterstats import zonal_stats

    with rasterio.open(path) as source:
        zones = geopandas.read_file(ZONES).to_crs(source.crs)
    table = zonal_stats(zones, str(path), categorical=True)
    return {"pixels": float(sum(sum(row.values()) for row in table))}


def measured(way: str, path: Path, out: Path) -> dict[str, float]:
    """Seconds, processor seconds and peak memory of one way, in this process."""
    import pyproj  # noqa: F401
    import rich.progress  # noqa: F401
    from exactextract import exact_extract  # noqa: F401
    from rasterstats import zonal_stats  # noqa: F401

    import landcover.statistics.territories.territories  # noqa: F401

    zones = out / f"{path.stem}.gpkg" if way in (WHOLE, TWICE) else ZONES
    others = {"exactextract": exactextract_way, "rasterstats": rasterstats_way}
    began, worked = time.perf_counter(), time.process_time()
    found = others[way](path) if way in others else landcover_way(path, out, zones)
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu_seconds": processor, "peak_mib": peak, **found}


def main(target: Path) -> None:
    """Measure every way and write the result."""
    commit = this_commit()
    ways = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        maps = {1: folder / "map.tif", 2: folder / "high.tif"}
        for times, path in maps.items():
            lay_out(path, times * SIDE)
            with rasterio.open(path) as source:
                rectangle = geopandas.GeoDataFrame({"code": ["0"]}, geometry=[box(*source.bounds)], crs=2154)
            rectangle.to_file(path.with_suffix(".gpkg"))
        for way in WAYS:
            path = maps[2 if way == TWICE else 1]
            command = [sys.executable, "-W", "ignore", __file__, "--way", way, str(path), name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            ways[way] = json.loads(done.stdout.splitlines()[-1])
            print(way, ways[way], flush=True)
    where = machine() | {"load": os.getloadavg()[0]}
    result = {"commit": commit, "machine": where, "side": SIDE, "zones": 407, "ways": ways}
    write_text(target, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--way":
        print(json.dumps(measured(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))))
    else:
        main(Path(sys.argv[1]))
