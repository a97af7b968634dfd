"""Strata of a sample: classes of a map or codes of another raster, their sizes, small ones joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.image import open_raster, reading
from landcover.imagery.maps import Codes

OTHERS = "others"  # stands for the strata that are not named
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Read = Callable[[int, int, int, int], Ints]  # of a window: first row, first column, height, width


@contextmanager
def open_strata(codes: Codes, path: Path | None = None) -> Iterator[tuple[Read, list[str]]]:
    """What gives the strata of the pixels of a window, as numbers, and the names of these numbers.

    Number 0 is no stratum: pixels of the map without data, or of a class that says nothing of the ground, and
    those without data in the raster of strata.

    Parameters
    ----------
    codes : the map
    path : raster of strata on the grid of the map; None takes the classes of the map

    Raises
    ------
    LandcoverError : the raster lies on another grid, or holds anything but codes from 0 to 255
    """
    labels = np.zeros(256, np.int64)
    labels[list(codes.legend.label_codes)] = 1 + np.arange(len(codes.legend.labels))

    def classes(row: int, column: int, height: int, width: int) -> Ints:
        return labels[codes.read(Window(column, row, width, height))]

    if path is None:
        yield classes, ["", *codes.legend.label_names]
        return
    with open_raster(path) as source:
        _same_grid(path, source, codes)
        tags = source.tags()

        def read(row: int, column: int, height: int, width: int) -> Ints:
            with reading(path):
                found = source.read(1, window=Window(column, row, width, height))
            there = np.ones(found.shape, bool) if source.nodata is None else found != source.nodata
            if found[there].size and not (found[there].min() >= 0 and found[there].max() <= 255):
                raise LandcoverError(path, "holds other numbers", "codes from 0 to 255", "recode it")
            known = there & (classes(row, column, height, width) > 0)
            strata: Ints = np.where(known, found.astype(np.int64) + 1, 0)
            return strata

        yield read, ["", *(tags.get(f"CLASS_{code}", str(code)) for code in range(256))]


def _same_grid(path: Path, source: Any, codes: Codes) -> None:
    grid = codes.source
    if source.count != 1 or not np.issubdtype(np.dtype(source.dtypes[0]), np.integer):
        finding = f"has {source.count} bands of {source.dtypes[0]}"
        raise LandcoverError(path, finding, "one band of whole numbers", "give the strata's codes")
    if (source.shape, source.crs) != (grid.shape, grid.crs) or not source.transform.almost_equals(
        grid.transform, precision=1e-6 * abs(grid.transform.a)
    ):
        raise LandcoverError(
            path, f"lies on another grid than {codes.path.name}", "the same size, CRS and transform",
            "warp it to the map's grid",
        )  # fmt: skip


def describe(
    map: Path, names: list[str], pixels: Ints, hectares: Floats, expect: Mapping[str, float], join: int
) -> tuple[Ints, pd.DataFrame]:
    """The strata that have pixels, with the small ones joined where asked.

    Parameters
    ----------
    names, pixels, hectares : by the numbers of `open_strata`
    expect : share of the pixels that are expected to be right, by name
    join : the smallest strata become one, until neither it nor another has fewer pixels than this

    Returns
    -------
    group : of each of these numbers the row in `strata`, counted from 1; 0 for none
    strata : stratum, pixels, area_ha, accuracy (NaN when it isn't known)

    Raises
    ------
    LandcoverError : no pixel in any stratum, one with a single pixel, or `expect` names none of them
    """
    there = np.flatnonzero(pixels[1:]) + 1
    if not len(there):
        raise LandcoverError(map, "has no pixel in any stratum", "pixels of a class", "check the map")
    known = {names[i] for i in there}
    unknown = [n for n in expect if n != OTHERS and n not in names]
    if unknown:
        raise LandcoverError(
            "--expect", f"names {unknown[0]}", f"strata: {', '.join(sorted(known))}, {OTHERS}", "mend it"
        )
    accuracy = np.array([expect.get(n, expect.get(OTHERS, np.nan)) for n in names])
    small = there[np.argsort(pixels[there], kind="stable")]
    joined = int((pixels[small] < join).sum())
    while 0 < joined < len(small) and pixels[small[:joined]].sum() < join:
        joined += 1
    together = np.sort(small[:joined])
    parts = [[i] for i in there if i not in together] + ([list(together)] if joined else [])
    group = np.zeros(len(names), np.int64)
    rows = []
    for number, part in enumerate(parts, 1):
        group[part] = number
        name = " + ".join(names[i] for i in part)
        mean = float(np.average(accuracy[part], weights=pixels[part]))
        rows.append((name, int(pixels[part].sum()), float(hectares[part].sum()), mean))
    found = pd.DataFrame(rows, columns=["stratum", "pixels", "area_ha", "accuracy"])
    single = found.loc[found["pixels"] < 2, "stratum"]
    if len(single):
        raise LandcoverError(
            map, f"has a single pixel of {', '.join(single)}", "at least 2, which a variance needs",
            "join small strata, such as with --join 100",
        )  # fmt: skip
    return group, found
