"""What a network sees: digital numbers to logarithms of bands and ratios of bands, standardised."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

SOFTENING = 200.0
LINEAR = {"linear": 10_000, "largest": 24_356}
RATIOS = ("B02", "B03", "B04", "B08")


class Inputs(nn.Module):
    """Turn digital numbers (reflectance × 10,000) into features.

    Parameters
    ----------
    bands : names of the bands, in order
    scaling : `log` gives ln(1 + DN / 200), which tames bright pixels and turns a gain into a shift (Brown et
        al. 2022, Dynamic World, do alike); `linear` gives DN / 10,000; both are then standardised to zero
        mean and unit variance. `largest` gives DN / 24,356, the largest number of the challenge's images, and
        no more, as its benchmark does
    ratios : adds NDVI, NDWI and ln(B02 / B04), which a gain common to all bands does not change

    The mean and the standard deviation of the features are buffers: `fit` sets them from training pixels, and
    they travel with the weights; 0 and 1 for `largest`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, bands: Sequence[str], scaling: str, ratios: bool) -> None:
        super().__init__()
        self.scaling = scaling
        self.where = [list(bands).index(b) for b in RATIOS] if ratios else []
        self.count = len(bands) + (3 if ratios else 0)
        self.register_buffer("mean", torch.zeros(1, self.count, 1, 1))
        self.register_buffer("std", torch.ones(1, self.count, 1, 1))

    def features(self, image: Tensor) -> Tensor:
        """Features before standardising; negative numbers count as 0."""
        dn = image.clamp(min=0)
        bands = torch.log1p(dn / SOFTENING) if self.scaling == "log" else dn / LINEAR[self.scaling]
        if not self.where:
            return bands
        blue, green, red, nir = (dn[:, i : i + 1] + 1 for i in self.where)
        ndvi = (nir - red) / (nir + red)
        ndwi = (green - nir) / (green + nir)
        return torch.cat([bands, ndvi, ndwi, torch.log(blue / red)], dim=1)

    def fit(self, images: Tensor) -> None:
        """Take mean and standard deviation of the features of `images`, N × bands × H × W."""
        if self.scaling == "largest":
            return
        total, squares, n = torch.zeros(self.count).double(), torch.zeros(self.count).double(), 0
        for image in images:
            f = self.features(image[None]).double()
            total += f.sum(dim=(0, 2, 3))
            squares += (f * f).sum(dim=(0, 2, 3))
            n += f[0, 0].numel()
        mean = total / n
        std = (squares / n - mean**2).clamp(min=1e-12).sqrt()
        self.mean.copy_(mean.float().reshape_as(self.mean))
        self.std.copy_(std.float().clamp(min=math.sqrt(1e-6)).reshape_as(self.std))

    def forward(self, image: Tensor) -> Tensor:
        """N × bands × H × W digital numbers → N × features × H × W."""
        standard: Tensor = (self.features(image) - self.mean) / self.std
        return standard
