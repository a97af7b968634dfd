"""Split chips by place, so that no two parts share a pixel; tell whether the parts of a split do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from landcover.chips.folder import PARTS, PLACE
from landcover.errors import LandcoverError

KEPT_FIRST = ("test", "val", "train")  # where two parts meet, chips of the later one become buffer
BUFFER = len(KEPT_FIRST)
WIDTHS = (4, 2, 1)  # of the stripes, in chips: the first that gives every part a chip is taken
DRAWS = 20

Pairs = npt.NDArray[np.int64]


def has_places(splits: pd.DataFrame) -> bool:
    """Whether the table gives the place (scene, y0, x0) of every chip."""
    return set(PLACE) <= set(splits.columns) and bool(splits[list(PLACE)].notna().all(axis=None))


def overlapping(chips: pd.DataFrame, size: int = 256) -> Pairs:
    """Find the chips that share pixels, by their places.

    Parameters
    ----------
    chips : table with scene, y0 and x0 (upper left corner, px)
    size : side of a chip, px

    Returns
    -------
    pairs : int, pairs × 2, positions of rows of `chips`

    Examples
    --------
    >>> chips = pd.DataFrame({"scene": ["a", "a", "b"], "y0": 0, "x0": [0, 192, 0]})
    >>> overlapping(chips, 256)
    array([[0, 1]])
    """
    if not has_places(chips):
        raise LandcoverError(
            "splits.csv", "lacks the place of a chip", "scene, y0 and x0 of every chip", "add them"
        )
    if chips.empty:
        return np.empty((0, 2), np.int64)
    # Scenes become a third coordinate, further apart than any overlap reaches.
    scene = pd.factorize(chips["scene"])[0] * (2.0 * size)
    corners = np.column_stack([scene, chips["y0"], chips["x0"]]).astype(np.float64)
    pairs: Pairs = cKDTree(corners).query_pairs(size - 0.5, p=np.inf, output_type="ndarray")
    return pairs.reshape(-1, 2).astype(np.int64)


def leaks(splits: pd.DataFrame, size: int = 256) -> pd.DataFrame:
    """Tell which parts of a split share pixels, by the places of the chips.

    Parameters
    ----------
    splits : table with part, scene, y0 and x0
    size : side of a chip, px

    Returns
    -------
    leaks : a row for each two parts that share pixels, none when the split is clean: part, other, pairs (of
        chips that share pixels), chips (of `part` among them) and other_chips. Buffers may share pixels.
    """
    return between_parts(splits["part"], overlapping(splits, size))


def between_parts(parts: pd.Series[str], pairs: Pairs) -> pd.DataFrame:
    """Count, for each two parts, the pairs of chips that share pixels: the table of `leaks`."""
    rank = pd.Categorical(parts, categories=PARTS).codes
    first, second = rank[pairs[:, 0]], rank[pairs[:, 1]]
    ordered = np.where((first > second)[:, None], pairs[:, ::-1], pairs)
    buffer = PARTS.index("buffer")
    ordered = ordered[(first != second) & (first != buffer) & (second != buffer)]
    table = pd.DataFrame(
        {
            "part": rank[ordered[:, 0]],
            "other": rank[ordered[:, 1]],
            "chip": ordered[:, 0],
            "other_chip": ordered[:, 1],
        }
    )
    counts = table.groupby(["part", "other"]).agg(
        pairs=("chip", "size"), chips=("chip", "nunique"), other_chips=("other_chip", "nunique")
    )
    counts = counts.reset_index()
    return counts.assign(part=[PARTS[p] for p in counts["part"]], other=[PARTS[p] for p in counts["other"]])


def split_by_place(
    chips: pd.DataFrame, size: int = 256, val: float = 0.15, test: float = 0.15, seed: int = 0
) -> pd.DataFrame:
    """Give each chip a part, so that no two parts share a pixel.

    Each scene is cut across its longer side into stripes four chips wide (narrower where the scenes are too
    small for that). Whole stripes are drawn for test, val and train; where two parts meet, chips of the one
    that has more to spare become buffer. Of 20 draws, the one whose parts come closest to the wanted
    fractions is kept.

    Parameters
    ----------
    chips : table with scene, y0 and x0 (upper left corner, px)
    size : side of a chip, px
    val, test : wanted fractions of the chips outside buffers; the rest is train
    seed : of the draws; the same seed gives the same parts

    Returns
    -------
    splits : copy of `chips` with the column part: train, val, test or buffer

    Raises
    ------
    LandcoverError : the fractions are impossible, or the chips lie too close together to be split

    Examples
    --------
    >>> chips = pd.DataFrame({"scene": "a", "y0": 0, "x0": range(0, 20 * 192, 192)})
    >>> "".join(part[1] for part in split_by_place(chips, 256)["part"])
    'rrrrrrrrrruaaaaueeee'
    """
    fractions = np.array([test, val, 1 - val - test])
    if not (0 <= test <= 1 and 0 <= val <= 1 and val + test <= 1 + 1e-9):
        raise LandcoverError(
            "--val and --test", f"are {val:g} and {test:g}", "fractions that sum to 1 at most", "mend them"
        )
    pairs = overlapping(chips, size)
    wanted = np.where(fractions < 1e-9, 0, fractions) * len(chips)
    names = np.array([*KEPT_FIRST, "buffer"], dtype=object)
    for width in WIDTHS:
        stripes = _stripes(chips, width * size)
        rng = np.random.default_rng(seed)
        best, least = None, np.inf
        for _ in range(DRAWS):
            parts = _buffered(_draw(stripes, wanted, rng)[stripes], pairs)
            counts = np.bincount(parts, minlength=BUFFER + 1)[:BUFFER]
            miss = float(abs(counts / max(1, counts.sum()) - fractions).sum())
            if miss < least and (counts[wanted > 0] > 0).all():
                best, least = parts, miss
        if best is not None:
            return chips.assign(part=names[best])
    asked = ", ".join(name for name, n in zip(KEPT_FIRST, wanted, strict=True) if n > 0)
    raise LandcoverError(
        "split", f"finds no way to part {len(chips)} chips into {asked}", "chips further apart",
        "cut larger scenes, or ask for fewer parts (--val 0, --test 0)",
    )  # fmt: skip


def leave_one_scene_out(
    chips: pd.DataFrame, scene: str, size: int = 256, val: float = 0.15, seed: int = 0
) -> pd.DataFrame:
    """Give one scene the part `elsewhere`, and split the others by place into train and val.

    Parameters
    ----------
    chips : table with scene, y0 and x0 (upper left corner, px)
    scene : the scene that is left out
    size, val, seed : see `split_by_place`

    Raises
    ------
    LandcoverError : no chip is of that scene, or all are
    """
    there = (chips["scene"].astype(str) == scene).to_numpy()
    if not there.any() or there.all():
        known = ", ".join(sorted(set(chips["scene"].astype(str))))
        finding = "is the scene of all chips" if there.any() else "is the scene of no chip"
        raise LandcoverError(scene, finding, f"one of several scenes ({known})", "name another scene")
    rest = split_by_place(chips[~there], size, val, 0.0, seed)
    parts = np.full(len(chips), "elsewhere", dtype=object)
    parts[~there] = rest["part"]
    return chips.assign(part=parts)


def _stripes(chips: pd.DataFrame, width: int) -> Pairs:
    """Number of the stripe of each chip: stripes lie across the longer side of its scene."""
    scene = pd.Series(pd.factorize(chips["scene"])[0], index=chips.index)
    y = chips["y0"] - chips["y0"].groupby(scene).transform("min")
    x = chips["x0"] - chips["x0"].groupby(scene).transform("min")
    wide = x.groupby(scene).transform("max") >= y.groupby(scene).transform("max")
    stripe = (x.where(wide, y) // width).astype(np.int64)
    codes: Pairs = pd.factorize(scene * (int(stripe.max()) + 1) + stripe)[0]
    return codes


def _draw(stripes: Pairs, wanted: npt.NDArray[np.float64], rng: np.random.Generator) -> Pairs:
    """A part for each stripe: in random order, each goes to the part that lacks most chips."""
    sizes = np.bincount(stripes)
    lack = [float(w) for w in wanted]
    parts = np.empty(len(sizes), np.int64)
    for stripe in rng.permutation(len(sizes)):
        part = max(range(len(lack)), key=lack.__getitem__)
        parts[stripe] = part
        lack[part] -= sizes[stripe]
    return parts


def _buffered(parts: Pairs, pairs: Pairs) -> Pairs:
    """Turn chips that share a pixel with a part kept before theirs into buffer."""
    parts = parts.copy()
    for part in range(1, BUFFER):
        here = parts[pairs]
        touching = (here == part) & (here[:, ::-1] < part)
        parts[pairs[touching]] = BUFFER
    return parts
