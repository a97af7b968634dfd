"""Make the areas of territories sum to the totals of the whole: raking."""

from __future__ import annotations

import numpy as np

from landcover.errors import LandcoverError
from landcover.statistics.areas.estimators import Floats

LEAST = 0.01  # of what the map predicts, where an estimate is lower or negative
NEAR = 1e-12  # relative
MOST_ROUNDS = 10_000


def rake(table: Floats, predicted: Floats, rows: Floats, columns: Floats) -> Floats:
    """The table nearest to `table` that has these margins and no negative number.

    Iterative proportional fitting (Deming and Stephan 1940): rows and columns are scaled to their margins in
    turn. A number that is below a hundredth of the predicted one, as a negative estimate is, starts from
    there: it can't be scaled else.

    Parameters
    ----------
    table : … × territories × classes, hectares
    predicted : the same shape, nowhere negative, with the margins of `table`
    rows, columns : what territories (… × territories) and classes (… × classes) sum to, with the same total

    Raises
    ------
    LandcoverError : no such table is found

    Examples
    --------
    >>> table = np.array([[30.0, -2.0], [40.0, 60.0]])
    >>> raked = rake(table, np.array([[20.0, 8.0], [50.0, 50.0]]), table.sum(axis=1), table.sum(axis=0))
    >>> raked.round(2)
    array([[27.93,  0.07],
           [42.07, 57.93]])
    """
    found = np.maximum(table, LEAST * predicted)
    rows, columns = np.asarray(rows, float), np.asarray(columns, float)
    for _ in range(MOST_ROUNDS):
        found = _scale(found, rows, -1)
        found = _scale(found, columns, -2)
        off = np.abs(found.sum(axis=-1) - rows).max(initial=0.0)
        if off <= NEAR * rows.sum(axis=-1).max(initial=0.0):
            return found
    raise LandcoverError(
        "territories", f"don't rake to the totals of the whole ({off:.3g} ha apart)", "margins that agree",
        "leave --zones out",
    )  # fmt: skip


def _scale(table: Floats, margin: Floats, axis: int) -> Floats:
    sums = table.sum(axis=axis)
    factor = np.divide(margin, sums, out=np.zeros_like(sums), where=sums > 0)
    scaled: Floats = table * np.expand_dims(factor, axis)
    return scaled
