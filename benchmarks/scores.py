"""The scores of a model file on parts of a chips folder, by every decoder, from one pass of the network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landcover.accuracy.calibration import Calibration
from landcover.accuracy.confusion import Crossing, class_measures, cross, ratio_interval
from landcover.chips.folder import open_chips, read_couples
from landcover.inference.engine import Engine
from landcover.inference.modelfile import Card
from landcover.legend import Legend
from landcover.shares.decode import override
from landcover.shares.score import Score, difference, read_shares, score, spatial_blocks

DECODERS = ("counts", "mean", "calibrated")


def scores_of(model: Path, chips: Path, parts: tuple[str, ...]) -> dict[str, Any]:
    """Scores by part: KL by decoder with intervals, differences to the model's own, accuracy, calibration."""
    engine, folder = Engine(model, "float32"), open_chips(chips)
    card, legend = engine.card, folder.legend
    own = card.decoder
    decoders = {k: replace(own, kind=k) for k in DECODERS} | {own.kind: own}
    true = read_shares(chips / "train_labels.csv")
    assert folder.splits is not None
    blocks = spatial_blocks(folder.splits)
    codes, found = np.array(card.classes, np.uint8), {}
    for part in parts:
        ids = folder.part(part)
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
            results[kind] = score(_table(rows, ids, legend, card), true.loc[ids], blocks=blocks)
        found[part] = {"decoder": own.kind} | {k: _about(s) for k, s in results.items()}
        for kind in decoders:
            if kind != own.kind:
                d = difference(results[kind], results[own.kind], blocks)
                found[part][f"{kind} − {own.kind}"] = {"mean": d.mean, "low": d.low, "high": d.high}
        found[part] |= _accuracy(crossings, pd.Series(blocks).loc[ids], legend.label_names)
        found[part] |= {"ece": calibration.error, "processor_s_an_image": took / len(ids)}
    return found


def kl_by_image(model: Path, chips: Path, part: str, decoder: str | None = None) -> pd.Series[float]:
    """The KL of each image of a part, by the model's own decoder or another kind of it."""
    engine, folder = Engine(model, "float32"), open_chips(chips)
    card, ids, true = engine.card, folder.part(part), read_shares(chips / "train_labels.csv")
    chosen = override(card.decoder, decoder)
    images, _ = read_couples(folder, ids, None, card.bands)
    rows = [chosen.decode(p) for p in engine.probabilities(images)]
    return score(_table(rows, ids, folder.legend, card), true.loc[ids]).per_image


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
            "mean": _about(score(shares.loc[ids], true.loc[ids], blocks=blocks)),
        }
    return found


def _table(rows: list[Any], ids: Sequence[str], legend: Legend, card: Card) -> pd.DataFrame:
    """Shares of images by class of the legend."""
    table = pd.DataFrame(0.0, index=pd.Index(ids, name="sample_id"), columns=legend.names)
    table[[c.name for c in legend.classes if c.code in card.classes]] = np.stack(rows)
    return table


def _about(s: Score) -> dict[str, Any]:
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
