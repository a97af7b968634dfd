"""Sentinel-2 products and files of single bands are read as reflectance × 10,000, clouds left out."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import truncate, write_tiff
from hypothesis import given, settings
from hypothesis import strategies as st
from products import BANDS, GRID, TILE, mtd, write_jp2, write_safe, zipped

from landcover.errors import LandcoverError
from landcover.imagery.bandfiles import gather, is_product, layer_of, product_id
from landcover.imagery.image import HIDDEN, open_image
from landcover.imagery.mtd import scale_and_offset

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(1, 12_000, (4, 37, 50)).astype(np.uint16)
PIXELS[:, 30:33, 4:9] = 0
CLASSES = RNG.choice(np.arange(12, dtype=np.uint8), (19, 25))


def read(path: Path, *window: int, **options: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    with open_image(path, **options) as image:
        return image.read(*window)


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_safe(tmp_path_factory.mktemp("product"), PIXELS, classes=CLASSES)


def expected() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    hidden = np.isin(CLASSES, HIDDEN).repeat(2, axis=0).repeat(2, axis=1)[:37, :50]
    valid = PIXELS.any(axis=0) & ~hidden
    return np.where(valid, PIXELS, 0), valid


def test_a_product_and_its_zip_give_reflectance_where_scl_is_clear(safe: Path) -> None:
    for path in (safe, zipped(safe)):
        pixels, valid = read(path)
        assert pixels.dtype == np.float32
        np.testing.assert_array_equal(pixels, expected()[0])
        np.testing.assert_array_equal(valid, expected()[1])


@settings(max_examples=25)
@given(st.data())
def test_scl_of_20_m_masks_any_window_of_10_m(safe: Path, data: st.DataObject) -> None:
    y, x = data.draw(st.integers(0, 36)), data.draw(st.integers(0, 49))
    height, width = data.draw(st.integers(1, 37 - y)), data.draw(st.integers(1, 50 - x))
    pixels, valid = read(safe, y, x, height, width)
    np.testing.assert_array_equal(valid, expected()[1][y : y + height, x : x + width])
    np.testing.assert_array_equal(pixels, expected()[0][:, y : y + height, x : x + width])


def test_a_product_has_place_files_and_no_complaint(safe: Path) -> None:
    with open_image(safe) as image:
        assert (image.height, image.width) == (37, 50)
        assert image.place is not None
        assert image.place.crs == GRID["crs"]
        assert image.place.transform == GRID["transform"]
        assert [f.name for f in image.files if "IMG_DATA" in f.parts] == [
            *(f"{TILE}_{b}_10m.jp2" for b in BANDS),
            f"{TILE}_SCL_20m.jp2",
        ]
        assert safe / "MTD_MSIL2A.xml" in image.files
        assert image.notes == ()
        assert image.look(10)[0].shape == (4, 8, 10)
        np.testing.assert_array_equal(image.look(50)[0], expected()[0])


def test_zero_in_one_band_of_a_product_is_no_data(tmp_path: Path) -> None:
    pixels = PIXELS.copy()
    safe = write_safe(tmp_path, pixels)
    raw = pixels[0] + np.uint16(1000)
    raw[5, 7] = 0
    write_jp2(next(safe.rglob("*_B02_10m.jp2")), raw, **GRID)
    assert not read(safe)[1][5, 7]


@pytest.mark.parametrize("offset", [-1000, None])
def test_a_level_1c_product_is_named_as_such(tmp_path: Path, offset: int | None) -> None:
    with open_image(write_safe(tmp_path, PIXELS, "L1C", offset)) as image:
        np.testing.assert_array_equal(image.read()[0], PIXELS)
        assert "Level-1C" in image.notes[0]


def test_a_product_without_scl_is_read_and_said_so(tmp_path: Path) -> None:
    safe = write_safe(tmp_path, PIXELS, classes=CLASSES)
    next(safe.rglob("*_SCL_20m.jp2")).unlink()
    with open_image(safe) as image:
        np.testing.assert_array_equal(image.read()[0], PIXELS)
        assert "clouds are not masked" in image.notes[0]


def test_quantification_and_offsets_of_each_band_are_used() -> None:
    document = mtd("L2A", -1000, 5000).replace('band_id="3">-1000', 'band_id="3">-500').encode()
    scale, offset = scale_and_offset(Path("MTD_MSIL2A.xml"), document, BANDS)
    assert scale == (2.0,) * 4
    assert offset == (-2000.0, -2000.0, -1000.0, -2000.0)


def test_files_of_single_bands_are_one_image(tmp_path: Path) -> None:
    for n, band in enumerate(BANDS):
        write_tiff(tmp_path / f"x_{band}.tif", PIXELS[n])
    write_tiff(tmp_path / "x_SCL.tif", CLASSES)
    write_tiff(tmp_path / "other.tif", PIXELS)
    files = {p.stem: p for p in tmp_path.iterdir()}
    assert gather(files) == {"other": tmp_path / "other.tif", "x": tmp_path / "x_{band}.tif"}
    pixels, valid = read(tmp_path / "x_{band}.tif")
    np.testing.assert_array_equal(pixels, expected()[0])
    np.testing.assert_array_equal(valid, expected()[1])
    turned, _ = read(tmp_path / "x_{band}.tif", bands=["B08", "b04", "B03", "B02"])
    np.testing.assert_array_equal(turned, pixels[::-1])
    scaled, _ = read(tmp_path / "x_{band}.tif", scale=2, offset=-10)
    np.testing.assert_array_equal(scaled[:, valid], pixels[:, valid] * 2 - 10)


def test_chips_named_like_bands_stay_apart(tmp_path: Path) -> None:
    files = {f"chip_B{n}": write_tiff(tmp_path / f"chip_B{n}.tif", PIXELS) for n in (1, 2)}
    assert gather(files) == files


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("T31TFL_20230601T103629_B02_10m.jp2", ("T31TFL_20230601T103629_{band}.jp2", "B02", 10)),
        ("T31TFL_20230601T103629_SCL_20m.jp2", ("T31TFL_20230601T103629_{band}.jp2", "SCL", 20)),
        ("T31TFL_20230601T103629_B8A.jp2", ("T31TFL_20230601T103629_{band}.jp2", "B8A", 10)),
        ("b2.TIF", ("{band}.TIF", "B02", 10)),
        ("S2.B12.tif", ("S2.{band}.tif", "B12", 10)),
        ("chip12.tif", None),
        ("AB02.tif", None),
        ("B13.tif", None),
        ("B02.txt", None),
    ],
)
def test_names_tell_the_band(name: str, told: tuple[str, str, int] | None) -> None:
    assert layer_of(name) == told


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/S2A_X.SAFE", "S2A_X"),
        ("a/S2A_X.SAFE.zip", "S2A_X"),
        ("a/S2A_X.zip", "S2A_X"),
        ("a/scene.v2.tif", "scene.v2"),
        ("a/x_{band}.tif", "x"),
        ("a/{band}.tif", "a"),
        ("a/{band}_x.tif", "x"),
        ("https://host/a/b.tif?signature=x.y", "b"),
    ],
)
def test_ids_have_no_suffix(path: str, name: str) -> None:
    assert product_id(Path(path)) == name


def test_a_truncated_jp2_of_many_tiles_is_refused(tmp_path: Path) -> None:
    """With several threads, GDAL 3.10 gives undefined pixels instead of an error."""
    numbers = RNG.integers(0, 9000, (300, 1100)).astype(np.uint16)
    path = write_jp2(tmp_path / "a.jp2", numbers, blockxsize=128, blockysize=128)
    np.testing.assert_array_equal(read(path, wanted=["B02"])[0][0], numbers)
    for keep in (0.3, 0.9, 0.99):
        cut = truncate(Path(shutil.copy(path, tmp_path / "cut.jp2")), keep)
        with pytest.raises(LandcoverError, match=r"cut.jp2: can't be read"):
            read(cut, wanted=["B02"])


def refused(path: Path, finding: str, **options: Any) -> None:
    assert is_product(path)
    with pytest.raises(LandcoverError, match=finding) as told, open_image(path, **options) as image:
        image.read()
    assert "\n" not in str(told.value)


def test_faults_of_a_product_are_told(tmp_path: Path) -> None:
    def fresh() -> Path:
        shutil.rmtree(tmp_path / "p", ignore_errors=True)
        return write_safe(tmp_path / "p", PIXELS)

    safe = fresh()
    refused(safe, "says its scale and offset in its MTD file", offset=-1000.0)
    refused(safe, "has no file of band B11", bands=["B02", "B03", "B04", "B11"])
    refused(safe, "names 2 bands", bands=["B02", "B03"])
    truncate(next(safe.rglob("*_B08_10m.jp2")), 0.9)
    refused(safe, "B08_10m.jp2: can't be read")
    refused(zipped(safe), r"zip/S2A_.*B08_10m.jp2: can't be read")
    next(safe.rglob("*_B08_10m.jp2")).unlink()
    refused(safe, r"has no file of band B08; expected one for each of B02.*bands found: B02, B03, B04")
    (safe / "MTD_MSIL2A.xml").unlink()
    refused(safe, r"holds no MTD file .MTD_MSIL2A.xml or MTD_MSIL1C.xml.; expected one Sentinel-2 product")
    refused(zipped(safe), "holds no MTD file")

    safe = fresh()
    (safe / "MTD_MSIL1C.xml").write_text(mtd("L1C"))
    refused(safe, "holds 2 MTD files")

    safe = fresh()
    shutil.copytree(next(safe.glob("GRANULE/*")), safe / "GRANULE" / "second")
    refused(safe, r"has band \w+ twice .*; expected one tile")

    safe = fresh()
    write_jp2(next(safe.rglob("*_B03_10m.jp2")), PIXELS[0, :20], **GRID)
    refused(safe, "B03_10m.jp2: is 20 × 50 px; expected 37 × 50 px")

    safe = fresh()
    write_jp2(next(safe.rglob("*_SCL_20m.jp2")), CLASSES[:4])
    refused(safe, "SCL_20m.jp2: is 4 × 25 px")


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("document", "finding"),
    [
        (f"<?xml version='1.0'?>{BOMB}]><x>&i;</x>".encode(), "it declares a DOCTYPE"),
        (f"<?xml version='1.0' encoding='UTF-16'?>{BOMB}]><x>&i;</x>".encode("utf-16"), "a DOCTYPE"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "it declares a DOCTYPE"),
        (b"", "no element found"),
        (b"\xff\xfe\x00", "can.t be understood"),
        (b"<x/>", "no quantification value"),
        (b"<?xml version='1.0' encoding='klingon'?><x/>", "can't be understood"),
        (mtd("L2A", quantification=0).encode(), "no quantification value"),
        (mtd("L2A").replace(">10000<", ">many<").encode(), "can't be understood"),
        (mtd("L2A").replace(">-1000<", ">nan<").encode(), "an offset is no number"),
        (mtd("L2A").replace('band_id="7"', 'band_id="12"').encode(), "no offset for 'B08'"),
        (mtd("L2A").replace('band_id="7"', 'band_id="99"').encode(), "can't be understood"),
        (mtd("L2A").encode() + b" " * (17 << 20), "larger than"),
    ],
)
def test_an_mtd_file_that_is_none_is_refused(tmp_path: Path, document: bytes, finding: str) -> None:
    safe = write_safe(tmp_path, PIXELS)
    (safe / "MTD_MSIL2A.xml").write_bytes(document)
    refused(safe, finding)
    refused(zipped(safe), finding)


@pytest.mark.parametrize("name", ["../../evil.jp2", "/etc/x.jp2", "a\\..\\b.jp2", "C:/x.jp2", "a/{b}.jp2"])
def test_a_zip_with_paths_that_lead_out_of_it_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(write_safe(tmp_path, PIXELS))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    refused(path, "holds the path .*; expected paths inside the product")


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    path = zipped(write_safe(tmp_path, PIXELS))
    whole = path.read_bytes()
    for kept in (b"", whole[:-40], whole[: len(whole) // 2], b"x" * 100):
        path.write_bytes(kept)
        refused(path, "can't be read")
    stream = io.BytesIO(whole)
    with zipfile.ZipFile(stream) as archive:
        at = archive.getinfo(next(n for n in archive.namelist() if n.endswith(".xml"))).header_offset
    path.write_bytes(whole[: at + 120] + b"\0" * 60 + whole[at + 180 :])
    refused(path, "can't be read|can't be understood")
