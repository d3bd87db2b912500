"""Times as the logs write them, as microseconds of UTC since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000
DAY = 86_400 * SECOND
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHORTEST = len("20131102T010628")  # a date alone is not an instant
_LAST_YEAR = 9998  # so that no offset leads out of the calendar


@lru_cache(maxsize=65_536)
def instant(text: str | None) -> int | None:
    """Return the instant, or None if the text is none: ISO 8601, extended or basic, with `T` or a space, UTC if it has no offset.

    >>> instant("2023-07-10T11:55:22Z") == instant("20230710T115522Z") == instant("2023-07-10 13:55:22+02:00")
    True
    """
    if not text or len(text) < _SHORTEST:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not _START.year < at.year <= _LAST_YEAR:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _START) // _MICROSECOND
