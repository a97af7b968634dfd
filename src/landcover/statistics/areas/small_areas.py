"""Areas in territories that hold few points: the regression estimator of a domain, and its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landcover.statistics.areas.estimators import Floats, Ints
from landcover.statistics.areas.rake import LEAST, rake

PRIOR = 20  # points that the errors of the whole count for in the variance of a territory


@dataclass(frozen=True)
class SmallAreas:
    """Areas in territories, each … × territories × classes, hectares.

    Attributes
    ----------
    area, error : the estimate, which a few points may make negative, and its standard error
    predicted : what the map and its errors in the whole say, without the territory's own points
    """

    area: Floats
    error: Floats
    predicted: Floats


def small_areas(
    weights: Floats, squares: Floats, points: Ints, map_ha: Floats, groups: Ints | None = None
) -> SmallAreas:
    """Areas of the classes in territories that share out the whole.

    The regression estimator of a domain (Särndal, Swensson and Wretman 1992, chapter 10), with the class of
    the map as what is known everywhere. In territory d, with A_dm hectares that the map calls m, class j has

        Σ_m A_dm p_jm + Σ_(points in d) w (y_j − p_jm)

    where p_jm is the share of class j where the map says m, in the whole sample; y_j is 1 where the point is
    of class j, and w its hectares. The first sum is what the map predicts, rid of the errors that it makes
    everywhere; the second corrects it by what the territory's own points show: so it is as good as unbiased,
    however the map's errors differ from place to place. Classes sum to the territory's area, and territories
    to the post-stratified area of each class in the whole.

    The variance is Σ_(points in d) s (y_j − p_jm)² (s: `estimators.expand`), the design-based one; from a few
    points it is mostly chance. So it is mixed, in the proportion n_d : 20, with what the whole sample lets
    one expect: its variance for class m of the map, by hectare, times A_dm.

    Parameters
    ----------
    weights, squares : … × territories × classes (map) × classes (reference): sums of w and s over points
    points : … × territories: how many
    map_ha : territories × classes: hectares of the map; all territories together are the whole
    groups : as in `estimators.Sample`
    """
    classes = map_ha.shape[-1]
    same = np.eye(classes) if groups is None else np.equal.outer(groups, groups).astype(float)
    whole = np.einsum("...dmr,mg->...gr", weights, same)
    total = whole.sum(axis=-1, keepdims=True)
    shares = np.divide(whole, total, out=np.zeros_like(whole), where=total > 0)
    predicted = np.einsum("dm,...mj->...dj", map_ha, shares)
    drawn = weights.sum(axis=-1)
    area = predicted + weights.sum(axis=-2) - np.einsum("...dm,...mj->...dj", drawn, shares)
    residual2 = (np.eye(classes)[:, None, :] - shares[..., None, :, :]) ** 2  # … × reference × map × class
    own = np.einsum("...dmr,...rmj->...dmj", squares, residual2)
    by_hectare = (
        np.einsum("...dmj,mg->...gj", own, same) / np.maximum(map_ha.sum(axis=0) @ same, 1e-9)[:, None]
    )
    expected = np.einsum("dm,...mj->...dj", map_ha, by_hectare)
    n = points[..., None]
    variance = (n * own.sum(axis=-2) + PRIOR * expected) / (n + PRIOR)
    return SmallAreas(area, np.sqrt(variance), predicted)


def benchmark(found: SmallAreas, rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
    """Areas that are nowhere negative and sum exactly to territories and to classes, and their errors.

    Estimates sum to both already, but for those that are negative; raking takes what these gain from the
    others. Errors are scaled as the estimates are; that of one that was negative stays.

    Parameters
    ----------
    rows, columns : hectares of each territory, and of each class in the whole, as in `rake`

    Returns
    -------
    area, error : the shape of `found.area`
    """
    area = rake(found.area, found.predicted, rows, columns)
    kept = found.area > LEAST * found.predicted
    factor = np.divide(area, found.area, out=np.ones_like(area), where=kept)
    return area, found.error * factor
