"""Rows on their way from the workers to the lake: what is staged is what is read and written, and nothing is left behind."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa
import pytest

from expectations.tables import REJECTED_RECORDS
from pipelines.lake import Consumed, Lake, LakeError
from pipelines.staging import Batches, stage, staged_batches, staged_rows, staging_folder
from transforms.cloudtrail.deliveries import Object

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = pa.schema(
    [(name, pa.string()) for name in ("source_uri", "source_etag", "reason", "uri", "etag", "sha256", "excerpt")]
    + [("record_index", pa.int64()), ("event_at", pa.timestamp("us", tz="UTC"))]
)
DDL = (
    "source_uri string, source_etag string, reason string, uri string, etag string, sha256 string, excerpt string, "
    "record_index bigint, event_at timestamp"
)


def reader() -> Batches:
    """Three records an object, of which the last one is rejected; none of an empty one."""

    def batches(objects: Iterable[Object]) -> Iterator[pa.RecordBatch]:  # in here, since workers cannot import tests
        for each in objects:
            if each.uri == "broken":
                raise OSError("the disk is full")
            rows: list[dict[str, Any]] = [
                {
                    "source_uri": each.uri,
                    "source_etag": each.etag,
                    "record_index": n,
                    "reason": "bad" if n == 2 else None,
                    "event_at": None if n == 2 else n,
                }
                for n in range(3)
            ]
            if each.uri != "empty":
                yield pa.RecordBatch.from_pylist(rows, schema=ROWS)

    return batches


def objects(spark: SparkSession, *uris: str) -> DataFrame:
    rows = [(uri, "v1", None) for uri in uris]
    return spark.createDataFrame(rows, "uri string, etag string, account_id string").repartition(2)


def test_stage__spark_reads_what_the_workers_wrote(spark: SparkSession, tmp_path: Path) -> None:
    with staging_folder(str(tmp_path / "a {lake} [1] % \u00e9")) as folder:
        stage(objects(spark, "a", "b"), reader(), "event_at", folder)
        stage(objects(spark, "empty"), reader(), "event_at", folder)
        stage(objects(spark, "c"), reader(), "event_at", folder)
        found = staged_rows(spark, DDL, folder).groupBy("source_uri").count().collect()
        assert {row["source_uri"]: row["count"] for row in found} == {"a": 3, "b": 3, "c": 3}
    assert not folder.exists()


def test_staged_rows__of_no_files_are_none(spark: SparkSession, tmp_path: Path) -> None:
    assert staged_rows(spark, DDL, tmp_path).isEmpty()


def test_staged_batches__without_what_was_rejected_or_is_left_out(spark: SparkSession, tmp_path: Path) -> None:
    stage(objects(spark, "a", "b"), reader(), "event_at", tmp_path)
    left_out = spark.createDataFrame(
        [("a", "v1", 1), ("b", "v2", 0)], "source_uri string, source_etag string, record_index bigint"
    )
    read = staged_batches(tmp_path, REJECTED_RECORDS, left_out)
    assert read(["record_index"]).read_all().num_rows == 3  # two of each, but for the one; there is no `v2`
    assert read(["uri", "record_index"]).schema.names == ["uri", "record_index"]


def test_stage__a_task_that_fails_leaves_no_rows(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="the disk is full"):
        stage(objects(spark, "broken"), reader(), "event_at", tmp_path)
    assert staged_rows(spark, DDL, tmp_path).isEmpty()


def test_stage__a_task_that_is_tried_again_after_it_wrote_gives_its_rows_once(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a master with retries (`local[2,4]`): the second attempt's file takes the place of the first one's."""
    monkeypatch.setattr(
        "pipelines.staging.uuid4", lambda: UUID(int=7)
    )  # the same batch, as for one attempt after another
    for _ in range(2):
        stage(objects(spark, "a", "b").coalesce(1), reader(), "event_at", tmp_path)
    assert staged_rows(spark, DDL, tmp_path).count() == 6


def test_staging_folder__what_a_killed_run_left_is_removed_a_day_later(tmp_path: Path) -> None:
    old, fresh = tmp_path / "_staging" / "old", tmp_path / "_staging" / "fresh"
    for folder in (old, fresh):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    with staging_folder(str(tmp_path)):
        assert not old.exists()
        assert fresh.exists()


def rejected(count: int) -> pa.Table:
    rows = [{"uri": "u", "etag": "e", "record_index": n, "reason": "bad"} for n in range(count)]
    return pa.Table.from_pylist(rows, schema=pa.schema(list(ROWS)[2:-1]))


def test_append_batches__refuses_other_rows_than_were_checked(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), lambda: spark)
    lake.ensure(REJECTED_RECORDS)
    table = rejected(2)
    with pytest.raises(LakeError, match="3 rows were checked, 2 would be written"):
        lake.append_batches(REJECTED_RECORDS, lambda names: table.select(names).to_reader(), 3, Consumed())
    assert lake.read(REJECTED_RECORDS).isEmpty()


def test_append_batches__holds_the_constraints_and_says_what_was_consumed(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), lambda: spark)
    lake.ensure(REJECTED_RECORDS)
    table = rejected(2)
    lake.append_batches(
        REJECTED_RECORDS, lambda names: table.select(names).to_reader(), 2, Consumed({"cloudtrail_events": 7})
    )
    assert lake.read(REJECTED_RECORDS).count() == 2
    assert Lake(lake.uri, lambda: spark).consumed(REJECTED_RECORDS).versions == {"cloudtrail_events": 7}
    long = table.set_column(table.schema.get_field_index("excerpt"), "excerpt", pa.array(["x" * 2000] * 2))
    with pytest.raises(Exception, match="validation"):
        lake.append_batches(REJECTED_RECORDS, lambda names: long.select(names).to_reader(), 2, Consumed())
    assert lake.read(REJECTED_RECORDS).count() == 2
