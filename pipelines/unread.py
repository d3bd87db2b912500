"""What a run could not read: kept in `ingest_failures`, so that later nights read it, however long that takes.

A part of a source that failed stands there with its publish days. Each run lists those days of it again, before its own days, and the
row goes when that and the reading went well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from expectations.suites import Verdict
from expectations.tables import INGEST_FAILURES
from pipelines.lake import Consumed
from pipelines.night import Night
from pipelines.publish import Candidate, publish
from pipelines.sources.aws import CHANGED
from pipelines.sources.failures import Failure
from pipelines.sources.layout import SourceError, SourceObject
from pipelines.sources.listing import Source
from transforms.cloudtrail.objects import LEFT

# Of an object's address: its day, with the hour that flow logs may have, as it is called plainly or in Hive's way (`day=04`).
_BELOW_REGION = re.compile(
    r"/(?:year%3D)?[0-9]{4}/(?:month%3D)?[0-9]{2}/(?:day%3D)?[0-9]{2}/(?:(?:hour%3D)?[0-9]{2}/)?[^/]*\Z", re.ASCII
)
_SAID = 20  # failures that a run names
_COLUMNS = pa.schema(
    [
        *[(name, pa.string()) for name in ("source", "prefix", "account_id", "region")],
        *[(name, pa.date32()) for name in ("unread_from_date", "unread_to_date")],
        *[(name, pa.string()) for name in ("reason", "batch_id")],
        ("failed_at", pa.timestamp("us", tz="UTC")),
    ]
)


class Unread:
    """What earlier runs left unread, and what this one does."""

    def __init__(
        self, night: Night, batch_id: str, days: tuple[date, date], accounts: frozenset[str] | None = None
    ) -> None:
        """Begin a run over publish days `days`; of some accounts only, if they are named."""
        self._night = night
        self.batch_id = batch_id
        self._first, self._last = days
        self._accounts = accounts
        self._before = _failures_in(night)
        self._tried: list[Failure] = []
        self._found: dict[tuple[str, str], Failure] = {}
        self._gone: dict[str, str] = {}
        self._saved: dict[tuple[str, str], Failure] = {}

    @property
    def first(self) -> date:
        """The first day that this run may list."""
        return min([self._first, *(each.first for each in self._before if each.first)])

    def report(self, failure: Failure) -> None:
        """Take note of a part that cannot be listed now."""
        dated = Failure(
            failure.source, failure.prefix, failure.account_id, failure.region,
            failure.first or self._first, failure.last or self._last, failure.reason,
        )  # fmt: skip
        known = self._found.get((dated.source, dated.prefix))
        self._found[dated.source, dated.prefix] = dated.joined(known) if known else dated

    def report_objects(self, chunk: list[SourceObject], left: dict[str, str]) -> None:
        """Take note of objects that could not be read now: of the address of each, why."""
        failed: dict[tuple[str, str], list[SourceObject]] = {}
        for each in chunk:
            reason = left.get(each.uri, "").removeprefix(LEFT)
            if CHANGED in reason:
                self._gone[each.uri] = reason
            elif reason:
                failed.setdefault((_region_of(each.uri), reason), []).append(each)
        for (prefix, reason), objects in failed.items():
            days = [each.publish_date for each in objects]
            one, number = objects[0], len(objects)
            said = f"{number:,} objects cannot be read: {reason}" if number > 1 else f"{one.uri}: {reason}"
            self.report(Failure(one.source, prefix, one.account_id, one.region, min(days), max(days), said))

    def listed_again(self, source: Source, wanted: str, first: date) -> Iterator[SourceObject]:
        """Yield the objects of parts that failed before, of days before the first one that this run lists anyway."""
        for failure in self._before:
            part = source.within(failure.prefix) if failure.source == wanted else None
            if part is None or failure.first is None or failure.last is None or failure.first > self._last:
                continue
            if self._accounts is not None and failure.account_id not in self._accounts:
                continue
            self._tried.append(failure)
            last = min(failure.last, first - timedelta(days=1))
            if failure.first <= last:
                yield from self._objects(part, failure, last)

    def _objects(self, part: Source, failure: Failure, last: date) -> Iterator[SourceObject]:
        if failure.first is None:
            return
        try:
            yield from part.objects(failure.source, failure.first, last, self._accounts, self.report)
        except SourceError as error:
            if not error.is_empty:  # else nothing is left of it
                self.report(failure)

    def save(self) -> Iterator[Verdict]:
        """Keep what failed so far in the lake."""
        before = {(each.source, each.prefix): each for each in self._before}
        new = {key: failure.joined(before[key]) if key in before else failure for key, failure in self._found.items()}
        if new != self._saved:
            rows = self._night.lake.spark.createDataFrame(self._rows(list(new.values())))
            yield publish(self._night, INGEST_FAILURES, Candidate(rows, by_key=True), Consumed())
            self._saved = new

    def settle(self, *, has_read: bool) -> Iterator[Verdict]:
        """Keep what failed, strike out what was read at last (if what was listed could be published), and say what is left."""
        yield from self.save()
        done = [
            each
            for each in self._tried
            if has_read
            and each.last
            and each.last <= self._last
            and not any(each.touches(other) for other in self._found.values())
        ]
        if done:
            keys = self._rows(done).select(["source", "prefix"])
            spark = self._night.lake.spark
            nothing = spark.createDataFrame(self._rows([]))
            gone = Candidate(nothing, only_of=spark.createDataFrame(keys))
            yield publish(self._night, INGEST_FAILURES, gone, Consumed())
        self._night.warnings += self.sentences()

    def sentences(self) -> list[str]:
        """Return what is to be said of what was not read."""
        said = [failure.sentence for failure in self._found.values()]
        said += [f"{uri}: {reason}" for uri, reason in self._gone.items()]
        more = len(said) - _SAID
        return said if more <= 0 else [*said[:_SAID], f"{more:,} more: see the table {INGEST_FAILURES.name}"]

    def _rows(self, failures: list[Failure]) -> pa.Table:
        now = datetime.now(UTC)
        rows = [
            (each.source, each.prefix, each.account_id, each.region, each.first, each.last, each.reason, self.batch_id, now)
            for each in failures
        ]  # fmt: skip
        columns = list(zip(*rows, strict=True)) if rows else [() for _ in _COLUMNS]
        return pa.table([list(column) for column in columns], schema=_COLUMNS)


def _failures_in(night: Night) -> list[Failure]:
    if night.lake.version(INGEST_FAILURES) == 0:
        return []
    columns = ["source", "prefix", "account_id", "region", "unread_from_date", "unread_to_date", "reason"]
    rows = night.lake.read_rows(INGEST_FAILURES, columns)
    return [Failure(*(row[name] for name in columns)) for row in sorted(rows, key=lambda row: row["prefix"])]


def _region_of(uri: str) -> str:
    """Return the address of all objects of an account and region: that of their days, or of a region's findings."""
    if uri.startswith("guardduty://"):
        return "/".join(uri.split("/", 3)[:3]) + "/"
    return _BELOW_REGION.sub("/", uri)
