"""The report of a prediction: shares, pictures of image and map, warnings, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.imagery.image import open_raster
from landcover.inference.modelfile import Novelty
from landcover.inference.novelty import CELL
from landcover.legend import Legend
from landcover.report.bars import share_bars
from landcover.report.page import Fact, Figure, Section, Table, number, swatches, write_page
from landcover.report.pictures import MOST_SIDE, Panel, distance_rgb, image_rgb, map_rgb, panels

MOST_PICTURES = 12


def write_report(
    path: Path,
    pictures: Mapping[str, npt.NDArray[np.float32]],
    shares: pd.DataFrame,
    areas: pd.DataFrame,
    intervals: pd.DataFrame,
    legend: Legend,
    bands: Sequence[str],
    novelty: Novelty,
    record: Mapping[str, Any],
    intro: str = "",
) -> None:
    """Write `report.html` beside the maps of a prediction folder.

    Parameters
    ----------
    path : the page; maps and distances are looked for in `maps/` and `novelty/` beside it
    pictures : of images by id, bands × height × width; NaN where there is no data
    shares, areas, intervals : of each image, as in the tables beside the page
    bands, novelty : the model's
    record : what predict.json holds
    intro : a sentence to open with
    """
    warnings = list(record["warnings"])
    by_area = len(shares) > 1 and areas["sample_id"].nunique() == len(shares)
    hectares = areas.groupby("class")["area_ha"].sum().reindex(shares.columns)
    mean = hectares / hectares.sum() if by_area else shares.mean()
    lead = intro or (
        f"Land cover of {len(shares):,} image{'s' if len(shares) > 1 else ''}, predicted pixel by pixel, and "
        "the share of each class."
    )
    largest = mean[list(legend.label_names)].nlargest(2)
    many = len(shares) > 1
    facts = [Fact(str(k), number(v, ".1%"), "mean share" if many else "share") for k, v in largest.items()]
    found = [i["novelty"]["unlike"] for i in record["images"] if i["novelty"]["unlike"] is not None]
    unlike = float(np.mean(found)) if found else None
    placed = areas["sample_id"].nunique() or len(shares)
    missing = sum(image["no_data_px"] for image in record["images"])
    facts.append(Fact("images", f"{len(shares):,}") if many else Fact("no data", f"{missing:,} px"))
    sections = [
        Section(
            "What to know before using it",
            "\n\n".join(warnings)
            if warnings
            else "The numbers of the image are in the range of those that the model was trained on"
            + (f"; {number(unlike, '.1%')} of its area looks unlike them." if unlike is not None else "."),
        ),
        Section(
            "Shares",
            "The share of each class among all pixels"
            + (", averaged over the images" if len(shares) > 1 else "")
            + (" by their area" if by_area else "")
            + f", by the decoder “{record['options']['decoder']['kind']}”. "
            + _decoded(record["options"]["decoder"])
            + (
                f" Hectares are those of {placed:,} images whose place is known."
                if placed < len(shares)
                else ""
            )
            + _promise(intervals, record),
            [share_bars({"predicted": mean}, legend)],
            [_table(mean, hectares, intervals, legend)],
        ),
        Section(
            "Map",
            "Image in natural colours, its map, and how far each part is from the training images: grey is "
            "usual, purple is farther than 99 % of the parts of validation images, the darker the farther, "
            "black holds too few data."
            + (f" The first {len(pictures)} of {len(shares):,}." if len(shares) > len(pictures) else "")
            + " Where the map looks wrong, the shares are wrong too.",
            [
                _pictures(path.parent, name, pixels, legend, bands, novelty)
                for name, pixels in pictures.items()
            ],
        ),
        Section("How it was made", _made(record)),
    ]
    write_page(path, "Land cover", lead, sections, facts, f"Written by landcover {record['landcover']}.")


DECODERS = {
    "counts": "Each pixel counts for its most probable class; a class that is likely nowhere gets 0.",
    "mean": "The probabilities of all pixels are averaged, so that a class that is a little likely everywhere"
    " counts too; shares and map can therefore differ.",
    "calibrated": "The probabilities of all pixels, softened or sharpened as validation chips asked for, are"
    " averaged, so that a class that is a little likely everywhere counts too; shares and map can therefore"
    " differ.",
    "loglinear": "The probabilities of all pixels, corrected class by class as labelled chips asked for, are"
    " averaged, so that a class that is a little likely everywhere counts too; shares and map can therefore"
    " differ.",
}


def _decoded(decoder: Mapping[str, Any]) -> str:
    """How the shares come from probabilities; a calibration that changed nothing is none."""
    if decoder["kind"] == "calibrated" and decoder["temperature"] == 1 and not decoder["shrinkage"]:
        return DECODERS["mean"] + " Validation chips asked for no calibration beyond that."
    return DECODERS[decoder["kind"]]


def _promise(intervals: pd.DataFrame, record: Mapping[str, Any]) -> str:
    """What the intervals say, or why there are none."""
    held = intervals[intervals["low"].notna()]
    ids, of = held["sample_id"].nunique(), intervals["sample_id"].nunique()
    if not ids:
        return f"\n\nThe shares have no interval: {intervals['note'].mode().iloc[0]}."
    known = record["conformal"]
    return (
        f"\n\nintervals.csv holds {number(known['level'], '.0%')} intervals"
        + (f" of {ids:,} of {of:,} images" if of > 1 else "")
        + f", calibrated on {known['chips'].get('chips', 'labelled')} chips. They hold for ground like that "
        "of those chips. In another region fewer hold, also where nothing looks unusual; calibrate them on "
        "labels of that region (landcover calibrate) before you publish them there."
    )


def _table(
    mean: pd.Series[float], hectares: pd.Series[float], intervals: pd.DataFrame, legend: Legend
) -> Table:
    frame = pd.DataFrame(
        {
            "class": list(legend.names),
            "en français": [c.name_fr for c in legend.classes],
            "share": [float(mean[n]) for n in legend.names],
        }
    )
    if len(intervals["sample_id"].unique()) == 1 and intervals["low"].notna().any():
        bounds = intervals.set_index("class").reindex(legend.names)
        frame["from"], frame["to"] = bounds["low"].to_numpy(), bounds["high"].to_numpy()
    if hectares.notna().any():
        frame["hectares"] = [float(hectares[n]) for n in legend.names]
    formats = {"share": ".2%", "hectares": ",.1f", "from": ".2%", "to": ".2%"}
    return Table(frame, "Share of each class", formats, swatches(legend))


def _pictures(
    folder: Path,
    name: str,
    pixels: npt.NDArray[np.float32],
    legend: Legend,
    bands: Sequence[str],
    novelty: Novelty,
) -> Figure:
    with open_raster(folder / "maps" / f"{name}.tif") as source:
        step = -(-max(source.height, source.width) // MOST_SIDE)
        rows, columns = np.arange(0, source.height, step), np.arange(0, source.width, step)
        codes = source.read(1, out_shape=(len(rows), len(columns)))
    with open_raster(folder / "novelty" / f"{name}.tif") as source:
        distance = source.read(1)[np.ix_(rows // CELL, columns // CELL)]
    row = []
    if {"B02", "B03", "B04"} <= set(bands):
        colours = pixels[[list(bands).index(b) for b in ("B02", "B03", "B04")]]
        seen = image_rgb(np.nan_to_num(colours), np.asarray(~np.isnan(colours[0])))
        row.append(Panel(seen, "image", f"Image {name} in natural colours"))
    row.append(Panel(map_rgb(codes, legend), "map", f"Map of {name}"))
    far = distance_rgb(distance, novelty.distance)
    row.append(Panel(far, "distance from training", f"Distance of {name} from the training images"))
    return panels(row, name, legend, sorted(set(np.unique(codes).tolist())))


def _made(record: Mapping[str, Any]) -> str:
    options = record["options"]
    return (
        f"Model {record['model']['file']} (SHA-256 {record['model']['sha256'][:16]}…), "
        f"computed in {options['precision']} by OpenVINO {record['versions']['openvino']}, "
        + ("averaged over the eight turned and mirrored images, " if options["tta"] else "")
        + f"windows of {options['window']} px that overlap by {options['overlap']} px. "
        f"Numbers read as raw × {options['scale']:g} + {options['offset']:g}.\n\n"
        "predict.json holds all settings and the hash of every input; distributions.csv holds the shares."
    )
