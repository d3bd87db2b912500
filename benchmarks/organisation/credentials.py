"""Sessions of temporary credentials, and callers: what a call needs to know of who makes it. Truth starts here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from benchmarks.organisation.actors import Role, User
from benchmarks.organisation.calls import encoded
from benchmarks.organisation.instants import iso
from benchmarks.organisation.parameters import HOME_REGION


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody or something as the contract names it: a type of its enum, an id, a name, an account (null: unknown)."""

    type: str
    id: str | None
    name: str | None
    account_id: str | None


@dataclass(slots=True, eq=False)
class Session:
    """One set of temporary credentials and the truth about it.

    `chain` holds the role ARNs from the root's side, this session's own last; it is empty for a user's own session.
    `event_count` follows DESIGN §3: with its credentials, forward access included, without its own sign-in or issuance.
    `access_key_ids` holds keys issued to it or used by its owner; console and forward-access keys are only counted.
    """

    case: str
    principal_id: str
    role: Role | None
    session_name: str | None
    account_id: str
    started_at: int
    assumed_by: Principal
    root: Principal
    parent: Session | None = None
    chain: tuple[str, ...] = ()
    access_key_ids: list[str] = field(default_factory=list)
    unlisted_key_count: int = 0
    event_count: int = 0

    @property
    def principal(self) -> Principal:
        """Who this is when it assumes another role: the role session, or the user whose session it is."""
        if self.role is None:
            return self.root
        return Principal("AssumedRole", self.principal_id, self.session_name, self.account_id)

    @property
    def taken_role(self) -> Role:
        """The role of a role session."""
        if self.role is None:
            raise ValueError(f"{self.case} is a user's own session")
        return self.role

    @property
    def key(self) -> dict[str, str]:
        """What names the session in another one's truth."""
        return {"principal_id": self.principal_id, "started_at": iso(self.started_at)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call: identity as recorded, from where, and in which region.

    `identity` is `shown`, encoded once for all its calls.
    """

    shown: dict[str, Any]
    account_id: str
    principal: Principal
    root: Principal
    session: Session | None
    source: str
    agent: str
    region: str = HOME_REGION
    has_tls: bool = True
    vpc_endpoint: str | None = None
    is_console: bool = False
    identity: orjson.Fragment = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", encoded(self.shown))

    def at_place(self, source: str, agent: str) -> Caller:
        """Return the caller with the same credentials at another address, with another agent."""
        return replace(self, source=source, agent=agent, vpc_endpoint=None)

    def shown_as(self, **changes: Any) -> Caller:
        """Return the caller with other identity fields."""
        return replace(self, shown={**self.shown, **changes})

    def forwarded(self, service: str, access_key_id: str, created_at: int) -> Caller:
        """Return the caller as a service acts in its name.

        The key was issued by nobody. The creation date is the session's or, for a long-term key, that of the minting
        (SEMANTICS §2, FAS).
        """
        minted = {"attributes": {"creationDate": iso(created_at), "mfaAuthenticated": "false"}}
        context = self.shown.get("sessionContext", minted)
        shown = {**self.shown, "accessKeyId": access_key_id, "sessionContext": context, "invokedBy": service}
        return Caller(
            shown,
            self.account_id,
            self.principal,
            self.root,
            self.session,
            service,
            service,
            self.region,
            has_tls=False,
        )


def user_principal(user: User) -> Principal:
    """Return an IAM user as assumer and root."""
    return Principal("IAMUser", user.arn, user.name, user.account_id)


def service_principal(service: str) -> Principal:
    """Return an AWS service (`ec2.amazonaws.com`) as assumer and root."""
    return Principal("AWSService", service, service, None)


def user_identity(user: User) -> dict[str, Any]:
    """Return a user's identity as a sign-in shows it: without a key."""
    return {
        "type": "IAMUser",
        "principalId": user.id,
        "arn": user.arn,
        "accountId": user.account_id,
        "userName": user.name,
    }


def user_caller(user: User, source: str) -> Caller:
    """Return a user with the long-term key: no session."""
    shown = {**user_identity(user), "accessKeyId": user.access_key_id}
    principal = user_principal(user)
    return Caller(shown, user.account_id, principal, principal, None, source, user.agent)


def user_session_caller(user: User, session: Session, access_key_id: str, agent: str) -> Caller:
    """Return a user, at the usual address, with temporary credentials got with a second factor (console or
    GetSessionToken).
    """
    attributes = {"creationDate": iso(session.started_at), "mfaAuthenticated": "true"}
    shown = {**user_identity(user), "accessKeyId": access_key_id, "sessionContext": {"attributes": attributes}}
    return Caller(shown, user.account_id, session.root, session.root, session, user.addresses[0], agent)


def role_caller(session: Session, access_key_id: str | None, source: str, agent: str, **context: Any) -> Caller:
    """Return a role session with one of its keys.

    `context` are siblings of `attributes`, such as ec2RoleDelivery and inScopeOf. Service-linked roles show no key.
    """
    role, name = session.taken_role, session.session_name or ""
    issuer = {
        "type": "Role",
        "principalId": role.id,
        "arn": role.arn,
        "accountId": role.account_id,
        "userName": role.name,
    }
    attributes = {"creationDate": iso(session.started_at), "mfaAuthenticated": "false"}
    shown: dict[str, Any] = {
        "type": "AssumedRole",
        "principalId": session.principal_id,
        "arn": role.session_arn(name),
        "accountId": role.account_id,
    }
    if access_key_id is not None:
        shown["accessKeyId"] = access_key_id
    shown["sessionContext"] = {"sessionIssuer": issuer, "attributes": attributes, **context}
    return Caller(shown, role.account_id, session.principal, session.root, session, source, agent)


def service_caller(service: str, account_id: str, region: str) -> Caller:
    """Return a service that acts by itself in an account."""
    principal = service_principal(service)
    shown = {"type": "AWSService", "invokedBy": service}
    return Caller(shown, account_id, principal, principal, None, service, service, region, has_tls=False)
