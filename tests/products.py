"""Sentinel-2 products for tests: tree, names and MTD file as real ones have them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

BANDS = ("B02", "B03", "B04", "B08")
TILE = "T31TFL_20230601T103629"
GRID = dict(crs="EPSG:32631", transform=from_origin(600000, 5100000, 10, 10))


def write_jp2(path: Path, pixels: np.ndarray[Any, Any], **profile: Any) -> Path:
    """One band as lossless JPEG 2000."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = dict(count=1, height=pixels.shape[0], width=pixels.shape[1], dtype=pixels.dtype)
    with rasterio.open(
        path, "w", driver="JP2OpenJPEG", quality=100, reversible="YES", **shape, **profile
    ) as target:
        target.write(pixels, 1)
    return path


def mtd(level: str, offset: int | None = -1000, quantification: int = 10_000) -> str:
    """An MTD file with the elements of a real one; `offset` None is that of a baseline before 04.00."""
    digit, word = level[1:], {"L2A": "BOA", "L1C": "RADIO"}[level]
    listed = {"L2A": "BOA_ADD_OFFSET_VALUES_LIST", "L1C": "Radiometric_Offset_List"}[level]
    offsets = "".join(f'<{word}_ADD_OFFSET band_id="{n}">{offset}</{word}_ADD_OFFSET>' for n in range(13))
    value = {
        "L2A": '<QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE unit="none">{}'
        '</BOA_QUANTIFICATION_VALUE><AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>'
        "</QUANTIFICATION_VALUES_LIST>",
        "L1C": '<QUANTIFICATION_VALUE unit="none">{}</QUANTIFICATION_VALUE>',
    }[level].format(quantification)
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{digit}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{digit}.xsd">
  <n1:General_Info>
    <Product_Info>
      <PROCESSING_LEVEL>Level-{digit}</PROCESSING_LEVEL>
      <PROCESSING_BASELINE>{"05.09" if offset is not None else "03.01"}</PROCESSING_BASELINE>
    </Product_Info>
    <Product_Image_Characteristics>
      <Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
      </Special_Values>
      {value}
      {f"<{listed}>{offsets}</{listed}>" if offset is not None else ""}
    </Product_Image_Characteristics>
  </n1:General_Info>
</n1:Level-{digit}_User_Product>
"""


def write_safe(
    folder: Path,
    pixels: np.ndarray[Any, Any],
    level: str = "L2A",
    offset: int | None = -1000,
    classes: np.ndarray[Any, Any] | None = None,
    **grid: Any,
) -> Path:
    """A .SAFE folder whose reflectances × 10,000 are `pixels` (B02, B03, B04, B08; 0 in all is no data).

    Parameters
    ----------
    classes : the SCL layer at 20 m, uint8; None makes one of vegetation (4)
    grid : CRS and transform of the bands
    """
    safe = folder / f"S2A_MSI{level}_20230601T103629_N0509_R008_T31TFL_20230601T170000.SAFE"
    data = safe / "GRANULE" / f"{level}_T31TFL_A041480_20230601T103629" / "IMG_DATA"
    raw = np.where(pixels.any(axis=0), pixels.astype(int) - (offset or 0), 0).astype(np.uint16)
    grid = grid or GRID
    for band, numbers in zip(BANDS, raw, strict=True):
        if level == "L2A":
            write_jp2(data / "R10m" / f"{TILE}_{band}_10m.jp2", numbers, **grid)
        else:
            write_jp2(data / f"{TILE}_{band}.jp2", numbers, **grid)
    height, width = (-(-side // 2) for side in pixels.shape[1:])
    half = dict(grid, transform=grid["transform"] * rasterio.Affine.scale(2))
    if level == "L2A":
        classes = np.full((height, width), 4, np.uint8) if classes is None else classes
        write_jp2(data / "R20m" / f"{TILE}_SCL_20m.jp2", classes, **half)
        coarse = raw[:, ::2, ::2]
        write_jp2(data / "R20m" / f"{TILE}_B02_20m.jp2", coarse[0], **half)
        write_jp2(data / "R10m" / f"{TILE}_AOT_10m.jp2", raw[0], **grid)
    write_jp2(data.parent / "QI_DATA" / "MSK_QUALIT_B02.jp2", np.zeros((height, width), np.uint8))
    (safe / f"MTD_MSI{level}.xml").write_text(mtd(level, offset))
    return safe


def zipped(safe: Path) -> Path:
    """The product as a zip beside it, with the folder inside."""
    path = safe.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(safe.rglob("*")):
            if file.is_file():
                archive.write(file, str(Path(safe.name) / file.relative_to(safe)))
    return path
