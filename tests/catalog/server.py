"""A small STAC API and file server on 127.0.0.1: search with pages, ranges, and faults on demand."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

CORE = "https://api.stacspec.org/v1.0.0/core"
SEARCH = "https://api.stacspec.org/v1.0.0/item-search"
QUERY = SEARCH + "#query"
FILTER = SEARCH + "#filter"
SERVED: set[int] = set()  # ports


class Server(ThreadingHTTPServer):
    """Serves `items` by search, and what lies in `folder` under `/files/`.

    `faults` maps a piece of a path to what happens to requests for it, in turn: a status such as 500, `cut`
    (half of the body, then the line goes dead), `slow`, or `ok`; the last stays. `asked` holds the paths
    that were asked for, `bodies` what was posted.
    """

    daemon_threads = True
    request_queue_size = 128  # GDAL asks for many ranges at a time

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.items: list[dict[str, Any]] = []
        self.faults: dict[str, list[int | str]] = {}
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.conformance = [CORE, SEARCH, QUERY]
        self.page = 2

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is what some tests are about."""


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    while server.server_port in SERVED:  # GDAL would remember what it had read at this address
        server.server_close()
        server = Server(folder)
    SERVED.add(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        self.server.bodies.append(body)
        self._answer(body)

    def do_GET(self) -> None:
        self._answer({k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()})

    def _answer(self, asked: dict[str, Any]) -> None:
        self.server.asked.append(self.path)
        fault: int | str = "ok"
        for piece, kinds in self.server.faults.items():
            if piece in self.path:
                fault = kinds.pop(0) if len(kinds) > 1 else kinds[0]
        if isinstance(fault, int):
            return self._send(fault, b'{"code": "trouble"}', "application/json")
        if fault == "slow":
            time.sleep(3)
        path = urlsplit(self.path).path
        if path.startswith("/files/"):
            return self._file(self.server.folder / path.removeprefix("/files/"), fault)
        document = self._document(path, asked)
        if document is None:
            return self._send(404, b"{}", "application/json")
        return self._send(200, json.dumps(document).encode(), "application/json", cut=fault == "cut")

    def _document(self, path: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        server = self.server
        link = [
            {"rel": "self", "href": server.url},
            {"rel": "root", "href": server.url},
            {"rel": "data", "href": server.url + "/collections"},
            {"rel": "conformance", "href": server.url + "/conformance"},
            {"rel": "search", "href": server.url + "/search", "method": "POST"},
        ]
        if path == "/":
            return {
                "type": "Catalog",
                "id": "local",
                "stac_version": "1.0.0",
                "description": "local",
                "links": link,
                "conformsTo": server.conformance,
            }
        if path == "/conformance":
            return {"conformsTo": server.conformance}
        if path == "/collections":
            return {"collections": [], "links": link}
        if path.startswith("/token/"):
            token = f"sig=secret-of-{path.rpartition('/')[2]}"
            return {"token": token, "msft:expiry": "2100-01-01T00:00:00Z"}
        return self._search(asked) if path == "/search" else None

    def _search(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [i for i in self.server.items if _matches(i, asked)]
        start = int(asked.get("token", 0))
        page = found[start : start + self.server.page]
        links = []
        if start + len(page) < len(found):
            body = {**asked, "token": start + len(page)}
            links = [{"rel": "next", "href": self.server.url + "/search", "method": "POST", "body": body}]
        return {"type": "FeatureCollection", "features": page, "links": links}

    def _file(self, path: Path, fault: str) -> None:
        if not path.is_file():
            return self._send(404, b"", "text/plain")
        body = path.read_bytes()
        kind = "application/json" if path.suffix == ".json" else "image/tiff"
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            return self._send(200, body, kind, cut=fault == "cut")
        first, last = int(asked[1]), min(int(asked[2] or len(body) - 1), len(body) - 1)
        if first > last:
            return self._send(416, b"", kind)
        where = f"bytes {first}-{last}/{len(body)}"
        return self._send(206, body[first : last + 1], kind, where, fault == "cut")

    def _send(self, status: int, body: bytes, kind: str, where: str = "", cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if where:
            self.send_header("Content-Range", where)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut


def _matches(item: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Collections, bounding box, dates and cloud cover, as the specification has them."""
    if asked.get("collections") and item.get("collection") not in asked["collections"]:
        return False
    box = asked.get("bbox")
    if "intersects" in asked:
        ring = [p for part in _rings(asked["intersects"]) for p in part]
        xs, ys = zip(*ring, strict=True)
        box = [min(xs), min(ys), max(xs), max(ys)]
    if box and not _overlap(item["bbox"], box):
        return False
    told = item["properties"].get("datetime", "")
    if asked.get("datetime") and told[:1] == "2":
        when = datetime.fromisoformat(told)
        start, end = (datetime.fromisoformat(t) for t in asked["datetime"].split("/"))
        if not start <= when <= end:
            return False
    cloud = item["properties"].get("eo:cloud_cover", 0)
    most = asked.get("query", {}).get("eo:cloud_cover", {}).get("lte", 100)
    if asked.get("filter"):
        most = asked["filter"]["args"][1]
    return bool(cloud <= most)


def _rings(geometry: dict[str, Any]) -> list[Any]:
    parts = geometry["coordinates"]
    return list(parts) if geometry["type"] == "Polygon" else [ring for part in parts for ring in part]


def _overlap(a: list[float], b: list[float]) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
