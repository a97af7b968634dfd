"""The report of an evaluation: what was found, and how to read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from landcover import __version__
from landcover.accuracy.looks import looks
from landcover.accuracy.result import Evaluation
from landcover.accuracy.yardsticks import SAME
from landcover.files import sha256
from landcover.report.bars import share_bars
from landcover.report.figures import confusion_heat, intervals, reliability, share_scatter
from landcover.report.page import Fact, Section, Table, number, swatches, write_page


def write_report(path: Path, result: Evaluation) -> None:
    """Write report.html; the parts that the inputs don't allow are left out, and the page says why."""
    inputs = result.inputs
    sections = [_score(result), _shares(result)]
    if result.confusion is not None:
        sections += [_accuracy(result, result.confusion), _confusion(result, result.confusion)]
    if result.reliability is not None:
        sections.append(_reliability(result, result.reliability))
    if result.confusion is not None:
        sections.append(looks(result))
    sections.append(_compared(result))
    tables = (
        "classes.csv and images.csv" if result.confusion is None else "classes.csv, images.csv, confusion.csv"
    )
    write_page(
        path,
        "Evaluation of land cover predictions",
        f"{inputs.predictions.name} compared with {inputs.reference.name}: {len(result.images):,} of "
        f"{inputs.reference_size:,} reference images.",
        sections,
        _facts(result),
        f"Made by landcover {__version__}. The same numbers are in evaluation.json, {tables}.",
    )


def _facts(result: Evaluation) -> list[Fact]:
    s = result.score
    drawn = f"bootstrap over {s.resampled}"
    facts = [
        Fact("Score (mean KL)", f"{s.kl:.4f}", f"lower is better; {_between(s.low, s.high, '.4f')}, {drawn}")
    ]
    if result.confusion is not None:
        interval = _between(result.low, result.high, ".1%")
        present = int(result.classes["iou"].notna().sum())
        facts += [
            Fact(
                "Overall accuracy",
                number(result.overall_accuracy, ".1%"),
                f"pixels right; {interval}, {drawn}",
            ),
            Fact(
                "Mean IoU", f"{result.mean_iou:.3f}", f"over {present} classes; mean F1 {result.mean_f1:.3f}"
            ),
        ]
    if result.reliability is not None:
        facts.append(Fact("Calibration error", f"{result.ece:.3f}", "of the probabilities; 0 is best"))
    return facts


def _between(low: float, high: float, spec: str) -> str:
    if not low < high:
        return "no interval, nothing varies"
    return f"95\u00a0% interval {number(low, spec)} to {number(high, spec)}"


def _score(result: Evaluation) -> Section:
    s, table = result.score, result.yardsticks
    formula = (
        "The official formula: no data and clouds are dropped, the other shares made to sum to 1, and 1e-7 "
        "is added to both sides."
        if s.formula == "official"
        else "The plain formula: all classes as they stand, with 1e-7 added to both sides."
    )
    drawn = (
        "Whole blocks are drawn, because neighbouring images are alike and single ones would give too "
        "narrow an interval; with fewer than about ten blocks the interval is itself rough."
        if "block" in s.resampled
        else "If neighbouring images are alike, the true interval is wider: with a splits.csv that gives "
        "their places in the reference folder, whole blocks are drawn."
    )
    same = table["images"] == SAME
    points = table.rename(columns={"kl": "value"}).assign(strong=same)
    points["name"] += np.where(same, "", " (other images)")
    return Section(
        "Score of the shares",
        "For each image, the Kullback-Leibler divergence KL = Σ t · ln(t / p) compares the true shares t "
        "of the classes with the predicted shares p; the score is its mean over the images. 0 is perfect "
        "and there is no upper bound; a class that is there but predicted as absent costs most. "
        f"{formula}\n\n"
        "The interval tells how much the mean would move with other images of the same kind: images are "
        f"drawn again and again with replacement (bootstrap over {s.resampled}). {drawn}",
        [
            intervals(
                points,
                "mean KL (logarithmic scale; left is better)",
                "The score and its yardsticks. Filled, with their 95 % intervals: on these very images. "
                "Hollow: published values, found on other images that may be easier or harder, so that "
                "only the order of magnitude compares. The oracle constant gives every image the mean of "
                "their true shares, the best that can be done without looking: a useful prediction lies "
                "well to the left of it.",
            )
        ],
        [
            Table(
                table.rename(columns={"name": "prediction", "kl": "mean KL", "images": "found on"}),
                "Score and yardsticks, with 95 % intervals",
                dict.fromkeys(("mean KL", "low", "high"), ".5f"),
            )
        ],
    )


def _shares(result: Evaluation) -> Section:
    inputs, legend = result.inputs, result.inputs.legend
    text = (
        "There is no distributions.csv, so the predicted shares were counted from the maps; shares that are "
        "means of probabilities usually score better than counted pixels. "
        if inputs.predicted is None
        else "The predicted shares come from a CSV. "
    )
    text += "The true shares " + (
        "were counted from the masks." if inputs.true is None else "come from a CSV."
    )
    table = result.classes
    rows = pd.DataFrame(
        {
            "class": table["name"],
            "true share": table["true_share"],
            "predicted share": table["predicted_share"],
            "difference": table["predicted_share"] - table["true_share"],
            "part of the score": table["kl"],
        }
    )
    return Section(
        "Predicted and true shares",
        text,
        [
            share_bars(
                {"true": result.true.mean(), "predicted": result.predicted.mean()},
                legend,
                "Mean share of each class over the images, true (full colour) and predicted (faded). A "
                "difference here is a bias: it does not cancel out when images are added up.",
            ),
            share_scatter(
                result.true,
                result.predicted,
                legend,
                "One point an image, one chart a class, each with its own scale. On the line the predicted "
                "share is right; above it the class is overestimated in that image, below it "
                "underestimated.",
            ),
        ],
        [
            Table(
                rows,
                "Mean shares over the images, and each class's part of the score. A part is negative where "
                "the class is overestimated; only their sum is a divergence.",
                {
                    "true share": ".2%",
                    "predicted share": ".2%",
                    "difference": "+.2%",
                    "part of the score": ".5f",
                },
                swatches(legend),
            )
        ],
    )


def _accuracy(result: Evaluation, confusion: pd.DataFrame) -> Section:
    pixels = int(confusion.to_numpy().sum())
    text = (
        f"Over {pixels:,} pixels that have a class in both reference and map; each pixel counts the same. "
        "Producer's accuracy (recall): of what is this class in the reference, the proportion that the map "
        "finds. User's accuracy (precision): of what the map gives as this class, the proportion that is "
        "right. F1 is their harmonic mean. IoU (intersection over union): the pixels that are this class in "
        "both, divided by those that are it in either.\n\n"
        "A class absent from both reference and map has no value (–) and counts in no mean; a class absent "
        "from only one of them has 0."
    )
    if result.unmapped_px:
        share = number(result.unmapped_px / (result.unmapped_px + pixels), ".2%")
        text += (
            "\n\n"
            f"Beware: {result.unmapped_px:,} labelled pixels of the reference ({share}) have no class in the "
            "map (no data or clouds). They are in none of these figures."
        )
    names = {
        "name": "class",
        "reference_px": "reference (px)",
        "map_px": "map (px)",
        "producers_accuracy": "producer's accuracy",
        "users_accuracy": "user's accuracy",
        "f1": "F1",
        "iou": "IoU",
    }
    table = Table(
        result.classes[list(names)].rename(columns=names),
        "Accuracy per class",
        {"producer's accuracy": ".1%", "user's accuracy": ".1%"},
        swatches(result.inputs.legend),
    )
    return Section("Accuracy of the maps", text, tables=[table])


def _confusion(result: Evaluation, confusion: pd.DataFrame) -> Section:
    heat = confusion_heat(
        confusion,
        "Each row is a class of the reference and sums to 100 %: it tells what the map makes of that "
        "class. The diagonal is right (producer's accuracy); dark cells beside it are the confusions to "
        "know of. Cells under 0.05 % are left blank; a row without any number is a class that the "
        "reference lacks.",
    )
    table = Table(
        confusion.reset_index(names="reference ↓ map →"),
        "The same in pixels: rows are the reference, columns the map",
        swatches=swatches(result.inputs.legend),
    )
    return Section("Which class is taken for which", figures=[heat], tables=[table])


def _reliability(result: Evaluation, bins: pd.DataFrame) -> Section:
    pixels = bins["pixels"].to_numpy()
    stated, observed = (
        float(np.average(bins[c].fillna(0), weights=pixels)) for c in ("confidence", "accuracy")
    )
    tendency = "too sure of itself" if stated > observed else "too cautious"
    files, n = len(result.inputs.probabilities), len(result.inputs.ids)
    return Section(
        "Can the probabilities be believed?",
        f"From the probabilities kept for {files:,} of {n:,} images, {int(pixels.sum()):,} pixels. Pixels "
        "are put into 15 bins by the probability of their most probable class; in each bin this stated "
        "probability is compared with the proportion of pixels that are right (Guo et al. 2017).\n\n"
        f"The expected calibration error, {result.ece:.3f}, is the mean gap between the two, weighted by "
        f"pixels. On the whole, {number(stated, '.1%')} was stated and {number(observed, '.1%')} observed: "
        f"the prediction is {tendency}.",
        [
            reliability(
                bins,
                "Above: on the line, pixels given 80 % are right 8 times out of 10; under it the "
                "prediction is too sure, over it too cautious. Below: the proportion of pixels in each "
                "bin; points over low bars count little.",
            )
        ],
    )


def _compared(result: Evaluation) -> Section:
    inputs = result.inputs
    text = [f"{len(inputs.ids):,} of {inputs.reference_size:,} reference images are predicted."]
    if result.left_out:
        some = ", ".join(result.left_out[:20]) + (", …" if len(result.left_out) > 20 else "")
        text.append(f"Left out, as the reference has no label there ({len(result.left_out):,}): {some}.")
    if result.confusion is None:
        lacking = "maps" if inputs.masks else "masks" if inputs.maps else "maps and no masks"
        text.append(
            f"There are no {lacking} among the inputs, only shares: accuracy per class, the confusion matrix "
            "and the pictures compare pixels, so they are not in this report."
        )
    if result.reliability is None:
        text.append(
            "There are no probabilities of pixels that could be compared with masks, so the report has no "
            "reliability curve."
        )
    files = pd.DataFrame({"file": map(str, inputs.files), "SHA-256": map(sha256, inputs.files)})
    tables = [Table(files, "Tables and settings that were read")] if len(files) else []
    return Section("What was compared", "\n\n".join(text), tables=tables)
