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
from landcover.statistics.territories.intervals import territory_intervals

NAMES = list(S2GLC.label_names)
KNOWN = Conformal(
    0.9,
    Decoder("calibrated", 1.0, 0.0, (0.125,) * 8),
    tuple(SizeClass(side, 20, 20, (q,) * 7 + (None,), 2 * q) for side, q in ((64, 0.2), (128, 0.1))),
    {"chips": 41},
)
SHRUNK = Decoder("calibrated", 1.0, 0.1, (0.125,) * 8)
SHARES = pd.DataFrame([[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0]] * 4, columns=NAMES)
PIXELS = np.array([64.0**2 - 1, 64.0**2, 128.0**2, 128.0**2 + 0.5])


def calibrated_for(decoder: Decoder) -> dict[str, Any]:
    """What a prediction and its calibration by another decoder have in predict.json."""
    made = decoder.to_dict()
    return {"conformal": {**KNOWN.to_dict(), "decoder": made}, "options": {"tta": False, "decoder": made}}


def prediction(folder: Path, familiar: bool = True, **changed: Any) -> Path:
    record = {
        "images": [{"sample_id": "a", "novelty": {"familiar": familiar}}],
        "legend": S2GLC.to_dict(),
        "conformal": KNOWN.to_dict(),
        "options": {"tta": False, "decoder": KNOWN.decoder.to_dict()},
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
        (calibrated_for(Decoder("counts")), "not the mean"),
        (calibrated_for(SHRUNK), "not the mean"),
        ({"options": {"tta": False, "decoder": Decoder("mean").to_dict()}}, "the decoder calibrated of the"),
        ({"options": {"tta": True}}, "without --tta"),
    ],
)
def test_the_reason_is_told(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    columns, note = territory_intervals(prediction(tmp_path, **changed), SHARES, PIXELS)
    assert columns.shape == (4, 0)
    assert note.startswith("no intervals: ")
    assert reason in note


def test_a_layer_of_elsewhere_has_none(tmp_path: Path) -> None:
    columns, note = territory_intervals(tmp_path / "probabilities" / "a.tif", SHARES, PIXELS)
    assert columns.shape == (4, 0)
    assert "no prediction folder" in note


def test_the_table_of_territories_has_them(data: Path, tmp_path: Path) -> None:
    """The box's intervals in ain_west, a corner of it, for two squares: one fits, one is too small."""
    import geopandas
    import rasterio
    from rasterio.windows import Window
    from shapely import box

    import landcover

    with rasterio.open(data / "challenge48" / "ain_west.tif") as source:
        window = Window(1536, 192, 256, 256)
        profile = source.profile | dict(height=256, width=256, transform=source.window_transform(window))
        with rasterio.open(tmp_path / "corner.tif", "w", **profile) as target:
            target.write(source.read(window=window))
        x, y, step = profile["transform"].c, profile["transform"].f, profile["transform"].a
    squares = [box(x, y - n * step, x + n * step, y) for n in (200, 40)]
    zones = geopandas.GeoDataFrame({"code": ["fits", "small"]}, geometry=squares, crs=profile["crs"])
    zones.to_file(tmp_path / "zones.gpkg")
    predicted = landcover.predict(tmp_path / "corner.tif", tmp_path / "out", probabilities=True)
    layer = tmp_path / "out" / "probabilities" / "corner.tif"
    table = landcover.territories(layer, tmp_path / "zones.gpkg", tmp_path / "table.csv").set_index("code")
    record = json.loads((tmp_path / "table.csv.json").read_text())
    assert not predicted.warnings
    assert table.loc["fits", "cultivated_low"] < table.loc["fits", "cultivated_share"]
    assert table.loc["fits", "cultivated_share"] < table.loc["fits", "cultivated_high"]
    assert table.loc["small"].filter(regex="_(low|high)$").isna().all()
    assert table["snow_low"].isna().all()
    assert "64² to 320² px" in record["intervals"]
