"""What is put into a bucket, in which night it is found there, and what of it comes twice: for tests of order.

Many small organisations, whose records lie in many small objects. What was published is lost and found again in two nights:
whole days and accounts late, some objects twice under other names (a second trail), some put there again (another ETag).
"""

from __future__ import annotations

import gzip
import json
import os
from collections import defaultdict
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.ingredients import organisation

ORGANISATIONS = 80
NIGHTS = 2
FINDINGS = 3
CORRECTED = "888888888888"
"""Account of the story that `_correction` tells."""

TWINS = "777777777777"
"""Account of the story that `_late_twin` tells, on days on which nothing else happens."""

Key = tuple[str, date]


class Delivery(NamedTuple):
    """An object of the bucket: where it lies, what is in it, in which night it is found, and in which it is put there again."""

    path: Path
    body: bytes
    night: int
    again: int | None = None


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
    return [
        *found,
        *_trouble(logs, found),
        *_correction(logs),
        *_late_twin(logs),
        *_digests(logs),
        *_findings(logs, records),
    ]


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


def _correction(logs: Path) -> list[Delivery]:
    """Return a call without its response, what was done with the key that it issued, and a night later the addendum that says so."""
    role, context = f"arn:aws:iam::{CORRECTED}:role/admin", {"attributes": {"creationDate": "2026-05-04T10:00:00Z"}}
    issuer = {"type": "Role", "arn": role, "principalId": "AROAADMIN", "accountId": CORRECTED}
    alice = {
        "type": "IAMUser",
        "principalId": "AIDAALICE",
        "accountId": CORRECTED,
        "accessKeyId": "AKIAALICE",
        "arn": f"arn:aws:iam::{CORRECTED}:user/alice",
    }
    sara = {
        "type": "AssumedRole",
        "principalId": "AROAADMIN:sara",
        "accountId": CORRECTED,
        "accessKeyId": "ASIASARA",
        "arn": f"arn:aws:sts::{CORRECTED}:assumed-role/admin/sara",
        "sessionContext": {"sessionIssuer": issuer, **context},
    }
    told = {"recipientAccountId": CORRECTED, "awsRegion": "us-east-1", "eventCategory": "Management"}
    # Without the name, only the response leads from the call to its session.
    call = told | {
        "eventID": "assume",
        "eventTime": "2026-05-04T10:00:00Z",
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
        "userIdentity": alice,
        "requestParameters": {"roleArn": role},
    }
    use = told | {
        "eventID": "use",
        "eventTime": "2026-05-04T10:05:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "userIdentity": sara,
    }
    response = {
        "credentials": {"accessKeyId": "ASIASARA", "expiration": "May 4, 2026, 11:00:00 AM"},
        "assumedRoleUser": {"assumedRoleId": "AROAADMIN:sara", "arn": sara["arn"]},
    }
    addendum = {"reason": "UPDATED_DATA", "updatedFields": "responseElements", "originalEventID": "assume"}
    corrected = call | {"eventID": "correction", "responseElements": response, "addendum": addendum}
    day = date(2026, 5, 4)
    return [
        Delivery(_path(logs, (CORRECTED, day), 1), _packed([call, use]), 0),
        Delivery(_path(logs, (CORRECTED, day + timedelta(days=1)), 2), _packed([corrected]), 1),
    ]  # fmt: skip


def _late_twin(logs: Path) -> list[Delivery]:
    """Return a session that assumes another role after midnight, and a night later a call that issued a second key in its second.

    The key then is part of the session's id, and whoever names it as parent must follow, on whatever day it began.
    """
    told = {"recipientAccountId": TWINS, "awsRegion": "us-east-1", "eventCategory": "Management"}
    alice = {"type": "IAMUser", "principalId": "AIDAALICE", "accountId": TWINS, "accessKeyId": "AKIAALICE",
             "arn": f"arn:aws:iam::{TWINS}:user/alice"}  # fmt: skip

    def session(role: str, key: str, since: str) -> dict[str, Any]:
        issuer = {
            "type": "Role",
            "arn": f"arn:aws:iam::{TWINS}:role/{role}",
            "principalId": f"AROA{role}",
            "accountId": TWINS,
        }
        context = {"attributes": {"creationDate": since}, "sessionIssuer": issuer}
        arn = f"arn:aws:sts::{TWINS}:assumed-role/{role}/late"
        return {"type": "AssumedRole", "principalId": f"AROA{role}:late", "accountId": TWINS, "accessKeyId": key, "arn": arn,
                "sessionContext": context}  # fmt: skip

    def assumption(event_id: str, who: dict[str, Any], at: str, role: str, key: str) -> dict[str, Any]:
        issued = {"credentials": {"accessKeyId": key, "expiration": "Apr 28, 2026, 2:00:00 AM"},
                  "assumedRoleUser": {"assumedRoleId": f"AROA{role}:late", "arn": session(role, key, at)["arn"]}}  # fmt: skip
        return told | {"eventID": event_id, "eventTime": at, "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
                       "userIdentity": who, "responseElements": issued,
                       "requestParameters": {"roleArn": f"arn:aws:iam::{TWINS}:role/{role}", "roleSessionName": "late"}}  # fmt: skip

    first, second = "2026-04-27T23:50:00Z", "2026-04-28T00:10:00Z"
    parent, child = session("first", "ASIAONE", first), session("second", "ASIATHREE", second)
    use = told | {"eventID": "use", "eventTime": "2026-04-28T00:20:00Z", "eventSource": "ec2.amazonaws.com",
                  "eventName": "DescribeInstances", "userIdentity": child}  # fmt: skip
    story = [
        assumption("one", alice, first, "first", "ASIAONE"),
        assumption("three", parent, second, "second", "ASIATHREE"),
        use,
    ]
    day = date(2026, 4, 28)
    return [
        Delivery(_path(logs, (TWINS, day), 1), _packed(story), 0),
        Delivery(_path(logs, (TWINS, day), 2), _packed([assumption("two", alice, first, "first", "ASIATWO")]), 1),
    ]


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
