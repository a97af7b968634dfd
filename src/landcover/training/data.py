"""The chips of a training: chosen by the split, read once, drawn at random step by step."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from landcover.chips.folder import ChipsFolder, read_couples
from landcover.chips.split import has_places, leaks, leave_one_scene_out, split_by_place
from landcover.errors import LandcoverError
from landcover.imagery.image import open_raster
from landcover.legend import Legend
from landcover.training.recipe import Recipe

IGNORED = 255


@dataclass(frozen=True)
class Chips:
    """Chips in memory.

    Attributes
    ----------
    images : float32, chips × bands × height × width, digital numbers
    targets : uint8, chips × height × width: index of the class among the legend's labels, 255 for no label
    """

    ids: tuple[str, ...]
    images: npt.NDArray[np.float32]
    targets: npt.NDArray[np.uint8]
    classes: int

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """True shares of each chip over the classes; a chip without labels gets zeros."""
        counts = np.stack([np.bincount(t.ravel(), minlength=256)[: self.classes] for t in self.targets])
        shares: npt.NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return shares

    def hash(self) -> str:
        """SHA-256 of ids, images and targets."""
        digest = hashlib.sha256("\n".join(self.ids).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.targets).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Couples:
    """The chips that a run is trained and chosen on, from `source`."""

    source: ChipsFolder
    training: Chips
    validation: Chips | None

    @property
    def val_ids(self) -> list[str]:
        return list(self.validation.ids) if self.validation else []

    def hash(self) -> str:
        """SHA-256 of those of training, then of those of validation."""
        return self.training.hash() + (self.validation.hash() if self.validation else "")


def load_couples(source: ChipsFolder, recipe: Recipe) -> Couples:
    """Choose and read the chips of a training.

    Raises
    ------
    LandcoverError : see `choose_chips`, `refuse_leaks`; a chip can't be read
    """
    train_ids, val_ids = choose_chips(source, recipe)
    training = load_chips(source, train_ids, recipe)
    validation = load_chips(source, val_ids, recipe) if val_ids else None
    refuse_leaks(source, training.images.shape[-1])
    return Couples(source, training, validation)


def choose_chips(chips: ChipsFolder, recipe: Recipe) -> tuple[list[str], list[str]]:
    """Ids of the chips to train on and to validate on; those without a labelled place are left.

    Raises
    ------
    LandcoverError : no chip to train on, no place where the split needs it, or parts that share pixels
    """
    if recipe.data.split != "csv":
        with open_raster(next(iter(chips.images.values()))) as first:
            size = max(first.height, first.width)
        if chips.splits is None:
            raise LandcoverError(
                chips.path,
                "has no splits.csv",
                "the place of each chip (scene, y0, x0)",
                "make the chips with landcover cut",
            )
        if recipe.data.split == "place":
            table = split_by_place(chips.splits, size, seed=recipe.seed)
        else:
            table = leave_one_scene_out(chips.splits, str(recipe.data.scene), size, seed=recipe.seed)
        chips = ChipsFolder(chips.path, chips.images, chips.masks, chips.legend, table)
    train, val = chips.part("train"), chips.part("val")
    if not train:
        raise LandcoverError(
            chips.path, "has no couple in the part train", "chips with image, mask and part", "see splits.csv"
        )
    return train, val


def refuse_leaks(chips: ChipsFolder, size: int) -> None:
    """Refuse a split whose parts share pixels, where the places of the chips are known."""
    if chips.splits is None or not has_places(chips.splits):
        return
    shared = leaks(chips.splits, size)
    if len(shared):
        first = shared.iloc[0]
        raise LandcoverError(
            chips.path / "splits.csv",
            f"is leaking: {first['chips']} chips of {first['part']} share pixels with {first['other']}",
            "parts that share no pixel",
            'put chips between them into the part buffer, or choose split = "place" in the recipe',
        )


def load_chips(chips: ChipsFolder, ids: list[str], recipe: Recipe) -> Chips:
    """Read chips and turn the codes of their masks into classes."""
    data = recipe.data
    images, codes = read_couples(chips, ids, None, data.bands, data.scale, data.offset)
    return Chips(tuple(ids), images, class_table(chips.legend)[codes], len(chips.legend.labels))


def class_table(legend: Legend) -> npt.NDArray[np.uint8]:
    """256 entries: from a code of the legend to the index of its class, 255 for codes that are no label."""
    table = np.full(256, IGNORED, np.uint8)
    table[list(legend.label_codes)] = np.arange(len(legend.labels))
    return table


def draw_weights(chips: Chips, legend: Legend, oversample: dict[str, float]) -> npt.NDArray[np.float64]:
    """Probability of each chip to be drawn.

    A share `oversample[name]` of the draws goes to chips in proportion to their pixels of that class; the
    rest goes to all chips alike.
    """
    n, shares = len(chips.ids), chips.shares
    weights = np.full(n, (1 - sum(oversample.values())) / n)
    for name, part in oversample.items():
        if name not in legend.label_names:
            raise LandcoverError(
                "data.oversample",
                f"names {name}",
                f"a class: {', '.join(legend.label_names)}",
                "mend the recipe",
            )
        share = shares[:, legend.label_names.index(name)]
        weights += part * (share / share.sum() if share.any() else np.full(n, 1 / n))
    normed: npt.NDArray[np.float64] = weights / weights.sum()
    return normed


def class_weights(chips: Chips, cap: float) -> npt.NDArray[np.float32]:
    """Weights in inverse proportion to the pixels of each class, at most `cap` times the smallest.

    Classes without a pixel weigh as much as the heaviest; the mean weight of a pixel is 1.
    """
    mean = chips.shares.mean(axis=0)
    raw = 1 / np.maximum(mean, mean.max() / cap)
    weights: npt.NDArray[np.float32] = (raw / (raw * mean).sum()).astype(np.float32)
    return weights
