"""Numbers unlike those of training are told, with their likely cause."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import read_tiff, write_tiff
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import gaussian_filter, shift

import landcover
from landcover.inference.modelfile import band_statistics
from landcover.inference.novelty import (
    Sample,
    _logarithms,
    distances,
    fit_novelty,
    likely_causes,
    looks_resampled,
)

BANDS = ("B02", "B03", "B04", "B08")
RNG = np.random.default_rng(0)
SCENE = (RNG.lognormal(0, 0.4, (4, 120, 160)) * np.array([400, 600, 500, 3000])[:, None, None]).astype(
    np.float32
)
TRAINED = band_statistics(SCENE.reshape(4, -1))


def sample_of(pixels: np.ndarray, valid: np.ndarray | None = None) -> Sample:
    sample = Sample(4, 0, *pixels.shape[1:])
    sample.add(pixels, np.ones(pixels.shape[1:], bool) if valid is None else valid, 0, 0)
    return sample


def told(pixels: np.ndarray, valid: np.ndarray | None = None) -> str:
    return " ".join(likely_causes(sample_of(pixels, valid), TRAINED, BANDS))


@pytest.mark.parametrize("q", [1, 50, 99])
def test_percentiles_are_right_to_a_few_per_cent(q: float) -> None:
    assert np.allclose(sample_of(SCENE).percentile(q), np.percentile(SCENE, q, axis=(1, 2)), rtol=0.06)


def test_the_scene_itself_and_a_brighter_season_pass() -> None:
    assert told(SCENE) == ""
    assert told(SCENE * np.float32(1.4)) == ""


@pytest.mark.parametrize(
    ("pixels", "remedy"),
    [
        (SCENE / 10_000, "--scale 10000"),
        (SCENE * 10, "--scale 0.1"),
        (SCENE / 20, "--scale 20"),
        (SCENE + 1000, "--offset -1000"),
        (SCENE[::-1], "--bands"),
    ],
)
def test_the_likely_cause_is_named(pixels: np.ndarray, remedy: str) -> None:
    assert remedy in told(pixels.astype(np.float32))


def test_nothing_is_said_without_data() -> None:
    assert told(SCENE, np.zeros(SCENE.shape[1:], bool)) == ""


CHIPS = RNG.normal(0, 0.2, (30, 4, 1, 1)) + RNG.normal(0, 0.3, (30, 4, 64, 64))
CHIPS = (np.exp(CHIPS) * np.array([400, 600, 500, 3000])[:, None, None]).astype(np.float32)


def test_distance_is_that_of_mahalanobis_and_one_cell_in_a_hundred_of_validation_is_beyond() -> None:
    trained = fit_novelty(CHIPS[:20], CHIPS[20:])
    found = [distances(sample_of(chip), trained) for chip in CHIPS[20:]]
    far = np.stack(found) > trained.distance
    assert far.sum() == 1  # of 40
    assert far.mean() == trained.share  # ten chips of 4 cells are one group
    cell = np.log1p(CHIPS[25, :, 32::4, :32:4].astype(float) * 1e4).mean(axis=(1, 2))
    off = cell - np.array(trained.mean)
    assert found[5][1, 0] == pytest.approx(np.sqrt(off @ np.linalg.inv(trained.covariance) @ off), rel=1e-5)


def test_one_strange_cell_of_small_chips_does_not_silence_the_warning() -> None:
    small = CHIPS[:, :, :32, :32].copy()
    small[29] *= 3
    assert fit_novelty(small[:20], small[20:]).share < 0.2


def test_cells_do_not_depend_on_the_pieces_and_need_a_quarter_of_their_pixels() -> None:
    scene = np.tile(CHIPS[0], (1, 2, 2))[:, :100, :90]
    valid = RNG.random((100, 90)) < 0.9
    valid[:32, :32] = False
    whole, pieces = sample_of(scene, valid), Sample(4, 0, 100, 90)
    for y, x in ((0, 0), (0, 43), (51, 0), (51, 43)):
        part = Sample(4, y, y + 51 if y == 0 else 100, 90)
        size = np.s_[y : 51 if y == 0 else 100, x : 43 if x == 0 else 90]
        part.add(scene[:, *size], valid[size], y, x)
        pieces.merge(part)
    assert np.allclose(pieces.sums, whole.sums, rtol=1e-12)
    assert np.array_equal(pieces.counts, whole.counts)
    assert pieces.sharpness() == pytest.approx(whole.sharpness(), rel=0.05)  # but for pairs across pieces
    trained = fit_novelty(CHIPS, CHIPS)
    assert np.isnan(distances(whole, trained)).sum() == 1 + 3  # three: the last row has 4 of 32 px
    assert np.isnan(distances(whole, trained)[0, 0])


def doubled(image: np.ndarray) -> np.ndarray:
    """Every second pixel, twice."""
    return image[:, ::2, ::2].repeat(2, axis=1).repeat(2, axis=2)


def test_blurred_and_resampled_images_are_told(data: Path) -> None:
    image = read_tiff(data / "challenge48" / "south.tif")[:, 256:1024, 256:1280].astype(np.float32)
    chips = np.stack([image[:, y : y + 256, x : x + 256] for y in (0, 256) for x in (0, 256, 512)])
    trained = fit_novelty(chips, chips)
    light = image * np.float32(1.3) + 100
    for sharp in (image, light, image.transpose(0, 2, 1), image[:, ::-1, ::-1]):
        assert looks_resampled(sample_of(np.ascontiguousarray(sharp)), trained) is None
    soft = [
        gaussian_filter(image, (0, 1, 1)),
        shift(image, (0, 0.5, 0.5), order=1)[:, 2:-2, 2:-2],  # bilinear
        doubled(image),
        doubled(image)[:, :, 1:],
    ]
    for changed in soft:
        assert "as if blurred or resampled" in str(looks_resampled(sample_of(changed), trained))


def test_sharpness_needs_data_and_differences() -> None:
    trained = fit_novelty(CHIPS, CHIPS)
    assert trained.sharpness > 0.5
    assert looks_resampled(sample_of(SCENE, np.zeros(SCENE.shape[1:], bool)), trained) is None
    assert looks_resampled(sample_of(np.ones_like(SCENE)), trained) is None


def test_real_scenes(data: Path, tmp_path: Path) -> None:
    """By the model in the box: Ain and the Inn are closer than winter at the top of the atmosphere."""
    ain = read_tiff(data / "challenge48" / "ain.tif")[:, :512, :512]
    scenes = {"ain": ain, "times_ten": ain * 10, "plus_thousand": ain + 1000}
    paths = [write_tiff(tmp_path / f"{name}.tif", pixels, BANDS) for name, pixels in scenes.items()]
    paths += [data / "elsewhere" / f"{name}.tif" for name in ("inn_date1", "brandenburg_L1C")]
    found = landcover.predict(paths, tmp_path / "out")
    images = json.loads((tmp_path / "out" / "predict.json").read_text())["images"]
    distance = {i["sample_id"]: i["novelty"]["distance"] for i in images}
    assert max(distance["ain"], distance["inn_date1"]) < 0.5 * distance["brandenburg_L1C"]
    warned = {w.partition(":")[0] for w in found.warnings}
    assert {"times_ten", "plus_thousand", "brandenburg_L1C"} <= warned
    assert "ain" not in warned
    coarse = read_tiff(tmp_path / "out" / "novelty" / "ain.tif")
    assert coarse.shape == (1, 16, 16)


@given(hnp.arrays(np.float32, 6, elements=st.floats(0, 1e6, width=32)))
def test_the_table_of_logarithms_holds_what_the_function_gives(numbers: np.ndarray[Any, Any]) -> None:
    for some in (numbers, np.floor(numbers), np.floor(numbers) % 65_536):
        np.testing.assert_array_equal(_logarithms(some), np.log1p(some * np.float32(10_000)))
