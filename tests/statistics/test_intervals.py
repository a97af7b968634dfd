"""Intervals of territories: from the prediction that the layer belongs to, else the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from landcover.legend import S2GLC
from landcover.shares.conformal import Conformal, SizeClass, intervals_for
from landcover.shares.decode import Decoder
from landcover.statistics.intervals import territory_intervals

NAMES = list(S2GLC.label_names)
KNOWN = Conformal(
    0.9,
    Decoder("calibrated", 1.0, 0.0, (0.125,) * 8),
    tuple(SizeClass(side, 20, 20, (q,) * 7 + (None,), 2 * q) for side, q in ((64, 0.2), (128, 0.1))),
    {"chips": 41},
)
SHARES = pd.DataFrame([[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0]] * 4, columns=NAMES)
PIXELS = np.array([64.0**2 - 1, 64.0**2, 128.0**2, 128.0**2 + 0.5])


def prediction(folder: Path, familiar: bool = True, **changed: Any) -> Path:
    record = {
        "images": [{"sample_id": "a", "novelty": {"familiar": familiar}}],
        "legend": S2GLC.to_dict(),
        "conformal": KNOWN.to_dict(),
    }
    (folder / "predict.json").write_text(json.dumps(record | changed))
    return folder / "probabilities" / "a.tif"


def test_territories_of_calibrated_sizes_have_intervals(tmp_path: Path) -> None:
    columns, note = territory_intervals(prediction(tmp_path), SHARES, PIXELS)
    assert list(columns)[:2] == ["artificial_low", "artificial_high"]
    assert columns["artificial_low"].isna().tolist() == [True, False, False, True]
    assert columns[["water_low", "water_high"]].isna().all(axis=None)
    wanted = intervals_for(SHARES.to_numpy(), PIXELS, KNOWN)
    np.testing.assert_array_equal(columns["cultivated_high"], wanted.high[:, 1])
    assert note.startswith("90% intervals of territories of 64² to 128² px")


def test_a_territory_without_data_has_none(tmp_path: Path) -> None:
    columns, _ = territory_intervals(prediction(tmp_path), SHARES * np.nan, 0 * PIXELS)
    assert columns.isna().all(axis=None)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"familiar": False}, "unlike the training images"),
        ({"conformal": None}, "no calibrated intervals"),
        ({"images": []}, "no calibrated intervals"),
        ({"conformal": {**KNOWN.to_dict(), "decoder": Decoder("counts").to_dict()}}, "not the mean"),
    ],
)
def test_the_reason_is_told(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    columns, note = territory_intervals(prediction(tmp_path, **changed), SHARES, PIXELS)
    assert columns.isna().all(axis=None)
    assert note.startswith("no intervals: ")
    assert reason in note


def test_a_layer_of_elsewhere_has_none(tmp_path: Path) -> None:
    columns, note = territory_intervals(tmp_path / "probabilities" / "a.tif", SHARES, PIXELS)
    assert columns.isna().all(axis=None)
    assert "no prediction folder" in note
