from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import truncate, write_tiff
from rasterio.windows import Window

from landcover.errors import LandcoverError
from landcover.imagery.maps import legend_of, open_codes, read_codes
from landcover.imagery.write import write_map
from landcover.legend import S2GLC, LandClass, Legend

CODES = (np.arange(48, dtype=np.uint8) % 10).reshape(6, 8)


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "int32", "float32"])
def test_codes_of_any_type_are_read(tmp_path: Path, kind: str) -> None:
    codes = read_codes(write_tiff(tmp_path / "a.tif", CODES.astype(kind)), S2GLC)
    assert codes.dtype == np.uint8
    np.testing.assert_array_equal(codes, CODES)


def test_windows_of_a_mask_are_read(tmp_path: Path) -> None:
    with open_codes(write_tiff(tmp_path / "a.tif", CODES), S2GLC) as mask:
        np.testing.assert_array_equal(mask.read(Window(2, 1, 3, 4)), CODES[1:5, 2:5])


@pytest.mark.parametrize(
    ("value", "kind", "nodata"), [(255, "uint8", 255), (-1, "int16", -1), (np.nan, "float32", None)]
)
def test_the_nodata_value_becomes_the_legends(tmp_path: Path, value: float, kind: str, nodata: Any) -> None:
    raw = CODES.astype(kind)
    raw[0, 5] = value
    codes = read_codes(write_tiff(tmp_path / "a.tif", raw, nodata=nodata), S2GLC)
    assert codes[0, 5] == 0
    assert (codes != CODES).sum() == 1


def test_a_nodata_value_that_is_a_class_stays_that_class(tmp_path: Path) -> None:
    codes = read_codes(write_tiff(tmp_path / "a.tif", CODES, nodata=9), S2GLC)
    np.testing.assert_array_equal(codes, CODES)


@pytest.mark.parametrize(
    ("value", "kind", "shown"), [(10, "uint8", "10"), (-3, "int16", "-3"), (2.5, "float32", "2.5")]
)
def test_codes_outside_the_legend_are_refused(tmp_path: Path, value: float, kind: str, shown: str) -> None:
    raw = CODES.astype(kind)
    raw[0, 5] = value
    with pytest.raises(LandcoverError, match=rf"a\.tif: holds codes outside the legend: {shown};"):
        read_codes(write_tiff(tmp_path / "a.tif", raw), S2GLC)


def test_many_codes_outside_the_legend_are_shortened(tmp_path: Path) -> None:
    raw = np.arange(100, 148, dtype=np.uint8).reshape(6, 8)
    with pytest.raises(LandcoverError, match="100, 101, 102, 103, 104, …"):
        read_codes(write_tiff(tmp_path / "a.tif", raw), S2GLC)


def test_a_mask_has_one_band(tmp_path: Path) -> None:
    with pytest.raises(LandcoverError, match="has 3 bands; expected a mask with one band"):
        read_codes(write_tiff(tmp_path / "a.tif", CODES[None].repeat(3, 0)), S2GLC)


def test_a_truncated_mask_is_refused(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.ones((300, 300), np.uint8))
    with pytest.raises(LandcoverError, match="can't be read"):
        read_codes(truncate(path), S2GLC)


def test_a_map_carries_its_legend(tmp_path: Path) -> None:
    write_map(tmp_path / "a.tif", np.full((4, 4), 3, np.uint8), S2GLC)
    assert legend_of(tmp_path / "a.tif") is S2GLC
    two = Legend(
        "two", (LandClass(0, "none", "aucune", "#000000", False), LandClass(5, "tree", "arbre", "#00ff00"))
    )
    write_map(tmp_path / "b.tif", np.full((4, 4), 5, np.uint8), two)
    found = legend_of(tmp_path / "b.tif")
    assert [(c.code, c.name, c.colour, c.is_label) for c in found.classes] == [
        (0, "none", "#000000", False),
        (5, "tree", "#00ff00", True),
    ]


def test_a_map_without_legend_needs_one_named(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", np.full((4, 4), 3, np.uint8))
    with pytest.raises(LandcoverError, match="--legend s2glc"):
        legend_of(tmp_path / "a.tif")
    assert legend_of(tmp_path / "a.tif", "s2glc") is S2GLC
