"""A correction that comes a night later: it reaches the event, the issuance and the session, and nothing is lost (SEMANTICS §10, 18)."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from expectations.tables import (
    CLOUDTRAIL_ADDENDA,
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_ISSUANCES,
    CREDENTIAL_SESSIONS,
    INGEST_FILES,
    REJECTED_RECORDS,
    TABLES,
)
from pipelines import publish
from pipelines.lake import Lake
from pipelines.night import Night
from pipelines.run import run_nightly
from pipelines.settings import Settings, load_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from expectations.contract import Table

pytestmark = pytest.mark.filterwarnings("default")  # of Dagster and Great Expectations about themselves

ACCOUNT = "111111111111"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/admin"
FIRST_NIGHT, SECOND_NIGHT = date(2026, 3, 1), date(2026, 3, 2)


class KilledError(Exception):
    """Stands for a process that is ended."""


def record(event_id: str, at: str, source: str, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.08", "eventID": event_id, "eventTime": f"2026-03-01T{at}Z", "eventSource": source, "eventName": name,
        "awsRegion": "us-east-1", "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT, "sourceIPAddress": "198.51.100.7",
        "readOnly": True, "eventCategory": "Management",
    } | fields  # fmt: skip


def assume_role(event_id: str, **fields: Any) -> dict[str, Any]:
    alice = {
        "type": "IAMUser",
        "principalId": "AIDAALICE",
        "arn": ALICE,
        "accountId": ACCOUNT,
        "accessKeyId": "AKIAALICE",
    }
    asked = {"roleArn": ROLE}  # without the name, only the response leads from the call to its session
    return record(
        event_id, "10:00:00", "sts.amazonaws.com", "AssumeRole", userIdentity=alice, requestParameters=asked, **fields
    )


def use_of_the_key() -> dict[str, Any]:
    context = {
        "sessionIssuer": {"type": "Role", "arn": ROLE, "principalId": "AROAADMIN", "accountId": ACCOUNT},
        "attributes": {"creationDate": "2026-03-01T10:00:00Z", "mfaAuthenticated": "false"},
    }
    sara = {
        "type": "AssumedRole", "principalId": "AROAADMIN:sara", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/sara",
        "accountId": ACCOUNT, "accessKeyId": "ASIASARA", "sessionContext": context,
    }  # fmt: skip
    return record("use", "10:05:00", "ec2.amazonaws.com", "DescribeInstances", userIdentity=sara)


def correction() -> dict[str, Any]:
    """Return the addendum that says which credentials were issued."""
    issued = {
        "credentials": {"accessKeyId": "ASIASARA", "expiration": "Mar 1, 2026, 11:00:00 AM"},
        "assumedRoleUser": {
            "assumedRoleId": "AROAADMIN:sara",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/sara",
        },
    }
    told = {"reason": "UPDATED_DATA", "updatedFields": "responseElements", "originalEventID": "assume"}
    return assume_role("correction", responseElements=issued, addendum=told)


def deliver(root: Path, day: date, name: str, *records: dict[str, Any]) -> None:
    folder = root / "AWSLogs" / ACCOUNT / "CloudTrail" / "us-east-1" / f"{day:%Y/%m/%d}"
    folder.mkdir(parents=True, exist_ok=True)
    file = f"{ACCOUNT}_CloudTrail_us-east-1_{day:%Y%m%d}T1010Z_{name}.json.gz"
    (folder / file).write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))


def test_nightly__a_correction_of_the_night_before_binds_the_session(
    dagster_home: Path, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = tmp_path / "logs"
    settings = load_settings(cloudtrail=str(logs), lake=str(tmp_path / "lake"))
    deliver(logs, FIRST_NIGHT, "first", assume_role("assume"), use_of_the_key())
    lake = after(settings, FIRST_NIGHT, FIRST_NIGHT, spark)
    assert one(lake, CREDENTIAL_ISSUANCES)["issued_access_key_id"] is None
    assert used_session(lake)["attribution_status"] == "unresolved"

    deliver(logs, SECOND_NIGHT, "second", correction())
    with monkeypatch.context() as patch:
        killed_after(CLOUDTRAIL_ADDENDA, patch)
        assert not run_nightly(Night(settings), SECOND_NIGHT, SECOND_NIGHT).succeeded
    lake = after(settings, SECOND_NIGHT, SECOND_NIGHT, spark)
    assert corrected_event_in(lake) == ("correction", True, "first.json.gz")
    assert {
        (row["addendum_event_id"], row["response_elements"] is None) for row in rows_of(lake, CLOUDTRAIL_ADDENDA)
    } == {
        (None, True),
        ("correction", False),
    }
    assert rows_of(lake, REJECTED_RECORDS) == []
    assert one(lake, CREDENTIAL_ISSUANCES)["issued_access_key_id"] == "ASIASARA"
    session = used_session(lake)
    assert (session["attribution_method"], session["root_id"]) == ("KEY_EXACT", ALICE)
    assert session["attribution_status"] == "resolved"

    # The same object once more, under another name: nothing but the ledger changes.
    deliver(logs, SECOND_NIGHT, "third", correction())
    before = {table.name: lake.version(table) for table in TABLES}
    again = after(settings, SECOND_NIGHT, SECOND_NIGHT, spark)
    written = {table.name for table in TABLES if again.version(table) != before[table.name]}
    assert INGEST_FILES.name in written
    assert not written & {
        CLOUDTRAIL_EVENTS.name,
        CLOUDTRAIL_ADDENDA.name,
        CREDENTIAL_ISSUANCES.name,
        REJECTED_RECORDS.name,
    }

    at_once = load_settings(cloudtrail=str(logs), lake=str(tmp_path / "other"))
    other = after(at_once, FIRST_NIGHT, SECOND_NIGHT, spark)
    assert {table.name: differences(again, other, table) for table in TABLES} == {table.name: 0 for table in TABLES}


def after(settings: Settings, first: date, last: date, spark: SparkSession) -> Lake:
    """Run the nights, which must succeed, and return the lake."""
    outcome = run_nightly(Night(settings), first, last)
    assert outcome.failures == ()
    assert outcome.succeeded
    return Lake(settings.lake_uri, lambda: spark)


def killed_after(table: Table, patch: pytest.MonkeyPatch) -> None:
    """End the run after the table's commit."""
    write = publish.write

    def write_and_end(night: Night, written: Table, *rest: object) -> None:
        write(night, written, *rest)  # type: ignore[arg-type]
        if written is table:
            raise KilledError

    patch.setattr(publish, "write", write_and_end)


def rows_of(lake: Lake, table: Table) -> list[dict[str, Any]]:
    return lake.read_rows(table, table.column_names)


def one(lake: Lake, table: Table) -> dict[str, Any]:
    [row] = rows_of(lake, table)
    return row


def used_session(lake: Lake) -> dict[str, Any]:
    [session] = [row for row in rows_of(lake, CREDENTIAL_SESSIONS) if row["event_count"]]
    return session


def corrected_event_in(lake: Lake) -> tuple[str | None, bool, str]:
    """Return which addendum was laid over the call, whether it has a response now, and the end of its object's name."""
    [event] = [row for row in rows_of(lake, CLOUDTRAIL_EVENTS) if row["event_id"] == "assume"]
    return event["addendum_event_id"], event["response_elements"] is not None, event["source_uri"].rsplit("_", 1)[-1]


def differences(one: Lake, other: Lake, table: Table) -> int:
    """Return how many rows are in one lake and not in the other, bookkeeping left out."""
    columns = [name for name in table.column_names if name not in table.bookkeeping]
    frames = [lake.read(table).select(*columns) for lake in (one, other)]
    return frames[0].exceptAll(frames[1]).unionByName(frames[1].exceptAll(frames[0])).count()
