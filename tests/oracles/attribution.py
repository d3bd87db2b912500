"""Roots, from parent to parent (SEMANTICS §4, §9), why there is none, and what the tables must hold."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from tests.oracles.by_evidence import bind
from tests.oracles.by_issuance import OWNER_COPY, doubts, expiry_of
from tests.oracles.issuances import LINKS, NODE, Issuance, issuances_of
from tests.oracles.lake import Binding, Lake
from tests.oracles.records import NOBODY, Log, Principal, calls_of
from tests.oracles.sessions import Session, sessions_of, settle_homes, uses_of

LEAST_RESOLVED = 0.80
PENDING = timedelta(hours=72)


@dataclass
class Root:
    """Where a chain begins, as far as it can be followed. `confidence` is the least along it."""

    principal: Principal
    confidence: float
    reason: str | None
    candidates: set[Principal] | None
    chain: tuple[str | None, ...]
    depth: int
    top: str
    is_in_circle: bool = False


class LoopError(Exception):
    """A session is among its own ancestors: only records that lie make one."""


def root_of(lake: Lake, session: Session, bindings: Mapping[str, Binding], below: frozenset[str] = frozenset()) -> Root:
    """Return the root of a session: its parent's, if it has one.

    Raises:
        LoopError: there is none, since the parents lead in a circle.
    """
    if session.id in below:
        raise LoopError
    binding = bindings[session.id]
    reason = _own_reason(lake, session, binding)
    own_hop = (session.role_arn,) if session.is_role else ()
    if reason is None and binding.link is not None and binding.link.parent is not None:
        before = root_of(lake, binding.link.parent, bindings, below | {session.id})
        return replace(
            before,
            confidence=min(binding.confidence, before.confidence),
            chain=(*before.chain, *own_hop),
            depth=before.depth + len(own_hop),
        )
    who = binding.link.assumer if binding.link is not None and reason is None else NOBODY
    confidence = binding.confidence if reason is None or binding.is_claim else 0.0
    return Root(who, confidence, reason, binding.candidates, own_hop, len(own_hop), session.id)


def _own_reason(lake: Lake, session: Session, binding: Binding) -> str | None:
    """Say why the session itself leads nowhere, if it does not."""
    link = binding.link
    if binding.candidates and not binding.is_claim:
        return "AMBIGUOUS"
    if link is None:
        reason = _unbound_reason(lake, session)
        return "CLAIM_ONLY" if binding.is_claim and reason == "NO_ISSUANCE" else reason
    if _is_elsewhere(binding):
        # Without logs of its account that is all there is to know: somebody outside. With them, its session is missing.
        reason = _why_not_logged(lake, link.assumer.account_id, session.started_at, is_of_data_event=False)
        return None if reason == "NO_ACCOUNT" else reason
    if link.assumer.type == "Unknown" or link.assumer.id is None:
        is_pools = any(issuance.api == "GetCredentialsForIdentity" for issuance in binding.issuances)
        return "DATA_EVENT" if is_pools else "NO_ACCOUNT"  # an identity pool's user is nobody that any log knows
    if link.assumer.type == "AssumedRole" and link.parent is None:
        return "NO_ISSUANCE"  # its caller's session is not known
    return None


def _is_elsewhere(binding: Binding) -> bool:
    """Whether the caller is a role session of which only the owner's copy speaks, and no live session is known."""
    who = binding.link.assumer if binding.link and binding.method == OWNER_COPY.name else NOBODY
    return who.type == "ExternalPrincipal" and ":" in (who.id or "")


def _root_or_loop(lake: Lake, session: Session, bindings: Mapping[str, Binding]) -> Root:
    try:
        return root_of(lake, session, bindings)
    except LoopError:
        own_hop = (session.role_arn,) if session.is_role else ()
        return Root(NOBODY, 0.0, "NO_ISSUANCE", None, own_hop, 1, session.id, is_in_circle=True)


def _unbound_reason(lake: Lake, session: Session) -> str:
    """Say why there is no issuance. Cognito and Systems Manager give out credentials by data events (SEMANTICS §2)."""
    is_of_data_event = (
        session.name == "CognitoIdentityCredentials" or re.fullmatch(NODE, session.name or "") is not None
    )
    return _why_not_logged(lake, session.account_id, session.started_at, is_of_data_event)


def _why_not_logged(lake: Lake, account_id: str | None, at: datetime | None, is_of_data_event: bool) -> str:
    """Say why the logs of an account do not have what happened at an instant."""
    if account_id is None or account_id not in lake.log.begins:
        return "NO_ACCOUNT"
    if at is not None and at < lake.log.begins[account_id]:
        return "BEFORE_WINDOW"
    if is_of_data_event:
        return "DATA_EVENT"
    if at is not None and any(begin <= at < end for begin, end in lake.log.gaps.get(account_id, ())):
        return "GAP"
    end_of_clock = datetime.combine(lake.log.clock + timedelta(days=1), time(), UTC)
    if at is not None and at + PENDING > end_of_clock:
        return "PENDING"
    return "NO_ISSUANCE"


def lake_of(log: Log) -> Lake:
    """Return what the records say, before anybody asks who was behind it."""
    calls = calls_of(log)
    issued = [issuance for issuance in issuances_of(calls) if issuance.outcome == "success"]
    uses = uses_of(calls)
    settle_homes(issued, uses)
    made = [issuance for issuance in issued if issuance.home[0] is not None]
    return Lake(log, *sessions_of(made, uses), made, issuances_of(calls, LINKS), uses)


def credential_sessions(log: Log) -> dict[str, dict[str, Any]]:
    """Return what credential_sessions must hold, by credential_session_id: the columns that attribution is about.

    `candidates` are tuples of type, id, name and account, in any order.
    """
    lake = lake_of(log)
    bindings = {name: bind(lake, session) for name, session in lake.sessions.items()}
    return {name: _row(lake, session, bindings) for name, session in lake.sessions.items()}


def _row(lake: Lake, session: Session, bindings: Mapping[str, Binding]) -> dict[str, Any]:
    binding = bindings[session.id]
    root = _root_or_loop(lake, session, bindings)
    expires_at = expiry_of(lake, session)
    who = binding.link.assumer if binding.link else None
    is_resolved = root.reason is None and root.principal.id is not None and root.confidence >= LEAST_RESOLVED
    return {
        "credential_session_id": session.id,
        "principal_type": session.type,
        "principal_id": session.principal_id,
        "role_arn": session.role_arn,
        "account_id": session.account_id,
        "started_at": session.started_at,
        "expires_at": expires_at,
        "used_after_expiry": expires_at is not None
        and any(not use.invoked_by and use.at > expires_at + timedelta(minutes=5) for use in session.uses),
        "event_count": len(session.uses),
        "issuing_event_ids": sorted(binding.event_ids),
        **{f"assumed_by_{part}": getattr(who, part) if who else None for part in Principal._fields},
        "parent_session_id": binding.link.parent.id if binding.link and binding.link.parent else None,
        **{f"root_{part}": value for part, value in root.principal._asdict().items()},
        "chain": list(root.chain),
        "chain_depth": root.depth,
        "has_role_loop": len(set(root.chain)) < len(root.chain),
        "attribution_method": binding.method,
        "attribution_confidence": root.confidence,
        "attribution_status": "resolved"
        if is_resolved
        else "ambiguous"
        if root.reason == "AMBIGUOUS"
        else "unresolved",
        "attribution_reason": None if is_resolved else root.reason or "CLAIM_ONLY",
        "candidates": root.candidates,
        "doubts": doubts(lake, session, binding.issuances) + ["its callers lead in a circle"] * root.is_in_circle,
        "top_session_id": root.top,
    }


def role_assumptions(log: Log) -> dict[tuple[str | None, ...], dict[str, Any]]:
    """Return what role_assumptions must hold, by its key: who assumed, or was denied, which role, and when."""
    tries: dict[tuple[str | None, ...], list[Issuance]] = defaultdict(list)
    for issuance in issuances_of(calls_of(log)):
        if issuance.role_arn is not None:
            who = _rolled_up(issuance)
            tries[issuance.role_arn, who.type, who.id].append(issuance)
    return {
        key: {
            "first_at": min(each.at for each in made),
            "last_at": max(each.at for each in made),
            "success_count": sum(each.outcome == "success" for each in made),
            "denied_count": sum(each.outcome == "denied" for each in made),
            "assumed_by_name": max((_rolled_up(each).name for each in made if _rolled_up(each).name), default=None),
            "assumed_by_account_id": max(
                (each.assumer.account_id for each in made if each.assumer.account_id), default=None
            ),
            "is_cross_account": max(
                (each.assumer.account_id != each.account_id for each in made if each.assumer.account_id), default=None
            ),
        }
        for key, made in tries.items()
    }


def _rolled_up(issuance: Issuance) -> Principal:
    """Return the assumer, a role session as its role, whatever the session is called."""
    who = issuance.assumer
    if who.type != "AssumedRole":
        return who
    role = issuance.caller.role_arn or (who.id or "").rpartition(":")[0]
    return Principal("Role", role, role.rpartition("/")[2], who.account_id)
