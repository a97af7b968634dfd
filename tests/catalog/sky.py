"""Items of Sentinel-2 L2A as three catalogues write them, made of known pixels and served locally."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

from catalog.server import Server

BANDS = ("B02", "B03", "B04", "B08")
NAMES = dict(zip(BANDS, ("blue", "green", "red", "nir"), strict=True))
Pixels = np.ndarray[Any, Any]


@dataclass
class Sky:
    """A server and the ground that its items show: reflectance × 10,000, bands × height × width."""

    server: Server
    ground: list[Pixels]
    crs: str = "EPSG:32633"
    corner: tuple[float, float] = (400_000.0, 5_300_000.0)
    files: Path = field(init=False)

    def __post_init__(self) -> None:
        self.files = self.server.folder

    @property
    def bbox(self) -> tuple[float, ...]:
        """Degrees, a little inside the images."""
        return self.box(300)

    def box(self, margin: float) -> tuple[float, ...]:
        """The box of the images less a margin (m), degrees."""
        (west, north), (_, height, width) = self.corner, self.ground[0].shape
        south, east = north - 10 * height, west + 10 * width
        inside = (west + margin, south + margin, east - margin, north - margin)
        return transform_bounds(CRS.from_string(self.crs), "EPSG:4326", *inside)

    def add(
        self,
        name: str,
        raw: Pixels,
        day: str = "2023-07-01",
        dialect: str = "earth-search",
        classes: Pixels | None = None,
        cloud: float = 10.0,
        baseline: str = "05.09",
        **properties: Any,
    ) -> dict[str, Any]:
        """Write the files of an item, put it on the server, and return it to be changed.

        Parameters
        ----------
        raw : numbers of the files, 4 × height × width
        classes : SCL of 20 m, height / 2 × width / 2; None is vegetation everywhere
        """
        classes = np.full([n // 2 for n in raw.shape[1:]], 4, np.uint8) if classes is None else classes
        for band, pixels in zip(BANDS, raw, strict=True):
            self.write(f"{name}_{band}.tif", pixels, 10)
        self.write(f"{name}_SCL.tif", classes, 20)
        west, south, east, north = self.box(0)
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        item = {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": name,
            "collection": "sentinel-2-l2a",
            "bbox": list(self.box(0)),
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": {"datetime": f"{day}T10:10:10.5Z", "eo:cloud_cover": cloud, **properties},
            "assets": DIALECTS[dialect](f"{self.server.url}/files/{name}"),
            "links": [],
        }
        key = "processing:version" if dialect == "copernicus" else "s2:processing_baseline"
        item["properties"][key] = baseline
        self.server.items.append(item)
        return item

    def write(self, name: str, pixels: Pixels, size: int) -> Path:
        """A tiled GeoTIFF of one band."""
        height, width = pixels.shape
        with rasterio.open(
            self.files / name, "w", driver="GTiff", dtype=pixels.dtype, count=1, height=height, width=width,
            crs=self.crs, transform=from_origin(*self.corner, size, size), nodata=0, tiled=True,
            blockxsize=128, blockysize=128, compress="deflate",
        ) as target:  # fmt: skip
            target.write(pixels, 1)
        return self.files / name


def _earth_search(stem: str) -> dict[str, Any]:
    """Named by colours, with JPEG 2000 twins on S3 and scale and offset in raster:bands."""
    assets: dict[str, Any] = {}
    for band, name in NAMES.items():
        raster = [{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1}]
        eo = [{"name": name, "common_name": name}]
        twin = {"href": f"s3://tiles/{band}.jp2", "type": "image/jp2", "eo:bands": eo, "raster:bands": raster}
        assets[f"{name}-jp2"] = twin
        assets[name] = {
            "href": f"{stem}_{band}.tif",
            "type": "image/tiff",
            "eo:bands": eo,
            "raster:bands": raster,
            "gsd": 10,
        }
    colours = [{"common_name": n} for n in ("red", "green", "blue")]
    assets["visual"] = {"href": f"{stem}_visual.tif", "eo:bands": colours}
    assets["nir08"] = {"href": f"{stem}_B8A.tif", "eo:bands": [{"common_name": "nir08"}], "gsd": 20}
    assets["scl"] = {"href": f"{stem}_SCL.tif", "type": "image/tiff", "gsd": 20}
    return assets


def _planetary_computer(stem: str) -> dict[str, Any]:
    """Named by bands, without a word on scale and offset."""
    assets: dict[str, Any] = {
        band: {"href": f"{stem}_{band}.tif", "eo:bands": [{"name": band, "common_name": name}], "gsd": 10.0}
        for band, name in NAMES.items()
    }
    return assets | {"SCL": {"href": f"{stem}_SCL.tif", "gsd": 20.0}}


def _copernicus(stem: str) -> dict[str, Any]:
    """STAC 1.1: `bands`, on S3 with an alternate address, each band in several sizes of pixel."""
    assets: dict[str, Any] = {}
    for size in (60, 20, 10):
        for band, name in NAMES.items():
            assets[f"{band}_{size}m"] = {
                "href": f"s3://eodata/{band}_{size}m.jp2",
                "bands": [{"name": band, "eo:common_name": name}],
                "raster:scale": 0.0001,
                "raster:offset": -0.1,
                "alternate": {"https": {"href": f"{stem}_{band}.tif" if size == 10 else f"{stem}_no.tif"}},
            }
    scl = {"href": "s3://eodata/SCL_20m.jp2", "alternate": {"https": {"href": f"{stem}_SCL.tif"}}}
    return assets | {"SCL_20m": scl}


DIALECTS = {
    "earth-search": _earth_search,
    "planetary-computer": _planetary_computer,
    "copernicus": _copernicus,
}
