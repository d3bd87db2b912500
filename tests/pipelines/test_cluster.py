"""The whole job on a Spark standalone cluster and through Spark Connect, as a user runs it: the tables are those of one machine.

The lake is then none that delta-rs or a folder in common helps with (`file://…`): Spark alone reads and writes it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable

from benchmarks.cluster import cluster, connect_server
from expectations.tables import CLOUDTRAIL_EVENTS, INVESTIGATIONS, TABLES
from pipelines.lake import Lake
from tests.pipelines.conftest import FIRST, LAST, Ran

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="module")
def conf_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the cluster's defaults are."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def master(conf_dir: Path) -> Iterator[str]:
    with cluster(conf_dir) as address:
        yield address


@pytest.fixture(scope="module")
def made_on(
    ran: Ran, spark: SparkSession, conf_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Lake]:
    """Run the job on a Spark elsewhere and return the lake it made."""

    def run(address: str) -> Lake:
        folder = tmp_path_factory.mktemp("elsewhere")
        lake = Path(ran.lake.uri)
        command = [sys.executable, "-m", "pipelines.cli", "run", "--from", f"{FIRST}", "--to", f"{LAST}"]
        options = {
            "--cloudtrail": ran.settings.cloudtrail,
            "--findings": ran.settings.findings,
            "--flows": ran.settings.flows,
            "--lake": f"file://{folder}/lake",
            "--reports": lake / "reports",  # the same: documents name their page
            "--geo-city": ran.settings.geo_city[0],
            "--geo-asn": ran.settings.geo_asn[0],
        }
        environment = os.environ | {
            "ROLESCOPE_SPARK_MASTER": address,
            "DAGSTER_HOME": str(folder / "dagster"),
            "SPARK_CONF_DIR": str(conf_dir),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        named = [str(part) for option in options.items() for part in option]
        done = subprocess.run([*command, *named], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return Lake(str(folder / "lake"), lambda: spark)

    return run


def test_standalone__the_tables_are_those_of_one_machine(ran: Ran, master: str, made_on: Callable[[str], Lake]) -> None:
    lake = made_on(master)
    assert differences(ran.lake, lake) == {}
    assert lake.read(INVESTIGATIONS).count() > 0
    assert _writers(lake) == {"Apache-Spark"}
    assert _writers(ran.lake) == {"delta-rs"}


def test_connect__the_tables_are_those_of_one_machine(
    ran: Ran, master: str, made_on: Callable[[str], Lake], tmp_path: Path
) -> None:
    with connect_server(master, tmp_path) as address:
        lake = made_on(address)
    assert differences(ran.lake, lake) == {}
    assert lake.read(INVESTIGATIONS).count() > 0


def differences(one: Lake, other: Lake) -> dict[str, int]:
    """Return of the tables that differ how many rows are in one lake and not in the other, bookkeeping left out."""
    counts = {}
    for table in TABLES:
        columns = [name for name in table.column_names if name not in table.bookkeeping]
        frames = [lake.read(table).select(*columns) for lake in (one, other)]
        counts[table.name] = frames[0].exceptAll(frames[1]).unionByName(frames[1].exceptAll(frames[0])).count()
    return {name: count for name, count in counts.items() if count}


def _writers(lake: Lake) -> set[str]:
    history = DeltaTable(lake.path(CLOUDTRAIL_EVENTS)).history()
    return {
        re.split("[:/]", commit["engineInfo"])[0] for commit in history if commit["operation"] in {"WRITE", "MERGE"}
    }
