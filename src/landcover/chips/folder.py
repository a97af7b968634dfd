"""A chips folder: find its couples of image and mask, its splits, its legend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from landcover.errors import LandcoverError
from landcover.imagery.image import BANDS, SUFFIXES, open_image
from landcover.imagery.maps import read_codes
from landcover.legend import S2GLC, Legend

PARTS = ("train", "val", "test", "buffer", "elsewhere")
PLACE = ("scene", "y0", "x0")


@dataclass(frozen=True)
class ChipsFolder:
    """What a chips folder holds (docs/data-formats.md).

    Attributes
    ----------
    images, masks : files by sample id, in the order of the ids (numbers by value)
    splits : table with sample_id (text), part and, where known, scene, y0, x0; None without splits.csv
    """

    path: Path
    images: dict[str, Path]
    masks: dict[str, Path]
    legend: Legend
    splits: pd.DataFrame | None

    @property
    def couples(self) -> list[str]:
        """Ids that have both image and mask."""
        return [i for i in self.images if i in self.masks]

    def part(self, *names: str) -> list[str]:
        """Ids of couples in the given parts of splits.csv."""
        return [i for i in self.images_of(*names) if i in self.masks]

    def images_of(self, *names: str) -> list[str]:
        """Ids of images, with or without mask, in the given parts of splits.csv."""
        if self.splits is None:
            raise LandcoverError(
                self.path,
                "has no splits.csv",
                f"a part ({', '.join(PARTS)}) for each chip",
                "write it, or make the chips with landcover cut",
            )
        chosen = set(self.splits.loc[self.splits["part"].isin(names), "sample_id"])
        return [i for i in self.images if i in chosen]


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts chip 9 before chip 10."""
    return tuple((0, int(t), "") if t.isdigit() else (1, 0, t) for t in re.findall(r"\d+|\D+", name))


def find_images(folder: Path) -> dict[str, Path]:
    """Image files of a folder by name without suffix, in natural order; names with a leading dot are left."""
    if not folder.is_dir():
        raise LandcoverError(folder, "is not there", "a folder of images", "check the path")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda p: natural_order(p.name)):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise LandcoverError(
                path, f"has the same id as {found[path.stem].name}", "one file an id", "rename one of them"
            )
        found[path.stem] = path
    return found


def open_chips(path: Path) -> ChipsFolder:
    """Look into a chips folder: `images/`, `masks/` and, if there, `splits.csv` and `legend.toml`.

    Raises
    ------
    LandcoverError : the folder or its images are missing, or splits.csv or legend.toml are at fault
    """
    if not path.is_dir():
        raise LandcoverError(path, "is not there", "a chips folder", "check the path")
    if not (path / "images").is_dir():
        raise LandcoverError(
            path,
            "has no folder images/",
            "a chips folder: images/<id>.tif, masks/<id>.tif",
            "see docs/data-formats.md, or make one with landcover cut",
        )
    images = find_images(path / "images")
    if not images:
        raise LandcoverError(
            path / "images",
            "holds no image",
            f"files {', '.join('*' + s for s in SUFFIXES)}",
            "check the path",
        )
    masks = find_images(path / "masks") if (path / "masks").is_dir() else {}
    legend_file, splits_file = path / "legend.toml", path / "splits.csv"
    return ChipsFolder(
        path,
        images,
        masks,
        Legend.from_toml(legend_file) if legend_file.exists() else S2GLC,
        read_splits(splits_file) if splits_file.exists() else None,
    )


def read_splits(path: Path) -> pd.DataFrame:
    """Read splits.csv: sample_id (text), part and, where known, scene, y0, x0.

    Raises
    ------
    LandcoverError : unreadable, a column missing, an id twice, or an unknown part
    """
    try:
        table = pd.read_csv(path, dtype={"sample_id": str, "part": str, "scene": str})
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise LandcoverError(path, f"can't be read ({error})", "a CSV", "write it again") from error
    for column in ("sample_id", "part"):
        if column not in table:
            raise LandcoverError(path, f"has no column {column}", "sample_id and part", "add it")
    for column in {"y0", "x0"} & set(table.columns):
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise LandcoverError(path, f"has a {column} that is no number", "pixels", "mend it")
    doubled = table["sample_id"][table["sample_id"].duplicated()]
    if len(doubled):
        raise LandcoverError(path, f"holds sample_id {doubled.iloc[0]} twice", "each id once", "remove one")
    unknown = sorted(set(table["part"].astype(str)) - set(PARTS))
    if unknown:
        raise LandcoverError(path, f"has the part {unknown[0]!r}", f"one of {', '.join(PARTS)}", "rename it")
    return table


def read_couples(
    chips: ChipsFolder,
    ids: Sequence[str],
    bands: Sequence[str] | None = None,
    wanted: Sequence[str] = BANDS,
    scale: float = 1.0,
    offset: float = 0.0,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Read images and masks of one size.

    Returns
    -------
    images : float32, chips × bands × height × width
    masks : uint8 codes, chips × height × width; the legend's no-data code also where the image has no data

    Raises
    ------
    LandcoverError : an image or mask is at fault, or sizes differ
    """
    images: list[npt.NDArray[np.float32]] = []
    masks: list[npt.NDArray[np.uint8]] = []
    for i in ids:
        with open_image(chips.images[i], bands, wanted, scale, offset) as image:
            pixels, valid = image.read()
        codes = read_codes(chips.masks[i], chips.legend)
        if codes.shape != valid.shape:
            raise LandcoverError(
                chips.masks[i],
                f"is {codes.shape[0]} × {codes.shape[1]} px",
                f"{valid.shape[0]} × {valid.shape[1]} px as its image",
                "cut it to the image's grid",
            )
        if images and pixels.shape != images[0].shape:
            raise LandcoverError(
                chips.images[i],
                f"is {pixels.shape[1]} × {pixels.shape[2]} px",
                f"{images[0].shape[1]} × {images[0].shape[2]} px as the others",
                "cut chips of one size",
            )
        images.append(pixels)
        masks.append(np.where(valid, codes, np.uint8(chips.legend.no_data_code)))
    if not images:
        raise LandcoverError(
            chips.path, "gives no couple of image and mask", "at least one", "check the split"
        )
    return np.stack(images), np.stack(masks)
