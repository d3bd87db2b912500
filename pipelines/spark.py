"""The Spark session: a local one by default, an existing cluster by a setting."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import class_archive
from pipelines.workers import packed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MINIMUM_JAVA = 17
ATTACHED = "attached"


def _quoted(option: str) -> str:
    """Return an option of the JVM as Spark's launcher takes it whole: a path may have spaces."""
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'


_LOG = _quoted(f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}")
# Defaults of Spark and Delta suit clusters; on two cores and small tables they cost seconds a query.
_LOCAL = {
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
    # Files that a table's log names are looked up here, one by one: a job would do so no faster on one machine.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    # A table of 150 days is 150 files of some kB: to open one costs no more than to read as much, and few tasks are enough.
    "spark.sql.files.openCostInBytes": "1048576",
    # Groups that collect lists, before they are sorted instead: a list of ours is short, and 128 groups are nothing.
    "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": "10000",
    # Descriptions of plans that nobody looks at; some of ours are 600 KB, and are made for every query.
    "spark.sql.maxPlanStringLength": "1000",
    # See pipelines/jars.py: Hadoop's own starts a process for every file it makes.
    "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraJavaOptions": " ".join(
        [
            "-XX:+UseParallelGC",
            "-XX:ReservedCodeCacheSize=512m",  # every query compiles code of its own, and a full cache compiles it again
            # A night's queries are planned once each: the optimising compiler took a quarter of all its time, for code that
            # seldom ran again. Six times its usual thresholds halve that; what is hot over many rows still gets there.
            "-XX:Tier4InvocationThreshold=30000",
            "-XX:Tier4MinInvocationThreshold=5000",
            "-XX:Tier4CompileThreshold=100000",
            "-XX:Tier4BackEdgeThreshold=300000",
            "-XX:MetaspaceSize=256m",  # a small one is collected in full four times before the first query
            _LOG,
        ]
    ),
}
# On a cluster that is ours to begin a driver for: its own defaults stand, but those that fill a terminal.
_AWAY = {"spark.ui.showConsoleProgress": "false", "spark.driver.extraJavaOptions": _LOG}
# What our queries mean depends on these: a session of somebody else's cluster is given them too.
_SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
_ALWAYS = _SESSION | {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Where in our code a column was made, for messages of errors: six calls of the JVM beside each that makes one, a sixth of a night.
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.sql.parquet.compression.codec": "zstd",
}


# How a local Spark runs queries, by the rows it expects: SQL settings, which a run may change. To compile a query, and to plan it
# anew after each of its stages, costs more than to run it over few rows, in one task a stage; over many rows both pay.
FEW_ROWS = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}
MANY_ROWS = {
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.codegen.factoryMode": "FALLBACK",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 2)),
}


class JavaMissingError(Exception):
    """There is no Java that Spark can run on."""


def java_home() -> Path:
    """Return the home of a Java that Spark can run on.

    Looks at `JAVA_HOME`, then at the `java` on the path, then where Debian and macOS put theirs.

    Raises:
        JavaMissingError: none is new enough; the message says what to do.
    """
    candidates = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    if found := shutil.which("java"):
        candidates.append(Path(found).resolve().parent.parent)
    candidates += sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)
    candidates += sorted(Path("/Library/Java/JavaVirtualMachines").glob("*/Contents/Home"), reverse=True)
    for home in candidates:
        if _java_version(home) >= MINIMUM_JAVA:
            return home
    raise JavaMissingError(
        f"Spark needs Java {MINIMUM_JAVA} or newer and none was found: install one "
        f"(Debian, Ubuntu: `sudo apt-get install openjdk-{MINIMUM_JAVA}-jre-headless`), or set JAVA_HOME to one."
    )


def _java_version(home: Path) -> int:
    """Return the major version of the Java at `home`, 0 if there is none."""
    java = home / "bin" / "java"
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    except OSError:  # not there, no right to run it, made for another machine
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(match.group(1)) if match else 0


def spark_session(
    master: str = "local[*]",
    *,
    memory: str = "2560m",
    extra: dict[str, str] | None = None,
    hadoop: dict[str, str] | None = None,
    java_options: Sequence[str] | None = None,
) -> SparkSession:
    """Return the session that everything runs on, made if need be.

    Args:
        master: `local[*]`, `spark://…` for a standalone cluster, `sc://…` for Spark Connect, `attached` for the session of a platform
            that has begun one.
        memory: heap of the local driver.
        extra: further Spark settings; they win over ours.
        hadoop: settings of file systems, which hold for this session alone.
        java_options: further options of a local driver's JVM; those that use the archive of classes, if there are none.

    Raises:
        JavaMissingError: a local session is asked for and there is no Java.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415  (half a second, and not needed by `--help`)

    if master == ATTACHED:
        return _with_settings(SparkSession.builder.getOrCreate(), _SESSION | (hadoop or {}))
    if master.startswith("sc://"):
        connected = _with_settings(SparkSession.builder.remote(master).getOrCreate(), _SESSION | (hadoop or {}))
        connected.addArtifacts(str(packed()), pyfile=True)
        return connected
    os.environ["JAVA_HOME"] = str(java_home())
    os.environ["PYSPARK_PYTHON"] = sys.executable  # else workers run whatever `python3` is
    builder = SparkSession.builder.appName("rolescope").master(master)
    settings = _ALWAYS | _of_place(master, memory, java_options) | {"spark.driver.memory": memory} | (extra or {})
    for key, value in settings.items():
        builder = builder.config(key, value)
    return _with_settings(builder.getOrCreate(), hadoop or {})


def _of_place(master: str, memory: str, java_options: Sequence[str] | None) -> dict[str, str]:
    if master.startswith("local"):
        # A heap that begins small is collected in full each time before it grows.
        more = [f"-Xms{memory}", *(class_archive.options() if java_options is None else java_options)]
        options = " ".join([_LOCAL["spark.driver.extraJavaOptions"], *map(_quoted, more)])
        return _LOCAL | FEW_ROWS | {"spark.driver.extraJavaOptions": options}
    return _AWAY | {"spark.submit.pyFiles": str(packed())}


def _with_settings(session: SparkSession, settings: dict[str, str]) -> SparkSession:
    """Give a session settings of its own; of one that is not ours the rest is left alone."""
    for key, value in settings.items():
        session.conf.set(key, value)
    return session


def s3a_settings(*, endpoint: str | None, region: str | None, requester_pays: bool) -> dict[str, str]:
    """Return Hadoop's settings for a lake on S3. Credentials are what AWS's own SDK finds, as boto3 does; none is named."""
    settings = {
        "fs.s3a.aws.credentials.provider": "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider",
        "fs.s3a.requester.pays.enabled": str(requester_pays).lower(),
        # What is written is not kept on this machine's disk first, and is committed by Delta's log, not by renaming.
        "fs.s3a.fast.upload.buffer": "bytebuffer",
    }
    if region:
        settings["fs.s3a.endpoint.region"] = region
    if endpoint:
        settings |= {
            "fs.s3a.endpoint": endpoint,
            "fs.s3a.path.style.access": "true",
            "fs.s3a.connection.ssl.enabled": str(endpoint.startswith("https")).lower(),
            # Another server than AWS's has no regions, but the signature names one.
            "fs.s3a.endpoint.region": region or "us-east-1",
        }
    return settings
