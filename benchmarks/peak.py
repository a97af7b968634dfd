"""The processor's bf16 matrix peak: python benchmarks/peak.py RESULT.json

The best time of 3 × 3 convolutions of 512 channels in OpenVINO, which do little but multiply matrices.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import openvino
import openvino.opset13 as ops

from landcover.files import write_text

CHANNELS, SIDE, LAYERS, TIMES = 512, 64, 4, 20


def peak() -> float:
    """10¹² multiplications and additions a second."""
    image = ops.parameter([1, CHANNELS, SIDE, SIDE], np.float32)
    weights = np.random.default_rng(0).normal(0, 0.01, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
    found = image
    for _ in range(LAYERS):
        found = ops.convolution(found, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    model = openvino.Model([found], [image])
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "NUM_STREAMS": 1}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    pixels = np.ones((1, CHANNELS, SIDE, SIDE), np.float32)
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        request.infer([pixels])
        seconds.append(time.perf_counter() - began)
    return LAYERS * 2 * weights.size * SIDE**2 / min(seconds) / 1e12


if __name__ == "__main__":
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    result = {"commit": commit.stdout.strip(), "bf16_peak": peak()}
    write_text(Path(sys.argv[1]), json.dumps(result, indent=1) + "\n")
    print(result)
