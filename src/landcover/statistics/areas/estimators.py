"""Areas and accuracies with standard errors from a probability sample of pixels: stratified estimators.

The strata may be the classes of the map (Olofsson et al. 2014) or anything else (Stehman 2014). Both are one
estimator: every figure is a total, or a ratio of totals, of numbers that depend only on the class of a point
in the map and in the reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """A labelled sample, as numbers of points and sums of their pixels' areas in cells.

    A cell is a stratum, a class in the map and a class in the reference; every figure and its error follow
    from these. Leading axes hold many samples of one design, to be estimated at once.

    Attributes
    ----------
    points : … × strata × classes (map) × classes (reference): how many
    area, area2 : the same shape: sum of the areas of these points' pixels, and of their squares; of equal
        pixels both are `points`
    stratum_ha : area of each stratum, hectares
    fraction : sampling fraction n/N of each stratum, for the finite population correction; 0 leaves it out
    map_ha : area of each class in the map, hectares, to post-stratify by; None weights by the strata alone
    groups : post-stratum of each class of the map; None makes each its own
    """

    points: Ints
    area: Floats
    area2: Floats
    stratum_ha: Floats
    fraction: Floats
    map_ha: Floats | None = None
    groups: Ints | None = None

    @classmethod
    def of_counts(
        cls, counts: npt.ArrayLike, stratum_ha: npt.ArrayLike, fraction: npt.ArrayLike = 0.0
    ) -> Sample:
        """A sample of pixels of equal area, from its counts (strata × map × reference).

        A matrix of two axes is a sample whose strata are the classes of the map, in the order of its rows.
        """
        points = np.asarray(counts, np.int64)
        if points.ndim == 2:
            points = points[:, None, :] * np.eye(len(points), dtype=np.int64)[:, :, None]
        area, ha = points.astype(float), np.asarray(stratum_ha, float)
        return cls(points, area, area, ha, np.broadcast_to(np.asarray(fraction, float), ha.shape))

    @classmethod
    def of_points(
        cls, stratum: Ints, mapped: Ints, reference: Ints, area: Floats, classes: int, stratum_ha: Floats,
        pixels: Floats | None = None, map_ha: Floats | None = None, groups: Ints | None = None,
    ) -> Sample:  # fmt: skip
        """A sample from its points, each … × points; the first three are positions from 0.

        Parameters
        ----------
        area : hectares of the pixel of each point
        classes : how many there are
        pixels : of each stratum; None: not known, no finite population correction
        """
        shape = (len(stratum_ha), classes, classes)
        cells = (stratum, mapped, reference)
        points = tally(cells, shape).astype(np.int64)
        drawn = points.sum(axis=(-2, -1)).reshape(-1, len(stratum_ha))[0]
        fraction = np.zeros(len(stratum_ha)) if pixels is None else drawn / pixels
        areas, areas2 = tally(cells, shape, area), tally(cells, shape, area**2)
        return cls(points, areas, areas2, stratum_ha, fraction, map_ha, groups)

    @property
    def in_strata(self) -> Ints:
        """Points of each stratum: … × strata."""
        return np.asarray(self.points.sum(axis=(-2, -1)))

    def by_group(self, of_classes: Floats) -> Floats:
        """Sums over post-strata, each given to all its classes: from and to … × classes of the map."""
        if self.groups is None:
            return of_classes
        return np.asarray(of_classes @ np.equal.outer(self.groups, self.groups))


@dataclass(frozen=True)
class Estimate:
    """Figures with their standard errors, each … × classes (overall: …); NaN where nothing was found.

    Attributes
    ----------
    area, area_se : hectares of each class on the ground
    users, users_se : user's accuracy: of what the map calls the class, the part that is it
    producers, producers_se : producer's accuracy: of the class on the ground, the part that the map calls so
    producers_corrected : the same, without the bias of a ratio
    overall, overall_se : part of the area where the map is right
    map_points, reference_points : points of each class in the map and in the reference
    heaviest : hectares that the point with the greatest weight stands for
    unseen : hectares that the point with the greatest weight stands for in the strata (with post-strata, in
        the parts of strata in each) where no point is of the class; 0 where each shows it
    whole : hectares of all classes together
    """

    area: Floats
    area_se: Floats
    users: Floats
    users_se: Floats
    producers: Floats
    producers_se: Floats
    producers_corrected: Floats
    overall: Floats
    overall_se: Floats
    map_points: Ints
    reference_points: Ints
    heaviest: Floats
    unseen: Floats
    whole: float


def estimate(sample: Sample) -> Estimate:
    """Areas and accuracies with their standard errors.

    A point of stratum h stands for w = A_h · a / Σ_h a hectares, where A_h is the area of the stratum, a that
    of the point's pixel and Σ_h a that of all pixels drawn in h: N_h / n_h pixels where all are alike. With
    post-strata, the weights of each class of the map are then multiplied by the class's area over the sum of
    its weights (Särndal, Swensson and Wretman 1992, section 7.6).

    A total is Σ w z, and a ratio R = Σ w y / Σ w x has the error of the total of z = (y − R x) / Σ w x
    (Stehman 2014, equations 3 and 27; Särndal et al. 1992, section 5.6). With e = w (z − the weighted mean of
    z in the point's stratum or post-stratum), the variance is

        Σ_h (1 − f_h) n_h / (n_h − 1) · Σ_h (e − mean of e)²

    For pixels of equal area these are equations 25 and 28 of Stehman (2014); with the classes of the map as
    strata and f = 0, equations 5 to 7, 10 and 11 of Olofsson et al. (2014). Post-strata lose a degree of
    freedom each, so there e² is multiplied by n_g / (n_g − 1) · (n_h − 1) / n_h.

    A ratio of two estimates has a bias of the order of 1 / n (Cochran 1977, section 6.8), seen in producer's
    accuracies, whose denominator comes from few points. `producers_corrected` takes its first term off:

        R + Cov(Σ w x, Σ w (y − R x)) / (Σ w x)² (Tin 1965, Comparison of some ratio estimators)

    Examples
    --------
    >>> found = estimate(Sample.of_counts([[97, 3], [3, 97]], [1000.0, 9000.0]))
    >>> found.area.round(1), found.area_se.round(1)
    (array([1240., 8760.]), array([155.3, 155.3]))
    """
    expansion = _expansion(sample)
    hectares = (expansion[..., None] * sample.area).sum(axis=-3)
    mapped, reference = hectares.sum(axis=-1), hectares.sum(axis=-2)
    right = np.diagonal(hectares, axis1=-2, axis2=-1)
    whole = float(sample.stratum_ha.sum())
    overall = right.sum(axis=-1) / whole
    classes = np.eye(right.shape[-1])
    users, producers = _ratio(right, mapped), _ratio(right, reference)
    area_se, users_se, producers_se, covariance = (np.empty(right.shape) for _ in range(4))
    for j, here in enumerate(classes):
        both, of_map = np.outer(here, here), here[:, None]
        of_reference = np.broadcast_to(here, both.shape)
        user, producer = users[..., j, None, None], producers[..., j, None, None]
        rest = both - producer * of_reference
        area_se[..., j], rest_se = _error(sample, expansion, of_reference), _error(sample, expansion, rest)
        together = _error(sample, expansion, of_reference + rest)
        covariance[..., j] = (together**2 - area_se[..., j] ** 2 - rest_se**2) / 2
        users_se[..., j] = _ratio(_error(sample, expansion, both - user * of_map), mapped[..., j])
        producers_se[..., j] = _ratio(rest_se, reference[..., j])
    points, cells = sample.points.sum(axis=-3), sample.points.sum(axis=-1)
    weight = np.nan_to_num(_ratio(expansion * sample.area.sum(axis=-1), cells))
    return Estimate(
        area=reference,
        area_se=area_se,
        users=users,
        users_se=users_se,
        producers=producers,
        producers_se=producers_se,
        producers_corrected=np.clip(producers + _ratio(covariance, reference**2), 0.0, 1.0),
        overall=overall,
        overall_se=_error(sample, expansion, classes) / whole,
        map_points=points.sum(axis=-1),
        reference_points=points.sum(axis=-2),
        heaviest=weight.max(axis=(-2, -1)),
        unseen=np.where(_seen(sample), 0.0, weight[..., None]).max(axis=(-3, -2)),
        whole=whole,
    )


def _seen(sample: Sample) -> npt.NDArray[np.bool_]:
    """Whether points show a class of the reference in a stratum, or in a post-stratum's part of it."""
    if sample.map_ha is None:
        return np.asarray(sample.points.sum(axis=-2, keepdims=True) > 0)
    by_map = sample.points.swapaxes(-2, -1).astype(float)
    return sample.by_group(by_map).swapaxes(-2, -1) > 0


def _expansion(sample: Sample) -> Floats:
    """Hectares that a hectare of a drawn pixel stands for: … × strata × classes of the map."""
    drawn = sample.area.sum(axis=(-2, -1))
    expansion = np.repeat((sample.stratum_ha / drawn)[..., None], sample.area.shape[-1], axis=-1)
    if sample.map_ha is not None:
        found = sample.by_group((expansion[..., None] * sample.area).sum(axis=(-3, -1)))
        wanted = np.broadcast_to(sample.by_group(sample.map_ha), found.shape)
        expansion = expansion * np.nan_to_num(_ratio(wanted, found))[..., None, :]
    return expansion


def _error(sample: Sample, expansion: Floats, z: Floats) -> Floats:
    """Standard error of the total of z (… × map × reference)."""
    weights = expansion[..., None] * sample.area
    z = np.broadcast_to(z[..., None, :, :], weights.shape)
    n = sample.in_strata
    lost: Any = 1.0
    z = np.nan_to_num(z)  # of a ratio without denominator, whose error is NaN anyway
    if sample.map_ha is None:
        mean = _ratio((weights * z).sum(axis=(-2, -1)), weights.sum(axis=(-2, -1)))[..., None, None]
    else:
        totals = sample.by_group((weights * z).sum(axis=(-3, -1)))
        mean = _ratio(totals, sample.by_group(weights.sum(axis=(-3, -1))))[..., None, :, None]
        lost = _lost(sample)[..., None, :, None] * ((n - 1) / n)[..., None, None]
    residual = np.where(sample.points > 0, z - mean, 0.0) * np.sqrt(lost)
    squares = (expansion[..., None] ** 2 * sample.area2 * residual**2).sum(axis=(-2, -1))
    sums = (weights * residual).sum(axis=(-2, -1))
    variance = (1 - sample.fraction) * n / (n - 1) * (squares - sums**2 / n)
    error: Floats = np.sqrt(np.clip(variance, 0.0, None).sum(axis=-1))
    return error


def expand(sample: Sample, stratum: Ints, mapped: Ints, area: Floats) -> tuple[Floats, Floats]:
    """Hectares w that each point of a post-stratified sample stands for, and what it adds to a variance.

    Parameters
    ----------
    stratum, mapped, area : as in `Sample.of_points`

    Returns
    -------
    weights, squares : the shape of `stratum`; squares are (1 − f_h) n_g / (n_g − 1) · w², of which each point
        adds its squared residual's share to the variance
    """
    expansion = _expansion(sample)
    lead = np.ogrid[tuple(slice(n) for n in stratum.shape)][:-1]
    weights = expansion[(*lead, stratum, mapped)] * area
    squares = (1 - sample.fraction[stratum]) * _lost(sample)[(*lead, mapped)] * weights**2
    return weights, squares


def _lost(sample: Sample) -> Floats:
    """n / (n − 1) of the post-stratum of each class of the map: … × classes."""
    n = sample.by_group(sample.points.sum(axis=(-3, -1)))
    return _ratio(n, n - 1)


def tally(cells: tuple[Ints, ...], shape: tuple[int, ...], weights: Floats | None = None) -> Floats:
    """Count points in cells, or add their weights up: … × shape, from positions that are … × points each."""
    lead = cells[0].shape[:-1]
    flat = np.ravel_multi_index(cells, shape)
    size = int(np.prod(shape))
    many = int(np.prod(lead))
    flat = flat.reshape(many, -1) + np.arange(many)[:, None] * size
    weight = None if weights is None else np.broadcast_to(weights, cells[0].shape).reshape(-1)
    return np.bincount(flat.reshape(-1), weight, many * size).astype(float).reshape(*lead, *shape)


def _ratio(top: Any, bottom: Any) -> Floats:
    """top / bottom, NaN where the bottom is 0."""
    ratio: Floats = np.full(np.shape(bottom), np.nan)
    np.divide(top, bottom, out=ratio, where=np.asarray(bottom) != 0)
    return ratio
