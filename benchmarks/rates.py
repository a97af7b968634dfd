"""Whether intervals of rates hold where errors come in clumps: benchmarks/rates.py RESULT.json

Errors are where a random field, smooth over so many pixels, is above the quantile that gives their rate: that
of all ground of the kind. A map is a square of it; its interval should hold the rate in 95 % of maps.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from result_files import this_commit
from scipy.stats import norm

from landcover.files import write_text
from landcover.statistics.confrontation.agreement import BLOCK
from landcover.statistics.confrontation.rates import rate

TRIALS = 300
SIDES = (320, 640)  # px of a map
CLUMPS = (2, 8, 32)  # px, standard deviation of the smoothing
RATES = (0.02, 0.1, 0.3)


def field(side: int, clump: float, random: np.random.Generator) -> np.ndarray:
    """A smooth random field of standard normal numbers, on a square cut from one twice as wide."""
    wide = 2 * side
    y, x = np.fft.fftfreq(wide)[:, None], np.fft.rfftfreq(wide)[None]
    smooth = np.exp(-2 * (np.pi * clump) ** 2 * (x**2 + y**2))
    full = np.exp(-2 * (np.pi * clump) ** 2 * (np.fft.fftfreq(wide)[None] ** 2 + y**2))
    noise = np.fft.rfft2(random.normal(size=(wide, wide)))
    return np.fft.irfft2(noise * smooth)[:side, :side] / np.sqrt((full**2).mean())


def main(result: Path) -> None:
    """Draw maps, count intervals that hold, print and write the result file."""
    random, cases = np.random.default_rng(0), []
    whole = {side: np.full((side // BLOCK) ** 2, float(BLOCK**2)) for side in SIDES}
    for side in SIDES:
        for clump in CLUMPS:
            found = {r: [] for r in RATES}
            for _ in range(TRIALS):
                drawn = field(side, clump, random)
                for r in RATES:
                    errors = (drawn > norm.isf(r)).reshape(side // BLOCK, BLOCK, -1, BLOCK).sum(axis=(1, 3))
                    found[r].append(rate(errors.ravel(), whole[side])[1:])
            for r in RATES:
                low, high = np.array(found[r]).T
                held = float(((low <= r) & (r <= high)).mean())
                width = float((high - low).mean())
                cases.append(dict(blocks=len(whole[side]), clump_px=clump, rate=r, held=held, width=width))
                print(cases[-1], flush=True)
    commit = this_commit()
    record = {"commit": commit, "trials": TRIALS, "block_px": BLOCK, "cases": cases}
    write_text(result, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
