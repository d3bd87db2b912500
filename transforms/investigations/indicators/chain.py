"""How the session came about: across accounts, through how many roles, from an assumer that never did so, past its expiry."""

from __future__ import annotations

from collections.abc import Iterable

from transforms.investigations import labels
from transforms.investigations.behaviour import standings
from transforms.investigations.case import Case, Row, text_of
from transforms.investigations.indicators.indicator import indicator


def find_hops(case: Case) -> Iterable[Row]:
    """Return assumptions across accounts; those by a vendor's account are expected."""
    for session in [*case.ancestors, *case.own, *case.descendants]:
        if session["is_cross_account"] and session["assumed_by_account_id"] not in case.context.vendors:
            source = session["assumed_by_account_id"] or "another account"
            told = case.account(source)
            reason = (
                f"{case.name(session['entity_id'])} in {case.account(session['account_id'])} was assumed from {told}"
            )
            value = f"{source} → {session['account_id']}"
            yield indicator(
                "CROSS_ACCOUNT_HOP", "LOW", session["entity_id"], value, reason, session["issuing_event_ids"]
            )


def find_depth(case: Case) -> Iterable[Row]:
    """Return the deepest session of the chain, if roles were chained."""
    sessions = [*case.own, *case.descendants]
    if not sessions:
        return
    deepest = max(sessions, key=lambda row: (row["chain_depth"], row["started_at"] or "", row["credential_session_id"]))
    depth = deepest["chain_depth"]
    if depth >= 2:
        severity = "MEDIUM" if depth >= 3 else "LOW"
        reason = f"{depth} role sessions from the root to {case.name(deepest['entity_id'])}, each assumed from the one before"
        yield indicator("CHAIN_DEPTH", severity, deepest["entity_id"], str(depth), reason, deepest["issuing_event_ids"])


def find_late_use(case: Case) -> Iterable[Row]:
    """Return sessions that were used after their credentials had expired."""
    for session in [*case.own, *case.descendants]:
        if session["used_after_expiry"]:
            reason = f"last used {labels.moment(session['last_event_at'])}, though expired {labels.moment(session['expires_at'])}"
            yield indicator(
                "USED_AFTER_EXPIRY", "HIGH", session["entity_id"], session["credential_session_id"], reason, []
            )


def find_role_pairs(case: Case) -> Iterable[Row]:
    """Return pairs of assumer and role in this chain that were never seen before the scope began, a denied try included."""
    for row, session, is_first_of_role in _pairs(case):
        if row["assumed_by_account_id"] in case.context.vendors:
            continue
        assumer = labels.who(row["assumed_by_type"], row["assumed_by_name"], row["assumed_by_id"])
        role = row["role_arn"].rsplit("/", 1)[-1]
        did = "assumed" if row["success_count"] else "tried to assume, and was denied,"
        words = f"{assumer} {did} {role} for the first time at {labels.moment(row['first_at'])}"
        words += "; nobody had assumed the role before" if is_first_of_role else ""
        words += "; from another account" if row["is_cross_account"] else ""
        is_young = _account_in_training(case)
        words += "; the account is in training" if is_young else ""
        yield indicator(
            "NEW_ROLE_PAIR", _pair_severity(row, is_first_of_role, is_young),
            session["entity_id"] if session else case.entity_id,
            f"{row['assumed_by_id'] or row['assumed_by_type']} → {row['role_arn']}", words,
            session["issuing_event_ids"] if session else _refused(case, row["role_arn"]),
            is_new_for_account=is_first_of_role,
        )  # fmt: skip


def _pairs(case: Case) -> Iterable[tuple[Row, Row | None, bool | None]]:
    """Yield the pairs that are new, each with a session that came of it, and whether the role had no other assumer before."""
    start, end = text_of(case.scope_start), text_of(case.scope_end)
    assumers = case.rows("assumers")
    is_first_of_role = not any(row["first_at"] < start for row in assumers) and case.total("assumers") == len(assumers)
    for row in assumers:
        session = next((each for each in case.own if _came_of(case, each, row)), None)
        if session and start <= row["first_at"] < end:
            yield row, session, is_first_of_role
    for row in case.rows("assumed_roles"):
        session = next((each for each in case.descendants if _came_of(case, each, row)), None)
        if start <= row["first_at"] < end and (session or _refused(case, row["role_arn"])):
            yield row, session, None


def _came_of(case: Case, session: Row, pair: Row) -> bool:
    """Whether a session is one that the pair stands for: roles are paired, whatever their sessions are called."""
    if session["role_arn"] != pair["role_arn"]:
        return False
    if pair["assumed_by_type"] != "Role":
        return bool(session["assumed_by_id"] == pair["assumed_by_id"])
    parents = {row["credential_session_id"]: row["role_arn"] for row in case.rows("family")}
    role_id = str(session["assumed_by_id"] or "").rpartition(":")[0]
    return pair["assumed_by_id"] in (parents.get(session["parent_session_id"] or ""), role_id)


def _refused(case: Case, role_arn: str) -> list[str]:
    return [
        event
        for row in case.rows("refusals")
        if row["issued_role_arn"] == role_arn
        for event in row["issuing_event_ids"] or []
    ]


def _pair_severity(row: Row, is_first_of_role: bool | None, is_young: bool) -> str:
    """New pairs are what growing organisations have; they weigh more across accounts, or where nobody assumed the role before."""
    if is_young or not row["success_count"]:
        return "LOW"
    return "MEDIUM" if row["is_cross_account"] or is_first_of_role else "LOW"


def _account_in_training(case: Case) -> bool:
    account = standings(case).get(case.entity_id, {}).get("account")
    return account is None or bool(account["is_in_training"])
