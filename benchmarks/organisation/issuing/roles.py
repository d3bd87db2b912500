"""AssumeRole by users and role sessions, and what all ways of taking a role have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.organisation.actors import Role
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import Caller, Principal, Session
from benchmarks.organisation.faults import assumption_denial
from benchmarks.organisation.identifiers import session_token, unique_id, uuid_text
from benchmarks.organisation.instants import expiration_text
from benchmarks.organisation.shift import Shift

ASSUME_ROLE = call("sts", "AssumeRole", version="1.08")


@dataclass(frozen=True)
class Assumption:
    """A role that is taken: under which name, when, for how many seconds, and how the truth calls the case."""

    role: Role
    session_name: str
    at: int
    case: str
    duration: int = 3_600

    @property
    def request(self) -> dict[str, Any]:
        """The request parameters of AssumeRole and its kin."""
        return {"roleArn": self.role.arn, "roleSessionName": self.session_name, "durationSeconds": self.duration}

    @property
    def user(self) -> dict[str, str]:
        """The assumedRoleUser of the response."""
        role, name = self.role, self.session_name
        return {"assumedRoleId": f"{role.id}:{name}", "arn": role.session_arn(name)}

    @property
    def resources(self) -> list[dict[str, str]]:
        """The resources of the record."""
        return [{"accountId": self.role.account_id, "type": "AWS::IAM::Role", "ARN": self.role.arn}]


def credentials(shift: Shift, access_key_id: str, expires_at: int) -> dict[str, str]:
    """Return the credentials of an issuing response, as logged: without the secret key, with the token."""
    expiration = expiration_text(expires_at)
    return {"accessKeyId": access_key_id, "expiration": expiration, "sessionToken": session_token(shift.rng)}


def first_session(assumption: Assumption, assumed_by: Principal, root: Principal, access_key_id: str) -> Session:
    """Return a session that no other session issued: the first role of its chain."""
    role, name = assumption.role, assumption.session_name
    return Session(
        case=assumption.case,
        principal_id=f"{role.id}:{name}",
        role=role,
        session_name=name,
        account_id=role.account_id,
        started_at=assumption.at,
        assumed_by=assumed_by,
        root=root,
        chain=(role.arn,),
        access_key_ids=[access_key_id],
    )


def assume_role(shift: Shift, caller: Caller, assumption: Assumption) -> Session:
    """Let a user or a role session take a role.

    Into another account, both accounts get a copy with one sharedEventID.
    """
    role, at = assumption.role, assumption.at
    key = unique_id(shift.rng, "ASIA")
    record = shift.journal.record(caller, ASSUME_ROLE, at)
    record["requestParameters"] = assumption.request
    issued = credentials(shift, key, at + assumption.duration)
    record["responseElements"] = {"credentials": issued, "assumedRoleUser": assumption.user}
    record["resources"] = assumption.resources
    is_remote = role.account_id != caller.account_id
    if is_remote:
        record["sharedEventID"] = uuid_text(shift.rng)
    if shift.journal.write_of(caller, record, at) and is_remote:
        shift.journal.write(_owner_copy(shift, record, caller, role), at, "owner_copy")
    session = first_session(assumption, caller.principal, caller.root, key)
    session.parent = caller.session
    session.chain = (*(caller.session.chain if caller.session else ()), role.arn)
    return session


def _owner_copy(shift: Shift, record: dict[str, Any], caller: Caller, role: Role) -> dict[str, Any]:
    """Return what the role's account sees of a caller in another: an id and an account (SEMANTICS §3)."""
    identity = {"type": "AWSAccount", "principalId": caller.shown["principalId"], "accountId": caller.account_id}
    own = {"userIdentity": identity, "eventID": uuid_text(shift.rng), "recipientAccountId": role.account_id}
    copy = {**record, **own}
    copy.pop("vpcEndpointId", None)
    return copy


def refuse_role(shift: Shift, caller: Caller, role: Role, at: int) -> None:
    """Write a denied AssumeRole, which only the caller's account sees."""
    shift.journal.call(caller, ASSUME_ROLE, at, fault=assumption_denial(caller, role.arn))
