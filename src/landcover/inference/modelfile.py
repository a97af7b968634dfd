"""The model file: an ONNX network with, in its metadata, everything that prediction needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from landcover.errors import LandcoverError
from landcover.files import whole
from landcover.legend import Legend
from landcover.shares.conformal import Conformal
from landcover.shares.decode import Decoder

KEY = "landcover"
FORMAT = 2
PERCENTILES = (1, 50, 99)


@dataclass(frozen=True)
class BandStatistics:
    """What one band looked like in training: mean, standard deviation, percentiles 1, 50 and 99."""

    mean: float
    std: float
    p01: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Novelty:
    """What cells of 32 × 32 px looked like in training, and how far from it is too far.

    Attributes
    ----------
    mean, covariance : of the mean logarithm of each band in a cell
    distance : that 99 % of the cells of the validation chips keep (Mahalanobis, see `distances`)
    share : the largest share of the cells of a validation chip, or of as many chips as have 64 cells, that
        lies beyond it
    sharpness : the lowest of the validation chips (`Sample.sharpness`), or of as many chips; 0 in older files
    """

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    distance: float
    share: float
    sharpness: float


@dataclass(frozen=True)
class Card:
    """The metadata of a model file (docs/data-formats.md).

    Attributes
    ----------
    classes : code of the legend of each channel of the output
    bands : names, in the order of the input's channels; numbers are reflectance × 10,000
    statistics : of each band in training
    novelty : how far from training a scene may be
    window, overlap : px; windows are at most so large, and overlap by so much at least
    recipe : as run, with every setting
    scores : what training measured on its validation chips
    data_hash : SHA-256 of the training pixels and masks
    versions : of the program and its libraries
    conformal : how far its shares may be off; None when that was not calibrated
    """

    legend: Legend
    classes: tuple[int, ...]
    bands: tuple[str, ...]
    statistics: tuple[BandStatistics, ...]
    novelty: Novelty
    window: int
    overlap: int
    decoder: Decoder
    recipe: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    data_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    conformal: Conformal | None = None

    def to_json(self) -> str:
        """The card as one JSON text; `from_json` reads it back."""
        data = asdict(self) | {
            "format": FORMAT,
            "legend": self.legend.to_dict(),
            "decoder": self.decoder.to_dict(),
        }
        del data["conformal"]
        if self.conformal:
            data["conformal"] = self.conformal.to_dict()
        return json.dumps(data, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, source: Path) -> Card:
        """Read what `to_json` wrote; an error names the key that is missing or wrong."""
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise LandcoverError(
                    source,
                    f"is a model file of format {data['format']}",
                    f"format {FORMAT}",
                    "use the version of landcover that wrote it, or train it again",
                )
            card = cls(
                legend=Legend.from_dict(data["legend"], str(source)),
                classes=tuple(int(c) for c in data["classes"]),
                bands=tuple(str(b) for b in data["bands"]),
                statistics=tuple(BandStatistics(**s) for s in data["statistics"]),
                novelty=Novelty(
                    mean=tuple(map(float, data["novelty"]["mean"])),
                    covariance=tuple(tuple(map(float, row)) for row in data["novelty"]["covariance"]),
                    distance=float(data["novelty"]["distance"]),
                    share=float(data["novelty"]["share"]),
                    sharpness=float(data["novelty"].get("sharpness", 0.0)),
                ),
                window=int(data["window"]),
                overlap=int(data["overlap"]),
                decoder=Decoder.from_dict(data["decoder"]),
                recipe=data["recipe"],
                scores=data["scores"],
                data_hash=str(data["data_hash"]),
                versions=data["versions"],
                conformal=Conformal.from_dict(data["conformal"]) if "conformal" in data else None,
            )
        except KeyError as error:
            raise LandcoverError(
                source,
                f"lacks the key {error.args[0]!r} in its metadata",
                "a whole model file",
                "use a file written by landcover train",
            ) from error
        except (TypeError, ValueError, AttributeError) as error:
            raise LandcoverError(
                source,
                f"has metadata that can't be read ({error})",
                "a whole model file",
                "use a file written by landcover train",
            ) from error
        numbers = {len(card.statistics), len(card.novelty.mean), *map(len, card.novelty.covariance)}
        bounds = {len(s.quantiles) for s in card.conformal.sizes} if card.conformal else set()
        if (
            not set(card.classes) <= set(card.legend.label_codes)
            or numbers != {len(card.bands)}
            or not bounds <= {len(card.classes)}
        ):
            raise LandcoverError(
                source,
                "has metadata that contradict each other",
                "classes of its legend, statistics of its bands",
                "use a file written by landcover train",
            )
        return card


def read_model(path: Path) -> tuple[Any, Card]:
    """Read a model file.

    Returns
    -------
    model : openvino.Model, not yet compiled
    card : its metadata

    Raises
    ------
    LandcoverError : missing, no ONNX file, not one of ours (naming the missing key), or of another shape
    """
    import openvino

    if not path.is_file():
        raise LandcoverError(path, "is not there", "a model file (.onnx)", "check --model")
    try:
        model = openvino.Core().read_model(path)
    except RuntimeError as error:
        raise LandcoverError(
            path, "can't be read as ONNX", "a model file written by landcover train", "check --model"
        ) from error
    info = model.rt_info
    framework = info["framework"] if "framework" in info else {}  # noqa: SIM401 (no get() there)
    if KEY not in framework:
        raise LandcoverError(
            path,
            f"lacks the key {KEY!r} in its metadata",
            "a model file written by landcover train",
            "predict with the program it came from, or train one here",
        )
    card = Card.from_json(str(framework[KEY].value), path)
    shapes = [model.inputs[0].partial_shape, model.outputs[0].partial_shape]
    channels = [s[1].get_length() if len(s) == 4 and s[1].is_static else None for s in shapes]
    if channels != [len(card.bands), len(card.classes)]:
        raise LandcoverError(
            path,
            f"has {channels[0]} channels in and {channels[1]} out",
            f"{len(card.bands)} and {len(card.classes)} as its metadata say",
            "use a whole model file",
        )
    return model, card


def save(path: Path, graph: Any, card: Card) -> None:
    """Write an ONNX graph (of the package onnx) as a model file with this card, whole or not at all."""
    import onnx

    onnx.helper.set_model_props(graph, {KEY: card.to_json()})
    with whole(path) as temporary:
        onnx.save(graph, temporary)


def band_statistics(pixels: npt.NDArray[np.float32]) -> tuple[BandStatistics, ...]:
    """Statistics of each band over valid pixels, bands × pixels."""
    found = []
    for band in pixels:
        p01, p50, p99 = np.percentile(band, PERCENTILES)
        found.append(
            BandStatistics(
                *(round(float(v), 3) for v in (band.mean(dtype=np.float64), band.std(), p01, p50, p99))
            )
        )
    return tuple(found)
