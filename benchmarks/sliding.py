"""Other ways to map a scene with the same network, windows, overlap and weights, each as its users run it.

All keep the whole scene's probabilities in memory, and write one GeoTIFF of codes and no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from landcover.inference.modelfile import Card, read_model
from landcover.inference.windows import Axis

Floats = np.ndarray[Any, np.dtype[np.float32]]
Model = Callable[[Floats], Floats]


def network(model: Path) -> tuple[Any, Card]:
    """The network in PyTorch, digital numbers in, probabilities out."""
    import torch

    from landcover.networks.segmenter import Segmenter
    from landcover.training.export import load_weights, trained_weights

    _, card = read_model(model)
    found = Segmenter(card.bands, len(card.classes), dict(card.recipe)["network"]).eval()
    load_weights(found, trained_weights(model), model)
    return torch.nn.Sequential(found, torch.nn.Softmax(dim=1)), card


def with_pytorch(model: Path) -> Model:
    """PyTorch, float32."""
    import torch

    found, _ = network(model)

    def run(window: Floats) -> Floats:
        with torch.inference_mode():
            result: Floats = found(torch.from_numpy(window)).numpy()
        return result

    return run


def with_onnxruntime(model: Path) -> Model:
    """ONNX Runtime, float32."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return lambda window: session.run(None, {"image": window})[0]


def usual(scene: Path, model: Path, out: Path, load: Callable[[Path], Model]) -> dict[str, Any]:
    """The usual way: sliding windows, accumulators of the scene's size."""
    began = time.perf_counter()
    run, (_, card) = load(model), read_model(model)
    with rasterio.open(scene) as file:
        image = file.read().astype(np.float32)
    side = image.shape[1]
    axis = Axis.cover(side, card.window, card.overlap)
    total = np.zeros((len(card.classes), side, side), np.float32)
    weight = np.zeros((side, side), np.float32)
    for y, height in zip(axis.starts, axis.sizes, strict=True):
        for x, width in zip(axis.starts, axis.sizes, strict=True):
            taper = np.minimum.outer(_taper(height, card.overlap), _taper(width, card.overlap))
            found = run(np.ascontiguousarray(image[None, :, y : y + height, x : x + width]))[0]
            total[:, y : y + height, x : x + width] += found * taper
            weight[y : y + height, x : x + width] += taper
    total /= weight
    return _written(total, scene, out, card, began)


def terratorch(scene: Path, model: Path, out: Path) -> dict[str, Any]:
    """terratorch's tiled_inference, over the whole scene in memory."""
    import torch
    from terratorch.tasks.tiled_inference import tiled_inference

    began = time.perf_counter()
    found, card = network(model)
    with rasterio.open(scene) as file:
        image = torch.from_numpy(file.read().astype(np.float32))[None]
    stride = card.window - card.overlap
    total = tiled_inference(
        found, image, crop=card.window, stride=stride, delta=0, batch_size=1, padding=False
    )
    return _written(total[0].numpy(), scene, out, card, began)


def geoai(scene: Path, model: Path, out: Path) -> dict[str, Any]:
    """geoai's predict_geotiff, which reads windows and writes the map itself."""
    from geoai.inference import predict_geotiff

    began = time.perf_counter()
    found, card = network(model)
    codes = np.array(card.classes, np.uint8)
    predict_geotiff(
        found, str(scene), str(out), card.window, card.overlap, batch_size=1, num_classes=len(codes),
        output_dtype="uint8", output_nodata=0, blend_mode="linear", preprocess_fn=lambda tile: tile,
        postprocess_fn=lambda total: codes[total.argmax(axis=0)][None], compress="deflate", verbose=False,
    )  # fmt: skip
    return {"seconds": time.perf_counter() - began, "map": str(out)}


def torchgeo(scene: Path, model: Path, out: Path) -> dict[str, Any]:
    """A loop over torchgeo's RasterDataset and GridGeoSampler, put together as in `usual`."""
    import torch
    from torchgeo.datasets import RasterDataset
    from torchgeo.samplers import GridGeoSampler

    began = time.perf_counter()
    found, card = network(model)
    dataset = RasterDataset(str(scene))
    with rasterio.open(scene) as file:
        height, width, transform = file.height, file.width, file.transform
    size = card.window
    total = np.zeros((len(card.classes), height, width), np.float32)
    weight = np.zeros((height, width), np.float32)
    taper = np.minimum.outer(_taper(size, card.overlap), _taper(size, card.overlap))
    for query in GridGeoSampler(dataset, size=size, stride=size - card.overlap):
        column, row = ~transform * (query[0].start, query[1].stop)
        y, x = round(row), round(column)
        part = np.s_[max(y, 0) : min(y + size, height), max(x, 0) : min(x + size, width)]
        own = np.s_[part[0].start - y : part[0].stop - y, part[1].start - x : part[1].stop - x]
        with torch.inference_mode():
            probabilities = found(dataset[query]["image"][None].float())[0].numpy()
        total[:, *part] += (probabilities * taper)[:, *own]
        weight[part] += taper[own]
    total /= weight
    return _written(total, scene, out, card, began)


PEERS = {"terratorch": terratorch, "geoai": geoai, "torchgeo": torchgeo}


def _written(total: Floats, scene: Path, out: Path, card: Card, began: float) -> dict[str, Any]:
    """Write the codes; seconds since `began`, the map, and the shares."""
    codes = np.array(card.classes, np.uint8)[total.argmax(axis=0)]
    shares = total.mean(axis=(1, 2), dtype=np.float64)
    with rasterio.open(scene) as file:
        profile = file.profile
    profile.update(count=1, dtype="uint8", compress="deflate", predictor=1)
    with rasterio.open(out, "w", **profile) as file:
        file.write(codes, 1)
    names = [c.name for c in card.legend.classes if c.code in card.classes]
    took = time.perf_counter() - began
    return {"seconds": took, "map": str(out), "shares": dict(zip(names, shares, strict=True))}


def _taper(size: int, overlap: int) -> Floats:
    ramp = np.minimum(1, (np.arange(size) + 0.5) / overlap)
    return np.minimum(ramp, ramp[::-1]).astype(np.float32)
