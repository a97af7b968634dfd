"""Catalogues by name, and the access that they ask for: signed addresses or a bearer token."""

from __future__ import annotations

import json
import os
import threading
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from urllib.parse import urlsplit

from landcover.catalog.patience import patiently
from landcover.errors import LandcoverError

MARGIN = timedelta(minutes=5)  # a token is renewed so long before it ends


@dataclass(frozen=True)
class Catalogue:
    """Where a catalogue is, and how its assets are reached.

    Attributes
    ----------
    url : address of its STAC API, or a catalog.json (http(s) or a local file)
    collection : the one of Sentinel-2 L2A; None for all
    tokens : address that gives tokens to sign hrefs with, `{collection}` in it; None if open
    bearer : environment variable that holds an access token; None if open
    hosts : end of the names of the hosts that get tokens: no other ever does
    """

    url: str
    collection: str | None = None
    tokens: str | None = None
    bearer: str | None = None
    hosts: str = ""


KNOWN = {
    # Collection 1 says truly which numbers hold an offset; its forerunner sentinel-2-l2a does not always.
    "earth-search": Catalogue("https://earth-search.aws.element84.com/v1", "sentinel-2-c1-l2a"),
    "planetary-computer": Catalogue(
        "https://planetarycomputer.microsoft.com/api/stac/v1",
        "sentinel-2-l2a",
        tokens="https://planetarycomputer.microsoft.com/api/sas/v1/token/{collection}",
        hosts=".blob.core.windows.net",
    ),
    "copernicus": Catalogue(
        "https://stac.dataspace.copernicus.eu/v1",
        "sentinel-2-l2a",
        bearer="COPERNICUS_TOKEN",
        hosts=".dataspace.copernicus.eu",
    ),
}


class Access:
    """Makes an href readable: signs it, or gives the header that goes with it.

    Raises
    ------
    LandcoverError : the catalogue asks for a token that the environment doesn't hold
    """

    def __init__(self, catalogue: Catalogue, timeout: float) -> None:
        self._catalogue = catalogue
        self._timeout = timeout
        self._lock = threading.Lock()  # bands are read at the same time
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._bearer = os.environ.get(catalogue.bearer, "") if catalogue.bearer else ""
        if catalogue.bearer and not self._bearer:
            raise LandcoverError(
                catalogue.url, "gives its images to users with an access token only",
                f"one in the environment variable {catalogue.bearer}", "get one with your account there",
            )  # fmt: skip

    def sign(self, href: str, collection: str | None) -> str:
        """The href with a token, for hosts of the catalogue; others stay as they are."""
        if self._catalogue.tokens is None or not self._is_theirs(href) or "sig=" in href:
            return href
        with self._lock:
            token, renewal = self._tokens.get(collection or "", ("", datetime.min.replace(tzinfo=UTC)))
            if datetime.now(UTC) > renewal:
                token, _ = self._tokens[collection or ""] = self._ask(collection or "")
        return f"{href}{'&' if '?' in href else '?'}{token}"

    def header(self, href: str) -> str | None:
        """The HTTP header for an href: only for hosts of the catalogue."""
        return f"Authorization: Bearer {self._bearer}" if self._bearer and self._is_theirs(href) else None

    def _is_theirs(self, href: str) -> bool:
        return (urlsplit(href).hostname or "").endswith(self._catalogue.hosts)

    def _ask(self, collection: str) -> tuple[str, datetime]:
        """A token and when to renew it."""
        assert self._catalogue.tokens is not None
        url = self._catalogue.tokens.format(collection=collection)

        def attempt(_: int) -> tuple[str, datetime]:
            with urllib.request.urlopen(url, timeout=self._timeout) as answer:
                told = json.load(answer)
            return str(told["token"]), datetime.fromisoformat(told["msft:expiry"]) - MARGIN

        return patiently(attempt, url, (OSError, HTTPException, ValueError, KeyError, TypeError))
