"""Networks: sizes of outputs, numbers of parameters, and what the inputs do to numbers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landcover.networks.atrous import AtrousUNet
from landcover.networks.benchmark import Benchmark
from landcover.networks.fcdensenet import FCDenseNet
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


def test_parameters_of_the_benchmark_and_of_densenets() -> None:
    assert parameters(Benchmark(4, 10)) == 984_234
    millions = {n: parameters(FCDenseNet(3, 11, n)) / 1e6 for n in (56, 67, 103)}
    assert millions == pytest.approx({56: 1.5, 67: 3.5, 103: 9.4}, rel=0.1)  # Jégou et al. 2017, table 3


def test_dilated_convolutions_see_far() -> None:
    """How far a pixel's score depends on others: one level down, pixels of 2 × 2, 15 of them to each side."""
    torch.manual_seed(0)
    network = AtrousUNet(1, 2, width=8, depth=1, batch_norm=False).double().eval()
    image = torch.rand(1, 1, 128, 128, dtype=torch.float64, requires_grad=True)
    network(image)[0, 0, 64, 64].backward()
    assert image.grad is not None
    columns = torch.nonzero(image.grad[0, 0].abs().sum(dim=0))[:, 0]
    assert columns.max() - columns.min() > 60


@pytest.mark.parametrize(
    "kind",
    [
        {"kind": "benchmark"},
        {"kind": "fcdensenet", "layers": 56, "dropout": 0.0},
        {"kind": "atrous", "width": 8, "depth": 2},
    ],
)
def test_every_kind_learns_one_chip(kind: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = Segmenter(BANDS, 3, {**kind, "scaling": "linear", "ratios": False})
    image = torch.rand(2, 4, 32, 64) * 3000
    target = (image[:, 3] > 1500).long() + (image[:, 0] > 2000).long()
    network.inputs.fit(image)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(network(image), target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


def test_the_benchmark_sees_numbers_as_they_were_published() -> None:
    inputs = Inputs(BANDS, "largest", False)
    image = torch.full((1, 4, 8, 8), 12_178.0)
    inputs.fit(image)
    assert torch.equal(inputs(image), torch.full_like(image, 0.5))


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
