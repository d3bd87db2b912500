"""The other findings: an instance's key used from outside, a user who looks around, and a key that is nowhere in the
logs.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.organisation.agents import KALI_CLI
from benchmarks.organisation.calls import encoded
from benchmarks.organisation.catalogue import (
    DESCRIBE_INSTANCES,
    GET_CALLER_IDENTITY,
    LIST_BUCKETS,
    LIST_USERS,
    RUN_INSTANCES,
)
from benchmarks.organisation.credentials import Session, user_caller
from benchmarks.organisation.faults import denial
from benchmarks.organisation.findings import Action, Finding, Version, publish_finding
from benchmarks.organisation.flows.console import use_root
from benchmarks.organisation.flows.workloads import instance_caller, run_instance
from benchmarks.organisation.identifiers import unique_id
from benchmarks.organisation.instants import iso
from benchmarks.organisation.network import THIEF, launch_of
from benchmarks.organisation.parameters import Parameters
from benchmarks.organisation.places import OUTSIDE
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import DISCOVERY

_STOLEN_AT = 35_040  # 09:44 UTC
_LOOKS_AROUND_AT = 40_200  # 11:10 UTC
_INSTANCE_CALLS = 3


def run_incidents(shift: Shift, parameters: Parameters, day: date, logs: Path) -> dict[str, dict[str, Any]]:
    """Make the day of the instance whose key is stolen and what else happens but once; return the facts of the day's
    findings, by name.
    """
    facts = {}
    if day == parameters.start:
        _launch(shift, parameters)
    sessions = run_instance(shift, shift.organisation.stolen_instance, _INSTANCE_CALLS)
    if day == parameters.end:
        facts["exfiltration"] = _steal(shift, sessions[1], logs)
    shift.ledger.close(*sessions)
    if day == parameters.end - timedelta(days=3):
        facts["discovery"] = _look_around(shift, logs)
    if day == parameters.end - timedelta(days=2):
        facts["unseen_key"] = _report_unseen_key(shift, logs)
    if day == parameters.start + timedelta(days=parameters.days // 2):
        use_root(shift, shift.organisation.management, shift.day_at + 55_230)
    return facts


def _launch(shift: Shift, parameters: Parameters) -> None:
    """Launch the instance, on the first day: the logs then say which network interface it has."""
    instance = shift.organisation.stolen_instance
    user = next(each for each in shift.organisation.users if each.account_id == instance.role.account_id)
    caller = replace(user_caller(user, user.addresses[0]), region=instance.region)
    launch = replace(RUN_INSTANCES, response=encoded(launch_of(parameters.seed, instance)))
    shift.journal.call(caller, launch, shift.day_at + 30, may_fail=False)


def _steal(shift: Shift, session: Session, logs: Path) -> dict[str, Any]:
    """Use an instance's key from another country for half an hour, ten minutes after the instance's own last use of
    it.
    """
    instance = shift.organisation.stolen_instance
    address = THIEF
    thief = instance_caller(instance, session, "2.0").at_place(address, KALI_CLI)
    at = shift.day_at + _STOLEN_AT
    for number, call in enumerate((GET_CALLER_IDENTITY, LIST_BUCKETS, DESCRIBE_INSTANCES, LIST_USERS, LIST_BUCKETS)):
        fault = denial(thief, call) if call is LIST_USERS else None
        shift.journal.call(thief, call, at + 300 * number, fault=fault, may_fail=False)
    finding = Finding(
        type="UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
        title=f"Credentials for the EC2 instance role {instance.role.name} were used from an external IP address.",
        description="Credentials created exclusively for an EC2 instance using instance role "
        f"{instance.role.name} have been used from external IP address {address}.",
        severity=8.0,
        account_id=instance.role.account_id,
        region=instance.region,
        key=_role_key(session),
        action=Action("ListBuckets", "s3.amazonaws.com", address, OUTSIDE, KALI_CLI),
        instance_id=instance.id,
    )
    versions = (Version(at, at + 300, at + 900, 2), Version(at, at + 1_200, at + 2_400, 5))
    return {
        **publish_finding(logs, finding, versions, shift.rng),
        "root": {"type": session.root.type, "id": session.root.id},
        "source_ip": address,
        "started_at": iso(session.started_at),
        "new_country": OUTSIDE.country_code,
    }


def _role_key(session: Session) -> dict[str, str]:
    return {
        "accessKeyId": session.access_key_ids[0],
        "principalId": session.principal_id,
        "userName": session.taken_role.name,
        "userType": "AssumedRole",
    }


def _look_around(shift: Shift, logs: Path) -> dict[str, Any]:
    """Let a user of whom this is not known list users, roles and policies, from the usual address."""
    user = shift.organisation.users[0]
    caller = user_caller(user, user.addresses[0])
    at = shift.day_at + _LOOKS_AROUND_AT
    shift.work(caller, DISCOVERY, 40, (at, at + 80))
    finding = Finding(
        type="Discovery:IAMUser/AnomalousBehavior",
        title=f"User {user.name} is anomalously invoking APIs commonly used in Discovery tactics.",
        description="APIs commonly used in Discovery tactics were invoked by user "
        f"IAMUser : {user.name}, under anomalous circumstances.",
        severity=2.0,
        account_id=user.account_id,
        region="us-east-1",
        key={"accessKeyId": user.access_key_id, "principalId": user.id, "userName": user.name, "userType": "IAMUser"},
        action=Action("ListUsers", "iam.amazonaws.com", caller.source, user.place, caller.agent),
        is_upper_camel=True,
    )
    facts = publish_finding(logs, finding, (Version(at, at + 90, at + 1_080, 40),), shift.rng)
    return {**facts, "root": {"type": "IAMUser", "id": user.arn}}


def _report_unseen_key(shift: Shift, logs: Path) -> dict[str, Any]:
    account = shift.organisation.workloads[0]
    at = shift.day_at + 70_000
    finding = Finding(
        type="Recon:IAMUser/MaliciousIPCaller",
        title="API ListBuckets was invoked from a known malicious IP address.",
        description="API ListBuckets was invoked from a known malicious IP address.",
        severity=5.0,
        account_id=account.id,
        region="us-east-1",
        key={
            "accessKeyId": unique_id(shift.rng, "ASIA"),
            "principalId": f"{unique_id(shift.rng, 'AROA')}:contractor",
            "userName": "retired-role",
            "userType": "AssumedRole",
        },
        action=Action("ListBuckets", "s3.amazonaws.com", OUTSIDE.address(77), OUTSIDE, KALI_CLI),
    )
    return {**publish_finding(logs, finding, (Version(at, at, at + 600),), shift.rng), "root": None}
