from pathlib import Path

import numpy as np
import pytest
from conftest import truncate, write_tiff
from rasterio.windows import Window

from landcover.accuracy.layers import open_layers
from landcover.errors import LandcoverError
from landcover.legend import S2GLC

NAMES = S2GLC.label_names


def some_layers(full: int = 250, none: int = 255, kind: str = "uint8") -> np.ndarray:
    """Three pixels: 80 % artificial, 40 % water, no data."""
    p = np.zeros((8, 1, 3))
    p[0, 0, 0], p[1, 0, 0] = 0.8, 0.2
    p[7, 0, 1], p[1:7, 0, 1] = 0.4, 0.1
    numbers = np.round(p * full).astype(kind)
    numbers[:, 0, 2] = none
    return numbers


@pytest.mark.parametrize(("full", "none", "kind"), [(250, 255, "uint8"), (65000, 65535, "uint16")])
@pytest.mark.parametrize("bands", ["named", "turned", "unnamed"])
def test_the_most_probable_class_is_read(tmp_path: Path, full: int, none: int, kind: str, bands: str) -> None:
    pixels, names = some_layers(full, none, kind), NAMES if bands != "unnamed" else ()
    if bands == "turned":
        pixels, names = pixels[::-1].copy(), NAMES[::-1]
    with open_layers(write_tiff(tmp_path / "a.tif", pixels, names), S2GLC) as layers:
        chosen, confidence, valid = layers.read()
        part = layers.read(Window(1, 0, 1, 1))
    assert valid.tolist() == [[True, True, False]]
    assert chosen[valid].tolist() == [2, 9]
    assert confidence[valid] == pytest.approx([0.8, 0.4])
    assert (part[0].item(), part[1].item(), part[2].item()) == (9, pytest.approx(0.4), True)


@pytest.mark.parametrize("fault", ["type", "bands", "names", "truncated"])
def test_faulty_files_are_refused(tmp_path: Path, fault: str) -> None:
    pixels, names = some_layers(), NAMES
    if fault == "type":
        pixels = pixels.astype(np.float32)
    if fault == "bands":
        pixels, names = pixels[:4], ()
    if fault == "names":
        names = ("forest", *NAMES[1:])
    if fault == "truncated":
        pixels = pixels.repeat(64, axis=1)
    path = write_tiff(tmp_path / "a.tif", pixels, names)
    if fault == "truncated":
        truncate(path)
    with pytest.raises(LandcoverError, match=r"a\.tif: .*; expected "), open_layers(path, S2GLC) as layers:
        layers.read()
