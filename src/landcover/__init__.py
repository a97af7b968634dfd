"""From a satellite image to land cover maps, class shares and area tables.

One function per command, with the same names and defaults. Each is imported when it is first used, so that
`import landcover` is quick and PyTorch is loaded by `train` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from landcover.errors import LandcoverError

__version__ = "0.1.0"

if TYPE_CHECKING:
    from landcover.accuracy.evaluate import evaluate as evaluate
    from landcover.catalog.fetch import fetch as fetch
    from landcover.chips.cut import cut as cut
    from landcover.chips.inspect import inspect as inspect
    from landcover.inference.demo import demo as demo
    from landcover.inference.predict import predict as predict
    from landcover.shares.score import score_files as score
    from landcover.statistics.change import change as change
    from landcover.statistics.series import series as series
    from landcover.training.train import train as train

_PUBLIC = {
    "fetch": "landcover.catalog.fetch:fetch",
    "cut": "landcover.chips.cut:cut",
    "inspect": "landcover.chips.inspect:inspect",
    "train": "landcover.training.train:train",
    "predict": "landcover.inference.predict:predict",
    "score": "landcover.shares.score:score_files",
    "evaluate": "landcover.accuracy.evaluate:evaluate",
    "change": "landcover.statistics.change:change",
    "series": "landcover.statistics.series:series",
    "demo": "landcover.inference.demo:demo",
}
_EXTRAS = {"train": "train"}
__all__ = [
    "__version__",
    "change",
    "cut",
    "demo",
    "evaluate",
    "fetch",
    "inspect",
    "predict",
    "score",
    "series",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'landcover' has no attribute {name!r}")
    module, function = _PUBLIC[name].split(":")
    try:
        return getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("landcover") or name not in _EXTRAS:
            raise
        raise LandcoverError(
            f"landcover {name}",
            f"needs {error.name}, which is not installed",
            f"the extra {_EXTRAS[name]!r}",
            f"install it: pip install 'landcover[{_EXTRAS[name]}]'",
        ) from error
