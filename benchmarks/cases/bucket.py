"""The log bucket as a folder, in CloudTrail's true layout: an object per trail, account, region and five minutes."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from isal import igzip

from benchmarks.cases.book import ACCOUNT_TRAIL, INSIGHTS, Delivery
from benchmarks.organisation.identifiers import object_suffix
from benchmarks.organisation.instants import compact, iso


def write_objects(logs: Path, organization_id: str, deliveries: Iterable[Delivery], rng: random.Random) -> int:
    """Write deliveries as objects below `logs`; return how many. Within an object the order stays as it was written."""
    count = 0
    for _, same_object in groupby(sorted(deliveries, key=_object), key=_object):
        group = list(same_object)
        path = logs / "AWSLogs" / _key(organization_id, group[0], object_suffix(rng))
        path.parent.mkdir(parents=True, exist_ok=True)
        body = b'{"Records":[' + b",".join(each.body for each in group) + b"]}"
        path.write_bytes(igzip.compress(body, 1, mtime=0))
        count += 1
    return count


def _object(delivery: Delivery) -> tuple[int, str, str, str]:
    return delivery[:4]


def _key(organization_id: str, delivery: Delivery, suffix: str) -> str:
    """Return an object's key below AWSLogs. The trail of a single account has no organization in its path."""
    at, account, region = delivery.published_at, delivery.account_id, delivery.region
    prefix = "" if delivery.trail == ACCOUNT_TRAIL else f"{organization_id}/"
    kind = "CloudTrail-Insight" if delivery.trail == INSIGHTS else "CloudTrail"
    day = iso(at)[:10].replace("-", "/")
    name = f"{account}_{kind}_{region}_{compact(at)[:-3]}Z_{suffix}.json.gz"
    return f"{prefix}{account}/{kind}/{region}/{day}/{name}"
