"""Decoders: how the probabilities of pixels become the shares of an image.

Every decoder sums something over pixels, so that a scene of any size is decoded window by window:
`pixel_sums` for each window, added up, then `shares` once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import reduce
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from landcover.errors import LandcoverError

Kind = Literal["counts", "mean", "calibrated", "loglinear"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Floats = npt.NDArray[np.float64]
SMALLEST = 1e-6  # probability whose logarithm is taken


@dataclass(frozen=True)
class Decoder:
    """A decoder and its parameters.

    Parameters
    ----------
    kind : `counts` gives each pixel to its most probable class and counts (the talk's way); `mean` averages
        the probabilities; `calibrated` averages the probabilities p^(1/temperature), made to sum to 1 again
        (temperature scaling, Guo et al. 2017), then mixes in the prior: (1 − shrinkage) · mean +
        shrinkage · prior; `loglinear` averages p^slope · e^offset, made to sum to 1 again, with a slope and
        an offset for each class (see `loglinear`)
    temperature : above 1 softens the probabilities
    shrinkage : weight of the prior, 0 to 1
    prior : shares of the classes where the decoder was fitted
    slopes, offsets : of the classes; none leave the probabilities as they are

    Examples
    --------
    >>> p = np.array([[[0.6, 0.6]], [[0.4, 0.4]]])  # 2 classes, 1 × 2 px
    >>> Decoder("counts").decode(p), Decoder("mean").decode(p)
    (array([1., 0.]), array([0.6, 0.4]))
    """

    kind: Kind = "mean"
    temperature: float = 1.0
    shrinkage: float = 0.0
    prior: tuple[float, ...] = ()
    slopes: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()

    def of_pixels(self, p: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
        """The probabilities that are averaged, classes × pixels: those of the network, or made of them."""
        if self.kind == "calibrated" and self.temperature != 1:
            p = np.maximum(p, np.finfo(np.float32).tiny)
            p **= np.float32(1 / self.temperature)
            p /= p.sum(axis=0)
        if self.kind == "loglinear" and self.slopes:
            p = loglinear(p, np.array(self.slopes), np.array(self.offsets))
        return p

    @property
    def is_mean_of_pixels(self) -> bool:
        """Whether shares are the mean of `of_pixels`, and nothing else."""
        return self.kind != "counts" and not (self.kind == "calibrated" and self.shrinkage)

    def pixel_sums(
        self,
        probabilities: npt.NDArray[np.floating[Any]],
        valid: npt.NDArray[np.bool_] | None = None,
        weights: Floats | tuple[Floats | None, ...] | None = None,
    ) -> Floats:
        """Sum over pixels of what this decoder adds up.

        Parameters
        ----------
        probabilities : classes × any shape, each pixel summing to 1
        valid : the same shape without classes; pixels that count (all, if None)
        weights : how much each pixel counts (1, if None), such as its hectares; broadcasts to that shape. A
            tuple of several costs less than several calls

        Returns
        -------
        sums : float64, one per class; they sum to the number of valid pixels, or to their weight. With a
            tuple of weights: a row each

        Examples
        --------
        >>> p = np.array([[[0.6, 0.6], [0.1, 0.1]], [[0.4, 0.4], [0.9, 0.9]]])  # 2 classes, 2 × 2 px
        >>> Decoder("mean").pixel_sums(p, weights=(None, np.array([[10.0], [20.0]])))
        array([[ 1.4,  2.6],
               [16. , 44. ]])
        """
        shape = probabilities.shape[1:]
        p = probabilities.reshape(len(probabilities), -1)
        chosen = None if valid is None or valid.all() else valid.reshape(-1)
        if chosen is not None:
            p = p[:, chosen]
        p = self.of_pixels(p)
        winners = likeliest(p) if self.kind == "counts" else None

        def total(weight: Floats | None) -> Floats:
            if weight is not None:
                weight = np.broadcast_to(weight, shape).reshape(-1)
                weight = weight if chosen is None else weight[chosen]
            if winners is not None:
                return np.bincount(winners, weight, minlength=len(p)).astype(np.float64)
            if weight is None:
                return np.array([row.sum(dtype=np.float64) for row in p])
            return np.asarray(np.einsum("cn,n->c", p, weight, dtype=np.float64, casting="same_kind"))

        return np.stack([total(w) for w in weights]) if isinstance(weights, tuple) else total(weights)

    def shares(self, sums: Floats) -> Floats:
        """Shares from sums: they sum to 1, or are all 0 when no pixel counted."""
        total = sums.sum(axis=-1, keepdims=True)
        shares: Floats = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
        if self.kind == "calibrated" and self.shrinkage:
            mixed = (1 - self.shrinkage) * shares + self.shrinkage * np.asarray(self.prior)
            shares = np.where(total > 0, mixed, shares)
        return shares

    def decode(
        self, probabilities: npt.NDArray[np.floating[Any]], valid: npt.NDArray[np.bool_] | None = None
    ) -> Floats:
        """Shares of one image: `shares(pixel_sums(...))`."""
        return self.shares(self.pixel_sums(probabilities, valid))

    def to_dict(self) -> dict[str, Any]:
        """The decoder as JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Decoder:
        """Read what `to_dict` wrote."""
        return cls(
            kind=data["kind"],
            temperature=float(data["temperature"]),
            shrinkage=float(data["shrinkage"]),
            prior=tuple(float(v) for v in data["prior"]),
            slopes=tuple(float(v) for v in data.get("slopes", ())),
            offsets=tuple(float(v) for v in data.get("offsets", ())),
        )


def likeliest(p: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """The index of the likeliest class of each pixel, of several the first: a quarter of argmax's time.

    Parameters
    ----------
    p : classes × any shape; 255 classes at most, as codes of a map have

    Examples
    --------
    >>> likeliest(np.array([[0.4, 0.5], [0.6, 0.5]]))
    array([1, 0], dtype=uint8)
    """
    most, classes = np.maximum.reduce(p), len(p)
    left = np.ones(most.shape, np.uint8)  # classes from the winner to the last
    for index, own in enumerate(p):
        np.maximum(left, (own == most).view(np.uint8) * np.uint8(classes - index), out=left)
    return np.uint8(classes) - left


def loglinear(p: npt.NDArray[Any], slopes: Floats, offsets: Floats) -> npt.NDArray[np.float32]:
    """Probabilities p^slope · e^offset of each class, made to sum to 1 again.

    Dirichlet calibration (Kull et al. 2019) with a diagonal matrix.

    Parameters
    ----------
    p : … × classes × pixels
    slopes, offsets : a number for each class

    Examples
    --------
    >>> loglinear(np.array([[0.5], [0.5]]), np.ones(2), np.log([1.0, 3.0]))
    array([[0.25],
           [0.75]], dtype=float32)
    """
    q: npt.NDArray[np.float32] = np.maximum(p, SMALLEST).astype(np.float32, copy=False)
    np.log(q, out=q)
    q *= slopes.astype(np.float32)[:, None]
    q += offsets.astype(np.float32)[:, None]
    classes = np.moveaxis(q, -2, 0)  # class by class is three times as fast as numpy's own max and sum
    classes -= reduce(np.maximum, classes)
    np.exp(q, out=q)
    classes /= reduce(np.add, classes)
    return q


def override(trained: Decoder, kind: str | None) -> Decoder:
    """The model's decoder, or another kind; `calibrated` and `loglinear` only if the model has parameters."""
    if kind is None or kind == trained.kind:
        return trained
    if kind not in KINDS:
        raise LandcoverError("--decoder", f"is {kind!r}", f"one of {', '.join(KINDS)}", "mend it")
    known: dict[str, tuple[float, ...]] = {"calibrated": trained.prior, "loglinear": trained.slopes}
    if kind in known and not known[kind]:
        raise LandcoverError(
            "--decoder",
            f"is {kind!r}, which this model has no parameters for",
            "counts or mean",
            f'choose one of these, or train with decoder = "{kind}"',
        )
    return replace(trained, kind=kind)
