"""A Spark standalone cluster on this machine, and a Spark Connect server on it: for tests, and for measuring one worker beside two."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark

from pipelines.spark import java_home

HOST = "127.0.0.1"
_HOME = Path(pyspark.__file__).parent
# What this cluster's operator has set: it has two cores, and its tables are small.
_DEFAULTS = {
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
    "spark.executor.memory": "1g",
    "spark.ui.enabled": "false",
}
_DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[str]:
    """Run a master and workers of one core each; the master's address. Its defaults are in `folder` (`SPARK_CONF_DIR`)."""
    port = _free_port()
    defaults = "".join(f"{key} {value}\n" for key, value in _DEFAULTS.items())
    (folder / "spark-defaults.conf").write_text(defaults, encoding="utf-8")
    with ExitStack() as running:
        master = ["org.apache.spark.deploy.master.Master", "--host", HOST, "--port", str(port), "--webui-port", "0"]
        running.enter_context(_process("master", master, folder, "New state: ALIVE"))
        for number in range(workers):
            work = folder / f"worker-{number}"
            worker = ["org.apache.spark.deploy.worker.Worker", "--host", HOST, "--cores", "1", "--memory", "1536m"]
            options = ["--webui-port", "0", "--work-dir", str(work), f"spark://{HOST}:{port}"]
            running.enter_context(_process(f"worker-{number}", [*worker, *options], folder, "Successfully registered"))
        yield f"spark://{HOST}:{port}"


@contextmanager
def connect_server(master: str, folder: Path) -> Iterator[str]:
    """Run a Spark Connect server whose work is done by a cluster; its address."""
    port = _free_port()
    settings = (
        _DELTA
        | _DEFAULTS
        | {
            "spark.connect.grpc.binding.address": HOST,
            "spark.connect.grpc.binding.port": str(port),
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.driver.memory": "2g",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }
    )
    options = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
    server = ["org.apache.spark.deploy.SparkSubmit", "--master", master, *options]
    server += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    with _process("connect", server, folder, "Spark Connect server started"):
        yield f"sc://{HOST}:{port}"


@contextmanager
def _process(name: str, arguments: list[str], folder: Path, ready: str) -> Iterator[None]:
    """Run a class of Spark's until the caller is done, and wait until its log says that it is ready."""
    log = folder / f"{name}.log"
    environment = os.environ | {
        "JAVA_HOME": str(java_home()),
        "SPARK_HOME": str(_HOME),
        "SPARK_LOCAL_IP": HOST,
        "PYSPARK_PYTHON": sys.executable,
    }
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(  # noqa: S603
            [str(_HOME / "bin" / "spark-class"), *arguments],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(process, log, ready)
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(process: subprocess.Popen[bytes], log: Path, ready: str) -> None:
    until = time.monotonic() + 120
    while not re.search(ready, log.read_text(encoding="utf-8", errors="replace")):
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"it did not begin: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
