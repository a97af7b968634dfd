"""Look into images, masks and tables before using them: what is there, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.chips.folder import PARTS, ChipsFolder, find_images, open_chips, read_splits
from landcover.chips.overlap import Hashes, sharing, signature
from landcover.chips.split import between_parts, has_places, leaks
from landcover.chips.tables import read_shares
from landcover.errors import LandcoverError
from landcover.imagery.image import Image, open_image, open_raster
from landcover.imagery.maps import read_codes
from landcover.legend import S2GLC, Legend
from landcover.progress import track

SAMPLE = 1_000_000  # pixels that the percentiles are taken from
WINDOW = 1024  # px; larger images are read in windows of this side
TOLERANCE = 1e-6  # in shares
Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes
    ----------
    path : what was inspected
    images : a row per image that could be read: sample_id, height, width, type, crs, bands (names), empty
        (share of its pixels without data)
    masks : number of masks
    bands : a row per band with min, p1, median, p99 and max of the pixels with data (percentiles of about a
        million evenly spaced ones)
    classes : a row per class with code, name, pixels, share and images (number of masks that hold it); None
        without masks
    parts : number of chips by part; None without splits
    checks : what was found right, one line each
    problems : what was found wrong, one line each
    legend : of the masks
    """

    path: Path
    images: pd.DataFrame
    masks: int
    bands: pd.DataFrame
    classes: pd.DataFrame | None
    parts: pd.Series[int] | None
    checks: tuple[str, ...]
    problems: tuple[str, ...]
    legend: Legend


@dataclass
class _Found:
    """Checks and problems, as they come."""

    checks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def ids(self, finding: str, ids: Sequence[str], right: str = "") -> None:
        """A problem if there are ids, else a check."""
        if ids:
            some = ", ".join(ids[:5]) + (f" and {len(ids) - 5:,} more" if len(ids) > 5 else "")
            self.problems.append(f"{finding}: {some}")
        elif right:
            self.checks.append(right)


def inspect(
    data: Path, labels: Path | None = None, splits: Path | None = None, chart: Path | None = None
) -> Inspection:
    """Inspect a chips folder, a folder of images or one image.

    One chip, or one window of a larger image, is in memory at a time. A file that can't be read is reported
    among the problems, and the others are inspected.

    Parameters
    ----------
    data : chips folder, folder of images, or image
    labels : CSV of shares to compare the masks with; by default train_labels.csv of the chips folder
    splits : CSV with sample_id and part (and scene, y0, x0) to look for leaks in; by default splits.csv of
        the chips folder. Without places, chips that share pixels are found by the pixels themselves
    chart : SVG to write, bars of the pixels per class

    Raises
    ------
    LandcoverError : no image is there or can be read, or labels or splits are at fault
    """
    data = Path(data)
    chips = _open(data)
    if labels is None and (data / "train_labels.csv").is_file():
        labels = data / "train_labels.csv"
    shares = None if labels is None else read_shares(Path(labels), chips.legend)
    table = chips.splits if splits is None else read_splits(Path(splits))
    by_pixels = table is not None and not has_places(table)
    found = _Found()
    images, bands, signatures = _images(chips, by_pixels, found)
    classes = _masks(chips, images, shares, labels, found) if chips.masks else None
    if table is not None:
        _splits(chips, table, images, signatures, found)
    if chart is not None:
        _draw(classes, chips, chart)
    parts = None if table is None else table["part"].value_counts().reindex(PARTS).dropna().astype(int)
    checks, problems = tuple(found.checks), tuple(found.problems)
    return Inspection(data, images, len(chips.masks), bands, classes, parts, checks, problems, chips.legend)


def _open(data: Path) -> ChipsFolder:
    if data.is_file():
        return ChipsFolder(data, {data.stem: data}, {}, S2GLC, None)
    if (data / "images").is_dir() or not data.is_dir():
        return open_chips(data)
    images = find_images(data)
    if not images:
        raise LandcoverError(
            data, "holds no image", "images, or a chips folder with images/ and masks/", "check the path"
        )
    return ChipsFolder(data, images, {}, S2GLC, None)


def _images(
    chips: ChipsFolder, by_pixels: bool, found: _Found
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Hashes]]:
    """Go through the images: a row for each, the ranges of the bands, and signatures if wanted."""
    rows, damaged = [], []
    ranges: dict[str, tuple[float, float]] = {}
    samples: dict[str, list[Pixels]] = {}
    signatures: dict[str, Hashes] = {}
    for i, path in track(list(chips.images.items()), "reading images"):
        try:
            with open_raster(path) as source:
                names = [name or f"band {n}" for n, name in enumerate(source.descriptions, 1)]
                kind, crs = source.dtypes[0], source.crs
            with open_image(path, [str(n + 1) for n in range(len(names))], names) as image:
                step = max(1, len(chips.images) * image.height * image.width // SAMPLE)
                taken: list[Pixels] = []
                low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
                full = 0
                for pixels in _windows(image, signatures if by_pixels else None, i):
                    if pixels.size:
                        low, high = np.minimum(low, pixels.min(axis=1)), np.maximum(high, pixels.max(axis=1))
                        taken.append(pixels[:, ::step].copy())
                        full += pixels.shape[1]
        except LandcoverError as error:
            damaged.append(error)
            continue
        empty = 1 - full / (image.height * image.width)
        rows.append((i, image.height, image.width, kind, str(crs or "none"), ", ".join(names), empty))
        for n, name in enumerate(names):
            before = ranges.get(name, (np.inf, -np.inf))
            ranges[name] = min(before[0], float(low[n])), max(before[1], float(high[n]))
            samples.setdefault(name, []).extend(t[n] for t in taken)
    found.problems += [str(error) for error in damaged]
    if not rows:
        raise damaged[0]
    images = pd.DataFrame(rows, columns=["sample_id", "height", "width", "type", "crs", "bands", "empty"])
    for columns, what in ((["height", "width"], "sizes"), (["type"], "types"), (["bands"], "sets of bands")):
        kinds = len(images[columns].drop_duplicates())
        if kinds > 1:
            found.problems.append(f"images are of {kinds} {what}")
    found.ids("images without any data", list(images.loc[images["empty"] == 1, "sample_id"]))
    return images, _ranges(ranges, samples), signatures


def _windows(image: Image, signatures: dict[str, Hashes] | None, sample: str) -> Iterator[Pixels]:
    """Pixels with data of an image, bands × pixels, window by window; their signature on the way."""
    hashes = []
    for y in range(0, image.height, WINDOW):
        for x in range(0, image.width, WINDOW):
            pixels, valid = image.read(y, x, min(WINDOW, image.height - y), min(WINDOW, image.width - x))
            if signatures is not None:
                hashes.append(signature(pixels))
            yield pixels[:, valid]
    if signatures is not None:
        signatures[sample] = np.unique(np.concatenate(hashes))


def _ranges(ranges: dict[str, tuple[float, float]], samples: dict[str, list[Pixels]]) -> pd.DataFrame:
    rows = {}
    for name, (low, high) in ranges.items():
        if np.isfinite(low):
            middle = np.percentile(np.concatenate(samples[name]), [1, 50, 99])
            rows[name] = [low, *map(float, middle), high]
    columns = pd.Index(["min", "p1", "median", "p99", "max"])
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _masks(
    chips: ChipsFolder, images: pd.DataFrame, shares: pd.DataFrame | None, labels: Path | None, found: _Found
) -> pd.DataFrame:
    """Go through the masks: pixels per class, and whether sizes and shares agree with images and labels."""
    sizes = {row.sample_id: (row.height, row.width) for row in images.itertuples()}
    codes = list(chips.legend.codes)
    label = np.isin(codes, chips.legend.label_codes)
    counts: dict[str, npt.NDArray[np.int64]] = {}
    other_size = []
    for i, path in track(list(chips.masks.items()), "reading masks"):
        try:
            mask = read_codes(path, chips.legend)
        except LandcoverError as error:
            found.problems.append(str(error))
            continue
        counts[i] = np.bincount(mask.ravel(), minlength=256)[codes]
        if sizes.get(i, mask.shape) != mask.shape:
            other_size.append(i)
    found.ids(
        "images without mask", [i for i in chips.images if i not in chips.masks], "every image has its mask"
    )
    found.ids(
        "masks without image", [i for i in chips.masks if i not in chips.images], "every mask has its image"
    )
    found.ids("masks of another size than their image", other_size)
    found.ids("masks without any label", [i for i, n in counts.items() if not n[label].any()])
    if shares is not None:
        with_row = [i for i in counts if i in shares.index]
        truth = shares.loc[with_row].to_numpy()
        mine = np.array([counts[i] / max(1, counts[i].sum()) for i in with_row]).reshape(truth.shape)
        off = abs(mine - truth).max(axis=1, initial=0) > TOLERANCE
        found.ids(
            f"masks that disagree with {labels}",
            [i for i, wrong in zip(with_row, off, strict=True) if wrong],
            f"{len(with_row):,} masks agree with {labels}",
        )
        found.ids(f"masks without row in {labels}", [i for i in counts if i not in shares.index])
        found.ids(f"rows of {labels} without mask", [i for i in shares.index if i not in chips.masks])
    total = np.array(list(counts.values()), dtype=np.int64).reshape(-1, len(codes))
    pixels = total.sum(axis=0)
    return pd.DataFrame(
        {
            "code": codes,
            "name": chips.legend.names,
            "pixels": pixels,
            "share": pixels / max(1, pixels.sum()),
            "images": (total > 0).sum(axis=0),
        }
    )


def _splits(
    chips: ChipsFolder,
    table: pd.DataFrame,
    images: pd.DataFrame,
    signatures: dict[str, Hashes],
    found: _Found,
) -> None:
    """Tell whether parts share pixels, and which chips the split and the folder don't have in common."""
    known = set(table["sample_id"])
    found.ids("images without part in the split", [i for i in chips.images if i not in known])
    found.ids("rows of the split without image", [i for i in table["sample_id"] if i not in chips.images])
    if has_places(table):
        how, size = "by their places", int(images[["height", "width"]].to_numpy().max())
        shared = leaks(table, size)
    else:
        how = "by their pixels"
        present = table[table["sample_id"].isin(list(signatures))]
        shared = between_parts(present["part"], sharing([signatures[i] for i in present["sample_id"]]))
    sizes = table["part"].value_counts().to_dict()
    for part, other, pairs, here, there in shared.itertuples(index=False):
        found.problems.append(
            f"{part} and {other} share pixels ({how}): {pairs:,} pairs of chips; "
            f"{here:,} of {sizes[part]:,} {part} chips, {there:,} of {sizes[other]:,} {other} chips"
        )
    if shared.empty:
        found.checks.append(f"no two parts of the split share a pixel ({how})")


def _draw(classes: pd.DataFrame | None, chips: ChipsFolder, chart: Path) -> None:
    from landcover.report.bars import share_bars
    from landcover.report.page import write_svg

    if classes is None:
        raise LandcoverError(chips.path, "has no masks to chart", "a folder masks/", "leave out --chart")
    title = f"share of {classes['pixels'].sum():,} pixels in {len(chips.masks):,} masks"
    bars = share_bars({title: classes.set_index("name")["share"]}, chips.legend)
    write_svg(Path(chart), bars)
