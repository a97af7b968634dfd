"""Layers and sums: what is kept of the probabilities of pixels, in numpy and as a graph for the engine.

The graph spares the probabilities the way out of the engine where a window stands alone; seams between
windows, where probabilities are mixed first, are finished in numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from landcover.imagery.write import PROBABILITY_NO_DATA, PROBABILITY_SCALE, to_bytes
from landcover.inference.modelfile import Card
from landcover.shares.decode import SMALLEST, Decoder, likeliest

BLOCK = 32  # px; the sides of windows are multiples of it
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Sums = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Layers:
    """Which layers a scene gets, and the decoder of its shares.

    Attributes
    ----------
    codes : of the legend, for each class of the model
    no_data : code of pixels without data
    probabilities, confidence : whether these layers are kept, of the probabilities that the decoder averages
    overlap : px of a seam
    """

    codes: tuple[int, ...]
    no_data: int
    decoder: Decoder
    probabilities: bool = False
    confidence: bool = False
    overlap: int = 0

    @classmethod
    def of(cls, card: Card, decoder: Decoder, probabilities: bool, confidence: bool, overlap: int) -> Layers:
        """Those of a model."""
        return cls(card.classes, card.legend.no_data_code, decoder, probabilities, confidence, overlap)

    @property
    def bands(self) -> dict[str, int]:
        """Number of bands of each layer, by the folder it goes to."""
        kept = {"maps": 1}
        if self.probabilities:
            kept["probabilities"] = len(self.codes)
        if self.confidence:
            kept["confidence"] = 1
        return kept

    def of_pixels(self, p: Floats) -> list[Bytes]:
        """The layers of probabilities, classes × height × width, each bands × height × width."""
        found = [np.array(self.codes, np.uint8)[likeliest(p)][None]]
        if self.probabilities or self.confidence:
            p = self.decoder.of_pixels(p.reshape(len(p), -1)).reshape(p.shape)
        if self.probabilities:
            found.append(to_bytes(p))
        if self.confidence:
            found.append(to_bytes(p.max(axis=0, keepdims=True)))
        return found

    def hide(self, layers: list[Bytes], valid: npt.NDArray[np.bool_]) -> list[Bytes]:
        """Put the no-data value where there is no data, in place."""
        if not valid.all():
            for layer, value in zip(layers, (self.no_data, *(PROBABILITY_NO_DATA,) * 2), strict=False):
                np.copyto(layer, value, where=~valid)
        return layers

    def sums_of_pixels(self, p: Floats, valid: npt.NDArray[np.bool_], areas: Sums | None) -> Sums:
        """What the decoder adds up, 2 × classes: in pixels and in hectares (0 where areas are not known)."""
        if areas is None:
            return np.stack([self.decoder.pixel_sums(p, valid), np.zeros(len(p))])
        return self.decoder.pixel_sums(p, valid, (None, areas))

    def extend(self, model: Any) -> Any:
        """A model (OpenVINO) that gives seams, layers and sums by row instead of all probabilities.

        It takes a second input, uint8 1 × 1 × height × width: 1 for each pixel that counts; and two more,
        int32, 1 × 2 overlap: the rows and the columns of its seams (`Part`). It gives the probabilities in
        these rows (1 × classes × 2 overlap × width) and columns (1 × classes × height × 2 overlap), the
        layers, and the decoder's sums over blocks of 1 × 32 px (1 × classes × height × blocks).
        """
        import openvino
        import openvino.opset13 as ops

        p = model.output(0).get_node().input_value(0)
        _, classes, height, width = p.get_shape()
        counts = ops.parameter(openvino.PartialShape([1, 1, height, width]), np.uint8, "counts")
        seams = [ops.parameter([1, 2 * self.overlap], np.int32, name) for name in ("rows", "columns")]

        # pixels lie along one axis: layouts that block the classes are slower
        def flat(values: Any) -> Any:
            return ops.reshape(values, np.array([-1, height * width]), False)

        def as_image(values: Any) -> Any:
            return ops.reshape(values, np.array([1, -1, height, width]), False)

        def as_bytes(values: Any) -> Any:
            scaled = ops.multiply(values, np.float32(PROBABILITY_SCALE))
            return as_image(ops.convert(ops.round(scaled, "half_to_even"), "u8"))

        def total(values: Any) -> Any:
            return ops.reduce_sum(values, np.array([0]), keep_dims=True)

        if p.get_node().get_type_name() == "Softmax":
            scores = p.get_node().input_value(0)
        else:
            scores = ops.log(ops.maximum(p, np.finfo(np.float32).tiny)).output(0)
        outputs = [
            ops.softmax(ops.gather(scores, ops.reshape(seam, [-1], False), np.int64(axis)), 1)
            for axis, seam in zip((2, 3), seams, strict=True)
        ]

        z = flat(scores)
        if self.decoder.kind == "calibrated" and self.decoder.temperature != 1:
            z = ops.multiply(z, np.float32(1 / self.decoder.temperature))
        best, winner = ops.topk(z, np.int64(1), 0, "max", "none", index_element_type="i32").outputs()
        outputs.append(as_image(ops.gather(np.array(self.codes, np.uint8), winner, np.int64(0))))
        z = ops.subtract(z, best)
        parts = ops.exp(z)  # of the probabilities that the decoder averages, of `whole`
        whole = total(parts)
        if self.decoder.kind == "loglinear" and self.decoder.slopes:
            slopes, offsets = (
                np.array(values, np.float32)[:, None]
                for values in (self.decoder.slopes, self.decoder.offsets)
            )
            logarithms = ops.maximum(ops.subtract(z, ops.log(whole)), np.float32(np.log(SMALLEST)))
            parts = ops.exp(ops.add(ops.multiply(logarithms, slopes), offsets))
            whole = total(parts)
        if self.probabilities:
            outputs.append(as_bytes(ops.divide(parts, whole)))
        if self.confidence:
            most = ops.reduce_max(parts, np.array([0]), keep_dims=True)
            outputs.append(as_bytes(ops.divide(most, whole)))
        weights = ops.convert(flat(counts), "f32")
        if self.decoder.kind == "counts":
            each = np.arange(classes, dtype=np.int32)[:, None]
            parts = ops.convert(ops.equal(winner, each), "f32")
        else:
            weights = ops.divide(weights, whole)
        counted = ops.multiply(parts, weights)
        blocks = ops.reshape(counted, np.array([1, classes, height, width // BLOCK, BLOCK]), False)
        outputs.append(ops.reduce_sum(blocks, np.array([4])))
        results = [ops.result(o) for o in outputs]
        return openvino.Model(results, [*model.get_parameters(), counts, *seams], "layers")
