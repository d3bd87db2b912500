"""Which copy of a flow record stands: the same for any batches in any order."""

from __future__ import annotations

import random
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from expectations.tables import VPC_FLOWS
from tests.transforms.flows.logs import flow, rows_of, silent, text
from transforms.cloudtrail.arrow import delivery_schema
from transforms.flows import resolve_copies
from transforms.flows.copies import SAME_FLOW

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = dict[str, Any]
SOURCE = ("source_uri", "source_etag", "record_index")


def frame(spark: SparkSession, rows: list[Row]) -> DataFrame:
    return spark.createDataFrame(pa.Table.from_pylist(rows, delivery_schema(VPC_FLOWS)))


def key(row: Row) -> tuple[str, ...]:
    return tuple(repr(row[name]) for name in VPC_FLOWS.key)


def content(row: Row) -> tuple[str, ...]:
    return tuple(repr(row[name]) for name in VPC_FLOWS.column_names if name not in VPC_FLOWS.bookkeeping)


class Lake:
    """A vpc_flows and a rejected_records in memory."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self.flows: dict[tuple[str, ...], Row] = {}
        self.rejects: dict[str, str] = {}

    def ingest(self, delivered: list[Row]) -> None:
        existing = frame(self.spark, list(self.flows.values())).select(VPC_FLOWS.column_names)
        before = self.spark.createDataFrame([(each,) for each in self.rejects], "sha256 string")
        resolved = resolve_copies(
            frame(self.spark, delivered), existing, rejected=before, settle=lambda each: each.localCheckpoint()
        )
        standing = resolved.new_events.unionByName(resolved.changed_events)
        self.flows |= {key(row): row for row in standing.toArrow().to_pylist()}
        self.rejects |= {row.sha256: row.reason for row in resolved.rejects.collect()}


def test_resolve_copies__any_batches_in_any_order_give_the_same_table(spark: SparkSession) -> None:
    """Redelivered objects, two objects of one flow, two stories about one flow: what stands does not depend on what came first."""
    chance = random.Random(3)
    delivered: list[Row] = []
    for number in range(40):
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            record = silent(interface_id=f"eni-{number}") if number % 9 == 0 else flow(srcport=number)
            told = record if number % 3 else record | {"end": record["end"] + chance.choice([0, 1, 2])}
            delivered += rows_of(text(told), uri=f"s3://b/{chance.randrange(10**6)}")
    chance.shuffle(delivered)
    at_once, in_parts = Lake(spark), Lake(spark)
    at_once.ingest(delivered)
    in_parts.ingest(delivered[1::2])
    in_parts.ingest(delivered[0::2] + delivered[1:7:2])  # some again, as after a crash
    stand, too = ({at: content(row) for at, row in lake.flows.items()} for lake in (at_once, in_parts))
    assert stand == too
    assert at_once.rejects == in_parts.rejects
    ordered = sorted(delivered, key=key)
    stories = {at: {content(row) for row in rows} for at, rows in groupby(ordered, key)}
    assert set(stand) == set(stories)
    assert all(story in stories[at] for at, story in stand.items())
    assert len(at_once.rejects) == sum(len(told) - 1 for told in stories.values()) > 0
    assert set(at_once.rejects.values()) == {SAME_FLOW}
    for at, row in at_once.flows.items():  # of equal ones the smallest source
        copies = [each["source_uri"] for each in delivered if (key(each), content(each)) == (at, stand[at])]
        assert row["source_uri"] == min(copies)
