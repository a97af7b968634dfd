"""Numbers unlike those of training are told, with their likely cause."""

from __future__ import annotations

import numpy as np
import pytest

from landcover.inference.modelfile import band_statistics
from landcover.inference.novelty import Histogram, unlike

BANDS = ("B02", "B03", "B04", "B08")
RNG = np.random.default_rng(0)
SCENE = (RNG.lognormal(0, 0.4, (4, 120, 160)) * np.array([400, 600, 500, 3000])[:, None, None]).astype(
    np.float32
)
TRAINED = band_statistics(SCENE.reshape(4, -1))


def told(pixels: np.ndarray, valid: np.ndarray | None = None) -> str:
    histogram = Histogram(4)
    histogram.add(pixels, np.ones(pixels.shape[1:], bool) if valid is None else valid)
    return " ".join(unlike(histogram, TRAINED, BANDS))


@pytest.mark.parametrize("q", [1, 50, 99])
def test_percentiles_are_right_to_a_few_per_cent(q: float) -> None:
    histogram = Histogram(4)
    histogram.add(SCENE, np.ones(SCENE.shape[1:], bool))
    assert np.allclose(histogram.percentile(q), np.percentile(SCENE, q, axis=(1, 2)), rtol=0.06)


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
