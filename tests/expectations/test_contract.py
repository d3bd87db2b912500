"""A contract holds a frame to its columns: what differs is named, what is left over is the caller's to drop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expectations.contract import Column, ContractError, Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Names that SQL has another meaning for are names all the same.
TABLE = Table("things", "Things.", ("date",), (Column("user", "string", "Who"), Column("date", "int", "When")))


def test_columns_of__are_the_tables_in_its_order_and_no_others(spark: SparkSession) -> None:
    frame = spark.sql("SELECT 1 AS `date`, 'more' AS more, 'alice' AS `user`")
    chosen = TABLE.columns_of(frame)
    assert chosen.columns == ["user", "date"]
    assert chosen.collect() == [("alice", 1)]


def test_conform__names_what_is_missing_of_another_type_and_too_much(spark: SparkSession) -> None:
    with pytest.raises(ContractError, match=r"things: user: missing; date: is string, should be int; more: not in"):
        TABLE.conform(spark.sql("SELECT '1' AS `date`, 'more' AS more"))
