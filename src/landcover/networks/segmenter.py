"""A segmenter: inputs and network together, from digital numbers to scores of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from landcover.networks.atrous import AtrousUNet
from landcover.networks.benchmark import Benchmark
from landcover.networks.fcdensenet import FCDenseNet
from landcover.networks.inputs import Inputs
from landcover.networks.shares import Constant, SharesCNN, SharesMLP
from landcover.networks.smp import SMP
from landcover.networks.unet import UNet

KINDS: dict[str, type[nn.Module]] = {
    "unet": UNet,
    "atrous": AtrousUNet,
    "benchmark": Benchmark,
    "fcdensenet": FCDenseNet,
    "constant": Constant,
    "shares-mlp": SharesMLP,
    "shares-cnn": SharesCNN,
}
FOREIGN = "smp:"  # before the name of an architecture


class Segmenter(nn.Module):
    """`inputs` (scaling, ratios, standardisation) followed by `network`.

    Parameters
    ----------
    bands : names of the bands
    classes : number of classes
    settings : the recipe's table `network`: kind, scaling, ratios and the settings of that kind
    """

    def __init__(self, bands: Sequence[str], classes: int, settings: Mapping[str, Any]) -> None:
        super().__init__()
        rest = dict(settings)
        kind, scaling, ratios = rest.pop("kind"), rest.pop("scaling"), rest.pop("ratios")
        self.inputs = Inputs(bands, scaling, ratios)
        if kind.startswith(FOREIGN):
            self.network: nn.Module = SMP(self.inputs.count, classes, kind.removeprefix(FOREIGN), **rest)
        else:
            self.network = KINDS[kind](self.inputs.count, classes, **rest)

    def forward(self, image: Tensor) -> Tensor:
        """N × bands × H × W digital numbers → N × classes × H × W scores (before softmax)."""
        scores: Tensor = self.network(self.inputs(image))
        return scores
