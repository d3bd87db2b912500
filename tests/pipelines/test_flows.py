"""Flow logs through the nightly job: text and Parquet, plain and Hive's folders, into vpc_flows once, in whatever order they come."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from expectations.tables import INGEST_FILES, REJECTED_RECORDS, VPC_FLOWS
from pipelines.assets.ingest import ingest
from pipelines.lake import Lake
from pipelines.night import FIRST_DAY_TAG, Night
from pipelines.run import run_nightly
from pipelines.settings import load_settings
from tests.transforms.flows.logs import ACCOUNT, DEFAULT, START, flow, parquet, silent, text, zipped

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.filterwarnings("default")

PLAIN = f"AWSLogs/{ACCOUNT}/vpcflowlogs/eu-west-1/2026/03/04"
HIVE = (
    f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/month=03/day=04/hour=10"
)
OTHER_ORDER = ["start", "bytes", *[field for field in DEFAULT if field not in ("start", "bytes")], "instance-id"]
DAY = date(2026, 3, 4)


def objects() -> dict[str, bytes]:
    """Two days of flows of one interface in four forms, with a copy, a story told twice, a broken line and a broken object."""
    records = [flow(srcport=40_000 + n, start=START + 60 * n, end=START + 60 * n + 60) for n in range(40)]
    late = flow(start=START - 86_400, end=START - 86_340)  # of the day before
    return {
        f"{PLAIN}/a.log.gz": zipped(text(*records[:20], silent("SKIPDATA")) + b"2 broken\n"),
        f"{PLAIN}/b.log": text(
            *[each | {"instance-id": "i-0abc"} for each in records[20:30]], late, fields=OTHER_ORDER
        ),
        f"{HIVE}/c.log.parquet": parquet(*records[30:], sign="_"),
        f"{HIVE}/d.log.parquet": parquet(*records[30:33], records[5] | {"bytes": 7}, sign="-"),
        f"{PLAIN}/e.log.gz": b"\x1f\x8bdamaged",
        f"{PLAIN}/notes.txt": b"not a log",
    }


def put(folder: Path, names: list[str], at: int) -> Night:
    """Put the objects there; return a night over them."""
    for name in names:
        path = folder / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(objects()[name])
        os.utime(path, (1_780_000_000 + at, 1_780_000_000 + at))
    return Night(load_settings(flows=str(folder / "logs"), lake=str(folder / "lake")))


def ingest_alone(night: Night) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        tags, resources = {FIRST_DAY_TAG: f"{DAY - timedelta(days=1)}"}, {"night": night}
        dg.materialize([ingest], partition_key=f"{DAY}", tags=tags, resources=resources, instance=instance)


@pytest.fixture(scope="module")
def lakes(spark: SparkSession, dagster_home: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Lake]:
    """The same objects in one night of the whole job, and in another lake in two, the other way round."""
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    names = sorted(objects())
    outcome = run_nightly(put(one, names, 0), DAY - timedelta(days=1), DAY)
    assert outcome.failures == ()  # without any other log
    ingest_alone(put(two, names[3:], 0))
    ingest_alone(put(two, names[:3], 1))
    return [Lake(str(folder / "lake"), lambda: spark) for folder in (one, two)]


def rows(lake: Lake) -> list[dict[str, Any]]:
    found = lake.read_rows(VPC_FLOWS, VPC_FLOWS.column_names)
    kept = [{name: value for name, value in row.items() if name not in VPC_FLOWS.bookkeeping} for row in found]
    return sorted(kept, key=repr)


def test_nightly__every_flow_is_there_once_whatever_its_form(lakes: list[Lake]) -> None:
    found = rows(lakes[0])
    ports = sorted(row["source_port"] for row in found if row["log_status"] == "OK")
    assert ports == [*range(40_000, 40_040), 49_152]
    assert [row["bytes"] for row in found if row["log_status"] == "SKIPDATA"] == [None]
    assert {row["source_port"] for row in found if row["instance_id"] == "i-0abc"} == {*range(40_020, 40_030)}
    assert {row["flow_date"] for row in found} == {DAY, DAY - timedelta(days=1)}
    assert {(row["account_id"], row["region"]) for row in found} == {(ACCOUNT, "eu-west-1")}


def test_nightly__flows_do_not_depend_on_the_order_in_which_they_come(lakes: list[Lake]) -> None:
    one, two = map(rows, lakes)
    assert one == two


def test_nightly__what_could_not_be_read_of_flow_logs_says_why(lakes: list[Lake]) -> None:
    for lake in lakes:
        found = lake.read_rows(REJECTED_RECORDS, ["reason"])
        assert sorted(row["reason"] for row in found) == [
            "2 fields, where the header names 14",
            "another record is of the same interface, start and flow",
            "incomplete gzip",
        ]


def test_nightly__the_ledger_knows_each_object_of_flow_logs(lakes: list[Lake]) -> None:
    columns = ["uri", "source", "status", "record_count", "rejected_count", "publish_date", "account_id", "region"]
    for lake in lakes:
        found = {
            row["uri"].rsplit("/", 1)[1]: tuple(row.values())[2:5] for row in lake.read_rows(INGEST_FILES, columns)
        }
        assert found == {
            "a.log.gz": ("ingested", 22, 1),
            "b.log": ("ingested", 11, 0),
            "c.log.parquet": ("ingested", 10, 0),
            "d.log.parquet": ("ingested", 4, 0),
            "e.log.gz": ("rejected", 0, 1),
            "notes.txt": ("skipped", 0, 0),
        }
