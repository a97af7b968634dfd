"""What a finished training is worth on its validation chips: the decoder fitted there, and the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from torch import nn

from landcover.accuracy.calibration import Calibration
from landcover.accuracy.confusion import class_measures
from landcover.shares.calibrate import fit_calibrated
from landcover.shares.decode import KINDS, Decoder
from landcover.shares.loglinear import fit_loglinear
from landcover.shares.score import kl_terms
from landcover.training import loop
from landcover.training.data import IGNORED, Chips
from landcover.training.recipe import Recipe


def assess(
    segmenter: nn.Module, training: Chips, validation: Chips | None, settings: Recipe, names: Sequence[str]
) -> tuple[Decoder, dict[str, float], dict[str, float]]:
    """Fit the decoder and measure the network on the validation chips.

    Returns
    -------
    decoder : of the model file
    scores : mean KL of every decoder (`kl_counts`, `kl_mean`, `kl_calibrated`; `kl_loglinear` where the
        recipe asks for it); over labelled pixels the overall accuracy, the mean IoU and the expected
        calibration error. Empty without validation chips
    iou : by class name, NaN for a class that is neither in the masks nor in the maps; empty likewise
    """
    prior = training.shares.mean(axis=0)
    if validation is None:
        return Decoder("counts" if settings.decoder.kind == "counts" else "mean"), {}, {}
    p = loop.probabilities(segmenter, validation)
    valid = validation.targets != IGNORED
    keep = valid.any(axis=(1, 2))
    fitted = fit_calibrated(list(p[keep]), list(valid[keep]), validation.shares[keep], prior / prior.sum())
    if settings.decoder.kind == "loglinear":
        both = _loglinear(segmenter, training, validation)
        fitted = replace(fitted, slopes=both.slopes, offsets=both.offsets)
    kinds = [kind for kind in KINDS if kind != "loglinear" or fitted.slopes]
    scores = {f"kl_{kind}": mean_kl(replace(fitted, kind=kind), p, validation) for kind in kinds}

    true, chosen = validation.targets[valid], p.argmax(axis=1)[valid]
    crossed = np.bincount(true.astype(np.intp) * len(names) + chosen, minlength=len(names) ** 2)
    iou = class_measures(crossed.reshape(len(names), len(names)))["iou"]
    decoder, calibration = replace(fitted, kind=settings.decoder.kind), Calibration()
    for one, known, target in zip(p, valid, validation.targets, strict=True):
        averaged = decoder.of_pixels(one[:, known])  # what a layer of probabilities holds
        calibration.add(averaged.max(axis=0), averaged.argmax(axis=0) == target[known])
    scores["overall_accuracy"] = float((chosen == true).mean())
    scores["mean_iou"] = float(iou.mean())
    scores["calibration_error"] = calibration.error
    return decoder, scores, dict(zip(names, iou.tolist(), strict=True))


def _loglinear(segmenter: nn.Module, *parts: Chips) -> Decoder:
    """The log-linear decoder of the labelled chips of training and validation."""
    labelled = [(chips.targets != IGNORED).any(axis=(1, 2)) for chips in parts]
    chosen = [(c, i) for c, known in zip(parts, labelled, strict=True) for i in np.flatnonzero(known)]
    p = (loop.probabilities(segmenter, replace(c, images=c.images[i : i + 1]))[0] for c, i in chosen)
    valid = (c.targets[i] != IGNORED for c, i in chosen)
    true = np.concatenate([c.shares[known] for c, known in zip(parts, labelled, strict=True)])
    return fit_loglinear(p, valid, true)


def mean_kl(decoder: Decoder, p: npt.NDArray[np.float32], chips: Chips) -> float:
    """Mean KL of the shares of chips that have labels; p: chips × classes × height × width."""
    valid = chips.targets != IGNORED
    keep = valid.any(axis=(1, 2))
    shares = np.stack([decoder.decode(q, v) for q, v in zip(p[keep], valid[keep], strict=True)])
    return float(kl_terms(chips.shares[keep], shares).sum(axis=1).mean())
