"""What a file claims is checked before it is believed; the network is left alone unless asked for."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from conftest import write_tiff
from products import write_jp2

from landcover.errors import LandcoverError
from landcover.imagery import raster
from landcover.imagery.image import open_image
from landcover.imagery.raster import open_raster, slow_layout

PIXELS = np.random.default_rng(0).integers(1, 9000, (4, 150, 200)).astype(np.uint16)


class Server(ThreadingHTTPServer):
    """Serves the files of a folder with ranges, and notes what it was asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET(False)

    def do_GET(self, body: bool = True) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(self.path)
        file = self.server.folder / self.path.split("?")[0].lstrip("/")
        content = file.read_bytes() if file.is_file() else b""
        status, piece = (200, content) if file.is_file() else (404, b"")
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and content:
            start, end = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
            status, piece = 206, content[start : end + 1]
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + len(piece) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(piece)))
        self.end_headers()
        if body:
            self.wfile.write(piece)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A store that GDAL takes for S3."""
    (tmp_path / "store" / "bucket").mkdir(parents=True)
    with Server(tmp_path / "store") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, value in {
            "AWS_S3_ENDPOINT": f"127.0.0.1:{server.server_address[1]}",
            "AWS_HTTPS": "NO",
            "AWS_VIRTUAL_HOSTING": "FALSE",
            "AWS_NO_SIGN_REQUEST": "YES",
            "no_proxy": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        yield server
        server.shutdown()


@pytest.mark.parametrize("path", ["/vsis3/bucket/a.tif", "s3://bucket/a.tif"])
def test_remote_images_are_read_on_request(server: Server, path: str) -> None:
    write_tiff(server.folder / "bucket" / "a.tif", PIXELS, tiled=True, blockxsize=64, blockysize=64)
    with (
        pytest.raises(LandcoverError, match="is on the network; expected a local file"),
        open_raster(Path(path)),
    ):
        raise AssertionError("not reached")
    assert server.asked == []
    with open_image(Path(path), remote=True) as image:
        np.testing.assert_array_equal(image.read()[0], PIXELS)
        assert image.files == ()
    assert {a.split("?")[0] for a in server.asked} == {"/bucket/a.tif"}


def test_remote_files_of_single_bands_are_one_image(server: Server) -> None:
    for n, band in enumerate(("B02", "B03", "B04", "B08")):
        write_tiff(server.folder / "bucket" / f"{band}.tif", PIXELS[n])
        write_jp2(server.folder / "bucket" / f"{band}.jp2", PIXELS[n])
    for suffix in ("tif", "jp2"):
        with open_image(Path(f"/vsis3/bucket/{{band}}.{suffix}"), remote=True) as image:
            np.testing.assert_array_equal(image.read()[0], PIXELS)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("https://host/a/b.tif?sig=x%2F", "/vsicurl/https://host/a/b.tif?sig=x%2F"),
        ("s3://bucket/a.tif", "/vsis3/bucket/a.tif"),
        ("/vsis3/bucket/a.tif", "/vsis3/bucket/a.tif"),
    ],
)
def test_paths_on_the_network_have_a_name_in_gdal(path: str, name: str) -> None:
    assert raster.is_remote(Path(path))
    assert raster._network_name(Path(path)) == name


def test_a_remote_image_that_is_not_there_is_one_line(server: Server) -> None:
    path = Path("/vsis3/bucket/b.tif")
    with pytest.raises(LandcoverError, match=r"b\.tif: can't be read"), open_image(path, remote=True):
        raise AssertionError("not reached")
    path = Path("https://127.0.0.1:1/a.tif?signature=secret")
    with pytest.raises(LandcoverError, match=r"https://127.0.0.1:1/a.tif: can't be read") as told:  # noqa: SIM117
        with open_image(path, remote=True):
            raise AssertionError("not reached")
    assert "secret" not in str(told.value)


def test_a_file_that_refers_to_the_network_does_not_reach_it(server: Server, tmp_path: Path) -> None:
    write_tiff(server.folder / "bucket" / "a.tif", PIXELS[:, :75, :100])
    big = write_tiff(tmp_path / "big.tif", PIXELS)
    for store in ("/vsis3/bucket", f"/vsicurl/http://127.0.0.1:{server.server_address[1]}/bucket"):
        (tmp_path / "big.tif.aux.xml").write_text(
            '<PAMDataset><Metadata domain="OVERVIEWS">'
            f'<MDI key="OVERVIEW_FILE">{store}/a.tif</MDI></Metadata></PAMDataset>'
        )
        careless = f"import rasterio; rasterio.open({str(big)!r}).overviews(1)"
        subprocess.run([sys.executable, "-W", "ignore", "-c", careless], check=True)
        assert server.asked
        server.asked.clear()
        with open_image(big) as image:
            image.look(100)
        assert server.asked == []


@pytest.mark.parametrize(
    ("shape", "finding"),
    [
        ((4, 60_000, 60_000), "claims 60000 × 60000 px; expected at most 2,000,000,000 px"),
        ((1, 1, 1_000_000), "claims 1 × 1000000 px; expected at most 65,536 columns"),
        ((4, 30_000, 40_000), r"claims 30000 × 40000 px in 4 bands, in a file of [\d,]+ bytes"),
        ((900, 300, 300), r"claims 300 × 300 px in 900 bands, in a file of [\d,]+ bytes"),
    ],
)
def test_claims_that_a_file_cannot_hold_are_refused(
    tmp_path: Path, shape: tuple[int, int, int], finding: str
) -> None:
    count, height, width = shape
    profile: dict[str, Any] = dict(count=count, height=height, width=width, dtype="uint16", sparse_ok=True)
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", compress="deflate", **profile):
        pass
    with pytest.raises(LandcoverError, match=finding), open_raster(tmp_path / "a.tif"):
        raise AssertionError("not reached")


def test_a_large_image_of_one_value_is_read(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.ones((1, 4000, 5000), np.uint16), compress="deflate", tiled=True)
    with open_image(path, wanted=["B02"]) as image:
        assert image.read(0, 0, 64, 64)[1].all()


@pytest.mark.parametrize(
    ("profile", "slow"),
    [
        (dict(tiled=True, blockxsize=64, blockysize=64), None),
        (dict(blockysize=1), None),
        (dict(blockysize=144), "stored as blocks of 144 rows: reading is slow"),
        (dict(driver="JP2OpenJPEG"), "stored as JPEG 2000: reading is slow"),
    ],
)
def test_slow_layouts_of_large_images_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: dict[str, Any], slow: str | None
) -> None:
    shape = dict(count=4, height=150, width=200, dtype="uint16")
    with rasterio.open(tmp_path / "a", "w", **({"driver": "GTiff"} | profile), **shape) as target:
        target.write(PIXELS)
    monkeypatch.setattr(raster, "SLOW_ROWS", 100)
    for limit, expected in ((30_000, None), (29_999, slow)):
        monkeypatch.setattr(raster, "SLOW_PIXELS", limit)
        with open_raster(tmp_path / "a") as source:
            found = slow_layout(source)
        assert (found is None) if expected is None else (found or "").startswith(expected)
