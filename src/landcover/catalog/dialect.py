"""What an item says of itself, in any catalogue: where its bands are, their scale and offset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landcover.catalog.search import Item, is_web, understanding, when
from landcover.errors import LandcoverError

COMMON = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}
CLASSES = "SCL"  # the scene classification
FULL = 10_000  # the number that means reflectance 1
SHIFT = -1000.0  # added by processing baseline 04.00 and later, to be taken off


@dataclass(frozen=True)
class Asset:
    """One band of an item. Reflectance × 10,000 is `raw × scale + offset`.

    `reason` tells where the offset comes from.
    """

    key: str
    href: str
    scale: float = 1.0
    offset: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Source:
    """An item as it is read: its bands B02, B03, B04, B08 and SCL."""

    id: str
    collection: str | None
    when: datetime
    cloud: float | None
    baseline: str | None
    bbox: tuple[float, ...]
    geometry: dict[str, Any]
    assets: Mapping[str, Asset]


def source_of(item: Item) -> Source:
    """Read an item of Earth Search, Planetary Computer, Copernicus Data Space or alike.

    Bands are found by their common names (`eo:bands` or `bands`), else by the usual keys of assets; of
    several the one that is on the web, is no JPEG 2000 and has the finest pixels is taken.

    Raises
    ------
    LandcoverError : the item is malformed, a band is missing, or nothing tells the offset
    """
    with understanding(item):
        return _source(item)


def _source(item: Item) -> Source:
    properties, assets = item["properties"], item.get("assets", {})
    baseline = _baseline(item)
    found = {}
    for band in (*COMMON, CLASSES):
        key = _find(band, assets)
        if key is None:
            raise LandcoverError(
                str(item["id"]), f"has no {band} among its assets {', '.join(assets)}"[:200],
                f"{', '.join(COMMON)} and {CLASSES}", "choose one of Sentinel-2 L2A with --collection",
            )  # fmt: skip
        href = _href(assets[key])
        scale, offset, reason = 1.0, 0.0, ""
        if band != CLASSES:
            scale, offset, reason = _radiometry(item, assets[key], baseline)
        found[band] = Asset(key, href, scale, offset, reason)
    return Source(
        id=str(item["id"]),
        collection=item.get("collection"),
        when=when(item),
        cloud=properties.get("eo:cloud_cover"),
        baseline=baseline,
        bbox=tuple(item["bbox"]),
        geometry=item["geometry"],
        assets=found,
    )


def _find(band: str, assets: dict[str, Any]) -> str | None:
    """Key of the best asset for a band."""
    common = COMMON.get(band)
    keys = [k for k, asset in assets.items() if common and _common_names(asset) == [common]]
    usual = (band, common, f"{band}_10m", band.lower(), f"{band}_20m", f"{band.lower()}_20m")
    keys = keys or [k for k in usual if k in assets]
    return min(keys, key=lambda k: _rank(k, assets[k]), default=None)


def _common_names(asset: dict[str, Any]) -> list[str | None]:
    bands = asset.get("bands") or asset.get("eo:bands") or []
    return [b.get("eo:common_name", b.get("common_name")) for b in bands]


def _rank(key: str, asset: dict[str, Any]) -> tuple[bool, bool, float]:
    href, size = _href(asset), re.search(r"_(\d+)m$", key)
    pixel = asset.get("gsd") or _raster(asset).get("spatial_resolution") or (size[1] if size else 0)
    return not is_web(href), "jp2" in f"{key} {asset.get('type', '')} {href}", float(pixel)


def _href(asset: dict[str, Any]) -> str:
    """Where an asset is: on the web, if any of its addresses is."""
    hrefs = [asset["href"], *(a.get("href", "") for a in asset.get("alternate", {}).values())]
    return str(next(filter(is_web, hrefs), hrefs[0]))


def _raster(asset: dict[str, Any]) -> dict[str, Any]:
    """Scale and offset of an asset, in either generation of the raster extension."""
    told: dict[str, Any] = {}
    for part in (asset, *(asset.get("bands") or [])[:1]):
        told |= {n.removeprefix("raster:"): part[n] for n in ("raster:scale", "raster:offset") if n in part}
    older: dict[str, Any] = (asset.get("raster:bands") or [{}])[0]
    return told | older


def _baseline(item: Item) -> str | None:
    """Processing baseline, such as 05.09."""
    properties = item["properties"]
    for name in ("s2:processing_baseline", "sentinel:processing_baseline", "processing:version"):
        if re.fullmatch(r"\d+\.\d+", str(properties.get(name, ""))):
            return str(properties[name])
    named = re.search(r"_N(\d\d)(\d\d)_", f"{properties.get('s2:product_uri', '')} {item['id']}")
    return f"{named[1]}.{named[2]}" if named else None


def _radiometry(item: Item, asset: dict[str, Any], baseline: str | None) -> tuple[float, float, str]:
    """Scale, offset (both for reflectance × 10,000) and why, so that the offset is taken off exactly once.

    The flag of Earth Search comes first, since its items name the offset even where it was taken off; then
    the baseline, since none before 04.00 has an offset; then what the asset says; then the rule of 04.00.
    """
    properties, told = item["properties"], _raster(asset)
    scale = float(told.get("scale", 1 / FULL)) * FULL
    if any(properties.get(f"{p}:boa_offset_applied") is True for p in ("earthsearch", "sentinel")):
        return scale, 0.0, "taken off by the catalogue"
    if baseline is not None and float(baseline) < 4:
        return scale, 0.0, "none before baseline 04.00"
    if "offset" in told:
        return scale, float(told["offset"]) * FULL, "told by the asset"
    if baseline is not None:
        return scale, SHIFT, "rule of baseline 04.00 and later"
    if "scale" in told:
        return scale, 0.0, "the asset tells a scale alone"
    raise LandcoverError(
        str(item["id"]), "tells neither processing baseline nor scale and offset",
        "s2:processing_baseline or raster:bands", "mend the item, or choose another catalogue",
    )  # fmt: skip
