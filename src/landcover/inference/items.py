"""STAC items: what each product of `predict` shows, where, and how it was made, for catalogues and viewers.

Items point to the files by relative paths, and to `model.json`, the model's own item (extension MLM).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from landcover.files import write_text
from landcover.imagery.cog import is_large
from landcover.imagery.stac import ANY_TIME, Json, classes, file_fields, footprint, item, projection
from landcover.imagery.write import PROBABILITY_NO_DATA, PROBABILITY_SCALE
from landcover.inference.modelfile import Card
from landcover.inference.novelty import CELL
from landcover.inference.scene import Found

ARCHITECTURES = {"unet": "U-Net", "atrous": "U-Net", "benchmark": "U-Net", "fcdensenet": "FC-DenseNet"}
TABLES = {"shares": "distributions.csv", "areas": "areas.csv", "intervals": "intervals.csv"}


def write_items(
    folder: Path, scenes: Sequence[Found], record: Mapping[str, Any], card: Card, model: Path
) -> None:
    """Write `items/<id>.json` for each image, and `items/model.json`, into a prediction folder.

    Parameters
    ----------
    folder : holds the maps, layers and tables already
    scenes : predicted, in the order of record["images"]
    record : what predict.json holds
    model : the model file

    Notes
    -----
    An image of the id `model` leaves `model_.json` to the model.
    """
    (folder / "items").mkdir()
    name = "model"
    while name in {s.plan.id for s in scenes}:
        name += "_"
    about = model_item(name, model, record["model"]["sha256"], card)
    _write(folder / "items" / f"{name}.json", about)
    tables = {key: file_fields(folder / file) for key, file in TABLES.items() if (folder / file).exists()}
    for scene, facts in zip(scenes, record["images"], strict=True):
        product = scene_item(folder, scene, facts, record, card, about)
        product["assets"] |= {
            key: {"href": f"../{TABLES[key]}", "type": "text/csv", "roles": ["metadata"], **found}
            for key, found in tables.items()
            if key != "areas" or scene.tally.area
        }
        _write(folder / "items" / f"{scene.plan.id}.json", product)


def scene_item(
    folder: Path,
    scene: Found,
    facts: Mapping[str, Any],
    record: Mapping[str, Any],
    card: Card,
    model: Mapping[str, Any],
) -> Json:
    """The STAC item of one image's map and layers.

    STAC wants a date of every item, or a range. When the image has none (`when_taken`), the range is 1970 to
    2099: no land was imaged from space before, it surely holds the true date, and it is the same in every
    run, unlike the time of processing, which says nothing of the ground. An image without place has a null
    geometry and no bbox, as STAC provides for.

    Parameters
    ----------
    facts : of record["images"]
    model : the model's item
    """
    label = model["properties"]["mlm:name"]
    properties: Json = {"datetime": scene.plan.taken} if scene.plan.taken else dict(ANY_TIME)
    properties |= {
        "title": f"Land cover of {scene.plan.id}",
        "processing:level": "L4",
        "processing:lineage": f"Land cover of every pixel of {facts['input']} (SHA-256 {facts['sha256']}), "
        f"predicted by {record['model']['file']} (SHA-256 {record['model']['sha256']})"
        + (", averaged over the eight turned and mirrored images." if record["options"]["tta"] else "."),
        "processing:software": {"landcover": record["landcover"], **record["versions"]},
        "processing:expression": {"format": "stac-mlm", "expression": f"./{model['id']}.json"},
        "landcover:options": record["options"],
    }
    geometry, bbox = None, None
    coarse: Json = {}
    if scene.plan.place is not None:
        cells = scene.plan.place.of_cells(CELL)
        coarse = projection(cells, -(-facts["height"] // CELL), -(-facts["width"] // CELL))
        properties |= projection(scene.plan.place, facts["height"], facts["width"])
        if scene.tally.area:
            geometry, bbox = footprint(scene.plan.place, facts["height"], facts["width"])
    kind = "image/tiff; application=geotiff"
    if is_large(facts["height"], facts["width"]):
        kind += "; profile=cloud-optimized"
    raster: Json = {"type": kind, "data_type": "uint8", "raster:sampling": "area"}
    if scene.tally.area:
        properties["landcover:area_ha"] = float(f"{scene.tally.area:.10g}")
        metres = 100 * math.sqrt(scene.tally.area / scene.tally.pixels)
        raster["raster:spatial_resolution"] = float(f"{metres:.6g}")
    layer = {"nodata": PROBABILITY_NO_DATA, "raster:scale": 1 / PROBABILITY_SCALE, "raster:offset": 0}
    channels = [{"name": c.name} for c in card.legend.classes if c.code in card.classes]
    assets: Json = {
        "map": raster
        | {
            "title": "Class of every pixel",
            "roles": ["data"],
            "nodata": card.legend.no_data_code,
            "bands": [{"name": "land cover"}],
            "classification:classes": classes(card.legend),
        },
        "probabilities": raster
        | layer
        | {"title": "Probability of each class", "roles": ["data"], "bands": channels},
        "confidence": raster
        | layer
        | {"title": "Highest probability", "roles": ["data"], "bands": [{"name": "confidence"}]},
        "novelty": {
            "type": "image/tiff; application=geotiff",
            "title": f"Distance from the training images; over {card.novelty.distance:.3g} is unusual",
            "roles": ["metadata"],
            "data_type": "float32",
            "nodata": "nan",
            "bands": [{"name": "distance"}],
            **coarse,
        },
    }
    files = {key: f"{'maps' if key == 'map' else key}/{scene.plan.id}.tif" for key in assets}
    assets = {
        key: {"href": f"../{files[key]}", **asset, **file_fields(folder / files[key])}
        for key, asset in assets.items()
        if (folder / files[key]).exists()
    }
    link = {
        "rel": "derived_from",
        "href": f"./{model['id']}.json",
        "type": "application/geo+json",
        "title": "The model",
        "mlm:name": label,
    }
    names = ["raster", "classification", "processing", "file"]
    if scene.plan.place is not None:
        names.insert(0, "projection")
    return item(scene.plan.id, geometry, bbox, properties, [link], assets, names)


def model_item(id: str, model: Path, checksum: str, card: Card) -> Json:
    """The STAC item of a model file, by the extension MLM.

    The file itself is not copied into a prediction folder: name, size and checksum tell which it is. Geometry
    is null and the dates are those of `scene_item` without date, since a model file does not say where and
    when its training images were taken.
    """
    stem = re.sub(r"[^a-zA-Z0-9_.\-]+", "-", model.stem).strip("-._")
    network = dict(card.recipe).get("network", {}).get("kind", "unknown")
    known = classes(card.legend, card.classes)
    window = card.window
    properties: Json = dict(ANY_TIME) | {
        "title": f"Land cover model {model.name}",
        "mlm:name": f"landcover {stem}".strip(),
        "mlm:architecture": ARCHITECTURES.get(network, network),
        "mlm:tasks": ["semantic-segmentation"],
        "mlm:framework": "ONNX",
        "mlm:pretrained": True,
        "mlm:accelerator": None,
        "mlm:input": [
            {
                "name": "image",
                "description": "Digital numbers, reflectance × 10,000; their scaling is in the graph. Sides "
                f"are multiples of 32 px, here those of windows that overlap by {card.overlap} px.",
                "bands": list(card.bands),
                "input": {
                    "shape": [-1, len(card.bands), window, window],
                    "dim_order": ["batch", "bands", "height", "width"],
                    "data_type": "float32",
                },
                "value_scaling": None,
                "resize_type": None,
                "pre_processing_function": None,
            }
        ],
        "mlm:output": [
            {
                "name": "probabilities",
                "description": "Probability of each class at each pixel; they sum to 1.",
                "tasks": ["semantic-segmentation"],
                "result": {
                    "shape": [-1, len(card.classes), window, window],
                    "dim_order": ["batch", "class", "height", "width"],
                    "data_type": "float32",
                },
                "classification:classes": known,
                "post_processing_function": None,
            }
        ],
        "bands": [
            {"name": name, "raster:scale": 1e-4, "statistics": {"mean": s.mean, "stddev": s.std}}
            for name, s in zip(card.bands, card.statistics, strict=True)
        ],
        "landcover:decoder": card.decoder.to_dict(),
        "landcover:scores": dict(card.scores),
        "landcover:data_hash": card.data_hash,
        "landcover:versions": dict(card.versions),
    }
    if card.recipe:
        properties["mlm:hyperparameters"] = dict(card.recipe)
    asset = {
        "href": model.name,
        "title": "The model file; it is not in this folder",
        "type": "application/octet-stream; application=onnx",
        "roles": ["mlm:model", "mlm:weights"],
        "mlm:artifact_type": "onnx",
        "bands": [{"name": name} for name in card.bands],  # MLM wants them above, STAC then here too
        "file:size": model.stat().st_size,
        "file:checksum": f"1220{checksum}",
    }
    return item(id, None, None, properties, [], {"model": asset}, ["mlm", "raster", "file"])


def _write(path: Path, content: Json) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
