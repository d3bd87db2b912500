"""What each object held, for the ledger: counted by the workers as they read (a batch at a time), or by Spark over the rows.

Both say the same; a million rows need not be looked at again where the workers have counted them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

from expectations.tables.bronze import INGEST_FILES
from transforms.cloudtrail.arrow import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_COLUMNS = [
    INGEST_FILES.column(name)
    for name in ("uri", "etag", "record_count", "rejected_count", "min_event_at", "max_event_at", "reason")
]
COUNTS = arrow_schema(_COLUMNS)
COUNTS_DDL = ", ".join(f"{column.name} {column.type}" for column in _COLUMNS)
_OBJECT = ["uri", "etag"]
_FOLDED = [
    ("record_count", "sum"),
    ("rejected_count", "sum"),
    ("min_event_at", "min"),
    ("max_event_at", "max"),
    ("reason", "max"),
]
_WHOLE_OBJECT = -1  # the record_index of what is wrong with an object as a whole


class Counter:
    """Counts rows by object while they pass. `at` is the column with a record's time."""

    def __init__(self, at: str) -> None:
        """Begin with nothing counted."""
        self._at = at
        self._counted: list[pa.Table] = []

    def passing(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Return the batches as they are, counted."""
        for batch in batches:
            self._counted.append(_counted(batch, self._at))
            yield batch

    def counts(self) -> pa.Table:
        """Return what was counted so far, in the shape of COUNTS: a row per object that had a row."""
        return _folded(pa.concat_tables([COUNTS.empty_table(), *self._counted]))


def _counted(batch: pa.RecordBatch, at: str) -> pa.Table:
    is_object = pc.equal(batch["record_index"], _WHOLE_OBJECT)
    return _folded(
        pa.table(
            [
                batch["source_uri"],
                batch["source_etag"],
                pc.cast(pc.invert(is_object), pa.int64()),
                pc.cast(pc.is_valid(batch["reason"]), pa.int64()),
                batch[at],
                batch[at],
                pc.if_else(is_object, batch["reason"], pa.scalar(None, pa.string())),
            ],
            schema=COUNTS,
        )
    )


def _folded(counts: pa.Table) -> pa.Table:
    folded = counts.group_by(_OBJECT).aggregate(_FOLDED)
    return folded.rename_columns([*_OBJECT, *(name for name, _ in _FOLDED)]).cast(COUNTS)


def count_rows(deliveries: DataFrame, at: str = "event_at") -> DataFrame:
    """Return the same from rows that Spark has: COUNTS, a row per object that had a row."""
    is_object = F.col("record_index") == F.lit(_WHOLE_OBJECT)
    return deliveries.groupBy(F.col("source_uri").alias("uri"), F.col("source_etag").alias("etag")).agg(
        F.count_if(~is_object).alias("record_count"),
        F.count_if(F.col("reason").isNotNull()).alias("rejected_count"),
        F.min(at).alias("min_event_at"),
        F.max(at).alias("max_event_at"),
        F.max(F.when(is_object, F.col("reason"))).alias("reason"),
    )


def files(counts: DataFrame, objects: DataFrame) -> DataFrame:
    """Return what each object held.

    Args:
        counts: of `Counter` or `count_rows`.
        objects: uri, etag, `skipped` (why it was left alone, null if it was read) and whatever else is known of them. An object
            that was not counted held no records, which is no fault.

    Returns:
        The objects' columns, without `skipped`; record_count, rejected_count, min_event_at, max_event_at, status (ingested,
        rejected if the object as a whole could not be read, skipped), reason.
    """
    status = F.when(F.col("skipped").isNotNull(), "skipped").when(F.col("reason").isNotNull(), "rejected")
    return (
        objects.join(counts, on=_OBJECT, how="left")
        .withColumns(
            {
                "record_count": F.coalesce("record_count", F.lit(0)),
                "rejected_count": F.coalesce("rejected_count", F.lit(0)),
                "status": status.otherwise("ingested"),
                "reason": F.coalesce("skipped", "reason"),
            }
        )
        .drop("skipped")
    )
