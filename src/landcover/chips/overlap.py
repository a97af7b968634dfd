"""Find chips that share pixels when nobody knows where they lie: by the pixels themselves.

Each chip is described by some of its 4 × 4 px patches. Which patches are taken depends on nothing but their
content (the hash of about one in 64 begins with six zero bits), so two chips that show the same ground
with the same numbers take the same patches there, wherever it lies in them: content-defined sampling, as in
rsync and backup programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

SIDE = 4
LEADING_ZEROS = 6
FEWEST_SHARED = 3  # patches that two chips must have in common
FEWEST_COLOURS = 8  # different pixels in a patch; plainer ones occur by chance in many places
MOST_CHIPS = 64  # a patch in more chips than that is a pattern, not a place

Hashes = npt.NDArray[np.uint64]


def signature(pixels: npt.NDArray[Any]) -> Hashes:
    """Hashes of the patches that describe a chip, sorted.

    Parameters
    ----------
    pixels : bands × height × width, raw numbers; patches with a pixel that is 0 in all bands are left out
    """
    bits = np.ascontiguousarray(pixels)
    bits = bits.view(f"u{bits.itemsize}") if bits.dtype.kind != "u" else bits
    height, width = bits.shape[1:]
    if min(height, width) < SIDE:
        return np.empty(0, np.uint64)
    random = np.random.default_rng(48)
    odd = random.integers(0, 2**63, len(bits) + 2 * SIDE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    rows, columns = height - SIDE + 1, width - SIDE + 1
    pixel = _hash([band.astype(np.uint64) for band in bits], odd[2 * SIDE :])
    line = _hash([pixel[:, j : j + columns] for j in range(SIDE)], odd[:SIDE])
    patch = _hash([line[i : i + rows] for i in range(SIDE)], odd[SIDE : 2 * SIDE])
    y, x = np.nonzero(patch >> np.uint64(64 - LEADING_ZEROS) == 0)
    inside = np.sort(np.stack([pixel[y + i, x + j] for i in range(SIDE) for j in range(SIDE)]), axis=0)
    colours = 1 + (np.diff(inside, axis=0) != 0).sum(axis=0)
    telling = (colours >= FEWEST_COLOURS) & (inside[0] > 0)  # a pixel of zeros has the hash 0
    hashes: Hashes = np.unique(patch[y, x][telling])
    return hashes


def sharing(signatures: Sequence[Hashes]) -> npt.NDArray[np.int64]:
    """Find the chips that share pixels, by their signatures.

    An overlap of 32 × 32 px is found nearly always (it holds 13 patches on average, 3 are needed), a larger
    one always.

    Returns
    -------
    pairs : int, pairs × 2, positions in `signatures`
    """
    chips = np.repeat(np.arange(len(signatures)), [len(s) for s in signatures])
    hashes = np.concatenate(signatures) if signatures else np.empty(0, np.uint64)
    _, which, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    chips = chips[(counts > 1)[which] & (counts <= MOST_CHIPS)[which]]
    which = which[(counts > 1)[which] & (counts <= MOST_CHIPS)[which]]
    order = np.lexsort((chips, which))
    chips, which = chips[order], which[order]
    found = [np.empty((0, 2), np.int64)]
    for step in range(1, MOST_CHIPS):
        same = which[:-step] == which[step:]
        if not same.any():
            break
        found.append(np.column_stack([chips[:-step][same], chips[step:][same]]))
    pairs, times = np.unique(np.concatenate(found), axis=0, return_counts=True)
    shared: npt.NDArray[np.int64] = pairs[times >= FEWEST_SHARED]
    return shared


def _hash(parts: Sequence[Hashes], odd: Hashes) -> Hashes:
    """Weighted sum modulo 2^64, then the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    x = np.zeros_like(parts[0])
    for part, factor in zip(parts, odd, strict=True):
        x += part * factor
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
