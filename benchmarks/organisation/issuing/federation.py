"""Roles for people and pipelines from outside IAM: Identity Center (SAML) and OIDC."""

from __future__ import annotations

from benchmarks.organisation.actors import Person, Repository, Role
from benchmarks.organisation.agents import CONFIGURE_AWS, SSO_BACKEND
from benchmarks.organisation.calls import call
from benchmarks.organisation.credentials import Caller, Principal, Session
from benchmarks.organisation.identifiers import name_qualifier, unique_id, uuid_text
from benchmarks.organisation.issuing.roles import Assumption, credentials, first_session
from benchmarks.organisation.places import AWS_EAST
from benchmarks.organisation.shift import Shift

_WITH_SAML = call("sts", "AssumeRoleWithSAML", version="1.08")
_WITH_WEB_IDENTITY = call("sts", "AssumeRoleWithWebIdentity", version="1.08")
_GET_ROLE_CREDENTIALS = call("sso", "GetRoleCredentials", version="1.08")
_ISSUER = "https://portal.sso.us-east-1.amazonaws.com/saml/assertion/acme"
_PROVIDER = "AWSSSO_DO_NOT_DELETE"
_AUDIENCE = "sts.amazonaws.com"


def sign_in_with_sso(shift: Shift, person: Person, assumption: Assumption) -> Session:
    """Let a person take a role through Identity Center.

    The member account logs AssumeRoleWithSAML from AWS's own address, issuing a key that is never used; the management
    account logs GetRoleCredentials as a service event without response (SEMANTICS §2). The used key is up to the flow.
    """
    role, at = assumption.role, assumption.at
    qualifier = name_qualifier(_ISSUER, role.account_id, _PROVIDER)
    federated_id = f"{qualifier}:{person.name}"
    principal = Principal("FederatedUser", federated_id, person.name, None)
    shown = {
        "type": "SAMLUser",
        "principalId": federated_id,
        "identityProvider": qualifier,
        "userName": person.name,
    }
    backend = Caller(shown, role.account_id, principal, principal, None, AWS_EAST.address(4_107), SSO_BACKEND)
    provider = f"arn:aws:iam::{role.account_id}:saml-provider/{_PROVIDER}"
    key = unique_id(shift.rng, "ASIA")
    record = shift.journal.record(backend, _WITH_SAML, at)
    record["requestParameters"] = {"principalArn": provider, **assumption.request}
    record["responseElements"] = {
        "subjectType": "persistent",
        "issuer": _ISSUER,
        "subject": person.name,
        "audience": "https://signin.aws.amazon.com/saml",
        "nameQualifier": qualifier,
        "credentials": credentials(shift, key, at + assumption.duration - 1),
        "assumedRoleUser": assumption.user,
    }
    saml_provider = {"accountId": role.account_id, "type": "AWS::IAM::SAMLProvider", "ARN": provider}
    record["resources"] = [saml_provider, *assumption.resources]
    shift.journal.write(record, at, "issuance")
    _get_role_credentials(shift, person, role, at)
    root = principal
    if person.shows_identity_center:
        store = shift.organisation.identity_store_arn
        root = Principal("IdentityCenterUser", f"{store}/{person.user_id}", person.name, None)
    return first_session(assumption, principal, root, key)


def _get_role_credentials(shift: Shift, person: Person, role: Role, at: int) -> None:
    account = shift.organisation.management.id
    identity = {
        "type": "IdentityCenterUser",
        "accountId": account,
        "onBehalfOf": on_behalf_of(shift, person),
        "credentialId": uuid_text(shift.rng),
    }
    permission_set = role.name.removeprefix("AWSReservedSSO_").rpartition("_")[0]
    details = {"account_id": role.account_id, "role_name": permission_set}
    record = shift.journal.service_event(identity, _GET_ROLE_CREDENTIALS, at, details)
    record |= {"sourceIPAddress": person.addresses[0], "userAgent": person.agent}
    shift.journal.write(record, at, "service")


def on_behalf_of(shift: Shift, person: Person) -> dict[str, str]:
    """Return the block that names a person of the identity store."""
    return {"userId": person.user_id, "identityStoreArn": shift.organisation.identity_store_arn}


def sign_in_with_oidc(shift: Shift, repository: Repository, at: int) -> Session:
    """Let a pipeline take its role with a web identity token; colons stay in the subject, the session name is free."""
    name = f"GitHubActions-{shift.rng.randrange(10**9, 10**10)}"
    assumption = Assumption(repository.role, name, at, "ci_oidc")
    provider, subject, account_id = repository.provider, repository.subject, repository.role.account_id
    root_id = f"{provider}:{_AUDIENCE}:{subject}"
    principal = Principal("WebIdentityUser", root_id, subject, None)
    shown = {
        "type": "WebIdentityUser",
        "principalId": root_id,
        "userName": subject,
        "identityProvider": provider,
    }
    address = shift.rng.choice(repository.addresses)
    caller = Caller(shown, account_id, principal, principal, None, address, CONFIGURE_AWS)
    key = unique_id(shift.rng, "ASIA")
    record = shift.journal.record(caller, _WITH_WEB_IDENTITY, at)
    record["requestParameters"] = assumption.request
    record["responseElements"] = {
        "credentials": credentials(shift, key, at + assumption.duration),
        "subjectFromWebIdentityToken": subject,
        "assumedRoleUser": assumption.user,
        "provider": provider,
        "audience": _AUDIENCE,
    }
    record["resources"] = assumption.resources
    shift.journal.write(record, at, "issuance")
    return first_session(assumption, principal, principal, key)
