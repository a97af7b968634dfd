"""Small model files for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from landcover.inference.modelfile import BandStatistics, Card, Novelty
from landcover.legend import S2GLC
from landcover.networks.segmenter import Segmenter
from landcover.shares.decode import Decoder
from landcover.training.export import write_model

BANDS = ("B02", "B03", "B04", "B08")
SETTINGS = {"kind": "unet", "width": 4, "depth": 2, "scaling": "log", "ratios": True}


def card(window: int = 64, overlap: int = 16, decoder: Decoder | None = None) -> Card:
    """A card for a model of the challenge's classes."""
    return Card(
        legend=S2GLC,
        classes=S2GLC.label_codes,
        bands=BANDS,
        statistics=tuple(BandStatistics(m, m / 3, m / 4, m, m * 3) for m in (400.0, 600.0, 500.0, 3000.0)),
        novelty=Novelty(
            tuple(np.log([4e6, 6e6, 5e6, 3e7])),
            tuple(map(tuple, (np.eye(4) + 1) / 4)),
            distance=4.0,
            share=0.1,
            sharpness=0.0,
        ),
        window=window,
        overlap=overlap,
        decoder=decoder or Decoder("calibrated", 1.2, 0.01, (0.125,) * 8),
    )


def tiny_model(path: Path, window: int = 64, overlap: int = 16, decoder: Decoder | None = None) -> Path:
    """A model file with random weights, always the same."""
    torch.manual_seed(0)
    segmenter = Segmenter(BANDS, 8, SETTINGS)
    with torch.no_grad():
        for parameter in segmenter.parameters():
            parameter.mul_(3)
    write_model(path, segmenter, card(window, overlap, decoder))
    return path
