"""Sessions of the truth and rows of a lake, made by hand, and what the comparison says of them."""

from datetime import UTC, datetime

from benchmarks.accuracy.comparison import SESSION_COLUMNS, judge

ALICE = ("IAMUser", "arn:aws:iam::111122223333:user/alice")
MALLORY = ("IAMUser", "arn:aws:iam::111122223333:user/mallory")
ROLE = "arn:aws:iam::111122223333:role/deploy"


def truth(**overrides):
    """A session that alice made, by key, with one role."""
    return {
        "organisation": 1,
        "case": 1,
        "what": "",
        "principal_id": "AROA1:alice",
        "started_at": "2026-03-02T01:00:00Z",
        "access_key_id": None,
        "knowable": True,
        "status": "resolved",
        "reasons": [],
        "methods": ["KEY_EXACT"],
        "root_type": ALICE[0],
        "root_id": ALICE[1],
        "root_account_id": "111122223333",
        "assumed_by": [{"type": ALICE[0], "id": ALICE[1]}],
        "candidates": None,
        "chain_depth": 1,
        "chain": [ROLE],
        "parent": None,
        "facts": {"event_count": 3},
        **overrides,
    }


def unknown(**overrides):
    """A session of which nobody can say who made it."""
    nothing = {"root_type": "Unknown", "root_id": None, "root_account_id": None, "assumed_by": None, "methods": []}
    not_compared = {"chain": None, "chain_depth": None}
    return truth(**{"knowable": False, "status": "unresolved", **nothing, **not_compared, **overrides})


def row(**overrides):
    """The row that is right for `truth()`."""
    return {
        **dict.fromkeys(SESSION_COLUMNS),
        "credential_session_id": "session-1",
        "principal_id": "AROA1:alice",
        "account_id": "111122223333",
        "started_at": datetime(2026, 3, 2, 1, tzinfo=UTC),
        "event_count": 3,
        "access_key_ids": ["ASIA1"],
        "issuing_event_ids": ["event-1"],
        "assumed_by_type": ALICE[0],
        "assumed_by_id": ALICE[1],
        "root_type": ALICE[0],
        "root_id": ALICE[1],
        "root_account_id": "111122223333",
        "chain_depth": 1,
        "chain": [ROLE],
        "attribution_method": "KEY_EXACT",
        "attribution_status": "resolved",
        **overrides,
    }


def unbound(reason="NO_ISSUANCE", **overrides):
    nothing = {"root_type": "Unknown", "root_id": None, "root_account_id": None, "attribution_method": None}
    return row(**nothing, attribution_status="unresolved", attribution_reason=reason, **overrides)


def judged(truths, rows, checks=(), assumptions=()):
    return judge(truths, checks, {"credential_sessions": rows, "role_assumptions": list(assumptions)})


def check(where, count, table="credential_sessions", **facts):
    return {"organisation": 1, "case": 9, "what": "", "table": table, "where": where, "count": count, "facts": facts}
