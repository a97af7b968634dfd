"""Cloud-Optimized GeoTIFFs: valid, true to what was written, the same bytes each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from conftest import write_tiff
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rasterio.transform import from_origin
from rio_cogeo import cog_validate

from landcover.imagery.cog import is_large, mean, most_frequent
from landcover.imagery.image import Place
from landcover.imagery.write import open_confidence, open_map, open_probabilities, to_bytes
from landcover.legend import S2GLC

PLACE = Place(rasterio.CRS.from_epsg(32631), from_origin(600_000, 5_000_000, 10, 10))
bytes_ = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 4))


def codes(height: int, width: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(height)
    return (
        rng.integers(0, 10, (height // 8 + 1, width // 8 + 1))
        .astype(np.uint8)
        .repeat(8, 0)
        .repeat(8, 1)[:height, :width]
    )


def write(path: Path, pixels: np.ndarray[Any, Any], place: Place | None = PLACE) -> Path:
    with open_map(path, *pixels.shape, S2GLC, place) as rows:
        for y in range(0, len(pixels), 300):
            rows.write(pixels[None, y : y + 300])
    return path


@pytest.mark.parametrize("shape", [(40, 60), (512, 512), (513, 40), (700, 1300), (1, 3000), (1025, 513)])
@pytest.mark.parametrize("place", [PLACE, None])
def test_maps_are_valid_and_hold_what_was_written(
    tmp_path: Path, shape: tuple[int, int], place: Place | None
) -> None:
    pixels = codes(*shape)
    path = write(tmp_path / "m.tif", pixels, place)
    assert cog_validate(path, strict=True) == (True, [], [])
    with rasterio.open(path) as written:
        np.testing.assert_array_equal(written.read(1), pixels)
        assert written.colormap(1)[9] == (*S2GLC.classes[9].rgb, 255)
        assert (written.tags()["CLASS_9"], written.descriptions, written.nodata) == (
            "water",
            ("land cover",),
            0,
        )
        assert written.crs == (place.crs if place else None)
        assert place is None or written.transform == place.transform
        assert bool(written.overviews(1)) == is_large(*shape)
        if is_large(*shape):
            assert written.block_shapes == [(512, 512)]
    assert [p.name for p in tmp_path.iterdir()] == ["m.tif"]


def test_the_same_codes_give_the_same_bytes(tmp_path: Path) -> None:
    pixels = codes(900, 1400)
    one, two = (write(tmp_path / name, pixels).read_bytes() for name in ("a.tif", "b.tif"))
    assert one == two
    with rasterio.Env(GDAL_NUM_THREADS="1"):
        assert write(tmp_path / "c.tif", pixels).read_bytes() == one


def test_overviews_of_a_map_hold_the_most_frequent_codes(tmp_path: Path) -> None:
    pixels = codes(1201, 1301)
    path = write(tmp_path / "m.tif", pixels)
    expected = pixels
    for level in range(2):
        expected = most_frequent(expected, 0)
        with rasterio.open(path, overview_level=level) as overview:
            np.testing.assert_array_equal(overview.read(1), expected)


def test_gdal_agrees_on_the_most_frequent_code_where_there_is_one(tmp_path: Path) -> None:
    pixels = codes(1024, 1536)  # patches of 8 px: the three first overviews have no ties
    write_tiff(tmp_path / "s.tif", pixels, nodata=0)
    rasterio.shutil.copy(tmp_path / "s.tif", tmp_path / "gdal.tif", driver="COG", resampling="MODE")
    path = write(tmp_path / "m.tif", pixels, None)
    with (
        rasterio.open(path, overview_level=0) as ours,
        rasterio.open(tmp_path / "gdal.tif", overview_level=0) as gdal,
    ):
        np.testing.assert_array_equal(ours.read(1), gdal.read(1))


def test_layers_of_probabilities_are_valid_with_means_as_overviews(tmp_path: Path) -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(3), (600, 530)).transpose(2, 0, 1).astype(np.float32)
    valid = np.ones((600, 530), bool)
    valid[:100, :200] = False
    stored, best = to_bytes(p), to_bytes(p.max(axis=0, keepdims=True))
    stored[:, ~valid] = best[:, ~valid] = 255
    with open_probabilities(tmp_path / "p.tif", 600, 530, ["a", "b", "c"], PLACE) as rows:
        rows.write(stored)
    with open_confidence(tmp_path / "c.tif", 600, 530, PLACE) as rows:
        rows.write(best)
    for name in ("p.tif", "c.tif"):
        assert cog_validate(tmp_path / name, strict=True) == (True, [], [])
    with rasterio.open(tmp_path / "p.tif") as written:
        np.testing.assert_array_equal(written.read(), stored)
        assert (written.descriptions, written.nodata) == (("a", "b", "c"), 255)
        assert written.tags()["SCALE"] == "probability = value / 250"
    with rasterio.open(tmp_path / "p.tif", overview_level=0) as overview:
        np.testing.assert_array_equal(overview.read(2), mean(stored[1], 255))
        assert (overview.read(1)[:50, :100] == 255).all()
    with rasterio.open(tmp_path / "c.tif") as written:
        np.testing.assert_array_equal(written.read(1), np.where(valid, stored.max(axis=0), 255))


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with open_map(tmp_path / "m.tif", 700, 700, S2GLC) as rows:
            rows.write(codes(700, 700)[None, :300])
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert not list(tmp_path.iterdir())


@given(bytes_)
def test_most_frequent_is_what_counting_gives(pixels: np.ndarray[Any, Any]) -> None:
    found = most_frequent(pixels, 0)
    assert found.shape == (-(-pixels.shape[0] // 2), -(-pixels.shape[1] // 2))
    for (y, x), code in np.ndenumerate(found):
        block = pixels[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel()
        block = list(block[block != 0])
        assert code == (max(block, key=lambda c: (block.count(c), -block.index(c))) if block else 0)


@given(bytes_)
def test_mean_is_the_mean_of_what_has_data(pixels: np.ndarray[Any, Any]) -> None:
    for (y, x), value in np.ndenumerate(mean(pixels, 0)):
        block = pixels[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        assert (abs(value - block[block != 0].mean()) <= 0.5) if block.any() else value == 0
