"""How AWS lays logs out, wherever they lie: kinds, what their objects are called, and what a source says of an object.

[prefix/]AWSLogs/[<org>/]<account>/<kind>/<region>/YYYY/MM/DD/[HH/]<object>
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

CLOUDTRAIL, DIGESTS, GUARDDUTY, FLOWS = "cloudtrail", "cloudtrail-digest", "guardduty", "vpcflowlogs"
LAYOUTS = {
    CLOUDTRAIL: "AWSLogs/<account>/CloudTrail/<region>/YYYY/MM/DD/*.json.gz",
    DIGESTS: "AWSLogs/<account>/CloudTrail-Digest/<region>/YYYY/MM/DD/*.json.gz",
    GUARDDUTY: "AWSLogs/<account>/GuardDuty/<region>/YYYY/MM/DD/*.jsonl.gz",
    FLOWS: "AWSLogs/<account>/vpcflowlogs/<region>/YYYY/MM/DD/*.log.gz",
}

_ENDINGS = {
    CLOUDTRAIL: (".json.gz", ".json"),
    DIGESTS: (".json.gz", ".json"),
    GUARDDUTY: (".jsonl.gz", ".jsonl", ".json.gz", ".json"),
    FLOWS: (".log.gz", ".log", ".parquet"),
}
# Flow logs may lie in Hive's way, and in hours below their day: `aws-account-id=<account>/aws-service=vpcflowlogs/…/hour=HH`.
_HIVE = re.compile(r"^(aws-account-id|aws-service|aws-region|year|month|day|hour)=")


class SourceError(Exception):
    """The source is missing, unreadable, or holds something else; the message says which, and what is expected."""

    def __init__(self, sentence: str, *, is_empty: bool = False) -> None:
        """Say what is wrong; it is empty, if it could be looked into and has nothing."""
        super().__init__(sentence)
        self.is_empty = is_empty


@dataclass(frozen=True, slots=True)
class SourceObject:
    """An object of a source: what its path says of it."""

    uri: str
    etag: str
    size: int
    source: str
    account_id: str
    region: str
    publish_date: date
    skipped: str | None = None
    """Why it is not for us, null if it is."""


def ending_problem(wanted: str, name: str) -> str | None:
    """Return why an object's name is not one of the wanted source, null if it is."""
    return None if name.endswith(_ENDINGS[wanted]) else f"not one of {', '.join(_ENDINGS[wanted])}"


def plain_name(part: str) -> str:
    """Return a part of a path as it is called without Hive's name before it: `04` for `day=04`."""
    return _HIVE.sub("", part)
