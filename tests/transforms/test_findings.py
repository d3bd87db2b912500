"""GuardDuty findings, in each of the forms they come in."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.tables import GUARDDUTY_FINDINGS
from transforms import findings
from transforms.cloudtrail import delivery_ddl, parse_objects
from transforms.cloudtrail.deliveries import Object

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REAL = Path(__file__).parents[3] / "shared" / "real"


def finding(**fields: Any) -> dict[str, Any]:
    return {
        "id": "f-1",
        "type": "Stealth:IAMUser/CloudTrailLoggingDisabled",
        "accountId": "123456789012",
        "severity": 2,
        "createdAt": "2026-05-01T13:10:00.000Z",
        "updatedAt": "2026-05-01T13:25:38.123Z",
        "resource": {
            "accessKeyDetails": {"accessKeyId": "ASIAX", "principalId": "AROAX:sara", "userType": "AssumedRole"}
        },
        "service": {
            "count": 2,
            "eventFirstSeen": "2026-05-01T13:00:00Z",
            "eventLastSeen": "2026-05-01T13:09:26Z",
            "action": {
                "actionType": "AWS_API_CALL",
                "awsApiCallAction": {
                    "api": "StopLogging",
                    "remoteIpDetails": {"ipAddressV4": "203.0.113.7"},
                    "affectedResources": {"AWS::CloudTrail::Trail": "main"},
                },
            },
        },
    } | fields


def rows(*documents: Any) -> list[dict[str, Any]]:
    content = b"\n".join(orjson.dumps(document) for document in documents)
    return rows_of(content)


def rows_of(content: bytes) -> list[dict[str, Any]]:
    batches = findings.delivery_batches([Object("s3://b/f", "v1", None)], lambda _uri: gzip.compress(content))
    return [row for batch in batches for row in batch.to_pylist()]


def upper_camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[0].upper() + key[1:]: upper_camel(item) for key, item in value.items()}
    return value


def test_row__is_the_finding() -> None:
    [row] = rows(finding())
    assert row["reason"] is None
    assert (row["finding_id"], row["severity"], row["severity_label"], row["count"]) == ("f-1", 2.0, "Low", 2)
    assert row["updated_at"] == datetime(2026, 5, 1, 13, 25, 38, 123000, tzinfo=UTC)
    assert row["updated_date"] == date(2026, 5, 1)
    assert row["first_seen_at"] == datetime(2026, 5, 1, 13, tzinfo=UTC)
    assert row["last_seen_at"] == datetime(2026, 5, 1, 13, 9, 26, tzinfo=UTC)
    assert (row["principal_id"], row["user_type"], row["api"]) == ("AROAX:sara", "AssumedRole", "StopLogging")
    assert (row["action_type"], row["remote_ip"]) == ("AWS_API_CALL", "203.0.113.7")
    assert orjson.loads(row["document"]) == finding()


@pytest.mark.parametrize(
    "wrapped",
    [
        upper_camel(finding()),
        {"detail-type": "GuardDuty Finding", "source": "aws.guardduty", "id": "event", "detail": finding()},
        [finding()],
        {"Findings": [upper_camel(finding())]},
        {"findings": [finding()]},
    ],
    ids=["UpperCamel", "EventBridge", "array", "API", "api"],
)
def test_row__is_the_same_in_every_form(wrapped: Any) -> None:
    assert rows(wrapped) == rows(finding())


def test_row__the_keys_of_maps_stay() -> None:
    profiles = {"account": {"ASSUMED_ROLE": ["FREQUENT"], "Sara": []}}
    [row] = rows(finding(service={"detection": {"anomaly": {"profiles": profiles}}}))
    assert orjson.loads(row["document"])["service"]["detection"]["anomaly"]["profiles"] == profiles


def test_row__each_line_is_a_finding_and_a_bad_one_is_rejected() -> None:
    found = rows_of(orjson.dumps(finding()) + b"\n\n{oops\n" + orjson.dumps(finding(id="f-2")))
    assert [(row["record_index"], row["finding_id"], row["reason"]) for row in found] == [
        (0, "f-1", None),
        (1, None, "not JSON"),
        (2, "f-2", None),
    ]


def test_row__without_times_of_events_the_finding_times_stand() -> None:
    [row] = rows(finding(service={}))
    assert row["first_seen_at"] == row["created_at"]
    assert row["last_seen_at"] == row["updated_at"]


def test_row__times_of_events_in_the_wrong_order_are_put_right() -> None:
    [row] = rows(finding(service={"eventFirstSeen": "2026-05-02T00:00:00Z", "eventLastSeen": "2026-05-01T00:00:00Z"}))
    assert row["first_seen_at"] < row["last_seen_at"]


@pytest.mark.parametrize(
    ("severity", "label"), [(1, "Low"), (3.9, "Low"), (4, "Medium"), (6.9, "Medium"), ("7.0", "High"), (9, "Critical")]
)
def test_row__severity_has_a_label(severity: float | str, label: str) -> None:
    assert rows(finding(severity=severity))[0]["severity_label"] == label


def test_row__a_probe_has_its_remote_address_in_a_list() -> None:
    probe = {"portProbeDetails": [{"remoteIpDetails": {"ipAddressV6": "2001:db8::1"}}]}
    [row] = rows(finding(service={"action": {"actionType": "PORT_PROBE", "portProbeAction": probe}}))
    assert (row["remote_ip"], row["api"]) == ("2001:db8::1", None)


@pytest.mark.parametrize("name", ["id", "type", "accountId", "updatedAt", "severity"])
def test_row__what_lacks_its_key_is_rejected(name: str) -> None:
    [row] = rows(finding(**{name: None}))
    assert row["reason"] == f"no {name}"
    assert row["excerpt"].startswith('{"accountId"')


def test_row__secrets_are_removed_from_the_document() -> None:
    [row] = rows(finding(description="password=hunter2", service={"x": {"sessionToken": "hunter2"}}))
    assert "hunter2" not in str(row)


@pytest.mark.parametrize(("content", "reason"), [(b"{}", "no findings"), (b"7", "no findings"), (b"<a>", "not JSON")])
def test_rows__an_object_without_findings_is_rejected(content: bytes, reason: str) -> None:
    assert [(row["record_index"], row["reason"]) for row in rows_of(content)] == [(-1, reason)]


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from(sorted(finding())), odd),
    st.dictionaries(st.sampled_from(["action", "count", "eventFirstSeen"]), odd),
)
def test_row__withstands_any_type_anywhere(fields: dict[str, Any], service: dict[str, Any]) -> None:
    import json  # noqa: PLC0415  (writes numbers that orjson refuses)

    content = json.dumps(finding(service=service) | fields).encode()
    assert len(rows_of(content)) == 1


@pytest.mark.skipif(not REAL.is_dir(), reason=f"NO REAL SAMPLES: {REAL} does not exist")
def test_row__every_real_finding_is_a_row() -> None:
    found = [row for path in sorted(REAL.glob("*/guardduty.ndjson")) for row in rows_of(path.read_bytes())]
    assert Counter(row["reason"] for row in found) == {None: 62}


def test_parse_and_resolve__the_same_version_twice_is_one_finding(spark: SparkSession) -> None:
    blobs = {
        "a": orjson.dumps(finding()),
        "b": orjson.dumps([finding(), finding(updatedAt="2026-05-02T00:00:00Z"), finding(severity=8)]),
    }
    objects = spark.createDataFrame([(uri, "v1", None) for uri in blobs], "uri string, etag string, account_id string")
    ddl = delivery_ddl(GUARDDUTY_FINDINGS)
    deliveries = parse_objects(objects, lambda listed: findings.delivery_batches(listed, blobs.__getitem__), ddl)
    resolved = findings.resolve_copies(deliveries, deliveries.where("false"))
    new = resolved.new_events.select("updated_date").collect()
    assert sorted(row.updated_date for row in new) == [date(2026, 5, 1), date(2026, 5, 2)]
    assert [row.reason for row in resolved.rejects.collect()] == ["another record has the same finding id and time"]
