"""A new table is the same one, whether Spark or delta-rs made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from expectations.contract import Table
from expectations.tables import CLOUDTRAIL_EVENTS, TABLES
from pipelines.creation import create_in_folder, creating_sql
from tests.builders import row

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PLAIN = {"string", "timestamp", "date", "bigint", "double", "boolean"}
WITH_EVERY_TYPE = [
    CLOUDTRAIL_EVENTS,
    *(table for table in TABLES if not {column.type for column in table.columns} <= _PLAIN),
]


@pytest.mark.parametrize("table", WITH_EVERY_TYPE, ids=lambda table: table.name)
def test_both_ways_make_the_same_table(table: Table, spark: SparkSession, tmp_path: Path) -> None:
    spark.sql(creating_sql(table, f"delta.`{tmp_path}/spark`")).collect()
    create_in_folder(table, str(tmp_path / "delta-rs"))
    of_spark, of_delta_rs = (_begun(tmp_path / name) for name in ("spark", "delta-rs"))
    assert of_delta_rs == of_spark
    assert len(of_spark["schema"]["fields"]) == len(table.columns)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_delta_rs_understands_every_rule(table: Table, tmp_path: Path) -> None:
    """It writes few rows of any table, and refuses those for which it cannot even read a constraint."""
    create_in_folder(table, str(tmp_path))
    schema = pa.schema(DeltaTable(tmp_path).schema().to_arrow())
    write_deltalake(tmp_path, pa.Table.from_pylist([row(table)], schema=schema), mode="append")
    assert DeltaTable(tmp_path).count() == 1


def test_a_table_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    create_in_folder(CLOUDTRAIL_EVENTS, str(tmp_path))
    first = (tmp_path / "_delta_log" / "00000000000000000000.json").read_bytes()
    create_in_folder(CLOUDTRAIL_EVENTS, str(tmp_path))
    assert [log.read_bytes() for log in (tmp_path / "_delta_log").glob("*.json")] == [first]


def _begun(folder: Path) -> dict[str, Any]:
    """Return what the first commit says of the table, without what differs from table to table."""
    lines = (folder / "_delta_log" / "00000000000000000000.json").read_text(encoding="utf-8").splitlines()
    said = {key: value for line in lines for key, value in json.loads(line).items()}
    about = said["metaData"]
    return {
        "schema": json.loads(about["schemaString"]),
        "partitions": about["partitionColumns"],
        "description": about["description"],
        "properties": about["configuration"],
        "protocol": said["protocol"],
    }
