"""What people download: Sentinel-2 products (.SAFE folder or zip) and one file per band."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landcover.errors import LandcoverError
from landcover.imagery.bandfiles import MTD, PATTERN, layer_of
from landcover.imagery.mtd import BAND_IDS, LARGEST, scale_and_offset
from landcover.imagery.raster import is_remote, open_raster


@dataclass(frozen=True)
class Member:
    """A raster file; `inside` is its place in `path` when that is a zip."""

    path: Path
    inside: str | None = None

    @property
    def name(self) -> Path:
        """What messages call it."""
        return self.path / (self.inside or "")


@dataclass(frozen=True)
class Product:
    """The files of an image that has one file per band, and what its MTD file says.

    Attributes
    ----------
    bands : one raster for each wanted band, in their order
    scene_classes : the scene classification (SCL) of Level-2A; None without
    scale, offset : per band; reflectance × 10,000 is `raw × scale + offset`
    level : L1C or L2A; None without MTD file, when scale and offset are 1 and 0
    files : all local files that are used
    """

    bands: tuple[Member, ...]
    scene_classes: Member | None
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    level: str | None
    files: tuple[Path, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what to know before using it."""
        if self.level == "L1C":
            return (
                "a Level-1C product (top of atmosphere): the model expects surface reflectance (Level-2A), "
                "so the map deserves less trust; clouds are not masked",
            )
        if self.level == "L2A" and self.scene_classes is None:
            return ("has no scene classification (SCL): clouds are not masked",)
        return ()


def read_product(path: Path, wanted: Sequence[str]) -> Product:
    """Find the files of the wanted bands and read the MTD file.

    Parameters
    ----------
    path : see `is_product`
    wanted : names of bands, such as B02

    Raises
    ------
    LandcoverError : a band or the MTD file is missing, there are several products, or something is damaged
    """
    if is_remote(path):
        bands = tuple(Member(Path(str(path).replace(PATTERN, b))) for b in wanted)
        return Product(bands, None, (1.0,) * len(bands), (0.0,) * len(bands), None, ())
    if PATTERN in path.name:
        names = [p.name for p in _listed(path.parent) if (layer_of(p.name) or "")[:1] == (path.name,)]
        return _with_files(path, path.parent, _layers(path, names), wanted, None, None)
    if not path.exists():
        raise LandcoverError(path, "is not there", "a Sentinel-2 product", "check the path")
    try:
        if path.is_dir():
            files = [Path(folder) / n for folder, _, names in os.walk(path) for n in names]
            mtd, names = _inside(path, sorted(f.relative_to(path).as_posix() for f in files))
            with (path / mtd).open("rb") as file:
                document = file.read(LARGEST + 1)
        else:
            with zipfile.ZipFile(path) as archive:
                mtd, names = _inside(path, _safe_names(path, archive))
                with archive.open(mtd) as entry:
                    document = entry.read(LARGEST + 1)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise LandcoverError(
            path, f"can't be read ({error})", "a whole Sentinel-2 product", "fetch it again"
        ) from error
    return _with_files(path, path, _layers(path, names), wanted, mtd, document)


@contextmanager
def open_layers(product: Product, remote: bool = False) -> Iterator[tuple[tuple[Any, ...], Any | None]]:
    """Open the rasters of a product: those of the bands, and SCL if there is one.

    Raises
    ------
    LandcoverError : one is damaged or has several bands, or they don't lie on one grid
    """
    with ExitStack() as opened:

        def opening(member: Member) -> Any:
            source = opened.enter_context(open_raster(member.path, remote, member.inside))
            if source.count != 1:
                raise LandcoverError(
                    member.name, f"has {source.count} bands", "one band a file", "give the images one by one"
                )
            return source

        bands = tuple(opening(member) for member in product.bands)
        first = bands[0]
        for member, band in zip(product.bands, bands, strict=True):
            same_place = band.crs == first.crs and band.transform.almost_equals(first.transform, 1e-6)
            if band.shape != first.shape or not same_place:
                raise LandcoverError(
                    member.name,
                    f"is {band.height} × {band.width} px" + ("" if same_place else " of another grid"),
                    f"{first.height} × {first.width} px, on one grid with {product.bands[0].name.name}",
                    "bring the bands to one grid",
                )
        if product.scene_classes is None:
            yield bands, None
            return
        classes = opening(product.scene_classes)
        factor = -(-first.height // classes.height)
        if classes.shape != tuple(-(-side // factor) for side in first.shape):
            raise LandcoverError(
                product.scene_classes.name,
                f"is {classes.height} × {classes.width} px",
                f"the bands' {first.height} × {first.width} px, or a whole fraction of it",
                "fetch it again",
            )
        yield bands, classes


def _with_files(
    path: Path,
    root: Path,
    layers: Mapping[str, str],
    wanted: Sequence[str],
    mtd: str | None,
    document: bytes | None,
) -> Product:
    for band in wanted:
        if band not in layers:
            known = ", ".join(sorted(set(layers) & set(BAND_IDS))) or "none"
            raise LandcoverError(path, f"has no file of band {band}", f"one for each of {', '.join(wanted)}",
                f"fetch the whole product (bands found: {known})")  # fmt: skip
    zipped = root.is_file()
    members = {n: Member(root, layers[n]) if zipped else Member(root / layers[n]) for n in layers}
    bands = tuple(members[b] for b in wanted)
    level, scale, offset = None, (1.0,) * len(bands), (0.0,) * len(bands)
    if mtd is not None and document is not None:
        level = mtd[-len("L2A.xml") : -len(".xml")]
        scale, offset = scale_and_offset(path / mtd, document, wanted)
    classes = members.get("SCL")
    used = {m.path for m in (*bands, *([classes] if classes else []))} | ({path / mtd} if mtd else set())
    return Product(bands, classes, scale, offset, level, (path,) if zipped else tuple(sorted(used)))


def _layers(path: Path, names: Sequence[str]) -> dict[str, str]:
    """The finest file of each layer; SCL at its own 20 m rather than at 60."""
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        layer = layer_of(name.rsplit("/", 1)[-1])
        if layer is None:
            continue
        _, key, metres = layer
        before = found.get(key)
        if before is not None and before[0] == metres:
            raise LandcoverError(
                path, f"has band {key} twice ({before[1]}, {name})", "one tile", "give the files of one tile"
            )
        if before is None or metres < before[0]:
            found[key] = (metres, name)
    return {key: name for key, (_, name) in found.items()}


def _inside(path: Path, names: Sequence[str]) -> tuple[str, list[str]]:
    """The MTD file of a product, and its rasters but those that describe quality."""
    mtds = [n for n in names if MTD.fullmatch(n.rsplit("/", 1)[-1]) and n.count("/") <= 1]
    if len(mtds) != 1:
        raise LandcoverError(
            path,
            f"holds {len(mtds) or 'no'} MTD file{'s' * (len(mtds) > 1)} (MTD_MSIL2A.xml or MTD_MSIL1C.xml)",
            "one Sentinel-2 product",
            "fetch the whole product" if not mtds else "give the products one by one",
        )
    root = mtds[0].rpartition("/")[0]
    inside = [n for n in names if n.startswith(f"{root}/" if root else "")]
    return mtds[0], [n for n in inside if not {"QI_DATA", "AUX_DATA"} & set(n.split("/"))]


def _safe_names(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """Names of the files in a zip, after checking that none leads out of it."""
    for entry in archive.infolist():
        parts = entry.filename.split("/")
        if not parts[0] or ".." in parts or re.search(r"[\\:\0{}]", entry.filename):
            raise LandcoverError(
                path, f"holds the path {entry.filename!r}", "paths inside the product", "don't use this zip"
            )
        if entry.flag_bits & 1:
            raise LandcoverError(path, "is encrypted", "a plain zip", "unpack it first")
    return [e.filename for e in archive.infolist() if not e.is_dir()]


def _listed(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise LandcoverError(folder, "is not there", "a folder with one file per band", "check the path")
    return sorted(p for p in folder.iterdir() if p.is_file())
