"""Maps for the tests of change and series."""

from __future__ import annotations

from typing import Any

import numpy as np
from rasterio import CRS, Affine
from scipy import ndimage

from landcover.imagery.image import Place

UTM = Place(CRS.from_epsg(32631), Affine(10, 0, 600_000, 0, -10, 5_100_000))


def blobs(seed: int, shape: tuple[int, int] = (90, 70)) -> np.ndarray[Any, Any]:
    """A map of patches of several sizes."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(4, *shape)), (0, 3, 3))
    return np.array([2, 3, 4, 9], np.uint8)[noise.argmax(axis=0)]
