"""The journal of a prediction: how it was begun and which scenes are finished, for a run that goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from landcover.errors import LandcoverError
from landcover.files import PROGRESS, write_text
from landcover.inference.layers import Floats
from landcover.inference.rows import Plan, Tally
from landcover.inference.scene import Found


class Journal:
    """What a run leaves for the one that goes on with it, in the folder `.progress` of its stage.

    Parameters
    ----------
    stage : the folder that results are written to

    Attributes
    ----------
    folder : also for what unfinished scenes keep
    begun : how the work was begun; empty when it wasn't
    """

    def __init__(self, stage: Path) -> None:
        self.folder = stage / PROGRESS
        self._begun, self._finished = self.folder / "begun.json", self.folder / "finished.jsonl"
        self.folder.mkdir(exist_ok=True)
        text = self._begun.read_text(encoding="utf-8") if self._begun.exists() else "{}"
        self.begun: dict[str, Any] = json.loads(text)

    def begin(self, out: Path, facts: Mapping[str, Any], plans: Sequence[Plan]) -> None:
        """Record how the work is begun, or compare it with how it was.

        Raises
        ------
        LandcoverError : something is not the same
        """
        stats = {p.id: [[f.stat().st_size, f.stat().st_mtime_ns] for f in p.files] for p in plans}
        facts = json.loads(json.dumps({**facts, "inputs": stats}))
        for key, was in self.begun.items():
            if was != facts[key]:
                raise LandcoverError(
                    out,
                    f"was begun with other {key}",
                    "the same inputs, model, options and versions",
                    "give what it was begun with, or --overwrite to begin anew",
                )
        if not self.begun:
            write_text(self._begun, json.dumps(facts))

    def add(self, found: Found) -> None:
        """Record that the layers of a scene are written."""
        tally = {**found.tally.numbers(), "sums": found.tally.sums.tolist()}
        line = {
            "id": found.plan.id,
            "tally": tally,
            "distance": found.distance,
            "unlike": found.unlike,
            "warnings": found.warnings,
            "sha256": found.sha256,
            "familiar": found.familiar,
        }
        with self._finished.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def picture(self, plan: Plan) -> Floats:
        """Every `step`-th pixel of a scene, bands × height × width; NaN where there is no data."""
        found: Floats = np.load(self.folder / f"{plan.id}.npy")
        return found

    def finished(self, plans: Sequence[Plan]) -> list[Found]:
        """Scenes that need nothing more; a line that was cut off doesn't count."""
        if not self._finished.exists():
            return []
        text = self._finished.read_text(encoding="utf-8")
        lines = text[: text.rfind("\n") + 1].splitlines()
        write_text(self._finished, "".join(line + "\n" for line in lines))
        known, found = {p.id: p for p in plans}, []
        for line in map(json.loads, lines):
            plan, tally, warnings = known[line.pop("id")], line.pop("tally"), tuple(line.pop("warnings"))
            counted = Tally(np.array(tally.pop("sums")), **tally)
            found.append(Found(plan, counted, warnings=warnings, **line))
        return found
