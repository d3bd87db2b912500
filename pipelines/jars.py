"""Put the jars we need beside Spark's own, once at set-up, so that no later run needs the network.

`python -m pipelines.jars` does it, and `--s3` adds what a lake on S3 needs. Spark resolves them itself (Ivy); of Delta only its own
and Unity Catalog's are kept, since the others that Ivy would bring are older copies of what Spark has.

The other one is a local file system (GlobalMentor's, Apache-2.0, 9 KB): without native libraries, which pyspark does not bring,
Hadoop's own starts a process (`chmod`) for every file and folder it makes, six for each partition: two thirds of a write.

Jars that came make the archive of Spark's classes (`class_archive`) anew.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from pipelines.class_archive import make_archive
from pipelines.spark import JavaMissingError, java_home

_FILE_SYSTEM = "com.globalmentor:hadoop-bare-naked-local-fs:0.1.0"
_OURS = ("io.delta_", "io.unitycatalog_", "com.globalmentor_")  # as Ivy names them: <group>_<artifact>-<version>.jar

# Hadoop's S3 client for the Hadoop that pyspark brings. Its SDK comes as one jar of 686 MB; these are the parts that it uses, 15 MB.
# Netty, Apache's client and logging are Spark's own, newer ones.
_HADOOP = "3.5.0"
_SDK = "2.35.4"
_SDK_PARTS = ("s3", "s3-transfer-manager", "sts", "apache-client", "netty-nio-client")
_NOT_FOR_S3 = (
    "software.amazon.awssdk:bundle,org.apache.hadoop:hadoop-client-api,org.apache.hadoop:hadoop-client-runtime"
)
_FOR_S3 = ("software.amazon.", "org.apache.hadoop_hadoop-aws-", "org.reactivestreams_", "org.wildfly.openssl_")
S3_COMMAND = "make s3"


def jars_folder() -> Path:
    """Return the folder of Spark's own jars."""
    import pyspark  # noqa: PLC0415

    return Path(pyspark.__file__).parent / "jars"


def coordinates() -> str:
    """Return the Maven coordinates of what is needed: the Delta that fits the installed packages, the local file system."""
    spark = ".".join(version("pyspark").split(".")[:2])
    return f"io.delta:delta-spark_{spark}_2.13:{version('delta-spark')},{_FILE_SYSTEM}"


def fetch_jars() -> list[Path]:
    """Return our jars in Spark's folder, fetched if one of them is not there.

    Raises:
        JavaMissingError: no Java, so no Ivy.
    """
    folder = jars_folder()
    wanted = [f"*{artifact.split(':')[1]}-{artifact.split(':')[2]}.jar" for artifact in coordinates().split(",")]
    there = [jar for pattern in wanted for jar in folder.glob(pattern)]
    return there if len(there) == len(wanted) else _fetch(coordinates(), "", _OURS)


def has_s3_jars() -> bool:
    """Whether Spark can read and write S3."""
    return any(jars_folder().glob(f"*hadoop-aws-{_HADOOP}.jar"))


def fetch_s3_jars() -> list[Path]:
    """Return the jars for S3 in Spark's folder, fetched if they are not there.

    Raises:
        JavaMissingError: no Java, so no Ivy.
    """
    if has_s3_jars():
        return [jar for prefix in _FOR_S3 for jar in jars_folder().glob(f"{prefix}*.jar")]
    parts = [f"software.amazon.awssdk:{part}:{_SDK}" for part in _SDK_PARTS]
    return _fetch(",".join([f"org.apache.hadoop:hadoop-aws:{_HADOOP}", *parts]), _NOT_FOR_S3, _FOR_S3)


def _fetch(packages: str, excludes: str, kept: tuple[str, ...]) -> list[Path]:
    """Resolve packages and put those of their jars whose names begin as `kept` says into Spark's folder, the last of all the main one."""
    import os  # noqa: PLC0415
    import subprocess  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as ivy:
        command = [
            sys.executable, "-c",
            "from pyspark.sql import SparkSession as S;"
            f"S.builder.master('local[1]').config('spark.jars.packages','{packages}')"
            f".config('spark.jars.excludes','{excludes}')"
            f".config('spark.jars.ivy','{ivy}').config('spark.ui.enabled','false')"
            ".config('spark.driver.bindAddress','127.0.0.1').config('spark.driver.host','127.0.0.1').getOrCreate().stop()",
        ]  # fmt: skip
        environment = os.environ | {"JAVA_HOME": str(java_home()), "PYSPARK_PYTHON": sys.executable}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        fetched = [jar for jar in Path(ivy, "jars").glob("*.jar") if jar.name.startswith(kept)]
        if not fetched:
            raise RuntimeError(f"the jars could not be fetched:\n{done.stderr[-2000:]}")
        # Of S3's the one by which they are known to be there comes last: an end in between is no end.
        fetched.sort(key=lambda jar: ("hadoop-aws" in jar.name, jar.name))
        return [Path(shutil.copy(jar, jars_folder() / jar.name.removeprefix("io.delta_"))) for jar in fetched]


if __name__ == "__main__":
    try:
        print(f"jars of Delta and the local file system: {len(fetch_jars())} in place")  # noqa: T201
        if "--s3" in sys.argv[1:]:
            print(f"jars of S3: {len(fetch_s3_jars())} in place")  # noqa: T201
        problem = make_archive()
        print(f"archive of Spark's classes: {problem or 'in place'}")  # noqa: T201
    except (JavaMissingError, RuntimeError) as error:
        sys.exit(str(error))
