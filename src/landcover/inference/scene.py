"""Scenes: rows of windows put together from top to bottom, and kept so that a killed run can go on."""

from __future__ import annotations

import json
import math
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from landcover.files import whole
from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Reading, when_taken
from landcover.imagery.write import Rows, open_confidence, open_map, open_probabilities
from landcover.inference.layers import Bytes, Floats, Layers
from landcover.inference.novelty import Sample
from landcover.inference.rows import Plan, Row, Tally
from landcover.inference.windows import Axis
from landcover.legend import Legend

ROWS_AT_ONCE = 512


def plan_scene(id: str, path: Path, reading: Reading, window: int, overlap: int, picture: int = 0) -> Plan:
    """Open a scene, and say how it is cut into windows.

    Parameters
    ----------
    picture : longest side of the picture that is kept of it, px; 0 for none

    Raises
    ------
    LandcoverError : it can't be read, or its bands can't be told
    """
    with reading.open(path) as image:
        return Plan(
            id,
            path,
            reading,
            image.name,
            image.files,
            image.notes,
            when_taken(image.source),
            image.cache(window),
            -(-max(image.height, image.width) // picture) if picture else 0,
            image.place,
            Axis.cover(image.height, window, overlap),
            Axis.cover(image.width, window, overlap),
        )


@dataclass(frozen=True)
class Found:
    """What prediction found in a scene.

    Attributes
    ----------
    distance : from training, median of its cells; None without data
    unlike : share of its cells that are farther than usual; None without data
    """

    plan: Plan
    tally: Tally
    distance: float | None
    unlike: float | None
    warnings: tuple[str, ...]
    sha256: str | None

    def facts(self) -> dict[str, Any]:
        """What predict.json says of it."""
        return {
            "sample_id": self.plan.id,
            "input": self.plan.name,
            "sha256": self.sha256,
            "height": self.plan.rows.length,
            "width": self.plan.columns.length,
            "no_data_px": self.tally.no_data,
            "negative_px": self.tally.negative,
            "novelty": {"distance": self.distance, "unlike": self.unlike},
        }


class Assembly:
    """A scene whose rows of windows come in from top to bottom.

    Finished rows go into one file a layer, as plain bytes. After each row of windows, what the next one needs
    is kept beside them, so that a killed run goes on with the row that it was at.

    Parameters
    ----------
    folder : for these files; what an earlier run left there is taken up

    Attributes
    ----------
    next : the row of windows that is to come
    tally, sample : of the finished rows
    """

    def __init__(self, plan: Plan, layers: Layers, folder: Path) -> None:
        self.plan, self.layers, self.next, self._height = plan, layers, 0, 0
        self.tally = Tally.empty(len(layers.codes))
        self.sample = Sample(len(plan.reading.wanted), 0, plan.rows.length, plan.columns.length)
        self._pictures: list[Floats] = []
        self._picture = folder / f"{plan.id}.npy"
        self._state = folder / f"{plan.id}.npz"
        if self._state.exists():
            with np.load(self._state) as kept:
                facts = json.loads(str(kept["facts"]))
                self.next, self._height = facts.pop("next"), facts.pop("height")
                self._bottom, self._pictures = kept["bottom"], [kept["picture"]]
                self.tally = replace(self.tally, sums=kept["sums"], **facts)
                self.sample.counts, self.sample.sums = kept["counts"], kept["cells"]
                self.sample.steps = kept["steps"]
        self._paths = {name: folder / f"{plan.id}.{name}" for name in layers.bands}
        self._files = [path.open("r+b" if self.next else "wb") for path in self._paths.values()]
        for file, bands in zip(self._files, layers.bands.values(), strict=True):
            file.truncate(self._height * bands * plan.columns.length)
            file.seek(0, 2)

    def add(self, row: Row) -> None:
        """Take in the next row of windows."""
        if row.index:
            seam = row.top - self._bottom
            seam *= self.plan.rows.fade[:, None]
            seam += self._bottom
            height, width = row.valid.shape
            areas = pixel_areas(self.plan.place, self._height + np.arange(height), np.arange(width))
            self.tally.sums += self.layers.sums_of_pixels(seam, row.valid, areas)
            self.tally.count(row.valid, self.plan.place, self._height)
            self._write(self.layers.hide(self.layers.of_pixels(seam), row.valid))
        self._write(row.layers)
        self.tally.merge(row.tally)
        self.sample.merge(row.sample)
        self._pictures.append(row.picture)
        self._bottom, self.next = row.bottom, row.index + 1
        if self.next < len(self.plan.rows.starts):
            self._keep()

    def finish(self, out: Path, legend: Legend) -> None:
        """Write the layers, each into a folder of its name in `out`, and keep but the picture."""
        height, width = self.plan.rows.length, self.plan.columns.length
        for file in self._files:
            file.close()
        for layer, path in self._paths.items():
            (out / layer).mkdir(parents=True, exist_ok=True)
            line = (self.layers.bands[layer], width)
            with (
                self._open(layer, out / layer / f"{self.plan.id}.tif", legend) as rows,
                path.open("rb") as kept,
            ):
                for y in range(0, height, ROWS_AT_ONCE):
                    portion = (min(ROWS_AT_ONCE, height - y), *line)
                    read = np.fromfile(kept, np.uint8, math.prod(portion)).reshape(portion)
                    rows.write(read.transpose(1, 0, 2))
        if self.plan.step:
            np.save(self._picture, np.concatenate(self._pictures, axis=1))
        self._state.unlink(missing_ok=True)  # first: a state without its rows can't be gone on with
        for path in self._paths.values():
            path.unlink()

    def _open(self, layer: str, path: Path, legend: Legend) -> AbstractContextManager[Rows]:
        size = (self.plan.rows.length, self.plan.columns.length)
        if layer == "maps":
            return open_map(path, *size, legend, self.plan.place)
        if layer == "confidence":
            return open_confidence(path, *size, self.plan.place)
        names = [c.name for c in legend.classes if c.code in self.layers.codes]
        return open_probabilities(path, *size, names, self.plan.place)

    def _write(self, found: list[Bytes]) -> None:
        self._height += found[0].shape[1]
        for file, layer in zip(self._files, found, strict=True):
            file.write(np.ascontiguousarray(layer.transpose(1, 0, 2)).data)

    def _keep(self) -> None:
        for file in self._files:
            file.flush()
        facts = {"next": self.next, "height": self._height, **self.tally.numbers()}
        with whole(self._state) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                facts=json.dumps(facts),
                bottom=self._bottom,
                picture=np.concatenate(self._pictures, axis=1),
                sums=self.tally.sums,
                counts=self.sample.counts,
                cells=self.sample.sums,
                steps=self.sample.steps,
            )
