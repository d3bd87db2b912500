"""People of the workforce: Identity Center, then calls with a key that no issuance names; some go on to DemoRole1."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.organisation.actors import Person
from benchmarks.organisation.credentials import Caller, Session, role_caller
from benchmarks.organisation.identifiers import unique_id
from benchmarks.organisation.issuing import Assumption, assume_role, on_behalf_of, sign_in_with_sso
from benchmarks.organisation.parameters import REGIONS
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import ADMINISTRATION, DEMONSTRATION, DEVELOPMENT

_MEAN_CALLS = 14
_DURATIONS = (3_600, 14_400, 28_800)


def work_people(shift: Shift) -> None:
    """Sign people in during their working hours and let them work."""
    for _ in range(shift.times(_MEAN_CALLS + 4)):
        person = shift.rng.choice(shift.organisation.people)
        at = shift.working_moment(person.place)
        if not shift.is_over(at):
            _sit_down(shift, person, at)


def _sit_down(shift: Shift, person: Person, at: int) -> None:
    rng = shift.rng
    role = rng.choices(person.roles, weights=range(len(person.roles), 0, -1))[0]
    is_administrator = "Administrator" in role.name
    assumption = Assumption(role, person.name, at, "sso", rng.choice(_DURATIONS))
    session = sign_in_with_sso(shift, person, assumption)
    address = rng.choices(person.addresses, weights=(6, 2, 1)[: len(person.addresses)])[0]
    caller = replace(sso_caller(shift, person, session, address), region=REGIONS[rng.random() < 0.2])
    work = ADMINISTRATION if is_administrator else DEVELOPMENT
    until = at + min(assumption.duration, int(rng.expovariate(1 / 2_700)) + 120)
    named = caller.shown_as(onBehalfOf=on_behalf_of(shift, person)) if person.shows_identity_center else caller
    shift.work(named, work, 1, (at + 1, at + 20))
    shift.work(caller, work, max(1, int(rng.gammavariate(2, _MEAN_CALLS / 2))), (at + 20, until))
    if session.event_count == 0:  # cut off by the period's end: nothing told more than the issuance
        session.root = session.assumed_by
    if person.uses_demo_role and is_administrator and rng.random() < 0.2 and not shift.is_over(until):
        _use_demo_role(shift, person, caller, until)
    shift.ledger.close(session)


def sso_caller(shift: Shift, person: Person, session: Session, address: str) -> Caller:
    """Return a person's caller with a key that differs from the issued one; only the echo binds it (SEMANTICS §0)."""
    key = unique_id(shift.rng, "ASIA")
    session.access_key_ids.append(key)
    return role_caller(session, key, address, person.agent)


def _use_demo_role(shift: Shift, person: Person, caller: Caller, at: int) -> None:
    role = shift.organisation.role(shift.organisation.demo_account, "DemoRole1")
    session = assume_role(shift, caller, Assumption(role, person.name, at, "sso_chain"))
    demo = role_caller(session, session.access_key_ids[0], caller.source, caller.agent)
    shift.work(demo, DEMONSTRATION, shift.rng.randrange(2, 8), (at + 2, at + 1_500))
    shift.ledger.close(session)
