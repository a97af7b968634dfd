"""Find items in a STAC API or in a static catalogue, by place, dates and cloud cover."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from pystac import STACError
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from landcover.catalog.known import Catalogue
from landcover.catalog.patience import patiently, without_query
from landcover.errors import LandcoverError

Item = dict[str, Any]
Box = tuple[float, float, float, float]
MOST_ITEMS = 2_000
MOST_DOCUMENTS = 20_000  # of a static catalogue


def search(
    catalogue: Catalogue,
    bbox: Box,
    start: datetime,
    end: datetime,
    cloud: float,
    timeout: float,
) -> list[Item]:
    """The items (GeoJSON dictionaries with absolute hrefs) that meet all conditions, by date and id.

    Parameters
    ----------
    bbox : degrees, WGS 84
    start, end : both included
    cloud : most cloud cover of an item, percent; items that don't tell theirs are kept
    timeout : of each request, s

    Raises
    ------
    LandcoverError : the catalogue doesn't answer, is none, or finds nothing or far too much
    """
    reader = _Reader(catalogue.url, timeout)
    root = reader.document(catalogue.url)
    if any(link.get("rel") == "search" for link in root.get("links", [])):
        found = _ask(reader, catalogue, bbox, start, end, cloud)
    else:
        found = _walk(reader, catalogue, bbox, start, end)
    items: dict[str, Item] = {}
    for item in found:
        if _meets(item, bbox, start, end, cloud):
            items[str(item["id"])] = item
        if len(items) > MOST_ITEMS:
            raise LandcoverError(
                catalogue.url, f"finds more than {MOST_ITEMS:,} items", "a task of some hundred",
                "choose a smaller area, fewer days or less --cloud",
            )  # fmt: skip
    if not items:
        raise LandcoverError(
            catalogue.url,
            f"has no item in {start:%Y-%m-%d} to {end:%Y-%m-%d} with up to {cloud:g} % clouds there",
            "at least one", "widen dates or --cloud, or check area and --collection",
        )  # fmt: skip
    return sorted(items.values(), key=lambda i: (when(i), str(i["id"])))


def when(item: Item) -> datetime:
    """Date and time of an item, with its time zone."""
    told = item["properties"].get("datetime") or item["properties"]["start_datetime"]
    moment = datetime.fromisoformat(told)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Reader(StacApiIO):
    """Reads documents with a timeout and patience; a catalogue on the web may lead to the web only."""

    def __init__(self, root: str, timeout: float) -> None:
        super().__init__(timeout=timeout, max_retries=None)
        self._root_is_local = not is_web(root)

    def request(self, href: str, *rest: Any, **named: Any) -> str:
        if not is_web(href):
            raise LandcoverError(href, "is no web address", "http or https", "mend the link in the catalogue")

        def attempt(_: int) -> str:
            text = super(_Reader, self).request(href, *rest, **named)
            json.loads(text)  # a page cut short, or one for people
            return text

        return patiently(attempt, href, (APIError, ValueError))

    def document(self, href: str) -> dict[str, Any]:
        """The JSON object behind an address or, for a local catalogue, in a local file."""
        if is_web(href):
            told = json.loads(self.request(href))
        elif self._root_is_local:
            try:
                told = json.loads(Path(href).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                finding = f"can't be read ({error})"
                raise LandcoverError(href, finding, "a STAC document in JSON", "check the path") from error
        else:
            raise LandcoverError(href, "is no web address", "http or https", "mend the link in the catalogue")
        if not isinstance(told, dict) or not isinstance(told.get("links", []), list):
            raise LandcoverError(href, "is no STAC document", "a catalogue, collection or item", "check it")
        return told


def is_web(href: str) -> bool:
    """Whether an href is an address of http or https."""
    return urlsplit(href).scheme in ("http", "https")


def _ask(
    reader: _Reader, catalogue: Catalogue, bbox: Box, start: datetime, end: datetime, cloud: float
) -> Iterator[Item]:
    """Search an API, cloud cover included where it can; page after page."""
    options: dict[str, Any] = {}
    try:
        with warnings.catch_warnings(action="ignore"):
            client = Client.open(catalogue.url, stac_io=reader, timeout=reader.timeout)
            if client.conforms_to("QUERY"):
                options["query"] = {"eo:cloud_cover": {"lte": cloud}}
            elif client.conforms_to("FILTER"):
                options["filter"] = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, cloud]}
            if catalogue.collection:
                options["collections"] = [catalogue.collection]
            asked = client.search(bbox=bbox, datetime=[start, end], max_items=MOST_ITEMS + 1, **options)
        yield from asked.items_as_dicts()
    except (APIError, STACError, NotImplementedError, KeyError, TypeError, ValueError) as error:
        raise LandcoverError(
            catalogue.url, f"can't be searched ({without_query(' '.join(str(error).split())[:160])})",
            "a STAC API or a static catalogue", "check the address",
        ) from error  # fmt: skip


def _walk(reader: _Reader, catalogue: Catalogue, bbox: Box, start: datetime, end: datetime) -> Iterator[Item]:
    """Go through a static catalogue, leaving out collections of other places and times."""
    waiting, seen = [(catalogue.url, None)], set()
    while waiting:
        href, collection = waiting.pop()
        if href in seen:
            continue
        seen.add(href)
        if len(seen) > MOST_DOCUMENTS:
            raise LandcoverError(
                catalogue.url, f"leads to more than {MOST_DOCUMENTS:,} documents", "a smaller catalogue",
                "give the catalogue of one collection or year",
            )  # fmt: skip
        document = reader.document(href)
        if document.get("type") == "Feature":
            if catalogue.collection in (None, document.get("collection", collection)):
                yield _with_absolute_hrefs(document, href)
            continue
        if document.get("type") == "Collection":
            collection = document.get("id")
            if not _reaches(document.get("extent", {}), bbox, start, end):
                continue
        links = [link for link in document.get("links", []) if link.get("rel") in ("child", "item")]
        waiting += [(_join(href, str(link["href"])), collection) for link in reversed(links)]


def _with_absolute_hrefs(item: Item, href: str) -> Item:
    for asset in item.get("assets", {}).values():
        asset["href"] = _join(href, str(asset["href"]))
    return item


def _join(base: str, href: str) -> str:
    if is_web(base) or urlsplit(href).scheme:
        return urljoin(base, href)
    return str((Path(base).parent / href).resolve())


def _reaches(extent: dict[str, Any], bbox: Box, start: datetime, end: datetime) -> bool:
    """Whether the extent of a collection, as far as it tells one, meets place and dates."""
    boxes = extent.get("spatial", {}).get("bbox") or [[-180, -90, 180, 90]]
    first, last = (extent.get("temporal", {}).get("interval") or [[None, None]])[0]
    early = first and datetime.fromisoformat(first) > end
    late = last and datetime.fromisoformat(last) < start
    return overlap(boxes[0], bbox) and not early and not late


def _meets(item: Item, bbox: Box, start: datetime, end: datetime, cloud: float) -> bool:
    with understanding(item):
        clouds = item["properties"].get("eo:cloud_cover")
        here = overlap(item.get("bbox") or bbox, bbox)
        return here and start <= when(item) <= end and (clouds is None or float(clouds) <= cloud)


@contextmanager
def understanding(item: Item) -> Iterator[None]:
    """Turn what goes wrong with a malformed item into a `LandcoverError` that names it."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise LandcoverError(
            str(item.get("id", "an item")), f"is malformed ({error!r})", "an item as STAC has it",
            "tell the keeper of the catalogue",
        ) from error  # fmt: skip


def overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether two boxes share a point; boxes of six numbers have heights."""
    (aw, as_, ae, an), (bw, bs, be, bn) = ((x[0], x[1], x[len(x) // 2], x[len(x) // 2 + 1]) for x in (a, b))
    return aw <= be and bw <= ae and as_ <= bn and bs <= an
