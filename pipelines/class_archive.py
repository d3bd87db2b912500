"""An archive of the classes that Spark loads, which the JVM maps when it begins instead of reading them from 300 jars.

Half of a local Spark's start is loading classes (measured: 8 s to 4 s until the first query ends). The JVM holds an archive against
its own version and the jars, and goes without one that does not fit. `python -m pipelines.class_archive FILE` loads what is archived.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def archive_path() -> Path:
    """Return where the archive is, if there is one: beside Spark's jars."""
    import pyspark  # noqa: PLC0415

    return Path(pyspark.__file__).parent / "rolescope.jsa"


def is_usable() -> bool:
    """Whether there is an archive, made of the jars as they are now."""
    archive = archive_path()
    return archive.is_file() and archive.stat().st_mtime >= (archive.parent / "jars").stat().st_mtime


def options() -> list[str]:
    """Return the options of the JVM that use the archive, none if there is none. One that it refuses is no news to anybody."""
    return [f"-XX:SharedArchiveFile={archive_path()}", "-Xlog:cds*=off"] if is_usable() else []


def make_archive() -> str | None:
    """Make the archive if there is none of these jars; return why it could not be made, null if it is there."""
    if is_usable():
        return None
    archive = archive_path()
    if not os.access(archive.parent, os.W_OK):
        return f"{archive.parent} cannot be written"
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        made = Path(folder, archive.name)
        command = [sys.executable, "-m", __name__, str(made)]
        done = subprocess.run(  # noqa: S603
            command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False
        )
        if done.returncode or not made.is_file():
            return (done.stderr.strip().splitlines() or ["the JVM made none"])[-1]
        made.replace(archive)
    return None


def load_classes(archive: Path) -> None:
    """Do a little of what a night does, in a JVM that archives the classes it has loaded when it ends."""
    from pyspark.sql import Window  # noqa: PLC0415
    from pyspark.sql import functions as F  # noqa: PLC0415

    from pipelines.spark import FEW_ROWS, MANY_ROWS, spark_session  # noqa: PLC0415

    spark = spark_session("local[2]", memory="1g", java_options=[f"-XX:ArchiveClassesAtExit={archive}"])
    with tempfile.TemporaryDirectory() as folder:
        for number, settings in enumerate((MANY_ROWS, FEW_ROWS)):
            for key, value in settings.items():
                spark.conf.set(key, value)
            rows = spark.range(1000).select(
                "id", (F.col("id") % 7).alias("kind"), F.expr("date_add(DATE'2026-01-01', int(id % 3))").alias("day")
            )
            rows.write.format("delta").partitionBy("day").save(f"{folder}/{number}")
            read = spark.read.format("delta").load(f"{folder}/{number}").where("day > DATE'2026-01-01'")
            ranked = read.withColumn("place", F.row_number().over(Window.partitionBy("kind").orderBy("id")))
            by_kind = read.groupBy("kind").agg(
                F.collect_list(F.struct("id", "day")).alias("ids"), F.max("day").alias("last")
            )
            joined = ranked.localCheckpoint().join(by_kind, on="kind", how="left").join(read, on="id", how="left_anti")
            joined.unionByName(ranked.join(by_kind, on="kind")).withColumn("text", F.to_json("ids")).toArrow()
            read.mapInArrow(lambda batches: batches, read.schema).distinct().exceptAll(read).collect()
    spark.stop()


if __name__ == "__main__":
    load_classes(Path(sys.argv[1]))
