"""STAC: the parts of an item that any raster has: skeleton, outline, grid, classes, checksums.

Items are plain JSON, put together key by key, so that their bytes depend on no library's version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from landcover.files import sha256
from landcover.imagery.image import Place
from landcover.legend import Legend

EXTENSIONS = {
    name: f"https://stac-extensions.github.io/{name}/{version}/schema.json"
    for name, version in (
        ("projection", "v2.0.0"),
        ("raster", "v2.0.0"),
        ("classification", "v1.1.0"),
        ("processing", "v1.2.0"),
        ("file", "v2.1.0"),
        ("mlm", "v1.5.2"),
    )
}
Json = dict[str, Any]
ANY_TIME: Json = {
    "datetime": None,
    "start_datetime": "1970-01-01T00:00:00Z",
    "end_datetime": "2099-12-31T23:59:59Z",
}
EDGE_POINTS = 16  # on each side of an outline


def item(
    id: str,
    geometry: Json | None,
    bbox: list[float] | None,
    properties: Json,
    links: list[Json],
    assets: Json,
    extensions: Iterable[str],
) -> Json:
    """An item with these parts; `extensions` are names in `EXTENSIONS`, and a missing bbox is left out."""
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [EXTENSIONS[name] for name in extensions],
        "id": id,
        "geometry": geometry,
        **({} if bbox is None else {"bbox": bbox}),
        "properties": properties,
        "links": links,
        "assets": assets,
    }


def footprint(place: Place, height: int, width: int) -> tuple[Json, list[float]]:
    """Outline of a raster in WGS 84, as GeoJSON (cut at the 180th meridian), and its bounding box.

    Returns
    -------
    geometry : degrees, to 1e-7 (1 cm)
    bbox : west, south, east, north; west is greater than east across the 180th meridian
    """
    from rasterio.warp import transform_geom

    # sides that are straight in the CRS are curves in longitude and latitude
    steps = [i / EDGE_POINTS for i in range(EDGE_POINTS)]
    ring = [
        *((0.0, height * s) for s in steps),
        *((width * s, float(height)) for s in steps),
        *((float(width), height * (1 - s)) for s in steps),
        *((width * (1 - s), 0.0) for s in steps),
        (0.0, 0.0),
    ]
    t = place.transform
    outline = [(t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f) for x, y in ring]
    shape = {"type": "Polygon", "coordinates": [outline]}
    found: Json = transform_geom(place.crs, "EPSG:4326", shape, antimeridian_cutting=True, precision=7)
    parts = [found["coordinates"]] if found["type"] == "Polygon" else found["coordinates"]
    parts = [[_counterclockwise(part[0])] for part in parts]
    boxes = [([x for x, _ in part[0]], [y for _, y in part[0]]) for part in parts]
    south, north = min(min(y) for _, y in boxes), max(max(y) for _, y in boxes)
    west, east = min(min(x) for x, _ in boxes), max(max(x) for x, _ in boxes)
    if len(parts) > 1 and west == -180 and east == 180:
        west = min(min(x) for x, _ in boxes if max(x) == 180)
        east = max(max(x) for x, _ in boxes if min(x) == -180)
    coordinates = parts[0] if len(parts) == 1 else parts
    return {"type": found["type"], "coordinates": coordinates}, [west, south, east, north]


def _counterclockwise(ring: Iterable[tuple[float, float]]) -> list[list[float]]:
    """A closed ring in the direction that GeoJSON wants of outlines."""
    points = [[float(x), float(y)] for x, y in ring]
    turned = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(points))
    return points if turned > 0 else points[::-1]


def projection(place: Place, height: int, width: int) -> Json:
    """Grid and CRS of a raster as the STAC extension projection has them; WKT where the CRS has no code."""
    found: Json = {
        "proj:shape": [height, width],
        "proj:transform": list(place.transform)[:6],
        "proj:code": None,
    }
    if place.crs:
        import pyproj

        crs = pyproj.CRS.from_wkt(place.crs.to_wkt())
        authority = crs.to_authority(min_confidence=100)
        if authority:
            found["proj:code"] = ":".join(authority)
        else:
            found["proj:wkt2"] = crs.to_wkt()
    return found


def classes(legend: Legend, codes: Iterable[int] | None = None) -> list[Json]:
    """The classes of a legend (or those of `codes`) as the extension classification has them.

    Examples
    --------
    >>> from landcover.legend import S2GLC
    >>> classes(S2GLC, [9])
    [{'value': 9, 'name': 'water', 'title': 'water', 'description': 'eau', 'color_hint': '1445F9'}]
    """
    wanted = set(legend.codes if codes is None else codes)
    return [
        {
            "value": c.code,
            "name": re.sub(r"[^0-9A-Za-z_-]", "_", c.name),
            "title": c.name,
            "description": c.name_fr,
            "color_hint": c.colour[1:].upper(),
            **({"nodata": True} if c == legend.no_data else {}),
        }
        for c in legend.classes
        if c.code in wanted
    ]


def file_fields(path: Path) -> Json:
    """Size and checksum (a multihash: 12 for SHA-256, 20 for its 32 bytes) as the extension file has them."""
    return {"file:size": path.stat().st_size, "file:checksum": f"1220{sha256(path)}"}
