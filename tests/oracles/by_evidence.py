"""Who else tells of a session's assumer, where no issuing call does: its siblings, AWS in its own calls, and at last itself.

FAS is none of the methods: a forward-access call is its caller's session from the beginning (`sessions.session_of`).
"""

from __future__ import annotations

import re
from datetime import timedelta

from tests.oracles.by_issuance import OWNER_COPY, by_issuance, doubted, events_of
from tests.oracles.issuances import INSTANCE, NODE
from tests.oracles.lake import Binding, Lake, Link, Method
from tests.oracles.records import NEVER, Principal
from tests.oracles.sessions import Session

SSO_NEAR = timedelta(seconds=3)
A_DAY = timedelta(days=1)


def bind(lake: Lake, session: Session) -> Binding:
    """Return what the best method finds."""
    found = by_issuance(lake, session)
    if found.link or (found.candidates and not (session.person or session.issuer)):
        return found
    for name, confidence, find in BY_EVIDENCE:
        links = find(lake, session)
        if len({link.assumer for link in links}) > 1:
            return Binding(
                link=Link(session.user) if session.user else None,
                event_ids=events_of(links),
                candidates={link.assumer for link in links},
            )
        if links:
            # Open: who is behind one of several issuances is known; which of them it was is not.
            event_ids = events_of(links) | found.event_ids
            said = doubted(min(confidence, links[0].at_most), lake, session, found)
            return Binding(name, said, links[0], found.issuances, event_ids)
    for name, confidence, find in CLAIMS:
        if links := find(lake, session):
            said = doubted(confidence, lake, session, found)
            return Binding(name, said, None, candidates={links[0].assumer}, is_claim=True)
    return Binding()


def sign_in_arn(lake: Lake, session: Session) -> list[Link]:
    """Sessions of the principal that came of the same sign-in, at most a day apart, were issued to the same assumer."""
    started_at = session.started_at
    if session.sign_in is None or started_at is None:
        return []
    siblings = [
        each for each in lake.sessions.values()
        if each is not session and each.sign_in == session.sign_in
        and each.started_at is not None and abs(each.started_at - started_at) <= A_DAY
    ]  # fmt: skip
    siblings.sort(key=lambda it: (it.started_at or NEVER, it.id))
    # Of an owner's copy the assumer is a guess at best; who is this very session, or younger, has not made it.
    bound = [
        each for each in (by_issuance(lake, it) for it in siblings) if each.link and each.method != OWNER_COPY.name
    ]
    assumers = {each.link.assumer for each in bound if each.link}
    if len(assumers) > 1:
        return [Link(assumer) for assumer in assumers]
    return [
        Link(it.link.assumer, it.link.parent, None, tuple(it.event_ids), it.confidence)
        for it in bound[:1]
        if it.link and not (it.link.parent and (it.link.parent is session or _is_later(it.link.parent, session)))
    ]


def _is_later(one: Session, other: Session) -> bool:
    return bool(one.started_at and other.started_at and one.started_at > other.started_at)


def self_root(_lake: Lake, session: Session) -> list[Link]:
    """No issuance, but these are a user's own temporary credentials."""
    return [Link(session.user)] if session.user else []


def on_behalf_of(_lake: Lake, session: Session) -> list[Link]:
    """A call of it says for which Identity Center user it was made."""
    return [Link(session.person)] if session.person and not session.user else []


def session_issuer(_lake: Lake, session: Session) -> list[Link]:
    """It is a federated user's, and its calls name the user that it is of: who is known, which call issued it is not."""
    return [Link(session.issuer)] if session.issuer else []


def role_credentials(lake: Lake, session: Session) -> list[Link]:
    """Somebody fetched credentials for the role's permission set in the account, within three seconds of the start."""
    return [
        Link(it.assumer, None, None, tuple(it.event_ids))
        for it in lake.fetched
        if session.permission_set
        and it.assumer.id
        and (it.caller.details.get("account_id"), it.caller.details.get("role_name")) == (session.account_id, session.permission_set)
        and session.started_at
        and abs(session.started_at - it.at) <= SSO_NEAR
    ]  # fmt: skip


def in_scope_of(_lake: Lake, session: Session) -> list[Link]:
    """AWS says to which workload the credentials were issued."""
    return [Link(session.workload)] if session.workload and not session.user else []


def reserved_role(_lake: Lake, session: Session) -> list[Link]:
    """The role is one that only Systems Manager can have made, `123456789012:aws:…`: its session names are AWS's word."""
    role_id = (session.principal_id or "").rpartition(":")[0]
    named = _named(session)
    return [Link(named)] if named and re.match(r"\d{12}:aws:", role_id) else []


def source_identity(_lake: Lake, session: Session) -> list[Link]:
    """Whoever assumed the first role said who they are."""
    who = session.told(lambda use: use.source_identity)
    return [Link(Principal("Unknown", who, who, None))] if who else []


def workload_name(_lake: Lake, session: Session) -> list[Link]:
    """It is called like an instance or a node: anybody may call a session so (SEMANTICS §7)."""
    named = _named(session)
    return [Link(named)] if named else []


def person_name(_lake: Lake, session: Session) -> list[Link]:
    """It is called like somebody's address."""
    name = session.name or ""
    return [Link(Principal("Unknown", name, name, None))] if "@" in name else []


def _named(session: Session) -> Principal | None:
    for pattern, type_ in ((INSTANCE, "EC2Instance"), (NODE, "ManagedInstance")):
        if re.fullmatch(pattern, session.name or ""):
            return Principal(type_, session.name, session.name, session.account_id)
    return None


BY_EVIDENCE = (
    Method("SSO_LINK", 0.98, on_behalf_of),
    Method("SELF_ROOT", 0.90, session_issuer),
    Method("SSO_LINK", 0.80, role_credentials),
    Method("WORKLOAD", 0.95, in_scope_of),
    Method("WORKLOAD", 0.90, reserved_role),
    # Open: SEMANTICS ranks it before the others; docs/attribution.md, as the transforms do, behind what AWS says of this very session.
    Method("SIGNIN_ARN", 0.95, sign_in_arn),
    Method("SELF_ROOT", 0.90, self_root),
)
CLAIMS = (  # never an assumer: what the caller chose is a candidate
    Method("CLAIM", 0.60, source_identity),
    Method("WORKLOAD", 0.40, workload_name),
    Method("CLAIM", 0.30, person_name),
)
