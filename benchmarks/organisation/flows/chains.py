"""Role chains of two and three hops through the hub in the security account, begun by users."""

from __future__ import annotations

from benchmarks.organisation.actors import Role, User
from benchmarks.organisation.credentials import Session, role_caller, user_caller
from benchmarks.organisation.issuing import Assumption, assume_role, refuse_role
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import MONITORING

_CALLS_PER_HOP = 4
_HOP_SECONDS = 300


def work_chains(shift: Shift) -> None:
    """Begin chains: hub, spoke and, half the time, data; one in four then tries a door that is closed to it."""
    for _ in range(shift.times(2.5 * (_CALLS_PER_HOP + 2))):
        user = shift.rng.choice(shift.organisation.users)
        at = shift.working_moment(user.place)
        if not shift.is_over(at):
            _go(shift, user, at, _path(shift)[: shift.rng.choice((2, 3))])


def _path(shift: Shift) -> tuple[Role, ...]:
    organisation, choose = shift.organisation, shift.rng.choice
    hub = organisation.role(organisation.security, "ops-hub")
    spoke = organisation.role(choose(organisation.workloads), "ops-spoke")
    return (hub, spoke, organisation.role(choose(organisation.workloads), "ops-data"))


def _go(shift: Shift, user: User, at: int, path: tuple[Role, ...]) -> None:
    """Go from role to role, working a little in each; the sessions are closed when all is done, the last first."""
    caller = user_caller(user, user.addresses[0])
    opened: list[Session] = []
    for role in path:
        if shift.is_over(at):
            break
        session = assume_role(shift, caller, Assumption(role, user.name, at, f"chain_{len(opened) + 1}"))
        opened.append(session)
        caller = role_caller(session, session.access_key_ids[0], caller.source, caller.agent)
        count = shift.rng.randrange(1, 2 * _CALLS_PER_HOP)
        shift.work(caller, MONITORING, count, (at + 1, at + _HOP_SECONDS - 5))
        at += _HOP_SECONDS
    if opened and shift.rng.random() < 0.25 and not shift.is_over(at):
        refuse_role(shift, caller, shift.organisation.role(shift.organisation.management, "audit"), at)
    shift.ledger.close(*reversed(opened))
