"""Scenes through the engine: windows of all images in one stream, rows of maps out as they are finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Image, Place, open_image, when_taken
from landcover.imagery.write import Rows, open_confidence, open_map, open_probabilities, to_bytes
from landcover.inference.engine import Engine
from landcover.inference.novelty import Histogram
from landcover.inference.windows import Axis, Blend
from landcover.shares.decode import Decoder

Floats = npt.NDArray[np.float32]
Valid = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reading:
    """How images are read: see `open_image`."""

    bands: tuple[str, ...] | None = None
    scale: float = 1.0
    offset: float = 0.0
    remote: bool = False

    def open(self, path: Path, wanted: Sequence[str]) -> AbstractContextManager[Image]:
        """Open an image so that it gives the `wanted` bands."""
        return open_image(path, self.bands, wanted, self.scale, self.offset, self.remote)


@dataclass
class Scene:
    """One image on its way through the engine, and what was found in it.

    Attributes
    ----------
    sums : what the decoder adds up, per class of the model
    pixels, no_data, negative : numbers of pixels: all, without data, with a negative number in some band
    histogram : of the numbers of each band
    hectares : what the decoder adds up, each pixel counting with its area
    area, no_data_area : hectares: all, without data; 0 when the place is not known
    taken : when the image was taken, as `when_taken` tells
    y : rows counted so far
    """

    id: str
    path: Path
    image: Image
    place: Place | None
    rows: Axis
    columns: Axis
    sums: npt.NDArray[np.float64]
    histogram: Histogram
    hectares: npt.NDArray[np.float64]
    taken: str | None
    area: float = 0.0
    no_data_area: float = 0.0
    no_data: int = 0
    negative: int = 0
    y: int = 0
    valid: dict[int, Valid] = field(default_factory=dict)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.rows.length * self.columns.length

    def add(self, probabilities: Floats, valid: Valid, decoder: Decoder) -> None:
        """Count the next finished rows, classes × rows × width."""
        areas = pixel_areas(self.place, self.y, 0, *valid.shape)
        self.no_data += int(valid.size - valid.sum())
        self.y += len(valid)
        if areas is None:
            self.sums += decoder.pixel_sums(probabilities, valid)
            return
        sums, hectares = decoder.pixel_sums(probabilities, valid, (None, areas))
        self.sums += sums
        self.hectares += hectares
        areas = np.broadcast_to(areas, valid.shape)
        self.area += float(areas.sum())
        self.no_data_area += float(areas.sum(where=~valid))

    def windows(self) -> Iterator[tuple[tuple[Scene, int, int], Floats]]:
        """Windows row by row: key (scene, row, column) and float32 pixels of the window's full size.

        Beyond the edge of an image smaller than a window, pixels are reflected.
        """
        known = 0
        for row, y in enumerate(self.rows.starts):
            height = min(self.rows.size, self.rows.length - y)
            pixels, valid = self.image.read(y, 0, height, self.image.width)
            fresh = known - y  # rows that the windows above have not shown
            self.histogram.add(pixels[:, fresh:], valid[fresh:])
            self.negative += int((pixels[:, fresh:] < 0).any(axis=0).sum())
            known = y + height
            self.valid[row] = valid
            beyond = self.columns.size - min(self.columns.size, self.columns.length)
            if beyond or height < self.rows.size:
                pixels = np.pad(pixels, ((0, 0), (0, self.rows.size - height), (0, beyond)), mode="reflect")
            for column, x in enumerate(self.columns.starts):
                yield (self, row, column), pixels[:, :, x : x + self.columns.size]


def run_scenes(
    paths: dict[str, Path],
    out: Path,
    engine: Engine,
    decoder: Decoder,
    reading: Reading,
    window: int,
    overlap: int,
    keep_probabilities: bool,
    keep_confidence: bool,
    tell: Callable[[Scene, int], None],
) -> Iterator[Scene]:
    """Predict images one after the other, writing `out/maps/<id>.tif`, and in `out/probabilities` and
    `out/confidence` what is to be kept.

    Yields each scene when its files are whole.
    """
    card = engine.card
    codes = np.array(card.classes, np.uint8)
    names = [c.name for c in card.legend.classes if c.code in card.classes]

    def all_windows() -> Iterator[tuple[tuple[Scene, int, int], Floats]]:
        for name, path in paths.items():
            with reading.open(path, card.bands) as image:
                scene = Scene(
                    name,
                    path,
                    image,
                    image.place,
                    Axis.cover(image.height, window, overlap),
                    Axis.cover(image.width, window, overlap),
                    np.zeros(len(codes)),
                    Histogram(len(card.bands)),
                    np.zeros(len(codes)),
                    when_taken(image.source),
                )
                yield from scene.windows()

    files = ExitStack()
    with files:
        for (scene, row, column), values in engine.run(all_windows()):
            if row == column == 0:
                blend = Blend(scene.rows, scene.columns, len(codes))
                size = (scene.rows.length, scene.columns.length)
                name = f"{scene.id}.tif"
                maps = files.enter_context(open_map(out / "maps" / name, *size, card.legend, scene.place))
                layers: Rows | None = None
                confidence: Rows | None = None
                if keep_probabilities:
                    layers = files.enter_context(
                        open_probabilities(out / "probabilities" / name, *size, names, scene.place)
                    )
                if keep_confidence:
                    confidence = files.enter_context(
                        open_confidence(out / "confidence" / name, *size, scene.place)
                    )
            tell(scene, len(scene.rows.starts) * len(scene.columns.starts))
            finished = blend.add(row, column, values)
            if finished is None:
                continue
            valid = scene.valid.pop(row)[: finished.shape[1]]
            scene.add(finished, valid, decoder)
            maps.write(
                np.where(valid, codes[finished.argmax(axis=0)], np.uint8(card.legend.no_data_code))[None]
            )
            if layers is not None:
                layers.write(to_bytes(finished, valid))
            if confidence is not None:
                confidence.write(to_bytes(finished.max(axis=0, keepdims=True), valid))
            if row + 1 == len(scene.rows.starts):
                files.close()
                yield scene
