"""The engine: what it keeps in memory."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np

from landcover.inference.engine import MOST_SHAPES, Engine

from .models import tiny_model


class Graph:
    """A compiled graph that can be seen to be gone."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph

    def __getattr__(self, name: str) -> Any:
        return getattr(self.graph, name)

    def create_infer_request(self) -> Any:
        return Request(self)


class Request:
    """A request, which keeps its graph in memory."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.request = graph, graph.graph.create_infer_request()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.request, name)


def test_a_graph_and_its_requests_are_gone_before_one_too_many_is_compiled(tmp_path: Path) -> None:
    engine = Engine(tiny_model(tmp_path / "m.onnx"), "float32")
    core, alive, others = engine._core, weakref.WeakSet[Graph](), []

    class Core:
        def compile_model(self, *model: Any) -> Graph:
            others.append(len(alive))
            graph = Graph(core.compile_model(*model))
            alive.add(graph)
            return graph

    engine._core = Core()
    sizes = [32, 64, 32, 32, 96, 64, 128, 32]
    images = [(n, (np.full((4, n, n), 500, np.float32),)) for n in sizes]
    assert [(key, outputs[0].shape[1]) for key, outputs in engine.run(images)] == [(n, n) for n in sizes]
    assert len(others) > MOST_SHAPES
    assert max(others) == MOST_SHAPES - 1
