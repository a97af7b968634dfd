"""The recipe: a TOML file that fully describes a training, checked with all its mistakes told at once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from landcover.errors import LandcoverError
from landcover.imagery.image import BANDS
from landcover.shares.decode import Kind

Share = Annotated[float, Field(ge=0, le=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Table):
    """Which chips, and how their numbers are read."""

    bands: tuple[str, ...] = Field(default=BANDS, min_length=1)
    scale: float = Field(default=1.0, gt=0)
    offset: float = 0.0
    split: Literal["csv", "place", "scene"] = "csv"
    scene: str | None = None
    oversample: dict[str, Share] = {}

    @model_validator(mode="after")
    def _scene_goes_with_split(self) -> Data:
        if (self.split == "scene") != (self.scene is not None):
            raise ValueError('split = "scene" and the name of the scene left out go together')
        if sum(self.oversample.values()) >= 1:
            raise ValueError("the shares of oversample sum to 1 or more")
        return self


class _Inputs(_Table):
    """What a network sees."""

    scaling: Literal["log", "linear", "largest"] = "log"
    ratios: bool = True


class UNet(_Inputs):
    """A U-Net of any size."""

    kind: Literal["unet"] = "unet"
    width: int = Field(default=16, ge=1, le=256)
    depth: int = Field(default=4, ge=1, le=5)
    batch_norm: bool = True
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Atrous(_Inputs):
    """A U-Net with dilated convolutions at the bottom."""

    kind: Literal["atrous"]
    width: int = Field(default=32, ge=1, le=256)
    depth: int = Field(default=3, ge=1, le=5)
    batch_norm: bool = True
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Benchmark(_Inputs):
    """The challenge's published benchmark."""

    kind: Literal["benchmark"]


class FCDenseNet(_Inputs):
    """A fully convolutional DenseNet."""

    kind: Literal["fcdensenet"]
    layers: Literal[56, 67, 103] = 56
    dropout: float = Field(default=0.2, ge=0, lt=1)


class SMP(_Inputs):
    """An architecture of segmentation_models_pytorch."""

    kind: Annotated[str, Field(pattern=r"^smp:\w+$")]
    encoder: str = "resnet18"


class Constant(_Inputs):
    """The same shares for every image."""

    kind: Literal["constant"]


class SharesMLP(_Inputs):
    """Shares from histograms of the bands."""

    kind: Literal["shares-mlp"]
    width: int = Field(default=64, ge=1, le=1024)


class SharesCNN(_Inputs):
    """Shares from convolutions and a mean over the image."""

    kind: Literal["shares-cnn"]
    width: int = Field(default=24, ge=1, le=256)


class PixelForest(_Table):
    """A random forest on single pixels and their surroundings: no network, and no model file."""

    kind: Literal["pixel-forest"]
    trees: int = Field(default=100, ge=1)
    pixels: int = Field(default=400, ge=1)
    leaf: int = Field(default=10, ge=1)
    window: int = Field(default=9, ge=1)
    ratios: Literal[False] = False


NETWORKS = (
    "unet",
    "atrous",
    "benchmark",
    "fcdensenet",
    "smp",
    "constant",
    "shares-mlp",
    "shares-cnn",
    "pixel-forest",
)


def _kind(network: Any) -> str:
    """The kind that a table names; a U-Net's keys are checked when it names none or none that is known."""
    kind = network.get("kind") if isinstance(network, dict) else getattr(network, "kind", None)
    kind = "smp" if isinstance(kind, str) and kind.startswith("smp:") else kind
    return kind if kind in NETWORKS else NETWORKS[0]


Network = Annotated[
    Annotated[UNet, Tag("unet")]
    | Annotated[Atrous, Tag("atrous")]
    | Annotated[Benchmark, Tag("benchmark")]
    | Annotated[FCDenseNet, Tag("fcdensenet")]
    | Annotated[SMP, Tag("smp")]
    | Annotated[Constant, Tag("constant")]
    | Annotated[SharesMLP, Tag("shares-mlp")]
    | Annotated[SharesCNN, Tag("shares-cnn")]
    | Annotated[PixelForest, Tag("pixel-forest")],
    Discriminator(_kind),
]


class Loss(_Table):
    """Cross-entropy, with weights of classes if wanted, and what is added to it."""

    class_weights: Literal["none", "inverse-frequency"] = "none"
    cap: float = Field(default=10.0, ge=1)
    kl: float = Field(default=0.0, ge=0)
    jaccard: float = Field(default=0.0, ge=0)


class Augmentation(_Table):
    """Flips, turns, changes of light and sharpness, lakes: drawn anew for each chip each time it is seen."""

    flips: bool = True
    turns: bool = True
    gain: float = Field(default=0.10, ge=0, le=1)
    band_gain: tuple[float, ...] = (0.08, 0.08, 0.08, 0.15)
    haze: tuple[float, float] = (-30.0, 120.0)
    haze_bands: tuple[float, ...] = (1.0, 0.5, 0.5, 0.1)
    offset: float = Field(default=0.0, ge=0)
    blur: Share = 0.0
    coarse: Share = 0.0
    lakes: Share = 0.0
    crop: int = Field(default=0, ge=0, multiple_of=32)

    @model_validator(mode="after")
    def _blur_and_coarse_exclude_each_other(self) -> Augmentation:
        if self.blur + self.coarse > 1:
            raise ValueError("the shares of blur and coarse sum to more than 1")
        return self


class Schedule(_Table):
    """How long, how fast, in which precision."""

    steps: int = Field(default=2400, ge=1)
    batch: int = Field(default=8, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    warmup: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    average: float = Field(default=0.999, ge=0, lt=1)
    precision: Literal["auto", "bf16", "float32"] = "auto"


class DecoderChoice(_Table):
    """How probabilities become shares."""

    kind: Kind = "calibrated"


class Export(_Table):
    """What the model file says of windows, in px."""

    window: int = Field(default=640, ge=32, multiple_of=32)
    overlap: int = Field(default=40, ge=0, multiple_of=2)

    @model_validator(mode="after")
    def _overlap_under_half(self) -> Export:
        if 2 * self.overlap > self.window:
            raise ValueError("overlap is more than half of window")
        return self


class Recipe(_Table):
    """A whole training."""

    seed: int = Field(default=1, ge=0)
    data: Data = Data()
    network: Network = UNet()
    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    schedule: Schedule = Schedule()
    decoder: DecoderChoice = DecoderChoice()
    export: Export = Export()

    @model_validator(mode="after")
    def _one_number_a_band(self) -> Recipe:
        for key in ("band_gain", "haze_bands"):
            if len(getattr(self.augmentation, key)) != len(self.data.bands):
                raise ValueError(f"augmentation.{key} needs one number for each of data.bands")
        if self.network.ratios and not set(BANDS) <= set(self.data.bands):
            raise ValueError(f"network.ratios needs the bands {', '.join(BANDS)}")
        if self.network.kind == "pixel-forest" and not {"B04", "B08"} <= set(self.data.bands):
            raise ValueError('network.kind = "pixel-forest" needs the bands B04, B08')
        if self.augmentation.lakes and not {"B03", "B08"} <= set(self.data.bands):
            raise ValueError("augmentation.lakes needs the bands B03, B08")
        return self


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    LandcoverError : unreadable, or at fault; every unknown key and every value out of range is named
    """
    data = read_toml(path)
    refuse(path, mistakes(data))
    return Recipe.model_validate(data)


def read_toml(path: Path) -> dict[str, Any]:
    """What a recipe or a space says, unchecked."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        finding = "is not there" if isinstance(error, FileNotFoundError) else f"can't be read ({error})"
        raise LandcoverError(path, finding, "a file in TOML", "see recipes/ for examples") from error


def mistakes(data: dict[str, Any]) -> list[str]:
    """What is wrong in a recipe's data: unknown keys, values out of range or at odds; empty if nothing."""
    try:
        Recipe.model_validate(data)
    except ValidationError as error:
        return told(error)
    return []


def told(error: ValidationError) -> list[str]:
    """What a check found, a mistake each."""
    return [_told(e) for e in error.errors()]


def refuse(path: Path, faults: list[str]) -> None:
    """Tell all mistakes of a file in one line, if there are any."""
    if faults:
        raise LandcoverError(
            path,
            f"has {len(faults)} mistakes: {'; '.join(faults)}",
            "the keys of docs/training.md",
            "mend them",
        )


def _told(error: Any) -> str:
    place = [str(p) for p in error["loc"]]
    if place[:1] == ["network"] and len(place) > 1:
        del place[1]  # the kind
    where = ".".join(place)
    if error["type"] == "extra_forbidden":
        return f"{where} is unknown"
    message = error["msg"].removeprefix("Value error, ")
    if where == "network.kind":
        message = f"should be one of {', '.join(NETWORKS)}"
    given = "" if isinstance(error["input"], dict | BaseModel) else f" (is {error['input']!r})"
    return f"{where}: {message}{given}" if where else message


def write_recipe(recipe: Recipe) -> str:
    """The recipe as TOML, every setting spelled out; `read_recipe` reads it back."""
    tables = recipe.model_dump(mode="json", exclude_none=True)
    lines = [f"seed = {tables.pop('seed')}"]
    for name, table in tables.items():
        lines += ["", f"[{name}]"] + [f"{key} = {_toml(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return repr(value)
