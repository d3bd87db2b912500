"""A lake on S3, through Spark alone: made, written, merged, marked and read; what a whole night over it needs of one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expectations.tables import INGEST_FAILURES
from pipelines.jars import S3_COMMAND, has_s3_jars
from pipelines.lake import Consumed, Lake
from pipelines.spark import s3a_settings
from tests.builders import frame, row

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.skipif(
    not has_s3_jars(), reason=f"LOUD: no lake on S3 is tested: its jars are not there, fetch them with `{S3_COMMAND}`"
)
ON = {
    "unread_from_date": "2026-05-01",
    "unread_to_date": "2026-05-02",
    "failed_at": "2026-05-02 00:00:00",
}


def test_lake__on_s3_is_written_and_read_like_any_other(spark: SparkSession, bucket) -> None:
    for key, value in s3a_settings(endpoint=bucket.address, region=None, requester_pays=False).items():
        spark.conf.set(key, value)
    lake = Lake(f"s3a://{bucket.name}/a lake", lambda: spark)
    one, two = (row(INGEST_FAILURES, **ON, prefix=f"s3://b/{name}/", reason=name) for name in ("one", "two"))
    lake.append(INGEST_FAILURES, frame(spark, INGEST_FAILURES, one, two), Consumed({"upstream": 3}))
    again = {**one, "reason": "again"}
    lake.merge(INGEST_FAILURES, frame(spark, INGEST_FAILURES, again), Consumed({"upstream": 4}))
    assert lake.version(INGEST_FAILURES) == 2
    lake.mark(INGEST_FAILURES, Consumed({"upstream": 5}))

    other = Lake(lake.uri, lambda: spark)
    assert other.consumed(INGEST_FAILURES).versions == {"upstream": 5}
    rows = other.read_rows(INGEST_FAILURES, ["prefix", "reason"])
    assert {each["prefix"]: each["reason"] for each in rows} == {"s3://b/one/": "again", "s3://b/two/": "two"}
    changes = other.changes(INGEST_FAILURES, 1, "reason").collect()  # of the merge: what it put in place of what
    assert sorted(change.reason for change in changes) == ["again", "one"]
