"""The STAC Collection of a release: items of its maps, its tables as assets, all with checksums."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landcover import __version__
from landcover.files import write_text
from landcover.imagery.cog import is_large
from landcover.imagery.image import Place, open_raster, when_taken
from landcover.imagery.maps import TAG, legend_of
from landcover.imagery.stac import (
    ANY_TIME,
    EXTENSIONS,
    Json,
    classes,
    file_fields,
    footprint,
    item,
    projection,
)
from landcover.statistics.tables import SUFFIXES, stamp

COLLECTION = "collection.json"
GEOTIFF = "image/tiff; application=geotiff"
TYPES = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".gpkg": "application/geopackage+sqlite3",
    ".tif": GEOTIFF,
    ".json": "application/json",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
WORLD = [-180.0, -90.0, 180.0, 90.0]


@dataclass(frozen=True)
class Publisher:
    """What the collection says of itself: title (None makes one), licence (SPDX) and who publishes it."""

    title: str | None = None
    licence: str = "other"
    provider: str | None = None


def write_collection(
    folder: Path, maps: Sequence[Path], vintage: str, publisher: Publisher, previous: Path | None = None
) -> None:
    """Write collection.json, make the items of the folder its own, and write one for each map without.

    Parameters
    ----------
    folder : of the release, with all its files
    maps : in it
    vintage : its name
    previous : the release before, which a link `predecessor-version` names with its checksum
    """
    id = "landcover-" + re.sub(r"[^0-9A-Za-z_.-]+", "-", vintage).strip("-")
    items = {p.name: json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("items/*.json"))}
    described = _assets_of(folder, items)
    for path in maps:
        if path.resolve() not in described:
            name = path.relative_to(folder).with_suffix("").as_posix().removeprefix("maps/").replace("/", "-")
            while f"{name}.json" in items:
                name += "_"
            items[f"{name}.json"] = _map_item(folder, path, name)
    above = {"href": f"../{COLLECTION}", "type": "application/json"}
    (folder / "items").mkdir(exist_ok=True)
    for name, known in items.items():
        links = [k for k in known["links"] if k["rel"] not in ("root", "parent", "collection", "self")]
        known["links"] = [*({"rel": rel, **above} for rel in ("root", "parent", "collection")), *links]
        known["collection"] = id
        _write(folder / "items" / name, known)
    boxes = [known["bbox"] for known in items.values() if "bbox" in known]
    whole = [f(b[i] for b in boxes) for i, f in enumerate((min, min, max, max))] if boxes else WORLD
    links = [{"rel": "root", "href": f"./{COLLECTION}", "type": "application/json"}]
    links += [{"rel": "item", "href": f"./items/{n}", "type": "application/geo+json"} for n in sorted(items)]
    if previous is not None:
        href = f"../{previous.resolve().name}/{COLLECTION}"
        link = {"rel": "predecessor-version", "href": href, "type": "application/json"}
        links.append(link | file_fields(previous / COLLECTION))
    content: Json = {
        "type": "Collection",
        "stac_version": "1.1.0",
        "stac_extensions": [EXTENSIONS["file"]],
        "id": id,
        "title": publisher.title or f"Land cover, vintage {vintage}",
        "description": f"Maps and tables of land cover of the vintage {vintage}, as they were released.",
        "license": publisher.licence,
        "extent": {"spatial": {"bbox": [whole]}, "temporal": {"interval": [_interval(items)]}},
        "landcover:vintage": vintage,
        "landcover:version": __version__,
        "links": links,
        "assets": _other_assets(folder, _assets_of(folder, items)),
    }
    if publisher.provider:
        content["providers"] = [{"name": publisher.provider, "roles": ["producer", "licensor"]}]
    _write(folder / COLLECTION, content)


def _assets_of(folder: Path, items: dict[str, Json]) -> set[Path]:
    """Files that items describe."""
    return {(folder / "items" / a["href"]).resolve() for i in items.values() for a in i["assets"].values()}


def _map_item(folder: Path, path: Path, name: str) -> Json:
    """The item of a map that has none: its place, grid, classes and vintages."""
    with open_raster(path) as source:
        height, width, place = int(source.height), int(source.width), Place.of(source)
        taken = when_taken(source)
        tagged = any(tag.startswith(TAG) for tag in source.tags())
    properties: Json = {"datetime": taken} if taken else dict(ANY_TIME)
    properties |= {"title": f"Map {path.name}", "landcover:vintages": stamp(path)}
    geometry, bbox = None, None
    if place is not None:
        properties |= projection(place, height, width)
        if place.crs:
            geometry, bbox = footprint(place, height, width)
    kind = GEOTIFF + ("; profile=cloud-optimized" if is_large(height, width) else "")
    asset: Json = {"href": f"../{path.relative_to(folder).as_posix()}", "type": kind, "roles": ["data"]}
    if tagged:
        asset["classification:classes"] = classes(legend_of(path))
    extensions = [*(["projection"] if place else []), *(["classification"] if tagged else []), "file"]
    return item(name, geometry, bbox, properties, [], {"map": asset | file_fields(path)}, extensions)


def _other_assets(folder: Path, described: set[Path]) -> Json:
    """Assets of the collection: all files that no item describes."""
    assets: Json = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, suffix = path.relative_to(folder).as_posix(), path.suffix.lower()
        if path.resolve() in described or name.startswith("items/"):
            continue
        assets[name] = {
            "href": f"./{name}",
            "type": TYPES.get(suffix, "application/octet-stream"),
            "roles": ["data" if suffix in SUFFIXES else "metadata"],
            **file_fields(path),
        }
        if suffix in SUFFIXES and (vintages := stamp(path)):
            assets[name]["landcover:vintages"] = vintages
    return assets


def _interval(items: dict[str, Json]) -> list[str | None]:
    """The first and the last date of the items that have one; open at the end where none has."""
    spans = []
    for known in items.values():
        p = known["properties"]
        if p.get("datetime"):
            spans.append((p["datetime"], p["datetime"]))
        elif p.get("start_datetime") != ANY_TIME["start_datetime"]:
            spans.append((p["start_datetime"], p["end_datetime"]))
    if not spans:
        return [ANY_TIME["start_datetime"], None]
    return [min(begin for begin, _ in spans), max(end for _, end in spans)]


def _write(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
