from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import truncate, write_tiff
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from landcover.errors import LandcoverError
from landcover.imagery.image import BANDS, SENTINEL2, open_image, open_raster

RAMP = np.arange(1, 1 + 4 * 6 * 8, dtype=np.uint16).reshape(4, 6, 8)


def read(path: Path, *window: int, **options: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    with open_image(path, **options) as image:
        return image.read(*window)


def test_an_image_is_read_as_it_is(tmp_path: Path) -> None:
    pixels, valid = read(write_tiff(tmp_path / "a.tif", RAMP))
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, RAMP)
    assert valid.all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.data())
def test_a_window_is_a_piece_of_the_image(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.tif"
    if not path.exists():
        write_tiff(path, RAMP)
    y, x = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 7))
    height, width = data.draw(st.integers(1, 6 - y)), data.draw(st.integers(1, 8 - x))
    pixels, valid = read(path, y, x, height, width)
    np.testing.assert_array_equal(pixels, RAMP[:, y : y + height, x : x + width])
    assert valid.shape == (height, width)


def test_bands_are_found_by_their_names(tmp_path: Path) -> None:
    names = ("b08", "B04", "B11", "B02", "B03")
    pixels = np.arange(1, 6, dtype=np.uint16)[:, None, None].repeat(2, 1).repeat(2, 2)
    found, _ = read(write_tiff(tmp_path / "a.tif", pixels, names))
    assert found[:, 0, 0].tolist() == [4, 5, 2, 1]


@pytest.mark.parametrize(
    "bands", [["2", "3", "4", "8"], ["B02", "b03", " B04", "B08"], ["2", "B03", "4", "B08"]]
)
def test_bands_of_a_whole_sentinel_2_product_need_no_names_in_the_file(
    tmp_path: Path, bands: list[str]
) -> None:
    pixels = np.arange(1, 13, dtype=np.int16)[:, None, None].repeat(2, 1).repeat(2, 2)
    found, _ = read(write_tiff(tmp_path / "a.tif", pixels), bands=bands)
    assert [SENTINEL2[12][int(n) - 1] for n in found[:, 0, 0]] == list(BANDS)


@pytest.mark.parametrize(
    ("count", "bands", "finding"),
    [
        (3, None, "has 3 bands without names; expected B02, B03, B04, B08. Say which they are with --bands"),
        (12, None, "has 12 bands without names"),
        (4, ["1", "2", "3"], "names 3 bands"),
        (4, ["1", "2", "3", "5"], "has no band 5"),
        (4, ["1", "2", "3", "0"], "has no band 0"),
        (4, ["B02", "B03", "B04", "B08"], "has no band B02; expected one of its 4 bands, without names"),
        (12, ["B02", "B03", "B04", "B8"], "has no band B8; expected one of its 12 bands .B01, B02"),
    ],
)
def test_bands_that_cannot_be_told_are_refused(
    tmp_path: Path, count: int, bands: list[str] | None, finding: str
) -> None:
    path = write_tiff(tmp_path / "a.tif", np.ones((count, 2, 2), np.uint16))
    with pytest.raises(LandcoverError, match=finding), open_image(path, bands):
        raise AssertionError("not reached")


def test_zeros_in_all_bands_are_no_data(tmp_path: Path) -> None:
    pixels = RAMP.copy()
    pixels[:, 2, 3] = 0
    pixels[:3, 4, 5] = 0  # one band left: dark, but there
    _, valid = read(write_tiff(tmp_path / "a.tif", pixels))
    assert np.argwhere(~valid).tolist() == [[2, 3]]


def test_an_image_of_zeros_is_read_and_has_no_data(tmp_path: Path) -> None:
    _, valid = read(write_tiff(tmp_path / "a.tif", np.zeros((4, 5, 5), np.uint16)))
    assert not valid.any()


def test_the_nodata_value_in_any_band_is_no_data(tmp_path: Path) -> None:
    pixels = RAMP.astype(np.int16)
    pixels[1, 2, 3] = -9999
    found, valid = read(write_tiff(tmp_path / "a.tif", pixels, nodata=-9999))
    assert np.argwhere(~valid).tolist() == [[2, 3]]
    assert not found[:, 2, 3].any()


def test_nan_in_any_band_is_no_data(tmp_path: Path) -> None:
    pixels = RAMP.astype(np.float32)
    pixels[3, 0, 0] = np.nan
    pixels[:, 5, 7] = np.nan
    found, valid = read(write_tiff(tmp_path / "a.tif", pixels))
    assert np.argwhere(~valid).tolist() == [[0, 0], [5, 7]]
    assert np.isfinite(found).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused(tmp_path: Path, value: float) -> None:
    pixels = RAMP.astype(np.float32)
    pixels[3, 0, 0] = value
    with pytest.raises(
        LandcoverError, match=r"a\.tif: holds infinite values; expected finite numbers or NaN"
    ):
        read(write_tiff(tmp_path / "a.tif", pixels))


def test_scale_and_offset_leave_no_data_at_zero(tmp_path: Path) -> None:
    pixels = RAMP.copy()
    pixels[:, 2, 3] = 0
    found, valid = read(write_tiff(tmp_path / "a.tif", pixels), scale=2, offset=-10)
    np.testing.assert_array_equal(found[:, valid], 2.0 * pixels[:, valid] - 10)
    assert not found[:, ~valid].any()


def png(path: Path) -> Path:
    from matplotlib.image import imsave

    imsave(path, np.zeros((8, 8, 3), np.uint8), format="png")
    return path


def test_a_png_named_tif_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LandcoverError, match=r"a\.tif: can't be read .not recognized.*; expected .*GTiff"):
        read(png(tmp_path / "a.tif"))


def test_formats_that_open_other_files_are_refused(tmp_path: Path) -> None:
    source = write_tiff(tmp_path / "a.tif", RAMP)
    band = f'<VRTRasterBand dataType="UInt16" band="1"><SimpleSource><SourceFilename>{source}'
    band += "</SourceFilename></SimpleSource></VRTRasterBand>"
    (tmp_path / "b.tif").write_text(f'<VRTDataset rasterXSize="8" rasterYSize="6">{band}</VRTDataset>')
    with pytest.raises(LandcoverError, match=r"b\.tif: can't be read"):
        read(tmp_path / "b.tif")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path, finding in ((tmp_path / "a.tif", "is not there"), (tmp_path, "is a folder")):
        with pytest.raises(LandcoverError, match=finding):
            read(path)


@pytest.mark.parametrize("keep", [0.0, 0.0005, 0.5])
def test_a_truncated_tiff_is_refused(tmp_path: Path, keep: float) -> None:
    path = write_tiff(tmp_path / "a.tif", np.ones((4, 200, 200), np.uint16))
    with pytest.raises(LandcoverError, match=r"a\.tif: can't be read"):
        read(truncate(path, keep))


def test_of_two_open_images_the_damaged_one_is_named(tmp_path: Path) -> None:
    bad = truncate(write_tiff(tmp_path / "bad.tif", np.ones((4, 200, 200), np.uint16)))
    good = write_tiff(tmp_path / "good.tif", RAMP)
    with pytest.raises(LandcoverError, match=r"bad\.tif"), open_image(bad) as image, open_image(good):
        image.read()


def test_an_absurd_number_of_pixels_is_refused_before_reading(tmp_path: Path) -> None:
    import rasterio

    shape: dict[str, Any] = dict(count=4, height=60_000, width=60_000, dtype="uint8", sparse_ok=True)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", tiled=True, compress="deflate", **shape):
        pass
    with pytest.raises(LandcoverError, match="claims 60000 × 60000 px"), open_raster(tmp_path / "a.tif"):
        raise AssertionError("not reached")


def test_the_real_images_are_read(data: Path) -> None:
    pixels, valid = read(data / "elsewhere" / "Boadella_2020-01-13.tif", bands=["B02", "B03", "B04", "B08"])
    assert pixels.shape == (4, 377, 380)
    assert 0 < np.median(pixels[:, valid]) < 5000
    pixels, _ = read(data / "challenge48" / "ain.tif", 100, 200, 32, 64)
    assert pixels.shape == (4, 32, 64)
