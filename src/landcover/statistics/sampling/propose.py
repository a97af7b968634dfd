"""Propose the chips whose labels would help a training most: uncertain, novel, and unlike one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rasterio.windows import Window

from landcover.accuracy.layers import FULL_SCALE, open_layers
from landcover.chips.folder import find_images
from landcover.errors import LandcoverError
from landcover.imagery.area import HECTARE, pixel_areas
from landcover.imagery.image import Place, open_raster, reading
from landcover.imagery.maps import Codes, legend_of, open_codes
from landcover.inference.novelty import CELL
from landcover.progress import track
from landcover.statistics.coverage import place_of
from landcover.statistics.tables import check_table, facts, write_table

USUAL = 0.5  # what the median of novelty counts, and novelty that is not known
SEEN = 0.5  # of a chip's pixels that need data
EARTH = 6_371_000.0  # m
COLUMNS = ["id", "image", "row", "col", "y0", "x0", "uncertainty", "novelty", "area_ha"]
Floats = npt.NDArray[np.float64]


def propose(
    prediction: Path,
    out: Path,
    chips: int,
    size: int = 256,
    legend: str | None = None,
    overwrite: bool = False,
) -> Any:
    """Propose chips to label, the most helpful first.

    Candidates are the windows at multiples of `size` of which at least half the pixels have data. Each has

    uncertainty : mean of 1 − confidence ("least confident": Lewis & Gale 1994)
    novelty : mean distance d of its cells from the training images; it counts as d / (d + median of all)
    spread : distance to the nearest chip that is already proposed: the mean of far, the distance on the
        ground in units of the spacing that as many chips would have if they were spread evenly (at most 1),
        and unlike, the Hellinger distance of their class shares in the map; 1 for the first

    The next chip is always the one with the highest score, uncertainty × novelty × spread: a greedy choice of
    far points as of k centres (Gonzalez 1985; Sener & Savarese 2018), weighted by what a label may teach.

    Parameters
    ----------
    prediction : prediction folder with confidence or probability layers, or one map in it; novelty layers are
        used where they are: what has none counts 1/2, as the median does, or all 1 where nothing has any
    out : GeoPackage of squares to write
    chips : how many
    size : side of a chip, px
    legend : of the maps, when they carry none, see `legend_of`

    Returns
    -------
    proposed : GeoDataFrame with rank, id, image, row, col, y0, x0, uncertainty, novelty, spread, score

    Raises
    ------
    LandcoverError : a layer is missing or at fault, places are not known, or there are fewer candidates
    """
    prediction, out = Path(prediction), Path(out)
    check_table(out, overwrite)
    if out.suffix.lower() != ".gpkg":
        raise LandcoverError(out, "has no room for squares", "a .gpkg file", "give another --out")
    for name, number in (("--chips", chips), ("--size", size)):
        if number < 1:
            raise LandcoverError(name, f"is {number}", "at least 1", "raise it")
    folder, maps = _maps(prediction)
    found = [_candidates(folder, path, size, legend) for path in maps.values()]
    crs = {place.crs for _, place, _ in found}
    if len(crs) > 1:
        raise LandcoverError(
            prediction, f"has maps in {len(crs)} CRS", "one", "propose for one map after the other"
        )
    table = pd.concat([t for t, _, _ in found], ignore_index=True)
    if len(table) < chips:
        raise LandcoverError(
            "--chips", f"is {chips}", f"at most the {len(table)} whole chips of {size} px with data",
            "ask for fewer, or for a smaller --size",
        )  # fmt: skip
    proposed = _choose(table, np.concatenate([s for _, _, s in found]), chips, crs.pop())
    record = facts(
        "sample --for training", dict(maps), {"chips": chips, "size": size, "legend": legend},
        candidates=len(table), novelty=bool(table["novelty"].notna().any()),
    )  # fmt: skip
    write_table(out, proposed, record)
    return proposed


def _maps(prediction: Path) -> tuple[Path, dict[str, Path]]:
    """The prediction folder, and its maps by id: all, or the one that was given."""
    if prediction.is_dir():
        maps = find_images(prediction / "maps")
        if not maps:
            raise LandcoverError(prediction, "holds no map", "a prediction folder", "check the path")
        return prediction, maps
    return prediction.parent.parent, {prediction.stem: prediction}


@contextmanager
def _confidence(folder: Path, codes: Codes) -> Iterator[Callable[[Window], Floats]]:
    """What gives the confidence in a window, NaN without data: from its layer or that of probabilities."""
    name = f"{codes.path.stem}.tif"
    kept, all_of_them = folder / "confidence" / name, folder / "probabilities" / name
    if kept.is_file():
        with open_raster(kept) as source:
            kind = str(source.dtypes[0])
            if source.count != 1 or kind not in FULL_SCALE or source.shape != codes.source.shape:
                raise LandcoverError(
                    kept, "is no confidence layer of the map", "one as predict writes it", "predict again"
                )

            def read(window: Window) -> Floats:
                with reading(kept):
                    raw = source.read(1, window=window)
                return np.where(raw == np.iinfo(kind).max, np.nan, raw / FULL_SCALE[kind])

            yield read
    elif all_of_them.is_file():
        with open_layers(all_of_them, codes.legend) as layers:

            def highest(window: Window) -> Floats:
                _, confidence, valid = layers.read(window)
                return np.where(valid, confidence, np.nan)

            yield highest
    else:
        raise LandcoverError(
            folder, f"keeps no confidence of {codes.path.stem}", "confidence/ or probabilities/",
            "predict again with --confidence",
        )  # fmt: skip


def _candidates(folder: Path, path: Path, size: int, asked: str | None) -> tuple[pd.DataFrame, Place, Floats]:
    """Chips of a map: their measures, its place, and the shares of the classes in each chip."""
    legend, rows, shares = legend_of(path, asked), [], []
    novelty_file = folder / "novelty" / f"{path.stem}.tif"
    with ExitStack() as stack:
        codes = stack.enter_context(open_codes(path, legend))
        place = place_of(path, codes.source)
        confidence = stack.enter_context(_confidence(folder, codes))
        novelty = stack.enter_context(open_raster(novelty_file)) if novelty_file.is_file() else None
        height, width = codes.source.shape
        starts = [(y, x) for y in range(0, height - size + 1, size) for x in range(0, width - size + 1, size)]
        for y, x in track(starts, "looking"):
            window = Window(x, y, size, size)
            sure = confidence(window)
            counts = np.bincount(codes.read(window).ravel(), minlength=256)[list(legend.label_codes)]
            if np.isnan(sure).mean() > 1 - SEEN or not counts.any():
                continue
            far = np.nan if novelty is None else _mean_of_cells(novelty, novelty_file, y, x, size)
            area = pixel_areas(place, [y + (size - 1) / 2], [x + (size - 1) / 2])
            assert area is not None
            name = f"{path.stem}_{y // size}_{x // size}"
            doubt = float(1 - np.nanmean(sure))
            rows.append(
                (name, path.stem, y // size, x // size, y, x, doubt, far, float(area.item()) * size**2)
            )
            shares.append(counts / counts.sum())
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(geometry=_squares(table, place, size)), place, np.reshape(shares, (len(rows), -1))


def _mean_of_cells(source: Any, path: Path, y: int, x: int, size: int) -> float:
    top, left, bottom, right = y // CELL, x // CELL, -(-(y + size) // CELL), -(-(x + size) // CELL)
    with reading(path):
        cells = source.read(1, window=Window(left, top, right - left, bottom - top))
    return float(np.nanmean(cells)) if np.isfinite(cells).any() else np.nan


def _squares(table: pd.DataFrame, place: Place, size: int) -> list[Any]:
    from shapely import Polygon

    ring = [(0, 0), (size, 0), (size, size), (0, size)]
    return [
        Polygon([place.transform @ (x + right, y + down) for right, down in ring])
        for y, x in zip(table["y0"], table["x0"], strict=True)
    ]


def _choose(table: pd.DataFrame, shares: Floats, chips: int, crs: Any) -> Any:
    """The best chips, in the order in which they are chosen."""
    import geopandas

    candidates = geopandas.GeoDataFrame(table, geometry="geometry", crs=crs)
    centres = candidates.geometry.representative_point().to_crs(4326)
    longitude, latitude = np.radians(centres.x.to_numpy()), np.radians(centres.y.to_numpy())
    ring = np.cos(latitude)
    points = EARTH * np.stack([ring * np.cos(longitude), ring * np.sin(longitude), np.sin(latitude)], axis=1)
    spacing = np.sqrt(table["area_ha"].sum() * HECTARE / chips)

    novelty, new = table["novelty"].to_numpy(), 1.0
    if np.isfinite(novelty).any():
        new = np.nan_to_num(novelty / (novelty + np.nanmedian(novelty)), nan=USUAL)
    worth = table["uncertainty"].to_numpy() * new
    spread, free, rows = np.ones(len(table)), np.ones(len(table), bool), []
    for rank in range(1, chips + 1):
        best = int(np.where(free, worth * spread, -1).argmax())
        free[best] = False
        rows.append((rank, best, spread[best], worth[best] * spread[best]))
        far = np.linalg.norm(points - points[best], axis=1) / spacing
        unlike = np.linalg.norm(np.sqrt(shares) - np.sqrt(shares[best]), axis=1) / np.sqrt(2)
        spread = np.minimum(spread, (np.minimum(far, 1) + unlike) / 2)
    ranks, chosen, spreads, scores = zip(*rows, strict=True)
    proposed = candidates.iloc[list(chosen)].reset_index(drop=True)
    proposed = proposed.assign(rank=ranks, spread=spreads, score=scores)
    return proposed[["rank", *COLUMNS[:-1], "spread", "score", "geometry"]]
