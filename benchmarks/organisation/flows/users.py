"""IAM users with long-term keys: scripts, a deploy role here or in another account, GetSessionToken, and refusals."""

from __future__ import annotations

from benchmarks.organisation.actors import Role, User
from benchmarks.organisation.credentials import Caller, role_caller, user_caller, user_session_caller
from benchmarks.organisation.issuing import Assumption, assume_role, get_session_token, refuse_role
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import DEPLOYMENT, SCRIPTING

_MEAN_CALLS = 8


def work_users(shift: Shift) -> None:
    """Let users run their commands."""
    for _ in range(shift.times(_MEAN_CALLS + 5)):
        user = shift.rng.choice(shift.organisation.users)
        at = shift.working_moment(user.place)
        if not shift.is_over(at):
            _run_commands(shift, user, at)


def _run_commands(shift: Shift, user: User, at: int) -> None:
    rng = shift.rng
    caller = user_caller(user, rng.choices(user.addresses, weights=(5, 1))[0])
    shift.work(caller, SCRIPTING, rng.randrange(3, 2 * _MEAN_CALLS - 3), (at, at + 900))
    then, draw = at + 960, rng.random()
    if draw < 0.04:
        refuse_role(shift, caller, shift.organisation.role(shift.organisation.security, "audit"), at)
    elif draw < 0.40 and not shift.is_over(then):
        _deploy(shift, user, caller, _deploy_role(shift, user, is_remote=draw < 0.2), then)
    elif draw < 0.55 and not shift.is_over(then):
        _use_session_token(shift, user, then)


def _deploy_role(shift: Shift, user: User, *, is_remote: bool) -> Role:
    workloads = shift.organisation.workloads
    accounts = [account for account in workloads if (account.id != user.account_id) == is_remote]
    return shift.organisation.role(shift.rng.choice(accounts or workloads), "deploy")


def _deploy(shift: Shift, user: User, caller: Caller, role: Role, at: int) -> None:
    case = "user_assumes" if role.account_id == user.account_id else "user_assumes_remote"
    session = assume_role(shift, caller, Assumption(role, user.name, at, case))
    deploying = role_caller(session, session.access_key_ids[0], caller.source, caller.agent)
    shift.work(deploying, DEPLOYMENT, shift.rng.randrange(3, 12), (at + 1, at + 1_200))
    shift.ledger.close(session)


def _use_session_token(shift: Shift, user: User, at: int) -> None:
    session = get_session_token(shift, user, at)
    caller = user_session_caller(user, session, session.access_key_ids[0], user.agent)
    shift.work(caller, SCRIPTING, shift.rng.randrange(2, 8), (at + 5, at + 1_800))
    then = at + 1_900
    if shift.rng.random() < 0.5 and not shift.is_over(then):
        _deploy(shift, user, caller, _deploy_role(shift, user, is_remote=False), then)
    shift.ledger.close(session)
