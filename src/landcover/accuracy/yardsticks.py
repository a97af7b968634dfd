"""What a score is set beside: predictions that look at no image, and published scores."""

from __future__ import annotations

import numpy as np
import pandas as pd

from landcover.legend import S2GLC, Legend
from landcover.shares.score import Formula, Score, official_shares, score

PUBLISHED = (  # official formula, challenge's legend
    ("Best team known", 0.0425, "the challenge's official test set"),
    ("Challenge's benchmark", 0.0593, "the challenge's official test set"),
    ("Constant mean", 0.45655, "the challenge's 18,491 training images"),
    ("Uniform", 0.99628, "the challenge's 18,491 training images"),
)
SAME = "these images"


def scored_shares(shares: pd.DataFrame, formula: Formula, legend: Legend) -> pd.DataFrame:
    """The shares as the formula sees them: labels alone and summing to 1, or all classes as they stand."""
    if formula == "official":
        values, names = official_shares(shares, legend), legend.label_names
        return pd.DataFrame(values, index=shares.index, columns=list(names))
    return shares[list(legend.names)].astype(float)


def yardsticks(
    result: Score, true: pd.DataFrame, blocks: pd.Series[str] | None, legend: Legend
) -> pd.DataFrame:
    """A score beside its yardsticks, best first.

    Two are computed on the very same images: equal shares, and the mean of their true shares, which is the
    best that any constant prediction can reach there (an oracle: it knows that mean). The published ones are
    of other images; they are given for the challenge's formula and legend.

    Parameters
    ----------
    true : shares that were scored, images × classes (`scored_shares`)

    Returns
    -------
    table : name, kl, low, high (NaN where unknown), images (on which the value was found)
    """
    everywhere = pd.DataFrame(0.0, index=true.index, columns=list(legend.names))

    def constant(shares: pd.Series[float] | float) -> Score:
        guess = everywhere.copy()
        guess[true.columns] = np.broadcast_to(np.asarray(shares), true.shape)
        return score(guess, everywhere.assign(**true), result.formula, blocks, legend)

    found = {
        "This prediction": result,
        "Oracle constant": constant(true.mean()),
        "Uniform": constant(1 / true.shape[1]),
    }
    # Ends that meet are no interval: with a single image or block nothing varies.
    rows = [
        (n, s.kl, *((s.low, s.high) if s.low < s.high else (np.nan, np.nan)), SAME) for n, s in found.items()
    ]
    if result.formula == "official" and legend == S2GLC:
        rows += [(name, kl, np.nan, np.nan, images) for name, kl, images in PUBLISHED]
    table = pd.DataFrame(rows, columns=["name", "kl", "low", "high", "images"])
    return table.sort_values("kl", kind="stable", ignore_index=True)
