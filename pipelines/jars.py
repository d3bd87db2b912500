"""Put the jars we need beside Spark's own, once at set-up, so that no later run needs the network.

`python -m pipelines.jars` does it. Spark resolves them itself (Ivy); of Delta only its own and Unity Catalog's are kept, since
the others that Ivy would bring are older copies of what Spark has.

The other one is a local file system (GlobalMentor's, Apache-2.0, 9 KB): without native libraries, which pyspark does not bring,
Hadoop's own starts a process (`chmod`) for every file and folder it makes, six for each partition: two thirds of a write.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from pipelines.spark import JavaMissingError, java_home

_FILE_SYSTEM = "com.globalmentor:hadoop-bare-naked-local-fs:0.1.0"
_OURS = ("io.delta_", "io.unitycatalog_", "com.globalmentor_")  # as Ivy names them: <group>_<artifact>-<version>.jar


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
    if len(there) == len(wanted):
        return there
    import os  # noqa: PLC0415
    import subprocess  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as ivy:
        command = [
            sys.executable, "-c",
            "from pyspark.sql import SparkSession as S;"
            f"S.builder.master('local[1]').config('spark.jars.packages','{coordinates()}')"
            f".config('spark.jars.ivy','{ivy}').config('spark.ui.enabled','false')"
            ".config('spark.driver.bindAddress','127.0.0.1').config('spark.driver.host','127.0.0.1').getOrCreate().stop()",
        ]  # fmt: skip
        environment = os.environ | {"JAVA_HOME": str(java_home()), "PYSPARK_PYTHON": sys.executable}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        fetched = [jar for jar in Path(ivy, "jars").glob("*.jar") if jar.name.startswith(_OURS)]
        if not fetched:
            raise RuntimeError(f"the jars could not be fetched:\n{done.stderr[-2000:]}")
        return [Path(shutil.copy(jar, folder / jar.name.removeprefix("io.delta_"))) for jar in sorted(fetched)]


if __name__ == "__main__":
    try:
        print(f"jars of Delta and the local file system: {len(fetch_jars())} in place")  # noqa: T201
    except (JavaMissingError, RuntimeError) as error:
        sys.exit(str(error))
