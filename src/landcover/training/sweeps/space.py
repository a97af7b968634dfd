"""The space of a sweep: which settings of a recipe vary, and between which values."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from landcover.training.recipe import mistakes, read_toml, refuse

if TYPE_CHECKING:
    import optuna

Value = bool | int | float | str
INSIDE = 0.318  # of a range, looked at besides its ends: no whole number when the setting has to be one


class Range(BaseModel):
    """From low to high, both included; whole numbers where all are written so."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _can_be_drawn_from(self) -> Range:
        if self.low >= self.high:
            raise ValueError("low has to be below high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log goes with low > 0 and without step")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether whole numbers are drawn."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.step or 1))


Choices = tuple[Value, ...]
Space = dict[str, Range | Choices]
_CHOICES: TypeAdapter[Choices] = TypeAdapter(tuple[Value, ...])


def read_space(path: Path, recipe: Mapping[str, Any]) -> Space:
    """Read and check a space: `"table.key" = { low, high, log or step }` or a list of choices.

    Parameters
    ----------
    recipe : data of the recipe whose settings vary; it is checked with the extreme values of each two of them

    Raises
    ------
    LandcoverError : unreadable, empty, or at fault; all mistakes are named
    """
    space: Space = {}
    faults: list[str] = []
    for key, value in _entries(read_toml(path)):
        try:
            space[key] = Range.model_validate(value) if isinstance(value, dict) else _choices(value)
        except ValidationError as error:
            for e in error.errors():
                place = ".".join([key, *(p for p in e["loc"][:1] if isinstance(p, str))])
                faults.append(f"{place}: {e['msg'].removeprefix('Value error, ')}")
        except ValueError as error:
            faults.append(f"{key}: {error}")
    for some in combinations(space.items(), min(2, len(space))):
        for values in product(*(_extremes(entry) for _, entry in some)):
            drawn = dict(zip([key for key, _ in some], values, strict=True))
            faults += mistakes(applied(recipe, drawn))
    if not space and not faults:
        faults.append("no setting varies")
    refuse(path, list(dict.fromkeys(faults)))
    return space


def applied(recipe: Mapping[str, Any], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a recipe with some settings replaced."""
    data = copy.deepcopy(dict(recipe))
    for key, value in drawn.items():
        table = data
        *tables, name = key.split(".")
        for each in tables:
            table = table.setdefault(each, {})
        table[name] = value
    return data


def draw(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Values of a trial: those it was given already, or new ones."""
    found: dict[str, Any] = {}
    for key, entry in space.items():
        if not isinstance(entry, Range):
            found[key] = trial.suggest_categorical(key, entry)
        elif entry.is_whole:
            low, high, step = int(entry.low), int(entry.high), int(entry.step or 1)
            found[key] = trial.suggest_int(key, low, high, step=step, log=entry.log)
        else:
            found[key] = trial.suggest_float(key, entry.low, entry.high, step=entry.step, log=entry.log)
    return found


def _entries(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values, with the names of tables before them: tables may be written out or in the key."""
    for key, value in data.items():
        if isinstance(value, dict) and not {"low", "high"} & set(value):
            yield from _entries(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _choices(value: Any) -> Choices:
    if not isinstance(value, list) or not value or any(isinstance(v, list | dict) for v in value):
        raise ValueError("should be a list of values, or { low = …, high = … }")
    return _CHOICES.validate_python(value)


def _extremes(entry: Range | Choices) -> Choices:
    if not isinstance(entry, Range):
        return entry
    inside = () if entry.is_whole else (entry.low + INSIDE * (entry.high - entry.low),)
    return (entry.low, *inside, entry.high)
