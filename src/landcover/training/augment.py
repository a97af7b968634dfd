"""Augmentation: the same flips and turns for image and mask, changes of light and sharpness for the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, zoom

from landcover.training.recipe import Augmentation

BLUR = (0.3, 1.3)  # px, standard deviation of the Gaussian
COARSE = (1.3, 2.3)  # px, side of the pixels that the image is seen in


def augment(
    image: npt.NDArray[np.float32],
    target: npt.NDArray[np.uint8],
    settings: Augmentation,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """One random version of a chip.

    Light changes act on the raw numbers, as they do in nature: haze adds to them, most in blue, and
    illumination, atmosphere and season multiply them, all bands together and each on its own. Images that
    were resampled on their way are less sharp than those of training, or were made of larger pixels.

    Parameters
    ----------
    image : bands × height × width, digital numbers
    target : height × width; pixels move with the image's
    rng : every draw comes from it, in the same order whatever the settings
    """
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    common, each = rng.standard_normal(), rng.standard_normal(len(image))
    haze, offset = rng.uniform(*settings.haze), rng.uniform(-1, 1) * settings.offset
    chance, sigma, side, order = rng.random(), rng.uniform(*BLUR), rng.uniform(*COARSE), int(rng.integers(2))
    corner = rng.random(2)
    if settings.crop:
        y, x = (corner * (np.array(target.shape) - settings.crop + 1)).astype(int)
        piece = np.s_[y : y + settings.crop, x : x + settings.crop]
        image, target = image[:, *piece], target[piece]
    if settings.turns:
        image, target = np.rot90(image, turns, (1, 2)), np.rot90(target, turns)
    if settings.flips and flip:
        image, target = image[:, :, ::-1], target[:, ::-1]
    gain = np.exp(settings.gain * common + np.asarray(settings.band_gain) * each)
    if chance < settings.blur:
        image = gaussian_filter(image, (0, sigma, sigma))
    elif chance < settings.blur + settings.coarse:
        image = _coarser(image, side, order)
    added = haze * np.asarray(settings.haze_bands) + offset
    changed = image * np.float32(gain).reshape(-1, 1, 1) + np.float32(added).reshape(-1, 1, 1)
    return changed.astype(np.float32), np.ascontiguousarray(target)


def _coarser(image: npt.NDArray[np.float32], side: float, order: int) -> npt.NDArray[np.float32]:
    """The image as seen in pixels of `side` px, back on its own grid: nearest (order 0) or linear (1)."""
    smooth = gaussian_filter(image, (0, side / 3, side / 3))
    few = zoom(smooth, [1, 1 / side, 1 / side], order=1, grid_mode=True, mode="nearest")
    back = [a / b for a, b in zip(image.shape, few.shape, strict=True)]
    found = zoom(few, back, None, 1 if order else 0, "nearest", grid_mode=True)
    return np.asarray(found, np.float32)
