"""The engine: a model file compiled by OpenVINO for this processor, fed asynchronously."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from landcover.errors import LandcoverError
from landcover.inference.modelfile import Card, read_model

Precision = Literal["auto", "bf16", "float32"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Floats = npt.NDArray[np.float32]
Key = TypeVar("Key")


class Engine:
    """A model ready to run.

    Parameters
    ----------
    path : model file
    precision : `bf16`, `float32`, or `auto`: bf16 where the processor computes in it

    Attributes
    ----------
    card : the model's metadata
    precision : the one in use

    Raises
    ------
    LandcoverError : the model file is at fault, or the precision can't be had
    """

    card: Card

    def __init__(self, path: Path, precision: Precision = "auto") -> None:
        import openvino

        self.path = path
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
        self.precision = "bf16" if able and precision != "float32" else "float32"
        self._model, self.card = read_model(path)
        self._compiled: dict[tuple[int, int], Any] = {}

    def run(self, images: Iterable[tuple[Key, Floats]]) -> Iterator[tuple[Key, Floats]]:
        """Probabilities of images, in their order; several are under way at once.

        Parameters
        ----------
        images : a key, given back with the result, and float32 bands × height × width; sides are multiples
            of 32

        Yields
        ------
        key, probabilities : float32, classes × height × width
        """
        waiting: deque[tuple[Key, Any]] = deque()
        idle: dict[tuple[int, int], list[Any]] = {}
        for key, image in images:
            shape = (image.shape[1], image.shape[2])
            if shape not in idle:
                compiled = self._compile(shape)
                number = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
                idle[shape] = [compiled.create_infer_request() for _ in range(number + 1)]
            while not idle[shape]:
                yield self._finish(waiting, idle)
            request = idle[shape].pop()
            request.start_async({0: image[None]})
            waiting.append((key, (shape, request)))
        while waiting:
            yield self._finish(waiting, idle)

    @staticmethod
    def _finish(
        waiting: deque[tuple[Key, Any]], idle: dict[tuple[int, int], list[Any]]
    ) -> tuple[Key, Floats]:
        key, (shape, request) = waiting.popleft()
        request.wait()
        result: Floats = request.get_output_tensor(0).data[0].copy()
        idle[shape].append(request)
        return key, result

    def _compile(self, shape: tuple[int, int]) -> Any:
        if shape not in self._compiled:
            model = self._model.clone()
            model.reshape([1, len(self.card.bands), *shape])
            self._compiled[shape] = self._core.compile_model(
                model,
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32",
                    "PERFORMANCE_HINT": "THROUGHPUT",
                },
            )
        return self._compiled[shape]
