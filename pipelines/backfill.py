"""A long stretch of days, month by month: which months are not done, and how long the rest will take.

Nothing is remembered of a backfill. A month is done when the ledger knows all its objects and every table has consumed what came, so
that the next call after a kill begins with the first month that is not, and late objects make one undone again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta

from expectations.tables import CLOUDTRAIL_EVENTS, INGEST_FILES
from pipelines.lake import Lake
from pipelines.preflight import named_sources
from pipelines.settings import Settings
from pipelines.sources.layout import CLOUDTRAIL, DIGESTS, SourceError, SourceObject
from pipelines.sources.listing import access_of, open_sources
from pipelines.upkeep import behind


@dataclass(frozen=True)
class Month:
    """Days of one month, and what was published on them that the ledger does not know."""

    first: date
    last: date
    new_count: int
    new_size: int
    """Bytes."""

    def __str__(self) -> str:
        """The month."""
        return f"{self.first:%Y-%m}"


def months_between(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield the months from a day to another, both included: the first and the last may be parts of one."""
    while first <= last:
        following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        yield first, min(last, following - timedelta(days=1))
        first = following


def months_to_do(settings: Settings, lake: Lake, first: date, last: date) -> tuple[list[Month], int]:
    """Return the months from a day to another that are not done, in order, and how many there are in all."""
    months = [_look(settings, lake, *days) for days in months_between(first, last)]
    to_do = [month for month in months if month.new_count]
    if lake.version(INGEST_FILES) and behind(lake):
        # All was read of some month, and the run was killed before every table had followed.
        before = [month for month in months if not month.new_count and (not to_do or month.first < to_do[0].first)]
        to_do = [*before[-1:], *to_do]
    return to_do, len(months)


def first_day_left(lake: Lake, first: date) -> date:
    """Return the day from which on objects are read: the one asked for, or that before which the lake's days have expired."""
    return max(first, lake.expired_before(CLOUDTRAIL_EVENTS) or first)


def _look(settings: Settings, lake: Lake, first: date, last: date) -> Month:
    of_days = f"publish_date BETWEEN DATE'{first}' AND DATE'{last}'"
    rows = lake.read_rows(INGEST_FILES, ["uri", "etag"], of_days) if lake.version(INGEST_FILES) else []
    known = {(row["uri"], row["etag"]) for row in rows}
    new_count = new_size = 0
    for each in _listed(settings, first, last):
        if (each.uri, each.etag) not in known:
            new_count += 1
            new_size += each.size if each.skipped is None else 0
    return Month(first, last, new_count, new_size)


def _listed(settings: Settings, first: date, last: date) -> Iterator[SourceObject]:
    """Yield what can be listed; what cannot is said by the run of the month, which meets it again."""
    for roots, named in named_sources(settings):
        for source in open_sources(roots, access_of(settings)):
            if source.has_newest_only:
                continue  # it is asked for what is new since the last run, whatever the month
            for kind in (CLOUDTRAIL, DIGESTS) if named == CLOUDTRAIL else (named,):
                with suppress(SourceError):
                    yield from source.objects(kind, first, last, None, lambda _failure: None)


class Estimate:
    """How far a backfill is, by the bytes that were read in the time since it began."""

    def __init__(self, months: Sequence[Month], of: int) -> None:
        """Take the months to do, and how many there are in all."""
        self._months = list(months)
        self._of = of
        self._done_before = of - len(self._months)

    def told(self, done: int, seconds: float) -> str:
        """Return a sentence after some of the months to do, and how long they took."""
        count, total = (sum(month.new_count for month in months) for months in (self._months[:done], self._months))
        size, all_sizes = (sum(month.new_size for month in months) for months in (self._months[:done], self._months))
        said = f"{self._done_before + done} of {self._of} months done, {count:,} of {total:,} objects"
        if done == len(self._months) or not size or seconds <= 0:
            return said
        left = (all_sizes - size) * seconds / size
        return f"{said}, {count / seconds:,.0f} objects and {size / seconds / 1e6:,.1f} MB a second, about {spoken(left)} left"


def spoken(seconds: float) -> str:
    """Return a duration as one says it: `40 s`, `12 min`, `2 h 10 min`, `1 d 4 h`."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"
