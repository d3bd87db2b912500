"""How CloudTrail and GuardDuty write a moment. Moments are epoch seconds, UTC, everywhere in this package."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from benchmarks.organisation.parameters import DAY_SECONDS

_CLOCK = tuple(f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}Z" for s in range(DAY_SECONDS))


@lru_cache(maxsize=1024)
def day_text(day_number: int) -> str:
    """Return `2026-03-04` for a day counted from the epoch."""
    return datetime.fromtimestamp(day_number * DAY_SECONDS, UTC).strftime("%Y-%m-%d")


def iso(at: int) -> str:
    """Return `2026-03-04T02:14:11Z`, as in eventTime and creationDate."""
    day_number, second = divmod(at, DAY_SECONDS)
    return day_text(day_number) + _CLOCK[second]


def iso_milliseconds(at: int) -> str:
    """Return `2026-03-04T02:14:11.000Z`, as in findings."""
    return iso(at)[:-1] + ".000Z"


def expiration_text(at: int) -> str:
    """Return `Mar 4, 2026, 2:14:11 PM`, as in the credentials of an issuing response."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%b} {moment.day}, {moment.year}, {moment.hour % 12 or 12}:{moment:%M:%S %p}"


def compact(at: int) -> str:
    """Return `20260304T021411Z`, as in the names of digest objects."""
    return iso(at).replace("-", "").replace(":", "")
