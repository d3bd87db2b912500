"""GuardDuty findings, every version once.

Belongs here: what a finding means, in whichever of its forms it comes (S3 export, EventBridge, the API). Does not: which events it
is about (investigations).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from math import isfinite
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
from pyspark.sql import Window
from pyspark.sql import functions as F

from expectations.tables.bronze import GUARDDUTY_FINDINGS
from transforms.cloudtrail.arrow import delivery_schema, record_batch
from transforms.cloudtrail.copies import IN_EVENTS, Claims, Resolved, contested_claims, resolve
from transforms.cloudtrail.deliveries import Delivery, Object, deliveries_of, rejection
from transforms.cloudtrail.instants import DAY, instant
from transforms.cloudtrail.objects import LIMIT, Read, UnreadableError, documents
from transforms.cloudtrail.scrubbing import scrubbed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SAME_VERSION = "another record has the same finding id and time"
CLAIMS = Claims(GUARDDUTY_FINDINGS, ("finding_id", "updated_at"), SAME_VERSION)
_ROWS = 1024
_SCHEMA = delivery_schema(GUARDDUTY_FINDINGS)
_COLUMNS = tuple(_SCHEMA.names)
_SORTED = orjson.OPT_SORT_KEYS
_UPPER_CAMEL = re.compile(r"[A-Z][A-Za-z0-9]*")
_MAPS = frozenset({"affectedResources", "behavior", "profiles"})  # their keys are data
_LABELS = ((9.0, "Critical"), (7.0, "High"), (4.0, "Medium"))


def delivery_batches(objects: Iterable[Object], read: Read, limit: int = LIMIT) -> Iterator[pa.RecordBatch]:
    """Return one row per finding of the objects: JSON Lines, a JSON array, `{"Findings": […]}` or a finding alone, gzip or plain.

    Args:
        objects: what to read; the account in the path is not used.
        read: from uri to the object's bytes; an OSError rejects the object.
        limit: the largest object, in bytes unpacked.

    Returns:
        The columns of guardduty_findings, and `reason`, `sha256` and `excerpt` of what was rejected, as for CloudTrail.
    """
    rows: list[tuple[Any, ...]] = []
    for source in objects:
        for delivery in deliveries_of(source, read, limit, findings_in):
            rows.append(_row(delivery))
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
    """Return which deliveries stand: one per finding and version, by the rule for events.

    Args:
        deliveries: of `parse_objects`, persisted.
        existing: of the stored findings of the updated_dates concerned: finding_id, updated_at, body_sha256, source_uri,
            source_etag, record_index.
        rejected: see `transforms.cloudtrail.resolve_copies`.
        settle: see there.
    """
    contested = contested_claims(CLAIMS, deliveries, {IN_EVENTS: existing})
    return resolve(CLAIMS, deliveries, contested, rejected=rejected, settle=settle)


def findings_in(content: bytes) -> list[Any]:
    """Return the findings of an object, as they stand there.

    Raises:
        UnreadableError: it holds none.
    """
    found, is_lines = documents(content)
    if is_lines:
        return list(found)
    if isinstance(found, list):
        return found
    if isinstance(found, dict):
        listed = found.get("Findings", found.get("findings"))
        if isinstance(listed, list):
            return listed
        if {"detail", "id", "Id", "type", "Type"} & found.keys():
            return [found]
    raise UnreadableError("no findings")


def only_newest(findings: DataFrame) -> DataFrame:
    """Return the newest version of each finding."""
    newest = Window.partitionBy("finding_id").orderBy(F.col("updated_at").desc())
    return findings.withColumn("version", F.row_number().over(newest)).where(F.col("version") == 1).drop("version")


def _row(delivery: Delivery) -> tuple[Any, ...]:
    source, index, record, _body, reason = delivery
    values: dict[str, Any] = {"source_uri": source.uri, "source_etag": source.etag, "record_index": index}
    if reason is None:
        try:
            values |= finding_row(record)
        except UnreadableError as error:
            reason = str(error)
    if reason is not None:
        values |= dict(zip(("reason", "sha256", "excerpt"), rejection(delivery, reason), strict=True))
    return tuple(values.get(name) for name in _COLUMNS)


def finding_row(record: Any) -> dict[str, Any]:
    """Return the columns of a finding; times are microseconds of UTC, the date is in days.

    Raises:
        UnreadableError: it is no finding; the message says why.
    """
    if not isinstance(record, dict):
        raise UnreadableError("the record is not an object")
    finding = _lower_camel(_unwrapped(record))
    body = orjson.dumps(finding, option=_SORTED)
    finding = scrubbed(finding)
    service, resource = _part(finding, "service"), _part(finding, "resource")
    action, access_key = _part(service, "action"), _part(resource, "accessKeyDetails")
    created_at, updated_at = _instant(finding, "createdAt"), _instant(finding, "updatedAt")
    severity = _number(finding.get("severity"))
    if updated_at is None:
        raise UnreadableError("no updatedAt")
    if severity is None:
        raise UnreadableError("no severity")
    first = _first_of(_instant(service, "eventFirstSeen"), created_at, updated_at)
    last = _first_of(_instant(service, "eventLastSeen"), updated_at)
    return {
        "finding_id": _required(finding, "id"),
        "type": _required(finding, "type"),
        "title": _text(finding, "title"),
        "severity": severity,
        "severity_label": next((label for least, label in _LABELS if severity >= least), "Low"),
        "account_id": _required(finding, "accountId"),
        "region": _text(finding, "region"),
        "created_at": created_at,
        "updated_at": updated_at,
        "updated_date": updated_at // DAY,
        "first_seen_at": min(first, last),
        "last_seen_at": max(first, last),
        "count": _whole(service.get("count")),
        "access_key_id": _text(access_key, "accessKeyId"),
        "principal_id": _text(access_key, "principalId"),
        "user_name": _text(access_key, "userName"),
        "user_type": _text(access_key, "userType"),
        "action_type": _text(action, "actionType"),
        "api": _text(_part(action, "awsApiCallAction"), "api"),
        "remote_ip": _remote_ip(action),
        "document": orjson.dumps(finding, option=_SORTED),
        "body_sha256": sha256(body).hexdigest(),
    }


def _unwrapped(record: dict[str, Any]) -> dict[str, Any]:
    """Return the finding of an EventBridge event, or the record itself."""
    detail = record.get("detail")
    return detail if isinstance(detail, dict) and "service" not in record else record


def _lower_camel(value: Any) -> Any:
    """Return the finding with its names as S3 has them, whichever way it came. The keys of maps are data and stay."""
    if isinstance(value, list):
        return [_lower_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {_lower_first(key) if _UPPER_CAMEL.fullmatch(key) else key: item for key, item in value.items()}
    return {key: item if key in _MAPS else _lower_camel(item) for key, item in named.items()}


def _lower_first(name: str) -> str:
    return name[0].lower() + name[1:]


def _part(record: dict[str, Any], name: str) -> dict[str, Any]:
    part = record.get(name)
    return part if isinstance(part, dict) else {}


def _text(record: dict[str, Any], name: str) -> str | None:
    value = record.get(name)
    if value is None or value == "" or isinstance(value, str):
        return value or None
    return orjson.dumps(value, option=_SORTED).decode()


def _required(record: dict[str, Any], name: str) -> str:
    value = _text(record, name)
    if value is None:
        raise UnreadableError(f"no {name}")
    return value


def _instant(record: dict[str, Any], name: str) -> int | None:
    value = record.get(name)
    return instant(value) if isinstance(value, str) else None


def _first_of(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _remote_ip(action: dict[str, Any]) -> str | None:
    """Return the first remote address of an action of any kind: an API call, a connection, a port probe."""
    for details in action.values():
        if not isinstance(details, dict):
            continue
        probes = details.get("portProbeDetails")
        probed = probes[0] if isinstance(probes, list) and probes and isinstance(probes[0], dict) else {}
        for part in (_part(details, "remoteIpDetails"), _part(probed, "remoteIpDetails")):
            if address := _text(part, "ipAddressV4") or _text(part, "ipAddressV6"):
                return address
    return None
