"""The scores of a model file on parts of a chips folder, by every decoder, from one pass of the network."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landcover.accuracy.calibration import Calibration
from landcover.accuracy.confusion import Crossing, class_measures, cross, ratio_interval
from landcover.chips.folder import open_chips, read_couples
from landcover.inference.engine import Engine
from landcover.shares.score import Score, difference, read_shares, score, spatial_blocks

PARTS = ("val", "test", "elsewhere")
DECODERS = ("counts", "mean", "calibrated")


@dataclass(frozen=True)
class Scored:
    """A model on a part: the score by decoder, which of them is the model's own, and what else is known."""

    own: str
    results: dict[str, Score]
    facts: dict[str, Any]


def score_part(model: Path, chips: Path, part: str) -> Scored:
    """Score a model file on a part of a chips folder by every decoder."""
    engine, folder = Engine(model, "float32"), open_chips(chips)
    card, legend = engine.card, folder.legend
    own = card.decoder
    decoders = {k: replace(own, kind=k) for k in DECODERS} | {own.kind: own}
    ids, true = folder.part(part), read_shares(chips / "train_labels.csv")
    assert folder.splits is not None
    blocks = spatial_blocks(folder.splits)
    codes = np.array(card.classes, np.uint8)
    images, masks = read_couples(folder, ids, None, card.bands)
    shares: dict[str, list[Any]] = {k: [] for k in decoders}
    crossings, calibration, began = [], Calibration(), time.process_time()
    for p, mask in zip(engine.probabilities(images), masks, strict=True):
        for kind, decoder in decoders.items():
            shares[kind].append(decoder.decode(p))
        mapped, valid = codes[p.argmax(axis=0)], np.isin(mask, codes)
        crossings.append(cross(mask, mapped, legend))
        averaged = own.of_pixels(p[:, valid])
        calibration.add(averaged.max(axis=0), codes[averaged.argmax(axis=0)] == mask[valid])
    took = time.process_time() - began
    results = {}
    for kind, rows in shares.items():
        table = pd.DataFrame(0.0, index=pd.Index(ids, name="sample_id"), columns=legend.names)
        table[[c.name for c in legend.classes if c.code in card.classes]] = np.stack(rows)
        results[kind] = score(table, true.loc[ids], blocks=blocks)
    facts: dict[str, Any] = {}
    for kind in decoders:
        if kind != own.kind:
            d = difference(results[kind], results[own.kind], blocks)
            facts[f"{kind} − {own.kind}"] = {"mean": d.mean, "low": d.low, "high": d.high}
    facts |= _accuracy(crossings, pd.Series(blocks).loc[ids], legend.label_names)
    facts |= {"ece": calibration.error, "processor_s_an_image": took / len(ids)}
    return Scored(own.kind, results, facts)


def scores_of(model: Path, chips: Path, parts: tuple[str, ...] = PARTS) -> dict[str, Any]:
    """Scores by part: KL by decoder with intervals, differences to the model's own, accuracy, calibration."""
    return {part: told(score_part(model, chips, part)) for part in parts}


def told(scored: Scored) -> dict[str, Any]:
    """What result files say of a model on a part."""
    return {"decoder": scored.own} | {k: about(s) for k, s in scored.results.items()} | scored.facts


def scores_of_run(run: Path, chips: Path, parts: tuple[str, ...] = PARTS) -> dict[str, Any]:
    """The scores of a run folder, whether or not it has a model file."""
    model = run / "model.onnx"
    return scores_of(model, chips, parts) if model.exists() else scores_of_shares(run, chips, parts)


def scores_of_shares(run: Path, chips: Path, parts: tuple[str, ...]) -> dict[str, Any]:
    """The scores of a run without model file, from the shares it wrote."""
    folder, true = open_chips(chips), read_shares(chips / "train_labels.csv")
    shares = read_shares(run / "distributions.csv")
    assert folder.splits is not None
    blocks, found = spatial_blocks(folder.splits), {}
    for part in parts:
        ids = folder.part(part)
        found[part] = {
            "decoder": "mean",
            "mean": about(score(shares.loc[ids], true.loc[ids], blocks=blocks)),
        }
    return found


def about(s: Score) -> dict[str, Any]:
    """What result files say of a score."""
    known = {"kl": s.kl, "low": s.low, "high": s.high, "resampled": s.resampled}
    return known | {"per_class": s.per_class.round(6).to_dict()}


def _accuracy(crossings: list[Crossing], blocks: Any, names: tuple[str, ...]) -> dict[str, Any]:
    right = np.array([c.right for c in crossings], float)
    pixels = np.array([c.pixels for c in crossings], float)
    measures = class_measures(np.sum([c.counts for c in crossings], axis=0))
    low, high = ratio_interval(right, pixels, blocks)
    iou = {n: round(float(v), 4) for n, v in zip(names, measures["iou"], strict=True) if np.isfinite(v)}
    return {
        "overall_accuracy": [right.sum() / pixels.sum(), low, high],
        "mean_iou": float(measures["iou"].mean()),
        "iou": iou,
    }
