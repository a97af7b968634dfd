"""From a satellite image to land cover maps, class shares and area tables.

One function per command, with the same names and defaults; `propose` is `sample --for training`. Each is
imported when it is first used, so that `import landcover` is quick and PyTorch is loaded by `train` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from landcover.errors import LandcoverError

__version__ = "0.1.0"

if TYPE_CHECKING:
    from landcover.accuracy.comparison import compare as compare
    from landcover.accuracy.evaluate import evaluate as evaluate
    from landcover.catalog.fetch import fetch as fetch
    from landcover.chips.cut import cut as cut
    from landcover.chips.inspect import inspect as inspect
    from landcover.inference.calibrate import calibrate as calibrate
    from landcover.inference.demo import demo as demo
    from landcover.inference.predict import predict as predict
    from landcover.shares.score import score_files as score
    from landcover.statistics.areas.area import area as area
    from landcover.statistics.change.change import change as change
    from landcover.statistics.change.series import series as series
    from landcover.statistics.confrontation.confront import confront as confront
    from landcover.statistics.sampling.propose import propose as propose
    from landcover.statistics.sampling.sample import sample as sample
    from landcover.statistics.territories.territories import territories as territories
    from landcover.statistics.vintages.crosswalk import crosswalk as crosswalk
    from landcover.statistics.vintages.release import release as release
    from landcover.training.sweeps.sweep import sweep as sweep
    from landcover.training.train import train as train

_PUBLIC = {
    "demo": "landcover.inference.demo:demo",
    "predict": "landcover.inference.predict:predict",
    "calibrate": "landcover.inference.calibrate:calibrate",
    "score": "landcover.shares.score:score_files",
    "evaluate": "landcover.accuracy.evaluate:evaluate",
    "inspect": "landcover.chips.inspect:inspect",
    "fetch": "landcover.catalog.fetch:fetch",
    "cut": "landcover.chips.cut:cut",
    "train": "landcover.training.train:train",
    "sweep": "landcover.training.sweeps.sweep:sweep",
    "compare": "landcover.accuracy.comparison:compare",
    "territories": "landcover.statistics.territories.territories:territories",
    "sample": "landcover.statistics.sampling.sample:sample",
    "area": "landcover.statistics.areas.area:area",
    "change": "landcover.statistics.change.change:change",
    "series": "landcover.statistics.change.series:series",
    "crosswalk": "landcover.statistics.vintages.crosswalk:crosswalk",
    "confront": "landcover.statistics.confrontation.confront:confront",
    "release": "landcover.statistics.vintages.release:release",
    "propose": "landcover.statistics.sampling.propose:propose",
}
_EXTRAS = {"train": "train", "sweep": "train"}
__all__ = [
    "__version__",
    "area",
    "calibrate",
    "change",
    "compare",
    "confront",
    "crosswalk",
    "cut",
    "demo",
    "evaluate",
    "fetch",
    "inspect",
    "predict",
    "propose",
    "release",
    "sample",
    "score",
    "series",
    "sweep",
    "territories",
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
