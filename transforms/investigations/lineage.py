"""The chain, from the root to the session investigated, and on to what was chained from it."""

from __future__ import annotations

from transforms.investigations import labels
from transforms.investigations.case import Case, Row

SHOWN_DESCENDANTS = 60


def chain(case: Case) -> Row:
    """Return the chain of the investigated session: the root, every hop to here, and the sessions chained from here.

    Of several sessions under one identifier the one used first in the scope is the path; the overview lists them all.
    """
    focus = focus_session(case)
    return {
        "status": focus["attribution_status"] if focus else None,
        "confidence": focus["attribution_confidence"] if focus else None,
        "reason": focus["attribution_reason"] if focus else None,
        "candidates": (focus["candidates"] or []) if focus else [],
        "root": _root(case, focus),
        "hops": [_hop(case, session) for session in path(case)],
        "roles": (focus["chain"] or []) if focus else [],
        "descendants": [_hop(case, session) for session in case.descendants[:SHOWN_DESCENDANTS]],
        "descendant_count": len(case.descendants),
        "family_count": case.rows("family")[0]["family_size"] if case.rows("family") else 0,
    }


def focus_session(case: Case) -> Row | None:
    """Return the session that the page is about: the matched one, else the first of the own ones."""
    matched = set(case.subject["session_ids"] or [])
    ordered = [row for row in case.own if row["credential_session_id"] in matched] or case.own
    return ordered[0] if ordered else None


def path(case: Case) -> list[Row]:
    """Return the sessions from the start of the chain to the investigated one, included."""
    by_id = {row["credential_session_id"]: row for row in case.rows("family")}
    found: list[Row] = []
    session = focus_session(case)
    while session is not None and session not in found:
        found.append(session)
        session = by_id.get(session["parent_session_id"] or "")
    return found[::-1]


def _root(case: Case, focus: Row | None) -> Row:
    if focus is None:
        is_user = case.has_subject and case.subject["entity_kind"] in ("iam_user", "root")
        kind = {"iam_user": "IAMUser", "root": "Root"}.get(case.subject["entity_kind"], "Unknown")
        return {
            "type": kind if is_user else "Unknown",
            "id": case.entity_id if is_user else None,
            "name": case.name(case.entity_id) if is_user else None,
            "account_id": case.subject["account_id"] if is_user else None,
        }
    return {name: focus[f"root_{name}"] for name in ("type", "id", "name", "account_id")}


def _hop(case: Case, row: Row) -> Row:
    success, failed = _calls(case, row)
    return {
        "credential_session_id": row["credential_session_id"],
        "parent_session_id": row["parent_session_id"],
        "entity": row["entity_id"],
        "name": case.name(row["entity_id"]) if row["role_name"] else (row["root_name"] or row["principal_id"]),
        "principal_type": row["principal_type"],
        "role_arn": row["role_arn"],
        "session_name": row["session_name"],
        "account_id": row["account_id"],
        "started_at": row["started_at"],
        "expires_at": row["expires_at"],
        "issuing_api": row["issuing_api"],
        "assumed_by": case.assumer(row),
        "assumed_by_account_id": row["assumed_by_account_id"],
        "is_cross_account": row["is_cross_account"],
        "method": row["attribution_method"],
        "method_text": labels.METHODS.get(row["attribution_method"] or "", "not bound to an issuing call"),
        "confidence": row["binding_confidence"],
        "confidence_text": labels.confidence(row["binding_confidence"]),
        "status": row["attribution_status"],
        "reason": row["attribution_reason"],
        "mfa_authenticated": row["mfa_authenticated"],
        "source_identity": row["source_identity"],
        "access_key_ids": row["access_key_ids"] or [],
        "event_ids": row["issuing_event_ids"] or [],
        "event_count": row["event_count"],
        "failed_count": row["failed_count"],
        "hops": row["hops"],
        "success_since_scope": success,
        "failed_since_scope": failed,
    }


def _calls(case: Case, row: Row) -> tuple[int, int]:
    return case.counted(entity_id=row["entity_id"])
