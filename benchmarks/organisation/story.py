"""The story of DETECTIVE §1: sara's months of ordinary work, and the hour in which she stops a trail and goes on to
DemoRole1.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.organisation.calls import call
from benchmarks.organisation.catalogue import DESCRIBE_INSTANCES, RUN_INSTANCES
from benchmarks.organisation.credentials import Caller, Session, role_caller
from benchmarks.organisation.faults import denial
from benchmarks.organisation.findings import Action, Finding, Version, publish_finding
from benchmarks.organisation.flows.people import sso_caller
from benchmarks.organisation.instants import iso
from benchmarks.organisation.issuing import Assumption, assume_role, sign_in_with_sso
from benchmarks.organisation.parameters import HOME_REGION, Parameters
from benchmarks.organisation.places import ASHBURN, BELLEVUE
from benchmarks.organisation.shift import Shift
from benchmarks.organisation.work import ADMINISTRATION, DEMONSTRATION

TRAIL = "demo-trail-2"
FINDING_TYPE = "Stealth:IAMUser/CloudTrailLoggingDisabled"
STOP_LOGGING = call("cloudtrail", "StopLogging", {"name": TRAIL}, version="1.11", write=True)
_POLICY = {"roleName": "DemoRole1", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
ATTACH_ROLE_POLICY = call("iam", "AttachRolePolicy", _POLICY, version="1.10", write=True)
_DEMO_DAYS_BEFORE = (27, 16, 9, 5)
_DURATIONS = (3_600, 7_200, 14_400, 28_800)

# Seconds after midnight UTC of the story's day: 02:00 to 03:00 is the scope.
_SIGNS_IN, _STOPS, _ASSUMES = 7_391, 7_886, 8_260
_DESCRIBES, _RUNS, _FAILS, _ATTACHES = 8_345, 8_673, 9_108, 9_492
_FINDING_UPDATES = (8_802, 9_702)


def live_as_sara(shift: Shift, parameters: Parameters, day: date, logs: Path) -> dict[str, Any] | None:
    """Make sara's day. Return the facts of the story on its day, nothing on the others."""
    if day == parameters.story_day:
        return _stop_the_trail(shift, logs)
    days_before = (parameters.story_day - day).days
    uses_demo_role = days_before in _DEMO_DAYS_BEFORE
    is_ordinary = days_before > 1 and day.weekday() < 5 and shift.rng.random() < 0.3
    if day == parameters.start or uses_demo_role or is_ordinary:
        is_in_ashburn = days_before == _DEMO_DAYS_BEFORE[-1] or (is_ordinary and shift.rng.random() < 0.25)
        _work_as_usual(shift, uses_demo_role=uses_demo_role, is_in_ashburn=is_in_ashburn)
    return None


def demo_days(parameters: Parameters) -> list[date]:
    """Return the days before the story on which sara used DemoRole1."""
    days = [parameters.story_day - timedelta(days=before) for before in _DEMO_DAYS_BEFORE]
    return [day for day in days if day >= parameters.start]


def _sign_in(shift: Shift, at: int, address: str, duration: int) -> tuple[Session, Caller]:
    sara = shift.organisation.sara
    session = sign_in_with_sso(shift, sara, Assumption(sara.roles[0], sara.name, at, "story_sso", duration))
    return session, sso_caller(shift, sara, session, address)


def _assume_demo_role(shift: Shift, caller: Caller, at: int) -> tuple[Session, Caller]:
    role = shift.organisation.role(shift.organisation.demo_account, "DemoRole1")
    session = assume_role(shift, caller, Assumption(role, "sara", at, "story_chain"))
    return session, role_caller(session, session.access_key_ids[0], caller.source, caller.agent)


def _work_as_usual(shift: Shift, *, uses_demo_role: bool, is_in_ashburn: bool) -> None:
    rng, sara = shift.rng, shift.organisation.sara
    at = shift.day_at + rng.randrange(16 * 3600, 22 * 3600)
    duration = rng.choice(_DURATIONS)
    session, caller = _sign_in(shift, at, sara.addresses[is_in_ashburn], duration)
    until = at + int(min(duration, 6_600) * rng.uniform(0.3, 0.95))
    shift.work(caller, ADMINISTRATION, rng.randrange(4, 15), (at + 30, until))
    if uses_demo_role:
        chained, demo = _assume_demo_role(shift, caller, at + 240)
        shift.work(demo, DEMONSTRATION, rng.randrange(3, 8), (at + 260, at + 1_500), may_fail=False)
        shift.ledger.close(chained)
    shift.ledger.close(session)


def _stop_the_trail(shift: Shift, logs: Path) -> dict[str, Any]:
    day_at, journal = shift.day_at, shift.journal
    address = shift.organisation.sara.addresses[0]
    session, caller = _sign_in(shift, day_at + _SIGNS_IN, address, 14_400)
    journal.call(caller, STOP_LOGGING, day_at + _STOPS, may_fail=False)
    chained, demo = _assume_demo_role(shift, caller, day_at + _ASSUMES)
    journal.call(demo, DESCRIBE_INSTANCES, day_at + _DESCRIBES, may_fail=False)
    journal.call(demo, RUN_INSTANCES, day_at + _RUNS, may_fail=False)
    refusal = denial(demo, ATTACH_ROLE_POLICY, "role DemoRole1")
    journal.call(demo, ATTACH_ROLE_POLICY, day_at + _FAILS, fault=refusal)
    journal.call(demo, ATTACH_ROLE_POLICY, day_at + _ATTACHES, may_fail=False)
    shift.ledger.close(chained, session)
    finding = _publish(shift, caller, session, logs)
    return {"finding": finding, **_facts(shift, session, chained, caller)}


def _publish(shift: Shift, caller: Caller, session: Session, logs: Path) -> dict[str, Any]:
    finding = Finding(
        type=FINDING_TYPE,
        title=f"AWS CloudTrail trail {TRAIL} was disabled.",
        description=f"AWS CloudTrail trail {TRAIL} was disabled by {session.taken_role.name} calling StopLogging "
        "under unusual circumstances. This can be an attacker's attempt to cover their tracks.",
        severity=2.0,
        account_id=session.account_id,
        region=HOME_REGION,
        key={
            "accessKeyId": caller.shown["accessKeyId"],
            "principalId": session.principal_id,
            "userName": session.taken_role.name,
            "userType": "AssumedRole",
        },
        action=Action(
            api="StopLogging",
            service="cloudtrail.amazonaws.com",
            address=caller.source,
            place=BELLEVUE,
            agent=caller.agent,
            affected={"AWS::CloudTrail::Trail": f"arn:aws:cloudtrail:{HOME_REGION}:{session.account_id}:trail/{TRAIL}"},
        ),
    )
    seen_at = shift.day_at + _STOPS
    versions = tuple(Version(seen_at, seen_at, shift.day_at + updated) for updated in _FINDING_UPDATES)
    return publish_finding(logs, finding, versions, shift.rng)


def _facts(shift: Shift, session: Session, chained: Session, caller: Caller) -> dict[str, Any]:
    day_at = shift.day_at
    return {
        "trail": TRAIL,
        "scope": {"start_at": iso(day_at + 2 * 3600), "end_at": iso(day_at + 3 * 3600)},
        "root": {
            "type": session.root.type,
            "id": session.root.id,
            "name": session.root.name,
            "account_id": session.root.account_id,
        },
        "sso_session": {
            **session.key,
            "role_arn": session.taken_role.arn,
            "role_name": session.taken_role.name,
            "account_id": session.account_id,
            "issued_access_key_id": session.access_key_ids[0],
            "used_access_key_id": session.access_key_ids[1],
            "calls": [_called("StopLogging", day_at + _STOPS), _called("AssumeRole", day_at + _ASSUMES)],
        },
        "chained_session": {
            **chained.key,
            "role_arn": chained.taken_role.arn,
            "role_name": chained.taken_role.name,
            "account_id": chained.account_id,
            "chain": chained.chain,
            "calls": [
                _called("DescribeInstances", day_at + _DESCRIBES),
                _called("RunInstances", day_at + _RUNS),
                _called("AttachRolePolicy", day_at + _FAILS, "denied"),
                _called("AttachRolePolicy", day_at + _ATTACHES),
            ],
        },
        "source_ip": caller.source,
        "known_cities": [BELLEVUE.city, ASHBURN.city],
        "new_cities": [],
        "role_session_ids": [session.principal_id, chained.principal_id],
    }


def _called(api: str, at: int, outcome: str = "success") -> dict[str, str]:
    return {"api": api, "at": iso(at), "outcome": outcome}
