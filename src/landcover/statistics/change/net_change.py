"""Net change corrected for the maps' errors, from confusion matrices of blocks: model-based, joint intervals.

No sample of the place itself is behind these numbers, but how the model erred elsewhere. The more a place
differs from where the model was evaluated, the less they hold; a sample of labelled points does not have this
weakness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri, stdtrit  # scipy.stats takes a second to import

from landcover.errors import LandcoverError
from landcover.legend import Legend
from landcover.statistics.tables import read_table

LEVEL = 0.95  # of the intervals, for all classes of a territory at once
POWER = 0.8  # with which the minimum detectable change is found
LEAST_BLOCKS = 5
MOST_CONDITION = 30  # of the matrix that is inverted: by so much it may enlarge an error in mapped areas
DRAWS = 20_000
Floats = npt.NDArray[np.float64]


def read_blocks(folder: Path, legend: Legend) -> Floats:
    """The confusion matrices of the blocks of an evaluation folder.

    Returns
    -------
    counts : blocks × labels × labels; rows are the reference, columns the map, in the order of the legend

    Raises
    ------
    LandcoverError : the table is missing or damaged, holds a class that the legend lacks, or too few blocks
        (those that hold nothing but classes that are not `correctable` don't serve)
    """
    path = folder / "confusion_blocks.csv"
    table = read_table(path, ["block", "reference", "map", "pixels"], text=("block",))
    place = {name: i for i, name in enumerate(legend.label_names)}
    strange = sorted((set(table["reference"]) | set(table["map"])) - set(place))
    if strange:
        raise LandcoverError(
            path, f"holds {strange[0]}", f"classes of {legend.name}", "evaluate maps of the same legend"
        )
    block, names = pd.factorize(table["block"])
    counts = np.zeros((len(names), len(place), len(place)))
    at = block, table["reference"].map(place), table["map"].map(place)
    np.add.at(counts, at, table["pixels"].to_numpy(float))
    kept = correctable(counts)
    serve = int((counts[:, kept][:, :, kept].sum(axis=(1, 2)) > 0).sum())
    if serve < LEAST_BLOCKS:
        some = f"holds {len(names)} blocks" + (f", of which {serve} can serve" if serve < len(names) else "")
        raise LandcoverError(
            path, some, f"at least {LEAST_BLOCKS} with classes that the model finds, for intervals",
            "evaluate more chips, of more places",
        )  # fmt: skip
    return counts


def net_change(transitions: pd.DataFrame, blocks: Sequence[Floats], legend: Legend) -> pd.DataFrame:
    """Corrected areas of both dates and their difference, for each territory and class.

    Parameters
    ----------
    transitions : code, name, from, to, pixels, area_ha, filtered_ha; pixels without class in one of the maps
        are left out, those that were filtered out are not: the matrices are of maps that were not filtered
    blocks : matrices of the first map's errors and, where they are others, of the second's (`read_blocks`)

    Returns
    -------
    estimates : code, name, class, mapped_a_ha, mapped_b_ha, area_a_ha, area_b_ha, net_ha, se_net_ha,
        low_net_ha, high_net_ha, detectable_ha, same_error (the correlation of both dates' errors), basis
    """
    names = list(legend.label_names)
    table = transitions[transitions["from"].isin(names) & transitions["to"].isin(names)]
    parts = []
    for (code, name), own in table.groupby(["code", "name"], sort=False):
        hectares = own.assign(ha=own["area_ha"] + own["filtered_ha"])
        flows = hectares.pivot_table("ha", "from", "to", "sum").reindex(index=names, columns=names)
        found = corrected(flows.fillna(0.0).to_numpy(), float(own["pixels"].sum()), blocks[0], blocks[-1])
        part = pd.DataFrame({"code": code, "name": name, "class": names})
        parts.append(part.join(found).assign(basis="model-based"))
    return pd.concat(parts, ignore_index=True)


def corrected(flows: Floats, pixels: float, before: Floats, after: Floats) -> pd.DataFrame:
    """Areas of both dates corrected for the maps' errors, and joint intervals of their difference.

    With p_ij the probability to map class i as j, from the sum of all K blocks, the maps show m = pᵀa of the
    true areas a, so a = (pᵀ)⁻¹m: the inverse calibration (Grassia and Sundberg 1982, Technometrics 24;
    Czaplewski 1992, Photogrammetric Engineering and Remote Sensing 58). The direct one, by the share of class
    i among what is mapped as j, takes the mix of classes to be that of the blocks at both dates, and so
    shrinks every change.

    Errors are alike nearby: a block is not worth its pixels, but 1/φ points. With p_k the matrix of block k
    and N_ki its pixels of class i,

        φ = K/(K − 1) · Σ_ki N_ki Σ_j (p_kij − p_ij)² / Σ_ki N_ki (1 − Σ_j p_ij²)

    is the variance that the pixels of a block share (that of a Dirichlet-multinomial, Mosimann 1962,
    Biometrika 49), one number for all classes, as blocks are few. A place as large as n blocks has a matrix
    whose rows differ from p_i by the covariance φ(1/n + 1/K) · (diag(p_i) − p_i p_iᵀ): by its own blocks, and
    because p is an estimate. (pᵀ)⁻¹ carries that over to areas.

    The errors of two dates are not independent: where the model takes a meadow for a field, it does so at
    both. Under independence maps would agree on a share g₀ = Σ_i π_i Σ_j p_ij² of pixels that did not change
    (π_i the share of class i). They agree on g, so errors are taken as correlated by
    ρ = max(0, (g − g₀) / (1 − g₀)), Cohen's kappa. True change lowers g, so ρ is rather too small and the
    intervals too wide. Two models are taken to err independently (ρ = 0), which is too wide as well.

    Intervals hold for all classes at once: the half-width is q · se, q the 95 % quantile of the largest
    |deviation| / se among classes (max-t), times Student's t of K − 1 degrees of freedom over the normal
    quantile, for few blocks. The minimum detectable change is (q + 0.84) · se: a true change of that size is
    told from 0 in 80 % of cases.

    A class that the model hardly ever finds can't be corrected (`correctable`): its area is NaN, and what is
    mapped as it, or is it in the blocks, is left out of all the above. So the other classes hold what of it
    was mapped as them.

    Parameters
    ----------
    flows : hectares, classes of the first map × classes of the second
    pixels : how many these are
    before, after : blocks × reference × map, of each map's errors; the same array for one model

    Returns
    -------
    table : a row per class (see `net_change`). A mapped class that no block's reference has counts as
        rightly mapped, without interval: nothing is known of its errors. A class that is nowhere has none
        either, nor has any where the two maps are equal
    """
    mapped = flows.sum(axis=1), flows.sum(axis=0)
    kept = correctable(before) & correctable(after)
    if not kept.all():
        own = flows[np.ix_(kept, kept)]
        one = before[:, kept][:, :, kept]
        other = one if after is before else after[:, kept][:, :, kept]
        here = pixels * float(own.sum()) / max(float(flows.sum()), 1e-9)
        found = corrected(own, here, one, other).set_axis(np.flatnonzero(kept), axis=0)
        return found.reindex(range(len(kept))).assign(
            mapped_a_ha=mapped[0], mapped_b_ha=mapped[1], same_error=found["same_error"].iloc[0]
        )
    a, b = (_Errors.of(m, k, pixels) for m, k in zip(mapped, (before, after), strict=True))
    same = _same_error(flows, a) if before is after else 0.0
    # (pᵀ)⁻¹ is the same on both sides of what is correlated, as that is one model's
    shared = same * a.spread(a.areas * b.areas)
    covariance = a.spread(a.areas**2) + b.spread(b.areas**2) - 2 * shared
    net, se = b.areas - a.areas, np.sqrt(np.diag(covariance).clip(0))
    known = (se > 1e-9) & _is_known(before, mapped[0]) & _is_known(after, mapped[1])
    half = np.where(
        known, _joint(covariance[np.ix_(known, known)]) * _few(min(len(before), len(after))), np.nan
    )
    return pd.DataFrame(
        {
            "mapped_a_ha": mapped[0], "mapped_b_ha": mapped[1], "area_a_ha": a.areas, "area_b_ha": b.areas,
            "net_ha": net, "se_net_ha": np.where(known, se, np.nan),
            "low_net_ha": net - half * se, "high_net_ha": net + half * se,
            "detectable_ha": (half + ndtri(POWER)) * se, "same_error": same,
        }
    )  # fmt: skip


def correctable(blocks: Floats) -> npt.NDArray[np.bool_]:
    """Classes whose areas the confusion of blocks (blocks × reference × map) can correct.

    Where a class is never mapped, p can't be inverted: any area of it gives the same map. Where it hardly
    ever is, its inverse enlarges chance beyond reason. So long as the condition number of p is over
    `MOST_CONDITION`, the class that is rightly mapped least is left out.

    Examples
    --------
    >>> correctable(np.array([[[90.0, 10, 0], [10, 90, 0], [5, 5, 0]]]))
    array([ True,  True, False])
    """
    kept = np.ones(blocks.shape[1], np.bool_)
    whole = blocks.sum(axis=0)
    while np.linalg.cond(p := _mapped_as(whole[np.ix_(kept, kept)])) > MOST_CONDITION:
        kept[np.flatnonzero(kept)[np.diag(p).argmin()]] = False
    return kept


def without_estimate(blocks: Floats, legend: Legend) -> list[str]:
    """A sentence for each class that is not `correctable`."""
    whole = blocks.sum(axis=0)
    return [
        f"{legend.label_names[i]}: where the model was evaluated, {whole[i, i] / whole[i].sum():.1%} of its "
        f"pixels were mapped as it (it was {whole[i].sum() / whole.sum():.2%} of the reference). So its area "
        "can't be corrected: it has no estimate, and other classes hold what of it was mapped as them."
        for i in np.flatnonzero(~correctable(blocks))
    ]


@dataclass(frozen=True)
class _Errors:
    """How one map errs.

    Attributes
    ----------
    p : labels × labels, how each class is mapped
    shared : φ(1/n + 1/K), of the rows of p at this place
    areas : true areas that the map stands for, ha
    """

    p: Floats
    shared: float
    areas: Floats

    @classmethod
    def of(cls, mapped: Floats, blocks: Floats, pixels: float) -> _Errors:
        number, whole = len(blocks), blocks.sum(axis=0)
        p = _mapped_as(whole)
        sizes = blocks.sum(axis=(1, 2))
        n = max(1.0, pixels / float(np.median(sizes[sizes > 0])))
        weight = blocks.sum(axis=2)
        differ = (weight * ((_mapped_as(blocks) - p) ** 2).sum(axis=2)).sum()
        most = (weight * (1 - (p**2).sum(axis=1))).sum()
        phi = number / (number - 1) * differ / most if most > 0 else 0.0
        return cls(p, float(phi * (1 / n + 1 / number)), np.linalg.solve(p.T, mapped).astype(np.float64))

    def spread(self, squares: Floats) -> Floats:
        """Covariance of corrected areas: Σ_i s_i · φ(…) · (diag(p_i) − p_i p_iᵀ), through (pᵀ)⁻¹.

        Parameters
        ----------
        squares : s, the square of the area of each class, or the product of two dates' areas
        """
        s = np.maximum(squares, 0) * self.shared
        inner = np.diag(s @ self.p) - (self.p.T * s) @ self.p
        back = np.linalg.inv(self.p.T)
        covariance: Floats = back @ inner @ back.T
        return covariance


def _mapped_as(counts: Floats) -> Floats:
    """How each class is mapped, from counts … × reference × map; rightly where there is none of it."""
    total = counts.sum(axis=-1, keepdims=True)
    shares: Floats = np.where(total > 0, counts / np.where(total > 0, total, 1), np.eye(counts.shape[-1]))
    return shares


def _joint(covariance: Floats) -> float:
    """The 95 % quantile of the largest |t| of jointly normal numbers."""
    if not len(covariance):
        return np.nan
    se = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(se, se))
    draws = np.random.default_rng(0).normal(size=(DRAWS, len(se))) * np.sqrt(values.clip(0))
    return float(np.quantile(np.abs(draws @ vectors.T).max(axis=1), LEVEL))


def _few(blocks: int) -> float:
    """How much wider an interval is that comes from few blocks: Student's t for the normal quantile."""
    return float(stdtrit(blocks - 1, 0.975) / ndtri(0.975))


def _same_error(flows: Floats, errors: _Errors) -> float:
    """The correlation ρ of both maps' errors, from the share of pixels on which they agree (`corrected`)."""
    total = flows.sum()
    by_chance = float(errors.areas @ (errors.p**2).sum(axis=1))
    if by_chance >= total * (1 - 1e-9):  # no pixel at all, or maps that do not err
        return 0.0
    return float(np.clip((np.trace(flows) - by_chance) / (total - by_chance), 0, 1))


def _is_known(blocks: Floats, mapped: Floats) -> npt.NDArray[np.bool_]:
    """Classes that are in the reference of some block, or that the map does not have."""
    known: npt.NDArray[np.bool_] = (blocks.sum(axis=(0, 2)) > 0) | (mapped == 0)
    return known
