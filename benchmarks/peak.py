"""The processor's bf16 matrix peak.

The best time of 3 × 3 convolutions of 512 channels in OpenVINO, which do little but multiply matrices.
"""

from __future__ import annotations

import time

import numpy as np
import openvino
import openvino.opset13 as ops

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
