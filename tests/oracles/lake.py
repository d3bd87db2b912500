"""What a method may look at, and what it may find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.oracles.issuances import OWN_SESSION, Issuance
from tests.oracles.records import Call, Log, Principal
from tests.oracles.sessions import NEAR, Session


class Link(NamedTuple):
    """Somebody who may have issued a session: who, with which session, by which issuance, and the events that show it."""

    assumer: Principal
    parent: Session | None = None
    issuance: Issuance | None = None
    event_ids: tuple[str, ...] = ()
    at_most: float = 1.0  # confidence


@dataclass
class Binding:
    """What is known of a session's issuing: a link, candidates that do not agree, or what it only claims."""

    method: str | None = None
    confidence: float = 0.0
    link: Link | None = None
    issuances: list[Issuance] = field(default_factory=list)
    event_ids: set[str] = field(default_factory=set)
    candidates: set[Principal] | None = None
    is_claim: bool = False


@dataclass
class Lake:
    """All that a method may look at."""

    log: Log
    sessions: dict[str, Session]
    made_with: dict[str, str]
    issued: list[Issuance]
    fetched: list[Issuance]
    uses: list[Call]

    def issuances_for(self, session: Session) -> list[Issuance]:
        """Return those that can have made the session: of its home, and its own if its key tells it from its twins.

        What a session issued itself has not made it.
        """
        same_home = [each for each in self.issued if each.home == session.home and self.caller_of(each) is not session]
        is_told = any(each.is_twin for each in session.issuances)
        return [each for each in same_home if each.session_id == session.id or not is_told]

    def caller_of(self, issuance: Issuance) -> Session | None:
        """Return the session that an issuing call was made with. A long-term key has none; what it made itself is none."""
        caller = self.sessions.get(self.made_with.get(issuance.caller.event_id, ""))
        is_none = caller is None or issuance.api in OWN_SESSION or caller.id == issuance.session_id
        return None if is_none else caller

    def links(self, session: Session, holds: Callable[[Issuance], bool]) -> list[Link]:
        """Return the callers of the issuances for which a predicate holds. What is younger is no parent (SEMANTICS §9)."""
        found = []
        for issuance in self.issuances_for(session):
            if holds(issuance):
                parent = None if is_younger(issuance) else self.caller_of(issuance)
                found.append(Link(issuance.assumer, parent, issuance, tuple(issuance.event_ids)))
        return found


def is_younger(issuance: Issuance) -> bool:
    """Whether the caller's credentials are younger than what was issued with them, by more than a second: some clock lies."""
    return issuance.caller.since is not None and issuance.caller.since > issuance.at + NEAR


class Method(NamedTuple):
    """A way to know who issued a session. The first of a list that finds anybody is the one that counts."""

    name: str
    confidence: float
    find: Callable[[Lake, Session], list[Link]]
