"""GuardDuty findings in the shape and layout of its S3 export (INPUTS §6).

Each version of a finding is an object of its own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from isal import igzip

from benchmarks.organisation.identifiers import uuid_text
from benchmarks.organisation.instants import iso, iso_milliseconds
from benchmarks.organisation.places import Place


@dataclass(frozen=True)
class Action:
    """The API call that a finding is about, and where it came from."""

    api: str
    service: str
    address: str
    place: Place
    agent: str
    affected: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A finding before its versions.

    `key` is accessKeyDetails; for a role its userName is the role's name, never the person's.
    """

    type: str
    title: str
    description: str
    severity: float
    account_id: str
    region: str
    key: dict[str, str]
    action: Action
    instance_id: str | None = None
    is_upper_camel: bool = False


@dataclass(frozen=True)
class Version:
    """What changes from one export of a finding to the next, in epoch seconds."""

    first_seen_at: int
    last_seen_at: int
    updated_at: int
    count: int = 1


def publish_finding(logs: Path, finding: Finding, versions: tuple[Version, ...], rng: random.Random) -> dict[str, Any]:
    """Write every version below `logs` and return the facts of the finding for story.json."""
    finding_id, detector = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(128):032x}"
    for version in versions:
        document = _document(finding, finding_id, detector, versions[0], version)
        body = orjson.dumps(
            _upper_camel(document) if finding.is_upper_camel else document, option=orjson.OPT_APPEND_NEWLINE
        )
        year, month, day = iso(version.updated_at)[:10].split("-")
        folder = logs / "guardduty" / "AWSLogs" / finding.account_id / "GuardDuty" / finding.region / year / month / day
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{uuid_text(rng)}.jsonl.gz").write_bytes(igzip.compress(body, 1, mtime=0))
    last = versions[-1]
    return {
        "id": finding_id,
        "type": finding.type,
        "title": finding.title,
        "severity": finding.severity,
        "account_id": finding.account_id,
        "region": finding.region,
        "access_key_id": finding.key["accessKeyId"],
        "principal_id": finding.key["principalId"],
        "user_name": finding.key["userName"],
        "user_type": finding.key["userType"],
        "first_seen_at": iso(last.first_seen_at),
        "last_seen_at": iso(last.last_seen_at),
        "updated_at": [iso(version.updated_at) for version in versions],
    }


def _document(finding: Finding, finding_id: str, detector: str, first: Version, version: Version) -> dict[str, Any]:
    resource: dict[str, Any] = {"resourceType": "AccessKey", "accessKeyDetails": finding.key}
    if finding.instance_id is not None:
        resource["instanceDetails"] = {
            "instanceId": finding.instance_id,
            "instanceType": "t3.large",
            "instanceState": "running",
        }
    return {
        "schemaVersion": "2.0",
        "accountId": finding.account_id,
        "region": finding.region,
        "partition": "aws",
        "id": finding_id,
        "arn": f"arn:aws:guardduty:{finding.region}:{finding.account_id}:detector/{detector}/finding/{finding_id}",
        "type": finding.type,
        "resource": resource,
        "service": {
            "serviceName": "guardduty",
            "detectorId": detector,
            "action": {"actionType": "AWS_API_CALL", "awsApiCallAction": _action(finding.action)},
            "resourceRole": "TARGET",
            "additionalInfo": {"value": "{}", "type": "default"},
            "eventFirstSeen": iso_milliseconds(version.first_seen_at),
            "eventLastSeen": iso_milliseconds(version.last_seen_at),
            "archived": False,
            "count": version.count,
        },
        "severity": finding.severity,
        "createdAt": iso_milliseconds(first.updated_at),
        "updatedAt": iso_milliseconds(version.updated_at),
        "title": finding.title,
        "description": finding.description,
    }


def _action(action: Action) -> dict[str, Any]:
    place = action.place
    remote = {
        "ipAddressV4": action.address,
        "organization": {
            "asn": str(place.asn),
            "asnOrg": place.organisation,
            "isp": place.organisation,
            "org": place.organisation,
        },
        "country": {"countryName": place.country},
        "city": {"cityName": place.city or ""},
        "geoLocation": {"lat": place.latitude, "lon": place.longitude},
    }
    return {
        "api": action.api,
        "serviceName": action.service,
        "callerType": "Remote IP",
        "userAgent": action.agent,
        "remoteIpDetails": remote,
        "affectedResources": action.affected,
    }


def _upper_camel(value: Any) -> Any:
    """Return a document as an SDK's dictionaries have it, with upper-case first letters."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _upper_camel(each) for key, each in value.items()}
    return [_upper_camel(each) for each in value] if isinstance(value, list) else value
