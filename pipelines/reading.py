"""A lot's objects, read once by Spark's workers, and what is in them, kept while somebody looks at it.

On one machine the workers leave files beside the lake (staging); elsewhere Spark keeps the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.staging import Batches, stage, staged_rows, staging_folder
from transforms.cloudtrail import count_rows, delivery_ddl, parse_objects
from transforms.cloudtrail.counts import COUNTS
from transforms.cloudtrail.objects import LEFT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from expectations.contract import Table
    from pipelines.night import Night
    from pipelines.sources.layout import SourceObject

_OBJECT = pa.schema(
    [
        *[(name, pa.string()) for name in ("uri", "etag", "source", "account_id", "region", "skipped")],
        ("publish_date", pa.date32()),
    ]
)
_TOLD = 20_000  # objects, after which a run says how far it is


class Found(NamedTuple):
    """What objects hold: a row per record, what each object held (COUNTS), and the folder of the rows, if they are in one."""

    rows: DataFrame
    counts: pa.Table
    folder: Path | None = None

    @property
    def row_count(self) -> int:
        """How many records there are, with those that are rejected."""
        return pc.sum(self.counts["record_count"]).as_py() or 0

    @property
    def has_rejects(self) -> bool:
        """Whether any of them, or an object, was rejected."""
        return bool(pc.sum(self.counts["rejected_count"]).as_py())

    @property
    def left(self) -> dict[str, str]:
        """The objects that were left for another night, each with the reason."""
        left = self.counts.filter(pc.starts_with(self.counts["reason"], LEFT))
        return dict(zip(left["uri"].to_pylist(), left["reason"].to_pylist(), strict=True))


@contextmanager
def read_objects(  # noqa: PLR0913, PLR0917  (what is read, how, and what of)
    night: Night, name: str, batches: Batches, at: str, table: Table, chunk: list[SourceObject]
) -> Iterator[Found]:
    """Read the objects of a lot that are for us.

    Args:
        night: the run.
        name: what kind of objects they are, for who waits.
        batches: from objects to rows, on a worker; nothing of it stays on the driver.
        at: the column with a record's time.
        table: what they fill.
        chunk: the lot.
    """
    ddl = delivery_ddl(table)
    wanted = [each for each in chunk if each.skipped is None]
    spark = night.lake.spark
    if night.is_on_one_machine:
        with staging_folder(night.settings.lake_uri) as folder:
            counts = [COUNTS.empty_table()]
            for begin in range(0, len(wanted), _TOLD):
                part = wanted[begin : begin + _TOLD]
                objects = object_frame(spark, part).repartition(_tasks(part))
                counts.append(stage(objects, batches, at, folder))
                night.progress.tell("ingest", f"{name}, {begin + len(part):,} of {len(wanted):,} objects read")
            yield Found(staged_rows(spark, ddl, folder), pa.concat_tables(counts), folder)
    else:
        # Neighbours in time go to the same task: it then writes few days, and a day lies in few files.
        objects = object_frame(spark, wanted).repartitionByRange(_tasks(wanted), "publish_date", "uri")
        kept = parse_objects(objects, batches, ddl).persist()
        yield Found(kept, count_rows(kept, at).toArrow().cast(COUNTS))
        kept.unpersist()


def object_frame(spark: SparkSession, objects: list[SourceObject]) -> DataFrame:
    """Return objects as a frame: uri, etag, source, account_id, region, skipped, publish_date."""
    columns = {name: [getattr(each, name) for each in objects] for name in _OBJECT.names}
    return spark.createDataFrame(pa.table(columns, schema=_OBJECT))


def _tasks(chunk: list[SourceObject]) -> int:
    """Return how many tasks to read a lot in: enough for the cores to be level, few enough for whole files."""
    megabytes = sum(each.size for each in chunk) >> 20
    return max(2, min(64, megabytes // 8 + len(chunk) // 2_000))
