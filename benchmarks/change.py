"""What `landcover change` finds where nothing, or something known, changed: benchmarks/change.py RESULT.json

Needs LANDCOVER_DATA. Confusion blocks come from chips that the model of one place (MODELS.md) never trained
on (parts val and elsewhere); the trials are on other places: the columns of the part test, and ain.tif.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
from rasterio.features import rasterize
from rasterio.windows import Window
from result_files import ONE_PLACE, this_commit

import landcover
from landcover.files import write_text
from landcover.imagery.area import pixel_areas
from landcover.imagery.image import Place
from landcover.legend import S2GLC

DATA = Path(os.environ.get("LANDCOVER_DATA", "../shared/data"))
SIDE = 512
COLUMNS = (12 * 192, 25 * 192)  # where the parts test begin, in south and north
VERSIONS = 10  # noisy versions of each crop; two make a trial
GAIN, OFFSET, NOISE = 0.02, 20.0, 20.0  # standard deviations: of a band's gain; DN of a band; DN of a pixel
SQUARES = (160, 288, 416)  # px: sides of injected changes
INJECTED = 3  # of each side, in each crop with a mask
HECTARES = 0.01  # of a pixel of 10 m; UTM's scale at the crops' grid changes it by 0.08 % at most
BANDS = ("B02", "B03", "B04", "B08")
Pixels = npt.NDArray[Any]
Truth = dict[str, float]


def crops() -> dict[str, tuple[Path, Window]]:
    """Crops of 512 × 512 px, none of which shares a pixel with another."""
    found = {}
    for scene, rows in (("south", (0, 512, 1024)), ("north", (0,))):
        for x in COLUMNS:
            for y in rows:
                found[f"{scene}_{x}_{y}"] = (DATA / f"challenge48/{scene}.tif", Window(x + 64, y, SIDE, SIDE))
    for x in range(0, 4096, SIDE):
        found[f"ain_{x}"] = (DATA / "challenge48/ain.tif", Window(x, 512 * (x // SIDE % 2), SIDE, SIDE))
    return found


def read(path: Path, window: Window | None) -> Pixels:
    """All bands of a raster, or of a window of it."""
    with rasterio.open(path) as source:
        pixels: Pixels = source.read(window=window)
        return pixels


def write_image(path: Path, pixels: Pixels) -> None:
    """An image of 10 m on a UTM grid: the crops of south and north have no place of their own."""
    place = dict(crs="EPSG:32631", transform=rasterio.Affine(10, 0, 600_000, 0, -10, 5_100_000))
    shape = dict(count=len(pixels), height=pixels.shape[1], width=pixels.shape[2])
    with rasterio.open(path, "w", driver="GTiff", dtype="uint16", **shape, **place) as target:
        target.write(pixels)
        target.descriptions = BANDS


def noisy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Another take of the same ground: gain and offset of each band, noise of each pixel; 0 stays no data."""
    gain, offset = rng.normal(1, GAIN, (4, 1, 1)), rng.normal(0, OFFSET, (4, 1, 1))
    changed = pixels * gain + offset + rng.normal(0, NOISE, pixels.shape)
    return np.where(pixels.any(axis=0), np.clip(np.rint(changed), 1, 65535), 0).astype(np.uint16)


def evaluations(folder: Path) -> dict[str, Path]:
    """Evaluation folders of the parts val and elsewhere, for south and north, and for Ain."""
    make = [sys.executable, "-W", "ignore", str(DATA / "challenge48/make_chips.py"), str(folder / "chips")]
    subprocess.run(make, check=True, capture_output=True)
    for part in ("val", "elsewhere"):
        landcover.predict(folder / "chips", folder / part, ONE_PLACE, part=part)
        landcover.evaluate(folder / part, folder / "chips", folder / f"evaluation_{part}")
    return {p: folder / f"evaluation_{p}" for p in ("val", "elsewhere")}


def write_versions(folder: Path) -> dict[str, Truth]:
    """Noisy versions of every crop, and of those with a mask also ones with an injected change."""
    folder.mkdir()
    masked = [n for n in crops() if not n.startswith("ain")]
    truths = {}
    for number, (name, (path, window)) in enumerate(crops().items()):
        rng = np.random.default_rng(number)
        pixels = read(path, window)
        for version in range(VERSIONS):
            write_image(folder / f"{name}_{version}.tif", noisy(pixels, rng))
        for version, square in enumerate(SQUARES * INJECTED if name in masked else ()):
            changed, truth = inject(name, square, rng)
            write_image(folder / f"{name}_injected{version}_{square}.tif", noisy(changed, rng))
            truths[f"{name}_injected{version}_{square}"] = truth
    return truths


def inject(name: str, side: int, rng: np.random.Generator) -> tuple[Pixels, Truth]:
    """A crop with a square of another crop in it, and the hectares that each class truly gained by that.

    The scenes have gaps: of fifty draws, the one with most pixels that have a label before and after is
    taken, and the truth is that of these pixels, since others can't be compared.
    """
    others = [n for n in crops() if n != name and not n.startswith("ain")]
    scene, codes = with_mask(name)
    best: tuple[Any, ...] = ()
    most = 0
    for _ in range(50):
        there, new_codes = with_mask(str(rng.choice(others)))
        corners = rng.integers(0, SIDE - side, (2, 2))
        into, out_of = (tuple(slice(v, v + side) for v in corner) for corner in corners)
        old, new = codes[into], new_codes[out_of]
        both = (old > 1) & (new > 1)
        if both.sum() > most:
            most, best = int(both.sum()), (into, there[(..., *out_of)], old[both], new[both])
    into, square, old, new = best
    changed = scene.copy()
    changed[(..., *into)] = square
    names = {c.code: c.name for c in S2GLC.labels}
    return changed, {n: HECTARES * float((new == c).sum() - (old == c).sum()) for c, n in names.items()}


@cache
def with_mask(name: str) -> tuple[Pixels, Pixels]:
    """Image and mask of a crop."""
    path, window = crops()[name]
    return read(path, window), read(path.with_name(f"{path.stem}_mask.tif"), window)[0]


def trials(maps: Path, folders: dict[str, Path], out: Path, truths: dict[str, Truth]) -> list[dict[str, Any]]:
    """Two versions of one crop, compared: nothing changed, or what was injected."""
    pairs = [(f"{n}_{v}", f"{n}_{v + 1}") for n in crops() for v in range(0, VERSIONS, 2)]
    for after in truths:
        crop, _, rest = after.partition("_injected")
        pairs.append((f"{crop}_{rest.partition('_')[0]}", after))
    found = []
    for before, after in pairs:
        evaluation = folders["elsewhere" if before.startswith("ain") else "val"]
        result = landcover.change(
            maps / f"{before}.tif", maps / f"{after}.tif", out, evaluation=[evaluation], overwrite=True
        )
        assert result.estimates is not None
        e = result.estimates.set_index("class").dropna(subset="low_net_ha")
        true = pd.Series(truths.get(after, {}), dtype=float).reindex(e.index, fill_value=0.0)
        compared = result.transitions[["area_ha", "filtered_ha"]].to_numpy().sum()
        moved = result.classes["gain_ha"].sum()
        raw = moved + result.classes["filtered_gain_ha"].sum()
        found.append(
            {
                "pair": after,
                "injected_px": int(after.rpartition("_")[2]) if after in truths else 0,
                "covered": bool(((e["low_net_ha"] <= true) & (true <= e["high_net_ha"])).all()),
                "same_error": float(e["same_error"].iloc[0]),
                "differing_share": float(raw / compared),
                "counted_share": float(moved / compared),
                "classes": {
                    str(n): {
                        "true_ha": float(true[n]),
                        "net_ha": float(r["net_ha"]),
                        "low_ha": float(r["low_net_ha"]),
                        "high_ha": float(r["high_net_ha"]),
                        "detectable_ha": float(r["detectable_ha"]),
                    }
                    for n, r in e.iterrows()
                },
            }
        )
    return found


def reservoir(folder: Path) -> dict[str, Any]:
    """Boadella: water of both dates against the polygons; those of the first leave out the northern arm."""
    images = [DATA / f"elsewhere/Boadella_2020-01-{day}.tif" for day in (13, 28)]
    polygons = [DATA / f"elsewhere/Boadella_2020-0{d}_water.geojson" for d in ("1-13", "2-02")]
    landcover.predict(images, folder / "boadella", ONE_PLACE, bands=list(BANDS))
    maps = [folder / "boadella/maps" / f"{i.stem}.tif" for i in images]
    found = landcover.change(*maps, folder / "boadella_change", mmu=0.5, overwrite=True)
    shapes = [geopandas.read_file(p) for p in polygons]
    with rasterio.open(maps[0]) as source:
        place, shape = Place.of(source), source.shape
        areas = pixel_areas(place, range(shape[0]), range(shape[1]))
        water = [rasterize(s.to_crs(source.crs).geometry, shape, transform=source.transform) for s in shapes]
    mapped = [read(m, None)[0] == 9 for m in maps]
    change = read(found.folder / "change.tif", None)[0]
    near = np.zeros(shape, bool)
    rows, columns = np.nonzero(water[0])
    near[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    gained = (water[1] == 1) & (water[0] == 0), (change == 9)
    boxes = {"box": near, "image": np.ones(shape, bool)}

    def hectares(pixels: Pixels) -> dict[str, float]:
        return {name: float(areas[pixels & box].sum()) for name, box in boxes.items()}

    return {
        "polygons": [hectares(w == 1) for w in water],
        "map": [hectares(m) for m in mapped],
        "missed": [hectares((w == 1) & ~m) for w, m in zip(water, mapped, strict=True)],
        "beyond": [hectares((w == 0) & m) for w, m in zip(water, mapped, strict=True)],
        "gained_polygons": hectares(gained[0]),
        "gained_counted": hectares(gained[1]),
        "warnings": list(found.notes),
    }


def inn(folder: Path) -> dict[str, Any]:
    """The Inn: what changed between two dates of one season, where hardly any land cover did."""
    images = [DATA / f"elsewhere/inn_date{n}.tif" for n in (1, 2)]
    landcover.predict(images, folder / "inn", ONE_PLACE)
    maps = [folder / "inn/maps" / f"{i.stem}.tif" for i in images]
    found = landcover.change(*maps, folder / "inn_change", mmu=0.5, overwrite=True)
    raw = found.transitions[found.transitions["from"] != found.transitions["to"]]
    return {
        "compared_ha": float(found.transitions[["area_ha", "filtered_ha"]].to_numpy().sum()),
        "differing_ha": float(raw[["area_ha", "filtered_ha"]].to_numpy().sum()),
        "counted_ha": float(raw["area_ha"].sum()),
        "classes": found.classes.set_index("class")[["area_a_ha", "area_b_ha", "net_ha"]].T.to_dict(),
    }


def main(result: Path) -> None:
    """Run all, print and write the result file."""
    commit = this_commit()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record: dict[str, Any] = {"commit": commit}
        record |= {"boadella": reservoir(folder), "inn": inn(folder)}
        folders = evaluations(folder)
        truths = write_versions(folder / "images")
        landcover.predict(folder / "images", folder / "versions", ONE_PLACE)
        record["perturbation"] = {"gain": GAIN, "offset_dn": OFFSET, "noise_dn": NOISE, "side_px": SIDE}
        record["trials"] = trials(folder / "versions/maps", folders, folder / "change", truths)
    write_text(result, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
