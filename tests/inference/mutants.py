"""Predict mutated TIFFs, each in at most 10 s; run by test_mutants.py in a process of its own.

Usage: python mutants.py MODEL FOLDER SEED COUNT
Prints a line per outcome: how often a mutant was refused in one line, how often mapped, and the peak memory.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

from landcover.errors import LandcoverError
from landcover.imagery.image import Reading
from landcover.inference.engine import Engine
from landcover.inference.layers import Layers
from landcover.inference.rows import compute
from landcover.inference.scene import Assembly, plan_scene

SECONDS = 10
LAYOUTS: tuple[dict[str, Any], ...] = (
    dict(),
    dict(compress="deflate", predictor=2),
    dict(tiled=True, blockxsize=32, blockysize=32, compress="deflate", nodata=7),
    dict(compress="lzw", blockysize=1, crs="EPSG:32631", transform=from_origin(6e5, 5e6, 10, 10)),
    dict(interleave="band", compress="packbits", BIGTIFF="YES"),
    dict(tiled=True, blockxsize=16, blockysize=16, crs="EPSG:4326", transform=from_origin(5, 45, 1e-4, 1e-4)),
)
ABSURD = (0, 1, 255, 40_000, 65_535, 10**9, 2**31 - 1, 2**32 - 1)


def originals(folder: Path) -> list[bytes]:
    """Small whole TIFFs of many layouts."""
    pixels = np.random.default_rng(0).integers(1, 9000, (4, 70, 90)).astype(np.uint16)
    found = []
    for layout in LAYOUTS:
        shape = dict(count=4, height=70, width=90, dtype="uint16")
        with rasterio.open(folder / "original.tif", "w", driver="GTiff", **shape, **layout) as target:
            target.write(pixels)
            target.descriptions = ("B02", "B03", "B04", "B08")
        found.append((folder / "original.tif").read_bytes())
    return found


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, cut off the end, or write absurd numbers, mostly where the file describes itself."""
    changed = bytearray(content)
    head = min(600, len(changed) - 8)
    match rng.integers(4):
        case 0:
            for at in rng.integers(0, len(changed), rng.integers(1, 6)):
                changed[at] ^= 1 << rng.integers(8)
        case 1:
            del changed[rng.integers(len(changed)) :]
        case 2:
            for at in rng.integers(0, head, rng.integers(1, 4)):
                changed[at] = rng.integers(256)
        case 3:
            at, size = int(rng.integers(head)), int(rng.choice([2, 4]))
            number = int(rng.choice(ABSURD)) % 256**size
            changed[at : at + size] = number.to_bytes(size, "little")
    return bytes(changed)


def layers_of(engine: Engine) -> Layers:
    """A map alone, of windows that overlap by 16 px."""
    return Layers.of(engine.card, engine.card.decoder, False, False, 16)


def predict(path: Path, out: Path, engine: Engine) -> np.ndarray[Any, Any]:
    """The map of one image."""
    layers = layers_of(engine)
    plan = plan_scene("map", path, Reading(), 64, layers.overlap)
    scene = Assembly(plan, layers, engine.card.legend, out)
    for row in compute(((plan, index) for index in range(len(plan.rows.starts))), engine, layers):
        scene.add(row)
    scene.finish(out)
    with rasterio.open(out / "maps" / "map.tif") as source:
        codes: np.ndarray[Any, Any] = source.read(1)
    return codes


def rewritten(path: Path, to: Path) -> Path:
    """The values that GDAL reads, as a plain TIFF."""
    with rasterio.open(path, driver="GTiff") as source:
        pixels = source.read()
        profile = dict(count=source.count, height=source.height, width=source.width, dtype=source.dtypes[0])
        with rasterio.open(to, "w", driver="GTiff", nodata=source.nodata, **profile) as target:
            target.write(pixels)
            target.descriptions = source.descriptions
    return to


def main(model: Path, folder: Path, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = originals(folder)
    engine = Engine(model)
    engine.extend(layers_of(engine).extend)
    outcomes = {"refused": 0, "mapped": 0}
    for _ in range(count):
        path = folder / "mutant.tif"
        path.write_bytes(mutate(kinds[rng.integers(len(kinds))], rng))
        signal.alarm(SECONDS)  # ends the process, even inside GDAL
        try:
            codes = predict(path, folder, engine)
        except LandcoverError as error:
            told = str(error)
            assert "\n" not in told
            assert "; expected " in told
            assert not list((folder / "maps").glob(".*"))
            outcomes["refused"] += 1
        else:
            same = predict(rewritten(path, folder / "plain.tif"), folder, engine)
            np.testing.assert_array_equal(codes, same)
            outcomes["mapped"] += 1
        signal.alarm(0)
    for outcome, number in outcomes.items():
        print(outcome, number)
    # unlike ru_maxrss, which a child takes over from the process that started it
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print("peak", int(status["VmHWM"].split()[0]) // 1024)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
