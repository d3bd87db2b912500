"""Which rows of a lot are new: what `transforms.cloudtrail.copies` decides, asked in the cheapest way that the lake allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from expectations.contract import Table
from expectations.tables import CLOUDTRAIL_ADDENDA, CLOUDTRAIL_EVENTS
from pipelines.contest import contested_rows
from pipelines.lake import Lake, partition_of
from pipelines.night import days_in
from pipelines.staging import staged_batches
from transforms.cloudtrail import Resolved, lay_over
from transforms.cloudtrail.copies import (
    DELIVERED,
    IN_ADDENDA,
    IN_EVENTS,
    Claims,
    as_contested,
    contested_claims,
    only_good,
    resolve,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Claimed:
    """What rows claim to be, and the table that holds records beside a row of theirs, if there is one."""

    claims: Claims
    beside: Table | None = None


def resolve_lot(
    lake: Lake, claimed: Claimed, rows: DataFrame, folder: Path | None, rejected: DataFrame | None
) -> Resolved | None:
    """Find which rows are new, and make those anew that an addendum corrects; nothing where no row shares its key with another.

    Args:
        lake: what is stored already.
        claimed: what the rows claim to be.
        rows: deliveries (see `transforms.cloudtrail.resolve_copies`).
        folder: of their files, if they are in one.
        rejected: REJECTED_RECORDS, if there are any.
    """
    claims, table, day = claimed.claims, claimed.claims.table, partition_of(claimed.claims.table)
    delivered = staged_batches(folder, table) if folder else None
    good = only_good(rows, table)
    days = days_in(good.select(day)) if delivered is None else _distinct(delivered([day]))
    beside = {IN_ADDENDA: claimed.beside} if claimed.beside else {}
    # A table without rows is not worth the time to look for them.
    stored = {where: each for where, each in {IN_EVENTS: table, **beside}.items() if lake.version(each)}
    narrow = {where: few for where, each in stored.items() if (few := lake.narrow(each, days))}
    if delivered is not None and claims.is_plain and len(narrow) == len(stored):
        found = contested_rows({DELIVERED: delivered, **narrow}, claims.key, claims.columns)
        if found is None:
            return None
        contested = as_contested(lake.spark.createDataFrame(found))
    else:
        contested = contested_claims(
            claims, good, {where: lake.read_days(each, days) for where, each in stored.items()}
        )
    resolved = resolve(claims, rows, contested, rejected=rejected, settle=_settled)
    if resolved.contested.isEmpty():
        return None
    return _corrected(lake, rows, resolved) if claimed.beside else resolved


def _corrected(lake: Lake, rows: DataFrame, resolved: Resolved) -> Resolved:
    """Make the events anew that several records are of: these are few, and most lots bring none."""
    days = days_in(resolved.corrected.select("event_date"))
    if not days:
        return resolved
    addenda = lake.read_days(CLOUDTRAIL_ADDENDA, days) if lake.version(CLOUDTRAIL_ADDENDA) else None
    existing = lake.read_days(CLOUDTRAIL_EVENTS, days)
    corrections = lay_over(resolved.corrected, rows, existing, addenda, _settled)
    changed = resolved.changed_events.unionByName(corrections.events)
    return resolved._replace(changed_events=changed, addenda=corrections.records)


def _distinct(rows: pa.RecordBatchReader) -> list[date | None]:
    return sorted({day for batch in rows for day in batch.column(0).unique().to_pylist()})


def _settled(frame: DataFrame) -> DataFrame:
    return frame.localCheckpoint()
