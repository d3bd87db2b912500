"""A Delta table in a folder of this machine, through delta-rs: which files it has and had, and commits, without Spark.

Spark's own way into a Delta table is a query or two about its log before each query of ours, and seconds for a commit. Here the log
is read in this process in milliseconds, and Spark reads the files that it names as what they are: Parquet. (`DeltaTable` is
delta-rs's. The class of that name in delta-spark is used nowhere: it fails on Spark Connect.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, QueryBuilder, WriterProperties, write_deltalake

from pipelines.creation import create_in_folder, delta_field
from pipelines.days import days_condition, runs_of, times_condition
from pipelines.folder_log import File, FolderLog
from transforms.cloudtrail.arrow import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from expectations.contract import Column, Table

_SPECIAL = re.compile(r"[][{}*?\\,^]")  # in a path that is part of a pattern
_WRITER = WriterProperties(compression="ZSTD")


class FolderTable:
    """One table of a lake in a folder. Nothing is remembered: what the log says is asked each time."""

    def __init__(self, table: Table, path: str, spark: Callable[[], SparkSession] | None = None) -> None:
        """Take the table that lies in the folder `path`; `spark` is asked for a session by what returns frames."""
        self._table = table
        self._path = path
        self._log = FolderLog(table, path)
        self._begin_spark = spark

    @property
    def _spark(self) -> SparkSession:
        if self._begin_spark is None:
            raise RuntimeError(f"{self._path}: rows as a frame need Spark")
        return self._begin_spark()

    def create(self) -> None:
        """Make it, unless it is there."""
        create_in_folder(self._table, self._path)

    def told(self, commits: int) -> tuple[int, list[str]]:
        """Return its version, and the `userMetadata` of the newest commits, the newest first."""
        log = DeltaTable(self._path)
        return log.version(), [text for commit in log.history(commits) if (text := commit.get("userMetadata"))]

    @property
    def id(self) -> str:
        """What Delta calls it."""
        return str(DeltaTable(self._path).metadata().id)

    @property
    def row_count(self) -> int:
        """How many rows it has: the log knows."""
        return DeltaTable(self._path).count()

    def find(self, columns: Sequence[str], where: str, group_by: Sequence[str] = ()) -> pa.Table:
        """Return columns, or aggregates, of the rows that a condition holds for (DataFusion's SQL)."""
        grouping = f" GROUP BY {', '.join(group_by)}" if group_by else ""
        return self._query(f"SELECT {', '.join(columns)} FROM rows WHERE {where}{grouping}")

    def _query(self, query: str) -> pa.Table:
        return pa.table(QueryBuilder().register("rows", DeltaTable(self._path)).execute(query).read_all())

    # -- what it is ----------------------------------------------------------------------------------------------------

    @property
    def is_there(self) -> bool:
        """Whether there is such a table."""
        return DeltaTable.is_deltatable(self._path)

    @property
    def properties(self) -> dict[str, str]:
        """What is set on it."""
        return {
            key: value for key, value in DeltaTable(self._path).metadata().configuration.items() if value is not None
        }

    @property
    def file_count(self) -> int:
        """How many files it has."""
        return len(DeltaTable(self._path).file_uris())

    def unlike(self) -> tuple[list[str], list[Column], list[str]]:
        """Return columns that its contract does not know, those that it has not, and those of another type or partitioning."""
        log = DeltaTable(self._path)
        there = {field.name: field.type for field in log.schema().fields}
        wanted = {column.name: delta_field(column).type for column in self._table.columns}
        other = [name for name, kind in wanted.items() if name in there and there[name] != kind]
        if log.metadata().partition_columns != ([self._table.partitioned_by] if self._table.partitioned_by else []):
            other.append("its partitions")
        return (
            [name for name in there if name not in wanted],
            [column for column in self._table.columns if column.name not in there],
            other,
        )

    def add_columns(self, columns: Iterable[Column], told: str) -> None:
        """Add columns, null in the rows that are there, in a commit that says what is told."""
        fields = [delta_field(replace(column, required=False)) for column in columns]
        DeltaTable(self._path).alter.add_columns(fields, commit_properties=_telling(told))

    def drop_constraint(self, name: str, told: str) -> None:
        """Take a rule away."""
        DeltaTable(self._path).alter.drop_constraint(name, commit_properties=_telling(told))

    def add_constraint(self, name: str, rule: str, told: str) -> None:
        """Add a rule, which the rows that are there must hold.

        Raises:
            ValueError: they do not.
        """
        if self._query(f"SELECT 1 FROM rows WHERE NOT ({rule}) LIMIT 1").num_rows:
            raise ValueError(f"{self._path}: {name}")
        # Not `add_constraint`, which writes the rule anew in words of its own, and has none for an interval.
        self.set_properties({f"delta.constraints.{name}": rule}, told)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def read(self) -> DataFrame:
        """Return all rows."""
        return self.rows(self._log.files())

    def read_days(self, days: Sequence[date | None]) -> DataFrame:
        """Return the rows of some partitions; null is a partition too."""
        return self.rows(self._of_days(days))

    def read_between(self, first: date, last: date) -> DataFrame:
        """Return the rows of the partitions from a day to another, both included."""
        return self.rows(file for file in self._log.files() if file.day is not None and first <= file.day <= last)

    def on_days(self, column: str, days: Sequence[date]) -> DataFrame:
        """Return the rows whose timestamp column falls on one of these days (UTC): of files that may have some."""
        ranges = runs_of(days)
        files = [file for file in self._log.files() if any(file.may_have(column, *each) for each in ranges)]
        return self.rows(files).where(times_condition(column, days))

    def narrow(
        self, days: Sequence[date | None], most: int
    ) -> Callable[[Sequence[str]], Iterable[pa.RecordBatch]] | None:
        """Return a function from columns to these columns of `read_days`, without Spark; nothing if the rows are more than that many."""
        files = self._of_days(days)
        if sum(file.row_count for file in files) > most:
            return None
        return lambda columns: self.batches(files, columns)

    def exchanged_rows(self, since: int, kept_from: date) -> tuple[DataFrame, DataFrame]:
        """Return rows that left the table after a version, and rows that came: among them such as came back, or left again."""
        before, after = self._log.exchanged(since, kept_from)
        return self.rows(before), self.rows(after)

    def touched_days(self, since: int, kept_from: date) -> set[date | None]:
        """Return the partitions that were written after a version, or all there are where that is before the first."""
        exchanged = (self._log.files(),) if since < 0 else self._log.exchanged(since, kept_from)
        return {file.day for files in exchanged for file in files}

    def has_changes(self, since: int, kept_from: date = date.min) -> bool:
        """Whether rows came or went after a version."""
        return any(self._log.exchanged(since, kept_from))

    def rows(self, files: Iterable[File]) -> DataFrame:
        """Return the rows of some files of it."""
        paths = [_as_it_is(file.path) for file in files]
        if not paths:
            return self.no_rows()
        root = Path(self._path).absolute()
        # One pattern, not a list: a list costs a call of the JVM for each.
        pattern = f"{_as_it_is(str(root))}/{{{','.join(paths)}}}"
        reader = self._spark.read.schema(self._table.schema_ddl).option("basePath", str(root))
        return self._table.columns_of(reader.parquet(pattern))

    def no_rows(self) -> DataFrame:
        """Return a frame of its columns of which the optimizer knows that it is empty: it leaves out all that is joined to it."""
        columns = ", ".join(f"CAST(NULL AS {column.type}) AS `{column.name}`" for column in self._table.columns)
        return self._spark.sql(f"SELECT {columns} WHERE false")

    def _of_days(self, days: Sequence[date | None]) -> list[File]:
        wanted = frozenset(days)
        return [file for file in self._log.files() if file.day in wanted]

    def batches(self, files: Iterable[File], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Return columns of the rows of some files of it, without Spark; at least one batch."""
        schema = arrow_schema(self._table.column(name) for name in columns)
        yield pa.RecordBatch.from_pylist([], schema)
        for file in files:
            content = pq.ParquetFile(Path(self._path, file.path))
            there = [name for name in columns if name in content.schema_arrow.names]
            for batch in content.iter_batches(columns=there):
                values = {name: batch[name] for name in there}
                if (day := self._table.partitioned_by) and day in columns:
                    values[day] = pa.array([file.day] * batch.num_rows, pa.date32())
                missing = pa.nulls(batch.num_rows)
                yield pa.RecordBatch.from_arrays(
                    [values.get(field.name, missing).cast(field.type) for field in schema], schema=schema
                )

    # -- commits -------------------------------------------------------------------------------------------------------

    def append(self, rows: pa.RecordBatchReader, told: str) -> None:
        """Add rows in one commit that says what is told. They are held against the table's constraints."""
        write_deltalake(self._path, rows, mode="append", commit_properties=_telling(told), writer_properties=_WRITER)

    def replace_days(self, rows: pa.RecordBatchReader, days: Sequence[date | None], told: str) -> None:
        """Put rows in place of all that these partitions held; rows of other days are refused."""
        write_deltalake(
            self._path,
            rows,
            mode="overwrite",
            predicate=_quoted(days_condition(str(self._table.partitioned_by), days)),
            commit_properties=_telling(told),
            writer_properties=_WRITER,
        )

    def merge(self, rows: pa.Table, only_of: DataFrame | None, told: str) -> None:
        """Put rows in place of those with the same key, add the others, in one commit.

        Args:
            rows: of the table.
            only_of: values of some columns: rows of the table that have them go, where `rows` no longer has their key.
            told: what the commit says.
        """
        if only_of is not None:
            return self._merge(rows, self._gone(rows, only_of), None, told)
        day = self._table.partitioned_by
        days = days_condition(day, rows[day].unique().to_pylist(), of="t.") if day else None
        return self._merge(rows, rows.slice(0, 0), days, told)

    def _gone(self, rows: pa.Table, only_of: DataFrame) -> pa.Table:
        """Return the rows of the table that have these values, and none of the keys of `rows`."""
        current = self.read().join(only_of, on=only_of.columns, how="left_semi")
        there = self._table.columns_of(current).toArrow()
        kept = set(zip(*(rows[name].to_pylist() for name in self._table.key), strict=True))
        keys = zip(*(there[name].to_pylist() for name in self._table.key), strict=True)
        return there.filter(pa.array([key not in kept for key in keys], pa.bool_()))

    def _merge(self, rows: pa.Table, gone: pa.Table, days: str | None, told: str) -> None:
        """Merge; `days` is a condition on the partitions of the table `t` with these keys, if they are known: others are not opened."""
        names = self._table.column_names
        marked = rows.append_column(_GONE, pa.array([False] * rows.num_rows, pa.bool_()))
        removed = gone.append_column(_GONE, pa.array([True] * gone.num_rows, pa.bool_()))
        source = pa.concat_tables([marked, removed.cast(marked.schema)])
        on = _same_in_all(self._keys)
        if days is not None:
            on += f" AND ({_quoted(days)})"
        values = {f'"{name}"': f's."{name}"' for name in names}
        is_changed = f"NOT ({_same_in_all([name for name in names if name not in self._keys])})"
        merging = DeltaTable(self._path).merge(
            source, on, source_alias="s", target_alias="t", commit_properties=_telling(told), writer_properties=_WRITER
        )
        merging.when_matched_delete(f"s.{_GONE}").when_matched_update(values, is_changed).when_not_matched_insert(
            values
        ).execute()

    def compact(self, days: Sequence[date] | None, order: Sequence[str], told: str) -> None:
        """Put the files of each of these partitions (or of the whole table) together, near each other what is alike in `order`."""
        partition = str(self._table.partitioned_by)
        chosen = None if days is None else [(partition, "in", [day.isoformat() for day in days])]
        optimizer, telling = DeltaTable(self._path).optimize, _telling(told)
        if order:
            optimizer.z_order(list(order), chosen, writer_properties=_WRITER, commit_properties=telling)
        else:
            optimizer.compact(chosen, writer_properties=_WRITER, commit_properties=telling)

    def delete_before(self, day: date, told: str) -> None:
        """Remove the partitions of days before this one."""
        condition = f"\"{self._table.partitioned_by}\" < DATE'{day.isoformat()}'"
        DeltaTable(self._path).delete(condition, commit_properties=_telling(told))

    def vacuum(self, hours: int, told: str) -> int:
        """Delete files that left the table longer ago than this many hours; return how many they were."""
        log = DeltaTable(self._path)
        listed = log.vacuum(hours, enforce_retention_duration=False, full=True)  # those deleted before among them
        found = [path for path in listed if Path(self._path, unquote(path)).exists()]
        if found:
            log.vacuum(
                hours, dry_run=False, enforce_retention_duration=False, full=True, commit_properties=_telling(told)
            )
        return len(found)

    def set_properties(self, properties: dict[str, str], told: str) -> None:
        """Set properties, in a commit that says what is told."""
        DeltaTable(self._path).alter.set_table_properties(
            properties, raise_if_not_exists=False, commit_properties=_telling(told)
        )

    @property
    def _keys(self) -> Sequence[str]:
        partition = [self._table.partitioned_by] if self._table.partitioned_by else []
        return list(dict.fromkeys([*partition, *self._table.key]))


_GONE = "_is_gone"


def _telling(told: str) -> CommitProperties:
    return CommitProperties(custom_metadata={"userMetadata": told})


def _same_in_all(names: Sequence[str]) -> str:
    return " AND ".join(f'(t."{name}" IS NOT DISTINCT FROM s."{name}")' for name in names) or "true"


def _as_it_is(path: str) -> str:
    """Return the path as a pattern that nothing but this path matches."""
    return _SPECIAL.sub(r"\\\g<0>", path)


def _quoted(condition: str) -> str:
    """Return a condition of Spark's as DataFusion quotes names."""
    return condition.replace("`", '"')
