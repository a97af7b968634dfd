"""A sky to fetch from, local and quick to fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import DATA, read_tiff

from catalog.server import serve
from catalog.sky import Sky
from landcover.catalog import patience


@pytest.fixture
def sky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sky]:
    """A server without items, and two dates of real pixels (random ones where there are none)."""
    for package in ("pystac_client", "odc.stac", "geopandas"):
        pytest.importorskip(package, reason="needs pip install 'landcover[fetch]'")
    monkeypatch.setattr(patience, "PAUSE", 0.001)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    real = [DATA / "elsewhere" / f"inn_date{n}.tif" for n in (1, 2)]
    if all(p.is_file() for p in real):
        ground = [np.maximum(read_tiff(p)[:, 20:260, 30:350], 1) for p in real]
    else:
        rng = np.random.default_rng(0)
        ground = [rng.integers(1, 6000, (4, 240, 320)).astype(np.uint16) for _ in real]
    (tmp_path / "files").mkdir()
    with serve(tmp_path / "files") as server:
        yield Sky(server, ground)
