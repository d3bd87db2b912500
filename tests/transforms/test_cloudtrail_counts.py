"""What each object held: the workers, who count while they read, and Spark, which counts afterwards, say the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from transforms.cloudtrail import count_rows
from transforms.cloudtrail.counts import COUNTS, Counter

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = pa.schema(
    [
        ("source_uri", pa.string()),
        ("source_etag", pa.string()),
        ("record_index", pa.int64()),
        ("reason", pa.string()),
        ("event_at", pa.timestamp("us", tz="UTC")),
    ]
)
DDL = "source_uri string, source_etag string, record_index bigint, reason string, event_at timestamp"
START = datetime(2026, 3, 1, tzinfo=UTC)

good = st.fixed_dictionaries({
    "source_uri": st.sampled_from("ab"),
    "source_etag": st.sampled_from("12"),
    "record_index": st.integers(0, 9),
    "reason": st.none(),
    "event_at": st.integers(0, 9).map(lambda hours: START + timedelta(hours=hours)),
})  # fmt: skip
bad = st.fixed_dictionaries({
    "source_uri": st.sampled_from("ab"),
    "source_etag": st.sampled_from("12"),
    "record_index": st.sampled_from([-1, 0, 7]),
    "reason": st.just("no eventTime"),
    "event_at": st.none(),
})  # fmt: skip
batches = st.lists(st.lists(good | bad, max_size=5), max_size=4)


def counted(rows_of_batches: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    counter = Counter("event_at")
    given_on = list(counter.passing(pa.RecordBatch.from_pylist(list(rows), schema=ROWS) for rows in rows_of_batches))
    assert [batch.to_pylist() for batch in given_on] == [list(rows) for rows in rows_of_batches]
    counts = counter.counts()
    assert counts.schema == COUNTS
    return sorted(counts.to_pylist(), key=lambda row: (row["uri"], row["etag"]))


def slowly_counted(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The oracle."""
    by_object: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_object[row["source_uri"], row["source_etag"]].append(row)
    return [
        {
            "uri": uri,
            "etag": etag,
            "record_count": sum(row["record_index"] >= 0 for row in held),
            "rejected_count": sum(row["reason"] is not None for row in held),
            "min_event_at": min((row["event_at"] for row in held if row["event_at"]), default=None),
            "max_event_at": max((row["event_at"] for row in held if row["event_at"]), default=None),
            "reason": next((row["reason"] for row in held if row["record_index"] == -1), None),
        }
        for (uri, etag), held in sorted(by_object.items())
    ]


@given(batches)
def test_counter__counts_what_passes_whatever_the_batches(rows_of_batches: list[list[dict[str, Any]]]) -> None:
    assert counted(rows_of_batches) == slowly_counted([row for rows in rows_of_batches for row in rows])


def test_count_rows__says_the_same(spark: SparkSession) -> None:
    rows: list[dict[str, Any]] = [
        {"source_uri": "a", "source_etag": "1", "record_index": 0, "reason": None, "event_at": START},
        {"source_uri": "a", "source_etag": "1", "record_index": 1, "reason": "no eventTime", "event_at": None},
        {"source_uri": "a", "source_etag": "2", "record_index": 0, "reason": None, "event_at": START},
        {"source_uri": "b", "source_etag": "1", "record_index": -1, "reason": "damaged gzip", "event_at": None},
    ]
    frame = count_rows(spark.createDataFrame([tuple(row.values()) for row in rows], DDL)).orderBy("uri", "etag")
    by_spark = [
        row | {name: row[name] and row[name].astimezone(UTC) for name in ("min_event_at", "max_event_at")}
        for row in (row.asDict() for row in frame.collect())
    ]
    assert by_spark == counted([rows[:2], rows[2:]]) == slowly_counted(rows)
