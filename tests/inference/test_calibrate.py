"""Calibrated intervals in model files, and in what `predict` writes: where they hold, else the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from conftest import Run, is_one_line, write_tiff

import landcover
from landcover.inference.modelfile import Card, read_model, save
from landcover.legend import S2GLC
from landcover.shares.conformal import Conformal, SizeClass
from landcover.shares.decode import Decoder

from .models import card, tiny_model

RNG = np.random.default_rng(0)
DECODER = Decoder("calibrated", 1.2, 0.01, (0.125,) * 8)
KNOWN = Conformal(
    0.9,
    DECODER,
    tuple(
        SizeClass(side, 20, 20, (q,) * 5 + (None,) * 2 + (q,), 2 * q) for side, q in ((64, 0.2), (128, 0.1))
    ),
    {"folder": "chips", "part": "val", "chips": 20},
)


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with intervals, to which nothing looks unlike training."""
    path = tiny_model(tmp_path_factory.mktemp("calibrated") / "m.onnx")
    trained = card()
    statistics = tuple(replace(s, p01=1.0, p50=2000.0, p99=9000.0) for s in trained.statistics)
    novelty = replace(trained.novelty, distance=1e9)
    save(path, onnx.load(path), replace(trained, statistics=statistics, novelty=novelty, conformal=KNOWN))
    return path


def image(path: Path, height: int, width: int, missing: int = 0) -> Path:
    pixels = RNG.integers(100, 4000, (4, height, width)).astype(np.uint16)
    pixels[:, :missing] = 0
    return write_tiff(path, pixels, ("B02", "B03", "B04", "B08"))


def test_the_card_keeps_intervals_and_old_cards_have_none() -> None:
    kept = replace(card(), conformal=KNOWN)
    assert Card.from_json(kept.to_json(), Path("m.onnx")) == kept
    assert "conformal" not in json.loads(card().to_json())
    assert Card.from_json(card().to_json(), Path("m.onnx")).conformal is None


@pytest.mark.parametrize("key", ["level", "sizes", "chips"])
def test_half_a_calibration_is_refused(key: str) -> None:
    data = json.loads(replace(card(), conformal=KNOWN).to_json())
    del data["conformal"][key]
    with pytest.raises(landcover.LandcoverError, match=key):
        Card.from_json(json.dumps(data), Path("m.onnx"))


def test_a_calibration_for_other_classes_is_refused() -> None:
    few = replace(KNOWN, sizes=(SizeClass(64, 20, 20, (0.1,), 0.1),))
    with pytest.raises(landcover.LandcoverError, match="contradict"):
        Card.from_json(replace(card(), conformal=few).to_json(), Path("m.onnx"))


def test_intervals_are_written_for_calibrated_sizes_and_hold_the_share(
    tmp_path: Path, calibrated: Path
) -> None:
    sizes = {"small": (40, 50), "fits": (90, 100), "gap": (128, 128, 64), "large": (130, 140)}
    inputs = [image(tmp_path / f"{name}.tif", *size) for name, size in sizes.items()]
    found = landcover.predict(inputs, tmp_path / "out", model=calibrated)
    table = pd.read_csv(tmp_path / "out" / "intervals.csv")
    assert list(table) == ["sample_id", "class", "share", "low", "high", "joint_low", "joint_high", "note"]
    assert table["sample_id"].unique().tolist() == list(sizes)
    wanted = found.shares.reindex(table["sample_id"].unique())[list(S2GLC.label_names)].to_numpy().ravel()
    np.testing.assert_allclose(table["share"], wanted, rtol=1e-9)
    held = table[table["low"].notna()]
    assert set(held["sample_id"]) == {"fits", "gap"}
    assert (held["joint_low"] <= held["low"]).all()
    assert (held["low"] <= held["share"]).all()
    assert (held["share"] <= held["high"]).all()
    assert (held["high"] <= held["joint_high"]).all()
    assert held.loc[held["sample_id"] == "gap", "joint_high"].max() <= 0.5  # half of it has data
    assert (table["note"].isna() == table["low"].notna()).all()
    notes = table.drop_duplicates("sample_id").set_index("sample_id")["note"]
    assert (
        notes["small"]
        == notes["large"]
        == "they are calibrated for images of 64 to 128 px a side, without gaps"
    )
    unseen = table[table["class"].isin(["natural", "snow"]) & (table["sample_id"] == "fits")]
    assert (unseen["note"] == "no error of this class was seen in calibration").all()
    record = json.loads((tmp_path / "out" / "predict.json").read_text())
    assert Conformal.from_dict(record["conformal"]) == KNOWN
    assert "landcover calibrate" in (tmp_path / "out" / "report.html").read_text()
    item = json.loads((tmp_path / "out" / "items" / "fits.json").read_text())
    assert item["assets"]["intervals"]["href"] == "../intervals.csv"


def test_no_intervals_and_the_reason(tmp_path: Path, calibrated: Path, run: Callable[..., Run]) -> None:
    path = image(tmp_path / "a.tif", 90, 100)
    old = tiny_model(tmp_path / "old.onnx")
    strange = tiny_model(tmp_path / "strange.onnx")
    save(strange, onnx.load(strange), replace(card(), conformal=KNOWN))  # the image is far from its training
    for model, options, reason in (
        (old, [], "the model file has no calibrated intervals"),
        (calibrated, ["--decoder", "mean"], "calibrated for the decoder calibrated of the model file alone"),
        (strange, [], "the image looks unlike the training images"),
    ):
        ended = run("predict", path, "--model", model, "--out", tmp_path / "out", "--overwrite", *options)
        assert ended.code == 0
        assert f"no intervals: {reason}" in ended.out
        assert not (tmp_path / "out" / "intervals.csv").exists()
        assert reason in (tmp_path / "out" / "report.html").read_text()


def test_calibrate_leaves_the_network_as_it_is(
    chips_west: Path, tmp_path: Path, calibrated: Path, run: Callable[..., Run]
) -> None:
    out = tmp_path / "new.onnx"
    small = ["--model", calibrated, "--out", out]
    ended = run("calibrate", chips_west, "--part", "elsewhere", *small)
    assert ended.code == 0, ended.err
    assert "64 px (18 blocks)" in ended.out
    before, after = onnx.load(calibrated), onnx.load(out)
    assert before.graph.SerializeToString(deterministic=True) == after.graph.SerializeToString(
        deterministic=True
    )
    (_, was), (_, found) = read_model(calibrated), read_model(out)
    assert replace(found, conformal=KNOWN) == was
    assert found.conformal is not None
    assert found.conformal.chips["chips"] == 44
    again = landcover.calibrate(chips_west, tmp_path / "again.onnx", model=calibrated, part="elsewhere")
    assert again.model.read_bytes() == out.read_bytes()
    for options, told in (
        (["--part", "train"], "chips that the model was not trained on"),
        (["--part", "val"], "no couple in the part val"),
        (["--part", "elsewhere", "--level", "0.99"], "114 blocks of 256 px"),
        (["--part", "elsewhere", "--level", "2"], "--level"),
    ):
        ended = run("calibrate", chips_west, "--overwrite", *small, *options)
        assert is_one_line(ended, told)
    assert is_one_line(run("calibrate", chips_west, "--part", "elsewhere", *small), "is there already")


def test_the_box_says_how_far_it_may_be_off() -> None:
    from landcover.weights import box_model

    for path in (box_model(), box_model().with_suffix(".int8.onnx")):
        _, found = read_model(path)
        assert found.conformal is not None
        assert found.conformal.decoder == found.decoder
        assert [size.side for size in found.conformal.sizes] == [64, 128, 256, 320]
        assert (found.conformal.chips["part"], found.conformal.chips["chips"]) == ("val", 45)
