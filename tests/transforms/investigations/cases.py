"""Cases and documents without Spark: the evidence of one investigation, with what a test is about laid over it."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from expectations.tables import CREDENTIAL_SESSIONS, GUARDDUTY_FINDINGS
from tests.builders import ACCOUNT, ROLE_ARN, ROLE_SESSION, at, row
from transforms.investigations.case import Case, text_of
from transforms.investigations.context import EMPTY, Context
from transforms.investigations.document import build_document

Row = dict[str, Any]
NOWHERE = dict.fromkeys(("city", "country_code", "latitude", "longitude", "asn", "aso"))
SCOPE_START, SCOPE_END = at("2026-05-01 12:00"), at("2026-05-01 13:00")


def case(
    panels: dict[str, list[Row]] | None = None,
    *,
    finding: Row | None = None,
    totals: dict[str, int] | None = None,
    context: Context = EMPTY,
    **subject: Any,
) -> Case:
    """Return the case of a role session that did nothing, unless its panels say so."""
    found = row(GUARDDUTY_FINDINGS, **{"first_seen_at": "2026-05-01 12:10", "api": "StopLogging", **(finding or {})})
    base = {
        "investigation_id": "0" * 32, "finding_id": found["finding_id"], "finding_updated_at": found["updated_at"],
        "scope_start_at": SCOPE_START, "scope_end_at": SCOPE_END, "entity_kind": "role_session", "entity_id": ROLE_SESSION,
        "account_id": ACCOUNT, "finding_account_id": ACCOUNT, "role_arn": ROLE_ARN, "matched_by": "access_key",
        "candidates": None, "session_ids": ["session-1"],
        "is_asked": False, "beside_finding_ids": None, "finding": json.dumps(texts(found)),
    }  # fmt: skip
    rows = {"entities": [entity()], "family": [session()], **(panels or {})}
    counts = {name: len(of_panel) for name, of_panel in rows.items()} | (totals or {})
    return Case({**base, **subject}, rows, counts, context)


def document(panels: dict[str, list[Row]] | None = None, **rest: Any) -> Row:
    """Return the document of `case`, as it is stored."""
    stored: Row = json.loads(json.dumps(build_document(case(panels, **rest))))
    return stored


def session(relation: str = "self", hops: int = 0, **overrides: Any) -> Row:
    """Return a session of the family."""
    found = texts(row(CREDENTIAL_SESSIONS, **overrides))
    return {**found, "relation": relation, "hops": hops, "entity_id": found["role_session_id"], "family_size": 1}


def entity(entity_id: str = ROLE_SESSION, relation: str = "self", **overrides: Any) -> Row:
    """Return whose behaviour is looked at."""
    root = f"arn:aws:iam::{ACCOUNT}:user/alice"
    base = {"entity_kind": "role_session", "role_arn": ROLE_ARN, "root_id": root, "account_id": ACCOUNT}
    return {"entity_id": entity_id, "relation": relation, **base, **overrides}


def value(dimension: str, name: str, *, seen: dict[str, str] | None = None, recent: str = "", **overrides: Any) -> Row:
    """Return a value of the scope; `seen` is when each level saw it last before, `recent` which of them within 45 days."""
    known: Row = {}
    for level in ("session", "role", "root", "account"):
        when = (seen or {}).get(level)
        known |= {f"{level}_first_at": when, f"{level}_last_at": when, f"{level}_is_recent": level in recent.split()}
    base = {
        "relation": "self", "entity_id": ROLE_SESSION, "is_in_scope": True, "dimension": dimension, "value": name,
        "success_count": 1, "failed_count": 0, "first_at": "2026-05-01T12:10:00Z", "last_at": "2026-05-01T12:10:00Z",
        "event_ids": ["event-1"], "source_ips": ["198.51.100.7"], "latitude": None, "longitude": None,
    }  # fmt: skip
    return {**base, **known, **overrides}


def deed(event_id: str, api: str, when: str = "2026-05-01T12:10:00Z", **overrides: Any) -> Row:
    """Return an event of the session."""
    base = {
        "relation": "self", "entity_id": ROLE_SESSION, "credential_session_id": "session-1", "event_id": event_id,
        "event_at": when, "is_in_scope": True, "is_failed": False, "api": api, "region": "us-east-1", "read_only": False,
        "outcome": "success", "error_code": None, "error_message": None, "source_ip": "198.51.100.7", "source_host": None,
        "user_agent": "aws-cli/2.15.0", "city": None, "country_code": None, "aso": None, "access_key_id": "ASIA1",
        "recipient_account_id": ACCOUNT, "invoked_by": None, "mfa_authenticated": None, "target": None, "is_management": True,
    }  # fmt: skip
    return {**base, **overrides}


def address(source_ip: str, **overrides: Any) -> Row:
    """Return an address of the scope."""
    base = {
        "entity_id": ROLE_SESSION, "is_in_scope": True, "source_ip": source_ip, "success_count": 1, "failed_count": 0,
        "first_at": "2026-05-01T12:10:00Z", "last_at": "2026-05-01T12:10:00Z", "event_ids": ["event-1"],
    }  # fmt: skip
    return {**base, **NOWHERE, **overrides}


def visit(source_ip: str | None, first_at: str, last_at: str | None = None, **overrides: Any) -> Row:
    """Return calls in a row from one address."""
    base = {
        "entity_id": ROLE_SESSION, "source_ip": source_ip, "source_host": None, "invoked_by": None, "call_count": 1,
        "first_at": first_at, "last_at": last_at or first_at, "event_ids": [f"from-{source_ip}"],
    }  # fmt: skip
    return {**base, **NOWHERE, **overrides}


def total(success: int, failed: int = 0, **overrides: Any) -> Row:
    """Return how many calls an entity made."""
    base = {
        "relation": "self", "entity_id": ROLE_SESSION, "is_in_scope": True, "success_count": success, "failed_count": failed,
        "first_at": "2026-05-01T12:10:00Z", "last_at": "2026-05-01T12:20:00Z",
    }  # fmt: skip
    return {**base, **overrides}


def logs(complete_to: str | None = "2026-05-02T00:00:00Z", **overrides: Any) -> Row:
    """Return the logs of an account."""
    base = {
        "account_id": ACCOUNT, "from_at": "2026-01-01T00:00:00Z", "complete_to_at": complete_to, "file_count": 5,
        "rejected_file_count": 0, "rejected_count": 0,
    }  # fmt: skip
    return {**base, **overrides}


def texts(found: Row) -> Row:
    """Return a row as it is packed: times as text."""
    return {
        name: text_of(each) if isinstance(each, datetime) else each.isoformat() if isinstance(each, date) else each
        for name, each in found.items()
    }
