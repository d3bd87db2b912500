"""The lake: Delta tables in a folder or bucket, how far each has consumed the others, and what changed since.

Every write is one commit that says in its `userMetadata` up to which version of each upstream table it has consumed (`Consumed`).
A stage starts from there, so a crash loses nothing and a re-run with nothing new does nothing (DESIGN §4). SQL and DataFrames
only: the same calls work on Spark Connect.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from deltalake.exceptions import TableNotFoundError
from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from expectations.contract import Table
from expectations.tables import BRONZE
from pipelines.creation import sql_literal
from pipelines.folder_table import FolderTable
from pipelines.sql_table import SqlTable

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

    def log(self, table: Table) -> FolderTable | SqlTable:
        """The table itself, without what the lake remembers of it: who changes it by this must make the lake `forget`."""
        return self._folder(table) if self.is_local else self._sql(table)

    def _folder(self, table: Table) -> FolderTable:
        """The table as it lies in a folder of this machine."""
        return FolderTable(table, self.path(table), lambda: self.spark)

    def _sql(self, table: Table) -> SqlTable:
        """The table as Spark has it, wherever it lies: many rows are written by it to a folder too."""
        return SqlTable(table, self.path(table), lambda: self.spark)

    def _there(self, table: Table) -> FolderTable | SqlTable:
        """The table itself, made if it is not there."""
        self.ensure(table)
        return self.log(table)

    def _by_day(self, table: Table) -> FolderTable | SqlTable:
        """The table itself, made if it is not there; it must have partitions, which are days."""
        partition_of(table)
        return self._there(table)

    def forget(self, table: Table) -> None:
        """Ask the table anew how far it is."""
        self._states.pop(table.name, None)
        self._expired.pop(table.name, None)

    def literal(self, text: str) -> str:
        """Return a text as a literal in a condition of `read_rows`; DataFusion and Spark write quotes in it differently."""
        text = text.encode("utf-8", "replace").decode()  # what a terminal was given need not be UTF-8
        return "'" + text.replace("'", "''") + "'" if self.is_local else sql_literal(text)

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, table: Table) -> DataFrame:
        """Return the table as it is now."""
        return self._there(table).read()

    def read_days(self, table: Table, days: Sequence[date | None]) -> DataFrame:
        """Return the rows of some partitions of a table partitioned by a date; null is a partition too."""
        return self._by_day(table).read_days(days)

    def narrow(
        self, table: Table, days: Sequence[date | None]
    ) -> Callable[[Sequence[str]], Iterable[pa.RecordBatch]] | None:
        """Return a function from columns to these columns of `read_days`, without Spark, if a local lake has few enough rows there."""
        return self._by_day(table).narrow(days, _FEW)

    def read_between(self, table: Table, first: date, last: date) -> DataFrame:
        """Return the rows of the partitions from a day to another, both included."""
        return self._by_day(table).read_between(first, last)

    def on_days(self, table: Table, column: str, days: Sequence[date]) -> DataFrame:
        """Return the rows whose timestamp column falls on one of these days (UTC).

        The column need not be a partition: a range of times is what Delta's statistics per file can skip by.
        """
        return self._there(table).on_days(column, days)

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
        cut = self._kept_from(table)
        kept = (day for day in self._by_day(table).touched_days(since, cut) if day is None or day >= cut)
        return sorted(kept, key=lambda day: (day is not None, day or date.min))

    def _exchanged(self, table: Table, since: int) -> tuple[DataFrame, DataFrame]:
        """Return rows that left the table after a version, and rows that came: among them such as came back, or left again."""
        if since >= self.version(table):
            nothing = self.log(table).no_rows()
            return nothing, nothing
        return self.log(table).exchanged_rows(since, self._kept_from(table))

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
        rows = self._there(table)
        try:
            return rows.find(columns, where, group_by)
        except Exception as error:  # neither engine raises a narrower class for it
            raise LakeError(f"{self.path(table)} cannot be read: {str(error).splitlines()[0]}") from error

    # -- what is news, and what has expired ----------------------------------------------------------------------------

    def has_changes(self, table: Table, since: int) -> bool:
        """Whether rows came or went after a version; a compaction, or what is said of the table, is no news to anybody."""
        if since < 0 or self.version(table) <= since:
            return since < 0
        return self.log(table).has_changes(since, self._kept_from(table))

    def expired_before(self, table: Table) -> date | None:
        """Return the day before which a table of days has let go of its rows, and no stage is to look at any; null if there is none.

        It is said before the rows are removed: that they go is no change to anybody (see upkeep).
        """
        if table.name not in self._expired:
            may_expire = table.partitioned_by is not None and table in BRONZE
            told = self.log(table).properties.get(EXPIRED_BEFORE) if may_expire and self.version(table) else None
            self._expired[table.name] = date.fromisoformat(told) if told else None
        return self._expired[table.name]

    def _kept_from(self, table: Table) -> date:
        """Return the first day whose rows a stage is to look at."""
        return self.expired_before(table) or date.min

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
        self.log(table).create()
        self._states[table.name] = (0, Consumed())

    def _is_there(self, table: Table) -> bool:
        try:
            self.state(table)
        except (AnalysisException, TableNotFoundError):
            return False
        return True

    def state(self, table: Table) -> tuple[int, Consumed]:
        """Return the table's version and what it has consumed, as its newest commit that says so has it.

        After a write of our own it is the version that write has made at least: to think it older than it is, with somebody else
        writing too, makes a stage look at more than it need; to think it newer would make it miss something.
        """
        if table.name not in self._states:
            self._states[table.name] = self._read_state(table)
        return self._states[table.name]

    def _read_state(self, table: Table) -> tuple[int, Consumed]:
        version, texts = self.log(table).told(_COMMITS)
        return version, Consumed.from_json(next(iter(texts), None))

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
        return self._there(table).id

    def row_count(self, table: Table) -> int:
        """Return how many rows the table has: a local one's log knows, no row is read."""
        return self._there(table).row_count

    # -- writing: one commit each, that says what it consumed ----------------------------------------------------------

    def few(self, table: Table, rows: DataFrame, *, are_computed: bool = False) -> pa.Table | None:
        """Return the rows, if they are so few that a local lake takes them without Spark; else nothing.

        Each commit of Spark's costs seconds, and each check of its rows a query or two. Rows that are computed already are counted
        before they are fetched.
        """
        most = most_of(table)
        if not self.is_local or (are_computed and rows.count() > most):
            return None
        found = rows.limit(most + 1).toArrow()
        return found if found.num_rows <= most else None

    def append(self, table: Table, rows: DataFrame | pa.Table, consumed: Consumed) -> None:
        """Add rows."""
        if isinstance(rows, pa.Table):
            return self._append_arrow(table, rows.to_reader(), consumed)
        version = self.version(table)
        self._sql(table).append(rows, consumed.as_json())
        self._states[table.name] = (version + 1, consumed)
        return None

    def replace_days(
        self, table: Table, rows: DataFrame | pa.Table, days: Sequence[date | None], consumed: Consumed
    ) -> None:
        """Put rows in place of all that these partitions held, in one commit."""
        partition_of(table)
        if self.version(table) == 0:
            return self.append(table, rows, consumed)  # nothing to replace, and much cheaper
        if isinstance(rows, pa.Table):
            self._folder(table).replace_days(rows.to_reader(), days, consumed.as_json())
        else:
            self._sql(table).replace_days(rows, days, consumed.as_json())
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
            self._folder(table).merge(rows, only_of, consumed.as_json())
        else:
            self._sql(table).merge(rows, only_of, consumed.as_json())
        self._states.pop(table.name)
        return None

    def mark(self, table: Table, consumed: Consumed) -> None:
        """Say that the table has consumed more, though no row of it changed."""
        properties = {"rolescope.consumed": consumed.as_json()}
        self.log(table).set_properties(properties, consumed.as_json())
        self._states.pop(table.name, None)


def most_of(table: Table) -> int:
    """Return how many rows of a table are few: the driver may hold as many for a moment."""
    return _FEW // len(table.columns)


def partition_of(table: Table) -> str:
    """Return the date column that the table is partitioned by."""
    if table.partitioned_by is None:
        raise LakeError(f"{table.name} has no partitions to replace")
    return table.partitioned_by
