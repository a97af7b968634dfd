"""From a trained network to the model file, its int8 copy, its card and the record of the run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
from torch import nn

from landcover.inference.calibrate import about, conformal_of, places_of
from landcover.inference.engine import Engine
from landcover.inference.modelfile import Card, band_statistics, save
from landcover.inference.novelty import fit_novelty
from landcover.networks.vote import Vote
from landcover.training import loop
from landcover.training.assess import assess, mean_kl
from landcover.training.data import Couples
from landcover.training.export import check_model, write_int8, write_model
from landcover.training.recipe import Recipe
from landcover.training.runfolder import finish, versions

CHECKED_CHIPS = 8


@dataclass(frozen=True)
class Run:
    """A finished training.

    Attributes
    ----------
    folder : the run folder (docs/data-formats.md)
    model : its model file; None for a forest
    history : one row an epoch
    scores : mean KL on the validation chips by decoder (`kl_counts`, `kl_mean`, `kl_calibrated`, and
        `kl_loglinear` where the recipe asks for it), of the int8 copy by the model's decoder (`kl_int8`),
        overall accuracy, mean IoU and expected calibration error; empty without validation chips
    warnings : a line for each tracker that failed
    """

    folder: Path
    model: Path | None
    history: pd.DataFrame
    scores: dict[str, float]
    warnings: tuple[str, ...] = ()


def conclude(
    folder: Path,
    segmenter: nn.Module,
    couples: Couples,
    settings: Recipe,
    described: dict[str, Any],
    history: list[loop.Row],
    commit: str | None,
    start: Path | None,
) -> Run:
    """Fit the decoder, write and check the files of a run.

    Parameters
    ----------
    described : the recipe, or the recipes of a vote, for the card
    start : the run or model file whose weights it went on from
    """
    chips, training, validation = couples.source, couples.training, couples.validation
    decoder, scores, iou = assess(segmenter, training, validation, settings, chips.legend.label_names)
    card = Card(
        legend=chips.legend,
        classes=chips.legend.label_codes,
        bands=settings.data.bands,
        statistics=band_statistics(training.images.transpose(1, 0, 2, 3)[:, training.images.any(axis=1)]),
        novelty=fit_novelty(training.images, (validation or training).images),
        window=settings.export.window,
        overlap=settings.export.overlap,
        decoder=decoder,
        recipe=described,
        scores=scores,
        data_hash=training.hash(),
        versions=versions(),
    )
    model, small = folder / "model.onnx", folder / "model.int8.onnx"
    write_model(model, segmenter, card)
    difference = None
    if not (isinstance(segmenter, Vote) and segmenter.how == "hard"):  # rounding turns single votes
        difference = check_model(model, segmenter, (validation or training).images[:CHECKED_CHIPS])
    write_int8(small, segmenter, card, training.images)
    if validation is not None:
        p = np.stack(list(Engine(small).probabilities(validation.images)))
        card = replace(card, scores=scores | {"kl_int8": mean_kl(card.decoder, p, validation)})
        known = about(chips, couples.val_ids, "val")
        for path in (small, model):
            found = conformal_of(
                path, validation.images, validation.targets, places_of(chips, couples.val_ids), known
            )
            card = replace(card, conformal=found)
            save(path, onnx.load(path), card)
    finish(
        folder,
        card,
        commit,
        history,
        difference,
        sum(p.numel() for p in segmenter.parameters()),
        couples,
        start,
        iou,
    )
    return Run(folder, model, pd.DataFrame(history), dict(card.scores))
