"""Temporary credentials that AWS STS gives to a user: a session token, a federation token, a member's root."""

from __future__ import annotations

from typing import Any

from benchmarks.cases.issuing.roles import issued
from benchmarks.cases.scene import HOUR, Scene
from benchmarks.organisation.actors import User
from benchmarks.organisation.agents import AWS_CLI
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import Caller, Principal, Session, user_session_caller
from benchmarks.organisation.instants import iso
from benchmarks.organisation.issuing.users import GET_SESSION_TOKEN
from benchmarks.organisation.places import SEATTLE

FEDERATION_LIFE = 12 * HOUR
ROOT_LIFE = 900
_GET_FEDERATION_TOKEN = call("sts", "GetFederationToken", version="1.08", write=True)
_ASSUME_ROOT = call("sts", "AssumeRoot", version="1.08")


def get_session_token(scene: Scene, user: User, at: int, duration: int) -> Session:
    """Give a user temporary credentials for a second factor; their use stays IAMUser."""
    session = scene.own_session(user, at, scene.key())
    record = scene.journal.record(scene.long_term(user), GET_SESSION_TOKEN, at)
    serial_number = f"arn:aws:iam::{user.account_id}:mfa/{user.name}"
    record["requestParameters"] = {"durationSeconds": duration, "serialNumber": serial_number}
    record["responseElements"] = {"credentials": issued(scene, session.access_key_ids[0], at + duration)}
    scene.write(record, at)
    return session


def with_own_key(session: Session, user: User, key: str | None = None) -> Caller:
    """Return a user with a temporary key of an own session: the issued one unless another is given."""
    return user_session_caller(user, session, key or session.access_key_ids[0], user.agent)


def get_federation_token(scene: Scene, user: User, name: str, at: int, *, is_logged: bool = True) -> Session:
    """Let a user's long-term key make a federated user."""
    key = scene.key()
    federated_id = f"{user.account_id}:{name}"
    session = scene.own_session(user, at, key)
    session.principal_id = federated_id
    if not is_logged:
        return session
    arn = f"arn:aws:sts::{user.account_id}:federated-user/{name}"
    record = scene.journal.record(scene.long_term(user), _GET_FEDERATION_TOKEN, at)
    record["requestParameters"] = {"name": name, "durationSeconds": FEDERATION_LIFE}
    record["responseElements"] = {
        "credentials": issued(scene, key, at + FEDERATION_LIFE),
        "federatedUser": {"federatedUserId": federated_id, "arn": arn},
        "packedPolicySize": 4,
    }
    scene.write(record, at)
    return session


def as_federated_user(session: Session, user: User, key: str, name: str) -> Caller:
    """Return a federated user with a key; the issuer of the session is the IAM user."""
    issuer = {
        "type": "IAMUser",
        "principalId": user.id,
        "arn": user.arn,
        "accountId": user.account_id,
        "userName": user.name,
    }
    attributes = {"creationDate": iso(session.started_at), "mfaAuthenticated": "false"}
    shown = {
        "type": "FederatedUser",
        "principalId": session.principal_id,
        "arn": f"arn:aws:sts::{user.account_id}:federated-user/{name}",
        "accountId": user.account_id,
        "accessKeyId": key,
        "sessionContext": {"sessionIssuer": issuer, "attributes": attributes},
    }
    principal = Principal("FederatedUser", session.principal_id, name, user.account_id)
    return Caller(shown, user.account_id, principal, session.root, session, user.addresses[0], user.browser)


def assume_root(scene: Scene, caller: Caller, member: str, at: int) -> Session:
    """Let the management account take a member's root for a quarter of an hour."""
    key = scene.key()
    record = scene.journal.record(caller, _ASSUME_ROOT, at)
    record["requestParameters"] = {
        "targetPrincipal": member,
        "taskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"},
        "durationSeconds": ROOT_LIFE,
    }
    record["responseElements"] = {"credentials": issued(scene, key, at + ROOT_LIFE)}
    scene.write_of(caller, record, at)
    return Session(
        case=str(scene.number),
        principal_id=member,
        role=None,
        session_name=None,
        account_id=member,
        started_at=at,
        assumed_by=caller.principal,
        root=caller.root,
        parent=caller.session,
        chain=caller.session.chain if caller.session else (),
        access_key_ids=[key],
    )


def as_assumed_root(scene: Scene, session: Session, key: str | None) -> Caller:
    """Return a member's root as the management account uses it: marked as assumed."""
    attributes = {"creationDate": iso(session.started_at), "mfaAuthenticated": "false"}
    shown: dict[str, Any] = {
        "type": "Root",
        "principalId": session.principal_id,
        "arn": f"arn:aws:iam::{session.account_id}:root",
        "accountId": session.account_id,
    }
    if key is not None:
        shown["accessKeyId"] = key
    shown["sessionContext"] = {"attributes": attributes, "assumedRoot": "true"}
    principal = Principal("Root", shown["arn"], "root", session.account_id)
    return Caller(shown, session.account_id, principal, session.root, session, SEATTLE.address(9), AWS_CLI[0])
