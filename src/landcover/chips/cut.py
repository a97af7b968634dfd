"""Cut a scene and its mask into a chips folder."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
from rasterio.windows import Window

from landcover.chips.folder import ChipsFolder, open_chips
from landcover.chips.split import split_by_place
from landcover.chips.tables import write_shares
from landcover.errors import LandcoverError
from landcover.files import staged
from landcover.imagery.image import BANDS, Image, open_image
from landcover.imagery.maps import Codes, open_codes
from landcover.imagery.write import write_map
from landcover.legend import S2GLC, Legend
from landcover.progress import track

RESULTS = ("images", "masks", "splits.csv", "train_labels.csv", "legend.toml")

MOST = np.iinfo(np.uint16).max
FAINT = 10  # a scene that reaches no further is not reflectance × 10,000


@dataclass(frozen=True)
class Cut:
    """The chips of a scene, and what was left out of them.

    Attributes
    ----------
    chips : the chips folder
    no_data, no_label : chips left out, since the image has no data there, or no pixel has a label
    rows_left, columns_left : px at the lower and right edge of the scene that no chip reaches
    clipped : numbers below 0 or above 65,535 that were clipped
    """

    chips: ChipsFolder
    no_data: int
    no_label: int
    rows_left: int
    columns_left: int
    clipped: int


def cut(
    image: Path,
    mask: Path,
    out: Path,
    size: int = 256,
    stride: int = 192,
    bands: Sequence[str] | None = None,
    scale: float = 1.0,
    offset: float = 0.0,
    legend: Path | None = None,
    val: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
    overwrite: bool = False,
) -> Cut:
    """Cut a scene and its mask into a chips folder, split by place.

    Chips lie at multiples of the stride and are whole; with stride < size, neighbours share pixels. They are
    named `<scene>_<row>_<col>`, keep the CRS and their place, and hold `raw × scale + offset` as uint16, 0
    where there is no data. The scene is read chip by chip, so that its size doesn't matter.

    Parameters
    ----------
    image, mask : the scene and its class codes, on one grid
    out : folder to write: images/, masks/, splits.csv, train_labels.csv and, for a legend of one's own,
        legend.toml
    size, stride : side of a chip, and distance from one to the next, px
    bands : which bands of the scene are B02, B03, B04, B08 (names or numbers from 1); None tells by their
        names
    scale, offset : make reflectance × 10,000 of the scene's numbers
    legend : legend.toml, when the classes are not those of the challenge
    val, test : wanted fractions of the chips; see `split_by_place`
    seed : of the split
    overwrite : replace what the folder holds

    Raises
    ------
    LandcoverError : a file is at fault, the grids differ, nothing is left to cut, or the chips can't be split
    """
    image, mask, out = Path(image), Path(mask), Path(out)
    for name, number in (("--size", size), ("--stride", stride)):
        if number < 1:
            raise LandcoverError(name, f"is {number}", "at least 1 px", "mend it")
    classes = S2GLC if legend is None else Legend.from_toml(Path(legend))
    with (
        open_image(image, bands, BANDS, scale, offset) as scene,
        open_codes(mask, classes) as codes,
    ):
        _same_grid(scene, codes)
        if min(scene.height, scene.width) < size:
            raise LandcoverError(
                image, f"is {scene.height} × {scene.width} px", f"at least {size} × {size} px",
                "choose a smaller --size",
            )  # fmt: skip
        rows_left, columns_left = ((n - size) % stride for n in (scene.height, scene.width))
        with staged(out, overwrite, RESULTS) as stage:
            counts = _cut(scene, codes, stage, size, stride, (val, test, seed))
            if legend is not None:
                shutil.copyfile(legend, stage / "legend.toml")
            else:
                (out / "legend.toml").unlink(missing_ok=True)  # of an earlier cut that is now overwritten
    return Cut(
        open_chips(out), counts["no data"], counts["no label"], rows_left, columns_left, counts["clipped"]
    )


def _cut(
    scene: Image, codes: Codes, out: Path, size: int, stride: int, split: tuple[float, float, int]
) -> dict[str, int]:
    """Write images, masks and tables; count what is left out."""
    for folder in ("images", "masks"):
        (out / folder).mkdir()
    name = re.sub(r"[^\w.-]+", "_", scene.path.stem)
    counts = {"no data": 0, "no label": 0, "clipped": 0}
    places, pixels, largest = [], [], 0
    starts = [range(0, n - size + 1, stride) for n in (scene.height, scene.width)]
    for y, x in track([(y, x) for y in starts[0] for x in starts[1]], "cutting"):
        window = Window(x, y, size, size)
        chip, valid = scene.read(y, x, size, size)
        label = codes.read(window)
        if not valid.any():
            counts["no data"] += 1
            continue
        if not np.isin(label[valid], codes.legend.label_codes).any():
            counts["no label"] += 1
            continue
        numbers = np.clip(np.rint(chip), 0, MOST)
        counts["clipped"] += int((abs(chip - numbers) > 0.5).sum())
        largest = max(largest, int(numbers.max()))
        row, col = y // stride, x // stride
        sample = f"{name}_{row}_{col}"
        here = _place(scene.source, window)
        _write_image(out / "images" / f"{sample}.tif", numbers.astype(np.uint16), here)
        write_map(out / "masks" / f"{sample}.tif", label, codes.legend, here)
        places.append((sample, name, row, col, y, x))
        pixels.append(np.bincount(label.ravel(), minlength=256)[list(codes.legend.codes)])
    if not places:
        raise LandcoverError(
            scene.path,
            f"gives no chip ({counts['no data']} without data, {counts['no label']} without label)",
            "some place with data and label", "check that image and mask belong together",
        )  # fmt: skip
    if largest < FAINT:
        raise LandcoverError(
            scene.path, f"holds numbers up to {largest} at most", "reflectance × 10,000",
            "give --scale, such as --scale 10000 for reflectance",
        )  # fmt: skip
    table = pd.DataFrame(places, columns=["sample_id", "scene", "row", "col", "y0", "x0"])
    table = split_by_place(table, size, *split)
    order = ["sample_id", "part", "scene", "row", "col", "y0", "x0"]
    table[order].to_csv(out / "splits.csv", index=False, lineterminator="\n")
    shares = np.stack(pixels) / np.sum(pixels, axis=1, keepdims=True)
    labels = pd.DataFrame(shares, index=table["sample_id"], columns=list(codes.legend.names))
    write_shares(out / "train_labels.csv", labels, codes.legend)
    return counts


def _same_grid(scene: Image, codes: Codes) -> None:
    """Refuse a mask of another size, CRS or place than its scene."""
    a, b = scene.source, codes.source
    if a.shape != b.shape:
        raise LandcoverError(
            codes.path, f"is {b.height} × {b.width} px", f"{a.height} × {a.width} px as {scene.path.name}",
            "cut or warp it to the image's grid",
        )  # fmt: skip
    if a.crs and b.crs and a.crs != b.crs:
        raise LandcoverError(
            codes.path, f"is in {b.crs}", f"{a.crs} as {scene.path.name}", "warp it to the image's grid"
        )
    if a.transform.is_identity or b.transform.is_identity:
        return
    shift = ~a.transform * b.transform  # from pixels of the mask to pixels of the image
    corners = [(0, 0), (b.width, 0), (0, b.height), (b.width, b.height)]
    off = max(abs(n - m) for c in corners for n, m in zip(shift * c, c, strict=True))
    if off > 0.01:
        raise LandcoverError(
            codes.path, f"lies up to {off:.2f} px beside {scene.path.name}", "the same place",
            "warp it to the image's grid",
        )  # fmt: skip


def _place(source: Any, window: Window) -> Any:
    """CRS and transform of a window, as `write_map` takes them; None for a scene without place."""
    if source.transform.is_identity:
        return None
    return SimpleNamespace(crs=source.crs, transform=source.window_transform(window))


def _write_image(path: Path, pixels: npt.NDArray[np.uint16], here: Any) -> None:
    profile = dict(driver="GTiff", dtype="uint16", compress="deflate", predictor=2)
    profile |= dict(zip(("count", "height", "width"), pixels.shape, strict=True))
    if here is not None:
        profile |= dict(crs=here.crs, transform=here.transform)
    with rasterio.open(path, "w", **profile) as target:
        target.write(pixels)
        for number, band in enumerate(BANDS, 1):
            target.set_band_description(number, band)
