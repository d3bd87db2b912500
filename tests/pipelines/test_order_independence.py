"""The same records in give the same tables out: whatever the batches, their order, their copies, and wherever a run is killed.

Many small organisations, whose records lie in many small objects. What was published is lost and found again in two nights:
whole days and accounts late, some objects twice under other names (a second trail), some put there again (another ETag).
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from expectations.tables import (
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_SESSIONS,
    INGEST_FILES,
    INVESTIGATIONS,
    LOG_COVERAGE,
    REJECTED_RECORDS,
    TABLES,
)
from pipelines import publish
from pipelines.lake import Lake
from pipelines.night import Night
from pipelines.run import run_nightly
from pipelines.settings import load_settings
from pipelines.sources.folder import CLOUDTRAIL, GUARDDUTY, list_objects
from tests.organisations import CLOCK, organisation

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from expectations.contract import Table
    from pipelines.settings import Settings

# Warnings of Dagster and Great Expectations about themselves are not ours to raise.
pytestmark = pytest.mark.filterwarnings("default")

ORGANISATIONS = 40
NIGHTS = 2
FIRST, LAST = date(2026, 4, 25), CLOCK + timedelta(days=1)

Key = tuple[str, date]


class Delivery(NamedTuple):
    """An object of the bucket: where it lies, what is in it, in which night it is found, and in which it is put there again."""

    path: Path
    body: bytes
    night: int
    again: int | None = None


class Lakes(NamedTuple):
    """The lake of one run over everything, that of two nights, and how the second was after its first night."""

    whole: Lake
    nightly: Lake
    first_night: Path
    settings: Callable[[Path], Settings]


@pytest.fixture(scope="module")
def lakes(spark: SparkSession, dagster_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Lakes:
    folder = tmp_path_factory.mktemp("order")
    logs = folder / "logs"

    def settings(lake: Path) -> Settings:
        return load_settings(cloudtrail=str(logs), findings=str(logs), lake=str(lake))

    deliveries = deliveries_of(logs, Random(20))
    for night in range(NIGHTS):
        put(deliveries, night)
        assert run_nightly(Night(settings(folder / "nightly")), FIRST, LAST).failures == ()
        if night == 0:
            shutil.copytree(folder / "nightly", folder / "first night")
    assert run_nightly(Night(settings(folder / "whole")), FIRST, LAST).failures == ()
    whole, nightly = (Lake(str(folder / name), lambda: spark) for name in ("whole", "nightly"))
    return Lakes(whole, nightly, folder / "first night", settings)


def test_nightly__batches_in_any_order_with_copies_and_redeliveries_give_the_same_tables(lakes: Lakes) -> None:
    assert_same(lakes.whole, lakes.nightly)


def test_nightly__a_kill_before_every_commit_of_later_nights_changes_nothing(
    lakes: Lakes, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lake as it was after the first night; then all the rest, in runs that end where each table in turn is written."""
    settings = lakes.settings(lakes.first_night)
    killed: set[str] = set()
    with monkeypatch.context() as patch:
        write = publish.write

        def end_or_write(night: Night, table: Table, rows: DataFrame, *rest: Any) -> None:
            if table.name not in killed:
                killed.add(table.name)
                raise KilledError
            write(night, table, rows, *rest)

        patch.setattr(publish, "write", end_or_write)
        for _ in TABLES:
            if run_nightly(Night(settings), FIRST, LAST).succeeded:
                break
    assert killed == {table.name for table in TABLES}
    assert run_nightly(Night(settings), FIRST, LAST).failures == ()
    assert_same(lakes.whole, Lake(settings.lake_uri, lambda: spark))


def test_nightly__there_is_something_to_compare(lakes: Lakes) -> None:
    assert all(lakes.whole.read(table).count() > 0 for table in TABLES)
    assert lakes.whole.read(CLOUDTRAIL_EVENTS).where("addendum_event_id IS NOT NULL").count() > 1
    assert lakes.whole.read(LOG_COVERAGE).where("size(gap_hours) > 0").count() > 1
    assert lakes.whole.read(REJECTED_RECORDS).count() > 1
    assert lakes.whole.read(INVESTIGATIONS).count() == FINDINGS
    sessions = lakes.whole.read(CREDENTIAL_SESSIONS)
    assert sessions.where("chain_depth > 2").count() > 5
    assert sessions.select("attribution_method").distinct().count() > 8
    assert sessions.select("attribution_reason").distinct().count() > 6


class KilledError(Exception):
    """Stands for a process that is ended."""


def assert_same(one: Lake, other: Lake) -> None:
    """Assert that two lakes hold the same in all but bookkeeping; of the objects that were put there again, the last version."""
    differing = {}
    for table in TABLES:
        columns = [name for name in table.column_names if name not in table.bookkeeping]
        frames = [_newest(lake, table, columns) for lake in (one, other)]
        only = [frames[0].exceptAll(frames[1]), frames[1].exceptAll(frames[0])]
        if rows := [row.asDict() for each in only for row in each.limit(2).collect()]:
            differing[table.name] = rows
    assert differing == {}


def _newest(lake: Lake, table: Table, columns: list[str]) -> DataFrame:
    rows = lake.read(table).select(*columns)
    if table is not INGEST_FILES:
        return rows
    listed = [
        each for source in (CLOUDTRAIL, GUARDDUTY) for each in list_objects(str(Path(lake.uri).parent / "logs"), source)
    ]
    there = lake.spark.createDataFrame([(each.uri, each.etag) for each in listed], "uri string, etag string")
    return rows.join(there, on=["uri", "etag"], how="left_semi").select(*columns)


# -- the bucket ---------------------------------------------------------------------------------------------------------

FINDINGS = 3


def deliveries_of(logs: Path, chance: Random) -> list[Delivery]:
    """Return the objects of all organisations; whole days and whole accounts go to one night, or each object to its own."""
    records: dict[Key, list[dict[str, Any]]] = defaultdict(list)
    for number in range(1, ORGANISATIONS + 1):
        for account_id, record in organisation(number, Random(number)).records:
            records[account_id, datetime.fromisoformat(record["eventTime"]).date()].append(record)
    account_nights = {account_id: chance.randrange(NIGHTS) for account_id, _ in records}
    found: list[Delivery] = []
    for (account_id, day), of_day in sorted(records.items()):
        day_night, style = chance.randrange(NIGHTS), chance.choice(("account", "day", "object", "object"))
        for first in range(0, len(of_day), 2):
            some = of_day[first : first + 2]
            night = {"account": account_nights[account_id], "day": day_night}.get(style, chance.randrange(NIGHTS))
            found += _copies(logs, (account_id, day + timedelta(days=chance.choice((0, 0, 0, 1)))), some, night, chance)
    return [*found, *_trouble(logs, found), *_digests(logs), *_findings(logs, records)]


def _copies(logs: Path, key: Key, records: list[dict[str, Any]], night: int, chance: Random) -> list[Delivery]:
    """Return an object, perhaps put there again later, and perhaps another of the same records: a second trail's."""
    body, path = _packed(records), _path(logs, key, chance.randrange(10**9))
    again = chance.randrange(night + 1, NIGHTS) if night + 1 < NIGHTS and chance.random() < 0.1 else None
    found = [Delivery(path, body, night, again)]
    if chance.random() < 0.2:
        found.append(Delivery(_path(logs, key, chance.randrange(10**9)), body, chance.randrange(NIGHTS)))
    return found


def _trouble(logs: Path, deliveries: list[Delivery]) -> list[Delivery]:
    """Return an object that cannot be read, another record under an id that is taken, and addenda before and after their events."""
    account_id, day = "000000000101", date(2026, 5, 4)
    event = {
        "eventTime": "2026-05-04T10:00:00Z", "eventSource": "s3.amazonaws.com", "eventName": "ListBuckets", "eventID": "taken",
        "userIdentity": {"type": "AWSService", "invokedBy": "s3.amazonaws.com"}, "recipientAccountId": account_id,
    }  # fmt: skip
    addendum = {"reason": "UPDATED_DATA", "updatedFields": "requestParameters"}
    stop = event | {"eventID": "stop", "eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging",
                    "eventTime": "2026-05-06T11:00:00Z", "requestParameters": {"name": "trail"}}  # fmt: skip
    records = [
        [(event, 0), (event | {"eventName": "ListObjects"}, 1)],
        [(event | {"eventID": "late"}, 1),
         (event | {"eventID": "a-1", "requestParameters": {"x": "1"}, "addendum": addendum | {"originalEventID": "late"}}, 0)],
        [(event | {"eventID": "early"}, 0),
         (event | {"eventID": "a-2", "requestParameters": {"x": "2"}, "addendum": addendum | {"originalEventID": "early"}}, 1)],
        [(event | {"eventID": "a-3", "addendum": addendum | {"originalEventID": "never seen"}}, 1)],
        [(stop, 1)],
    ]  # fmt: skip
    found = [
        Delivery(_path(logs, (account_id, day), 10**9 + 10 * number + night), _packed([record]), night)
        for number, group in enumerate(records)
        for record, night in group
    ]
    return [*found, Delivery(_path(logs, (account_id, day), 10**9 - 1), deliveries[0].body[:40], 1)]


def _digests(logs: Path) -> list[Delivery]:
    """Return an account's digests of some hours, each with the hash of the one before but one, where something is missing."""
    account_id, folder = "000000000101", "AWSLogs/000000000101/CloudTrail-Digest/us-east-1/2026/05/04"
    found: list[Delivery] = []
    before: dict[str, str] = {}
    for hour in range(8, 14):
        key = f"{folder}/{account_id}_CloudTrail-Digest_us-east-1_trail_us-east-1_20260504T{hour:02}0000Z.json.gz"
        digest = {
            "awsAccountId": account_id, "digestStartTime": f"2026-05-04T{hour - 1:02}:00:00Z",
            "digestEndTime": f"2026-05-04T{hour:02}:00:00Z", "digestS3Bucket": "bucket", "digestS3Object": key, "logFiles": [], **before,
        }  # fmt: skip
        content = json.dumps(digest).encode()
        missing = sha256(b"of another" if hour == 10 else content).hexdigest()
        before = {
            "previousDigestS3Object": key,
            "previousDigestHashValue": missing,
            "previousDigestHashAlgorithm": "SHA-256",
        }
        found.append(Delivery(logs / key, gzip.compress(content, mtime=0), hour % NIGHTS))
    return found


def _findings(logs: Path, records: dict[Key, list[dict[str, Any]]]) -> list[Delivery]:
    """Return GuardDuty findings about role sessions; the first two come before most of the logs do."""
    used = [
        (account_id, record) for (account_id, _), of_day in sorted(records.items()) for record in of_day
        if record["userIdentity"].get("type") == "AssumedRole" and record["eventTime"].startswith("2026-05-04")
    ]  # fmt: skip
    found = []
    for number, (account_id, record) in enumerate(used[:: len(used) // FINDINGS][:FINDINGS]):
        who, at = record["userIdentity"], record["eventTime"]
        finding = {
            "schemaVersion": "2.0", "accountId": account_id, "region": "us-east-1", "id": f"finding-{number}", "severity": 8,
            "type": "Stealth:IAMUser/CloudTrailLoggingDisabled", "title": "A trail was disabled", "createdAt": at, "updatedAt": at,
            "resource": {"resourceType": "AccessKey", "accessKeyDetails": {
                "accessKeyId": who.get("accessKeyId") or "", "principalId": who["principalId"], "userType": "AssumedRole",
                "userName": who["arn"].split("/")[1]}},
            "service": {"count": 1, "eventFirstSeen": at, "eventLastSeen": at, "action": {
                "actionType": "AWS_API_CALL", "awsApiCallAction": {"api": record["eventName"], "serviceName": record["eventSource"]}}},
        }  # fmt: skip
        path = logs / "AWSLogs" / account_id / "GuardDuty" / "us-east-1" / "2026/05/04" / f"{number}.jsonl.gz"
        found.append(Delivery(path, gzip.compress(json.dumps(finding).encode(), mtime=0), max(0, number - 1)))
    return found


def _path(logs: Path, key: Key, number: int) -> Path:
    account_id, day = key
    name = f"{account_id}_CloudTrail_us-east-1_{day:%Y%m%d}T1200Z_{number:016}.json.gz"
    return logs / "AWSLogs" / account_id / "CloudTrail" / "us-east-1" / f"{day:%Y/%m/%d}" / name


def _packed(records: list[dict[str, Any]]) -> bytes:
    return gzip.compress(json.dumps({"Records": records}).encode(), mtime=0)


def put(deliveries: list[Delivery], night: int) -> None:
    """Put a night's objects into the bucket; those that were there before get a new time, and so another ETag."""
    for path, body, first, again in deliveries:
        if night in (first, again):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            os.utime(path, (1_780_000_000 + night, 1_780_000_000 + night))
