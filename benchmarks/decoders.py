"""Compare ways from probabilities to shares: python benchmarks/decoders.py CHIPS CACHE RESULT [MODEL]

CHIPS is the challenge's chips folder with splits.csv; all its pixels are labelled. The network, that of one
place (MODELS.md) without MODEL, runs once on the chips of train, val, test and elsewhere, and eight times,
turned, on all of these but train; CACHE (.npz) keeps its sums and each 61st pixel. RESULT is a JSON file.

Each candidate (recalibrations.py) is fitted on the chips of val, and once more on those of train and val.
Its KL there is that of nested cross-validation: blocks of 768 px are dealt into four folds; the chips of a
fold are decoded by what was fitted on the other folds, without chips that share pixels with it, and the
setting is chosen by the same means within these. On test and elsewhere, what was fitted on all counts. The
network was trained on train: its probabilities are sharper there than on new ground. So a KL on chips of
train is too low, whatever is fitted; those on val, test and elsewhere are honest, since no chip there was
seen by network or fit.

What works on pixels sees each 61st of a chip, its fits each 488th; what these miss of the mean over all
pixels is made up for class by class (`by_pixels`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recalibrations import (
    CANDIDATES,
    Array,
    Candidate,
    Chips,
    Decode,
    kl,
    shift_weights,
    shifted_pixels,
    shifted_shares,
    tempered,
)
from result_files import ONE_PLACE, this_commit

from landcover.chips.folder import ChipsFolder, open_chips, read_couples
from landcover.chips.split import overlapping
from landcover.files import sha256, write_text
from landcover.inference.engine import Engine
from landcover.inference.modelfile import Card
from landcover.shares.score import Score, difference, score, spatial_blocks

FOLDS = 4
EM_STEPS = 200
KEPT, FITTED = 61, 8  # each 61st pixel is kept; fits use each 8th of these
SCORED = ("val", "test", "elsewhere")


class Ground:
    """Chips, their shares from turned images (nan for train), and what is known of their places."""

    def __init__(self, card: Card, chips: Chips, turned: Array, splits: pd.DataFrame) -> None:
        self.card, self.chips, self.turned, self.splits = card, chips, turned, splits
        blocks = spatial_blocks(splits)
        assert blocks is not None
        self.blocks = blocks
        self.thin = chips.thin(FITTED)
        self.touching = np.eye(len(splits), dtype=bool)
        for one, other in overlapping(splits):
            self.touching[one, other] = self.touching[other, one] = True

    def of(self, *parts: str) -> Array:
        """Positions of the chips of some parts."""
        return np.flatnonzero(self.splits["part"].isin(parts))

    def folds(self, chosen: Array) -> Array:
        """Fold of each of these chips: spatial blocks, dealt in turn."""
        return np.asarray(pd.factorize(self.blocks.iloc[chosen], sort=True)[0] % FOLDS)

    def score(self, shares: Array, chosen: Array) -> Score:
        """Score shares of these chips."""
        names, index = self.card.legend.names, self.splits["sample_id"].iloc[chosen]
        known = [c.code in self.card.classes for c in self.card.legend.classes]

        def table(values: Array) -> pd.DataFrame:
            full = np.zeros((len(values), len(names)))
            full[:, known] = values
            return pd.DataFrame(full, index=index, columns=list(names))

        return score(
            table(shares), table(self.chips.true[chosen]), blocks=self.blocks, legend=self.card.legend
        )


def predicted(folder: ChipsFolder, ids: Sequence[str], engine: Engine) -> Iterator[tuple[Array, Array]]:
    """Probabilities and mask of each chip."""
    for first in range(0, len(ids), 16):
        images, masks = read_couples(folder, ids[first : first + 16], None, engine.card.bands)
        yield from zip(engine.probabilities(images), masks, strict=True)


def summed(p: Array, mask: Array, classes: Sequence[int]) -> dict[str, Array]:
    """What is kept of the probabilities of a chip: the fields of `Chips`."""
    true = np.stack([mask == c for c in classes]).reshape(len(p), -1).astype(np.float32)
    p = p.reshape(len(p), -1)
    won = (p.argmax(axis=0)[:, None] == np.arange(len(p))).astype(np.float32)
    confusion, mean = true @ won, p.mean(axis=1, dtype=np.float64)
    pixels = p[:, ::KEPT].astype(np.float32)
    return {
        "true": confusion.sum(axis=1) / mask.size,
        "mean": mean,
        "counts": confusion.sum(axis=0) / mask.size,
        "confusion": confusion,
        "pixels": pixels,
        "ratio": mean / pixels.mean(axis=1, dtype=np.float64),
    }


def load(folder: ChipsFolder, cache: Path, model: Path) -> Ground:
    """Predict the chips of all parts but buffer, or take what was kept."""
    engine = Engine(model, "float32")
    ids, classes = folder.part("train", *SCORED), engine.card.classes
    if not cache.exists():
        kept = [summed(p, mask, classes) for p, mask in predicted(folder, ids, engine)]
        arrays = {name: np.stack([chip[name] for chip in kept]) for name in kept[0]}
        turned, scored = np.full_like(arrays["mean"], np.nan), folder.part(*SCORED)
        eight = predicted(folder, scored, Engine(model, "float32", tta=True))
        for i, (p, _) in zip(scored, eight, strict=True):
            turned[ids.index(i)] = p.mean(axis=(1, 2), dtype=np.float64)
        np.savez(cache, turned=turned, **arrays)
    with np.load(cache) as file:
        chips, turned = Chips(*(file[name] for name in Chips.__annotations__)), file["turned"]
    assert folder.splits is not None
    return Ground(engine.card, chips, turned, folder.splits.set_index("sample_id").loc[ids].reset_index())


def held_out(
    candidate: Candidate, ground: Ground, chosen: Array, folds: Array, setting: float | None
) -> Array:
    """Shares of each chip by what was fitted on the other folds; a setting of None is chosen there."""
    shares = np.zeros_like(ground.thin.true[chosen])
    chips = ground.thin if setting is not None else ground.chips
    for fold in np.unique(folds):
        inside = folds == fold
        apart = ~inside & ~ground.touching[np.ix_(chosen, chosen[inside])].any(axis=1)
        decode, _ = fitted(candidate, ground, chosen[apart], folds[apart], setting)
        shares[inside] = decode(chips.take(chosen[inside]))
    return shares


def fitted(
    candidate: Candidate, ground: Ground, chosen: Array, folds: Array, setting: float | None = None
) -> tuple[Decode, float]:
    """A candidate fitted on these chips, and its setting; None chooses it by cross-validation."""
    if setting is None:
        setting, *others = candidate.settings
        if others:
            true = ground.thin.true[chosen]
            setting = min(
                candidate.settings, key=lambda s: kl(true, held_out(candidate, ground, chosen, folds, s))
            )
    return candidate.fit(ground.thin.take(chosen), setting), setting


def facts(found: Score, mean: Score, blocks: pd.Series[str]) -> dict[str, Any]:
    """A score and its paired difference to that of the mean."""
    d = difference(found, mean, blocks)
    return {
        "kl": found.kl,
        "low": found.low,
        "high": found.high,
        "resampled": found.resampled,
        "difference": {"mean": d.mean, "low": d.low, "high": d.high},
        "per_class": found.per_class.round(6).to_dict(),
    }


def compare(ground: Ground, parts: Sequence[str]) -> dict[str, Any]:
    """Fit all candidates on some parts, score them there by cross-validation, and on test and elsewhere."""
    chosen = ground.of(*parts)
    folds = ground.folds(chosen)
    scored = {" and ".join(parts): chosen, **{part: ground.of(part) for part in SCORED}}
    means = {name: ground.score(ground.chips.mean[at], at) for name, at in scored.items()}
    result: dict[str, Any] = {}
    for name, candidate in CANDIDATES.items():
        shares = np.zeros_like(ground.chips.mean)
        shares[chosen] = held_out(candidate, ground, chosen, folds, None)
        decode, setting = fitted(candidate, ground, chosen, folds)
        for part in ("test", "elsewhere"):
            shares[ground.of(part)] = decode(ground.chips.take(ground.of(part)))
        result[name] = {"setting": setting if len(candidate.settings) > 1 else None}
        for part, at in scored.items():
            result[name][part] = facts(ground.score(shares[at], at), means[part], ground.blocks)
        tell(name, result[name])
    return result


def shifts(ground: Ground) -> dict[str, Any]:
    """Prior shift between training and each part, from the unlabelled chips of that part."""
    prior = ground.chips.true[ground.of("train")].mean(axis=0)
    water = ground.card.legend.label_names.index("water")
    result: dict[str, Any] = {}
    for part in SCORED:
        at = ground.of(part)
        chips, thin = ground.chips.take(at), ground.thin.take(at)
        mean = ground.score(chips.mean, at)
        pixels = thin.pixels.astype(np.float64).transpose(0, 2, 1).reshape(-1, len(prior))
        for level, values, steps, apply in (
            ("pixels", pixels, EM_STEPS, shifted_pixels),
            ("shares", chips.mean, 1, shifted_shares),
        ):
            weights = shift_weights(values, prior, steps)
            for name, w in ((level, weights), (f"{level}, tempered", tempered(weights, water))):
                entry = facts(ground.score(apply(chips, w), at), mean, ground.blocks)
                entry["weights"] = dict(zip(ground.card.legend.label_names, w.round(4).tolist(), strict=True))
                result.setdefault(name, {})[part] = entry
    for name, entry in result.items():
        tell(f"shift, {name}", entry)
    return result


def turns(ground: Ground) -> dict[str, Any]:
    """The mean of probabilities that are means over the eight turned images."""
    result = {}
    for part in SCORED:
        at = ground.of(part)
        found, mean = ground.score(ground.turned[at], at), ground.score(ground.chips.mean[at], at)
        result[part] = facts(found, mean, ground.blocks)
    tell("turns", result)
    return result


def tell(name: str, entry: dict[str, Any]) -> None:
    """Print one line."""
    scores = {k: v for k, v in entry.items() if isinstance(v, dict)}
    told = (f"{k} {v['kl']:.5f} ({v['difference']['mean']:+.5f})" for k, v in scores.items())
    print(f"{name:<28} " + "  ".join(told), flush=True)


def main(folder: Path, cache: Path, result: Path, model: Path) -> None:
    """Measure, and write the result file."""
    commit = this_commit()
    ground = load(open_chips(folder), cache, model)
    found = {
        "commit": commit,
        "model": {"file": model.name, "sha256": sha256(model)},
        "chips": {part: len(ground.of(part)) for part in ("train", *SCORED)},
        "fitted on val": compare(ground, ("val",)),
        "fitted on train and val": compare(ground, ("train", "val")),
        "prior shift": shifts(ground),
        "turns": turns(ground),
    }
    write_text(result, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    chips, cache, result, *model = map(Path, sys.argv[1:])
    main(chips, cache, result, model[0] if model else ONE_PLACE)
