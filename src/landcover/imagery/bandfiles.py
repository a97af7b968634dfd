"""What names of files tell: which hold one band each, and which of them belong together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from landcover.errors import LandcoverError
from landcover.imagery.mtd import BAND_IDS
from landcover.imagery.raster import SUFFIXES, is_remote, open_raster, without_query

PATTERN = "{band}"  # stands for the band in a path such as T31TFL_{band}.jp2
MTD = re.compile(r"MTD_MSI(L1C|L2A)\.xml")
DOWNLOADED = re.compile(r"(S2[A-Z]_.*\.zip|.*\.SAFE(\.zip)?)", re.I)
LAYER = re.compile(
    r"(?<![A-Za-z0-9])(B(?:0?[1-9]|8A|1[0-2])|SCL|AOT|WVP|TCI|CLD|SNW)(?:_([126]0)m)?(?![A-Za-z0-9])", re.I
)


def is_product(path: Path) -> bool:
    """Whether a path stands for an image with one file per band.

    That is a folder ending in .SAFE or holding an MTD file, a zip, or a path such as `T31TFL_{band}.jp2`.
    """
    if PATTERN in path.name:
        return not path.exists()
    if is_remote(path):
        return False
    if path.is_dir():
        return path.suffix.upper() == ".SAFE" or any(MTD.fullmatch(p.name) for p in path.iterdir())
    return path.suffix.lower() == ".zip"


def product_id(path: Path) -> str:
    """The name of an image: its file's name without suffix; that of the folder for `{band}.tif`."""
    path = without_query(path)
    if PATTERN in path.name:
        return path.stem.replace(PATTERN, "").strip("_-. ") or path.absolute().parent.name
    stem = path.stem if path.suffix.lower() in (*SUFFIXES, ".zip") else path.name
    return re.sub(r"\.SAFE$", "", stem, flags=re.I)


def gather(images: Mapping[str, Path]) -> dict[str, Path]:
    """Put files that hold one band each together: `a_B02.tif, a_B03.tif` become `a_{band}.tif`.

    Parameters
    ----------
    images : files by id

    Returns
    -------
    images : files and patterns by id; files that carry no band's name, or several bands, stay as they are

    Raises
    ------
    LandcoverError : two images would have one id
    """
    groups: dict[Path, list[str]] = {}
    for name, path in images.items():
        found = layer_of(path.name)
        if found is not None:
            groups.setdefault(path.with_name(found[0]), []).append(name)
    gathered = dict(images)
    for pattern, names in groups.items():
        bands = [n for n in names if (layer_of(images[n].name) or ("", ""))[1] in BAND_IDS]
        if len(bands) > 1 and _single(images[bands[0]]):
            for name in names:
                del gathered[name]
            name = product_id(pattern)
            if name in gathered:
                raise LandcoverError(
                    pattern, f"has the same id as {gathered[name]}", "one image an id", "predict them apart"
                )
            gathered[name] = pattern
    return gathered


def layer_of(name: str) -> tuple[str, str, int] | None:
    """Of a file's name: the name with the layer replaced by `{band}`, the layer (B02, SCL), metres (10)."""
    if Path(name).suffix.lower() not in SUFFIXES or name.startswith("."):
        return None
    found = LAYER.search(name)
    if found is None:
        return None
    layer = found[1].upper()
    if layer[0] == "B" and len(layer) == 2:
        layer = f"B0{layer[1]}"
    return name[: found.start()] + PATTERN + name[found.end() :], layer, int(found[2] or 10)


def _single(path: Path) -> bool:
    """Whether a file has one band; no for one that can't be read, which its reader will complain of."""
    try:
        with open_raster(path) as source:
            return bool(source.count == 1)
    except LandcoverError:
        return False
