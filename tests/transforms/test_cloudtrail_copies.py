"""Which copy of a record stands: the same for any batches in any order."""

from __future__ import annotations

import random
from itertools import groupby
from typing import TYPE_CHECKING

from expectations.tables.bronze import CLOUDTRAIL_EVENTS
from tests.transforms.ingested import STORED, Lake, Row, frame, record, rows
from transforms.cloudtrail import only_callers_copies, resolve_copies
from transforms.cloudtrail.copies import SAME_ID

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def expected(delivered: list[Row]) -> tuple[dict[str, str], dict[str, str]]:
    """Say it slowly: event id → body that stands, body → reason why it does not."""
    standing: dict[str, str] = {}
    rejects: dict[str, str] = {}
    for event_id, claims in groupby(sorted(delivered, key=lambda row: row["event_id"]), lambda row: row["event_id"]):
        first, *others = sorted({row["body_sha256"] for row in claims})
        standing[event_id] = first
        rejects |= dict.fromkeys(others, SAME_ID)
    return standing, rejects


def test_resolve_copies__any_batches_in_any_order_give_the_same_tables(spark: SparkSession) -> None:
    chance = random.Random(7)
    delivered: list[Row] = []
    for number in range(60):
        claims = [record(f"e{number}", chance.choice([0, 0, 1, 2])) for _ in range(chance.choice([0, 1, 1, 2, 4]))]
        delivered += [row for claim in claims for row in rows(f"s3://b/{chance.randrange(10**6)}", [claim])]
    chance.shuffle(delivered)
    lake = Lake()
    for number in range(3):
        lake.ingest(spark, delivered[number::3])
    standing = {event_id: row["body_sha256"] for event_id, row in lake.events.items()}
    assert (standing, lake.rejects) == expected(delivered)
    assert lake.ingest(spark, delivered) == 0  # again, as after a crash
    assert lake.addenda == {}


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
    resolved = resolve_copies(frame(spark, found), frame(spark, []).select(STORED))
    assert all(each.isEmpty() for each in resolved if each is not None)


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
