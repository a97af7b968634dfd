"""The score on images unlike those of training: python benchmarks/perturbations.py CHIPS RESULT.json [MODEL]

Each test chip is changed in one way, predicted anew and scored against its own shares. CHIPS is the
challenge's chips folder with splits.csv and train_labels.csv; without MODEL, the model in the box.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from result_files import this_commit
from scipy.ndimage import gaussian_filter, zoom

import landcover
from landcover.chips.folder import open_chips
from landcover.files import sha256, write_text
from landcover.weights import box_model

Pixels = npt.NDArray[np.float64]  # bands × height × width, digital numbers
HAZE = np.array([300.0, 200.0, 150.0, 50.0]).reshape(-1, 1, 1)  # most in blue


def halved(image: Pixels) -> Pixels:
    """Means of 2 × 2 px, put back on the same grid."""
    bands, height, width = image.shape
    means = image.reshape(bands, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    return means.repeat(2, axis=1).repeat(2, axis=2)


PERTURBATIONS: dict[str, Callable[[Pixels], Pixels]] = {
    "none": lambda image: image,
    "gain − 20 %": lambda image: image * 0.8,
    "gain + 20 %": lambda image: image * 1.2,
    "offset − 200": lambda image: image - 200,
    "offset + 200": lambda image: image + 200,
    "haze: + 300, 200, 150, 50": lambda image: image + HAZE,
    "blur of 0.5 px": lambda image: gaussian_filter(image, (0, 0.5, 0.5)),
    "blur of 1 px": lambda image: gaussian_filter(image, (0, 1, 1)),
    "half resolution": halved,
    "pixels of 7 m × 10 m": lambda image: zoom(
        image, (1, 1, 10 / 7), order=1, grid_mode=True, mode="nearest"
    ),
}


def main(chips: Path, result: Path, model: Path) -> None:
    """Perturb, predict, score; print a table and write the result file."""
    commit = this_commit()
    folder = open_chips(chips)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for number, (title, perturb) in enumerate(PERTURBATIONS.items()):
            images = Path(name) / f"images{number}"
            images.mkdir()
            for id in folder.part("test"):
                with rasterio.open(folder.images[id]) as source:
                    pixels, profile = source.read(), source.profile
                changed = np.rint(perturb(pixels.astype(np.float64))).clip(1, 65535).astype(np.uint16)
                profile |= dict(width=changed.shape[2], height=changed.shape[1])
                with rasterio.open(images / f"{id}.tif", "w", **profile) as target:
                    target.write(changed)
            out = Path(name) / f"predicted{number}"
            done = landcover.predict(images, out, model=model)
            s = landcover.score(
                out / "distributions.csv",
                chips / "train_labels.csv",
                places=chips / "splits.csv",
                part="test",
            )
            warned = len({w.partition(":")[0] for w in done.warnings})
            found[title] = {"kl": s.kl, "low": s.low, "high": s.high, "images_warned_of": warned}
            print(f"{title:28} {s.kl:.5f} ({s.low:.5f} to {s.high:.5f})  warned of {warned}", flush=True)
    mean = float(np.mean([f["kl"] for t, f in found.items() if t != "none"]))
    facts = {
        "commit": commit,
        "model": {"file": model.name, "sha256": sha256(model)},
        "images": len(folder.part("test")),
        "kl": found,
        "mean": mean,
        "times_clean": mean / found["none"]["kl"],
    }
    print(f"mean {mean:.5f}, {facts['times_clean']:.2f} times the clean one")
    write_text(result, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else box_model())
