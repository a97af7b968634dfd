"""The engine: a model file compiled by OpenVINO for this processor, fed asynchronously."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from landcover.errors import LandcoverError
from landcover.inference.modelfile import Card, read_model
from landcover.inference.processor import gains_from_bf16
from landcover.inference.turns import symmetric

LARGE = 512 * 512  # px: windows from here on keep several threads busy
THREADS_A_STREAM = 4  # each stream takes memory of its own, 0.1 GB for windows of 832 px and
LIGHT = 10_000_000  # weights: more with wider networks; a light one gets two streams where two threads are
MOST_SHAPES = 2  # compiled at a time: a row of windows of a scene has no more
Precision = Literal["auto", "bf16", "float32", "int8"]
INT8 = ".int8.onnx"  # suffix of a quantised copy
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Floats = npt.NDArray[np.float32]
Arrays = tuple[npt.NDArray[Any], ...]
Key = TypeVar("Key")
Shape = tuple[int, int]


@dataclass(frozen=True)
class Resources:
    """What the engine may use; none of it changes a byte of the result.

    Attributes
    ----------
    threads : of the processor; None takes all
    streams : windows computed side by side; None leaves the choice to the sizes of model and windows
    """

    threads: int | None = None
    streams: int | None = None

    def __post_init__(self) -> None:
        for option, number in (("--threads", self.threads), ("--streams", self.streams)):
            if number is not None and not 1 <= number <= 1024:
                raise LandcoverError(option, f"is {number}", "1 to 1024", "mend it")


class Engine:
    """A model ready to run.

    Parameters
    ----------
    path : model file
    precision : `bf16`, `float32`, `auto` (bf16 where the processor gains from it) or `int8`, which takes the
        quantised copy beside the file, `<name>.int8.onnx`, if the file is not quantised itself; what is not
        quantised in it is float32
    resources : threads and streams
    tta : give the mean over the eight turned images (`symmetric`)

    Attributes
    ----------
    path : of the file in use
    card : the model's metadata
    precision, tta : those in use

    Raises
    ------
    LandcoverError : the model file is at fault, or the precision can't be had
    """

    card: Card
    precision: Precision

    def __init__(
        self,
        path: Path,
        precision: Precision = "auto",
        resources: Resources | None = None,
        tta: bool = False,
    ) -> None:
        import openvino

        self.resources, self.tta = resources or Resources(), tta
        self._core = openvino.Core()
        able = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision not in PRECISIONS:
            raise LandcoverError(
                "--precision", f"is {precision!r}", f"one of {', '.join(PRECISIONS)}", "mend it"
            )
        if precision == "bf16" and not able:
            raise LandcoverError(
                "--precision", "is bf16", "a processor that computes in it", "use float32, or auto"
            )
        model, card = read_model(path)
        if precision == "int8" and not _is_quantised(model):
            path = path.with_suffix(INT8)
            if not path.exists():
                raise LandcoverError(
                    "--precision", f"is int8, and there is no {path.name} beside the model",
                    "the quantised copy that training writes", "use bf16 or float32, or copy it there",
                )  # fmt: skip
            model, card = read_model(path)
        self.path, self._model, self.card = path, model, card
        if _is_quantised(model):
            self.precision = "int8"
        else:
            wanted = gains_from_bf16(otherwise=able) if precision == "auto" else precision == "bf16"
            self.precision = "bf16" if able and wanted else "float32"
        self._extend: Callable[[Any], Any] | None = None
        self._compiled: dict[Shape, Any] = {}  # the last used is the last

    def extend(self, extend: Callable[[Any], Any]) -> Engine:
        """Compute more than the probabilities: `extend` gets the model and gives one with further outputs."""
        self._extend = extend
        self._compiled.clear()
        return self

    def run(self, inputs: Iterable[tuple[Key, Arrays]]) -> Iterator[tuple[Key, Arrays]]:
        """Run the model on many inputs, in their order; several are under way at once.

        Parameters
        ----------
        inputs : a key, given back with the result, and the arrays that the model takes, the first of them
            the image, float32 bands × height × width; sides are multiples of 32

        Yields
        ------
        key, outputs : float32 probabilities, classes × height × width, and what `extend` added; they are
            overwritten once the next are asked for
        """
        waiting: deque[tuple[Key, Shape, Any]] = deque()
        idle: dict[Shape, list[Any]] = {}

        def finish() -> Iterator[tuple[Key, Arrays]]:
            key, shape, request = waiting.popleft()
            request.wait()
            yield key, tuple(tensor.data[0] for tensor in request.output_tensors)
            idle[shape].append(request)

        for key, arrays in inputs:
            shape = (arrays[0].shape[1], arrays[0].shape[2])
            for dropped in self._make_room(shape):  # before another graph takes memory, too
                while any(under_way == dropped for _, under_way, _ in waiting):
                    yield from finish()
                idle.pop(dropped, None)
            compiled = self._compile(shape)
            if shape not in idle:
                number = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
                idle[shape] = [compiled.create_infer_request() for _ in range(max(number, 2))]
            while not idle[shape]:
                yield from finish()
            request = idle[shape].pop()
            request.start_async({i: array[None] for i, array in enumerate(arrays)}, share_inputs=True)
            waiting.append((key, shape, request))
            del compiled, request  # a graph is in memory for as long as anything of it is
        while waiting:
            yield from finish()

    def probabilities(self, images: Iterable[Floats]) -> Iterator[Floats]:
        """Probabilities of images, classes × height × width each."""
        for _, (found, *_) in self.run((None, (image,)) for image in images):
            yield found.copy()

    def _make_room(self, shape: Shape) -> list[Shape]:
        """Drop the graphs used longest ago, so that there is room for that of `shape`; give their shapes."""
        many = 0 if shape in self._compiled else len(self._compiled) + 1 - MOST_SHAPES
        dropped = list(self._compiled)[: max(many, 0)]
        for other in dropped:
            del self._compiled[other]
        return dropped

    def _compile(self, shape: Shape) -> Any:
        if shape in self._compiled:
            self._compiled[shape] = self._compiled.pop(shape)
        else:
            model = self._model.clone()
            model.reshape([1, len(self.card.bands), *shape])
            model = symmetric(model) if self.tta else model
            settings: dict[str, Any] = {
                "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32",
                "PERFORMANCE_HINT": "THROUGHPUT",
            }
            if self.resources.threads:
                settings["INFERENCE_NUM_THREADS"] = self.resources.threads
            streams = self.resources.streams
            if not streams and shape[0] * shape[1] >= LARGE:
                threads = self.resources.threads or os.cpu_count() or 1
                least = min(threads, 2) if _weights(model) < LIGHT else 1
                streams = max(least, -(-threads // THREADS_A_STREAM))
            if streams:
                settings["NUM_STREAMS"] = streams
            self._compiled[shape] = self._core.compile_model(
                self._extend(model) if self._extend else model, "CPU", settings
            )
        return self._compiled[shape]


def _is_quantised(model: Any) -> bool:
    return any(node.get_type_name() == "FakeQuantize" for node in model.get_ops())


def _weights(model: Any) -> int:
    constants = (node for node in model.get_ops() if node.get_type_name() == "Constant")
    return sum(int(np.prod(list(node.get_output_shape(0)))) for node in constants)
