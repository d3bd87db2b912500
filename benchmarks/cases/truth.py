"""What is true of the sessions that a case makes, and what else must hold. Written beside the logs, a JSON line each.

Belongs here: the shape of the truth. Does not: how a lake is held against it (`benchmarks.accuracy`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.organisation.credentials import Principal, Session
from benchmarks.organisation.instants import iso

RESOLVED, AMBIGUOUS, UNRESOLVED = "resolved", "ambiguous", "unresolved"
NOBODY = Principal("Unknown", None, None, None)
ANYTHING = object()  # a fact that is not compared
_DEEPEST_CHAIN = 12  # role ARNs of longer chains would be most of the file; their number is compared


@dataclass(frozen=True)
class Outcome:
    """What rolescope should say of a session's root.

    Of `methods` and `reasons` any is right; empty means that it does not matter. `candidates` of an ambiguous session are not
    compared if null. `is_knowable`: the logs are enough for a resolved root.
    """

    status: str
    methods: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    candidates: tuple[Principal, ...] | None = None

    @property
    def is_knowable(self) -> bool:
        """Whether the logs are enough for a resolved root."""
        return self.status == RESOLVED


def resolved(*methods: str) -> Outcome:
    """The root is known, by any of these methods."""
    return Outcome(RESOLVED, methods)


def unresolved(*reasons: str, methods: tuple[str, ...] = ()) -> Outcome:
    """The root cannot be known, for any of these reasons."""
    return Outcome(UNRESOLVED, methods, reasons)


def ambiguous(*candidates: Principal) -> Outcome:
    """Several could have made it; without candidates it is not said which."""
    return Outcome(AMBIGUOUS, reasons=("AMBIGUOUS",), candidates=candidates or None)


@dataclass(frozen=True)
class Expectation:
    """A session that a case makes: what it is called, and what should be said of it.

    `access_key_id` is a key that only this session has; null finds the only session of its principal and second, or the one
    without keys. `facts` are further columns of credential_sessions and their values.
    """

    session: Session
    outcome: Outcome
    what: str
    access_key_id: str | None
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """Something that is no session: so many rows of a table have these values, and all of them those facts.

    A value of `where` is equal to the column's or, where the column is a list, in it.
    """

    what: str
    table: str
    where: Mapping[str, Any]
    count: int
    facts: Mapping[str, Any]


def session_line(company: int, case: int, expectation: Expectation) -> dict[str, Any]:
    """Return a line of sessions.jsonl."""
    session, outcome = expectation.session, expectation.outcome
    is_resolved = outcome.status == RESOLVED
    root = (
        NOBODY if outcome.status == AMBIGUOUS else session.root
    )  # to name one of several is a guess, even the right one
    return {
        "organisation": company,
        "case": case,
        "what": expectation.what,
        **_found_by(session, expectation.access_key_id),
        "knowable": outcome.is_knowable,
        "status": outcome.status,
        "reasons": outcome.reasons,
        "methods": outcome.methods,
        "root_type": root.type,
        "root_id": root.id,
        "root_account_id": root.account_id,
        "assumed_by": _named(_assumers(session)) if is_resolved else None,
        "candidates": None if outcome.candidates is None else _named(outcome.candidates),
        "chain_depth": len(session.chain) if is_resolved else None,
        "chain": session.chain if is_resolved and len(session.chain) <= _DEEPEST_CHAIN else None,
        "parent": _parent(session) if is_resolved else None,
        "facts": {k: v for k, v in (_facts(session) | dict(expectation.facts)).items() if v is not ANYTHING},
    }


def check_line(company: int, case: int, check: Check) -> dict[str, Any]:
    """Return a line of checks.jsonl."""
    return {
        "organisation": company,
        "case": case,
        "what": check.what,
        "table": check.table,
        "where": check.where,
        "count": check.count,
        "facts": check.facts,
    }


def _found_by(session: Session, access_key_id: str | None) -> dict[str, str | None]:
    return {
        "principal_id": session.principal_id,
        "started_at": iso(session.started_at),
        "access_key_id": access_key_id,
    }


def _parent(session: Session) -> dict[str, str | None] | None:
    parent = session.parent
    return None if parent is None else _found_by(parent, next(iter(parent.access_key_ids), None))


def _assumers(session: Session) -> Sequence[Principal]:
    """At the start of a chain the root itself may stand as assumer: the instance for EC2, the person for Identity Center."""
    if session.parent is not None:
        return [session.assumed_by]
    return [session.assumed_by, session.root]


def _named(principals: Sequence[Principal]) -> list[dict[str, str | None]]:
    pairs = dict.fromkeys((each.type, each.id) for each in principals)
    return [{"type": type_, "id": id_} for type_, id_ in pairs]


def _facts(session: Session) -> dict[str, Any]:
    """What is true of every session as soon as it is told apart."""
    own = {"event_count": session.event_count, "account_id": session.account_id}
    if session.role is None:
        return own
    return own | {"role_id": session.role.id, "role_arn": session.role.arn, "session_name": session.session_name}
