"""Turns: the mean of a network's probabilities over the eight symmetries of the square (test-time turns).

A network that learnt from turned and mirrored chips gives nearly, but not exactly, the turned probabilities
of a turned image. Their mean is exact in this: turning an image turns the result.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

NCHW, TRANSPOSED = (0, 1, 2, 3), (0, 1, 3, 2)
SYMMETRIES = tuple(product((NCHW, TRANSPOSED), ((), (2,), (3,), (2, 3))))  # transpose, then mirror these axes


def symmetric(model: Any) -> Any:
    """A model (OpenVINO) that gives the mean of another's probabilities over the eight turned images.

    The graph holds the network eight times, one after another: the copies share their weights, and OpenVINO
    gives them the same memory in turn, so that memory hardly grows; time grows eightfold. Half of the copies
    see the window with height and width exchanged, so that it need not be square.

    Parameters
    ----------
    model : input 1 × bands × height × width, output 1 × classes × height × width, all fixed; left as it is

    Returns
    -------
    symmetric : the same input and output
    """
    import openvino
    import openvino.opset13 as ops

    image = ops.parameter(model.input(0).get_shape(), np.float32, "image")
    image.output(0).set_names(model.input(0).get_names())
    turned_back = []
    for axes, mirrored in SYMMETRIES:
        turned = _mirror(_transpose(image, axes), mirrored)
        probabilities = _applied(model, turned)
        turned_back.append(_transpose(_mirror(probabilities, mirrored), axes))
    total = turned_back[0]
    for probabilities in turned_back[1:]:
        total = ops.add(total, probabilities)
    mean = ops.multiply(total, np.float32(1 / len(SYMMETRIES)))
    mean.output(0).set_names(model.output(0).get_names())
    return openvino.Model([ops.result(mean)], [image], "symmetric")


def _applied(model: Any, image: Any) -> Any:
    """The probabilities of a copy of the network put behind `image`."""
    copy = model.clone()
    copy.reshape(image.output(0).get_partial_shape())
    for reader in copy.input(0).get_target_inputs():
        reader.replace_source_output(image.output(0))
    return copy.output(0).get_node().input_value(0)


def _transpose(node: Any, axes: tuple[int, ...]) -> Any:
    import openvino.opset13 as ops

    return node if axes == NCHW else ops.transpose(node, np.array(axes))


def _mirror(node: Any, axes: tuple[int, ...]) -> Any:
    """Run backwards along the given axes."""
    import openvino.opset13 as ops

    n = len(axes)
    if not n:
        return node
    first, beyond = np.full(n, -1), np.full(n, np.iinfo(np.int64).min)
    return ops.slice(node, first, beyond, np.full(n, -1), np.array(axes))
