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


def test_networks_of_shares_say_the_same_of_all_pixels() -> None:
    for kind in ("constant", "shares-mlp", "shares-cnn"):
        network = Segmenter(BANDS, 3, {"kind": kind, "scaling": "log", "ratios": True}).eval()
        scores = network(torch.rand(2, 4, 64, 32) * 3000)
        assert scores.shape == (2, 3, 64, 32)
        assert torch.equal(scores, scores[:, :, :1, :1].expand_as(scores))


@pytest.mark.parametrize("kind", ["shares-mlp", "shares-cnn"])
def test_networks_of_shares_learn_the_shares_of_two_chips(kind: str) -> None:
    torch.manual_seed(0)
    network = Segmenter(BANDS, 2, {"kind": kind, "scaling": "log", "ratios": False})
    bright = torch.rand(2, 4, 64, 64) < torch.tensor([0.2, 0.8]).reshape(2, 1, 1, 1)
    image = 300 + 2000 * bright.float()
    target = bright[:, 0].long()
    network.inputs.fit(image)
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(image), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    found = network(image)[:, :, 0, 0].softmax(dim=1)[:, 1].tolist()
    assert found == pytest.approx(target.float().mean(dim=(1, 2)).tolist(), abs=0.05)


def test_cross_entropy_of_a_constant_is_the_kl_of_shares() -> None:
    """So the loss leads it to the shares of training."""
    network = Segmenter(BANDS, 3, {"kind": "constant", "scaling": "log", "ratios": True})
    target = torch.tensor([[[0, 0, 1, 2]]]).repeat(1, 32, 8)
    image = torch.rand(1, 4, 32, 32) * 3000
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    for _ in range(200):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(image), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert network(image)[0, :, 0, 0].softmax(dim=0).tolist() == pytest.approx([0.5, 0.25, 0.25], abs=1e-3)


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
