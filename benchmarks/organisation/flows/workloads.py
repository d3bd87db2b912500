"""Workloads with roles: EC2 instances, refreshed every six hours and sometimes issued twice at once, and functions."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.organisation.actors import Function, Instance
from benchmarks.organisation.agents import LAMBDA_BOTO3
from benchmarks.organisation.credentials import Caller, Principal, Session, role_caller, service_caller
from benchmarks.organisation.issuing import EC2_LIFE, LAMBDA_LIFE, Assumption, assume_for_service, assume_role
from benchmarks.organisation.parameters import HOME_REGION
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import AUDITING, FUNCTION_WORK, HOSTING

_REFRESH_SECONDS = 21_600
_REFRESHES = 4
_FUNCTION_CALLS = 10
_AUDIT_SHARE = 0.2


def work_instances(shift: Shift) -> None:
    """Run all instances for the day, the budget shared between them."""
    instances = shift.organisation.instances
    calls_each = shift.budget / len(instances) / _REFRESHES / 1.15 - 1
    for instance in instances:
        sessions = run_instance(shift, instance, calls_each)
        if sessions and not instance.has_twins and shift.rng.random() < _AUDIT_SHARE:
            _audit(shift, instance, sessions[0])
        shift.ledger.close(*sessions)


def run_instance(shift: Shift, instance: Instance, calls_each: float) -> list[Session]:
    """Give an instance its credentials of a day and its calls; `calls_each` is the average of a session."""
    moments = [shift.day_at + instance.phase + number * _REFRESH_SECONDS for number in range(_REFRESHES)]
    versions = ("1.0", "2.0") if instance.has_twins else ("2.0",)
    return [
        _run_session(shift, instance, version, at, calls_each / len(versions))
        for at in moments
        if not shift.is_over(at)
        for version in versions
    ]


def _run_session(shift: Shift, instance: Instance, version: str, at: int, calls: float) -> Session:
    role = instance.role
    case = "ec2_twin" if instance.has_twins else "ec2"
    service = service_caller("ec2.amazonaws.com", role.account_id, instance.region)
    root = Principal("EC2Instance", instance.id, instance.id, role.account_id)
    assumption = Assumption(role, instance.id, at, case, EC2_LIFE)
    session = assume_for_service(shift, service, assumption, root, names_user=False)
    count = max(1, round(shift.rng.uniform(0.6, 1.4) * calls))
    caller = instance_caller(instance, session, version)
    shift.work(caller, HOSTING, count, (at + 2, at + _REFRESH_SECONDS + 900))
    return session


def instance_caller(instance: Instance, session: Session, metadata_version: str) -> Caller:
    """Return an instance's caller; ec2RoleDelivery tells the version of the metadata service."""
    key = session.access_key_ids[0]
    caller = role_caller(session, key, instance.address, instance.agent, ec2RoleDelivery=metadata_version)
    return replace(caller, region=instance.region, vpc_endpoint=instance.vpc_endpoint)


def _audit(shift: Shift, instance: Instance, session: Session) -> None:
    """Let an instance's role assume the audit role of the security account: EC2 at the root of a chain."""
    at = session.started_at + 1_800
    if shift.is_over(at):
        return
    caller = replace(instance_caller(instance, session, "2.0"), region=HOME_REGION)
    role = shift.organisation.role(shift.organisation.security, "audit")
    audit = assume_role(shift, caller, Assumption(role, instance.id, at, "ec2_chain"))
    auditing = role_caller(audit, audit.access_key_ids[0], caller.source, caller.agent)
    shift.work(auditing, AUDITING, shift.rng.randrange(2, 6), (at + 1, at + 300))
    shift.ledger.close(audit)


def work_functions(shift: Shift) -> None:
    """Invoke functions around the clock."""
    for _ in range(shift.times(1.3 * _FUNCTION_CALLS + 1)):
        at = shift.any_moment()
        if not shift.is_over(at):
            _invoke(shift, shift.rng.choice(shift.organisation.functions), at)


def _invoke(shift: Shift, function: Function, at: int) -> None:
    role = function.role
    service = service_caller("lambda.amazonaws.com", role.account_id, function.region)
    root = Principal("LambdaFunction", function.name, function.name, role.account_id)
    assumption = Assumption(role, function.name, at, "lambda", LAMBDA_LIFE)
    session = assume_for_service(shift, service, assumption, root, names_user=False)
    caller = role_caller(session, session.access_key_ids[0], function.address, LAMBDA_BOTO3, **_scope(function))
    count = shift.rng.randrange(4, 2 * _FUNCTION_CALLS - 3)
    shift.work(replace(caller, region=function.region), FUNCTION_WORK, count, (at + 1, at + LAMBDA_LIFE - 300))
    shift.ledger.close(session)


def _scope(function: Function) -> dict[str, object]:
    if not function.shows_scope:
        return {}
    arn = f"arn:aws:lambda:{function.region}:{function.role.account_id}:function:{function.name}"
    return {"inScopeOf": {"issuerType": "AWS::Lambda::Function", "credentialsIssuedTo": arn}}
