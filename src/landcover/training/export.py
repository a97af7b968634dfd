"""Export: write the model file from trained weights, check it, and load weights back from it."""

from __future__ import annotations

import logging
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landcover.errors import LandcoverError
from landcover.inference.engine import Engine
from landcover.inference.modelfile import Card, save
from landcover.networks.segmenter import Segmenter
from landcover.training import checkpoint

OPSET = 17
TOLERANCE = 1e-4
HEADS = ("network.head.", "network.model.segmentation_head.", "network.scores")  # of all kinds
CALIBRATION_CHIPS = 60


class _Probabilities(nn.Module):
    def __init__(self, segmenter: nn.Module) -> None:
        super().__init__()
        self.segmenter = segmenter

    def forward(self, image: Tensor) -> Tensor:
        return torch.softmax(self.segmenter(image), dim=1)


def write_model(path: Path, segmenter: nn.Module, card: Card) -> None:
    """Write the model file: digital numbers in, probabilities out, the card in its metadata.

    Batch normalisation stays apart from the convolutions and weights keep their names, so that training can
    go on from the file; OpenVINO folds them when it compiles.
    """
    save(path, _graph(segmenter, len(card.bands), torch.onnx.TrainingMode.PRESERVE), card)


def write_int8(
    path: Path, segmenter: nn.Module, card: Card, images: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    """Write a copy of the model file whose convolutions compute in int8, for `--precision int8`.

    Weights and activations are quantised after training, symmetrically, with the ranges that activations
    take on images (Jacob et al. 2018, Quantization and training of neural networks; done by NNCF). The first
    and the last convolution stay in float32: one sees inputs of any range, the other makes the probabilities.

    Parameters
    ----------
    images : training chips, chips × bands × height × width; 60 of them, spread evenly, are looked at
    """
    import nncf

    nncf.set_log_level(logging.ERROR)
    graph = _graph(segmenter, len(card.bands), torch.onnx.TrainingMode.EVAL)
    chosen = images[:: -(-len(images) // CALIBRATION_CHIPS)]
    samples = nncf.Dataset([{"image": image[None]} for image in chosen])
    with redirect_stdout(StringIO()):  # progress bars
        quantised = nncf.quantize(
            graph,
            samples,
            preset=nncf.QuantizationPreset.PERFORMANCE,
            subset_size=CALIBRATION_CHIPS,
            ignored_scope=nncf.IgnoredScope(names=edges(graph)),
        )
    save(path, quantised, card)


def edges(graph: Any) -> list[str]:
    """Names of the nodes of an ONNX graph that have no convolution before them, or none after them."""
    nodes = list(graph.graph.node)  # in the order of computation
    found = set()
    for order, came, goes in ((nodes, "input", "output"), (nodes[::-1], "output", "input")):
        reached: set[str] = set()
        for node in order:
            behind = not reached.isdisjoint(getattr(node, came))
            if not behind:
                found.add(node.name)
            if behind or node.op_type.startswith("Conv"):
                reached.update(getattr(node, goes))
    return sorted(found)


def _graph(segmenter: nn.Module, bands: int, mode: Any) -> Any:
    """The network as an ONNX graph."""
    import onnx

    axes = {name: {0: "n", 2: "height", 3: "width"} for name in ("image", "probabilities")}
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        file = Path(folder) / "graph.onnx"
        warnings.simplefilter("ignore")  # the exporter that keeps names warns that another is newer
        torch.onnx.export(
            _Probabilities(segmenter.eval()),
            (torch.zeros(1, bands, 64, 64),),
            file,
            dynamo=False,
            opset_version=OPSET,
            training=mode,
            input_names=["image"],
            output_names=["probabilities"],
            dynamic_axes=axes,
        )
        return onnx.load(file)


def check_model(path: Path, segmenter: nn.Module, images: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    """Largest difference between the file's probabilities and the network's, in float32.

    Raises
    ------
    LandcoverError : it is above 1e-4
    """
    engine, worst = Engine(path, "float32"), 0.0
    for image, found in zip(images, engine.probabilities(images), strict=True):
        with torch.inference_mode():
            wanted = segmenter.eval()(torch.from_numpy(image)[None]).softmax(dim=1)[0].numpy()
        worst = max(worst, float(abs(found - wanted).max()))
    if worst > TOLERANCE:
        raise LandcoverError(
            path,
            f"gives probabilities {worst:.1g} off those of the network",
            f"at most {TOLERANCE:g}",
            "report this: the export is at fault",
        )
    return worst


def trained_weights(source: Path) -> dict[str, Tensor]:
    """Weights of a segmenter by name, from a run folder or a model file."""
    if source.is_dir():
        return checkpoint.load(source / "checkpoint" / "best.safetensors")[0]
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(source).graph
    except (OSError, DecodeError) as error:
        raise LandcoverError(
            source, "can't be read as ONNX", "a run folder or a model file", "check --from"
        ) from error
    found = {i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in graph.initializer}
    for node in graph.node:  # the exporter writes equal tensors once and points to them
        if node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return {k.removeprefix("segmenter."): v for k, v in found.items() if k.startswith("segmenter.")}


def load_weights(segmenter: Segmenter, weights: dict[str, Tensor], source: Path) -> list[str]:
    """Put trained weights into a new segmenter; the last layer stays new where its classes differ.

    Returns
    -------
    names of the tensors that stay new

    Raises
    ------
    LandcoverError : another layer differs
    """
    state = segmenter.state_dict()
    new = [
        name
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
        and (name not in weights or weights[name].shape != value.shape)
    ]
    other = [name for name in new if not name.startswith(HEADS)]
    if other:
        raise LandcoverError(
            source,
            f"does not fit the recipe's network (first at {other[0]})",
            "the same [network] and bands",
            "copy them from the recipe it was trained with",
        )
    segmenter.load_state_dict({k: v for k, v in weights.items() if k in state and k not in new}, strict=False)
    return new
