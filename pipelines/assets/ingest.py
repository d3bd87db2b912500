"""Ingest: new objects become events, digests, findings, flows and rejected records, each once; the ledger knows which were read.

Order of the commits: rejected records, then the records of corrected events, then rows, then the ledger. A crash in between leaves
objects that the ledger does not know; the next run reads them again and finds their rows there already.
"""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` itself.
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import dagster as dg
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import Table
from expectations.suites import Verdict
from expectations.tables import (
    CLOUDTRAIL_ADDENDA,
    CLOUDTRAIL_EVENTS,
    GUARDDUTY_FINDINGS,
    INGEST_FAILURES,
    INGEST_FILES,
    LOG_DIGESTS,
    REJECTED_RECORDS,
    VPC_FLOWS,
)
from pipelines.lake import Consumed, most_of
from pipelines.lots import Ledger, lots
from pipelines.night import ACCOUNTS_TAG, FIRST_DAY_TAG, Night
from pipelines.notify import notify, of_failed_night
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import CHECK, Candidate, Event, column_schema, publish, recorded
from pipelines.reading import Found, object_frame, read_objects
from pipelines.resolution import Claimed, resolve_lot
from pipelines.sources.layout import CLOUDTRAIL, DIGESTS, FLOWS, GUARDDUTY, SourceError, SourceObject
from pipelines.sources.listing import Source, access_of, open_sources, report_refused
from pipelines.staging import Batches, staged_batches
from pipelines.unread import Unread
from transforms import cloudtrail, digests, flows
from transforms import findings as guardduty
from transforms.cloudtrail.copies import only_good
from transforms.cloudtrail.deliveries import Object
from transforms.cloudtrail.objects import Read
from transforms.enrichment import Locator

_TABLES = (
    REJECTED_RECORDS,
    CLOUDTRAIL_ADDENDA,
    CLOUDTRAIL_EVENTS,
    LOG_DIGESTS,
    GUARDDUTY_FINDINGS,
    VPC_FLOWS,
    INGEST_FAILURES,
    INGEST_FILES,
)


@dataclass(frozen=True)
class _Kind:
    """What kind of objects: where they lie, how they are parsed, and which table they fill."""

    name: str
    roots: str | None
    parse: Callable[[Iterable[Object], Read], Iterator[pa.RecordBatch]]
    at: str
    claimed: Claimed

    @property
    def table(self) -> Table:
        """What they fill."""
        return self.claimed.claims.table


@dg.multi_asset(
    name="ingest",
    specs=[
        dg.AssetSpec(
            table.name,
            description=table.comment,
            metadata={"dagster/column_schema": column_schema(table)},
            group_name="ingest",
            kinds={"spark", "deltalake"},
        )
        for table in _TABLES
    ],
    check_specs=[dg.AssetCheckSpec(CHECK, asset=table.name, blocking=True) for table in _TABLES],
    partitions_def=PUBLISH_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="spark",
)
def ingest(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Iterator[Event]:
    """Read the objects that were published on the run's days, or late on days before them, and are new."""
    window = context.partition_time_window
    tagged = context.run.tags.get(FIRST_DAY_TAG)
    first = date.fromisoformat(tagged) if tagged else window.start.date()
    first -= timedelta(days=night.settings.lookback_days)
    last = window.end.date() - timedelta(days=1)
    cut = night.lake.expired_before(CLOUDTRAIL_EVENTS)
    if cut is not None and first < cut:
        night.progress.tell("ingest", f"what was published before {cut} is left alone: these days have expired")
        first = cut
    listed = context.run.tags.get(ACCOUNTS_TAG)
    accounts = frozenset(listed.split(",")) if listed else None
    unread = Unread(night, context.run.run_id, (first, last), accounts)
    verdicts = {table.name: Verdict(table.name, 0, (), ()) for table in _TABLES}
    for verdict in _read_all(night, unread, (first, last), accounts):
        verdicts[verdict.table] = _added(verdicts[verdict.table], verdict)
    for sentence in unread.sentences():
        context.log.warning(sentence)
    for table in _TABLES:
        night.progress.finished(table.name, f"{verdicts[table.name].row_count:>10,} rows")
        yield from recorded(night, table, verdicts[table.name])


def _read_all(
    night: Night, unread: Unread, days: tuple[date, date], accounts: frozenset[str] | None
) -> Iterator[Verdict]:
    """Read every kind of object from each of its sources; one that cannot be listed does not stop the others.

    Raises:
        SourceError: none of all can be listed.
    """
    is_sound = True
    asked = [(kind, open_sources(kind.roots, access_of(night.settings))) for kind in _kinds(night) if kind.roots]
    unlisted: list[SourceError] = []
    for kind, sources in asked:
        refused: list[tuple[Source, SourceError]] = []
        for source in sources:
            first, last = _first_day(night, source, days[0]), days[1]
            ledger = Ledger(night.lake, min(first, unread.first), last)
            again = unread.listed_again(source, kind.name, first)
            listed = chain(again, source.objects(kind.name, first, last, accounts, unread.report))
            try:
                for chunk in lots(listed, ledger, night.settings.chunk_objects, night.settings.chunk_megabytes << 20):
                    for verdict in _read_chunk(night, kind, source, chunk, unread):
                        is_sound = is_sound and verdict.passed
                        yield verdict
            except SourceError as error:
                refused.append((source, error))
        unlistable = report_refused(refused, len(sources), kind.name, unread.report)
        unlisted += [unlistable] if unlistable else []
    if unlisted and len(unlisted) == len(asked):
        raise unlisted[0]
    if unlisted:
        # The night goes on, but all logs of a kind are too much to be told by its exit status alone.
        failures = [f"{error}; the rest of the night goes on" for error in unlisted]
        unsent = notify(
            night.settings,
            [of_failed_night(unread.batch_id, night.settings.lake_uri, failures, "unread")],
            lambda said: night.progress.tell("ingest", said),
        )
        night.warnings += [unsent] if unsent else []
    yield from unread.settle(has_read=is_sound)


def _first_day(night: Night, source: Source, first: date) -> date:
    """Return the day from which a source is listed: of one that has the newest versions alone, where the last night ended."""
    if not source.has_newest_only:
        return first
    of_source = f"source = {night.lake.literal(GUARDDUTY)} AND startswith(uri, {night.lake.literal(source.uri)})"
    seen = night.lake.read_rows(
        INGEST_FILES, ["source", "max(publish_date) AS last_day"], of_source, group_by=["source"]
    )
    days: list[date] = [first, *(row["last_day"] for row in seen)]
    return min(days)


def _kinds(night: Night) -> list[_Kind]:
    locate = Locator(tuple(map(str, night.settings.geo_city)), tuple(map(str, night.settings.geo_asn)))
    return [
        _Kind(
            CLOUDTRAIL,
            night.settings.cloudtrail,
            lambda objects, read: cloudtrail.delivery_batches(objects, read, locate),
            "event_at",
            Claimed(cloudtrail.EVENT_CLAIMS, beside=CLOUDTRAIL_ADDENDA),
        ),
        _Kind(
            DIGESTS,
            night.settings.cloudtrail,
            digests.delivery_batches,
            "digest_ended_at",
            Claimed(digests.CLAIMS),
        ),
        _Kind(
            GUARDDUTY,
            night.settings.findings,
            guardduty.delivery_batches,
            "updated_at",
            Claimed(guardduty.CLAIMS),
        ),
        _Kind(FLOWS, night.settings.flows, flows.delivery_batches, "start_at", Claimed(flows.CLAIMS)),
    ]


def _read_chunk(
    night: Night, kind: _Kind, source: Source, chunk: list[SourceObject], unread: Unread
) -> Iterator[Verdict]:
    """Read one chunk and publish what it holds, the ledger last; stops at the first table whose contract breaks."""
    night.begin_early()
    night.progress.tell("ingest", _extent(kind.name, chunk))
    with read_objects(night, kind.name, _batches(source, kind), kind.at, kind.table, chunk) as found:
        night.rows_read += found.row_count
        is_few = found.row_count <= most_of(kind.table)
        night.expect_rows(many=night.is_large or not is_few)
        left = found.left
        objects = object_frame(night.lake.spark, [each for each in chunk if each.uri not in left])
        before = night.lake.read(REJECTED_RECORDS) if night.lake.version(REJECTED_RECORDS) else None
        resolved = resolve_lot(night.lake, kind.claimed, found.rows, found.folder, before)
        new = only_good(found.rows, kind.table) if resolved is None else resolved.new_events
        not_new = None if resolved is None else resolved.not_new
        batches = staged_batches(found.folder, kind.table, not_new) if found.folder else None
        counts = night.lake.spark.createDataFrame(found.counts)
        ledger = _ledger(cloudtrail.files(counts, objects), unread.batch_id)
        steps: list[tuple[Table, Candidate]] = [
            *_exceptions(kind, found, resolved, before),
            (kind.table, Candidate(new, is_persisted=True, batches=batches, is_few=is_few)),
            (INGEST_FILES, Candidate(ledger, is_persisted=True)),
        ]
        if left:
            unread.report_objects(chunk, left)
            yield from unread.save()
        for table, candidate in steps:
            verdict = publish(night, table, candidate, Consumed())
            yield verdict
            if not verdict.passed:
                break


def _exceptions(
    kind: _Kind, found: Found, resolved: cloudtrail.Resolved | None, before: DataFrame | None
) -> Iterator[tuple[Table, Candidate]]:
    """Yield what is to be published before the new rows, which most lots have not: each would cost a query to find that out.

    The records of corrected events come before the events change, which would not hold them any more.
    """
    if resolved is not None or found.has_rejects:
        rejected = cloudtrail.rejects(found.rows)
        rejected = rejected if resolved is None else rejected.unionByName(resolved.rejects)
        if before is not None:
            rejected = rejected.join(before, on=list(REJECTED_RECORDS.key), how="left_anti")
        yield REJECTED_RECORDS, Candidate(rejected)
    if resolved is None:
        return
    if resolved.addenda is not None:
        yield CLOUDTRAIL_ADDENDA, Candidate(resolved.addenda, by_key=True, is_persisted=True)
    yield kind.table, Candidate(resolved.changed_events, by_key=True, is_persisted=True)


def _batches(source: Source, kind: _Kind) -> Batches:
    """Return what workers do, without anything that stays on the driver."""
    parse = kind.parse
    return lambda objects: source.apply(parse, objects)


def _ledger(files: DataFrame, batch_id: str) -> DataFrame:
    """Return INGEST_FILES rows: what was read, and what was left alone because it is not for us."""
    of_run = {"batch_id": F.lit(batch_id), "ingested_at": F.lit(datetime.now(UTC)).cast("timestamp")}
    return INGEST_FILES.columns_of(files.withColumns(of_run))


def _added(one: Verdict, other: Verdict) -> Verdict:
    return Verdict(
        one.table,
        one.row_count + other.row_count,
        other.checked or one.checked,
        (*one.failures, *other.failures),
    )


def _extent(source: str, chunk: list[SourceObject]) -> str:
    first, last = chunk[0].publish_date, chunk[-1].publish_date
    days = f"{first}" if first == last else f"{first} to {last}"
    skipped = sum(1 for each in chunk if each.skipped is not None)
    others = f" ({skipped:,} of them something else: not read)" if skipped else ""
    return f"{source}, {len(chunk):,} objects{others}, {days}"
