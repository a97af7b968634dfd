from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("pystac_client", reason="needs pip install 'landcover[fetch]'")
from landcover.errors import LandcoverError

BANDS = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir"}


def item(asset: dict[str, Any], name: str = "one", **properties: Any) -> dict[str, Any]:
    assets = {band: {"href": f"https://example.org/{band}.tif", **asset} for band in BANDS}
    assets["SCL"] = {"href": "https://example.org/SCL.tif"}
    dated = {"datetime": "2023-07-01T00:00:00Z", **properties}
    return {"id": name, "properties": dated, "bbox": [0, 0, 1, 1], "geometry": None, "assets": assets}


RASTER = {"raster:bands": [{"scale": 0.0001, "offset": -0.1}]}


@pytest.mark.parametrize(
    ("asset", "properties", "scale", "offset"),
    [
        (RASTER, {"s2:processing_baseline": "05.00", "earthsearch:boa_offset_applied": True}, 1, 0),
        (RASTER, {"s2:processing_baseline": "05.00", "earthsearch:boa_offset_applied": False}, 1, -1000),
        (RASTER, {"s2:processing_baseline": "03.01"}, 1, 0),
        (RASTER, {}, 1, -1000),
        ({"bands": [{"raster:scale": 0.0001, "raster:offset": -0.1}]}, {}, 1, -1000),
        ({"raster:scale": 0.0002, "raster:offset": 0}, {"processing:version": "05.11"}, 2, 0),
        ({"raster:bands": [{"scale": 1}]}, {}, 10_000, 0),
        ({}, {"sentinel:processing_baseline": "04.00"}, 1, -1000),
        ({}, {"s2:product_uri": "S2B_MSIL2A_20230701T095029_N0509_R079_T33UXP_20230701.SAFE"}, 1, -1000),
        ({}, {"s2:product_uri": "S2B_MSIL2A_20190701T095029_N0212_R079_T33UXP_20190701.SAFE"}, 1, 0),
    ],
)
def test_scale_and_offset(asset: dict[str, Any], properties: Any, scale: float, offset: float) -> None:
    from landcover.catalog.dialect import source_of

    found = source_of(item(asset, **properties)).assets["B08"]
    assert (found.scale, found.offset) == pytest.approx((scale, offset))


def test_an_item_that_tells_nothing_is_refused() -> None:
    from landcover.catalog.dialect import source_of

    with pytest.raises(LandcoverError, match="one: tells neither processing baseline nor scale and offset"):
        source_of(item({}))
