"""Console sessions of users and, once, of root: many keys with one creation date, the sign-in's (SEMANTICS §2)."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.organisation.actors import Account, User
from benchmarks.organisation.agents import BROWSERS
from benchmarks.organisation.credentials import (
    Caller,
    Principal,
    Session,
    user_identity,
    user_principal,
    user_session_caller,
)
from benchmarks.organisation.identifiers import unique_id
from benchmarks.organisation.instants import iso
from benchmarks.organisation.issuing import sign_in_to_console
from benchmarks.organisation.places import SEATTLE
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import ADMINISTRATION, AUDITING

_MEAN_CALLS = 16
_CALLS_PER_KEY = 2.5
_CONSOLE_USERS = ("olivia", "stefan", "reporting", "backup")


def work_console(shift: Shift) -> None:
    """Sign users in to the console; one try in fifteen fails first."""
    users = [user for user in shift.organisation.users if user.name.startswith(_CONSOLE_USERS)]
    for _ in range(shift.times(_MEAN_CALLS + 3)):
        user = shift.rng.choice(users)
        at = shift.working_moment(user.place)
        if not shift.is_over(at):
            _use_console(shift, user, at)


def _use_console(shift: Shift, user: User, at: int) -> None:
    principal = user_principal(user)
    address, browser = user.addresses[0], user.browser
    visitor = Caller(user_identity(user), user.account_id, principal, principal, None, address, browser)
    if shift.rng.random() < 1 / 15:
        sign_in_to_console(shift, visitor, at - 20, succeeds=False)
    sign_in_to_console(shift, visitor, at, succeeds=True)
    session = Session("console", user.id, None, None, user.account_id, at, principal, principal)
    caller = user_session_caller(user, session, "", browser)
    _click(shift, session, caller, max(2, int(shift.rng.gammavariate(2, _MEAN_CALLS / 2))))


def _click(shift: Shift, session: Session, caller: Caller, count: int) -> None:
    work = ADMINISTRATION if session.root.type == "IAMUser" else AUDITING
    console = replace(caller, is_console=True)
    at = session.started_at
    while count > 0:
        of_this_key = min(count, 1 + int(shift.rng.expovariate(1 / _CALLS_PER_KEY)))
        at += 2 + int(shift.rng.expovariate(1 / 120))
        if shift.is_over(at):
            break
        keyed = console.shown_as(accessKeyId=unique_id(shift.rng, "ASIA"))
        shift.work(keyed, work, of_this_key, (at, at + 10))
        session.unlisted_key_count += 1
        count -= of_this_key
    shift.ledger.close(session)


def use_root(shift: Shift, account: Account, at: int) -> None:
    """Let the root user of an account sign in and look around: type Root, the account id as principal."""
    arn = f"arn:aws:iam::{account.id}:root"
    principal = Principal("Root", arn, "root", account.id)
    identity = {"type": "Root", "principalId": account.id, "arn": arn, "accountId": account.id}
    visitor = Caller(
        {**identity, "accessKeyId": ""}, account.id, principal, principal, None, SEATTLE.address(77), BROWSERS[0]
    )
    sign_in_to_console(shift, visitor, at, succeeds=True)
    session = Session("root_console", account.id, None, None, account.id, at, principal, principal)
    context = {"attributes": {"creationDate": iso(at), "mfaAuthenticated": "true"}}
    caller = replace(visitor, shown={**identity, "sessionContext": context}, session=session)
    _click(shift, session, caller, 8)
