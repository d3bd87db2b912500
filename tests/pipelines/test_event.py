"""`rolescope event`: from a small lake that is written, and read, without Spark."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from expectations.tables import CLOUDTRAIL_EVENTS, CREDENTIAL_SESSIONS, SESSION_USAGE, TABLES
from pipelines.event import record_of
from pipelines.lake import Consumed, Lake
from pipelines.preflight import DONE, IN_PART, NOTHING
from pipelines.sources.folder import list_objects, read_object
from pipelines.sources.layout import CLOUDTRAIL
from tests.builders import row
from transforms.cloudtrail.deliveries import Object, delivery_batches
from transforms.enrichment import NOWHERE

HOME, OTHER = "111111111111", "222222222222"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ROLE = {
    "type": "AssumedRole", "principalId": "AROAADMIN:sara", "arn": f"arn:aws:sts::{HOME}:assumed-role/admin/sara", "accountId": HOME,
    "accessKeyId": "ASIA1",
    "sessionContext": {
        "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{HOME}:role/admin", "userName": "admin"},
        "attributes": {"creationDate": "2026-05-01T12:00:00Z", "mfaAuthenticated": "false"},
    },
}  # fmt: skip


def record(event_id: str, **more: Any) -> dict[str, Any]:
    base = {
        "eventVersion": "1.08", "eventID": event_id, "eventTime": "2026-05-01T12:10:00Z", "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole", "awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.15.0",
        "recipientAccountId": HOME, "userIdentity": ROLE, "eventType": "AwsApiCall", "managementEvent": True,
        "requestParameters": {"roleArn": "arn"}, "responseElements": {"credentials": {"secretAccessKey": SECRET}},
    }  # fmt: skip
    return {**base, **more}


@pytest.fixture
def lake(at_a_prompt: None, tmp_path: Path) -> Lake:
    """A lake with an action that two accounts logged, and one with a user agent that would command a terminal."""
    twin = {"type": "AWSAccount", "principalId": "AROAADMIN:sara", "accountId": HOME}
    objects = {
        HOME: [record("one", sharedEventID="shared"), record("odd", userAgent="x\x1b[2J\u202e", eventName="GetCallerIdentity")],
        OTHER: [record("two", sharedEventID="shared", recipientAccountId=OTHER, userIdentity=twin)],
    }  # fmt: skip
    for account, records in objects.items():
        folder = tmp_path / "logs" / "AWSLogs" / account / "CloudTrail" / "us-east-1" / "2026" / "05" / "01"
        folder.mkdir(parents=True)
        (folder / "a.json.gz").write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    made = Lake(str(tmp_path / "lake"), _no_spark)
    made.open(TABLES)
    listed = list_objects(str(tmp_path / "logs"), CLOUDTRAIL)
    batches = delivery_batches(
        [Object(each.uri, each.etag, each.account_id) for each in listed], read_object, lambda _address: NOWHERE
    )
    made.append(CLOUDTRAIL_EVENTS, pa.Table.from_batches(batches).select(CLOUDTRAIL_EVENTS.column_names), Consumed())
    for table, rows in (
        (
            SESSION_USAGE,
            [row(SESSION_USAGE), row(SESSION_USAGE, principal_id="AROAADMIN:eve", credential_session_id="eves")],
        ),
        (CREDENTIAL_SESSIONS, [row(CREDENTIAL_SESSIONS, role_name="admin", session_name="sara")]),
    ):
        schema = pa.schema(DeltaTable(made.path(table)).schema().to_arrow())
        made.append(table, pa.Table.from_pylist(rows, schema=schema), Consumed())
    return made


def _no_spark() -> Any:
    raise AssertionError("Spark is not needed")


def the_object(lake: Lake, account: str = HOME) -> Path:
    return next(Path(lake.uri).parent.glob(f"logs/AWSLogs/{account}/**/*.json.gz"))


@pytest.mark.parametrize("asked", ["one", "two", "shared"])
def test_event__shows_every_copy_the_callers_first_with_its_root_and_record(said, lake, asked):
    status, text = said("event", asked, "--lake", lake.uri)
    assert status == DONE
    assert [line for line in text.splitlines() if line.startswith("copy")] == ["copy 1 of 2", "copy 2 of 2"]
    first, second = text.split("copy 2 of 2")
    assert f"  recipient_account_id  {HOME}" in first
    assert "  event_at              2026-05-01T12:10:00Z" in first
    assert f"root                  IAMUser alice arn:aws:iam::{HOME}:user/alice (resolved, confidence 0.99)" in first
    assert f"file://{the_object(lake)}, record 0" in first
    assert '"eventID": "one"' in first
    assert '"eventID": "two"' in second


def test_event__shows_no_secret_and_commands_no_terminal(said, lake):
    assert SECRET not in said("event", "one", "--lake", lake.uri)[1]
    text = said("event", "odd", "--lake", lake.uri)[1]
    assert "user_agent            x[U+001B][2J[U+202E]" in text
    assert not {"\x1b", "\u202e"} & set(text)


def test_event__as_json_is_for_machines(said, lake):
    status, text = said("event", "odd", "--json", "--lake", lake.uri)
    document = json.loads(text)
    [copy] = document["copies"]
    assert (status, document["schema"], text.isascii()) == (DONE, "rolescope.event/1", True)
    assert copy["facts"]["user_agent"] == copy["record"]["userAgent"] == "x\x1b[2J\u202e"
    assert copy["record"]["responseElements"]["credentials"]["secretAccessKey"] == "[removed]"
    assert copy["session"]["root_name"] == "alice"
    assert copy["object"] == {"uri": f"file://{the_object(lake)}", "etag": copy["object"]["etag"], "record_index": 1}


@pytest.mark.parametrize("unknown", ["none", "' OR true --", "\\", "one'", "\udcff"])
def test_event__that_is_not_there_is_a_sentence(said, lake, unknown):
    status, text = said("event", unknown, "--lake", lake.uri)
    assert (status, text.startswith("rolescope: there is no event "), "\n" in text) == (NOTHING, True, False)


def test_event__of_an_object_that_is_gone(said, lake):
    the_object(lake).unlink()
    status, text = said("event", "odd", "--lake", lake.uri)
    assert (status, "but                   the object is gone" in text) == (IN_PART, True)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"Records": []}, "the object changed since it was read, and has no such record (list index out of range)"),
        (
            {"Records": [{}, record("another")]},
            "the object changed since it was read: what lies there now is another record",
        ),
        ([1], "the object changed since it was read, and has no such record (it holds"),
    ],
)
def test_event__of_an_object_that_changed_shows_no_other_record(said, lake, content, sentence):
    the_object(lake).write_bytes(gzip.compress(json.dumps(content).encode()))
    status, text = said("event", "odd", "--lake", lake.uri)
    assert (status, sentence.split(" (it holds")[0] in text, "another" in text.replace("another record", "")) == (
        IN_PART,
        True,
        False,
    )


def test_event__of_an_object_that_was_put_there_again_is_the_same(said, lake):
    os.utime(the_object(lake), (1, 1))
    status, text = said("event", "odd", "--lake", lake.uri)
    assert (status, "put there again; this record is the same" in text, '"eventID": "odd"' in text) == (
        DONE,
        True,
        True,
    )


def test_event__needs_a_lake(said, tmp_path):
    assert said("event", "x", "--lake", tmp_path / "none")[0] == NOTHING


def test_record_of__reads_the_object_from_s3_again(bucket):
    body = gzip.compress(json.dumps({"Records": [record("one")]}).encode())
    etag = bucket.put("AWSLogs/a b.json.gz", body)
    [batch] = delivery_batches([Object("s3://b/a", etag, HOME)], lambda _uri: body, lambda _address: NOWHERE)
    [event] = batch.to_pylist()
    copy = event | {"source_uri": f"s3://{bucket.name}/AWSLogs/a%20b.json.gz"}
    found, problem = record_of(copy, bucket.access)
    assert (found["eventID"], problem) == ("one", None)
    assert SECRET not in json.dumps(found)
    bucket.put("AWSLogs/a b.json.gz", gzip.compress(json.dumps({"Records": [record("one")]}).encode(), mtime=1))
    assert record_of(copy, bucket.access)[1] == "the object was put there again; this record is the same"
    bucket.deny("GetObject", "AWSLogs/")
    assert record_of(copy, bucket.access) == (None, "the object cannot be read (access denied)")
    bucket.allow()
    bucket.client.delete_object(Bucket=bucket.name, Key="AWSLogs/a b.json.gz")
    assert record_of(copy, bucket.access) == (None, "the object is gone")
