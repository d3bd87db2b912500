"""Events, digests and objects of small accounts, in which a test states only what it is about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

from expectations.tables import CLOUDTRAIL_EVENTS, INGEST_FILES, LOG_DIGESTS
from tests.builders import Row, at, row

ORGANISATION = "o-abcdefghij"
HOME, OTHER = "us-east-1", "us-west-2"
DAY, NEXT = "2026-05-01", "2026-05-02"
SELECTORS = {
    "nothing": {"includeManagementEvents": False},
    "reads": {"readWriteType": "ReadOnly"},
    "writes": {"readWriteType": "WriteOnly"},
    "all": {"readWriteType": "All"},
}


def event(time: str | datetime, account: str, region: str = HOME, **fields: Any) -> Row:
    """Return a read-only management event."""
    when = at(time) if isinstance(time, str) else time
    own_id = f"{account}-{region}-{when:%m-%d %H:%M:%S}"
    own = {"event_id": own_id, "event_at": when, "recipient_account_id": account, "region": region}
    return row(CLOUDTRAIL_EVENTS, **{**own, **fields})


def call(
    time: str | datetime, account: str, name: str, region: str = HOME, trail: str | None = "main", **fields: Any
) -> Row:
    """Return a call to CloudTrail about a trail; `selects` says what its selectors take."""
    asked: dict[str, Any] = {"name": trail}
    if selects := fields.pop("selects", None):
        asked = {"trailName": trail, "eventSelectors": [SELECTORS[selects]]}
    of_trail = {"event_name": name, "event_source": "cloudtrail.amazonaws.com", "read_only": False}
    fields = {"request_parameters": json.dumps(asked), **of_trail, **fields}
    one = event(time, account, region, **fields)
    return {**one, "event_id": f"{one['event_id']} {name}", "action_id": f"{one['event_id']} {name}"}


def hourly(first: str, count: int, account: str, region: str = HOME, but: Iterable[int] = ()) -> list[Row]:
    """Return an event in each of so many hours, but for some of them."""
    return [
        event(at(first) + timedelta(hours=n, minutes=7), account, region) for n in range(count) if n not in set(but)
    ]


def digest(start: datetime, end: datetime, account: str, region: str = HOME, trail: str = "main", **fields: Any) -> Row:
    """Return a digest that names none before it."""
    root = f"AWSLogs/{ORGANISATION}" if fields.pop("is_of_organisation", False) else "AWSLogs"
    name = f"{account}_CloudTrail-Digest_{region}_{trail}_{HOME}_{end:%Y%m%dT%H%M%SZ}.json.gz"
    key = f"{root}/{account}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/{name}"
    own = {
        "digest_started_at": start, "digest_ended_at": end, "account_id": account, "region": region, "trail_name": trail,
        "home_region": HOME, "object_key": key, "content_sha256": sha256(f"{key} {start}".encode()).hexdigest(),
    }  # fmt: skip
    return row(LOG_DIGESTS, **{**own, **fields})


def chain(times: Sequence[str], account: str, region: str = HOME, trail: str = "main", **fields: Any) -> list[Row]:
    """Return digests from each time to the next, each of which names the one before."""
    made: list[Row] = []
    for start, end in pairwise(times):
        before = (
            {"previous_object_key": made[-1]["object_key"], "previous_sha256": made[-1]["content_sha256"]}
            if made
            else {}
        )
        made.append(digest(at(start), at(end), account, region, trail, **{**before, **fields}))
    return made


def hours(first: int, last: int, day: str = DAY) -> list[str]:
    """Return the times from one whole hour of a day to another."""
    return [f"{day} {hour:02}:00" for hour in range(first, last + 1)]


def file_of(events: Sequence[Row], number: int = 0, **fields: Any) -> Row:
    """Return the object that holds these events of one day, account and region."""
    last = max(each["event_at"] for each in events)
    account, region = events[0]["recipient_account_id"], events[0]["region"]
    own = {
        "uri": f"s3://logs/{account}/{region}/{last:%Y-%m-%d}/{number}.json.gz", "account_id": account, "region": region,
        "publish_date": last.date(), "max_event_at": last, "record_count": len(events),
    }  # fmt: skip
    return row(INGEST_FILES, **{**own, **fields})


def files_of(events: Iterable[Row]) -> list[Row]:
    """Return one object for each day, account and region."""
    by_day: dict[Any, list[Row]] = {}
    for each in events:
        by_day.setdefault((each["event_date"], each["recipient_account_id"], each["region"]), []).append(each)
    return [file_of(of_day) for of_day in by_day.values()]
