"""One bad account does not stop the others, and what was not read in a night is read in a later one, however much later."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import dagster as dg
import pytest

from expectations.tables import (
    CLOUDTRAIL_EVENTS,
    GUARDDUTY_FINDINGS,
    INGEST_FAILURES,
    INGEST_FILES,
    REJECTED_RECORDS,
    VPC_FLOWS,
)
from pipelines.assets.ingest import ingest
from pipelines.lake import Lake
from pipelines.night import Night
from pipelines.settings import Settings, load_settings
from pipelines.sources.failures import Failure
from pipelines.sources.layout import SourceError
from pipelines.unread import _region_of
from tests.s3_server import TestBucket
from tests.transforms.flows.logs import ACCOUNT, flow, parquet, text, zipped

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

GOOD, BAD, THIRD = "111111111111", "222222222222", "333333333333"
LOOKBACK = 1
FINDING = {
    "schemaVersion": "2.0", "accountId": GOOD, "region": "us-east-1", "id": "finding", "severity": 8, "type": "Stealth:IAMUser/X",
    "createdAt": "2026-05-01T10:00:00Z", "updatedAt": "2026-05-01T10:00:00Z", "resource": {"resourceType": "AccessKey"},
    "service": {"eventFirstSeen": "2026-05-01T10:00:00Z", "eventLastSeen": "2026-05-01T10:00:00Z", "count": 1},
}  # fmt: skip


def key(account: str, day: str, name: str = "a") -> str:
    return f"AWSLogs/{account}/CloudTrail/us-east-1/{day.replace('-', '/')}/{name}.json.gz"


def body(account: str, day: str, name: str = "a") -> bytes:
    """An object with one event, whose id says where it lies."""
    record = {
        "eventVersion": "1.08", "eventID": f"{account} {day} {name}", "eventTime": f"{day}T10:00:00Z", "awsRegion": "us-east-1",
        "eventSource": "sts.amazonaws.com", "eventName": "GetCallerIdentity", "sourceIPAddress": "198.51.100.7",
        "recipientAccountId": account, "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
    }  # fmt: skip
    return gzip.compress(json.dumps({"Records": [record]}).encode(), mtime=0)


class Nights:
    """A lake, and nights over it in which ingest alone runs."""

    def __init__(self, settings: Settings, spark: SparkSession) -> None:
        self.settings = settings
        self.lake = Lake(settings.lake_uri, lambda: spark)

    def run(self, day: str) -> list[str]:
        """Run the night of a day; return what it says that it left out."""
        night = Night(self.settings)
        with dg.DagsterInstance.ephemeral() as instance:
            done = dg.materialize([ingest], partition_key=day, resources={"night": night}, instance=instance)
        assert done.success
        self.lake = Lake(self.lake.uri, lambda: night.lake.spark)
        return night.warnings

    def events(self) -> set[str]:
        return {row["event_id"] for row in self.lake.read_rows(CLOUDTRAIL_EVENTS, ["event_id"])}

    def ports(self) -> list[int]:
        return sorted(row["source_port"] for row in self.lake.read_rows(VPC_FLOWS, ["source_port"]))

    def failures(self) -> list[tuple[Any, ...]]:
        columns = ["prefix", "account_id", "unread_from_date", "unread_to_date", "reason"]
        return [tuple(row.values()) for row in self.lake.read_rows(INGEST_FAILURES, columns)]


@pytest.fixture
def nights(bucket: TestBucket, dagster_home: Path, spark: SparkSession, tmp_path: Path) -> Nights:
    settings = load_settings(
        cloudtrail=f"s3://{bucket.name}",
        s3_endpoint=bucket.address,
        lake=str(tmp_path / "lake"),
        lookback_days=LOOKBACK,
    )
    return Nights(settings, spark)


def put(bucket: TestBucket, account: str, *days: str) -> None:
    for day in days:
        bucket.put(key(account, day), body(account, day))


def test_ingest__denied_accounts_and_buckets_are_said_and_read_when_they_are_allowed_long_after(
    nights: Nights, bucket: TestBucket
):
    third = TestBucket(bucket.address, f"{bucket.name}-third")
    put(bucket, GOOD, "2026-05-01", "2026-05-02", "2026-05-20")
    put(bucket, BAD, "2026-05-01", "2026-05-02", "2026-05-10", "2026-05-20")
    put(third, THIRD, "2026-05-01")
    bucket.deny("ListBucket", f"AWSLogs/{BAD}/")
    third.deny("ListBucket", "AWSLogs/")
    nights.settings.cloudtrail = f"s3://{bucket.name},s3://{third.name}/"
    denied, reason = f"s3://{bucket.name}/AWSLogs/{BAD}/CloudTrail/", "access denied (AccessDenied)"

    said = nights.run("2026-05-01")
    assert f"cloudtrail of account {BAD}: {denied}: {reason}; it is read in a later night" in said
    assert (
        f"cloudtrail: s3://{third.name}/: s3://{third.name}/AWSLogs/ cannot be listed: {reason}; it is read in a later night"
        in said
    )
    assert nights.events() == {f"{GOOD} 2026-05-01 a"}
    nights.run("2026-05-02")
    assert nights.events() == {f"{GOOD} 2026-05-01 a", f"{GOOD} 2026-05-02 a"}
    assert (denied, BAD, date(2026, 4, 30), date(2026, 5, 2), reason) in nights.failures()

    bucket.allow()
    third.allow()
    assert nights.run("2026-05-20") == []
    caught_up = {f"{BAD} {day} a" for day in ("2026-05-01", "2026-05-02", "2026-05-20")} | {f"{THIRD} 2026-05-01 a"}
    assert nights.events() == {f"{GOOD} {day} a" for day in ("2026-05-01", "2026-05-02", "2026-05-20")} | caught_up
    assert nights.failures() == []


def test_ingest__a_bucket_that_is_denied_does_not_stop_the_findings_and_is_read_when_it_is_allowed(
    nights: Nights, bucket: TestBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told: list[dict[str, Any]] = []
    monkeypatch.setattr("pipelines.assets.ingest.notify", lambda _settings, documents, _tell: told.extend(documents))
    put(bucket, GOOD, "2026-05-01", "2026-05-20")
    findings = tmp_path / "found" / f"AWSLogs/{GOOD}/GuardDuty/us-east-1/2026/05/01"
    findings.mkdir(parents=True)
    (findings / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(FINDING).encode()))
    nights.settings.findings = str(tmp_path / "found")
    bucket.deny("ListBucket", "AWSLogs/")
    said = nights.run("2026-05-01")
    assert [each for each in said if each.startswith("cloudtrail: ") and "access denied" in each] != []
    assert nights.lake.row_count(GUARDDUTY_FINDINGS) == 1
    assert nights.events() == set()
    [notification] = told
    assert (notification["kind"], notification["id"]) == ("failed_night", f"{notification['run_id']}-unread")
    assert [each.split(":")[0] for each in notification["failures"]] == ["cloudtrail", "cloudtrail-digest"]
    assert all(each.endswith("(AccessDenied); the rest of the night goes on") for each in notification["failures"])
    bucket.allow()
    assert nights.run("2026-05-20") == []
    assert told == [notification]
    assert nights.events() == {f"{GOOD} {day} a" for day in ("2026-05-01", "2026-05-20")}
    assert nights.failures() == []


def test_ingest__nothing_that_can_be_listed_is_an_error(nights: Nights, bucket: TestBucket):
    put(bucket, GOOD, "2026-05-01")
    bucket.deny("ListBucket", "AWSLogs/")
    with pytest.raises(SourceError, match="access denied"):
        nights.run("2026-05-01")


def test_ingest__objects_that_cannot_be_read_are_neither_rejected_nor_in_the_ledger(
    nights: Nights, bucket: TestBucket, monkeypatch: pytest.MonkeyPatch
):
    """One is denied, one goes between listing and reading, one is replaced meanwhile, one is broken for good."""
    for name in ("a", "gone", "new"):
        bucket.put(key(GOOD, "2026-05-01", name), body(GOOD, "2026-05-01", name))
    bucket.put(key(GOOD, "2026-05-01", "broken"), b"\x1f\x8bbroken")
    put(bucket, BAD, "2026-05-01")
    bucket.deny("GetObject", f"AWSLogs/{BAD}/")
    denied, gone, new = (
        f"s3://{bucket.name}/{each}"
        for each in (key(BAD, "2026-05-01"), key(GOOD, "2026-05-01", "gone"), key(GOOD, "2026-05-01", "new"))
    )

    def change() -> None:
        bucket.client.delete_object(Bucket=bucket.name, Key=key(GOOD, "2026-05-01", "gone"))
        bucket.put(key(GOOD, "2026-05-01", "new"), body(GOOD, "2026-05-01", "newer"))

    with monkeypatch.context() as patch:
        _before_reading(patch, change)
        said = nights.run("2026-05-01")
    assert said[0] == (
        f"cloudtrail of account {BAD} in us-east-1: {denied.rsplit('/', 4)[0]}/: {denied}: access denied (AccessDenied); "
        "it is read in a later night"
    )
    assert sorted(said[1:]) == [
        f"{gone}: gone since it was listed (NoSuchKey)",
        f"{new}: replaced since it was listed (PreconditionFailed)",
    ]
    assert nights.events() == {f"{GOOD} 2026-05-01 a"}
    ledger = nights.lake.read_rows(INGEST_FILES, ["account_id", "status"])
    assert sorted((row["account_id"], row["status"]) for row in ledger) == [(GOOD, "ingested"), (GOOD, "rejected")]
    [rejected] = nights.lake.read_rows(REJECTED_RECORDS, ["reason"])
    assert rejected["reason"] in ("damaged gzip", "incomplete gzip")
    assert [prefix for prefix, *_ in nights.failures()] == [f"{denied.rsplit('/', 4)[0]}/"]

    bucket.allow()
    assert nights.run("2026-05-02") == []
    assert nights.events() == {f"{GOOD} 2026-05-01 a", f"{GOOD} 2026-05-01 newer", f"{BAD} 2026-05-01 a"}
    assert nights.failures() == []


def test_ingest__flow_logs_in_a_bucket_that_cannot_be_read_are_read_when_they_can(nights: Nights, bucket: TestBucket):
    """One object lies plainly, one in Hive's way below an hour."""
    hive = f"AWSLogs/aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region=eu-west-1/"
    bucket.put(f"AWSLogs/{ACCOUNT}/vpcflowlogs/eu-west-1/2026/03/04/a.log.gz", zipped(text(flow(srcport=1))))
    bucket.put(f"{hive}year=2026/month=03/day=04/hour=10/b.log.parquet", parquet(flow(srcport=2)))
    bucket.deny("GetObject", hive)
    nights.settings.cloudtrail, nights.settings.flows = None, f"s3://{bucket.name}"

    [said] = nights.run("2026-03-04")
    region = f"s3://{bucket.name}/{quote(hive)}"
    assert said.startswith(f"vpcflowlogs of account {ACCOUNT} in eu-west-1: {region}: {region}year%3D2026/")
    assert said.endswith("b.log.parquet: access denied (AccessDenied); it is read in a later night")
    assert nights.ports() == [1]
    assert nights.lake.read_rows(REJECTED_RECORDS, ["reason"]) == []

    bucket.allow()
    assert nights.run("2026-03-20") == []
    assert nights.ports() == [1, 2]
    assert nights.failures() == []


def _before_reading(patch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    from pipelines.assets import ingest as module  # noqa: PLC0415

    read = module._read_chunk

    def acting(*arguments: Any) -> Any:
        act()
        return read(*arguments)

    patch.setattr(module, "_read_chunk", acting)


def test_ingest__a_local_folder_that_cannot_be_listed_does_not_stop_the_others(
    dagster_home: Path, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for account in (GOOD, BAD):
        for day in ("2026-05-01", "2026-05-02"):
            path = tmp_path / "logs" / key(account, day)
            path.parent.mkdir(parents=True)
            path.write_bytes(body(account, day))
    mem = tmp_path / "logs" / key(GOOD, "2026-05-02", "fails")
    mem.symlink_to("/proc/self/mem")  # a file whose reading fails, also for root
    settings = load_settings(cloudtrail=str(tmp_path / "logs"), lake=str(tmp_path / "lake"), lookback_days=LOOKBACK)
    nights = Nights(settings, spark)
    sealed = tmp_path / "logs" / key(BAD, "2026-05-01")
    with monkeypatch.context() as patch:
        _seal(patch, sealed.parent)
        said = nights.run("2026-05-02")
    assert said == [
        f"cloudtrail of account {BAD} in us-east-1: {sealed.parent.as_uri()}/: cannot be listed (Permission denied); "
        "it is read in a later night",
        f"cloudtrail of account {GOOD} in us-east-1: {mem.parents[3].as_uri()}/: {mem.as_uri()}: Input/output error; "
        "it is read in a later night",
    ]
    everything = {f"{account} {day} a" for account in (GOOD, BAD) for day in ("2026-05-01", "2026-05-02")}
    assert nights.events() == everything - {f"{BAD} 2026-05-01 a"}
    mem.unlink()
    mem.write_bytes(body(GOOD, "2026-05-02", "fails"))
    assert nights.run("2026-05-30") == []
    assert nights.events() == everything | {f"{GOOD} 2026-05-02 fails"}
    assert nights.failures() == []


def _seal(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have a folder refuse to be listed: root may list any."""
    from pipelines.sources import folder as module  # noqa: PLC0415

    entries = module._entries

    def refusing(part: Path, refuse: Any) -> Any:
        if part != folder:
            return entries(part, refuse)
        refuse(part, PermissionError(13, "Permission denied", str(part)))
        return []

    patch.setattr(module, "_entries", refusing)


def test_failure__two_of_a_part_are_one_over_all_their_days():
    one = Failure("cloudtrail", "s3://b/x/", None, None, date(2026, 5, 3), date(2026, 5, 4), "now")
    other = Failure("cloudtrail", "s3://b/x/", None, None, date(2026, 5, 1), date(2026, 5, 3), "before")
    joined = one.joined(other)
    assert (joined.first, joined.last, joined.reason) == (date(2026, 5, 1), date(2026, 5, 4), "now")
    assert one.touches(Failure("cloudtrail", "s3://b/", None, None, None, None, ""))
    assert not one.touches(Failure("guardduty", "s3://b/x/", None, None, None, None, ""))


@pytest.mark.parametrize(
    ("day", "region"),
    [
        ("2026/03/02", "111111111111/CloudTrail/us-east-1"),
        ("2026/03/02", "111111111111/vpcflowlogs/us-east-1"),
        ("2026/03/02/10", "111111111111/vpcflowlogs/us-east-1"),
        ("year%3D2026/month%3D03/day%3D02/hour%3D10", "aws-account-id%3D1/aws-service%3Dvpcflowlogs/aws-region%3Dx"),
        ("year%3D2026/month%3D03/day%3D02", "aws-account-id%3D1/aws-service%3Dvpcflowlogs/aws-region%3Dx"),
    ],
)
def test_region_of__is_the_same_for_all_days_and_hours(day: str, region: str):
    assert _region_of(f"s3://b/2025/01/02/03/AWSLogs/{region}/{day}/a.gz") == f"s3://b/2025/01/02/03/AWSLogs/{region}/"
