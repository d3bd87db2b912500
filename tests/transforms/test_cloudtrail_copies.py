"""Which copy of a record stands: the same for any batches in any order."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pyarrow as pa

from expectations.tables.bronze import CLOUDTRAIL_EVENTS
from transforms.cloudtrail import only_callers_copies, resolve_copies
from transforms.cloudtrail.copies import ADDENDUM, SAME_ID
from transforms.cloudtrail.deliveries import Object, delivery_batches
from transforms.enrichment import NOWHERE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

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


def addendum(to: str, event_id: str, body: int = 0) -> dict[str, Any]:
    return record(event_id, body, addendum={"reason": "UPDATED_DATA", "originalEventID": to})


def rows(uri: str, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    content = orjson.dumps({"Records": list(records)})
    batches = delivery_batches([Object(uri, "v1", None)], lambda _uri: content, lambda _address: NOWHERE)
    return [row for batch in batches for row in batch.to_pylist()]


def frame(spark: SparkSession, found: list[dict[str, Any]]) -> DataFrame:
    [empty] = delivery_batches([Object("none", "v1", None)], lambda _uri: b"", lambda _address: NOWHERE)
    return spark.createDataFrame(pa.Table.from_pylist(found, empty.schema))


class Lake(NamedTuple):
    """The two tables, as a caller keeps them."""

    events: dict[str, dict[str, Any]]
    rejects: dict[str, str]

    def ingest(self, spark: SparkSession, batch: list[dict[str, Any]]) -> None:
        stored = frame(spark, list(self.events.values())).select(STORED)
        rejected = spark.createDataFrame([(sha256,) for sha256 in self.rejects], "sha256 string")
        resolved = resolve_copies(
            frame(spark, batch), stored, rejected=rejected, settle=lambda each: each.localCheckpoint()
        )
        new = {row.event_id: row.asDict() for row in resolved.new_events.collect()}
        changed = {row.event_id: row.asDict() for row in resolved.changed_events.collect()}
        assert not new.keys() & self.events.keys()
        assert changed.keys() <= self.events.keys()
        losers = resolved.rejects.collect()
        assert len({row.sha256 for row in losers}) == len(losers)
        assert not {row.sha256 for row in losers} & self.rejects.keys()
        self.events.update(new | changed)
        self.rejects.update({row.sha256: row.reason for row in losers})


def expected(delivered: list[dict[str, Any]]) -> tuple[dict[str, str], dict[str, str]]:
    """Say it slowly: event id → body that stands, body → reason why it does not."""
    standing: dict[str, str] = {}
    rejects: dict[str, str] = {}
    for event_id, claims in groupby(
        sorted(delivered, key=lambda row: row["event_id"]), key=lambda row: row["event_id"]
    ):
        bodies = {row["body_sha256"]: row["addendum_event_id"] for row in claims}
        originals = sorted(body for body, corrects in bodies.items() if corrects is None)
        last = max((corrects or "" for corrects in bodies.values()), default="")
        lasts = sorted(body for body, corrects in bodies.items() if corrects == last)
        standing[event_id] = (originals or lasts)[0]
        rejects |= {body: ADDENDUM if bodies[body] else SAME_ID for body in bodies if body != standing[event_id]}
    return standing, rejects


def test_resolve_copies__any_batches_in_any_order_give_the_same_tables(spark: SparkSession) -> None:
    chance = random.Random(7)
    delivered: list[dict[str, Any]] = []
    for number in range(60):
        claims = [record(f"e{number}", chance.choice([0, 0, 1, 2])) for _ in range(chance.choice([0, 1, 1, 2, 4]))]
        claims += [
            addendum(f"e{number}", f"a{chance.choice('xy')}", chance.choice([0, 1]))
            for _ in range(chance.choice([0, 0, 1, 2]))
        ]
        delivered += [row for claim in claims for row in rows(f"s3://b/{chance.randrange(10**6)}", [claim])]
    chance.shuffle(delivered)
    lake = Lake({}, {})
    for number in range(3):
        lake.ingest(spark, delivered[number::3])
    assert ({event_id: row["body_sha256"] for event_id, row in lake.events.items()}, lake.rejects) == expected(
        delivered
    )
    before = dict(lake.events)
    lake.ingest(spark, delivered)  # again, as after a crash
    assert lake.events == before


def test_resolve_copies__of_equal_bodies_the_smallest_source_stands(spark: SparkSession) -> None:
    found = rows("s3://b/2", [record("e")]) + rows("s3://b/1", [record("x"), record("e"), record("e")])
    resolved = resolve_copies(frame(spark, found), frame(spark, []).select(STORED))
    sources = {(row.event_id, row.source_uri, row.record_index) for row in resolved.new_events.collect()}
    assert sources == {("x", "s3://b/1", 0), ("e", "s3://b/1", 1)}
    assert resolved.rejects.isEmpty()


def test_resolve_copies__the_same_id_on_another_day_or_in_another_account_is_another_event(spark: SparkSession) -> None:
    found = rows(
        "s3://b/1",
        [record("e"), record("e", eventTime="2023-07-11T00:00:00Z"), record("e", recipientAccountId="210987654321")],
    )
    resolved = resolve_copies(frame(spark, found), frame(spark, []).select(STORED))
    assert resolved.new_events.count() == 3
    assert resolved.new_events.columns == CLOUDTRAIL_EVENTS.column_names


def test_resolve_copies__a_displaced_event_is_rejected_with_the_source_it_had(spark: SparkSession) -> None:
    first, second = sorted(
        (rows("s3://b/1", [record("e", body)])[0] for body in (1, 2)), key=lambda row: row["body_sha256"], reverse=True
    )
    resolved = resolve_copies(frame(spark, [second | {"source_uri": "s3://b/9"}]), frame(spark, [first]).select(STORED))
    [changed], [reject] = resolved.changed_events.collect(), resolved.rejects.collect()
    assert (changed.body_sha256, changed.source_uri) == (second["body_sha256"], "s3://b/9")
    assert (reject.uri, reject.sha256, reject.reason) == ("s3://b/1", first["body_sha256"], SAME_ID)
    assert resolved.new_events.isEmpty()


def test_resolve_copies__what_is_rejected_claims_nothing(spark: SparkSession) -> None:
    found = rows("s3://b/1", [record("e", eventTime="...")])
    assert all(each.isEmpty() for each in resolve_copies(frame(spark, found), frame(spark, []).select(STORED)))


def test_resolve_copies__large_objects(spark: SparkSession) -> None:
    size = 2100
    found = [row for uri in ("s3://b/1", "s3://b/2") for row in rows(uri, (record(f"e{n}") for n in range(size)))]
    resolved = resolve_copies(frame(spark, found), frame(spark, []).select(STORED))
    assert [tuple(row) for row in resolved.new_events.groupBy("source_uri").count().collect()] == [("s3://b/1", size)]


def test_only_callers_copies__one_per_action_the_callers(spark: SparkSession) -> None:
    caller, owner = "111111111111", "222222222222"
    user = {"type": "IAMUser", "accountId": caller}
    found = rows(
        "s3://b/1",
        [
            record(
                "1",
                sharedEventID="s",
                recipientAccountId=owner,
                userIdentity={"type": "AWSAccount", "accountId": caller},
            ),
            record("2", sharedEventID="s", recipientAccountId=caller, userIdentity=user),
            record("3", sharedEventID="t", recipientAccountId="000000000000", userIdentity=user),
            record("4", sharedEventID="t", recipientAccountId=caller, userIdentity=user),
            record("5", sharedEventID="u", recipientAccountId=owner, userIdentity={"type": "AWSService"}),
            record("6", sharedEventID="u", recipientAccountId=caller, userIdentity={"type": "AWSService"}),
            record("7", eventType="AwsServiceEvent"),
            record("8", eventCategory="Data", userIdentity=user),
            record("9", recipientAccountId=owner, userIdentity={"type": "AWSAccount", "accountId": owner}),
        ],
    )
    kept = only_callers_copies(frame(spark, found))
    assert sorted(row.event_id for row in kept.select("event_id").collect()) == ["2", "4", "6", "7"]
