"""Roles by Identity Center: SAML in the member account, a service's own event in Identity Center's."""

from __future__ import annotations

from typing import Any

from benchmarks.cases.company import Colleague
from benchmarks.cases.issuing.roles import CALLER, Grant, first_session, issued
from benchmarks.cases.scene import Scene
from benchmarks.organisation.actors import Role
from benchmarks.organisation.agents import BROWSERS, SSO_BACKEND
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import Caller, Principal, Session
from benchmarks.organisation.identifiers import name_qualifier, uuid_text
from benchmarks.organisation.places import AWS_EAST, SEATTLE

_WITH_SAML = call("sts", "AssumeRoleWithSAML", version="1.08")
_GET_ROLE_CREDENTIALS = call("sso", "GetRoleCredentials", version="1.11")
_SAML_ISSUER = "https://portal.sso.us-east-1.amazonaws.com/saml/assertion/acme"
_SAML_PROVIDER = "AWSSSO_DO_NOT_DELETE"


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
    session = first_session(scene, grant, person, person)
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
    scene.write(record | {"sourceIPAddress": SEATTLE.address(9), "userAgent": BROWSERS[0]}, at)


def on_behalf_of(scene: Scene, colleague: Colleague) -> dict[str, str]:
    """Return the block that names a colleague of the identity store."""
    return {"userId": colleague.user_id, "identityStoreArn": scene.company.identity_store_arn}


def permission_set(scene: Scene, name: str, account: str) -> Role:
    """Return the role that Identity Center keeps for a permission set in an account."""
    path = "/aws-reserved/sso.amazonaws.com/us-east-1/"
    return scene.role(f"AWSReservedSSO_{name}_{scene.rng.getrandbits(64):016x}", account, path)
