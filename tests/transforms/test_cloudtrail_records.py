"""One record, to one row of events."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.tables.bronze import CLOUDTRAIL_EVENTS
from transforms.cloudtrail.deliveries import Object, delivery_batches
from transforms.cloudtrail.instants import instant
from transforms.cloudtrail.outcomes import outcome_of
from transforms.enrichment import NOWHERE, Location

REAL = Path(__file__).parents[3] / "shared" / "real"
PATH_ACCOUNT = "999999999999"
ROLE = "arn:aws:iam::123456789012:role/team/admin"


def record(**fields: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.10",
        "eventID": "e-1",
        "eventTime": "2023-07-10T11:55:22Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "ListUsers",
        "recipientAccountId": "123456789012",
    } | fields


def row(**fields: Any) -> dict[str, Any]:
    [only] = rows({"Records": [record(**fields)]})
    return only


def rows(document: Any, locate: Any = lambda _address: NOWHERE) -> list[dict[str, Any]]:
    content = document if isinstance(document, bytes) else orjson.dumps(document)
    batches = delivery_batches([Object("s3://b/o", "v1", PATH_ACCOUNT)], lambda _uri: gzip.compress(content), locate)
    return [row for batch in batches for row in batch.to_pylist()]


def assumed_role(principal_id: str = "AROAX:sara", **context: Any) -> dict[str, Any]:
    return {"type": "AssumedRole", "principalId": principal_id, "sessionContext": context}


def test_row__is_the_event_with_its_source() -> None:
    event = row(awsRegion="eu-west-1", readOnly=True, requestID="r", eventType="AwsApiCall")
    assert event["event_at"] == datetime(2023, 7, 10, 11, 55, 22, tzinfo=UTC)
    assert event["event_date"] == date(2023, 7, 10)
    assert (event["region"], event["read_only"], event["request_id"]) == ("eu-west-1", True, "r")
    assert (event["source_uri"], event["source_etag"], event["record_index"]) == ("s3://b/o", "v1", 0)
    assert event["outcome"] == "success"
    assert (event["reason"], event["sha256"], event["excerpt"]) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-07-10T11:55:22Z", "2023-07-10 11:55:22"),
        ("2023-07-10T11:55:22.123456Z", "2023-07-10 11:55:22.123456"),
        ("2023-07-10 11:55:22.123456789", "2023-07-10 11:55:22.123456"),
        ("20131102T010628Z", "2013-11-02 01:06:28"),
        ("2023-07-10T23:55:22-05:00", "2023-07-11 04:55:22"),
    ],
)
def test_instant__reads_every_spelling(text: str, expected: str) -> None:
    at = datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert instant(text) == round(at.timestamp()) * 1_000_000 + at.microsecond


@pytest.mark.parametrize(
    "text", [None, "", "...", "2023-07-10", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-05:00", "eventTime"]
)
def test_instant__is_none_for_what_is_no_time(text: str | None) -> None:
    assert instant(text) is None


def test_row__the_day_is_that_of_utc() -> None:
    assert row(eventTime="2023-07-10T23:55:22-05:00")["event_date"] == date(2023, 7, 11)


def test_row__ids_of_an_old_record_without_any() -> None:
    old = record()
    del old["eventID"], old["recipientAccountId"]
    [event] = rows({"Records": [old]})
    digest = hashlib.sha256(orjson.dumps(old, option=orjson.OPT_SORT_KEYS)).hexdigest()
    assert (event["event_id"], event["body_sha256"]) == (f"sha256:{digest}", digest)
    assert event["recipient_account_id"] == PATH_ACCOUNT


def test_row__copies_share_an_action_only_when_they_are_management_events() -> None:
    assert row(sharedEventID="s")["action_id"] == "s"
    assert row(sharedEventID="s", eventCategory="Data")["action_id"] == "e-1"
    assert row()["action_id"] == "e-1"


def test_row__an_addendum_goes_under_the_event_it_corrects() -> None:
    event = row(addendum={"reason": "UPDATED_DATA", "originalEventID": "e-0"})
    assert (event["event_id"], event["action_id"], event["addendum_event_id"]) == ("e-0", "e-0", "e-1")
    assert event["addendum"] == '{"originalEventID":"e-0","reason":"UPDATED_DATA"}'
    assert row(addendum={"reason": "DELIVERY_DELAY"})["addendum_event_id"] is None


@pytest.mark.parametrize(
    ("principal_id", "role_id", "session_name"),
    [
        ("AROAX:sara@example.com", "AROAX", "sara@example.com"),
        ("123456789012:aws:ec2-instance:i-0abc", "123456789012:aws:ec2-instance", "i-0abc"),
        ("AROAX", None, None),
    ],
)
def test_row__a_role_session_is_split_at_the_last_colon(
    principal_id: str, role_id: str | None, session_name: str | None
) -> None:
    event = row(userIdentity=assumed_role(principal_id))
    assert (event["role_id"], event["session_name"]) == (role_id, session_name)
    assert event["role_session_id"] == (principal_id if role_id else None)


def test_row__only_an_assumed_role_is_a_role_session() -> None:
    assert row(userIdentity={"type": "AWSAccount", "principalId": "AROAX:sara"})["role_session_id"] is None


def test_row__the_session_context() -> None:
    event = row(
        userIdentity=assumed_role(
            sessionIssuer={"type": "Role", "arn": ROLE},
            attributes={"creationDate": "2023-07-10T11:00:00.9Z", "mfaAuthenticated": "true"},
            sourceIdentity="sara",
            ec2RoleDelivery="2.0",
            inScopeOf={"sourceArn": "arn:aws:lambda:x"},
        )
        | {"onBehalfOf": {"userId": "u", "identityStoreArn": "arn:store"}, "accessKeyId": ""},
        sessionCredentialFromConsole="true",
    )
    assert (event["role_arn"], event["source_identity"], event["ec2_role_delivery"]) == (ROLE, "sara", "2.0")
    assert event["session_created_at"] == datetime(2023, 7, 10, 11, tzinfo=UTC)
    assert (event["mfa_authenticated"], event["credential_from_console"], event["access_key_id"]) == (True, True, None)
    assert event["on_behalf_of"] == "arn:store/u"
    assert event["in_scope_of"] == '{"sourceArn":"arn:aws:lambda:x"}'


@pytest.mark.parametrize(
    ("issuer", "role_arn", "issuer_arn"),
    [
        (
            {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/sara"},
            None,
            "arn:aws:iam::123456789012:user/sara",
        ),
        ({"type": "Root", "arn": "arn:aws:iam::123456789012:root"}, None, "arn:aws:iam::123456789012:root"),
        ({"type": "Role", "arn": ROLE}, ROLE, None),
        ({"type": "IAMUser"}, None, None),
        ({"arn": "arn:aws:iam::123456789012:user/sara"}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_row__the_issuer_of_a_session_is_a_role_or_a_user(
    issuer: object, role_arn: str | None, issuer_arn: str | None
) -> None:
    event = row(userIdentity={"type": "FederatedUser", "sessionContext": {"sessionIssuer": issuer}})
    assert (event["role_arn"], event["session_issuer_arn"]) == (role_arn, issuer_arn)


@pytest.mark.parametrize(
    ("source", "ip", "host"),
    [
        ("203.0.113.7", "203.0.113.7", None),
        ("2001:DB8::1", "2001:db8::1", None),
        ("AWS Internal", None, "AWS Internal"),
        ("ec2.amazonaws.com", None, "ec2.amazonaws.com"),
        ("", None, None),
        (None, None, None),
    ],
)
def test_row__a_source_is_an_address_or_a_host(source: str | None, ip: str | None, host: str | None) -> None:
    event = row(sourceIPAddress=source)
    assert (event["source_ip"], event["source_host"]) == (ip, host)


def test_row__only_addresses_are_located() -> None:
    asked: list[str] = []

    def locate(address: str) -> Location:
        asked.append(address)
        return Location("DE", "Berlin", 52.5, 13.4, 64500, "Example Net")

    sources = ("203.0.113.7", "203.0.113.7", "AWS Internal")
    events = rows({"Records": [record(sourceIPAddress=source) for source in sources]}, locate)
    assert asked == ["203.0.113.7"]
    assert [event["city"] for event in events] == ["Berlin", "Berlin", None]
    assert (events[0]["latitude"], events[0]["asn"]) == (52.5, 64500)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (None, "success"),
        ("AccessDenied", "denied"),
        ("AccessDeniedException", "denied"),
        ("Client.UnauthorizedOperation", "denied"),
        ("UnauthorizedException", "denied"),
        ("AuthorizationErrorException", "denied"),
        ("VpceAccessDenied", "denied"),
        ("ThrottlingException", "throttled"),
        ("Client.RequestLimitExceeded", "throttled"),
        ("SlowDown", "throttled"),
        ("LimitExceededException", "failed"),
        ("Client.DryRunOperation", "dry_run"),
        ("NoSuchEntity", "failed"),
        ("ExpiredToken", "failed"),
        ("CloudTrailInvalidClientTokenIdException", "failed"),
    ],
)
def test_outcome_of(code: str | None, outcome: str) -> None:
    assert outcome_of(code) == outcome


def test_row__a_failed_sign_in_has_no_error_code() -> None:
    sign_in = {"eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com"}
    assert row(**sign_in, responseElements={"ConsoleLogin": "Failure"})["outcome"] == "failed"
    assert row(**sign_in, responseElements={"ConsoleLogin": "Success"})["outcome"] == "success"
    assert row(**sign_in, errorMessage="No username found in supplied account")["outcome"] == "failed"


def test_row__bodies_are_compact_json_with_sorted_keys_and_strings_stay() -> None:
    event = row(
        requestParameters={"b": 1, "a": {"d": None, "c": ["x"]}}, responseElements="text", additionalEventData={}
    )
    assert event["request_parameters"] == '{"a":{"c":["x"],"d":null},"b":1}'
    assert (event["response_elements"], event["additional_event_data"]) == ("text", None)


def test_row__equal_bodies_give_equal_rows_whatever_their_order() -> None:
    fields = record(requestParameters={"a": 1, "b": 2}, resources=[{"x": 1, "y": 2}])
    other = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value
        for key, value in reversed(fields.items())
    }
    first, second = rows({"Records": [fields, other]})
    assert first == second | {"record_index": 0}


def test_row__a_name_that_would_fill_the_memory_is_rejected() -> None:
    assert row(eventName="x" * 1_025)["reason"] == "eventName or eventSource of more than 1024 characters"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"eventTime": None}, "no eventTime"),
        ({"eventTime": "..."}, "eventTime is not a time"),
        ({"eventTime": 1688990122}, "eventTime is not a time"),
        ({"eventSource": ""}, "no eventSource"),
        ({"eventName": {}}, "no eventName"),
        ({"eventCategory": "Insight"}, "an Insights event, not a call"),
        ({"eventType": "AwsCloudTrailInsight"}, "an Insights event, not a call"),
    ],
)
def test_row__what_is_no_event_is_rejected(changed: dict[str, Any], reason: str) -> None:
    rejected = row(**changed, requestParameters={"password": "hunter2"})
    assert rejected["reason"] == reason
    assert rejected["event_id"] is None
    assert rejected["sha256"]
    assert "hunter2" not in rejected["excerpt"]
    assert "[removed]" in rejected["excerpt"]


def test_row__no_account_at_all_is_rejected() -> None:
    content = orjson.dumps({"Records": [record(recipientAccountId="XXXXXXXXXXX")]})
    [batch] = delivery_batches([Object("o", "v1", None)], lambda _uri: content, lambda _address: NOWHERE)
    assert batch.column("reason").to_pylist() == ["no account id of twelve digits"]


def test_row__the_other_records_of_an_object_go_in() -> None:
    found = rows(b'{"Records": [7, null, %s, {"a": %s}]}' % (orjson.dumps(record()), b"[" * 300 + b"]" * 300))
    assert [each["record_index"] for each in found] == [0, 1, 2, 3]
    assert [each["reason"] for each in found] == ["the record is not an object"] * 2 + [None, "nested too deeply"]


def test_row__odd_types_become_text() -> None:
    event = row(
        userIdentity={"type": "IAMUser", "principalId": 12, "userName": {"b": 1, "a": 2}}, errorCode=5, readOnly="false"
    )
    assert (event["principal_id"], event["identity_user_name"]) == ("12", '{"a":2,"b":1}')
    assert (event["error_code"], event["outcome"], event["read_only"]) == ("5", "failed", False)


values = st.recursive(
    st.sampled_from(
        [None, "", {}, [], "x", 0, True, 1.5, -1, 2**63, "\ud800", "null", "2023-07-10T11:55:22Z", "1.2.3.4", "a:b"]
    )
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
IDENTITY = [
    "type",
    "principalId",
    "arn",
    "accountId",
    "accessKeyId",
    "userName",
    "invokedBy",
    "onBehalfOf",
    "sessionContext",
]
CONTEXT = ["attributes", "sessionIssuer", "sourceIdentity", "inScopeOf", "ec2RoleDelivery", "signInSessionArn"]
TOP = """eventID eventTime eventSource eventName recipientAccountId sharedEventID eventCategory eventType eventVersion readOnly
errorCode errorMessage userAgent sourceIPAddress requestParameters responseElements additionalEventData resources addendum awsRegion
sessionCredentialFromConsole serviceEventDetails requestID vpcEndpointId"""


def odd(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), values, max_size=4)


def nested(outer: str, inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={outer: inner})


identities = st.builds(lambda a, b: a | b, odd(IDENTITY), nested("sessionContext", values | odd(CONTEXT)))


@given(odd(TOP.split()), nested("userIdentity", values | identities))
def test_row__withstands_any_type_anywhere(top: dict[str, Any], identity: dict[str, Any]) -> None:
    import json  # noqa: PLC0415  (writes the lone surrogates that orjson refuses)

    [event] = rows(json.dumps({"Records": [record() | top | identity]}).encode())
    if event["reason"] is None:
        required = [column.name for column in CLOUDTRAIL_EVENTS.columns if column.required]
        assert [name for name in required if event[name] is None] == []
        assert "" not in {
            value for name, value in event.items() if name not in ("request_parameters", "response_elements")
        }


SECRET = "hunter2-hunter2-hunter2"


@given(
    st.lists(st.sampled_from(["userIdentity", "requestParameters", "responseElements", "a"]), max_size=4),
    st.sampled_from(["password", "sessionToken", "SecretString"]),
    st.sampled_from(["userAgent", "errorMessage", "eventName", "sourceIPAddress", "requestParameters", "requestID"]),
)
def test_row__a_planted_secret_is_in_no_column(path: list[str], name: str, text_field: str) -> None:
    planted: Any = {name: SECRET}
    for key in reversed(path):
        planted = {key: planted}
    event = row(**{text_field: f"x secret_access_key={SECRET} y"} | planted)
    assert SECRET not in str(event)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"NO REAL SAMPLES: {REAL} does not exist")
def test_row__every_real_record_is_a_row() -> None:
    reasons: Counter[str | None] = Counter()
    count = 0
    for path in sorted(REAL.glob("*/cloudtrail.ndjson")):
        content = path.read_bytes()
        count += len(content.splitlines())
        reasons.update(each["reason"] for each in rows(content))
    assert reasons.total() == count
    assert reasons[None] > 0.95 * count
    assert set(reasons) <= {
        None,
        "no eventTime",
        "eventTime is not a time",
        "no eventSource",
        "an Insights event, not a call",
        "a digest, not an event",
    }
