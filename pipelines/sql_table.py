"""A Delta table anywhere, through Spark's SQL: what upkeep and migration ask of it and do to it. See folder_table for local ones.

SQL only, so that classic Spark, Connect, EMR and Databricks do the same. Every commit says what it is told, so that how far the table
has consumed others is still found when upkeep is what was done last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException

from pipelines.creation import sql_literal

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

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

    def __init__(self, table: Table, path: str, spark: SparkSession) -> None:
        """Take the table that lies at `path`."""
        self._table = table
        self._spark = spark
        self._name = f"delta.`{path.replace('`', '``')}`"

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

    def has_changes(self, since: int) -> bool:
        """Whether a commit after a version changed rows: not their place, nor what is said of the table.

        What upkeep removed has expired, and is no change; what somebody else did, whose commits tell nothing of ours, is one.
        """
        is_ours = f"operation IN ({_KEEPS_ROWS}) OR operation = 'DELETE' AND userMetadata IS NOT NULL"
        history = self._spark.sql(f"DESCRIBE HISTORY {self._name}")
        return not history.where(f"version > {since} AND NOT ({is_ours})").isEmpty()

    # -- commits -------------------------------------------------------------------------------------------------------

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
