"""The score: Kullback-Leibler divergence between true and predicted shares, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.chips.folder import read_splits
from landcover.chips.tables import read_shares
from landcover.errors import LandcoverError
from landcover.legend import S2GLC, Legend

EPSILON = 1e-7
Formula = Literal["official", "plain"]
FORMULAS: tuple[Formula, ...] = get_args(Formula)
Floats = npt.NDArray[np.float64]
BLOCK_PX = 768


@dataclass(frozen=True)
class Difference:
    """How much higher one prediction's KL is than another's on the same images: mean, 95 % interval."""

    mean: float
    low: float
    high: float
    resampled: str


@dataclass(frozen=True)
class Score:
    """A score with its interval.

    Attributes
    ----------
    kl : mean over images of the KL divergence, in nats
    low, high : 95 % percentile bootstrap interval of `kl`
    resampled : what was drawn: "128 spatial blocks" or "62 images"
    per_class : contribution of each class to `kl`; they sum to it
    per_image : KL of each image, by sample_id
    formula : "official" or "plain"
    difference : to another prediction of the same images, where one was given
    """

    kl: float
    low: float
    high: float
    resampled: str
    per_class: pd.Series[float]
    per_image: pd.Series[float]
    formula: Formula
    difference: Difference | None = None


def kl_terms(true: Floats, predicted: Floats) -> Floats:
    """The terms t · ln(t / p) of the challenge's formula, images × classes.

    1e-7 is added to both shares, and they are not made to sum to 1 again, as in the challenge's code
    (Preligens, ENS challenge 48); so a single term may be slightly negative.
    """
    t, p = true + EPSILON, predicted + EPSILON
    terms: Floats = t * np.log(t / p)
    return terms


def official_shares(shares: pd.DataFrame, legend: Legend, source: str = "shares") -> Floats:
    """Leave out the columns that are no labels (no data, clouds), then divide each row by its sum.

    Raises
    ------
    LandcoverError : a row sums to 0 without them
    """
    kept = shares[list(legend.label_names)].to_numpy(np.float64)
    total = kept.sum(axis=1, keepdims=True)
    if (total == 0).any():
        row = shares.index[int(np.argmin(total[:, 0] > 0))]
        raise LandcoverError(
            source,
            f"row {row} sums to 0 over {', '.join(legend.label_names)}",
            "something that can be scored",
            "leave that image out of both files",
        )
    scaled: Floats = kept / total
    return scaled


def score(
    predicted: pd.DataFrame,
    true: pd.DataFrame,
    formula: Formula = "official",
    blocks: pd.Series[str] | None = None,
    legend: Legend = S2GLC,
    draws: int = 2000,
    seed: int = 0,
) -> Score:
    """Score predicted shares against true ones.

    Parameters
    ----------
    predicted, true : indexed by sample_id, a column per class of the legend; aligned by sample_id
    formula : `official` is the challenge's (see `kl_terms`, `official_shares`); `plain` is the talk's, over
        all classes of the legend as they stand, with the same 1e-7
    blocks : spatial block of each sample_id (`spatial_blocks`); whole blocks are then drawn in the bootstrap,
        because neighbouring images are alike; None draws images
    draws, seed : of the bootstrap

    Raises
    ------
    LandcoverError : the ids are not the same in both, or a row sums to 0

    Examples
    --------
    >>> t = pd.DataFrame([[0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0]], index=["a"], columns=S2GLC.names)
    >>> round(score(t, t).kl, 6)
    0.0
    """
    if formula not in FORMULAS:
        raise LandcoverError("--formula", f"is {formula!r}", f"one of {', '.join(FORMULAS)}", "mend it")
    _same_ids(predicted, true)
    predicted = predicted.loc[true.index]
    if formula == "official":
        names = legend.label_names
        terms = kl_terms(
            official_shares(true, legend, "true shares"),
            official_shares(predicted, legend, "predicted shares"),
        )
    else:
        names = legend.names
        terms = kl_terms(true[list(names)].to_numpy(float), predicted[list(names)].to_numpy(float))
    per_image = pd.Series(terms.sum(axis=1), index=true.index, name="kl")
    known = blocks is not None and blocks.reindex(true.index).notna().all()
    groups = blocks.reindex(true.index) if blocks is not None and known else None
    low, high, drawn = bootstrap(per_image, groups, draws, seed)
    per_class = pd.Series(terms.mean(axis=0), index=pd.Index(names, name="class"), name="kl")
    return Score(float(per_image.mean()), low, high, drawn, per_class, per_image, formula)


def bootstrap(
    per_image: pd.Series[float], blocks: pd.Series[str] | None, draws: int = 2000, seed: int = 0
) -> tuple[float, float, str]:
    """95 % percentile interval of the mean of a per-image figure (Efron and Tibshirani 1993, chapter 13).

    With `blocks`, whole blocks are drawn with replacement and the mean is that of all their images
    (a cluster bootstrap). For a paired comparison, give the difference per image.

    Returns
    -------
    low, high, and what was drawn, in words
    """
    values = per_image.to_numpy(np.float64)
    units = np.arange(len(values)) if blocks is None else pd.factorize(blocks)[0]
    n = int(units.max()) + 1
    sums, sizes = np.bincount(units, values, n), np.bincount(units, minlength=n)
    picks = np.random.default_rng(seed).integers(0, n, (draws, n))
    means = sums[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high), f"{n} {'images' if blocks is None else 'spatial blocks'}"


def spatial_blocks(splits: pd.DataFrame, side: int = BLOCK_PX) -> pd.Series[str] | None:
    """Block of each sample_id: squares of `side` px of its scene, by the chip's upper left corner.

    None when the table gives no place (scene, y0, x0). 768 px are four strides of the challenge's chips.
    """
    if not {"scene", "y0", "x0"} <= set(splits.columns):
        return None
    y, x = splits["y0"] // side, splits["x0"] // side
    blocks = splits["scene"].astype(str) + ":" + y.astype(str) + ":" + x.astype(str)
    return pd.Series(blocks.to_numpy(), index=pd.Index(splits["sample_id"]), name="block")


def _same_ids(predicted: pd.DataFrame, true: pd.DataFrame) -> None:
    missing = [str(i) for i in true.index.difference(predicted.index)]
    extra = [str(i) for i in predicted.index.difference(true.index)]
    if missing or extra:
        words = [f"lack {_some(missing)}"] * bool(missing) + [f"have {_some(extra)} too many"] * bool(extra)
        raise LandcoverError(
            "predicted shares",
            " and ".join(words),
            "the same sample_id as the true shares",
            "score the same images in both files",
        )


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (f" and {len(ids) - 3} more" if len(ids) > 3 else "")


def difference(one: Score, other: Score, blocks: pd.Series[str] | None = None) -> Difference:
    """Paired difference of two scores of the same images, `one` − `other`.

    The bootstrap draws images (or `blocks`) and takes both scores of each, so that what is hard for both does
    not widen the interval; an interval that leaves out 0 tells the two apart.
    """
    paired = one.per_image - other.per_image
    groups = blocks.reindex(paired.index) if blocks is not None else None
    low, high, drawn = bootstrap(paired, groups)
    return Difference(float(paired.mean()), low, high, drawn)


def score_files(
    predicted: Path,
    true: Path,
    formula: Formula = "official",
    places: Path | None = None,
    part: str | None = None,
    against: Path | None = None,
) -> Score:
    """Score one CSV of shares against another.

    Parameters
    ----------
    predicted, true : CSVs with the challenge's columns (docs/data-formats.md, distributions.csv), of the same
        images
    formula : see `score`
    places : splits.csv with scene, y0 and x0; the bootstrap then draws spatial blocks
    part : only the images of this part of `places`, in all files
    against : another CSV of predicted shares; the score then holds the paired difference to it

    Raises
    ------
    LandcoverError : see `read_shares` and `score`; `part` without `places`
    """
    splits = read_splits(Path(places)) if places is not None else None
    blocks = spatial_blocks(splits) if splits is not None else None
    if part is not None and splits is None:
        raise LandcoverError("--part", "is given alone", "--places with it", "name the splits.csv")

    def read(path: Path) -> pd.DataFrame:
        shares = read_shares(Path(path))
        if part is None or splits is None:
            return shares
        return shares[shares.index.isin(splits.loc[splits["part"] == part, "sample_id"])]

    known = read(true)
    found = score(read(predicted), known, formula, blocks)
    if against is None:
        return found
    other = score(read(against), known, formula, blocks)
    return replace(found, difference=difference(found, other, blocks))
