"""Digests: the lists of delivered log files that CloudTrail writes every hour, each with the hash of the one before.

Belongs here: what a digest object says of itself. Does not: whether the chain of them holds (coverage).

Formats: AWS, *CloudTrail digest file structure*; INPUTS §4; SEMANTICS §6. A signature is in the object's metadata in S3, which a
folder has not, and its key at AWS: it is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from expectations.tables.bronze import LOG_DIGESTS
from transforms.cloudtrail.arrow import delivery_schema, record_batch
from transforms.cloudtrail.copies import IN_EVENTS, Claims, Resolved, contested_claims, resolve
from transforms.cloudtrail.deliveries import Object, deliveries_of, rejection
from transforms.cloudtrail.instants import DAY, instant
from transforms.cloudtrail.objects import LIMIT, Read, UnreadableError, document

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CLAIMS = Claims(LOG_DIGESTS, LOG_DIGESTS.key, "another digest has the same key and content")
_ROWS = 1024
_SCHEMA = delivery_schema(LOG_DIGESTS)
_COLUMNS = tuple(_SCHEMA.names)
_PATH = re.compile(r"([0-9]{12})/CloudTrail-Digest/([^/]+)/([0-9]{4})/([0-9]{2})/([0-9]{2})/([^/]+)\Z", re.ASCII)
_NAME = re.compile(
    r"[0-9]{12}_CloudTrail-Digest_[a-z0-9-]+_(?P<trail>.+)_(?P<home>[a-z0-9-]+)_[0-9]{8}T[0-9]{6}Z(?P<backfill>_backfill)?\.json(\.gz)?",
    re.ASCII,
)
_ROOT = "AWSLogs/"
_EPOCH = date(1970, 1, 1).toordinal()
_LONGEST_KEY = 1024  # of S3
_WHOLE_OBJECT = -1


def delivery_batches(objects: Iterable[Object], read: Read, limit: int = LIMIT) -> Iterator[pa.RecordBatch]:
    """Return one row per object.

    Args:
        objects: what to read; account, region, day and the trail's name are taken from the uri.
        read: from uri to the object's bytes; an OSError rejects the object.
        limit: the largest object, in bytes unpacked.

    Returns:
        The columns of log_digests, and `reason`, `sha256` and `excerpt` of what was rejected, as for CloudTrail. An object is one
        digest: what is wrong with it is wrong with the object, whose record_index is then -1.
    """
    rows: list[tuple[Any, ...]] = []
    for source in objects:
        rows.append(_row(source, read, limit))
        if len(rows) >= _ROWS:
            yield record_batch(_SCHEMA, _COLUMNS, rows)
            rows = []
    if rows:
        yield record_batch(_SCHEMA, _COLUMNS, rows)


def resolve_copies(
    deliveries: DataFrame,
    existing: DataFrame,
    *,
    rejected: DataFrame | None = None,
    settle: Callable[[DataFrame], DataFrame] | None = None,
) -> Resolved:
    """Return which deliveries stand: every content of an object once, by the rule for events.

    A digest that was written over with another content is another row: which of them the next digest names is what the chain
    is for.

    Args:
        deliveries: of `parse_objects`, persisted.
        existing: of the stored digests of the digest_dates concerned: key, body_sha256, source_uri, source_etag, record_index.
        rejected: see `transforms.cloudtrail.resolve_copies`.
        settle: see there.
    """
    contested = contested_claims(CLAIMS, deliveries, {IN_EVENTS: existing})
    return resolve(CLAIMS, deliveries, contested, rejected=rejected, settle=settle)


def _row(source: Object, read: Read, limit: int) -> tuple[Any, ...]:
    contents: list[bytes] = []

    def split(content: bytes) -> list[Any]:
        contents.append(content)
        return [document(content)]

    [delivery] = deliveries_of(source, read, limit, split)
    values: dict[str, Any] = {"source_uri": source.uri, "source_etag": source.etag, "record_index": 0}
    reason = delivery.reason
    if reason is None:
        try:
            values |= digest_row(delivery.record, source.uri)
            values |= {
                name: sha256(data).hexdigest() for name, data in zip(_HASHES, (*contents, delivery.body), strict=True)
            }
        except UnreadableError as error:
            reason = str(error)
    if reason is not None:
        values["record_index"] = _WHOLE_OBJECT
        values |= dict(zip(("reason", "sha256", "excerpt"), rejection(delivery, reason), strict=True))
    return tuple(values.get(name) for name in _COLUMNS)


_HASHES = ("content_sha256", "body_sha256")


def digest_row(record: Any, uri: str) -> dict[str, Any]:
    """Return what a digest says; times are microseconds of UTC, the date is in days.

    What it says must be possible: a digest covers an hour, so at most a day, and lies below the day on which that ended, give or
    take one. No clock is asked.

    Raises:
        UnreadableError: it is no digest, or an impossible one; the message says why.
    """
    if not isinstance(record, dict):
        raise UnreadableError("the digest is not an object")
    place = _PATH.search(unquote(uri))
    if place is None:
        raise UnreadableError("not below <account>/CloudTrail-Digest/<region>/YYYY/MM/DD")
    account_id, region, *day, name = place.groups()
    started_at, ended_at = _instant(record, "digestStartTime"), _instant(record, "digestEndTime")
    if ended_at < started_at:
        raise UnreadableError("digestEndTime is before digestStartTime")
    if ended_at - started_at > DAY:
        raise UnreadableError("the digest covers more than a day")
    if abs(ended_at // DAY - _day(*map(int, day))) > 1:
        raise UnreadableError("digestEndTime is not on the day in its path")
    log_files = record.get("logFiles")
    if not isinstance(log_files, list):
        raise UnreadableError("no list of logFiles")
    named = _NAME.fullmatch(name) or _NAME.fullmatch((_text(record, "digestS3Object") or "").rpartition("/")[2])
    previous_sha256 = _text(record, "previousDigestHashValue")
    return {
        "digest_date": ended_at // DAY,
        "account_id": account_id,
        "region": region,
        "trail_name": named["trail"] if named else None,
        "home_region": named["home"] if named else None,
        "digest_started_at": started_at,
        "digest_ended_at": ended_at,
        "is_backfill": bool(named and named["backfill"]),
        "object_key": _key(unquote(uri), place.start()),
        "previous_object_key": _text(record, "previousDigestS3Object"),
        "previous_sha256": previous_sha256.lower() if previous_sha256 else None,
        "log_file_count": len(log_files),
    }


def _key(address: str, start: int) -> str:
    """Return the object's key as far as a folder has it: what lies above `AWSLogs` may be the bucket's or this machine's."""
    root = address.rfind(_ROOT, 0, start)
    return address[root if root >= 0 else start :]


def _day(year: int, month: int, day: int) -> int:
    try:
        return date(year, month, day).toordinal() - _EPOCH
    except ValueError as error:
        raise UnreadableError("no day in its path") from error


def _instant(record: dict[str, Any], name: str) -> int:
    value = record.get(name)
    if value is None or value == "":
        raise UnreadableError(f"no {name}")
    at = instant(value) if isinstance(value, str) else None
    if at is None:
        raise UnreadableError(f"{name} is not a time")
    return at


def _text(record: dict[str, Any], name: str) -> str | None:
    """Return a text of the digest, or None if it has none.

    Raises:
        UnreadableError: something else is there: to take that for nothing would be to say that no digest was before this one.
    """
    value = record.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise UnreadableError(f"{name} is not a text")
    if len(value) > _LONGEST_KEY:
        raise UnreadableError(f"{name} of more than {_LONGEST_KEY} characters")
    return value
