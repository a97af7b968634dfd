"""What helps at another place: python benchmarks/places.py CHIPS RESULT.json RECIPE

Leave one place out, in two directions: trained on the part train and scored on elsewhere, with the models of
results/models, and trained on the chips of ain_west and scored on test, by RECIPE with each of LIGHTS in its
augmentation. The network trained with the first of these is then adapted by images of the other place without
their labels, none of which are scored: those of ain.tif, or of the part train. Shares are the mean of the
probabilities. CHIPS is the challenge's chips folder with splits.csv and train_labels.csv; ain.tif comes from
LANDCOVER_DATA (default ../shared/data). RESULT is written after each figure.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
import torch
from result_files import ONE_PLACE, this_commit
from scores import about
from torch import nn
from torch.nn.functional import interpolate

import landcover
from landcover.chips.folder import open_chips
from landcover.files import write_text
from landcover.networks.segmenter import Segmenter
from landcover.shares.score import difference, kl_terms, read_shares, score, spatial_blocks
from landcover.training import loop
from landcover.training.augment import augment
from landcover.training.data import Chips, load_chips
from landcover.training.export import load_weights, trained_weights
from landcover.training.recipe import Recipe, read_recipe, write_recipe

DATA = Path(os.environ.get("LANDCOVER_DATA", "../shared/data"))
LIGHTS: dict[str, dict[str, Any]] = {  # what augmentation changes of light and sharpness
    "gain and haze": {},
    "more haze, offset, blur": {
        "gain": 0.12, "haze": (-30.0, 250.0), "offset": 150.0, "blur": 0.25, "coarse": 0.2
    },
    "none": {"gain": 0.0, "band_gain": (0.0,) * 4, "haze": (0.0, 0.0)},
}  # fmt: skip
MODELS = {"gain and haze": ONE_PLACE, "more haze, offset, blur": ONE_PLACE.with_name("one_place_robust.onnx")}
DIRECTIONS = {"train → elsewhere": ("train", "elsewhere"), "ain_west → test": ("ain_west", "test")}
VAL = {10, 11}  # columns of ain_west on which the epoch is chosen, and
NEAR = {9, 12}  # those that share pixels with them
SIDE = 256  # px, of a chip
STEPS, BATCH, RATE = 150, 8, 3e-4  # of self-training
AVERAGE = 0.95  # of its weights
DRY = -0.33  # NDWI
WEIGHTS = (0.1, 0.3, 1.0)  # of the other place's statistics in those of batch normalisation
Floats = npt.NDArray[np.float32]


def of_ain_west(chips: Path, target: Path) -> Path:
    """A chips folder whose parts train and val are of ain_west."""
    splits = pd.read_csv(chips / "splits.csv", dtype={"sample_id": str})
    own, column = splits["scene"] == "ain_west", splits["col"]
    splits["part"] = "buffer"
    splits.loc[own & ~column.isin(VAL | NEAR), "part"] = "train"
    splits.loc[own & column.isin(VAL), "part"] = "val"
    target.mkdir(parents=True)
    for name in ("images", "masks"):
        (target / name).symlink_to((chips / name).resolve())
    splits.to_csv(target / "splits.csv", index=False)
    return target


def trained(data: Path, recipe: Recipe, folder: Path) -> Iterator[tuple[str, Path]]:
    """A run on a chips folder for each of LIGHTS."""
    for light, changes in LIGHTS.items():
        augmentation = recipe.augmentation.model_copy(update=changes)
        settings = write_recipe(recipe.model_copy(update={"augmentation": augmentation}))
        (folder / "recipe.toml").write_text(settings, encoding="utf-8")
        yield light, landcover.train(folder / "recipe.toml", data, folder / light).folder


def unlabelled(chips: Path, part: str, recipe: Recipe) -> Floats:
    """Images of the place of a part, none of which are scored: chips × bands × height × width."""
    if part == "test":
        folder = open_chips(chips)
        return load_chips(folder, folder.part("train")[::4], recipe).images
    with rasterio.open(DATA / "challenge48" / "ain.tif") as file:
        pixels = file.read().astype(np.float32)
    corners = [(y, x) for y in range(0, file.height, SIDE) for x in range(0, file.width, SIDE)]
    return np.stack([pixels[:, y : y + SIDE, x : x + SIDE] for y, x in corners])


def network_of(run: Path, recipe: Recipe, classes: int) -> Segmenter:
    """The trained network of a run."""
    found = Segmenter(recipe.data.bands, classes, recipe.network.model_dump())
    load_weights(found, trained_weights(run), run)
    return found


def moments(images: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of ln(1 + DN) of each band."""
    logs = np.log1p(images)
    return logs.mean(axis=(0, 2, 3), keepdims=True)[0], logs.std(axis=(0, 2, 3), keepdims=True)[0]


def standardised(images: Floats, own: Floats, target: Floats) -> Floats:
    """Images of a place, their bands brought to mean and spread of those of training, in logarithms."""
    (mean, spread), (wanted, wide) = moments(target), moments(own)
    return np.expm1(((np.log1p(images) - mean) / spread * wide + wanted).clip(0, 11)).astype(np.float32)


def normalised_anew(network: Segmenter, images: Floats, weight: float) -> Segmenter:
    """The network with the statistics of batch normalisation moved towards those of images.

    Schneider et al. 2020, Improving robustness against common corruptions by covariate shift adaptation.
    """
    found = copy.deepcopy(network)
    layers = [m for m in found.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [(m.running_mean.clone(), m.running_var.clone()) for m in layers]  # type: ignore[union-attr]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean of all batches
    found.train()
    with torch.no_grad():
        for start in range(0, len(images), BATCH):
            found(torch.from_numpy(images[start : start + BATCH]))
    for layer, (mean, variance) in zip(layers, before, strict=True):
        assert layer.running_mean is not None
        assert layer.running_var is not None
        layer.running_mean.lerp_(mean, 1 - weight)
        layer.running_var.lerp_(variance, 1 - weight)
    return found


def self_trained(network: Segmenter, labelled: Chips, images: Floats, recipe: Recipe) -> Segmenter:
    """The network, trained on: on labelled chips, and on images by its own probabilities as it was.

    The probabilities are those of the image as it is, the view that is learnt from is augmented; their weight
    grows to a half. Xie et al. 2020, Self-training with noisy student, with soft labels.
    """
    pixels = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)  # where each pixel of a view comes from
    soft = loop.probabilities(network, Chips((), images, np.empty(0, np.uint8), labelled.classes))
    found = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(found.parameters(), RATE)
    average = copy.deepcopy(found)
    for step in range(STEPS):
        rng = np.random.default_rng((recipe.seed, step))
        known = rng.integers(len(labelled.ids), size=BATCH // 2)
        own = [augment(labelled.images[i], labelled.targets[i], recipe.augmentation, rng) for i in known]
        others = rng.integers(len(images), size=BATCH // 2)
        views = [augment(images[i], pixels, recipe.augmentation, rng) for i in others]  # type: ignore[arg-type]
        teacher = np.stack(
            [soft[i].reshape(len(soft[i]), -1)[:, v[1]] for i, v in zip(others, views, strict=True)]
        )
        found.train()
        batch = torch.from_numpy(np.stack([v[0] for v in (*own, *views)]))
        scores = loop.run(found, batch, "bf16")
        target = torch.from_numpy(np.stack([v[1] for v in own])).long()
        first = nn.functional.cross_entropy(scores[: len(own)], target, ignore_index=255)
        second = nn.functional.cross_entropy(scores[len(own) :], torch.from_numpy(teacher))
        loss = first + 0.5 * min(1.0, 2 * step / STEPS) * second
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loop.update(average, found, AVERAGE)
    return average


def at_two_scales(network: Segmenter, chips: Chips) -> Floats:
    """The mean of the probabilities of images and of the same in pixels twice as large."""
    small = interpolate(torch.from_numpy(chips.images), scale_factor=0.5, mode="area")
    coarse = loop.probabilities(network, Chips(chips.ids, small.numpy(), chips.targets, chips.classes))
    large = interpolate(torch.from_numpy(coarse), scale_factor=2, mode="bilinear")
    return np.asarray((loop.probabilities(network, chips) + large.numpy()) / 2, np.float32)


def dry_water(scored: Chips, water: int, instead: int) -> dict[str, float]:
    """How much of the labelled water is green in the image, NDWI < −0.33, and what that alone costs in KL.

    The cost is the KL of the true shares to those in which these pixels are of the class `instead`.
    """
    green, nir = scored.images[:, 1] + 1, scored.images[:, 3] + 1
    labelled = scored.targets == water
    dry = labelled & ((green - nir) / (green + nir) < DRY)
    seen = Chips(scored.ids, scored.images, np.where(dry, instead, scored.targets), scored.classes)
    kl = kl_terms(scored.shares, seen.shares).sum(axis=1).mean()
    return {"water": float(labelled.mean()), "dry": float(dry.sum() / labelled.sum()), "kl": float(kl)}


def candidates(
    chips: Path, place: str, part: str, recipe: Recipe, folder: Path
) -> Iterator[tuple[str, bool, Floats]]:
    """Name, whether images of the other place were used, and probabilities of the chips of a part."""
    source = open_chips(chips)
    scored = load_chips(source, source.part(part), recipe)
    data = chips if place == "train" else of_ain_west(chips, folder / "chips")
    networks = []
    for light, run in MODELS.items() if place == "train" else trained(data, recipe, folder):
        networks.append(network_of(run, recipe, scored.classes))
        yield light, False, loop.probabilities(networks[-1], scored)
    network = networks[0]
    yield "two scales", False, at_two_scales(network, scored)

    own = load_chips(open_chips(data), open_chips(data).part("train"), recipe)
    images = unlabelled(chips, part, recipe)
    matched = Chips(
        scored.ids, standardised(scored.images, own.images, images), scored.targets, scored.classes
    )
    yield "standardised by scene", True, loop.probabilities(network, matched)
    for weight in WEIGHTS:
        adapted = normalised_anew(network, images, weight)
        yield f"batch norm, {weight:.0%} of the other place", True, loop.probabilities(adapted, scored)
    taught = self_trained(network, own, images, recipe)
    yield "self-training", True, loop.probabilities(taught, scored)


def main(chips: Path, result: Path, recipe: Path) -> None:
    """Train, adapt, score, print and write the result file after each figure."""
    source, settings = open_chips(chips), read_recipe(recipe)
    assert source.splits is not None
    true, blocks = read_shares(chips / "train_labels.csv"), spatial_blocks(source.splits)
    classes = list(source.legend.label_names)
    found: dict[str, Any] = {
        "commit": this_commit(),
        "recipe": recipe.stem,
        "directions": {},
        "dry_water": {},
    }
    for direction, (place, part) in DIRECTIONS.items():
        figures: dict[str, Any] = {}
        found["directions"][direction] = figures
        base, ids = None, source.part(part)
        dry = dry_water(
            load_chips(source, ids, settings), classes.index("water"), classes.index("herbaceous")
        )
        found["dry_water"][part] = dry
        with tempfile.TemporaryDirectory() as folder:
            for name, by_images, p in candidates(chips, place, part, settings, Path(folder)):
                table = pd.DataFrame(0.0, index=pd.Index(ids, name="sample_id"), columns=true.columns)
                table[classes] = p.mean(axis=(2, 3), dtype=np.float64)
                s = score(table, true.loc[ids], blocks=blocks)
                base = base or s
                d = difference(s, base, blocks)
                figures[name] = about(s) | {"by_images": by_images}
                figures[name]["difference"] = {"mean": d.mean, "low": d.low, "high": d.high}
                write_text(result, json.dumps(found, indent=1) + "\n")
                print(f"{direction:<18} {name:<36} {s.kl:.4f} ({s.low:.4f} to {s.high:.4f})", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
