"""The lake: Delta tables in a folder or bucket, how far each has consumed the others, and what changed since.

Every write is one commit that says in its `userMetadata` up to which version of each upstream table it has consumed (`Consumed`).
A stage starts from there, so a crash loses nothing and a re-run with nothing new does nothing (DESIGN §4). SQL and DataFrames
only: the same calls work on Spark Connect.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import and_
from threading import Lock
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake.exceptions import TableNotFoundError
from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from expectations.contract import Table
from expectations.tables import BRONZE
from pipelines.creation import creating_sql, sql_literal
from pipelines.days import days_condition, runs_of, times_condition
from pipelines.folder_table import File, FolderTable
from pipelines.sql_table import USER_METADATA, SqlTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EXPIRED_BEFORE = "rolescope.expired_before"
_COMMITS = 50  # of which the newest that says what it consumed is looked for
_FEW = 5_000_000  # values, which the driver may hold for a moment: rows times columns


class LakeError(Exception):
    """The lake is not what we made, or cannot be reached; the message says what to do."""


@dataclass(frozen=True)
class Consumed:
    """What a table's newest rows were made from: upstream versions, and facts of the lake that were used."""

    versions: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """As it stands in a commit's `userMetadata`."""
        return json.dumps({"versions": dict(self.versions), "facts": dict(self.facts)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | None) -> Consumed:
        """Read what `as_json` wrote; nothing consumed if the commit is not ours."""
        try:
            told = json.loads(text or "{}")
            return cls(told["versions"], told["facts"])
        except (ValueError, KeyError, TypeError):
            return cls()


class Lake:
    """The tables below one address."""

    def __init__(self, uri: str, begin_spark: Callable[[], SparkSession], *, makes_tables: bool = True) -> None:
        """Use the lake at `uri` (a folder, or `s3a://…`); its tables are made, and Spark begins, when they are first needed.

        Who only reads rows makes no tables: one that is not there has none.
        """
        self.uri = uri.rstrip("/")
        self._makes_tables = makes_tables
        self._begin_spark = begin_spark
        self._beginning = Lock()
        self._spark: SparkSession | None = None
        self._states: dict[str, tuple[int, Consumed]] = {}
        self._expired: dict[str, date | None] = {}

    @property
    def spark(self) -> SparkSession:
        """The session. A night without news never asks for it."""
        with self._beginning:
            if self._spark is None:
                self._spark = self._begin_spark()
            return self._spark

    @property
    def is_local(self) -> bool:
        """Whether it lies in a folder of this machine: its log can then be read without Spark, which takes seconds to begin."""
        return "://" not in self.uri

    # -- addresses ---------------------------------------------------------------------------------------------------

    def path(self, table: Table) -> str:
        """Return where a table lies."""
        return f"{self.uri}/{table.name}"

    def _folder(self, table: Table) -> FolderTable:
        """The table as it lies in a folder of this machine."""
        return FolderTable(table, self.path(table))

    def log(self, table: Table) -> FolderTable | SqlTable:
        """The table as its log has it: for upkeep and migration, which must forget what they made old (`forget`)."""
        return self._folder(table) if self.is_local else SqlTable(table, self.path(table), self.spark)

    def forget(self, table: Table) -> None:
        """Ask the table anew how far it is."""
        self._states.pop(table.name, None)
        self._expired.pop(table.name, None)

    def _identifier(self, table: Table) -> str:
        return f"delta.`{self.path(table).replace('`', '``')}`"

    def literal(self, text: str) -> str:
        """Return a text as a literal in a condition of `read_rows`; DataFusion and Spark write quotes in it differently."""
        text = text.encode("utf-8", "replace").decode()  # what a terminal was given need not be UTF-8
        return "'" + text.replace("'", "''") + "'" if self.is_local else sql_literal(text)

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, table: Table) -> DataFrame:
        """Return the table as it is now."""
        self.ensure(table)
        if self.is_local:
            folder = self._folder(table)
            return folder.rows(self.spark, folder.files())
        return self.spark.read.format("delta").load(self.path(table))

    def read_days(self, table: Table, days: Sequence[date | None]) -> DataFrame:
        """Return the rows of some partitions of a table partitioned by a date; null is a partition too."""
        partition, wanted = partition_of(table), frozenset(days)
        if self.is_local:
            self.ensure(table)
            folder = self._folder(table)
            return folder.rows(self.spark, (file for file in folder.files() if file.day in wanted))
        return self.read(table).where(days_condition(partition, days))

    def narrow(
        self, table: Table, days: Sequence[date | None]
    ) -> Callable[[Sequence[str]], Iterable[pa.RecordBatch]] | None:
        """Return a function from columns to these columns of `read_days`, without Spark, if a local lake has few enough rows there."""
        if not self.is_local:
            return None
        self.ensure(table)
        folder, wanted = self._folder(table), frozenset(days)
        files = [file for file in folder.files() if file.day in wanted]
        if sum(file.row_count for file in files) > _FEW:
            return None
        return lambda columns: folder.batches(files, columns)

    def read_between(self, table: Table, first: date, last: date) -> DataFrame:
        """Return the rows of the partitions from a day to another, both included."""
        partition = partition_of(table)
        if self.is_local:
            self.ensure(table)
            folder = self._folder(table)
            files = (file for file in folder.files() if file.day is not None and first <= file.day <= last)
            return folder.rows(self.spark, files)
        return self.read(table).where(F.col(partition).between(F.lit(first), F.lit(last)))

    def on_days(self, table: Table, column: str, days: Sequence[date]) -> DataFrame:
        """Return the rows whose timestamp column falls on one of these days (UTC).

        The column need not be a partition: a range of times is what Delta's statistics per file can skip by.
        """
        condition = times_condition(column, days)
        if self.is_local:
            self.ensure(table)
            folder, ranges = self._folder(table), runs_of(days)
            files = [file for file in folder.files() if any(file.may_have(column, *each) for each in ranges)]
            return folder.rows(self.spark, files).where(condition)
        return self.read(table).where(condition)

    def changes(self, table: Table, since: int, *columns: str) -> DataFrame:
        """Return rows that were added to or removed from the table after version `since`, in these columns.

        Rows that a commit took out and put back as they were (a rewritten slice, a compaction) are not changes.
        """
        if since < 0:
            return self._only_kept(table, self.read(table)).select(*columns)
        before, after = (rows.select(*columns) for rows in self._exchanged(table, since))
        return before.exceptAll(after).unionByName(after.exceptAll(before))

    def touched(self, table: Table, since: int) -> DataFrame:
        """Return every row written or removed after version `since`, those put back as they were included: it costs less."""
        if since < 0:
            return self._only_kept(table, self.read(table))
        before, after = self._exchanged(table, since)
        return before.unionByName(after)

    def touched_days(self, table: Table, since: int) -> list[date | None]:
        """Return the partitions that were written after version `since`, in order, null first."""
        if 0 <= since >= self.version(table):
            return []
        partition = partition_of(table)
        if self.is_local:
            folder = self._folder(table)
            exchanged = (folder.files(),) if since < 0 else self._exchanged_files(table, since)
            days = {file.day for files in exchanged for file in files}
        else:
            days = {row[0] for row in self.touched(table, since).select(partition).distinct().collect()}
        cut = self.expired_before(table) or date.min
        kept = (day for day in days if day is None or day >= cut)
        return sorted(kept, key=lambda day: (day is not None, day or date.min))

    def _exchanged(self, table: Table, since: int) -> tuple[DataFrame, DataFrame]:
        """Return rows that left the table after a version, and rows that came: among them such as came back, or left again."""
        if since >= self.version(table):
            nothing = self._folder(table).no_rows(self.spark) if self.is_local else self.read(table).limit(0)
            return nothing, nothing
        if self.is_local:
            folder = self._folder(table)
            before, after = self._exchanged_files(table, since)
            return folder.rows(self.spark, before), folder.rows(self.spark, after)
        feed = self.spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", since + 1)
        rows = self._only_kept(table, feed.load(self.path(table)))
        is_removed = F.col("_change_type").isin("delete", "update_preimage")
        names = table.column_names
        return rows.where(is_removed).select(*names), rows.where(~is_removed).select(*names)

    def read_rows(
        self, table: Table, columns: Sequence[str], where: str = "true", group_by: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """Return what `read_arrow` does, a dictionary per row."""
        rows: list[dict[str, Any]] = self.read_arrow(table, columns, where, group_by).to_pylist()
        return rows

    def read_arrow(
        self, table: Table, columns: Sequence[str], where: str = "true", group_by: Sequence[str] = ()
    ) -> pa.Table:
        """Return what a SQL condition holds for, here and now: for what is no longer than a listing. A local lake needs no Spark.

        Args:
            table: which.
            columns: names, or with `group_by` aggregates as well (`max(at) AS last_at`), in SQL that Spark and DataFusion share.
            where: condition.
            group_by: names.

        Raises:
            LakeError: a file of the table is damaged or gone.
        """
        if not self._makes_tables and not self._is_there(table):
            return pa.table({column.rpartition(" AS ")[2]: pa.nulls(0) for column in columns})
        self.ensure(table)
        try:
            return self._find(table, columns, where, group_by)
        except Exception as error:  # neither engine raises a narrower class for it
            raise LakeError(f"{self.path(table)} cannot be read: {str(error).splitlines()[0]}") from error

    def _find(self, table: Table, columns: Sequence[str], where: str, group_by: Sequence[str]) -> pa.Table:
        if self.is_local:
            grouping = f" GROUP BY {', '.join(group_by)}" if group_by else ""
            return self._folder(table).query(f"SELECT {', '.join(columns)} FROM rows WHERE {where}{grouping}")
        chosen = self.read(table).where(where)
        aggregates = [F.expr(column) for column in columns if column not in group_by]
        return (chosen.groupBy(*group_by).agg(*aggregates) if group_by else chosen.select(*columns)).toArrow()

    # -- what is news, and what has expired ----------------------------------------------------------------------------

    def has_changes(self, table: Table, since: int) -> bool:
        """Whether rows came or went after a version; a compaction, or what is said of the table, is no news to anybody."""
        if since < 0 or self.version(table) <= since:
            return since < 0
        if self.is_local:
            return any(self._exchanged_files(table, since))
        return SqlTable(table, self.path(table), self.spark).has_changes(since)

    def expired_before(self, table: Table) -> date | None:
        """Return the day before which a table of days has let go of its rows, and no stage is to look at any; null if there is none.

        It is said before the rows are removed: that they go is no change to anybody (see upkeep).
        """
        if table.name not in self._expired:
            may_expire = table.partitioned_by is not None and table in BRONZE
            told = self.log(table).properties.get(EXPIRED_BEFORE) if may_expire and self.version(table) else None
            self._expired[table.name] = date.fromisoformat(told) if told else None
        return self._expired[table.name]

    def _exchanged_files(self, table: Table, since: int) -> tuple[list[File], list[File]]:
        """Return files of a local table whose rows went, and whose rows came, after a version; not those that have expired."""
        return self._folder(table).exchanged(since, self.expired_before(table) or date.min)

    def _only_kept(self, table: Table, rows: DataFrame) -> DataFrame:
        cut = self.expired_before(table)
        return rows if cut is None else rows.where(F.coalesce(F.col(partition_of(table)) >= F.lit(cut), F.lit(True)))

    # -- state -------------------------------------------------------------------------------------------------------

    def open(self, tables: Iterable[Table]) -> None:
        """Make the tables that are not there, several at a time, since each waits more than it works; read how far the others are."""
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(self.version, tables))

    def ensure(self, table: Table) -> None:
        """Make the table if it is not there, with comments, constraints and change data feed; reader version 1.

        Raises:
            LakeError: it is not there, and this lake makes none.
        """
        if self._is_there(table):
            return
        if not self._makes_tables:
            raise LakeError(f"{self.path(table)} is not there: `rolescope run` makes it")
        self._create(table)
        self._states[table.name] = (0, Consumed())

    def _is_there(self, table: Table) -> bool:
        try:
            self.state(table)
        except (AnalysisException, TableNotFoundError):
            return False
        return True

    def _create(self, table: Table) -> None:
        if self.is_local:
            self._folder(table).create()
        else:
            self.spark.sql(creating_sql(table, self._identifier(table))).collect()

    def state(self, table: Table) -> tuple[int, Consumed]:
        """Return the table's version and what it has consumed, as its newest commit that says so has it.

        After a write of our own it is the version that write has made at least: to think it older than it is, with somebody else
        writing too, makes a stage look at more than it need; to think it newer would make it miss something.
        """
        if table.name not in self._states:
            self._states[table.name] = self._read_state(table)
        return self._states[table.name]

    def _read_state(self, table: Table) -> tuple[int, Consumed]:
        if self.is_local:
            version, texts = self._folder(table).told(_COMMITS)
            return version, Consumed.from_json(next(iter(texts), None))
        history = self.spark.sql(f"DESCRIBE HISTORY {self._identifier(table)} LIMIT {_COMMITS}").select(
            "version", "userMetadata"
        )
        commits = history.orderBy(F.desc("version")).collect()
        told = next((commit.userMetadata for commit in commits if commit.userMetadata), None)
        return commits[0].version, Consumed.from_json(told)

    def version(self, table: Table) -> int:
        """Return the table's newest version; makes it if it is not there."""
        self.ensure(table)
        return self.state(table)[0]

    def consumed(self, table: Table) -> Consumed:
        """Return what the table has consumed so far."""
        self.ensure(table)
        return self.state(table)[1]

    def table_id(self, table: Table) -> str:
        """Return what Delta calls the table: another one when the lake was removed and made anew, with versions from 0."""
        self.ensure(table)
        if self.is_local:
            return self._folder(table).id
        return str(self.spark.sql(f"DESCRIBE DETAIL {self._identifier(table)}").collect()[0]["id"])

    def row_count(self, table: Table) -> int:
        """Return how many rows the table has: its log knows, no row is read."""
        self.ensure(table)
        return self._folder(table).row_count if self.is_local else self.read(table).count()

    # -- writing: one commit each, that says what it consumed ----------------------------------------------------------

    def few(self, rows: DataFrame, *, are_computed: bool = False) -> pa.Table | None:
        """Return the rows, if they are so few that a local lake takes them without Spark; else nothing.

        Each commit of Spark's costs seconds, and each check of its rows a query or two. Rows that are computed already are counted
        before they are fetched.
        """
        most = _FEW // len(rows.columns)
        if not self.is_local or (are_computed and rows.count() > most):
            return None
        found = rows.limit(most + 1).toArrow()
        return found if found.num_rows <= most else None

    def append(self, table: Table, rows: DataFrame | pa.Table, consumed: Consumed) -> None:
        """Add rows."""
        if isinstance(rows, pa.Table):
            return self._append_arrow(table, rows.to_reader(), consumed)
        version = self.version(table)
        writer = table.conform(rows).write.format("delta").mode("append")
        writer.option("userMetadata", consumed.as_json()).save(self.path(table))
        self._states[table.name] = (version + 1, consumed)
        return None

    def replace_days(
        self, table: Table, rows: DataFrame | pa.Table, days: Sequence[date | None], consumed: Consumed
    ) -> None:
        """Put rows in place of all that these partitions held, in one commit."""
        condition = days_condition(partition_of(table), days)
        if self.version(table) == 0:
            return self.append(table, rows, consumed)  # nothing to replace, and much cheaper
        if isinstance(rows, pa.Table):
            self._folder(table).replace(rows.to_reader(), condition, consumed.as_json())
        else:
            writer = table.conform(rows).write.format("delta").mode("overwrite").option("replaceWhere", condition)
            writer.option("userMetadata", consumed.as_json()).save(self.path(table))
        self._states.pop(table.name)  # no rows in place of none make no commit: what is there says which it was
        return None

    def append_batches(
        self,
        table: Table,
        batches: Callable[[Sequence[str]], pa.RecordBatchReader],
        row_count: int,
        consumed: Consumed,
    ) -> None:
        """Add rows to a table of a local lake without Spark: delta-rs holds them against the same constraints.

        Args:
            table: which.
            batches: gives columns of the rows, each time it is called.
            row_count: how many rows were held against the contract.
            consumed: what they were made from.

        Raises:
            LakeError: `batches` gives another number of rows: they are not the ones that were checked.
        """
        given = sum(batch.num_rows for batch in batches(table.key))
        if given != row_count:
            raise LakeError(f"{table.name}: {row_count} rows were checked, {given} would be written")
        self._append_arrow(table, batches(table.column_names), consumed)

    def _append_arrow(self, table: Table, rows: pa.RecordBatchReader, consumed: Consumed) -> None:
        version = self.version(table)
        self._folder(table).append(rows, consumed.as_json())
        self._states[table.name] = (version + 1, consumed)

    def merge(
        self, table: Table, rows: DataFrame | pa.Table, consumed: Consumed, *, only_of: DataFrame | None = None
    ) -> None:
        """Put rows in place of those with the same key, add the others, in one commit; what is there already stays as it is.

        Args:
            table: a small table, or one whose keys lie in few files (a merge rewrites every file it touches).
            rows: new rows.
            consumed: what they were made from.
            only_of: values of some columns: rows of the table that have them go, where `rows` no longer has their key.
        """
        if self.version(table) == 0:
            return self.append(table, rows, consumed)
        if isinstance(rows, pa.Table):
            self._merge_few(table, rows, consumed, only_of)
        else:
            self._merge(table, rows, consumed, only_of)
        self._states.pop(table.name)
        return None

    def _merge_few(self, table: Table, rows: pa.Table, consumed: Consumed, only_of: DataFrame | None) -> None:
        gone = rows.slice(0, 0)
        if only_of is not None:
            current = self.read(table).join(only_of, on=only_of.columns, how="left_semi")
            there = current.select(*table.column_names).toArrow()
            kept = set(zip(*(rows[name].to_pylist() for name in table.key), strict=True))
            keys = zip(*(there[name].to_pylist() for name in table.key), strict=True)
            gone = there.filter(pa.array([key not in kept for key in keys], pa.bool_()))
        days = None
        if table.partitioned_by and only_of is None:
            days = days_condition(table.partitioned_by, rows[table.partitioned_by].unique().to_pylist(), of="t.")
        self._folder(table).merge(rows, gone, days, consumed.as_json())

    def _merge(self, table: Table, rows: DataFrame, consumed: Consumed, only_of: DataFrame | None) -> None:
        partition = [table.partitioned_by] if table.partitioned_by else []
        keys = list(dict.fromkeys([*partition, *table.key]))
        source = table.conform(rows).withColumn("_is_gone", F.lit(False))
        if only_of is not None:
            current = self.read(table).join(only_of, on=only_of.columns, how="left_semi").select(*table.column_names)
            kept = rows.select(*[F.col(name).alias(f"new_{name}") for name in table.key])
            is_kept = reduce(and_, [F.col(name).eqNullSafe(F.col(f"new_{name}")) for name in table.key])
            gone = current.join(kept, on=is_kept, how="left_anti")
            source = source.unionByName(gone.withColumn("_is_gone", F.lit(True)))
        on = " AND ".join(f"t.`{name}` <=> s.`{name}`" for name in keys)
        if table.partitioned_by and only_of is None:
            # Follows from the keys, but Delta would open every file of the table to find out.
            days = [row[0] for row in rows.select(table.partitioned_by).distinct().collect()]
            on += f" AND ({days_condition(table.partitioned_by, days, of='t.')})"
        others = [name for name in table.column_names if name not in keys]
        is_same = " AND ".join(f"t.`{name}` <=> s.`{name}`" for name in others) or "true"
        with self._metadata(consumed):
            self.spark.sql(
                f"MERGE INTO {self._identifier(table)} t USING {{source}} s ON {on} "
                f"WHEN MATCHED AND s._is_gone THEN DELETE WHEN MATCHED AND NOT ({is_same}) THEN UPDATE SET * "
                "WHEN NOT MATCHED THEN INSERT *",
                source=source,
            ).collect()

    def mark(self, table: Table, consumed: Consumed) -> None:
        """Say that the table has consumed more, though no row of it changed."""
        properties = {"rolescope.consumed": consumed.as_json()}
        self.log(table).set_properties(properties, consumed.as_json())
        self._states.pop(table.name, None)

    @contextmanager
    def _metadata(self, consumed: Consumed) -> Iterator[None]:
        self.spark.conf.set(USER_METADATA, consumed.as_json())
        try:
            yield
        finally:
            self.spark.conf.unset(USER_METADATA)


def partition_of(table: Table) -> str:
    """Return the date column that the table is partitioned by."""
    if table.partitioned_by is None:
        raise LakeError(f"{table.name} has no partitions to replace")
    return table.partitioned_by
