"""Speed and memory of whole scenes: python benchmarks/scene.py RESULT.json [--peers PYTHON] [--only RUN…]

Lays the scene of the real chips out, mirrored, to SIDE × SIDE px (10980 is a Sentinel-2 tile), with a place,
and maps it by every way in RUNS, each in a process of its own, with the model in the box and with a U-Net of
31 million random weights. The processor's bf16 matrix peak is measured first (`peak.py`). The scene comes
from LANDCOVER_DATA (default ../shared/data); what is written goes to a folder that is removed. PYTHON is that
of an environment with terratorch, geoai-py and torchgeo, and with landcover without its dependencies; without
it these three are left out.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from peak import peak
from rasterio import Affine
from result_files import machine, this_commit
from sliding import PEERS, usual, with_onnxruntime, with_pytorch

from landcover.files import write_text
from landcover.imagery.image import BANDS, Reading
from landcover.inference import engine as engines
from landcover.inference.engine import Engine
from landcover.inference.modelfile import read_model
from landcover.inference.windows import Axis
from landcover.weights import box_model

DATA = Path(os.environ.get("LANDCOVER_DATA", "../shared/data"))
BLOCK = 512
LANDCOVER = [f"{way} {p}" for p in ("bf16", "float32", "int8") for way in ("engine alone", "landcover")]
ALL = [*LANDCOVER, "PyTorch float32", "ONNX Runtime float32", *PEERS]
RUNS = {  # network and side, px: ways
    "box:1024": LANDCOVER,
    "box:5490": ALL,
    "box:10980": [w for w in ALL if w not in PEERS],
    "unet31:3072": ALL,
    "unet31:10980": [w for w in LANDCOVER if "float32" not in w],
}
TIMES = {"box:10980": {"engine alone bf16": 3, "landcover bf16": 3}}  # in turn; the median counts
REFERENCE = "landcover float32"


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


def large_model(folder: Path) -> Path:
    """A U-Net of 31 million weights, four times as wide as the box's, not trained: only its speed counts."""
    import torch

    from landcover.networks.segmenter import Segmenter
    from landcover.training.export import write_int8, write_model

    _, card = read_model(box_model())
    settings = dict(card.recipe)["network"] | {"width": 64}
    card = dataclasses.replace(card, recipe={**card.recipe, "network": settings})
    torch.manual_seed(0)
    network = Segmenter(card.bands, len(card.classes), settings)
    path = folder / "unet31.onnx"
    write_model(path, network, card)
    noise = np.random.default_rng(0).integers(100, 4000, (4, 4, 256, 256)).astype(np.float32)
    write_int8(path.with_suffix(".int8.onnx"), network, card, noise)
    return path


def bare_engine(scene: Path, model: Path, precision: str) -> dict[str, Any]:
    """The engine alone: the same windows, overlap included, on arrays in memory, results thrown away."""
    engines.MOST_SHAPES = 4  # nothing is compiled while the clock runs
    engine = Engine(model, precision)  # type: ignore[arg-type]
    card = engine.card
    with Reading().open(scene) as image:
        side = image.height
        pixels, _ = image.read(0, 0, min(2 * card.window, side), min(2 * card.window, side))
    axis = Axis.cover(side, card.window, card.overlap)
    shapes = [(h, w) for h in axis.sizes for w in axis.sizes]
    pieces = {s: np.ascontiguousarray(pixels[:, : s[0], : s[1]]) for s in set(shapes)}
    for _ in engine.run((None, (p,)) for p in pieces.values()):
        pass
    began, worked = time.perf_counter(), time.process_time()
    for _ in engine.run((None, (pieces[s],)) for s in shapes):
        pass
    took, worked = time.perf_counter() - began, time.process_time() - worked
    work = sum(flops(model, s) * shapes.count(s) for s in set(shapes))
    return {
        "seconds": took,
        "processor_seconds": worked,
        "overlap_cost": sum(h * w for h, w in shapes) / side**2 - 1,
        "tera_operations_per_second": work / took / 1e12,
    }


def flops(model: Path, shape: tuple[int, int]) -> float:
    """Multiplications and additions in the convolutions of one window."""
    graph, card = read_model(model)
    graph.reshape([1, len(card.bands), *shape])
    total = 0.0
    for node in graph.get_ops():
        if "Convolution" in node.get_type_name():
            weights = list(node.input(1).get_shape())
            pixels = node.output(0) if node.get_type_name() == "Convolution" else node.input(0)
            total += 2.0 * float(np.prod(weights)) * float(np.prod(list(pixels.get_shape())[2:]))
    return total


def ours(scene: Path, model: Path, out: Path, precision: str) -> dict[str, Any]:
    """Everything: read, infer, blend, shares, areas, COG, report, items."""
    import openvino  # noqa: F401

    import landcover

    predict = landcover.predict  # imports are not timed
    began = time.perf_counter()
    found = predict(scene, out, model=model, precision=precision)  # type: ignore[arg-type]
    took = time.perf_counter() - began
    path = out / "maps" / f"{scene.stem}.tif"
    return {"seconds": took, "map": str(path), "shares": found.shares.iloc[0].to_dict()}


def alone(way: str, scene: Path, model: Path, out: Path) -> dict[str, Any]:
    """Run one way in this process; time of the processor and peak memory are its own."""
    name, _, precision = way.rpartition(" ")
    if name == "engine alone":
        found = bare_engine(scene, model, precision)
    elif name == "landcover":
        found = ours(scene, model, out, precision)
    elif way in PEERS:
        found = PEERS[way](scene, model, out)
    else:
        found = usual(scene, model, out, with_pytorch if name == "PyTorch" else with_onnxruntime)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    found["peak_mib"] = int(status["VmHWM"].split()[0]) / 1024
    found["cpu_seconds"] = time.process_time()
    return found


def compare(ways: dict[str, Any]) -> None:
    """Add how well each map agrees with the reference where it has data, and forget where the maps were."""
    with rasterio.open(ways[REFERENCE]["map"]) if REFERENCE in ways else nullcontext() as reference:
        wanted = reference.read(1) if reference else None
    shares = ways.get(REFERENCE, {}).get("shares")
    for found in ways.values():
        path, own = found.pop("map", None), found.pop("shares", None)
        if path and wanted is not None:
            with rasterio.open(path) as source:
                found["agreement"] = float((source.read(1) == wanted)[wanted > 0].mean())
        if own and shares and own.keys() == shares.keys():
            found["share_difference"] = max(abs(own[c] - shares[c]) for c in shares)


def every_way(run: str, scene: Path, model: Path, peers: Path | None, folder: Path) -> dict[str, Any]:
    """What each way of a run takes, each time in a process of its own; of several times the median."""
    side, times = int(run.split(":")[1]), TIMES.get(run, {})
    found: dict[str, list[dict[str, Any]]] = {}
    for turn in range(max([1, *times.values()])):
        for way in RUNS[run]:
            if turn >= times.get(way, 1) or (way in PEERS and peers is None):
                continue
            python = str(peers) if way in PEERS else sys.executable
            out = folder / f"{run}_{way}_{turn}".replace(" ", "_").replace(":", "_")
            words = [python, __file__, "--alone", way, str(scene), str(model), str(out)]
            done = subprocess.run(words, capture_output=True, text=True)
            if done.returncode:
                last = (done.stderr.splitlines() or [f"exit {done.returncode}"])[-1]
                figures: dict[str, Any] = {"failed": last}
            else:
                figures = json.loads(done.stdout.splitlines()[-1])
                figures["mpx_per_second"] = side**2 / 1e6 / figures["seconds"]
            found.setdefault(way, []).append(figures)
            shown = {k: v for k, v in figures.items() if isinstance(v, float)} or figures
            print(f"{run:13} {way:<22}", shown, flush=True)
    return {way: sorted(f, key=lambda f: f.get("seconds", 0.0))[len(f) // 2] for way, f in found.items()}


def main() -> None:
    """Run every way on every scene, print what was found, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--only", nargs="*", default=list(RUNS))
    asked = parser.parse_args()
    commit = this_commit()
    found: dict[str, Any] = {"commit": commit, "machine": machine()}
    found |= {"bf16_peak": peak(), "runs": {}, "earlier": {}}
    if asked.only != list(RUNS) and asked.result.exists():  # what is not run again stays, with its commit
        before = json.loads(asked.result.read_text(encoding="utf-8"))
        runs = {r: {"commit": before["commit"], "ways": w} for r, w in before["runs"].items()}
        found["earlier"] = {r: f for r, f in (before["earlier"] | runs).items() if r in RUNS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = {"box": box_model(), "unet31": large_model(folder)}
        for run in asked.only:
            network, side = run.split(":")
            scene = lay_out(int(side), folder / "scene.tif")
            ways = every_way(run, scene, models[network], asked.peers, folder)
            compare(ways)
            found["runs"][run] = ways
            found["earlier"].pop(run, None)
            write_text(asked.result, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(alone(sys.argv[2], *map(Path, sys.argv[3:]))))
    else:
        main()
