"""A Delta table anywhere, through Spark: its rows, its changes, its commits. See folder_table for those in a folder of this machine.

SQL only, so that classic Spark, Connect, EMR and Databricks do the same. Every commit says what it is told, so that how far the table
has consumed others is still found when upkeep is what was done last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipelines.creation import creating_sql, sql_literal
from pipelines.days import days_condition, times_condition

if TYPE_CHECKING:
    from pyspark.sql import DataFrameWriter, Row, SparkSession

    from expectations.contract import Column, Table

USER_METADATA = "spark.databricks.delta.commitInfo.userMetadata"
_CHECKS_RETENTION = "spark.databricks.delta.retentionDurationCheck.enabled"
_CHECKS_STATISTICS = "spark.databricks.delta.optimize.zorder.checkStatsCollection.enabled"
# Of commits that change no row.
_KEEPS_ROWS = ", ".join(
    f"'{operation}'"
    for operation in (
        "CREATE TABLE", "SET TBLPROPERTIES", "ADD COLUMNS", "ADD CONSTRAINT", "DROP CONSTRAINT", "OPTIMIZE", "VACUUM START", "VACUUM END",
    )
)  # fmt: skip


class SqlTable:
    """One table. Nothing is remembered: what it says is asked each time."""

    def __init__(self, table: Table, path: str, spark: Callable[[], SparkSession]) -> None:
        """Take the table that lies at `path`."""
        self._table = table
        self._path = path
        self._begin_spark = spark
        self._name = f"delta.`{path.replace('`', '``')}`"

    @property
    def _spark(self) -> SparkSession:
        return self._begin_spark()

    def create(self) -> None:
        """Make it, unless it is there."""
        self._spark.sql(creating_sql(self._table, self._name)).collect()

    def told(self, commits: int) -> tuple[int, list[str]]:
        """Return its version, and the `userMetadata` of the newest commits, the newest first."""
        history = self._spark.sql(f"DESCRIBE HISTORY {self._name} LIMIT {commits}").select("version", "userMetadata")
        found = history.orderBy(F.desc("version")).collect()
        return found[0].version, [commit.userMetadata for commit in found if commit.userMetadata]

    @property
    def id(self) -> str:
        """What Delta calls it."""
        return str(self._detail()["id"])

    @property
    def row_count(self) -> int:
        """How many rows it has."""
        return self.read().count()

    def find(self, columns: Sequence[str], where: str, group_by: Sequence[str] = ()) -> pa.Table:
        """Return columns, or aggregates, of the rows that a condition holds for (Spark's SQL)."""
        chosen = self.read().where(where)
        aggregates = [F.expr(column) for column in columns if column not in group_by]
        return (chosen.groupBy(*group_by).agg(*aggregates) if group_by else chosen.select(*columns)).toArrow()

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def is_there(self) -> bool:
        """Whether there is such a table."""
        try:
            self._detail()
        except AnalysisException:
            return False
        return True

    @property
    def properties(self) -> dict[str, str]:
        """What is set on it."""
        return dict(self._detail()["properties"])

    @property
    def file_count(self) -> int:
        """How many files it has."""
        return int(self._detail()["numFiles"])

    def unlike(self) -> tuple[list[str], list[Column], list[str]]:
        """Return columns that its contract does not know, those that it has not, and those of another type or partitioning."""
        there = {name: kind.replace(" ", "") for name, kind in self._spark.table(self._name).dtypes}
        other = [c.name for c in self._table.columns if c.name in there and there[c.name] != c.type]
        if list(self._detail()["partitionColumns"]) != _listed(self._table.partitioned_by):
            other.append("its partitions")
        return (
            [name for name in there if name not in self._table.column_names],
            [column for column in self._table.columns if column.name not in there],
            other,
        )

    # -- rows ----------------------------------------------------------------------------------------------------------

    def read(self) -> DataFrame:
        """Return all rows."""
        return self._spark.read.format("delta").load(self._path)

    def read_days(self, days: Sequence[date | None]) -> DataFrame:
        """Return the rows of some partitions; null is a partition too."""
        return self.read().where(days_condition(str(self._table.partitioned_by), days))

    def read_between(self, first: date, last: date) -> DataFrame:
        """Return the rows of the partitions from a day to another, both included."""
        return self.read().where(F.col(str(self._table.partitioned_by)).between(F.lit(first), F.lit(last)))

    def on_days(self, column: str, days: Sequence[date]) -> DataFrame:
        """Return the rows whose timestamp column falls on one of these days (UTC): Delta's statistics skip files by it."""
        return self.read().where(times_condition(column, days))

    def narrow(self, _days: Sequence[date | None], _most: int) -> None:
        """Return nothing: what is not in a folder of this machine is read with Spark."""

    def exchanged_rows(self, since: int, kept_from: date) -> tuple[DataFrame, DataFrame]:
        """Return rows that left the table after a version, and rows that came: among them such as came back, or left again."""
        feed = self._spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", since + 1)
        rows = feed.load(self._path)
        if kept_from > date.min:
            rows = rows.where(F.coalesce(F.col(str(self._table.partitioned_by)) >= F.lit(kept_from), F.lit(True)))
        is_removed = F.col("_change_type").isin("delete", "update_preimage")
        names = self._table.column_names
        return rows.where(is_removed).select(*names), rows.where(~is_removed).select(*names)

    def touched_days(self, since: int, kept_from: date) -> set[date | None]:
        """Return the partitions that were written after a version, or all there are where that is before the first."""
        rows = self.read() if since < 0 else DataFrame.unionByName(*self.exchanged_rows(since, kept_from))
        return {row[0] for row in rows.select(str(self._table.partitioned_by)).distinct().collect()}

    def no_rows(self) -> DataFrame:
        """Return a frame of its columns without any rows."""
        return self.read().limit(0)

    def has_changes(self, since: int, _kept_from: date = date.min) -> bool:
        """Whether a commit after a version changed rows: not their place, nor what is said of the table.

        What upkeep removed has expired, and is no change; what somebody else did, whose commits tell nothing of ours, is one.
        """
        is_ours = f"operation IN ({_KEEPS_ROWS}) OR operation = 'DELETE' AND userMetadata IS NOT NULL"
        history = self._spark.sql(f"DESCRIBE HISTORY {self._name}")
        return not history.where(f"version > {since} AND NOT ({is_ours})").isEmpty()

    # -- commits -------------------------------------------------------------------------------------------------------

    def append(self, rows: DataFrame, told: str) -> None:
        """Add rows."""
        self._writer(rows, told).mode("append").save(self._path)

    def replace_days(self, rows: DataFrame, days: Sequence[date | None], told: str) -> None:
        """Put rows in place of all that these partitions held; rows of other days are refused."""
        condition = days_condition(str(self._table.partitioned_by), days)
        self._writer(rows, told).mode("overwrite").option("replaceWhere", condition).save(self._path)

    def _writer(self, rows: DataFrame, told: str) -> DataFrameWriter:
        return self._table.conform(rows).write.format("delta").option("userMetadata", told)

    def merge(self, rows: DataFrame, only_of: DataFrame | None, told: str) -> None:
        """Put rows in place of those with the same key, add the others, in one commit.

        Args:
            rows: of the table.
            only_of: values of some columns: rows of the table that have them go, where `rows` no longer has their key.
            told: what the commit says.
        """
        day = self._table.partitioned_by
        keys = list(dict.fromkeys([*_listed(day), *self._table.key]))
        source = self._table.conform(rows).withColumn("_is_gone", F.lit(False))
        if only_of is not None:
            source = source.unionByName(self._gone(rows, only_of).withColumn("_is_gone", F.lit(True)))
        on = " AND ".join(f"t.`{name}` <=> s.`{name}`" for name in keys)
        if day and only_of is None:
            # Follows from the keys, but Delta would open every file of the table to find out.
            days = [row[0] for row in rows.select(day).distinct().collect()]
            on += f" AND ({days_condition(day, days, of='t.')})"
        others = [name for name in self._table.column_names if name not in keys]
        is_same = " AND ".join(f"t.`{name}` <=> s.`{name}`" for name in others) or "true"
        with self._set(USER_METADATA, told):
            self._spark.sql(
                f"MERGE INTO {self._name} t USING {{source}} s ON {on} "
                f"WHEN MATCHED AND s._is_gone THEN DELETE WHEN MATCHED AND NOT ({is_same}) THEN UPDATE SET * "
                "WHEN NOT MATCHED THEN INSERT *",
                source=source,
            ).collect()

    def _gone(self, rows: DataFrame, only_of: DataFrame) -> DataFrame:
        """Return the rows of the table that have these values, and none of the keys of `rows`."""
        names = self._table.key
        there = self._table.columns_of(self.read().join(only_of, on=only_of.columns, how="left_semi"))
        kept = rows.select(*[F.col(name).alias(f"new_{name}") for name in names])
        is_kept = reduce(and_, [F.col(name).eqNullSafe(F.col(f"new_{name}")) for name in names])
        return there.join(kept, on=is_kept, how="left_anti")

    def set_properties(self, properties: dict[str, str], told: str) -> None:
        """Set properties."""
        listed = ", ".join(f"{sql_literal(name)} = {sql_literal(value)}" for name, value in properties.items())
        self._do(f"ALTER TABLE {self._name} SET TBLPROPERTIES ({listed})", told)

    def add_columns(self, columns: Iterable[Column], told: str) -> None:
        """Add columns, null in the rows that are there."""
        listed = ", ".join(replace(column, required=False).ddl for column in columns)
        self._do(f"ALTER TABLE {self._name} ADD COLUMNS ({listed})", told)

    def drop_constraint(self, name: str, told: str) -> None:
        """Take a rule away."""
        self._do(f"ALTER TABLE {self._name} DROP CONSTRAINT `{name}`", told)

    def add_constraint(self, name: str, rule: str, told: str) -> None:
        """Add a rule, which the rows that are there must hold."""
        self._do(f"ALTER TABLE {self._name} ADD CONSTRAINT `{name}` CHECK ({rule})", told)

    def compact(self, days: Sequence[date] | None, order: Sequence[str], told: str) -> None:
        """Put the files of each of these partitions (or of the whole table) together, near each other what is alike in `order`."""
        where = f" WHERE {_in(self._table, days)}" if days is not None else ""
        by = f" ZORDER BY ({', '.join(f'`{name}`' for name in order)})" if order else ""
        with self._set(
            _CHECKS_STATISTICS, "false"
        ):  # a lake made before these columns had some is put in order all the same
            self._do(f"OPTIMIZE {self._name}{where}{by}", told)

    def delete_before(self, day: date, told: str) -> None:
        """Remove the partitions of days before this one."""
        self._do(f"DELETE FROM {self._name} WHERE `{self._table.partitioned_by}` < DATE'{day.isoformat()}'", told)

    def vacuum(self, hours: int, told: str) -> int:
        """Delete files that left the table longer ago than this many hours; return how many they were."""
        with self._set(_CHECKS_RETENTION, "false"):
            found = self._spark.sql(f"VACUUM {self._name} RETAIN {hours} HOURS DRY RUN").count()
            if found:
                self._do(f"VACUUM {self._name} RETAIN {hours} HOURS", told)
        return found

    def _detail(self) -> Row:
        return self._spark.sql(f"DESCRIBE DETAIL {self._name}").collect()[0]

    def _do(self, statement: str, told: str) -> None:
        with self._set(USER_METADATA, told):
            self._spark.sql(statement).collect()

    @contextmanager
    def _set(self, name: str, value: str) -> Iterator[None]:
        self._spark.conf.set(name, value)
        try:
            yield
        finally:
            self._spark.conf.unset(name)


def _listed(partition: str | None) -> list[str]:
    return [partition] if partition else []


def _in(table: Table, days: Sequence[date]) -> str:
    listed = ", ".join(f"DATE'{day.isoformat()}'" for day in days)
    return f"`{table.partitioned_by}` IN ({listed})"
