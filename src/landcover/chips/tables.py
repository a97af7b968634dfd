"""Tables of shares: read them with every mistake told, write them as the challenge wants them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from landcover.errors import LandcoverError
from landcover.files import whole
from landcover.legend import S2GLC, Legend

TOLERANCE = 0.01


def read_shares(path: Path, legend: Legend = S2GLC) -> pd.DataFrame:
    """Read a table of shares: sample_id, then one column per class of the legend.

    Returns
    -------
    shares : float64, indexed by sample_id (text)

    Raises
    ------
    LandcoverError : unreadable, a column missing, an id twice, not a number, a negative share, or a row
        that doesn't sum to 1 (± 0.01)
    """
    try:
        table = pd.read_csv(path, dtype={"sample_id": str})
    except (OSError, UnicodeDecodeError, ValueError) as error:
        finding = "is not there" if isinstance(error, FileNotFoundError) else f"can't be read ({error})"
        raise LandcoverError(path, finding, "a CSV of shares", "check the path") from error
    missing = [c for c in ("sample_id", *legend.names) if c not in table]
    if missing:
        raise LandcoverError(
            path, f"has no column {', '.join(missing)}", f"sample_id, {', '.join(legend.names)}", "add it"
        )
    if table.empty:
        raise LandcoverError(path, "has no row", "one row an image", "check what wrote it")
    doubled = table["sample_id"][table["sample_id"].duplicated()]
    if len(doubled):
        raise LandcoverError(path, f"holds sample_id {doubled.iloc[0]} twice", "each id once", "remove one")
    shares = table.set_index("sample_id")[list(legend.names)].apply(pd.to_numeric, errors="coerce")
    values = shares.to_numpy(np.float64)
    for bad, finding, expectation in (
        (~np.isfinite(values).all(axis=1), "holds something that is no number", "finite numbers"),
        ((values < 0).any(axis=1), "holds a negative share", "shares from 0 to 1"),
        (values.sum(axis=1) == 0, "sums to 0", "shares that sum to 1"),
        (abs(values.sum(axis=1) - 1) > TOLERANCE, "doesn't sum to 1", "shares that sum to 1"),
    ):
        if bad.any():
            row = shares.index[int(np.argmax(bad))]
            raise LandcoverError(path, f"row {row} {finding}", expectation, "mend that row")
    return pd.DataFrame(values, index=shares.index, columns=shares.columns)


def write_shares(path: Path, shares: pd.DataFrame, legend: Legend = S2GLC) -> None:
    """Write shares indexed by sample_id with the challenge's columns, whole or not at all."""
    with whole(path) as temporary:
        shares[list(legend.names)].to_csv(
            temporary, index_label="sample_id", float_format="%.10g", lineterminator="\n"
        )
