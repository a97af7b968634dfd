"""Read a sample as it stands in a publication: a table of counts, and the areas of the map's classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from landcover.errors import LandcoverError
from landcover.statistics.areas.estimators import Floats, Sample
from landcover.statistics.tables import read_table


def read_counts(counts: Path, areas: Path) -> tuple[Sample, tuple[str, ...], Floats]:
    """Read counts and areas: a stratified sample whose strata are the classes of the map.

    Parameters
    ----------
    counts : table with a row for each class of the map, named in the first column, and a column for each
        class of the reference: numbers of points
    areas : table of class, area_ha: a row for each class of the map

    Returns
    -------
    sample : without finite population correction, since nothing tells the number of pixels
    classes : those of the map in the order of their rows, then those of the reference alone
    map_ha : hectares of each class in the map

    Raises
    ------
    LandcoverError : no counts, a class twice, classes that differ between the two, a class with less than two
        points, or areas that are not above 0
    """
    table = read_table(counts, [], text=[])
    wanted = "a row for each class of the map, a column for each class of the reference"
    if table.shape[1] < 2 or table.empty:
        raise LandcoverError(counts, "holds no counts", wanted, "see docs/data-formats.md")
    rows = [str(name).strip() for name in table.iloc[:, 0]]
    columns = [str(name).strip() for name in table.columns[1:]]
    numbers = table.iloc[:, 1:].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    if not np.all((numbers >= 0) & (numbers == np.floor(numbers))):
        raise LandcoverError(counts, "holds what is no count", "whole numbers from 0", "mend them")
    for names, kind in ((rows, "rows"), (columns, "columns")):
        if len(set(names)) < len(names):
            raise LandcoverError(counts, f"has two {kind} of one class", "each class once", "sum them up")
    hectares = _areas(areas, rows, counts)
    alone = [f"{n:g} of {name}" for name, n in zip(rows, numbers.sum(axis=1), strict=True) if n < 2]
    if alone:
        raise LandcoverError(
            counts, f"has too few points of the map's classes ({', '.join(alone)})",
            "two in each stratum, which a variance needs", "label more, or join classes",
        )  # fmt: skip
    classes = (*rows, *(c for c in columns if c not in rows))
    square = np.zeros((len(classes), len(classes)), np.int64)
    square[: len(rows), [classes.index(c) for c in columns]] = numbers
    points = square[: len(rows), None] * np.eye(len(rows), len(classes), dtype=np.int64)[..., None]
    return (
        Sample.of_counts(points, hectares),
        classes,
        np.append(hectares, [0.0] * (len(classes) - len(rows))),
    )


def _areas(path: Path, rows: list[str], counts: Path) -> Floats:
    table = read_table(path, ["class", "area_ha"], text=["class"])
    names = [str(n).strip() for n in table["class"]]
    lacking, strange = sorted(set(rows) - set(names)), sorted(set(names) - set(rows))
    if lacking or strange or len(names) != len(rows):
        finding = (
            f"has no area of {', '.join(lacking)}" if lacking
            else f"has {', '.join(strange)}, of which there are no counts" if strange
            else "has a class twice"
        )  # fmt: skip
        raise LandcoverError(path, finding, f"the classes of the rows of {counts}", "make them agree")
    areas = pd.to_numeric(table["area_ha"], errors="coerce").to_numpy(float)
    if not np.all((areas > 0) & np.isfinite(areas)):
        raise LandcoverError(path, "holds an area that is not above 0", "hectares of each class", "mend it")
    return np.asarray(areas[[names.index(r) for r in rows]])
