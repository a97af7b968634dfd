"""Rows of windows, put together: the same bytes whatever the order, and after any stop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio import Affine

from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Reading
from landcover.inference.layers import Layers
from landcover.inference.novelty import Sample
from landcover.inference.rows import compute
from landcover.inference.scene import Assembly, plan_scene
from landcover.legend import S2GLC
from landcover.shares.decode import Decoder

CODES = S2GLC.label_codes[:4]
LAYERS = Layers(CODES, S2GLC.no_data_code, Decoder("mean"), probabilities=True, confidence=True)
NORTHWARD = Affine(
    0, 4000, 0, 4000, 0, 5e6
)  # columns run north, where Web Mercator swells: 10 % less area in 150
sides = st.integers(1, 150)


class Echo:
    """An engine whose model returns its input."""

    def run(self, inputs: Iterable[Any]) -> Iterator[Any]:
        for key, (image, counts, rows, columns) in inputs:
            sums = (image * counts).reshape(*image.shape[:2], -1, 32).sum(axis=3, dtype=np.float64)
            yield key, (image[:, rows], image[:, :, columns], *LAYERS.of_pixels(image), sums)


def write(path: Path, pixels: Any) -> Path:
    profile = dict(driver="GTiff", count=4, height=pixels.shape[1], width=pixels.shape[2], dtype="float32")
    with rasterio.open(path, "w", crs="EPSG:3857", transform=NORTHWARD, **profile) as file:
        file.write(pixels)
    return path


def bytes_of(folder: Path) -> list[bytes]:
    return [(folder / layer / "x.tif").read_bytes() for layer in LAYERS.bands]


@settings(max_examples=40, deadline=None)
@given(sides, sides, st.sampled_from([32, 64, 96]), st.sampled_from([0, 2, 16]), st.integers(0, 2**32))
def test_a_model_that_returns_its_input_gives_it_back_in_any_order_and_after_any_stop(
    height: int, width: int, window: int, overlap: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.integers(1, 250, (4, height, width)).astype(np.float32)
    steps[0] = np.maximum(1, steps[0] * np.linspace(0, 1, width)).round()  # more in the north
    empty = rng.random((height, width)) < 0.1
    steps[:, empty] = 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        plan = plan_scene("x", write(folder / "x.tif", steps / 250), Reading(), window, overlap, 40)
        tasks = [(plan, index) for index in range(len(plan.rows.starts))]

        scene = Assembly(plan, LAYERS, S2GLC, folder)
        for row in compute(tasks, Echo(), LAYERS):  # type: ignore[arg-type]
            scene.add(row)
        scene.finish(folder / "once")
        with rasterio.open(folder / "once" / "probabilities" / "x.tif") as file:
            found = file.read()
        with rasterio.open(folder / "once" / "maps" / "x.tif") as file:
            codes = file.read(1)
        assert np.array_equal(found, np.where(empty, 255, steps))
        assert np.array_equal(
            codes, np.where(empty, S2GLC.no_data_code, np.array(CODES)[steps.argmax(axis=0)])
        )
        assert np.allclose(scene.tally.sums[0], steps.sum(axis=(1, 2), dtype=float) / 250, rtol=1e-6)
        assert scene.tally.no_data == empty.sum()
        assert scene.tally.pixels == empty.size
        areas = pixel_areas(plan.place, np.arange(height), np.arange(width))
        assert areas is not None
        assert np.isclose(scene.tally.area, areas.sum(), rtol=1e-4)
        assert np.isclose(scene.tally.no_data_area, areas[empty].sum(), rtol=2e-2)
        hectares = (steps * areas).sum(axis=(1, 2))
        shares = LAYERS.decoder.shares(scene.tally.sums[1])
        assert np.allclose(shares * hectares.sum(), hectares, rtol=1e-2)
        alone = Sample(4, 0, height, width)
        alone.add(steps / np.float32(250), ~empty, 0, 0)
        assert np.allclose(scene.sample.sums, alone.sums, rtol=1e-12)
        assert np.array_equal(scene.sample.counts, alone.counts)
        step = plan.step
        wanted = np.where(empty, np.nan, steps / 250)[:, ::step, ::step]
        picture = np.load(folder / "x.npy")
        assert np.allclose(picture, wanted, equal_nan=True)

        order = [tasks[i] for i in rng.permutation(len(tasks))]
        mixed = {row.index: row for row in compute(order, Echo(), LAYERS)}  # type: ignore[arg-type]
        for index in range(len(tasks)):
            again = Assembly(plan, LAYERS, S2GLC, folder)  # takes up what the one before left
            assert again.next == index
            again.add(mixed[index])
            if index + 1 < len(tasks):
                for rows in again._rows.values():
                    rows.close()
                if rng.random() < 0.5:  # a kill in mid-write leaves bytes too many
                    with (folder / "x.maps").open("ab") as file:
                        file.write(b"torn")
        again.finish(folder / "stopped")
        assert bytes_of(folder / "stopped") == bytes_of(folder / "once")
        assert again.tally.numbers() == scene.tally.numbers()
        assert np.array_equal(again.tally.sums, scene.tally.sums)
        assert np.array_equal(np.load(folder / "x.npy"), picture, equal_nan=True)
        assert np.array_equal(again.sample.counts, scene.sample.counts)
        assert np.array_equal(again.sample.sums, scene.sample.sums)
