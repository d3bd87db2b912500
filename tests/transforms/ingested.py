"""Records, their rows, and the tables that CloudTrail's ingest keeps: what the tests of copies and of addenda start from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa

from transforms.cloudtrail import lay_over, resolve_copies
from transforms.cloudtrail.deliveries import Object, delivery_batches
from transforms.enrichment import NOWHERE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = dict[str, Any]

STORED = [
    "recipient_account_id",
    "event_id",
    "event_date",
    "body_sha256",
    "addendum_event_id",
    "source_uri",
    "source_etag",
    "record_index",
]


def record(event_id: str, body: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "eventID": event_id,
        "eventTime": "2023-07-10T11:55:22Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "ListUsers",
        "recipientAccountId": "123456789012",
        "requestID": str(body),
    } | fields


def addendum(
    to: str, event_id: str, updates: object = None, *, reason: str = "UPDATED_DATA", **fields: Any
) -> dict[str, Any]:
    """Return an addendum to an event, that updates fields, given as CloudTrail names them."""
    told = {"reason": reason, "originalEventID": to} | ({} if updates is None else {"updatedFields": updates})
    return record(event_id, addendum=told, **fields)


def rows(uri: str, records: Iterable[dict[str, Any]]) -> list[Row]:
    content = orjson.dumps({"Records": list(records)})
    batches = delivery_batches([Object(uri, "v1", None)], lambda _uri: content, lambda _address: NOWHERE)
    return [row for batch in batches for row in batch.to_pylist()]


def frame(spark: SparkSession, found: list[Row]) -> DataFrame:
    [empty] = delivery_batches([Object("none", "v1", None)], lambda _uri: b"", lambda _address: NOWHERE)
    return spark.createDataFrame(pa.Table.from_pylist(found, empty.schema))


@dataclass
class Lake:
    """The three tables, as a caller keeps them, of one account and day."""

    events: dict[str, Row] = field(default_factory=dict)
    addenda: dict[tuple[str, str | None], Row] = field(default_factory=dict)
    rejects: dict[str, str] = field(default_factory=dict)

    def ingest(self, spark: SparkSession, batch: list[Row], commits: int = 4) -> int:
        """Read a batch, and be ended after so many commits; return how many rows were to be written in all."""
        deliveries = frame(spark, batch)
        existing = frame(spark, list(self.events.values()))
        addenda = frame(spark, list(self.addenda.values())) if self.addenda else None
        rejected = spark.createDataFrame([(sha256,) for sha256 in self.rejects], "sha256 string")
        resolved = resolve_copies(deliveries, existing, addenda=addenda, rejected=rejected, settle=_settled)
        kept: list[Row] = []
        made: list[Row] = []
        if not resolved.corrected.isEmpty():
            corrections = lay_over(resolved.corrected, deliveries, existing, addenda, _settled)
            kept, made = _rows(corrections.records), _rows(corrections.events)
        losers, changed, new = (
            _rows(each) for each in (resolved.rejects, resolved.changed_events, resolved.new_events)
        )
        assert len({row["sha256"] for row in losers} - self.rejects.keys()) == len(losers)
        assert {row["event_id"] for row in changed} <= self.events.keys()
        assert not {row["event_id"] for row in new} & self.events.keys()
        steps = (
            lambda: self.rejects.update({row["sha256"]: row["reason"] for row in losers}),
            lambda: self.addenda.update({(row["event_id"], row["addendum_event_id"]): row for row in kept}),
            lambda: self.events.update({row["event_id"]: row for row in [*changed, *made]}),
            lambda: self.events.update({row["event_id"]: row for row in new}),
        )
        for commit in steps[:commits]:
            commit()
        return sum(map(len, (losers, kept, made, changed, new)))


def _settled(frame: DataFrame) -> DataFrame:
    return frame.localCheckpoint()


def _rows(found: DataFrame) -> list[Row]:
    table: pa.Table = found.toArrow()
    return table.to_pylist()
