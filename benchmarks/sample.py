"""What balance gains, what a draw takes, where proposed chips lie: benchmarks/sample.py DATA RESULT.json

DATA is the folder of real data. The box maps ain_west, which it has not seen; the mask says what is true.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from matplotlib.patches import Rectangle
from result_files import ONE_PLACE, this_commit
from scipy.stats import spearmanr

import landcover
from landcover.files import write_text
from landcover.imagery.image import Place
from landcover.imagery.write import open_map
from landcover.legend import S2GLC
from landcover.report.pictures import image_rgb, map_rgb
from landcover.statistics.sampling.allocation import allocate
from landcover.statistics.sampling.draw import count, draw

ROOT = Path(__file__).resolve().parents[1]
DRAWS = 400
POINTS = 300
MINIMUM = 20
SIDES = (5490, 10980)  # px
CHIP = 128  # px
Codes = npt.NDArray[np.uint8]


def gain(mapped: Codes, true: Codes, place: Place) -> dict[str, Any]:
    """Bias and standard error of the shares of classes from simple and from balanced samples."""
    strata = np.where(true > 1, mapped, 0)
    shape = (strata.shape[0], strata.shape[1])

    def read(row: int, column: int, height: int, width: int) -> Codes:
        return strata[row : row + height, column : column + width]

    pixels, _ = count(place, shape, read, 10)
    sizes = pixels.sum(axis=(0, 1))
    there = np.flatnonzero(sizes[1:]) + 1
    shares = sizes[there] / sizes[there].sum()
    points = np.zeros(10, np.int64)
    points[there] = allocate(POINTS, shares, np.minimum(MINIMUM, sizes[there]), sizes[there])
    classes = [c for c in S2GLC.label_codes if (true == c).any()]
    truth = np.array([(true == c).sum() for c in classes]) / (true > 1).sum()
    found: dict[str, Any] = {"scene": "ain_west", "points": POINTS, "draws": DRAWS, "truth": {}}
    found["truth"] = dict(zip([S2GLC.names[c] for c in classes], truth.tolist(), strict=True))
    for kind in ("simple", "balanced"):
        estimates = []
        for seed in range(DRAWS):
            seen = np.zeros((10, 10))
            for window, y, x, drawn in draw(shape, read, pixels, points, kind == "balanced", seed):
                np.add.at(seen, (drawn, true[window[0] + y, window[1] + x]), 1)
            estimates.append(shares @ (seen[there] / points[there, None])[:, classes])
        error = np.std(estimates, axis=0, ddof=1)
        bias = (np.mean(estimates, axis=0) - truth) / (error / np.sqrt(DRAWS))
        found[kind] = {"standard_error": error.tolist(), "bias_in_standard_errors": bias.tolist()}
    return found


def cost(folder: Path, side: int) -> dict[str, Any]:
    """Processor time and peak memory of a draw of 1,000 points from a map of side × side px."""
    path = folder / f"{side}.tif"
    rng = np.random.default_rng(0)
    place = Place(rasterio.CRS.from_epsg(32631), rasterio.Affine(10, 0, 600_000, 0, -10, 5_200_000))
    with open_map(path, side, side, S2GLC, place) as rows:
        for top in range(0, side, 30):
            patches = rng.choice(np.array(S2GLC.label_codes, np.uint8), (1, 1, side // 30))
            rows.write(patches.repeat(min(30, side - top), axis=1).repeat(30, axis=2))
    options = ["--points", "1000", "--balanced", "--out", str(folder / f"{side}.gpkg")]
    child = subprocess.Popen([sys.executable, "-m", "landcover", "sample", str(path), *options])
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0
    return {
        "side": side,
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }


def proposals(prediction: Path, mapped: Codes, true: Codes) -> dict[str, Any]:
    """The share of wrong pixels of all chips, and of the first that are proposed."""
    folder = prediction.parent
    rows, columns = (n // CHIP for n in true.shape)
    inside = mapped[: rows * CHIP, : columns * CHIP].reshape(rows, CHIP, columns, CHIP)
    whole = int(((inside > 0).mean(axis=(1, 3)) >= 0.5).sum())
    chips = landcover.propose(prediction, folder / "chips.gpkg", whole, CHIP)
    wrong = []
    for y, x in zip(chips["y0"], chips["x0"], strict=True):
        a, b = (codes[y : y + CHIP, x : x + CHIP] for codes in (true, mapped))
        wrong.append(float((a != b)[a > 1].mean()))
    tenth = whole // 10
    return {
        "size": CHIP,
        "candidates": whole,
        "first": tenth,
        "wrong_of_all": float(np.mean(wrong)),
        "wrong_of_first": float(np.mean(wrong[:tenth])),
        "rank_correlation_of_uncertainty": float(spearmanr(chips["uncertainty"], wrong).statistic),
        "rank_correlation_of_novelty": float(spearmanr(chips["novelty"], wrong).statistic),
    }


def picture(prediction: Path, scene: Path, out: Path) -> None:
    """Draw the ten chips that are proposed of a scene, on its image and on its map."""
    import matplotlib.patheffects as effects
    from matplotlib.figure import Figure

    chips = landcover.propose(prediction, prediction.parent / "ten.gpkg", 10)
    with rasterio.open(scene) as source:
        image = image_rgb(source.read()[:, ::2, ::2])
    with rasterio.open(prediction / "maps" / f"{scene.stem}.tif") as source:
        mapped = map_rgb(source.read(1)[::2, ::2], S2GLC)
        extent = (0, source.width, source.height, 0)
    figure = Figure(figsize=(12, 6.3), layout="constrained")
    halo = [effects.withStroke(linewidth=4, foreground="black")]
    for axes, pixels in zip(figure.subplots(2), (image, mapped), strict=True):
        axes.imshow(pixels, extent=extent)
        axes.set_axis_off()
        for rank, y, x in zip(chips["rank"], chips["y0"], chips["x0"], strict=True):
            square = Rectangle((x, y), 256, 256, fill=False, edgecolor="white", linewidth=2)
            square.set_path_effects(halo)
            axes.add_patch(square)
            axes.text(x + 20, y + 75, rank, color="white", weight="bold", fontsize=13, path_effects=halo)
    figure.savefig(out, dpi=85, pil_kwargs={"quality": 85})


def main(data: Path, result: Path) -> None:
    """Measure all three and write the result file and the picture of the docs."""
    scene = data / "challenge48" / "ain_west.tif"
    commit = this_commit()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = [cost(folder, side) for side in SIDES]
        south = scene.with_name("ain.tif")
        landcover.predict(south, folder / "ain", ONE_PLACE, confidence=True)
        picture(folder / "ain", south, ROOT / "docs" / "images" / "proposals.jpg")
        landcover.predict(scene, folder / "prediction", ONE_PLACE, confidence=True)
        with rasterio.open(folder / "prediction" / "maps" / "ain_west.tif") as source:
            mapped, place = source.read(1), Place.of(source)
        with rasterio.open(scene.with_name("ain_west_mask.tif")) as source:
            true = source.read(1)
        assert place is not None
        record = {
            "commit": commit,
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "proposals": proposals(folder / "prediction", mapped, true),
            "cost": sizes,
            "gain": gain(mapped, true, place),
        }
    print(json.dumps(record, indent=1))
    write_text(result, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
