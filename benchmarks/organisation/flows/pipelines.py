"""CI pipelines: a role by OIDC, and from it a deploy role in another account."""

from __future__ import annotations

from benchmarks.organisation.actors import Repository
from benchmarks.organisation.agents import CI_CLI
from benchmarks.organisation.credentials import role_caller
from benchmarks.organisation.issuing import Assumption, assume_role, sign_in_with_oidc
from benchmarks.organisation.places import SEATTLE
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import DEPLOYMENT

_MEAN_CALLS = 12


def work_pipelines(shift: Shift) -> None:
    """Run pipelines when people push."""
    for _ in range(shift.times(1.4 * _MEAN_CALLS + 4)):
        at = shift.working_moment(SEATTLE)
        if not shift.is_over(at):
            _run_pipeline(shift, shift.rng.choice(shift.organisation.repositories), at)


def _run_pipeline(shift: Shift, repository: Repository, at: int) -> None:
    session = sign_in_with_oidc(shift, repository, at)
    caller = role_caller(session, session.access_key_ids[0], shift.rng.choice(repository.addresses), CI_CLI)
    shift.work(caller, DEPLOYMENT, shift.rng.randrange(6, 2 * _MEAN_CALLS - 5), (at + 2, at + 600))
    then = at + 620
    if shift.rng.random() < 0.35 and not shift.is_over(then):
        remote = assume_role(shift, caller, Assumption(repository.remote_role, "release", then, "ci_chain"))
        releasing = role_caller(remote, remote.access_key_ids[0], caller.source, CI_CLI)
        shift.work(releasing, DEPLOYMENT, shift.rng.randrange(3, 9), (then + 1, then + 500))
        shift.ledger.close(remote)
    shift.ledger.close(session)
