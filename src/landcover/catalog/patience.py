"""Try again when the network fails: a few times, with growing pauses, then one clear error."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

from landcover.errors import LandcoverError

T = TypeVar("T")
TRIES = 4
PAUSE = 0.5  # s before the second try, doubled before each further one


def patiently(
    attempt: Callable[[int], T], subject: str, errors: tuple[type[Exception], ...], tries: int | None = None
) -> T:
    """Call `attempt` with 0, 1, … until it gives a result.

    An answer that says that asking again is of no use (HTTP 4xx, but for 408 and 429) ends it at once.

    Parameters
    ----------
    attempt : takes the number of the try
    subject : what is read, for the error; queries of addresses (signatures) are left out of it
    errors : what may go better the next time; other exceptions pass through
    tries : how often to try; None is `TRIES`

    Raises
    ------
    LandcoverError : the last try failed too
    """
    tries = TRIES if tries is None else tries
    for number in range(tries):
        try:
            return attempt(number)
        except errors as error:
            if number + 1 == tries or _is_final(error):
                times = f" after {number + 1} tries" if number else ""
                raise LandcoverError(
                    without_query(subject), f"can't be read{times} ({_told(error)})", "a whole answer",
                    "try again later, or check address, dates and access",
                ) from error  # fmt: skip
        time.sleep(PAUSE * 2**number)
    raise AssertionError("tries is at least 1")


def without_query(text: str) -> str:
    """A text without the queries and fragments of the addresses in it, which may hold signatures."""
    return re.sub(r"(https?://[^\s?#'\"]+)[?#][^\s'\"]*", r"\1", text)


def _is_final(error: Exception) -> bool:
    told = re.search(r"HTTP response code: (\d+)", str(error))
    status = getattr(error, "status_code", None) or getattr(error, "code", None) or (told and told[1])
    return str(status or "").startswith("4") and str(status) not in ("408", "429")


def _told(error: Exception) -> str:
    """What an error says, in one short line."""
    status = getattr(error, "status_code", None)
    text = f"HTTP response code: {status}" if status else str(error.__cause__ or error)
    text = " ".join(without_query(text).split()).rstrip(". ")
    return text if len(text) <= 160 else text[:159] + "…"
