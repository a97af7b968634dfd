"""Inputs: the images that paths stand for, by id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landcover.chips.folder import find_images, open_chips
from landcover.errors import LandcoverError
from landcover.imagery.bandfiles import DOWNLOADED, gather, is_product, product_id


def find_inputs(inputs: Sequence[Path], part: str | None = None) -> dict[str, Path]:
    """Images of all inputs, by id: the name of the file, product or files of bands, without suffix.

    Raises
    ------
    LandcoverError : an input is missing or empty, an id stands for two files, or the part can't be told
    """
    found: dict[str, Path] = {}
    for entry in map(Path, inputs):
        if entry.is_dir() and (entry / "images").is_dir():
            chips = open_chips(entry)
            images = chips.images if part is None else {i: chips.images[i] for i in chips.images_of(part)}
        elif entry.is_dir() and not is_product(entry):
            products = [p for p in sorted(entry.iterdir()) if DOWNLOADED.fullmatch(p.name)]
            images = gather(find_images(entry)) | {product_id(p): p for p in products}
        else:
            images = {product_id(entry): entry}
        if not images:
            raise LandcoverError(
                entry,
                "holds no image" + (f" of the part {part}" if part else ""),
                "images to predict",
                "check the path",
            )
        for name, path in images.items():
            if name in found:
                raise LandcoverError(
                    path, f"has the same id as {found[name]}", "one image an id", "predict them apart"
                )
            found[name] = path
    return gather(found)
