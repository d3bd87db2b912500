"""AssumeRole, by users, role sessions and services; and what all ways of taking a role have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.cases.book import published_after
from benchmarks.cases.scene import HOUR, Scene
from benchmarks.organisation.actors import Role
from benchmarks.organisation.credentials import Caller, Principal, Session, service_caller
from benchmarks.organisation.identifiers import session_token, uuid_text
from benchmarks.organisation.instants import expiration_text
from benchmarks.organisation.issuing.roles import ASSUME_ROLE, Assumption
from benchmarks.organisation.parameters import HOME_REGION

CALLER, OWNER = "caller", "owner"  # the two copies of a call into another account


@dataclass(frozen=True)
class Grant:
    """A role that is taken, and what of that reaches the logs.

    `key` is the one in the response (a new one if not given); without `names_user` the response lacks assumedRoleUser. `asked`
    are further request parameters. `published` is when a copy is published, where that is not as usual; of `copies` only those
    are delivered at all.
    """

    role: Role
    name: str
    at: int
    duration: int = HOUR
    key: str | None = None
    names_user: bool = True
    asked: Mapping[str, Any] = field(default_factory=dict)
    copies: tuple[str, ...] = (CALLER, OWNER)
    published: Mapping[str, int] = field(default_factory=dict)

    @property
    def assumption(self) -> Assumption:
        """The same, as the generated organisation describes it."""
        return Assumption(self.role, self.name, self.at, "", self.duration)

    def when(self, copy: str) -> int:
        """Return when a copy is published."""
        return self.published.get(copy, published_after(self.at))


@dataclass(frozen=True)
class Taken:
    """A role that was taken: the session, and the event ids of the copies that were delivered, the caller's first."""

    session: Session
    event_ids: tuple[str, ...]


def take_role(scene: Scene, caller: Caller, grant: Grant) -> Session:
    """Let a user or a role session take a role."""
    return take_role_with_events(scene, caller, grant).session


def take_role_with_events(scene: Scene, caller: Caller, grant: Grant) -> Taken:
    """Let a user or a role session take a role; into another account both get a copy with one sharedEventID (SEMANTICS §3)."""
    session = first_session(scene, grant, caller.principal, caller.root)
    session.parent = caller.session
    session.chain = (*(caller.session.chain if caller.session else ()), grant.role.arn)
    record = _assume_role(scene, caller, grant, session.access_key_ids[0])
    if grant.role.account_id == caller.account_id:
        scene.write_of(caller, record, grant.at, grant.when(CALLER))
        return Taken(session, (record["eventID"],))
    record["sharedEventID"] = uuid_text(scene.rng)
    event_ids = []
    if CALLER in grant.copies:
        scene.write_of(caller, record, grant.at, grant.when(CALLER))
        event_ids.append(record["eventID"])
    if OWNER in grant.copies:
        copy = owner_copy(scene, record, caller, grant.role)
        scene.book.write(copy, grant.when(OWNER))
        event_ids.append(copy["eventID"])
    return Taken(session, tuple(event_ids))


def owner_copy(scene: Scene, record: dict[str, Any], caller: Caller, role: Role) -> dict[str, Any]:
    """Return what the role's account gets of a caller in another: an id and an account."""
    identity = {"type": "AWSAccount", "principalId": caller.shown["principalId"], "accountId": caller.account_id}
    return {
        **record,
        "userIdentity": identity,
        "eventID": uuid_text(scene.rng),
        "recipientAccountId": role.account_id,
    }


def take_role_for_service(scene: Scene, service: str, grant: Grant, root: Principal | None = None) -> Session:
    """Let a service take a role: one copy, which carries a sharedEventID all the same. Its root is the service, or a workload."""
    caller = service_caller(service, grant.role.account_id, HOME_REGION)
    session = first_session(scene, grant, caller.principal, root or caller.principal)
    record = _assume_role(scene, caller, grant, session.access_key_ids[0])
    record["sharedEventID"] = uuid_text(scene.rng)
    scene.book.write(record, grant.when(CALLER))
    return session


def workload(type_: str, name: str, role: Role) -> Principal:
    """Return what a service took a role for: an instance, a function, a task, a service account."""
    return Principal(type_, name, name, role.account_id)


def _assume_role(scene: Scene, caller: Caller, grant: Grant, key: str) -> dict[str, Any]:
    record = scene.journal.record(caller, ASSUME_ROLE, grant.at)
    is_services = caller.shown["type"] == "AWSService"
    asked = grant.assumption.request
    if is_services and not grant.asked:
        del asked["durationSeconds"]
    record["requestParameters"] = asked | dict(grant.asked)
    record["responseElements"] = {"credentials": issued(scene, key, grant.at + grant.duration)}
    if grant.names_user:
        record["responseElements"]["assumedRoleUser"] = grant.assumption.user
    record["resources"] = grant.assumption.resources
    return record


def first_session(scene: Scene, grant: Grant, assumed_by: Principal, root: Principal) -> Session:
    """Return the session of a role that no other session took."""
    session = scene.stray(grant.role, grant.name, grant.at)
    session.assumed_by, session.root = assumed_by, root
    if grant.key is not None:
        session.access_key_ids = [grant.key]
    return session


def issued(scene: Scene, key: str, expires_at: int) -> dict[str, str]:
    """Return the credentials of a response, as logged: without the secret key, with the token."""
    return {"accessKeyId": key, "expiration": expiration_text(expires_at), "sessionToken": session_token(scene.rng)}
