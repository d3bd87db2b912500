"""Rows that Python workers have read, kept where Spark can look at them several times.

On one machine the workers write Parquet files beside the lake, Spark reads those, and delta-rs writes them to the lake: cheaper
than handing every row over to the JVM, keeping it in memory and writing it from there (to write a million rows took delta-rs 3 to
8 seconds, Spark 17 to 28). A cluster has no folder in common: there Spark keeps and writes the rows.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import TaskContext

from transforms.cloudtrail.arrow import delivery_schema
from transforms.cloudtrail.counts import COUNTS, COUNTS_DDL, Counter
from transforms.cloudtrail.deliveries import Object

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from expectations.contract import Table

Batches = Callable[[Iterable[Object]], Iterator[pa.RecordBatch]]

_FOLDER = "_staging"  # Delta and Spark leave names with an underscore alone
_GLOB = re.compile(r"[][{}*?\\]")  # in a path that Spark is to read as it is
_BATCHES = 16  # that become one row group
_ROWS = 65_536  # of a batch that is read again
_SOURCE = ("source_uri", "source_etag", "record_index")
_PROVENANCE = pa.schema(zip(_SOURCE, (pa.string(), pa.string(), pa.int64()), strict=True))
_LEFT_BEHIND = 86_400  # seconds after which a folder belongs to a run that was killed


@contextmanager
def staging_folder(lake: str) -> Iterator[Path]:
    """Make a folder beside the tables of a local lake, for as long as the caller works with it."""
    parent = Path(lake, _FOLDER)
    folder = parent / uuid4().hex
    folder.mkdir(parents=True)
    for other in parent.iterdir():
        with suppress(FileNotFoundError):  # another run has just ended
            if time.time() - other.stat().st_mtime > _LEFT_BEHIND:
                shutil.rmtree(other, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stage(objects: DataFrame, batches: Batches, at: str, folder: Path) -> pa.Table:
    """Read the objects now, into Parquet files, and return what each held (COUNTS: a row per object, as many as were named).

    Args:
        objects: uri, etag, account_id.
        batches: from objects to rows, on a worker.
        at: the column with a record's time.
        folder: where the files go: on a disk that workers and driver share.
    """
    batch_name = uuid4().hex

    def write(listed: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = batches(Object(**row) for batch in listed for row in batch.to_pylist())
        counter = Counter(at)
        context = TaskContext.get()
        part = context.partitionId() if context else 0
        unfinished = folder / uuid4().hex
        if _write_file(unfinished, counter.passing(rows)):
            # A task that is tried again replaces its file: a row that stood twice would be taken for a copy, and both left out.
            unfinished.replace(folder / f"{batch_name}-{part}.parquet")
        yield from counter.counts().to_batches()

    return objects.select(*Object._fields).mapInArrow(write, COUNTS_DDL).toArrow().cast(COUNTS)


def staged_rows(spark: SparkSession, ddl: str, folder: Path) -> DataFrame:
    """Return the rows in the folder's files, whose schema is `ddl`."""
    files = [_GLOB.sub(r"\\\g<0>", f"file://{file.absolute()}") for file in _files(folder)]
    return spark.read.schema(ddl).parquet(*files) if files else spark.createDataFrame([], ddl)


def staged_batches(
    folder: Path, table: Table, without: DataFrame | None = None
) -> Callable[[Sequence[str]], pa.RecordBatchReader]:
    """Return a function from columns of `table` to the rows that were not rejected, as Arrow batches.

    Args:
        folder: their files.
        table: what they are rows of.
        without: source_uri, source_etag and record_index of rows that are left out (at most as many as there are rows).
    """

    @cache
    def left_out() -> pa.Table:
        return _PROVENANCE.empty_table() if without is None else without.select(*_SOURCE).toArrow()

    def read(columns: Sequence[str]) -> pa.RecordBatchReader:
        schema = pa.schema([delivery_schema(table).field(name) for name in columns])
        return pa.RecordBatchReader.from_batches(schema, batches(list(columns)))

    def batches(columns: list[str]) -> Iterator[pa.RecordBatch]:
        needed = list(dict.fromkeys([*columns, "reason", *(_SOURCE if left_out().num_rows else ())]))
        for file in _files(folder):
            for batch in pq.ParquetFile(file).iter_batches(_ROWS, columns=needed):
                yield _without(batch, left_out()).select(columns)

    return read


def _without(batch: pa.RecordBatch, left_out: pa.Table) -> pa.RecordBatch:
    """Leave out what was rejected, and these rows. Most batches have none of either, and are not copied."""
    if batch["reason"].null_count < batch.num_rows:
        batch = batch.filter(pc.is_null(batch["reason"]))
    if not left_out.num_rows or not pc.any(pc.is_in(batch["source_uri"], value_set=left_out["source_uri"])).as_py():
        return batch
    return batch.filter(pc.invert(pc.is_in(_key(batch), value_set=_key(left_out))))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def _key(rows: pa.Table | pa.RecordBatch) -> pa.Array:
    """Return what tells the rows apart: address, version and place of each in its object."""
    uri, etag, index = (rows[name] for name in _SOURCE)
    joined = pc.binary_join_element_wise(uri, etag, pc.cast(index, pa.string()), "\n")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _write_file(file: Path, rows: Iterator[pa.RecordBatch]) -> bool:
    """Write rows, if there are any, a row group at a time."""
    group = list(islice(rows, _BATCHES))
    if not group:
        return False
    # Whether anything in a row group was rejected is the one question that a reader can skip by.
    with pq.ParquetWriter(file, group[0].schema, compression="snappy", write_statistics=["reason"]) as writer:
        while group:
            writer.write_table(pa.Table.from_batches(group))
            group = list(islice(rows, _BATCHES))
    return True
