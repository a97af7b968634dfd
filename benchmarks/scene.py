"""Speed and memory of whole scenes: python benchmarks/scene.py RESULT.json SIDE… [--only NAME…]

Lays the scene of the real chips out, mirrored, to SIDE × SIDE px (10980 is a Sentinel-2 tile), with a place,
and maps it by every way in WAYS, each in a process of its own. The scene comes from LANDCOVER_DATA (default
../shared/data); what is written goes to a folder that is removed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio import Affine

from landcover.files import write_text
from landcover.imagery.image import BANDS, Reading
from landcover.inference.engine import Engine
from landcover.inference.modelfile import read_model
from landcover.inference.windows import Axis
from landcover.weights import box_model

DATA = Path(os.environ.get("LANDCOVER_DATA", "../shared/data"))
BLOCK = 512


def lay_out(side: int, target: Path) -> Path:
    """Mirror the scene south.tif to side × side px: uint16, UTM, tiled, deflate."""
    with rasterio.open(DATA / "challenge48" / "south.tif") as source:
        real = source.read()
    real = real[:, 64:1920]
    mirrored = np.concatenate([real, real[:, ::-1]], axis=1)
    mirrored = np.concatenate([mirrored, mirrored[:, :, ::-1]], axis=2)
    profile: dict[str, Any] = dict(
        driver="GTiff", count=4, height=side, width=side, dtype="uint16", crs="EPSG:32631", tiled=True,
        blockxsize=BLOCK, blockysize=BLOCK, compress="deflate", predictor=2, zlevel=4, interleave="pixel",
        transform=Affine(10, 0, 600_000, 0, -10, 5_100_000), num_threads="all_cpus",
    )  # fmt: skip
    columns = np.arange(side) % mirrored.shape[2]
    with rasterio.open(target, "w", **profile) as file:
        file.descriptions = BANDS
        for y in range(0, side, BLOCK):
            rows = np.arange(y, min(y + BLOCK, side)) % mirrored.shape[1]
            window = rasterio.windows.Window(0, y, side, len(rows))
            file.write(mirrored[:, rows][:, :, columns], window=window)
    return target


def bare_engine(scene: Path, precision: str) -> dict[str, float]:
    """The engine alone: the same windows, overlap included, on arrays in memory, results thrown away."""
    engine = Engine(box_model(), precision)  # type: ignore[arg-type]
    card = engine.card
    with Reading().open(scene) as image:
        side = image.height
        pixels, _ = image.read(0, 0, min(2 * card.window, side), min(2 * card.window, side))
    axis = Axis.cover(side, card.window, card.overlap)
    shapes = [(h, w) for h in axis.sizes for w in axis.sizes]
    pieces = {s: np.ascontiguousarray(pixels[:, : s[0], : s[1]]) for s in set(shapes)}
    for _ in engine.run((None, (p,)) for p in pieces.values()):
        pass
    began = time.perf_counter()
    for _ in engine.run((None, (pieces[s],)) for s in shapes):
        pass
    took = time.perf_counter() - began
    return {"seconds": took, "overlap_cost": sum(h * w for h, w in shapes) / side**2 - 1}


def ours(scene: Path, out: Path, precision: str) -> dict[str, float]:
    """Everything: read, infer, blend, shares, areas, COG, report, items."""
    import landcover

    began = time.perf_counter()
    landcover.predict(scene, out, precision=precision)  # type: ignore[arg-type]
    return {"seconds": time.perf_counter() - began}


def usual(scene: Path, out: Path, precision: str) -> dict[str, float]:
    """The usual way: PyTorch in float32, sliding windows, accumulators of the scene's size; the same windows,
    overlap and weights."""
    import torch

    from landcover.networks.segmenter import Segmenter
    from landcover.training.export import load_weights, trained_weights

    began = time.perf_counter()
    _, card = read_model(box_model())
    network = Segmenter(card.bands, len(card.classes), dict(card.recipe)["network"]).eval()
    load_weights(network, trained_weights(box_model()), box_model())
    with rasterio.open(scene) as file:
        image, profile = file.read().astype(np.float32), file.profile
    side = image.shape[1]
    axis = Axis.cover(side, card.window, card.overlap)
    total = np.zeros((len(card.classes), side, side), np.float32)
    weight = np.zeros((side, side), np.float32)
    for y, height in zip(axis.starts, axis.sizes, strict=True):
        for x, width in zip(axis.starts, axis.sizes, strict=True):
            taper = np.minimum.outer(_taper(height, card.overlap), _taper(width, card.overlap))
            with torch.inference_mode():
                found = network(torch.from_numpy(image[None, :, y : y + height, x : x + width]).contiguous())
            total[:, y : y + height, x : x + width] += found.softmax(dim=1)[0].numpy() * taper
            weight[y : y + height, x : x + width] += taper
    total /= weight
    codes = np.array(card.classes, np.uint8)[total.argmax(axis=0)]
    shares = total.mean(axis=(1, 2), dtype=np.float64)
    profile.update(count=1, dtype="uint8", compress="deflate", predictor=1)
    with rasterio.open(out, "w", **profile) as file:
        file.write(codes, 1)
    return {"seconds": time.perf_counter() - began, "first_share": float(shares[0])}


def _taper(size: int, overlap: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    ramp = np.minimum(1, (np.arange(size) + 0.5) / overlap)
    return np.minimum(ramp, ramp[::-1]).astype(np.float32)


WAYS = {
    "engine alone bf16": lambda scene, out: bare_engine(scene, "bf16"),
    "landcover bf16": lambda scene, out: ours(scene, out, "bf16"),
    "engine alone float32": lambda scene, out: bare_engine(scene, "float32"),
    "landcover float32": lambda scene, out: ours(scene, out, "float32"),
    "PyTorch float32": lambda scene, out: usual(scene, out, "float32"),
}


def alone(way: str, scene: Path, out: Path) -> dict[str, float]:
    """Run one way in this process; time of the processor and peak memory are its own."""
    found = WAYS[way](scene, out)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    found["peak_mib"] = int(status["VmHWM"].split()[0]) / 1024
    found["cpu_seconds"] = time.process_time()
    return found


def main() -> None:
    """Time every way on every size, print a table, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("sides", type=int, nargs="+")
    parser.add_argument("--only", nargs="*", default=list(WAYS))
    asked = parser.parse_args()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line for line in lines if line.startswith("model name"))
    machine = {"processor": model.split(":")[1].strip(), "cores": os.cpu_count()}
    found: dict[str, Any] = {"commit": commit.stdout.strip(), "machine": machine, "scenes": []}
    with tempfile.TemporaryDirectory() as folder:
        for side in asked.sides:
            scene = lay_out(side, Path(folder) / "scene.tif")
            ways: dict[str, Any] = {}
            for number, way in enumerate(asked.only):
                words = [sys.executable, __file__, "--alone", way, str(scene), f"{folder}/out{side}_{number}"]
                done = subprocess.run(words, capture_output=True, text=True)
                if done.returncode:
                    sys.exit(done.stderr)
                ways[way] = json.loads(done.stdout.splitlines()[-1])
                ways[way]["mpx_per_second"] = side**2 / 1e6 / ways[way]["seconds"]
                print(f"{side:6} px  {way:<22}" + "  ".join(f"{k} {v:.4g}" for k, v in ways[way].items()))
            found["scenes"].append({"side": side, "ways": ways})
            write_text(asked.result, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(alone(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))))
    else:
        main()
