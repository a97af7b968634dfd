"""Validation of STAC items and collections by their schemas, offline."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pystac
import pytest
from conftest import DATA
from pystac.validation.local_validator import get_local_schema_cache

SCHEMAS = DATA.parent / "schemas"


@cache
def schemas() -> dict[str, Any]:
    """Schemas by address: the core from pystac, the extensions from the folder beside the real data."""
    if not SCHEMAS.is_dir():
        pytest.skip(f"no schemas in {SCHEMAS} (beside LANDCOVER_DATA)")
    import pyproj

    found: dict[str, Any] = dict(get_local_schema_cache())
    for path in SCHEMAS.glob("*.json"):
        name, _, version = path.stem.rpartition("-")
        found[f"https://stac-extensions.github.io/{name}/{version}/schema.json"] = json.loads(
            path.read_text()
        )
    projjson = Path(pyproj.datadir.get_data_dir()) / "projjson.schema.json"
    found["https://proj.org/schemas/v0.7/projjson.schema.json"] = json.loads(projjson.read_text())
    return found


def check(path: Path) -> dict[str, Any]:
    """Validate an item or a collection by the core and each of its extensions, without a network."""
    from jsonschema import Draft7Validator
    from referencing import Registry
    from referencing.jsonschema import DRAFT7

    known = schemas()
    registry: Any = Registry().with_resources(
        (address, DRAFT7.create_resource({**schema, "$id": address})) for address, schema in known.items()
    )
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    kind = "collection" if content["type"] == "Collection" else "item"
    core = f"https://schemas.stacspec.org/v1.1.0/{kind}-spec/json-schema/{kind}.json"
    for address in (core, *content["stac_extensions"]):
        Draft7Validator({**known[address], "$id": address}, registry=registry).validate(content)
    read: type[pystac.Item | pystac.Collection] = pystac.Collection if kind == "collection" else pystac.Item
    read.from_dict(content)
    return content
