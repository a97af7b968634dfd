"""Rows of windows on a Ray cluster: computed by workers anywhere, given back in order."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from landcover.errors import LandcoverError
from landcover.inference.engine import Engine, Precision, Resources
from landcover.inference.layers import Layers
from landcover.inference.rows import Row, Task, compute

THREADS = 2  # of a worker
IN_FLIGHT = 2  # rows that wait at each worker, so that none is idle while a result travels


def compute_on_cluster(
    tasks: Iterable[Task], engine: Engine, layers: Layers, address: str | None = None
) -> Iterator[Row]:
    """Compute rows of windows on a Ray cluster, in their order; the same bytes as `compute` gives.

    One worker for every two processors loads the model once. A worker that dies is started again, and its
    rows are computed again. Images must be readable under the same path on every machine; the model travels.

    Parameters
    ----------
    engine : extended by `layers`; its precision and turns are those of all workers
    address : of a running cluster, such as ray://head:10001; None starts workers on this machine

    Raises
    ------
    LandcoverError : Ray is not installed, or there is no cluster at the address
    """
    try:
        import ray
    except ImportError as error:
        raise LandcoverError(
            "--engine", "is ray, which is not installed", "Ray", "pip install 'landcover[ray]'"
        ) from error
    if not ray.is_initialized():
        try:
            ray.init(address=address or "local", log_to_driver=False, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise LandcoverError(
                "--address", f"is {address}, where no cluster answers", "a running Ray cluster", "check it"
            ) from error
    threads = engine.resources.threads or THREADS
    resources: Any = ray.cluster_resources
    number = max(1, int(resources().get("CPU", 1)) // threads)
    model = ray.put(engine.path.read_bytes())
    kind: Any = ray.remote(num_cpus=threads, max_restarts=-1, max_task_retries=-1)(_Worker)
    settings = (engine.path.name, engine.precision, threads, engine.tta)
    workers = [kind.remote(model, *settings, layers) for _ in range(number)]
    under_way: deque[Any] = deque()
    for count, task in enumerate(tasks):
        if len(under_way) == number * IN_FLIGHT:
            yield ray.get(under_way.popleft())
        under_way.append(workers[count % number].row.remote(task))
    while under_way:
        yield ray.get(under_way.popleft())


class _Worker:
    """A process that holds the model."""

    def __init__(
        self, model: bytes, name: str, precision: Precision, threads: int, tta: bool, layers: Layers
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(model)
            self._engine = Engine(path, precision, Resources(threads, 1), tta)
        self._engine.extend(layers.extend)
        self._layers = layers

    def row(self, task: Task) -> Row:
        """One row of windows."""
        return next(compute([task], self._engine, self._layers))
