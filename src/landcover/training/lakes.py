"""Lakes: invented open water for chips of places that hold next to none.

Where the widest water that a network sees is a pond of 25 px, it learns that water is small, and takes a
reservoir for a smooth field. A drawn lake has the outline of a smooth random field and the colours of a
water pixel of the training chips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter, zoom

from landcover.errors import LandcoverError
from landcover.legend import Legend
from landcover.training.data import Chips

WATER = "water"
FINEST, COARSEST = 3, 12  # knots a side of the random field: one broad lake to many small ones
LARGEST = 0.2  # of a chip
RIPPLE = (2.0, 30.0)  # digital numbers, white noise
GRADIENT = 0.10  # relative, across a lake


@dataclass(frozen=True)
class Lakes:
    """Draws lakes into chips.

    Attributes
    ----------
    colours : digital numbers of open water, pixels × bands
    water : index of the class
    share : of the chips that get a lake
    """

    colours: npt.NDArray[np.float32]
    water: int
    share: float

    @classmethod
    def of(cls, chips: Chips, legend: Legend, bands: tuple[str, ...], share: float) -> Lakes:
        """Take the colours from the water of `chips` whose NDWI is above 0.

        NDWI is that of McFeeters (1996), (B03 − B08) / (B03 + B08): labels come from a year, images from a
        day, when some ponds are dry.

        Raises
        ------
        LandcoverError : the legend has no class `water`, or no pixel of it is wet
        """
        water = legend.label_names.index(WATER) if WATER in legend.label_names else -1
        colours = chips.images.transpose(0, 2, 3, 1)[chips.targets == water]
        green, infrared = (colours[:, bands.index(b)] for b in ("B03", "B08"))
        colours = colours[green > infrared]
        if not len(colours):
            raise LandcoverError(
                "augmentation.lakes",
                f"is {share:g}, but no training chip shows open water",
                f"chips with the class {WATER}",
                "set it to 0",
            )
        return cls(colours, water, share)

    def draw(
        self, image: npt.NDArray[np.float32], target: npt.NDArray[np.uint8], rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """The chip with a lake, or, more often, as it is.

        Parameters
        ----------
        image : bands × height × width, digital numbers
        target : height × width; the lake's pixels become water, those without a label included
        """
        if rng.random() >= self.share:
            return image, target
        height, width = target.shape
        knots = rng.standard_normal((rng.integers(FINEST, COARSEST + 1),) * 2)
        field = zoom(knots, (height / len(knots), width / len(knots)), order=3)
        lake = field > np.quantile(field, 1 - rng.uniform(0, LARGEST))
        shore = uniform_filter(lake.astype(np.float32), 3)  # share of water in each pixel
        colour = self.colours[rng.integers(len(self.colours))].reshape(-1, 1, 1)
        slope = 1 + GRADIENT * rng.uniform(-1, 1) * field / np.abs(field).max()
        ripple = np.exp(rng.uniform(*np.log(RIPPLE))) * rng.standard_normal(image.shape)
        water = np.maximum(colour * slope + ripple, 1)
        mixed = image + shore * (water - image)
        return mixed.astype(np.float32), np.where(lake, np.uint8(self.water), target)
