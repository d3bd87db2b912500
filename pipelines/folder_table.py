"""A Delta table in a folder of this machine, through delta-rs: which files it has and had, and commits, without Spark.

Spark's own way into a Delta table is a query or two about its log before each query of ours, and seconds for a commit. Here the log
is read in this process in milliseconds, and Spark reads the files that it names as what they are: Parquet. (`DeltaTable` is
delta-rs's. The class of that name in delta-spark is used nowhere: it fails on Spark Connect.)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, QueryBuilder, WriterProperties, write_deltalake

from pipelines.creation import create_in_folder
from transforms.cloudtrail.arrow import arrow_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from expectations.contract import Table

_SPECIAL = re.compile(r"[][{}*?\\,^]")  # in a path that is part of a pattern
_WRITER = WriterProperties(compression="ZSTD")
_ROUNDED = timedelta(milliseconds=1)  # Spark cuts the times of its statistics to milliseconds


class File(NamedTuple):
    """A file of the table, as its log has it: path below the table's folder, day of its partition, least and greatest values."""

    path: str
    day: date | None
    known: Mapping[str, Any]

    @property
    def row_count(self) -> int:
        """How many rows it has."""
        return int(self.known["num_records"])

    def may_have(self, column: str, first: date, end: date) -> bool:
        """Whether a row of it may have a time from the day `first` on and before the day `end` (UTC)."""
        least, greatest = self.known.get(f"min.{column}"), self.known.get(f"max.{column}")
        if least is None or greatest is None:
            return True
        return bool(least < _midnight(end) and greatest + _ROUNDED >= _midnight(first))


class FolderTable:
    """One table of a lake in a folder. Nothing is remembered: what the log says is asked each time."""

    def __init__(self, table: Table, path: str) -> None:
        """Take the table that lies in the folder `path`."""
        self._table = table
        self._path = path

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

    def query(self, query: str) -> pa.Table:
        """Return what a query (of DataFusion, over the table `rows`) finds."""
        return pa.table(QueryBuilder().register("rows", DeltaTable(self._path)).execute(query).read_all())

    # -- files ---------------------------------------------------------------------------------------------------------

    def files(self, version: int | None = None) -> list[File]:
        """Return the files of a version, else of the newest."""
        actions = pa.table(DeltaTable(self._path, version=version).get_add_actions(flatten=True)).to_pylist()
        day = f"partition.{self._table.partitioned_by}"
        return [File(unquote(action["path"]), action.get(day), action) for action in actions]

    def exchanged(self, since: int) -> tuple[list[File], list[File]]:
        """Return the files that the table has no more, and those that it has got, since a version."""
        before, now = ({file.path: file for file in self.files(version)} for version in (since, None))
        return (
            [file for path, file in before.items() if path not in now],
            [file for path, file in now.items() if path not in before],
        )

    def rows(self, spark: SparkSession, files: Iterable[File]) -> DataFrame:
        """Return the rows of some files of it."""
        paths = [_as_it_is(file.path) for file in files]
        if not paths:
            return self.no_rows(spark)
        root = Path(self._path).absolute()
        # One pattern, not a list: a list costs a call of the JVM for each.
        pattern = f"{_as_it_is(str(root))}/{{{','.join(paths)}}}"
        reader = spark.read.schema(self._table.schema_ddl).option("basePath", str(root))
        return reader.parquet(pattern).select(*self._table.column_names)

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

    def no_rows(self, spark: SparkSession) -> DataFrame:
        """Return a frame of its columns of which the optimizer knows that it is empty: it leaves out all that is joined to it."""
        columns = ", ".join(f"CAST(NULL AS {column.type}) AS `{column.name}`" for column in self._table.columns)
        return spark.sql(f"SELECT {columns} WHERE false")

    # -- commits -------------------------------------------------------------------------------------------------------

    def append(self, rows: pa.RecordBatchReader, told: str) -> None:
        """Add rows in one commit that says what is told. They are held against the table's constraints."""
        write_deltalake(self._path, rows, mode="append", commit_properties=_telling(told), writer_properties=_WRITER)

    def replace(self, rows: pa.RecordBatchReader, condition: str, told: str) -> None:
        """Put rows in place of all that a condition on the partition holds for; rows that it does not hold for are refused."""
        write_deltalake(
            self._path,
            rows,
            mode="overwrite",
            predicate=_quoted(condition),
            commit_properties=_telling(told),
            writer_properties=_WRITER,
        )

    def merge(self, rows: pa.Table, gone: pa.Table, days: str | None, told: str) -> None:
        """Put rows in place of those with the same key, add the others, remove those that are gone, in one commit.

        Args:
            rows: of the table.
            gone: rows as they are in the table, with none of the keys of `rows`.
            days: condition on the partitions of the table `t` with these keys, if they are known: others need not be opened.
            told: what the commit says.
        """
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

    def mark(self, properties: dict[str, str], told: str) -> None:
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


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
