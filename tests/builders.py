"""Rows and frames of any contract table, in which a test states only what it is about.

`row(TABLE, **overrides)` is a row with sensible defaults; times may be text (`"2026-05-01 10:00"`, UTC), and what follows
from another column (the day of an event, a role session's id) follows. `frame(spark, TABLE, *rows)` makes a frame of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from expectations.contract import Column, Table
from expectations.tables import (
    API_CALL_VOLUME_HOURLY,
    CHAIN_EDGES,
    CLOUDTRAIL_ADDENDA,
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_ISSUANCES,
    CREDENTIAL_SESSIONS,
    GUARDDUTY_FINDINGS,
    INGEST_FILES,
    INTERFACE_CHANGES,
    INVESTIGATION_INDICATORS,
    INVESTIGATIONS,
    LOG_COVERAGE,
    LOG_DIGESTS,
    PRINCIPAL_ACTIVITY_DAILY,
    PRINCIPAL_BASELINES,
    ROLE_ASSUMPTIONS,
    ROLE_SESSIONS,
    SESSION_USAGE,
    VPC_FLOWS,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = dict[str, Any]

NOON = "2026-05-01 12:00"
ACCOUNT = "111111111111"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/admin"
ROLE_SESSION = "AROAADMIN:sara"

_EMPTY: dict[str, Any] = {
    "string": "x", "bigint": 0, "int": 0, "double": 0.0, "boolean": False, "timestamp": NOON, "date": "2026-05-01",
}  # fmt: skip

# Defaults that say something, by table; required columns without one get an empty value of their type.
_DEFAULTS: dict[str, Row] = {
    CLOUDTRAIL_EVENTS.name: {
        "event_id": "event-1", "recipient_account_id": ACCOUNT, "region": "us-east-1", "event_source": "ec2.amazonaws.com",
        "event_name": "DescribeInstances", "event_type": "AwsApiCall", "event_category": "Management", "outcome": "success",
        "read_only": True, "identity_type": "AssumedRole", "identity_account_id": ACCOUNT, "principal_id": ROLE_SESSION,
        "role_arn": ROLE_ARN, "access_key_id": "ASIA1", "session_created_at": NOON, "source_ip": "198.51.100.7",
        "user_agent": "aws-cli/2.15.0", "user_agent_family": "aws-cli/2", "source_uri": "s3://logs/1.json.gz",
        "source_etag": "etag", "body_sha256": "0" * 64,
    },
    LOG_DIGESTS.name: {
        "account_id": ACCOUNT, "region": "us-east-1", "trail_name": "main", "home_region": "us-east-1", "content_sha256": "0" * 64,
        "digest_started_at": NOON, "source_uri": "s3://logs/1.json.gz", "source_etag": "etag", "body_sha256": "0" * 64,
    },
    GUARDDUTY_FINDINGS.name: {
        "finding_id": "finding-1", "type": "Stealth:IAMUser/CloudTrailLoggingDisabled", "title": "A trail was disabled",
        "severity": 8.0, "severity_label": "High", "account_id": ACCOUNT, "region": "us-east-1", "access_key_id": "ASIA1",
        "principal_id": ROLE_SESSION, "user_name": "admin", "user_type": "AssumedRole", "action_type": "AWS_API_CALL",
        "count": 1, "document": "{}", "source_uri": "s3://findings/1.jsonl.gz",
    },
    INGEST_FILES.name: {
        "uri": "s3://logs/1.json.gz", "etag": "etag", "source": "cloudtrail", "account_id": ACCOUNT, "status": "ingested",
        "record_count": 1, "batch_id": "batch-1",
    },
    LOG_COVERAGE.name: {
        "account_id": ACCOUNT, "region": "us-east-1", "event_hours": [12], "file_count": 1,
    },
    VPC_FLOWS.name: {
        "account_id": ACCOUNT, "region": "us-east-1", "interface_id": "eni-1", "source_ip": "10.0.0.5", "log_status": "OK",
        "destination_ip": "203.0.113.7", "source_port": 49152, "destination_port": 443, "protocol": 6, "packets": 10,
        "bytes": 1000, "action": "ACCEPT", "source_uri": "s3://logs/1.log.gz", "source_etag": "etag",
    },
    INTERFACE_CHANGES.name: {
        "account_id": ACCOUNT, "region": "us-east-1", "event_id": "event-1", "change": "attached", "interface_id": "eni-1",
        "instance_id": "i-1",
    },
    CREDENTIAL_ISSUANCES.name: {
        "action_id": "issue-1", "issuing_api": "AssumeRole", "event_source": "sts.amazonaws.com", "outcome": "success",
        "assumed_by_type": "IAMUser", "issuing_event_ids": ["issue-1"],
    },
    SESSION_USAGE.name: {
        "identity_type": "AssumedRole", "principal_id": ROLE_SESSION, "session_created_at": NOON, "access_key_id": "ASIA1",
        "recipient_account_id": ACCOUNT, "identity_account_id": ACCOUNT, "credential_session_id": "session-1",
        "event_count": 1, "role_arn": ROLE_ARN,
    },
    CREDENTIAL_SESSIONS.name: {
        "credential_session_id": "session-1", "principal_type": "AssumedRole", "principal_id": ROLE_SESSION,
        "role_arn": ROLE_ARN, "account_id": ACCOUNT, "started_at": NOON, "event_count": 1,
        "access_key_ids": ["ASIA1"], "issuing_api": "AssumeRole", "issuing_event_ids": ["issue-1"],
        "assumed_by_type": "IAMUser", "assumed_by_id": f"arn:aws:iam::{ACCOUNT}:user/alice", "assumed_by_name": "alice",
        "assumed_by_account_id": ACCOUNT, "root_type": "IAMUser", "root_id": f"arn:aws:iam::{ACCOUNT}:user/alice",
        "root_name": "alice", "root_account_id": ACCOUNT, "chain_depth": 1, "attribution_method": "KEY_EXACT",
        "attribution_confidence": 0.99, "binding_confidence": 0.99, "attribution_status": "resolved",
    },
    CHAIN_EDGES.name: {
        "child_session_id": "session-1", "parent_type": "IAMUser", "method": "KEY_EXACT", "confidence": 0.99,
        "evidence_event_ids": ["issue-1"],
    },
    ROLE_SESSIONS.name: {
        "role_session_id": ROLE_SESSION, "role_arn": ROLE_ARN, "account_id": ACCOUNT, "credential_session_count": 1,
        "event_count": 1, "assumed_by": [], "roots": [], "assumed_roles": [],
    },
    ROLE_ASSUMPTIONS.name: {
        "role_arn": ROLE_ARN, "assumed_by_type": "IAMUser", "assumed_by_id": f"arn:aws:iam::{ACCOUNT}:user/alice",
        "assumed_by_name": "alice", "assumed_by_account_id": ACCOUNT, "success_count": 1, "is_cross_account": False,
    },
    PRINCIPAL_ACTIVITY_DAILY.name: {
        "principal_kind": "role_session", "principal_id": ROLE_SESSION, "dimension": "api",
        "value": "ec2.amazonaws.com:DescribeInstances", "success_count": 1,
    },
    API_CALL_VOLUME_HOURLY.name: {
        "principal_kind": "role_session", "principal_id": ROLE_SESSION, "api": "ec2.amazonaws.com:DescribeInstances",
        "success_count": 1,
    },
    PRINCIPAL_BASELINES.name: {
        "principal_kind": "role_session", "principal_id": ROLE_SESSION, "dimension": "api",
        "value": "ec2.amazonaws.com:DescribeInstances", "active_days": 1, "call_count": 1,
    },
    INVESTIGATIONS.name: {
        "investigation_id": "investigation-1", "entity_kind": "role_session", "entity_id": ROLE_SESSION,
        "finding_id": "finding-1", "scope_start_at": NOON, "severity": "LOW", "document": "{}",
    },
    INVESTIGATION_INDICATORS.name: {
        "investigation_id": "investigation-1", "finding_id": "finding-1", "type": "NEW_API_CALL", "severity": "LOW",
        "entity": ROLE_SESSION, "value": "ec2.amazonaws.com:RunInstances",
    },
}  # fmt: skip

_DEFAULTS[CLOUDTRAIL_ADDENDA.name] = _DEFAULTS[CLOUDTRAIL_EVENTS.name]

# What follows from another column unless it is given: the column, from which, and how. In this order.
_FOLLOWS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("action_id", "event_id", lambda it: it),
    ("event_at", "event_date", lambda it: f"{it} 12:00"),
    ("event_date", "event_at", lambda it: _instant(it).date()),
    ("first_event_at", "session_created_at", lambda it: it),
    ("first_event_at", "started_at", lambda it: it),
    ("last_event_at", "first_event_at", lambda it: it),
    ("event_date", "first_event_at", lambda it: _instant(it).date()),
    ("expires_at", "started_at", lambda it: _instant(it) + timedelta(hours=1)),
    ("started_date", "started_at", lambda it: _instant(it).date()),
    ("child_started_date", "child_started_at", lambda it: _instant(it).date()),
    ("issued_date", "issued_at", lambda it: _instant(it).date()),
    ("digest_ended_at", "digest_started_at", lambda it: _instant(it) + timedelta(hours=1)),
    ("digest_date", "digest_ended_at", lambda it: _instant(it).date()),
    ("end_at", "start_at", lambda it: _instant(it) + timedelta(minutes=1)),
    ("flow_date", "start_at", lambda it: _instant(it).date()),
    ("last_seen_at", "first_seen_at", lambda it: it),
    ("created_at", "last_seen_at", lambda it: it),
    ("updated_at", "last_seen_at", lambda it: it),
    ("updated_date", "updated_at", lambda it: _instant(it).date()),
    ("last_at", "first_at", lambda it: it),
    ("activity_date", "first_at", lambda it: _instant(it).date()),
    ("month_date", "first_seen_at", lambda it: _instant(it).date().replace(day=1)),
    ("hour_date", "hour_at", lambda it: _instant(it).date()),
    ("scope_end_at", "scope_start_at", lambda it: _instant(it) + timedelta(hours=1)),
    ("last_observed_at", "first_observed_at", lambda it: it),
    ("publish_date", "max_event_at", lambda it: _instant(it).date()),
    ("role_session_id", "principal_id", lambda it: it if it.startswith("AROA") else None),
    ("role_id", "role_session_id", lambda it: it.split(":")[0]),
    ("session_name", "role_session_id", lambda it: it.split(":", 1)[1]),
    ("role_name", "role_arn", lambda it: it.rsplit("/", 1)[1]),
    ("top_session_id", "credential_session_id", lambda it: it),
    ("chain", "role_arn", lambda it: [it]),
    ("assumed_by_type", "role_arn", lambda it: "IAMUser"),
)


def row(table: Table, **overrides: Any) -> Row:
    """Return a row of the table: its defaults, laid over by what is given.

    Raises:
        TypeError: an override is no column of the table.
    """
    unknown = sorted(set(overrides) - set(table.column_names))
    if unknown:
        raise TypeError(f"{table.name} has no column {', '.join(unknown)}")
    built: Row = {**_DEFAULTS.get(table.name, {}), **overrides}
    for name, source, follow in _FOLLOWS:
        if name in table.column_names and name not in built and built.get(source) is not None:
            built[name] = follow(built[source])
    for column in table.columns:
        if column.required and column.name not in built:
            built[column.name] = _empty(column)
            for name, source, follow in _FOLLOWS:
                if source == column.name and name in table.column_names and name not in built:
                    built[name] = follow(built[source])
    return {column.name: _value(column, built.get(column.name)) for column in table.columns}


def frame(spark: SparkSession, table: Table, *rows: Mapping[str, Any]) -> DataFrame:
    """Return a frame of the table with these rows, in the contract's types.

    Raises:
        ValueError: a row has other columns than the table; make it with `row`.
    """
    import pyarrow as pa  # noqa: PLC0415
    from pyspark.sql.pandas.types import to_arrow_schema  # noqa: PLC0415
    from pyspark.sql.types import StructType  # noqa: PLC0415

    for each in rows:
        if set(each) != set(table.column_names):
            raise ValueError(f"not a row of {table.name}: {sorted(set(each) ^ set(table.column_names))}")
    schema = StructType.fromDDL(table.schema_ddl)
    arrow = to_arrow_schema(schema, timezone="UTC")
    return spark.createDataFrame(pa.Table.from_pylist([dict(each) for each in rows], schema=arrow), schema)


def at(text: str) -> datetime:
    """Return the UTC instant: `"2026-05-01 10:00"`, with seconds if need be."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _instant(value: str | datetime) -> datetime:
    return at(value) if isinstance(value, str) else value


def _value(column: Column, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if column.type == "timestamp":
        return at(value)
    return date.fromisoformat(value) if column.type == "date" else value


def _empty(column: Column) -> Any:
    if column.type.startswith("array"):
        return []
    return column.values[0] if column.values else _EMPTY[column.type]
