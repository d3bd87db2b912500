"""Objects, through Spark, to deliveries; and what is said of each object."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from expectations.tables.bronze import CLOUDTRAIL_EVENTS
from transforms.cloudtrail import (
    count_rows,
    delivery_batches,
    delivery_ddl,
    files,
    parse_objects,
    rejects,
    resolve_copies,
)
from transforms.enrichment import Location

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STS = "IQoJb3JpZ2luX2VjEOH//////////wEaCXVzLWVhc3QtMSJIMEYCIQDzpom"


def record(event_id: str, at: str, **fields: Any) -> dict[str, Any]:
    return {"eventID": event_id, "eventTime": at, "eventSource": "iam.amazonaws.com", "eventName": "ListUsers"} | fields


OBJECTS = {
    "s3://b/good": gzip.compress(
        orjson.dumps(
            {
                "Records": [
                    record("1", "2023-07-10T11:55:22Z", sourceIPAddress="203.0.113.7"),
                    record("2", "2023-07-10T09:00:00.5Z", responseElements={"credentials": {"sessionToken": STS}}),
                    record("3", "never", errorMessage=f"token {STS}"),
                ]
            }
        )
    ),
    "s3://b/empty": b'{"Records": []}',
    "s3://b/cut": gzip.compress(b'{"Records": []}')[:-4],
    "s3://b/page": b"<html>" + STS.encode(),
}


@pytest.fixture(scope="module")
def objects(spark: SparkSession) -> DataFrame:
    listed = [(uri, "v1", "123456789012", None) for uri in (*OBJECTS, "s3://b/gone")]
    skipped = ("s3://b/digest", "v1", "123456789012", "a digest")
    return spark.createDataFrame([*listed, skipped], "uri string, etag string, account_id string, skipped string")


@pytest.fixture(scope="module")
def deliveries(objects: DataFrame) -> DataFrame:
    blobs = OBJECTS  # workers cannot import this module: what they run is defined here

    def read(uri: str) -> bytes:
        if uri not in blobs:
            raise FileNotFoundError(2, "No such file or directory", uri)
        return blobs[uri]

    def locate(_address: str) -> Location:
        return Location("DE", "Berlin", 52.5, 13.4, 64500, "Example Net")

    return parse_objects(
        objects.where("skipped IS NULL"),
        lambda listed: delivery_batches(listed, read, locate),
        delivery_ddl(CLOUDTRAIL_EVENTS),
    ).localCheckpoint()


def test_parse_objects__has_the_columns_of_events(deliveries: DataFrame) -> None:
    events = CLOUDTRAIL_EVENTS.conform(deliveries.drop("reason", "sha256", "excerpt"))
    first = (
        events.where("event_id = '1'").selectExpr("*", "event_date = CAST(event_at AS DATE) AS is_its_day").collect()[0]
    )
    assert first.event_at.astimezone(UTC) == datetime(2023, 7, 10, 11, 55, 22, tzinfo=UTC)
    assert (first.is_its_day, first.city, first.asn, first.recipient_account_id) == (
        True,
        "Berlin",
        64500,
        "123456789012",
    )


def test_parse_objects__no_secret_leaves(deliveries: DataFrame) -> None:
    assert STS not in str(deliveries.collect())


def test_rejects__are_records_and_objects(deliveries: DataFrame) -> None:
    found = {(row.uri, row.record_index): row.reason for row in rejects(deliveries).collect()}
    assert found == {
        ("s3://b/good", 2): "eventTime is not a time",
        ("s3://b/cut", -1): "incomplete gzip",
        ("s3://b/page", -1): "not JSON",
        ("s3://b/gone", -1): "cannot be opened: No such file or directory",
    }


def test_files__say_what_each_object_held(deliveries: DataFrame, objects: DataFrame) -> None:
    found = {row.uri: row for row in files(count_rows(deliveries), objects).collect()}
    assert {uri: (row.status, row.record_count, row.rejected_count) for uri, row in found.items()} == {
        "s3://b/good": ("ingested", 3, 1),
        "s3://b/empty": ("ingested", 0, 0),
        "s3://b/cut": ("rejected", 0, 1),
        "s3://b/page": ("rejected", 0, 1),
        "s3://b/gone": ("rejected", 0, 1),
        "s3://b/digest": ("skipped", 0, 0),
    }
    assert found["s3://b/good"].reason is None
    assert found["s3://b/digest"].reason == "a digest"
    assert found["s3://b/good"].account_id == "123456789012"
    assert found["s3://b/good"].min_event_at < found["s3://b/good"].max_event_at


def test_resolve_copies__takes_the_deliveries_as_they_are(deliveries: DataFrame) -> None:
    resolved = resolve_copies(
        deliveries, deliveries.where("event_id = '1'"), settle=lambda frame: frame.localCheckpoint()
    )
    assert [row.event_id for row in resolved.new_events.select("event_id").collect()] == ["2"]
