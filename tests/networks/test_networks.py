"""Networks: sizes of outputs, numbers of parameters, and what the inputs do to numbers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landcover.networks.inputs import Inputs
from landcover.networks.segmenter import Segmenter
from landcover.networks.unet import UNet

BANDS = ("B02", "B03", "B04", "B08")


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("width", "depth", "millions"), [(64, 4, 31.0), (24, 4, 4.37), (64, 2, 1.87), (16, 4, 1.94)]
)
def test_parameters_are_those_of_the_published_networks(width: int, depth: int, millions: float) -> None:
    assert round(parameters(UNet(4, 10, width, depth)) / 1e6, 2) == pytest.approx(millions, rel=0.005)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.booleans(), st.sampled_from([0.0, 0.2]))
def test_a_map_is_as_large_as_its_image(
    depth: int, rows: int, columns: int, batch_norm: bool, dropout: float
) -> None:
    network = UNet(4, 5, width=2, depth=depth, batch_norm=batch_norm, dropout=dropout).eval()
    image = torch.zeros(2, 4, rows * 2**depth, columns * 2**depth)
    assert network(image).shape == (2, 5, *image.shape[2:])


@pytest.mark.parametrize("scaling", ["log", "linear"])
@pytest.mark.parametrize("ratios", [True, False])
def test_inputs_are_standardised_after_fit(scaling: str, ratios: bool) -> None:
    inputs = Inputs(BANDS, scaling, ratios)
    images = torch.rand(3, 4, 32, 32) * 4000
    inputs.fit(images)
    seen = inputs(images)
    assert seen.shape[1] == 4 + 3 * ratios
    assert torch.allclose(seen.mean(dim=(0, 2, 3)), torch.zeros(seen.shape[1]), atol=1e-3)
    assert torch.allclose(seen.std(dim=(0, 2, 3)), torch.ones(seen.shape[1]), atol=1e-2)


def test_ratios_do_not_see_a_common_gain() -> None:
    inputs = Inputs(BANDS, "log", True)
    image = torch.rand(1, 4, 8, 8) * 3000 + 500
    assert torch.allclose(inputs.features(image)[:, 4:], inputs.features(1.5 * image)[:, 4:], atol=2e-3)


def test_negative_numbers_count_as_zero() -> None:
    segmenter = Segmenter(
        BANDS, 8, {"kind": "unet", "width": 2, "depth": 1, "scaling": "log", "ratios": True}
    )
    image = torch.rand(1, 4, 8, 8) * 100 - 50
    assert torch.equal(segmenter.eval()(image), segmenter(image.clamp(min=0)))
