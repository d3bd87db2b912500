"""Indicators: what in the evidence speaks for a compromise, each with its severity, its reason in words and its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from transforms.investigations import labels
from transforms.investigations.behaviour import KNOWN, NEVER, is_new, novelties, surges
from transforms.investigations.case import Case, Row
from transforms.investigations.techniques import TACTICS, TECHNIQUES

_NEW = {
    "NEW_GEOLOCATION": ("geolocations", "place"),
    "NEW_ASO": ("asos", "network"),
    "NEW_USER_AGENT": ("user_agents", "user agent"),
    "NEW_API_CALL": ("api_calls", "call"),
}


def find_indicators(case: Case) -> list[Row]:
    """Return the indicators of a case, in the order of `FINDERS`; one per type, entity and value."""
    found: dict[tuple[str, str, str], Row] = {}
    for find in FINDERS:
        for indicator in find(case):
            found.setdefault((indicator["type"], indicator["entity"], indicator["value"]), indicator)
    return list(found.values())


def _techniques(case: Case) -> Iterable[Row]:
    """Calls that serve a technique, in the scope or in the week after it; a try that failed counts less."""
    calls = [*case.values("api"), *case.values("api", in_scope=False)]
    for api in dict.fromkeys((row["entity_id"], row["value"]) for row in calls if row["value"] in TECHNIQUES):
        rows = [row for row in calls if (row["entity_id"], row["value"]) == api]
        technique = TECHNIQUES[api[1]]
        success, failed = sum(row["success_count"] for row in rows), sum(row["failed_count"] for row in rows)
        when = "in the scope" if rows[0]["is_in_scope"] else "after the scope"
        yield _indicator(
            "TTP_OBSERVED", technique.severity if success else "LOW", api[0], api[1],
            f"{labels.call(api[1])} {_tried(success, failed)} {when}: {technique.name} ({TACTICS[technique.tactic]})",
            sorted({event for row in rows for event in row["event_ids"]}),
            mitre_tactic=technique.tactic, mitre_technique=technique.technique,
        )  # fmt: skip


def _new(kind: str, panel: str, noun: str) -> Callable[[Case], Iterable[Row]]:
    def find(case: Case) -> Iterable[Row]:
        for row in novelties(case, panel):
            if is_new(row):
                yield _indicator(
                    kind, novelty_severity(row), row["entity"], row["value"], novelty_reason(row, noun), row["event_ids"],
                    is_new_for_account=row["is_new_for_account"],
                )  # fmt: skip

    return find


def _volumes(case: Case) -> Iterable[Row]:
    for row in surges(case):
        if row["is_increased"]:
            reason = (
                f"{row['count']:,} times in the scope; {row['expected']:g} expected from {row['window_count']:,} windows of the "
                f"same length before (at most {row['most']:,}), p = {row['p_value']:.1e}"
            )
            yield _indicator("INCREASED_VOLUME", "MEDIUM", row["entity"], row["value"], reason, [])


def _hops(case: Case) -> Iterable[Row]:
    for session in [*case.ancestors, *case.own, *case.descendants]:
        if session["is_cross_account"]:
            source = session["assumed_by_account_id"] or "another account"
            reason = f"{case.name(session['entity_id'])} in {session['account_id']} was assumed from {source}"
            value = f"{source} → {session['account_id']}"
            yield _indicator(
                "CROSS_ACCOUNT_HOP", "LOW", session["entity_id"], value, reason, session["issuing_event_ids"]
            )


def _depth(case: Case) -> Iterable[Row]:
    sessions = [*case.own, *case.descendants]
    if not sessions:
        return
    deepest = max(sessions, key=lambda row: (row["chain_depth"], row["started_at"] or "", row["credential_session_id"]))
    depth = deepest["chain_depth"]
    if depth >= 2:
        severity = "MEDIUM" if depth >= 3 else "LOW"
        reason = f"{depth} role sessions from the root to {case.name(deepest['entity_id'])}, each assumed from the one before"
        yield _indicator(
            "CHAIN_DEPTH", severity, deepest["entity_id"], str(depth), reason, deepest["issuing_event_ids"]
        )


def _late_use(case: Case) -> Iterable[Row]:
    for session in [*case.own, *case.descendants]:
        if session["used_after_expiry"]:
            reason = f"last used {labels.moment(session['last_event_at'])}, though expired {labels.moment(session['expires_at'])}"
            yield _indicator(
                "USED_AFTER_EXPIRY", "HIGH", session["entity_id"], session["credential_session_id"], reason, []
            )


def _findings(case: Case) -> Iterable[Row]:
    for row in case.rows("related"):
        severity = "MEDIUM" if (row["severity"] or 0) >= 7 else "LOW"
        reason = f"{row['type']} shares {labels.listed([SHARED[each] for each in row['shared']])}"
        yield _indicator("RELATED_FINDING", severity, case.entity_id, row["finding_id"], reason, [])


SHARED = {
    "access_key": "the access key",
    "principal": "the session identifier",
    "role": "the role",
    "address": "the remote address",
}

FINDERS: tuple[Callable[[Case], Iterable[Row]], ...] = (
    _techniques,
    *[_new(kind, panel, noun) for kind, (panel, noun) in _NEW.items()],
    _volumes,
    _hops,
    _depth,
    _late_use,
    _findings,
)


def novelty_severity(row: Row) -> str:
    """Return how much it weighs: new for the account most; what the root is known for next to nothing.

    A fresh session's everything is new, so in training its role's history speaks where the root has none.
    """
    if row["is_new_for_account"]:
        return "MEDIUM"
    peers = [row["root"], row["role"] if row["is_in_training"] else None]
    return "INFORMATIONAL" if any(peer and peer["status"] == KNOWN for peer in peers) else "LOW"


def novelty_reason(row: Row, noun: str) -> str:
    """Say of a new value since when it is new, and for whom."""
    session = row["session"]
    words = (
        f"{noun} never seen of this principal before"
        if session["status"] == NEVER
        else f"{noun} not seen of this principal in the 45 days before; last seen {labels.day(session['last_at'])}"
    )
    for level, name in (("role", "its role"), ("root", "who was behind it"), ("account", "the account")):
        known = row[level]
        if known is not None:
            told = {KNOWN: "known", NEVER: "never seen"}.get(known["status"], "new in 45 days")
            words += f"; for {name} {told}"
    return words + ("; the principal is in training" if row["is_in_training"] else "")


def _tried(success: int, failed: int) -> str:
    """Say how often something was tried and worked."""
    if not failed:
        return f"succeeded {labels.count(success, 'time')}"
    if not success:
        return f"failed {labels.count(failed, 'time')}"
    return f"failed {labels.count(failed, 'time')} and succeeded {labels.count(success, 'time')}"


def _indicator(  # noqa: PLR0913, PLR0917  (one per column)
    kind: str,
    severity: str,
    entity: str,
    value: str,
    reason: str,
    events: list[str],
    *,
    is_new_for_account: bool | None = None,
    mitre_tactic: str | None = None,
    mitre_technique: str | None = None,
) -> Row:
    return {
        "type": kind,
        "severity": severity,
        "entity": entity or "unknown",
        "value": value,
        "is_new_for_account": is_new_for_account,
        "mitre_tactic": mitre_tactic,
        "mitre_technique": mitre_technique,
        "evidence_event_ids": list(events or []),
        "reason": reason,
    }
