from pathlib import Path

import numpy as np
import rasterio
from conftest import write_tiff
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from landcover.imagery.maps import read_codes
from landcover.imagery.rows import Rows
from landcover.imagery.write import open_map, open_probabilities, probability_layer, to_bytes, write_map
from landcover.legend import S2GLC

CODES = (np.arange(48, dtype=np.uint8) % 10).reshape(6, 8)


def test_a_map_keeps_codes_colours_names_and_place(tmp_path: Path) -> None:
    place = from_origin(500_000, 5_000_000, 10, 10)
    image = write_tiff(tmp_path / "i.tif", np.ones((6, 8), np.uint8), crs="EPSG:32633", transform=place)
    with rasterio.open(image) as source:
        write_map(tmp_path / "m.tif", CODES, S2GLC, source)
    with rasterio.open(tmp_path / "m.tif") as written:
        assert (written.crs.to_epsg(), written.transform, written.nodata) == (32633, place, 0)
        assert written.colormap(1)[9] == (*S2GLC.classes[9].rgb, 255)
        assert written.tags()["CLASS_9"] == "water"
    np.testing.assert_array_equal(read_codes(tmp_path / "m.tif", S2GLC), CODES)


def test_a_map_of_an_image_without_place_has_none(tmp_path: Path) -> None:
    with rasterio.open(write_tiff(tmp_path / "i.tif", CODES)) as source:
        write_map(tmp_path / "m.tif", CODES, S2GLC, source)
    with rasterio.open(tmp_path / "m.tif") as written:
        assert written.crs is None
        assert written.transform.is_identity


@settings(max_examples=15, deadline=None)
@given(st.data(), st.integers(1, 1300), st.integers(500, 520))
def test_rows_in_any_portions_make_the_same_map(data: st.DataObject, height: int, width: int) -> None:
    import tempfile

    codes = np.random.default_rng(height).integers(0, 10, (height, width)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.tif"
        with open_map(path, height, width, S2GLC) as rows:
            y = 0
            while y < height:
                portion = data.draw(st.integers(1, height - y))
                rows.write(codes[None, y : y + portion])
                y += portion
        np.testing.assert_array_equal(read_codes(path, S2GLC), codes)
        assert [p.name for p in Path(folder).iterdir()] == ["m.tif"]


@settings(max_examples=15, deadline=None)
@given(st.integers(514, 1300), st.integers(1, 600), st.integers(1, 2), st.data())
def test_rows_that_go_on_after_a_stop_make_the_same_bytes(
    height: int, width: int, bands: int, data: st.DataObject
) -> None:
    import tempfile

    pixels = np.random.default_rng(width).integers(0, 251, (bands, height, width)).astype(np.uint8)
    layer = probability_layer("ab"[:bands])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_probabilities(folder / "once.tif", height, width, layer.names) as rows:
            rows.write(pixels)
        stop = data.draw(st.integers(1, height - 1))
        torn = data.draw(st.integers(stop, height))  # rows that were written, but not known to be whole
        rows = Rows(folder / "rows", layer, height, width)
        rows.write(pixels[:, :stop])
        rows.write(pixels[:, stop:torn] + 1)
        rows.close()
        rows = Rows(folder / "rows", layer, height, width, kept=stop)
        rows.write(pixels[:, stop:])
        rows.finish(folder / "stopped.tif")
        rows.remove()
        assert (folder / "stopped.tif").read_bytes() == (folder / "once.tif").read_bytes()
        assert {p.name for p in folder.iterdir()} == {"once.tif", "stopped.tif"}


def test_probabilities_are_written_to_within_a_five_hundredth(tmp_path: Path) -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(3), (6, 8)).transpose(2, 0, 1).astype(np.float32)
    with open_probabilities(tmp_path / "p.tif", 6, 8, ["a", "b", "c"]) as rows:
        rows.write(to_bytes(p))
    with rasterio.open(tmp_path / "p.tif") as written:
        assert (written.descriptions, written.nodata) == (("a", "b", "c"), 255)
        stored = written.read()
    assert abs(stored / 250 - p).max() <= 0.002 + 1e-6
