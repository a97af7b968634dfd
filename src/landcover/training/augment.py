"""Augmentation: the same flips and turns for image and mask, changes of light for the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from landcover.training.recipe import Augmentation


def augment(
    image: npt.NDArray[np.float32],
    target: npt.NDArray[np.uint8],
    settings: Augmentation,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """One random version of a chip.

    Light changes act on the raw numbers, as they do in nature: haze adds to them, most in blue, and
    illumination, atmosphere and season multiply them, all bands together and each on its own.

    Parameters
    ----------
    image : bands × height × width, digital numbers
    target : height × width; pixels move with the image's
    rng : every draw comes from it, in the same order whatever the settings
    """
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))
    common, each = rng.standard_normal(), rng.standard_normal(len(image))
    haze = rng.uniform(*settings.haze)
    if settings.turns:
        image, target = np.rot90(image, turns, (1, 2)), np.rot90(target, turns)
    if settings.flips and flip:
        image, target = image[:, :, ::-1], target[:, ::-1]
    gain = np.exp(settings.gain * common + np.asarray(settings.band_gain) * each)
    light = (np.float32(v).reshape(-1, 1, 1) for v in (gain, haze * np.asarray(settings.haze_bands)))
    changed = image * next(light) + next(light)
    return changed.astype(np.float32), np.ascontiguousarray(target)
