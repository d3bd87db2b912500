"""Roles that AWS services take for workloads and for themselves."""

from __future__ import annotations

from typing import Any

from benchmarks.organisation.credentials import Caller, Principal, Session
from benchmarks.organisation.identifiers import unique_id, uuid_text
from benchmarks.organisation.issuing.roles import ASSUME_ROLE, Assumption, credentials, first_session
from benchmarks.organisation.shift import Shift

EC2_LIFE = 23_700  # seconds
LAMBDA_LIFE = 7_200


def assume_for_service(
    shift: Shift, service: Caller, assumption: Assumption, root: Principal, *, names_user: bool
) -> Session:
    """Let a service take a role: one copy, though it carries a sharedEventID.

    EC2 and Lambda do not say whose credentials they are (`names_user`); no service asks for a duration (SEMANTICS §2).
    """
    key = unique_id(shift.rng, "ASIA")
    response: dict[str, Any] = {"credentials": credentials(shift, key, assumption.at + assumption.duration)}
    if names_user:
        response["assumedRoleUser"] = assumption.user
    record = shift.journal.record(service, ASSUME_ROLE, assumption.at)
    record["requestParameters"] = {"roleArn": assumption.role.arn, "roleSessionName": assumption.session_name}
    record["responseElements"] = response
    record["resources"] = assumption.resources
    record["sharedEventID"] = uuid_text(shift.rng)
    shift.journal.write(record, assumption.at, "issuance")
    return first_session(assumption, service.principal, root, key)
