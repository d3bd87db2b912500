"""Put the Delta jars beside Spark's own, once at set-up, so that no later run needs the network.

`python -m pipelines.jars` does it. Spark resolves them itself (Ivy); only Delta's own and Unity Catalog's are kept, since
the others that Ivy would bring are older copies of what Spark has.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from pipelines.spark import JavaMissingError, java_home

_NOT_NEEDED = ("org.*:*", "com.*:*", "commons-*:*", "javax.*:*", "jakarta.*:*", "net.*:*", "*.scala-lang*:*")


def jars_folder() -> Path:
    """Return the folder of Spark's own jars."""
    import pyspark  # noqa: PLC0415

    return Path(pyspark.__file__).parent / "jars"


def coordinates() -> str:
    """Return the Maven coordinates of the Delta jar that fits the installed packages."""
    spark = ".".join(version("pyspark").split(".")[:2])
    return f"io.delta:delta-spark_{spark}_2.13:{version('delta-spark')}"


def fetch_jars() -> list[Path]:
    """Return the Delta jars in Spark's folder, fetched if they are not there.

    Raises:
        JavaMissingError: no Java, so no Ivy.
    """
    folder = jars_folder()
    wanted = f"delta-spark_*{version('delta-spark')}.jar"
    if list(folder.glob(wanted)):
        return sorted(folder.glob("io.*")) + sorted(folder.glob("delta-*"))
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
        fetched = [
            jar for jar in Path(ivy, "jars").glob("*.jar") if jar.name.startswith(("io.delta", "io.unitycatalog"))
        ]
        if not fetched:
            raise RuntimeError(f"the Delta jars could not be fetched:\n{done.stderr[-2000:]}")
        return [Path(shutil.copy(jar, folder / jar.name.removeprefix("io.delta_"))) for jar in sorted(fetched)]


if __name__ == "__main__":
    try:
        print(f"Delta jars: {len(fetch_jars())} in place")  # noqa: T201
    except (JavaMissingError, RuntimeError) as error:
        sys.exit(str(error))
