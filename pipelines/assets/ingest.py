"""Ingest: new objects become events, digests, findings, flows and rejected records, each once; the ledger knows which were read.

Order of the commits: rejected records, then the records of corrected events, then rows, then the ledger. A crash in between leaves
objects that the ledger does not know; the next run reads them again and finds their rows there already.
"""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` itself.
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import Table
from expectations.suites import Verdict
from expectations.tables import (
    CLOUDTRAIL_ADDENDA,
    CLOUDTRAIL_EVENTS,
    GUARDDUTY_FINDINGS,
    INGEST_FILES,
    LOG_DIGESTS,
    REJECTED_RECORDS,
    VPC_FLOWS,
)
from pipelines.contest import contested_rows
from pipelines.lake import Consumed, Lake, partition_of
from pipelines.night import ACCOUNTS_TAG, FIRST_DAY_TAG, Night, days_in
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import CHECK, Candidate, Event, column_schema, publish, recorded
from pipelines.sources.folder import CLOUDTRAIL, DIGESTS, FLOWS, GUARDDUTY, SourceObject, list_objects, read_object
from pipelines.staging import Batches, stage, staged_batches, staged_rows, staging_folder
from transforms import cloudtrail, digests, flows
from transforms import findings as guardduty
from transforms.cloudtrail import delivery_ddl, parse_objects
from transforms.cloudtrail.copies import DELIVERED, IN_ADDENDA, IN_EVENTS, Claims, contested_claims, only_good, resolve
from transforms.cloudtrail.counts import COUNTS
from transforms.enrichment import Locator

_TABLES = (
    REJECTED_RECORDS,
    CLOUDTRAIL_ADDENDA,
    CLOUDTRAIL_EVENTS,
    LOG_DIGESTS,
    GUARDDUTY_FINDINGS,
    VPC_FLOWS,
    INGEST_FILES,
)
_OBJECT = pa.schema(
    [
        *[(name, pa.string()) for name in ("uri", "etag", "source", "account_id", "region", "skipped")],
        ("publish_date", pa.date32()),
    ]
)
_TOLD = 20_000  # objects, after which a run says how far it is


@dataclass(frozen=True)
class _Source:
    """Where the objects of a source lie, how they are read, and which table they fill."""

    name: str
    root: str | None
    table: Table
    batches: Batches
    at: str
    claims: Claims
    beside: Table | None = None
    """Where records are held that stand beside a row of the table."""


class _Found(NamedTuple):
    """What objects hold: a row per record, what each object held, whether anything in them may be rejected.

    And the folder of the rows, if they are in one.
    """

    rows: DataFrame
    counts: DataFrame
    has_rejects: bool
    folder: Path | None = None


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
    verdicts = {table.name: Verdict(table.name, 0, (), ()) for table in _TABLES}
    for source in _sources(night):
        for chunk in _chunks(night, source, first, last, accounts):
            night.begin_early()
            night.bytes_read += sum(each.size for each in chunk if each.skipped is None)
            night.compile_queries(wanted=night.is_large)
            night.progress.tell("ingest", _extent(source.name, chunk))
            for verdict in _read_chunk(night, source, chunk, context.run.run_id):
                verdicts[verdict.table] = _added(verdicts[verdict.table], verdict)
    for table in _TABLES:
        night.progress.finished(table.name, f"{verdicts[table.name].row_count:>10,} rows")
        yield from recorded(night, table, verdicts[table.name])


def _sources(night: Night) -> list[_Source]:
    locate = Locator(tuple(map(str, night.settings.geo_city)), tuple(map(str, night.settings.geo_asn)))
    return [
        _Source(
            CLOUDTRAIL,
            night.settings.cloudtrail,
            CLOUDTRAIL_EVENTS,
            lambda objects: cloudtrail.delivery_batches(objects, read_object, locate),
            "event_at",
            cloudtrail.EVENT_CLAIMS,
            CLOUDTRAIL_ADDENDA,
        ),
        _Source(
            DIGESTS,
            night.settings.cloudtrail,
            LOG_DIGESTS,
            lambda objects: digests.delivery_batches(objects, read_object),
            "digest_ended_at",
            digests.CLAIMS,
        ),
        _Source(
            GUARDDUTY,
            night.settings.findings,
            GUARDDUTY_FINDINGS,
            lambda objects: guardduty.delivery_batches(objects, read_object),
            "updated_at",
            guardduty.CLAIMS,
        ),
        _Source(
            FLOWS,
            night.settings.flows,
            VPC_FLOWS,
            lambda objects: flows.delivery_batches(objects, read_object),
            "start_at",
            flows.CLAIMS,
        ),
    ]


def _resolve(night: Night, source: _Source, found: _Found, rejected: DataFrame | None) -> cloudtrail.Resolved | None:
    """Find which rows are new, and make those anew that an addendum corrects; nothing where no row shares its key with another."""
    lake, claims, day = night.lake, source.claims, partition_of(source.table)
    delivered = staged_batches(found.folder, source.table) if found.folder else None
    good = only_good(found.rows, source.table)
    days = days_in(good.select(day)) if delivered is None else _distinct(delivered([day]))
    # A table without rows is not worth the time to look for them.
    beside = {IN_ADDENDA: source.beside} if source.beside else {}
    stored = {where: table for where, table in {IN_EVENTS: source.table, **beside}.items() if lake.version(table)}
    narrow = {where: rows for where, table in stored.items() if (rows := lake.narrow(table, days))}
    if delivered is not None and claims.is_plain and len(narrow) == len(stored):
        rows = contested_rows({DELIVERED: delivered, **narrow}, claims.key, claims.columns)
        if rows is None:
            return None
        contested = lake.spark.createDataFrame(rows)
    else:
        held = {where: lake.read_days(table, days) for where, table in stored.items()}
        contested = contested_claims(claims, good, held)
    resolved = resolve(claims, found.rows, contested, rejected=rejected, settle=_settled)
    if resolved.contested.isEmpty():
        return None
    return _corrected(lake, found, resolved) if source.beside else resolved


def _corrected(lake: Lake, found: _Found, resolved: cloudtrail.Resolved) -> cloudtrail.Resolved:
    """Make the events anew that several records are of: these are few, and most lots bring none."""
    days = days_in(resolved.corrected.select("event_date"))
    if not days:
        return resolved
    addenda = lake.read_days(CLOUDTRAIL_ADDENDA, days) if lake.version(CLOUDTRAIL_ADDENDA) else None
    existing = lake.read_days(CLOUDTRAIL_EVENTS, days)
    corrections = cloudtrail.lay_over(resolved.corrected, found.rows, existing, addenda, _settled)
    changed = resolved.changed_events.unionByName(corrections.events)
    return resolved._replace(changed_events=changed, addenda=corrections.records)


def _distinct(rows: pa.RecordBatchReader) -> list[date | None]:
    return sorted({day for batch in rows for day in batch.column(0).unique().to_pylist()})


def _settled(frame: DataFrame) -> DataFrame:
    return frame.localCheckpoint()


def _chunks(
    night: Night, source: _Source, first: date, last: date, accounts: frozenset[str] | None
) -> Iterator[list[SourceObject]]:
    """Yield new objects of a source, oldest first, in lots that bound memory and show progress."""
    if source.root is None:
        return
    listed = list_objects(source.root, source.name, first, last, accounts)
    if not listed:
        return
    known = _known(night, listed)
    lot: list[SourceObject] = []
    size = 0
    for each in listed:
        if (each.uri, each.etag) in known:
            continue
        lot.append(each)
        size += each.size
        if len(lot) >= night.settings.chunk_objects or size >= night.settings.chunk_megabytes << 20:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot


def _known(night: Night, listed: list[SourceObject]) -> set[tuple[str, str]]:
    """Return which of the listed objects the ledger has: as many as were listed, never the whole ledger."""
    if night.lake.version(INGEST_FILES) == 0:
        return set()
    days = sorted({each.publish_date for each in listed})
    of_days = f"publish_date BETWEEN DATE'{days[0]}' AND DATE'{days[-1]}'"
    return {(row["uri"], row["etag"]) for row in night.lake.read_rows(INGEST_FILES, ["uri", "etag"], of_days)}


def _read_chunk(night: Night, source: _Source, chunk: list[SourceObject], batch_id: str) -> Iterator[Verdict]:
    """Read one chunk and publish what it holds, the ledger last; stops at the first table whose contract breaks."""
    objects = _frame(night, chunk)
    with _deliveries(night, source, chunk) as found:
        before = night.lake.read(REJECTED_RECORDS) if night.lake.version(REJECTED_RECORDS) else None
        resolved = _resolve(night, source, found, before)
        new = only_good(found.rows, source.table) if resolved is None else resolved.new_events
        not_new = None if resolved is None else resolved.not_new
        batches = staged_batches(found.folder, source.table, not_new) if found.folder else None
        ledger = _ledger(cloudtrail.files(found.counts, objects), batch_id)
        steps: list[tuple[Table, Candidate]] = [
            *_exceptions(source, found, resolved, before),
            (source.table, Candidate(new, is_persisted=True, batches=batches)),
            (INGEST_FILES, Candidate(ledger, is_persisted=True)),
        ]
        for table, candidate in steps:
            verdict = publish(night, table, candidate, Consumed())
            yield verdict
            if not verdict.passed:
                break


def _exceptions(
    source: _Source, found: _Found, resolved: cloudtrail.Resolved | None, before: DataFrame | None
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
    yield source.table, Candidate(resolved.changed_events, by_key=True, is_persisted=True)


@contextmanager
def _deliveries(night: Night, source: _Source, chunk: list[SourceObject]) -> Iterator[_Found]:
    """Read the objects, once, and keep what is in them while the caller looks at it."""
    ddl = delivery_ddl(source.table)
    wanted = [each for each in chunk if each.skipped is None]
    spark = night.lake.spark
    if night.is_on_one_machine:
        with staging_folder(night.settings.lake_uri) as folder:
            counts = [COUNTS.empty_table()]
            for begin in range(0, len(wanted), _TOLD):
                part = wanted[begin : begin + _TOLD]
                objects = _frame(night, part).repartition(_tasks(part))
                counts.append(stage(objects, source.batches, source.at, folder))
                night.progress.tell("ingest", f"{source.name}, {begin + len(part):,} of {len(wanted):,} objects read")
            counted = pa.concat_tables(counts)
            has_rejects = bool(pc.sum(counted["rejected_count"]).as_py())
            yield _Found(staged_rows(spark, ddl, folder), spark.createDataFrame(counted), has_rejects, folder)
    else:
        # Neighbours in time go to the same task: it then writes few days, and a day lies in few files.
        objects = _frame(night, wanted).repartitionByRange(_tasks(wanted), "publish_date", "uri")
        kept = parse_objects(objects, source.batches, ddl).persist()
        yield _Found(kept, cloudtrail.count_rows(kept, source.at), has_rejects=True)
        kept.unpersist()


def _frame(night: Night, objects: list[SourceObject]) -> DataFrame:
    columns = {name: [getattr(each, name) for each in objects] for name in _OBJECT.names}
    return night.lake.spark.createDataFrame(pa.table(columns, schema=_OBJECT))


def _ledger(files: DataFrame, batch_id: str) -> DataFrame:
    """Return INGEST_FILES rows: what was read, and what was left alone because it is not for us."""
    of_run = {"batch_id": F.lit(batch_id), "ingested_at": F.lit(datetime.now(UTC)).cast("timestamp")}
    return files.withColumns(of_run).select(*INGEST_FILES.column_names)


def _tasks(chunk: list[SourceObject]) -> int:
    """Return how many tasks to read a lot in: enough for the cores to be level, few enough for whole files."""
    megabytes = sum(each.size for each in chunk) >> 20
    return max(2, min(64, megabytes // 8 + len(chunk) // 2_000))


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
