"""The calls that issue credentials, each in the shape in which its service logs it (SEMANTICS §2, §3).

Unlike `benchmarks.organisation.issuing` these say which copies reach the logs and when, and what a response leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.cases.book import published_after
from benchmarks.cases.company import Colleague
from benchmarks.cases.scene import HOUR, Scene
from benchmarks.organisation.actors import Role, User
from benchmarks.organisation.agents import AWS_CLI, BROWSERS, CONFIGURE_AWS, SSO_BACKEND
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import (
    Caller,
    Principal,
    Session,
    service_caller,
    user_identity,
    user_principal,
    user_session_caller,
)
from benchmarks.organisation.identifiers import name_qualifier, session_token, uuid_text
from benchmarks.organisation.instants import expiration_text, iso
from benchmarks.organisation.issuing.roles import ASSUME_ROLE, Assumption
from benchmarks.organisation.issuing.users import CONSOLE_LOGIN, GET_SESSION_TOKEN
from benchmarks.organisation.parameters import HOME_REGION
from benchmarks.organisation.places import AWS_EAST, RUNNERS

CALLER, OWNER = "caller", "owner"  # the two copies of a call into another account
FEDERATION_LIFE = 12 * HOUR
ROOT_LIFE = 900
_WITH_SAML = call("sts", "AssumeRoleWithSAML", version="1.08")
_WITH_WEB_IDENTITY = call("sts", "AssumeRoleWithWebIdentity", version="1.08")
_GET_FEDERATION_TOKEN = call("sts", "GetFederationToken", version="1.08", write=True)
_ASSUME_ROOT = call("sts", "AssumeRoot", version="1.08")
_GET_ROLE_CREDENTIALS = call("sso", "GetRoleCredentials", version="1.11")
_SWITCH_ROLE = call("signin", "SwitchRole", version="1.08", write=True)
_AUTHORIZE = call("signin", "AuthorizeOAuth2Access", version="1.11", write=True)
_CREATE_TOKEN = call("signin", "CreateOAuth2Token", version="1.11", write=True)
_SAML_ISSUER = "https://portal.sso.us-east-1.amazonaws.com/saml/assertion/acme"
_SAML_PROVIDER = "AWSSSO_DO_NOT_DELETE"
_LOGIN_CLIENT = "arn:aws:signin:::devtools/same-device"


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
    session = _first(scene, grant, caller.principal, caller.root)
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
    session = _first(scene, grant, caller.principal, root or caller.principal)
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


def _first(scene: Scene, grant: Grant, assumed_by: Principal, root: Principal) -> Session:
    session = scene.stray(grant.role, grant.name, grant.at)
    session.assumed_by, session.root = assumed_by, root
    if grant.key is not None:
        session.access_key_ids = [grant.key]
    return session


def issued(scene: Scene, key: str, expires_at: int) -> dict[str, str]:
    """Return the credentials of a response, as logged: without the secret key, with the token."""
    return {"accessKeyId": key, "expiration": expiration_text(expires_at), "sessionToken": session_token(scene.rng)}


# Identity Center.


def federated(scene: Scene, colleague: Colleague, role: Role) -> Principal:
    """Return a colleague as the member account's SAML provider names them."""
    qualifier = name_qualifier(_SAML_ISSUER, role.account_id, _SAML_PROVIDER)
    return Principal("FederatedUser", f"{qualifier}:{colleague.name}", colleague.name, None)


def take_role_with_saml(scene: Scene, colleague: Colleague, grant: Grant) -> Session:
    """Write the member account's copy of a sign-in with Identity Center: it issues a key that nobody ever uses."""
    role = grant.role
    person = federated(scene, colleague, role)
    qualifier = str(person.id).removesuffix(f":{colleague.name}")
    shown = {
        "type": "SAMLUser",
        "principalId": person.id,
        "userName": colleague.name,
        "identityProvider": qualifier,
    }
    backend = Caller(shown, role.account_id, person, person, None, AWS_EAST.address(4_107), SSO_BACKEND)
    session = _first(scene, grant, person, person)
    provider = f"arn:aws:iam::{role.account_id}:saml-provider/{_SAML_PROVIDER}"
    record = scene.journal.record(backend, _WITH_SAML, grant.at)
    assertion = {"sAMLAssertionID": f"_{uuid_text(scene.rng)}", "principalArn": provider}
    record["requestParameters"] = grant.assumption.request | assertion
    record["responseElements"] = {
        "credentials": issued(scene, session.access_key_ids[0], grant.at + grant.duration - 1),
        "assumedRoleUser": grant.assumption.user,
        "subject": colleague.name,
        "subjectType": "persistent",
        "issuer": _SAML_ISSUER,
        "audience": "https://signin.aws.amazon.com/saml",
        "nameQualifier": qualifier,
    }
    saml_provider = {"accountId": role.account_id, "type": "AWS::IAM::SAMLProvider", "ARN": provider}
    record["resources"] = [*grant.assumption.resources, saml_provider]
    scene.book.write(record, grant.when(CALLER))
    return session


def get_role_credentials(scene: Scene, colleague: Colleague, role: Role, at: int, *, is_old: bool = False) -> None:
    """Write Identity Center's own record of a sign-in, in its account: a service event without request and response.

    Before July 2025 its identity was of type Unknown (`is_old`).
    """
    account = scene.company.identity
    identity: dict[str, Any] = {"type": "Unknown", "principalId": colleague.user_id, "accountId": account}
    identity["userName"] = colleague.name
    if not is_old:
        identity = {"type": "IdentityCenterUser", "accountId": account, "onBehalfOf": on_behalf_of(scene, colleague)}
        identity["credentialId"] = uuid_text(scene.rng)
    permission_set = role.name.removeprefix("AWSReservedSSO_").rpartition("_")[0]
    details = {"role_name": permission_set, "account_id": role.account_id}
    record = scene.journal.service_event(identity, _GET_ROLE_CREDENTIALS, at, details)
    scene.write(record | {"sourceIPAddress": "50.34.40.9", "userAgent": BROWSERS[0]}, at)


def on_behalf_of(scene: Scene, colleague: Colleague) -> dict[str, str]:
    """Return the block that names a colleague of the identity store."""
    return {"userId": colleague.user_id, "identityStoreArn": scene.company.identity_store_arn}


def permission_set(scene: Scene, name: str, account: str) -> Role:
    """Return the role that Identity Center keeps for a permission set in an account."""
    path = "/aws-reserved/sso.amazonaws.com/us-east-1/"
    return scene.role(f"AWSReservedSSO_{name}_{scene.rng.getrandbits(64):016x}", account, path)


# Web identity.


def take_role_with_web_identity(scene: Scene, provider: str, subject: str, grant: Grant) -> Session:
    """Let a pipeline or a pod take a role with a token: colons stay in the subject, the session name is free."""
    root_id = f"{provider}:sts.amazonaws.com:{subject}"
    person = Principal("WebIdentityUser", root_id, subject, None)
    shown = {"type": "WebIdentityUser", "principalId": root_id, "userName": subject, "identityProvider": provider}
    caller = Caller(shown, grant.role.account_id, person, person, None, RUNNERS.address(77), CONFIGURE_AWS)
    session = _first(scene, grant, person, person)
    record = scene.journal.record(caller, _WITH_WEB_IDENTITY, grant.at)
    record["requestParameters"] = grant.assumption.request
    record["responseElements"] = {
        "credentials": issued(scene, session.access_key_ids[0], grant.at + grant.duration),
        "subjectFromWebIdentityToken": subject,
        "assumedRoleUser": grant.assumption.user,
        "provider": provider,
        "audience": "sts.amazonaws.com",
    }
    record["resources"] = grant.assumption.resources
    scene.write(record, grant.at)
    return session


# Users' own sessions.


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


def sign_in_to_console(scene: Scene, user: User, at: int, *, is_logged: bool = True) -> Session:
    """Sign a user in to the console: no key in the record; its second is the creation date of all keys to come."""
    if is_logged:
        principal = user_principal(user)
        shown = user_identity(user)
        visitor = Caller(shown, user.account_id, principal, principal, None, user.addresses[0], user.browser)
        scene.write(console_login(scene, visitor, at), at)
    return scene.own_session(user, at)


def console_login(scene: Scene, visitor: Caller, at: int) -> dict[str, Any]:
    """Return the record of a successful sign-in to the console."""
    record = scene.journal.record(visitor, CONSOLE_LOGIN, at)
    record["eventType"] = "AwsConsoleSignIn"
    record["responseElements"] = {"ConsoleLogin": "Success"}
    record["additionalEventData"] = {
        "LoginTo": "https://console.aws.amazon.com/console/home",
        "MobileVersion": "No",
        "MFAUsed": "Yes",
    }
    return record


def in_console(scene: Scene, session: Session, user: User) -> Caller:
    """Return a user in the console with one of its many keys."""
    caller = user_session_caller(user, session, scene.key(), user.browser)
    return replace(caller, is_console=True)


def switch_role(scene: Scene, session: Session, user: User, grant: Grant) -> Session:
    """Let a user switch roles in the console: AssumeRole by `AWS Internal`, then SwitchRole as the new role (SEMANTICS §2)."""
    caller = in_console(scene, session, user).shown_as(invokedBy="AWS Internal")
    internal = replace(caller, source="AWS Internal", agent="AWS Internal", has_tls=False, is_console=False)
    switched = take_role(scene, internal, grant)
    role = grant.role
    shown = {
        "type": "AssumedRole",
        "principalId": switched.principal_id,
        "arn": role.session_arn(grant.name),
        "accountId": role.account_id,
    }
    principal = switched.principal
    visitor = Caller(shown, role.account_id, principal, principal, None, user.addresses[0], user.browser)
    record = scene.journal.record(visitor, _SWITCH_ROLE, grant.at)
    record["eventType"] = "AwsConsoleSignIn"
    record["responseElements"] = {"SwitchRole": "Success"}
    record["additionalEventData"] = {
        "SwitchFrom": user.arn,
        "RedirectTo": "https://console.aws.amazon.com/console/home",
    }
    scene.write(record, grant.at)
    return switched


def log_in_on_command_line(scene: Scene, in_browser: Caller, at: int, sign_in_session: str) -> None:
    """Write what `aws login` leaves: a yes in the browser, then a token, whose record names the session that it creates."""
    shown = {name: value for name, value in in_browser.shown.items() if name != "accessKeyId"}
    browser = replace(in_browser, shown=shown, is_console=False)
    authorize = scene.journal.record(browser, _AUTHORIZE, at)
    authorize["requestParameters"] = {
        "scope": "openid",
        "redirect_uri": "http://127.0.0.1:59092/oauth/callback",
        "code_challenge_method": "SHA-256",
        "client_id": _LOGIN_CLIENT,
    }
    scene.write_of(browser, authorize, at)
    context = shown["sessionContext"] | {"signInSessionArn": sign_in_session}
    command_line = browser.shown_as(sessionContext=context)
    create = scene.journal.record(command_line, _CREATE_TOKEN, at + 1)
    create["requestParameters"] = {"client_id": _LOGIN_CLIENT}
    scene.write_of(command_line, create, at + 1)


def sign_in_session_arn(scene: Scene, account: str) -> str:
    """Return the ARN of a sign-in session."""
    return f"arn:aws:signin:{HOME_REGION}:{account}:session/{uuid_text(scene.rng)}"


def get_federation_token(scene: Scene, user: User, name: str, at: int) -> Session:
    """Let a user's long-term key make a federated user."""
    key = scene.key()
    federated_id = f"{user.account_id}:{name}"
    arn = f"arn:aws:sts::{user.account_id}:federated-user/{name}"
    record = scene.journal.record(scene.long_term(user), _GET_FEDERATION_TOKEN, at)
    record["requestParameters"] = {"name": name, "durationSeconds": FEDERATION_LIFE}
    record["responseElements"] = {
        "credentials": issued(scene, key, at + FEDERATION_LIFE),
        "federatedUser": {"federatedUserId": federated_id, "arn": arn},
        "packedPolicySize": 4,
    }
    scene.write(record, at)
    session = scene.own_session(user, at, key)
    session.principal_id = federated_id
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


# Root.


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
    return Caller(shown, session.account_id, principal, session.root, session, "50.34.40.9", AWS_CLI[0])
