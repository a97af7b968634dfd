"""Any architecture of segmentation_models_pytorch, by its name there."""

from __future__ import annotations

from torch import Tensor, nn

from landcover.errors import LandcoverError


class SMP(nn.Module):
    """`smp:DeepLabV3Plus` and the like: an encoder by name and a decoder, from random weights.

    Parameters
    ----------
    inputs, classes : channels in and out
    architecture : name in segmentation_models_pytorch, such as DeepLabV3Plus
    encoder : name of the encoder there

    Raises
    ------
    LandcoverError : the package is missing, or knows no such architecture or encoder
    """

    def __init__(self, inputs: int, classes: int, architecture: str, encoder: str = "resnet18") -> None:
        super().__init__()
        try:
            import segmentation_models_pytorch as smp
        except (ImportError, RuntimeError) as error:  # torchvision may not fit the build of torch
            raise LandcoverError(
                "network.kind",
                f"is smp:{architecture}, and segmentation_models_pytorch can't be imported ({error})",
                "an environment with torch, torchvision and segmentation-models-pytorch",
                "see docs/training.md",
            ) from error
        try:
            self.model = smp.create_model(
                architecture, encoder, encoder_weights=None, in_channels=inputs, classes=classes
            )
        except KeyError as error:
            raise LandcoverError(
                "network.kind",
                f"is smp:{architecture} with the encoder {encoder}",
                "names that segmentation_models_pytorch knows",
                str(error.args[0]),
            ) from error

    def forward(self, x: Tensor) -> Tensor:
        """N × inputs × H × W → N × classes × H × W scores (before softmax)."""
        scores: Tensor = self.model(x)
        return scores
