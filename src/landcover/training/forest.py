"""The baseline without a network: a random forest on single pixels and their surroundings.

As S2GLC's maps were made (Malinowski et al. 2020): a forest on each pixel's bands. It writes no model file,
but the shares of all chips outside the training part.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import uniform_filter

from landcover.chips.tables import write_shares
from landcover.errors import LandcoverError
from landcover.files import write_text
from landcover.networks.inputs import SOFTENING
from landcover.shares.score import kl_terms
from landcover.training.data import IGNORED, Couples, load_chips
from landcover.training.recipe import PixelForest, Recipe

Floats = npt.NDArray[np.float32]
EVERY = 7  # shares come from every seventh labelled pixel of a chip


def features(image: Floats, bands: tuple[str, ...], window: int) -> Floats:
    """Logarithms of the bands, NDVI, and mean and standard deviation of each over a window.

    Parameters
    ----------
    image : bands × height × width, digital numbers
    window : side in px

    Returns
    -------
    float32, height × width × features
    """
    dn = np.maximum(image, 0)
    red, nir = (dn[bands.index(b)] + 1 for b in ("B04", "B08"))
    plain = np.concatenate([np.log1p(dn / SOFTENING), ((nir - red) / (nir + red))[None]])
    size = (0, window, window)
    mean = uniform_filter(plain, size, mode="nearest")
    spread = np.sqrt(np.maximum(uniform_filter(plain**2, size, mode="nearest") - mean**2, 0))
    return np.concatenate([plain, mean, spread]).transpose(1, 2, 0).astype(np.float32)


def train_forest(
    folder: Path,
    couples: Couples,
    settings: Recipe,
    commit: str | None,
    versions: dict[str, str],
) -> dict[str, float]:
    """Fit the forest on pixels of the training chips, and write shares and record into the run folder.

    Returns
    -------
    mean KL on the validation chips, `kl_counts` and `kl_mean`, and their overall accuracy
    """
    from sklearn.ensemble import RandomForestClassifier

    source, training = couples.source, couples.training
    if not couples.val_ids:
        raise LandcoverError(source.path, "has no part val", "chips to score on", "see splits.csv")
    network, bands, began = settings.network, settings.data.bands, time.perf_counter()
    worked = time.process_time()
    assert isinstance(network, PixelForest)
    rng = np.random.default_rng(settings.seed)
    drawn: list[Any] = []
    for image, target in zip(training.images, training.targets, strict=True):
        labelled = np.flatnonzero(target != IGNORED)
        chosen = rng.choice(labelled, min(network.pixels, len(labelled)), replace=False)
        found = features(image, bands, network.window).reshape(target.size, -1)
        drawn.append((found[chosen], target.ravel()[chosen]))
    forest = RandomForestClassifier(
        network.trees, min_samples_leaf=network.leaf, n_jobs=-1, random_state=settings.seed
    ).fit(np.concatenate([x for x, _ in drawn]), np.concatenate([y for _, y in drawn]))

    ids = [i for i in source.couples if i not in training.ids]
    counts, means, right = (np.zeros((len(ids), training.classes)) for _ in range(3))
    true = np.zeros((len(ids), training.classes))
    for number, i in enumerate(ids):
        chip = load_chips(source, [i], settings)
        known = chip.targets[0].ravel()
        labelled = np.flatnonzero(known != IGNORED)[::EVERY]
        if not len(labelled):
            continue
        pixels = features(chip.images[0], bands, network.window).reshape(known.size, -1)
        p = forest.predict_proba(pixels[labelled])
        winners, known = forest.classes_[p.argmax(axis=1)], known[labelled]
        means[number, forest.classes_] = p.mean(axis=0)
        counts[number] = np.bincount(winners, minlength=training.classes) / len(winners)
        right[number] = np.bincount(known[known == winners], minlength=training.classes) / len(winners)
        true[number] = chip.shares[0]
    names = source.legend.label_names
    some = true.sum(axis=1) > 0
    table = pd.DataFrame(means, pd.Index(ids, name="sample_id"), names)[some]
    table = table.reindex(columns=list(source.legend.names), fill_value=0.0)
    write_shares(folder / "distributions.csv", table, source.legend)
    val = np.isin(ids, couples.val_ids) & some
    scores = {
        f"kl_{kind}": float(kl_terms(true[val], found[val]).sum(axis=1).mean())
        for kind, found in (("counts", counts), ("mean", means))
    }
    scores["overall_accuracy"] = float(right[val].sum() / val.sum())
    facts = {
        "commit": commit,
        "versions": versions,
        "nodes": sum(tree.tree_.node_count for tree in forest.estimators_),
        "data_hash": training.hash(),
        "chips": {"train": len(training.ids), "val": int(val.sum())},
        "wall_time_s": round(time.perf_counter() - began, 1),
        "processor_time_s": round(time.process_time() - worked, 1),
        "scores_val": scores,
    }
    write_text(folder / "run.json", json.dumps(facts, indent=1) + "\n")
    return scores
