"""Whose issuing call made a session, and who that was: the first five methods of SEMANTICS §9, each a small function."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.oracles.issuances import Issuance, name_of_person
from tests.oracles.lake import Binding, Lake, Link, Method, is_younger
from tests.oracles.records import PERSONS, Principal
from tests.oracles.sessions import NEAR, SKEW, Session, is_in_life

LIFE_OF_CALLER = timedelta(hours=12)  # of a role session whose expiry nobody told, when it is looked for as a caller
DOUBT = 0.05  # of confidence
OF_SERVICES = {"AWSService", "EC2Instance", "LambdaFunction", "ECSTask", "EKSServiceAccount", "ManagedInstance"}


def key_exact(lake: Lake, session: Session) -> list[Link]:
    """The session used the key that was issued, within its life; or later, if it began in that very second."""
    return lake.links(
        session,
        lambda it: (
            session.first_use is not None
            and it.key is not None
            and it.key in {use.key for use in session.uses}
            and it.account_id == session.account_id
            and (is_in_life(it, session.first_use) or _is_near(session, it))
        ),
    )


def issued_unused(lake: Lake, session: Session) -> list[Link]:
    """Nobody used it: it is what the issuance says."""
    return lake.links(session, lambda it: not session.uses and it.session_id == session.id)


def echo_role_id(lake: Lake, session: Session) -> list[Link]:
    """Its principal is the one that was issued, its creation date the second of the call; a root's only if it was assumed."""
    return lake.links(
        session,
        lambda it: (
            session.user is None
            and it.principal_id is not None
            and it.principal_id == session.principal_id
            and (it.api == "AssumeRoot") == session.is_assumed_root
            and _is_near(session, it)
        ),
    )


def echo_arn(lake: Lake, session: Session) -> list[Link]:
    """The response did not say whose credentials they are: role and session name were asked for, in that second."""
    return lake.links(
        session,
        lambda it: (
            it.principal_id is None
            and it.role_arn is not None
            and it.session_name is not None
            and (it.role_arn, it.session_name) == (session.role_arn, session.name)
            and _is_near(session, it)
        ),
    )


def console_login(lake: Lake, session: Session) -> list[Link]:
    """The user signed in to the console in the second of the creation date."""
    return lake.links(
        session,
        lambda it: (
            it.api == "ConsoleLogin"
            and it.principal_id == session.principal_id
            and not session.is_assumed_root
            and _is_near(session, it)
        ),
    )


def _is_near(session: Session, issuance: Issuance) -> bool:
    return session.started_at is not None and abs(session.started_at - issuance.at) <= NEAR


BY_ISSUANCE = (
    Method("KEY_EXACT", 0.99, key_exact),
    Method("ISSUED_UNUSED", 0.99, issued_unused),
    Method("ECHO_ROLEID", 0.97, echo_role_id),
    Method("ECHO_ARN", 0.95, echo_arn),
    Method("CONSOLE_LOGIN", 0.95, console_login),
)
SAME_PARENT = Method("ECHO_SAME_PARENT", 0.90, lambda _lake, _session: [])
OWNER_COPY = Method("OWNER_COPY", 0.80, lambda _lake, _session: [])


def by_issuance(lake: Lake, session: Session) -> Binding:
    """Return whose issuance it was. Several with one parent agree; with several parents nothing is guessed."""
    for method in BY_ISSUANCE:
        links = sorted(
            method.find(lake, session), key=lambda it: (it.issuance.at, it.issuance.action_id) if it.issuance else ()
        )
        if not links:
            continue
        issuances = [link.issuance for link in links if link.issuance]
        if len({(link.assumer._replace(name=None), link.parent and link.parent.id) for link in links}) > 1:
            return Binding(issuances=issuances, event_ids=events_of(links), candidates={link.assumer for link in links})
        agreed = SAME_PARENT if len(links) > 1 else method
        binding = Binding(agreed.name, agreed.confidence, links[0], issuances, events_of(links))
        _refine(lake, session, binding)
        binding.confidence = doubted(binding.confidence, lake, session, binding)
        return binding
    return Binding()


def events_of(links: Sequence[Link]) -> set[str]:
    return {event_id for link in links for event_id in link.event_ids}


def _refine(lake: Lake, session: Session, binding: Binding) -> None:
    """Say more of an assumer than the issuing call does, where AWS itself says more."""
    link = binding.link
    assert link is not None
    assert link.issuance is not None
    if session.user:
        binding.link = link._replace(assumer=session.user, parent=None)  # its own, whoever asked for it
    elif session.person and link.issuance.api == "AssumeRoleWithSAML":
        binding.link = link._replace(assumer=session.person._replace(name=link.assumer.name))
    elif link.issuance.caller.type == "AWSAccount":
        _follow_owners_copy(lake, session, binding, link)
    elif session.workload and link.assumer.type in OF_SERVICES:
        account_id = link.assumer.account_id or session.account_id
        binding.link = link._replace(assumer=session.workload._replace(account_id=account_id))


def _follow_owners_copy(lake: Lake, session: Session, binding: Binding, link: Link) -> None:
    """Look for the calling role session, of which the role owner's copy has the principal id: it must have been live then."""
    binding.method, binding.confidence = OWNER_COPY.name, min(binding.confidence, OWNER_COPY.confidence)
    assert link.issuance is not None
    at, caller_id = link.issuance.at, link.assumer.id or ""
    live = [
        each for each in lake.sessions.values()
        if ":" in caller_id and each is not session and each.is_role and each.principal_id == caller_id
        and each.started_at is not None and each.started_at <= at <= _end_of(lake, each, each.started_at)
    ]  # fmt: skip
    if len(live) == 1 or _all_were_issued_to_one(lake, live):
        youngest = max(each.started_at for each in live if each.started_at)
        parent = min((each for each in live if each.started_at == youngest), key=lambda it: it.id)
        assumer = Principal("AssumedRole", caller_id, parent.name, link.assumer.account_id)
        binding.link = link._replace(assumer=assumer, parent=parent)
    elif live:
        binding.candidates = {
            Principal(
                "AssumedRole", caller_id, f"{each.name} since {each.started_at:%Y-%m-%dT%H:%M:%SZ}", each.account_id
            )
            for each in live
        }
    elif ":" not in caller_id and session.started_at is not None:
        binding.link = link._replace(assumer=_known_user(lake, link.assumer, session.started_at))


def _all_were_issued_to_one(lake: Lake, sessions: Sequence[Session]) -> bool:
    """Whether issuing calls say of all these sessions that one assumer got them: it leads back to that one whichever it was."""
    got_by = {_known_assumer(lake, each) for each in sessions}
    return len(got_by) == 1 and None not in got_by


def _known_assumer(lake: Lake, session: Session) -> tuple[Principal, str | None] | None:
    """Return who got a session by its own issuing call, and with which session, if that is known to the end."""
    if any(issuance.caller.type == "AWSAccount" for issuance in _best_issuances(lake, session)):
        return None
    link = by_issuance(lake, session).link
    if link is None or link.assumer.id is None or link.assumer.type == "Unknown":
        return None
    if link.assumer.type == "AssumedRole" and link.parent is None:
        return None
    return link.assumer._replace(name=None), link.parent and link.parent.id


def _known_user(lake: Lake, caller: Principal, at: datetime) -> Principal:
    """Return the user whose calls of the days around, in the caller's account, have the unique id; the last name counts."""
    said = [
        (use.at.date(), use.type or "", use.arn)
        for use in lake.uses
        if use.type in PERSONS and use.arn and (use.principal_id, use.account_id) == (caller.id, caller.account_id)
        and abs(use.at.date() - at.date()) <= timedelta(days=1)
    ]  # fmt: skip
    if not said:
        return caller
    _, type_, arn = max(said)
    return Principal(type_, arn, name_of_person(type_, arn), caller.account_id)


def expiry_of(lake: Lake, session: Session) -> datetime | None:
    """Return when a session ends: as its issuance says, if it is known which that is."""
    issuances = _best_issuances(lake, session)
    return issuances[0].expires_at if len(issuances) == 1 else None


def _end_of(lake: Lake, session: Session, started_at: datetime) -> datetime:
    return expiry_of(lake, session) or started_at + LIFE_OF_CALLER


def _best_issuances(lake: Lake, session: Session) -> list[Issuance]:
    found = next(filter(None, (find(lake, session) for _, _, find in BY_ISSUANCE)), [])
    return [link.issuance for link in found if link.issuance]


def doubts(lake: Lake, session: Session, issuances: Sequence[Issuance]) -> list[str]:
    """Say what does not fit together in the records of a session; each takes a little from the confidence."""
    first = min(issuances, key=lambda it: (it.at, it.action_id), default=None)
    has_caller = first is not None and lake.caller_of(first) is not None
    started_at, first_use = session.started_at, session.first_use
    said = {
        "used before it began": started_at is not None and first_use is not None and started_at > first_use + SKEW,
        "the caller's session began after this one was issued": has_caller and first is not None and is_younger(first),
        "its account is no number of twelve digits": re.fullmatch(r"\d{12}", session.account_id or "0" * 12) is None,
        "an access key id of an unknown form": any(
            use.key and not re.match("A[A-Z]IA", use.key) for use in session.uses
        ),
    }
    return [sentence for sentence, is_so in said.items() if is_so]


def doubted(confidence: float, lake: Lake, session: Session, binding: Binding) -> float:
    return round(confidence - DOUBT * len(doubts(lake, session, binding.issuances)), 2)
