"""Findings from GuardDuty's own API: the same rows as from the export, whichever regions and detectors they come from.

moto knows detectors and no findings; these are answered for it here, with the service's own limits.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws

from pipelines.sources.aws import Access, client, forget_clients
from pipelines.sources.failures import Failure
from pipelines.sources.guardduty import FindingsOfApi
from pipelines.sources.layout import SourceError
from transforms.cloudtrail.deliveries import Object
from transforms.cloudtrail.objects import LEFT
from transforms.findings import delivery_batches

HOME, OTHER = "eu-west-1", "us-east-1"
DAYS = (date(2026, 3, 1), date(2026, 3, 3))
ACCESS = Access(region=HOME, attempts=1)


def finding(
    identifier: str, updated_at: str = "2026-03-02T10:00:00.000Z", account: str = "111111111111"
) -> dict[str, Any]:
    """A finding as the export has it; the API's differs in the first letter of each name."""
    action = {
        "actionType": "AWS_API_CALL",
        "awsApiCallAction": {
            "api": "PutEventSelectors", "serviceName": "cloudtrail.amazonaws.com", "callerType": "Remote IP",
            "remoteIpDetails": {"ipAddressV4": "198.51.100.7", "country": {"countryName": "Norway"},
                                "geoLocation": {"lat": 59.9, "lon": 10.75}, "organization": {"asn": "64500", "asnOrg": "x"}},
            "affectedResources": {"AWS::CloudTrail::Trail": "trail"},
        },
    }  # fmt: skip
    return {
        "schemaVersion": "2.0", "accountId": account, "region": HOME, "partition": "aws", "id": identifier,
        "arn": f"arn:aws:guardduty:{HOME}:{account}:detector/d/finding/{identifier}",
        "type": "Stealth:IAMUser/CloudTrailLoggingDisabled", "title": "Trail was disabled", "description": "It was.",
        "severity": 2.0, "createdAt": "2026-03-01T09:00:00.000Z", "updatedAt": updated_at,
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": {
            "accessKeyId": "ASIA1", "principalId": "AROAADMIN:sara", "userName": "admin", "userType": "AssumedRole"}},
        "service": {"serviceName": "guardduty", "detectorId": "d", "resourceRole": "TARGET", "archived": False, "count": 3,
                    "eventFirstSeen": "2026-03-01T08:00:00.000Z", "eventLastSeen": "2026-03-02T09:59:00.000Z", "action": action},
    }  # fmt: skip


@dataclass
class Service:
    """The findings of a region, and what was asked of it."""

    findings: list[dict[str, Any]] = field(default_factory=list)
    denied: bool = False
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, request: Any, **_more: Any) -> AWSResponse:
        asked = json.loads(request.body)
        operation = request.url.rsplit("/", 1)[1]
        self.asked.append((operation, asked))
        if self.denied:
            return _response(403, {"message": "no"}, {"x-amzn-ErrorType": "AccessDeniedException"})
        return _response(200, self._listed(asked) if operation == "findings" else self._got(asked))

    def _listed(self, asked: dict[str, Any]) -> dict[str, Any]:
        criterion = asked["findingCriteria"]["criterion"]
        least, end = (criterion["updatedAt"][name] for name in ("greaterThanOrEqual", "lessThan"))
        accounts = criterion.get("accountId", {}).get("equals")
        matching = [
            each["id"]
            for each in sorted(self.findings, key=lambda each: str(each["updatedAt"]))
            if least <= datetime.fromisoformat(each["updatedAt"]).timestamp() * 1000 < end
            and (accounts is None or each["accountId"] in accounts)
        ]
        begin = int(asked.get("nextToken") or 0)
        more = begin + 50 < len(matching)
        return {"findingIds": matching[begin : begin + 50], "nextToken": str(begin + 50) if more else ""}

    def _got(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert len(asked["findingIds"]) <= 50
        return {"findings": [each for each in self.findings if each["id"] in asked["findingIds"]]}


class _Raw(BytesIO):
    def stream(self, *_arguments: Any, **_more: Any) -> Iterator[bytes]:
        yield self.read()


def _response(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> AWSResponse:
    return AWSResponse("http://x", status, headers or {}, _Raw(json.dumps(body).encode()))


@pytest.fixture
def services() -> Iterator[dict[str, Service]]:
    """Two regions with a detector each; in every other one GuardDuty is not enabled."""
    found = {HOME: Service(), OTHER: Service()}
    forget_clients()
    with mock_aws():
        for region, service in found.items():
            boto3.client("guardduty", region_name=region).create_detector(Enable=True)
            events = client("guardduty", ACCESS, region).meta.events
            for operation in ("ListFindings", "GetFindings"):
                events.register_first(f"before-send.guardduty.{operation}", service.answer)
        yield found
    forget_clients()


def listed(root: str = f"guardduty:{HOME},{OTHER}", days=DAYS, accounts=None, failures: list[Failure] | None = None):
    report = failures.append if failures is not None else _none
    return list(FindingsOfApi(root, ACCESS).objects("guardduty", *days, accounts, report))


def _none(failure: Failure) -> None:
    raise AssertionError(failure)


def rows_of(objects) -> list[dict[str, Any]]:
    wanted = [Object(each.uri, each.etag, each.account_id) for each in objects]
    batches = FindingsOfApi("guardduty:", ACCESS).apply(delivery_batches, wanted)
    return [row for batch in batches for row in batch.to_pylist()]


# -- what is found -----------------------------------------------------------------------------------------------------


def test_objects__give_the_same_rows_as_the_export(services):
    services[HOME].findings = [finding("one"), finding("two", "2026-03-03T23:59:59.999Z", account="222222222222")]
    exported = gzip.compress(b"\n".join(json.dumps(each).encode() for each in services[HOME].findings))
    from_export = [
        row
        for batch in delivery_batches([Object("s3://b/f.jsonl.gz", "e", None)], lambda _uri: exported)
        for row in batch.to_pylist()
    ]
    from_api = rows_of(listed())
    provenance = ("source_uri", "source_etag", "record_index")
    assert [_without(row, provenance) for row in from_api] == [_without(row, provenance) for row in from_export]
    assert [row["reason"] for row in from_api] == [None, None]


def _without(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_objects__say_where_a_finding_is_and_which_version(services):
    services[HOME].findings = [finding("a/b")]
    [found] = listed()
    detector = boto3.client("guardduty", region_name=HOME).list_detectors()["DetectorIds"][0]
    assert (found.uri, found.etag) == (f"guardduty://{HOME}/{detector}/a%2Fb", "2026-03-02T10:00:00.000Z")
    assert (found.account_id, found.region, found.publish_date) == ("111111111111", HOME, date(2026, 3, 2))


def test_objects__of_all_pages_and_regions_by_fifties(services):
    services[HOME].findings = [finding(f"{number:03}") for number in range(120)]
    services[OTHER].findings = [finding("elsewhere")]
    found = listed("guardduty:")
    assert len(found) == 121
    assert [row["finding_id"] for row in rows_of(found)] == [*(f"{number:03}" for number in range(120)), "elsewhere"]
    operations = [operation for operation, _ in services[HOME].asked]
    assert (operations.count("findings"), operations.count("get")) == (3, 6)  # listed, and read by workers


def test_objects__were_updated_on_the_days_of_the_accounts(services):
    times = [
        "2026-02-28T23:59:59.999Z",
        "2026-03-01T00:00:00.000Z",
        "2026-03-03T23:59:59.999Z",
        "2026-03-04T00:00:00.000Z",
    ]
    services[HOME].findings = [finding(each, each) for each in times]
    assert [each.etag for each in listed()] == times[1:3]
    services[HOME].findings = [finding("one"), finding("two", account="222222222222")]
    assert [each.account_id for each in listed(accounts=frozenset({"222222222222"}))] == ["222222222222"]


def test_apply__a_finding_that_was_updated_or_went_meanwhile_is_left(services):
    services[HOME].findings = [finding("one"), finding("two"), finding("three")]
    found = listed()
    services[HOME].findings = [finding("one"), finding("two", "2026-03-03T11:00:00.000Z")]
    reasons = {row["source_uri"].rsplit("/", 1)[1]: row["reason"] for row in rows_of(found)}
    gone, replaced = f"{LEFT}gone since it was listed", f"{LEFT}replaced since it was listed"
    assert reasons == {"one": None, "two": replaced, "three": gone}


def test_days__are_those_that_the_service_keeps(services):
    today = datetime.now(UTC).date()
    first, last = FindingsOfApi("guardduty:", ACCESS).days("guardduty", None, None, None, _none)
    assert (last, (last - first).days) == (today, 91)
    assert FindingsOfApi("guardduty:", ACCESS).days("guardduty", None, date(2020, 1, 1), None, _none) == []


# -- what cannot be had --------------------------------------------------------------------------------------------------


def test_objects__a_region_that_is_denied_is_reported_and_the_others_are_listed(services):
    services[HOME].denied = True
    services[OTHER].findings = [finding("there")]
    failures: list[Failure] = []
    assert [each.region for each in listed(failures=failures)] == [OTHER]
    [failure] = failures
    assert (failure.prefix, failure.first, failure.last) == (f"guardduty://{HOME}/", *DAYS)
    assert failure.reason == "access denied (AccessDeniedException)"
    services[HOME].denied, services[HOME].findings = False, [finding("here")]
    part = FindingsOfApi("guardduty:", ACCESS).within(failure.prefix)
    assert [each.region for each in part.objects("guardduty", *DAYS, None, _none)] == [HOME]


def test_objects__a_region_that_is_named_and_has_no_detector_is_reported(services):
    failures: list[Failure] = []
    assert listed(f"guardduty:{HOME},ap-south-1", failures=failures) == []
    assert [(failure.region, failure.reason) for failure in failures] == [
        ("ap-south-1", "GuardDuty is not enabled there")
    ]


def test_objects__no_detector_anywhere_is_said(services):
    with pytest.raises(
        SourceError, match=r"^guardduty: guardduty:ap-south-1 has no findings: GuardDuty is not enabled"
    ):
        listed("guardduty:ap-south-1")


def test_within__a_part_of_regions_that_are_not_named_is_none():
    assert FindingsOfApi(f"guardduty:{HOME}", ACCESS).within(f"guardduty://{OTHER}/") is None
    assert FindingsOfApi("guardduty:", ACCESS).within("s3://b/") is None
