"""Scenes: rows of windows put together from top to bottom, and kept so that a killed run can go on."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from landcover.files import whole
from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Reading, when_taken
from landcover.imagery.rows import Rows
from landcover.imagery.write import confidence_layer, map_layer, probability_layer
from landcover.inference.layers import Bytes, Floats, Layers
from landcover.inference.novelty import Sample
from landcover.inference.rows import Plan, Row, Tally
from landcover.inference.windows import Axis
from landcover.legend import Legend

PIECE = 1024  # px of a seam at a time: its probabilities are as wide as the scene


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
            image.cache,
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
    familiar : nothing in its numbers looks unlike training, so that what was calibrated there may hold here
    """

    plan: Plan
    tally: Tally
    distance: float | None
    unlike: float | None
    warnings: tuple[str, ...]
    sha256: str | None
    familiar: bool = True

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
            "novelty": {
                "distance": self.distance,
                "unlike": self.unlike,
                "familiar": self.familiar,
            },
        }


class Assembly:
    """A scene whose rows of windows come in from top to bottom.

    Finished rows go into plain files (`Rows`). After each row of windows, what the next one needs is kept
    beside them, so that a killed run goes on with the row that it was at.

    Parameters
    ----------
    legend : of the map
    folder : for these files; what an earlier run left there is taken up

    Attributes
    ----------
    next : the row of windows that is to come
    tally, sample : of the finished rows
    """

    def __init__(self, plan: Plan, layers: Layers, legend: Legend, folder: Path) -> None:
        self.plan, self.layers, self.next, self._height = plan, layers, 0, 0
        self.tally = Tally.empty(len(layers.codes))
        self.sample = Sample(len(plan.reading.wanted), 0, plan.rows.length, plan.columns.length)
        self._pictures: list[Floats] = []
        self._picture = folder / f"{plan.id}.npy"
        self._state = folder / f"{plan.id}.state"
        if self._state.exists():
            with self._state.open("rb") as file:
                facts = json.loads(file.readline())
                self._bottom, picture, sums = (np.load(file) for _ in range(3))
                self.sample.counts, self.sample.sums, self.sample.steps = (np.load(file) for _ in range(3))
            self.next, self._height = facts.pop("next"), facts.pop("height")
            self._pictures, self.tally = [picture], replace(self.tally, sums=sums, **facts)
        names = [c.name for c in legend.classes if c.code in layers.codes]
        kinds = {
            "maps": map_layer(legend),
            "probabilities": probability_layer(names),
            "confidence": confidence_layer(),
        }
        size = (plan.rows.length, plan.columns.length)
        self._rows = {
            name: Rows(folder / f"{plan.id}.{name}", kinds[name], *size, plan.place, self._height)
            for name in layers.bands
        }

    def add(self, row: Row) -> None:
        """Take in the next row of windows."""
        if row.index:
            self._write(self._seam(row))
        self._write(row.layers)
        self.tally.merge(row.tally)
        self.sample.merge(row.sample)
        self._pictures.append(row.picture)
        self._bottom, self.next = row.bottom, row.index + 1
        if self.next < len(self.plan.rows.starts):
            self._keep()

    def finish(self, out: Path) -> None:
        """Write the layers, each into a folder of its name in `out`, and keep but the picture."""
        for layer, rows in self._rows.items():
            (out / layer).mkdir(parents=True, exist_ok=True)
            rows.finish(out / layer / f"{self.plan.id}.tif")
        if self.plan.step:
            np.save(self._picture, np.concatenate(self._pictures, axis=1))
        self._state.unlink(missing_ok=True)  # first: a state without its rows can't be gone on with
        for rows in self._rows.values():
            rows.remove()

    def _seam(self, row: Row) -> list[Bytes]:
        """The layers of the seam above a row, between it and the one before."""
        height, width = row.valid.shape
        found = [np.empty((bands, height, width), np.uint8) for bands in self.layers.bands.values()]
        for left in range(0, width, PIECE):
            piece = np.s_[:, :, left : left + PIECE]
            seam = row.top[piece] - self._bottom[piece]
            seam *= self.plan.rows.fade[:, None]
            seam += self._bottom[piece]
            valid = row.valid[:, left : left + PIECE]
            columns = np.arange(left, left + valid.shape[1])
            areas = pixel_areas(self.plan.place, self._height + np.arange(height), columns)
            self.tally.sums += self.layers.sums_of_pixels(seam, valid, areas)
            for layer, part in zip(found, self.layers.of_pixels(seam), strict=True):
                layer[piece] = part
        self.tally.count(row.valid, self.plan.place, self._height)
        return self.layers.hide(found, row.valid)

    def _write(self, found: list[Bytes]) -> None:
        self._height += found[0].shape[1]
        for rows, layer in zip(self._rows.values(), found, strict=True):
            rows.write(layer)

    def _keep(self) -> None:
        for rows in self._rows.values():
            rows.flush()
        facts = {"next": self.next, "height": self._height, **self.tally.numbers()}
        self._pictures = [np.concatenate(self._pictures, axis=1)]
        seen = (self.sample.counts, self.sample.sums, self.sample.steps)
        arrays = (self._bottom, *self._pictures, self.tally.sums, *seen)
        with whole(self._state) as temporary, temporary.open("wb") as file:
            file.write(json.dumps(facts).encode() + b"\n")
            for array in arrays:
                np.save(file, array)
