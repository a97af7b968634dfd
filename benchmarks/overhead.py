"""Processor time of `predict` beside the engine: python benchmarks/overhead.py RESULT.json [--before SOURCES]

Maps the scene of benchmarks/scene.py with a model that costs next to nothing (means of 4 × 4 px, their
logarithms, a layer of 1 × 1 px; the card of the model in the box), so that what is left is the work beside
the engine, on any machine. What the engine takes for the same windows on arrays in memory is measured too,
and taken off. Each run is a process of its own; the median of ROUNDS counts, ways in turn. SOURCES is the
folder `src` of another commit, to compare with.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from result_files import machine, this_commit
from scene import bare_engine, lay_out

from landcover.files import write_text
from landcover.inference.modelfile import KEY, read_model
from landcover.weights import box_model

SIDES = (1024, 10980)
POOL = 4
ROUNDS = 3


def stand_in(path: Path) -> Path:
    """Write the model file: patches of all classes, from random weights that are always the same."""
    import onnx
    from onnx import helper, numpy_helper

    _, card = read_model(box_model())
    classes, bands = len(card.classes), len(card.bands)
    weights = np.random.default_rng(0).normal(0, 4, (classes, bands))
    weights -= weights.mean(axis=1, keepdims=True) / 2
    usual = np.log([s.p50 + 1 for s in card.statistics])
    constants = {
        "one": np.float32(1),
        "weights": weights[:, :, None, None].astype(np.float32),
        "bias": (-weights @ usual).astype(np.float32),
        "times": np.array([1, 1, POOL, POOL], np.float32),
    }
    nodes = [
        helper.make_node("AveragePool", ["image"], ["mean"], kernel_shape=[POOL] * 2, strides=[POOL] * 2),
        helper.make_node("Relu", ["mean"], ["lit"]),
        helper.make_node("Add", ["lit", "one"], ["more"]),
        helper.make_node("Log", ["more"], ["logarithm"]),
        helper.make_node("Conv", ["logarithm", "weights", "bias"], ["scores"], kernel_shape=[1, 1]),
        helper.make_node("Softmax", ["scores"], ["small"], axis=1),
        helper.make_node(
            "Resize", ["small", "", "times"], ["probabilities"], mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        ),
    ]  # fmt: skip
    ends = [
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", count, "height", "width"])]
        for name, count in (("image", bands), ("probabilities", classes))
    ]
    initial = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "stand-in", *ends, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {KEY: card.to_json()})
    onnx.save(model, path)
    return path


def alone(scene: Path, model: Path, out: Path) -> dict[str, Any]:
    """Predict in this process; imports are not timed."""
    import openvino  # noqa: F401

    import landcover
    from landcover.inference.engine import Engine

    predict, run, last = landcover.predict, Engine.run, [0.0, 0.0]

    def marked(self: Any, inputs: Any) -> Any:
        for found in run(self, inputs):
            last[:] = time.process_time(), time.thread_time()
            yield found

    Engine.run = marked  # type: ignore[method-assign]
    began = time.process_time()
    predict(scene, out, model=model, precision="float32")
    ended, thread = time.process_time(), time.thread_time()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    results = sorted(p for p in out.rglob("*") if p.suffix in (".tif", ".csv"))
    return {
        "processor_s": ended - began,
        "tail_s": ended - last[0],
        "tail_in_one_thread_s": thread - last[1],
        "peak_mib": int(status["VmHWM"].split()[0]) / 1024,
        "results_sha256": hashlib.sha256(b"".join(p.read_bytes() for p in results)).hexdigest(),
    }


def engine(scene: Path, model: Path) -> dict[str, Any]:
    """The engine alone."""
    return {"processor_s": bare_engine(scene, model, "float32")["processor_seconds"]}


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure; what is no figure has to be the same in all runs."""
    found: dict[str, Any] = {}
    for key, first in runs[0].items():
        values = [run[key] for run in runs]
        if isinstance(first, float):
            found[key] = median(values)
        else:
            if set(values) != {first}:
                raise SystemExit(f"{key} differs between runs of the same commit")
            found[key] = first
    return found


def main() -> None:
    """Measure, print, write the result file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--before", type=Path)
    asked = parser.parse_args()
    ours = Path(__file__).resolve().parents[1] / "src"
    ways = ({"before": asked.before.resolve()} if asked.before else {}) | {"now": ours}
    found: dict[str, Any] = {"machine": machine(), "rounds": ROUNDS, "commits": {}, "sides": {}}
    for way, sources in ways.items():
        found["commits"][way] = this_commit(sources)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = stand_in(folder / "stand-in.onnx")
        for side in SIDES:
            scene = lay_out(side, folder / "scene.tif")
            runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ("engine", *ways)}
            for number in range(ROUNDS):
                for way, kept in runs.items():
                    out = folder / f"{side}_{way}_{number}"
                    words = [sys.executable, __file__, "--alone", way, str(scene), str(model), str(out)]
                    paths = os.pathsep.join([str(ways.get(way, ours)), str(Path(__file__).parent)])
                    env = os.environ | {"PYTHONPATH": paths}
                    done = subprocess.run(words, capture_output=True, text=True, env=env, check=True)
                    kept.append(json.loads(done.stdout.splitlines()[-1]))
                    print(side, way, kept[-1], flush=True)
            found["sides"][side] = {way: middle(kept) for way, kept in runs.items()}
            write_text(asked.result, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        scene, model, out = map(Path, sys.argv[3:])
        print(json.dumps(engine(scene, model) if sys.argv[2] == "engine" else alone(scene, model, out)))
    else:
        main()
