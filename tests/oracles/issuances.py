"""Calls that issue credentials, or are refused them: who asked, and what was given (SEMANTICS §2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracles.records import (
    COGNITO,
    NEVER,
    PERSONS,
    ROLES_ANYWHERE,
    SIGN_IN,
    SSO,
    STS,
    Call,
    Principal,
    Record,
    by_action,
    callers_copy,
)

ISSUERS = {
    (STS, "AssumeRole"), (STS, "AssumeRoleWithSAML"), (STS, "AssumeRoleWithWebIdentity"), (STS, "AssumeRoot"),
    (STS, "GetFederationToken"), (STS, "GetSessionToken"), (SIGN_IN, "ConsoleLogin"), (ROLES_ANYWHERE, "CreateSession"),
    (COGNITO, "GetCredentialsForIdentity"),
}  # fmt: skip
# Identity Center's half of a sign-in: whose credentials were fetched. The credentials themselves come of AssumeRoleWithSAML.
LINKS = {(SSO, "GetRoleCredentials"), (SSO, "Federate")}
OWN_SESSION = {"ConsoleLogin", "GetSessionToken"}  # the user's own, under the user's own id

DEFAULT_LIFE = {
    "AssumeRole": 3_600,
    "AssumeRoleWithWebIdentity": 3_600,
    "AssumeRoot": 900,
    "GetFederationToken": 43_200,
    "GetSessionToken": 43_200,
}
ASKING_FOR_THEMSELVES = {"IAMUser", "Root", "AssumedRole", "WebIdentityUser"}

INSTANCE = r"i-[0-9a-f]{8}([0-9a-f]{9})?"
NODE = r"mi-[0-9a-f]{17}"
POD_TAGS = ("eks-cluster-name", "kubernetes-namespace", "kubernetes-service-account")


@dataclass(eq=False)
class Issuance:
    """One action that issued temporary credentials, or was refused them.

    `principal_id` is whose they are, where the response says so. `home` (principal, start) is the session they made.
    """

    action_id: str
    at: datetime
    api: str
    outcome: str
    event_ids: list[str]
    principal_id: str | None
    session_name: str | None
    key: str | None
    role_arn: str | None
    account_id: str | None
    expires_at: datetime | None
    caller: Call
    assumer: Principal
    home: tuple[str | None, datetime] = (None, NEVER)
    is_twin: bool = False
    session_id: str = ""


def issuances_of(calls: Sequence[Call], apis: set[tuple[str, str]] = ISSUERS) -> list[Issuance]:
    """Return one issuance per issuing action: the caller from the caller's copy, what was issued from any."""
    return [_issuance(copies) for copies in by_action([call for call in calls if _is_issuing(call, apis)])]


def _is_issuing(call: Call, apis: set[tuple[str, str]]) -> bool:
    if call.api not in apis:
        return False
    if call.api[0] == STS and (not call.is_management or call.is_service_event):
        return False
    if call.api[1] == "ConsoleLogin" and call.type not in PERSONS:
        return False  # Open: a role signs in with the session that it has
    return call.outcome == "success" or (call.outcome == "denied" and call.api[1].startswith("AssumeRole"))


def _issuance(copies: Sequence[Call]) -> Issuance:
    caller = callers_copy(copies)

    def told(what: Callable[[Call], Any]) -> Any:
        return next((value for value in map(what, [caller, *copies]) if value), None)

    role_arn, at = told(_role_asked_for), caller.at.replace(microsecond=0)
    life = _life(caller, copies) if caller.outcome == "success" else None
    return Issuance(
        action_id=caller.action_id,
        at=at,
        api=caller.api[1],
        outcome=caller.outcome,
        event_ids=sorted({copy.event_id for copy in copies}),
        principal_id=told(_principal_issued),
        session_name=told(_session_name_asked_for),
        key=told(lambda copy: (_given(copy).get("credentials") or {}).get("accessKeyId")),
        role_arn=role_arn,
        account_id=told(_target) or (role_arn.split(":")[4] if role_arn else told(_account_of_issued)),
        expires_at=told(_expiry) or (at + timedelta(seconds=life) if life else None),
        caller=caller,
        assumer=assumer_of(caller),
    )


def _given(call: Call) -> Record:
    """Return what was given out; Roles Anywhere gives a list of it."""
    given: Record = (call.response.get("credentialSet") or [call.response])[0]
    return given


def _role_asked_for(call: Call) -> str | None:
    """A denied call has no request: its message names the role (SEMANTICS §6). Open: last, the role among the resources."""
    if asked := call.request.get("roleArn") or _given(call).get("roleArn"):
        return str(asked)
    if in_message := re.search(r"on resource: (arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+)", call.message):
        return in_message[1]
    return next((str(each["ARN"]) for each in call.resources if ":role/" in each.get("ARN", "")), None)


def _target(call: Call) -> str | None:
    """Return the account whose root AssumeRoot is for: a number, or an ARN with it."""
    found = re.search(r"(?:^|:)(\d{12})(?:$|:)", call.request.get("targetPrincipal") or "")
    return found[1] if found and call.api[1] == "AssumeRoot" else None


def _account_of_issued(call: Call) -> str | None:
    return call.details.get("account_id") or call.account_id or call.recipient


def _principal_issued(call: Call) -> str | None:
    told = (_given(call).get("assumedRoleUser") or {}).get("assumedRoleId")
    told = told or (call.response.get("federatedUser") or {}).get("federatedUserId")
    return told or _target(call) or (call.principal_id if call.api[1] in OWN_SESSION else None)


def _session_name_asked_for(call: Call) -> str | None:
    in_response = (_given(call).get("assumedRoleUser") or {}).get("assumedRoleId")
    return call.request.get("roleSessionName") or name_in(in_response) or call.request.get("name")


def _expiry(call: Call) -> datetime | None:
    told = ((_given(call).get("credentials") or {}).get("expiration") or "").replace("\u202f", " ")
    for spelling in ("%b %d, %Y, %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%SZ"):
        with suppress(ValueError):
            return datetime.strptime(told, spelling).replace(tzinfo=UTC)
    return None


def _life(caller: Call, copies: Sequence[Call]) -> int | None:
    """Return the seconds of life where the request tells them for certain: as asked, else STS's default (SEMANTICS §4).

    Open: not for services, nor the console's role switch, nor SAML, whose assertion may end a session sooner than it was asked for.
    """
    api = caller.api[1]
    if api not in DEFAULT_LIFE or caller.invoked_by or caller.type not in {*ASKING_FOR_THEMSELVES, "AWSAccount"}:
        return None
    requests = [copy.request for copy in copies if copy.request]
    asked = next((str(it["durationSeconds"]) for it in requests if it.get("durationSeconds") is not None), None)
    if asked is not None:
        life = int(asked) if asked.isdigit() and 1 <= int(asked) <= 129_600 else None
    else:
        is_silent = api == "GetSessionToken" or any(
            {"roleArn", "name", "targetPrincipal"} & it.keys() for it in requests
        )
        life = DEFAULT_LIFE[api] if is_silent and caller.type != "AWSAccount" else None
    return min(life, 3600) if life and caller.type == "Root" and api.startswith("Get") else life


def assumer_of(call: Call) -> Principal:
    """Return who made an issuing call, as `assumed_by_*` has it (DESIGN §3)."""
    if call.type == "AWSService":
        return _workload_of_service(call) or Principal("AWSService", call.invoked_by, call.invoked_by, None)
    if outside := _outside(call):
        type_ = "ExternalPrincipal" if call.api[0] == ROLES_ANYWHERE else "Unknown"
        return Principal(type_, outside, outside.rpartition("/")[2], call.recipient)
    if call.type == "IdentityCenterUser" or (call.api[0] == SSO and call.on_behalf_of):
        return Principal("IdentityCenterUser", call.on_behalf_of, call.user_name, None)
    names = {"Root": "root", "IAMUser": name_of_person(call.type, call.arn), "AssumedRole": name_in(call.principal_id)}
    name, own_id = names.get(call.type or "", call.user_name), call.principal_id
    of_type = {
        "SAMLUser": Principal("FederatedUser", f"{call.provider}:{call.user_name}", name, None),
        "WebIdentityUser": Principal("WebIdentityUser", own_id, name, None),
        "AWSAccount": Principal("ExternalPrincipal", own_id, name, call.account_id),
        "IAMUser": Principal("IAMUser", call.arn, name, call.account_id),
        "Root": Principal("Root", call.arn, name, call.account_id),
        "AssumedRole": Principal("AssumedRole", own_id, name, call.account_id),
        "FederatedUser": Principal("FederatedUser", own_id, name, call.account_id),
    }
    return of_type.get(call.type or "") or Principal("Unknown", own_id, name, call.account_id)


def _outside(call: Call) -> str | None:
    """Return what a certificate or an identity pool vouches for: nobody of ours."""
    if call.api[0] == ROLES_ANYWHERE:
        return call.response.get("subjectArn") or _given(call).get("sourceIdentity")
    if call.api[0] == COGNITO and call.request.get("identityId"):
        return f"{COGNITO}:{call.request['identityId']}"
    return None


def _workload_of_service(call: Call) -> Principal | None:
    """Return the workload for which a service assumed a role: it is what the service calls the session (SEMANTICS §2)."""
    name, service = (
        str(call.request.get("roleSessionName") or ""),
        (call.invoked_by or "").removesuffix(".amazonaws.com"),
    )
    is_instance, is_node = re.fullmatch(INSTANCE, name) is not None, re.fullmatch(NODE, name) is not None
    if is_instance and service in ("ec2", "ssm"):
        return Principal("EC2Instance", name, name, call.recipient)
    if is_node and service == "ssm":
        return Principal("ManagedInstance", name, name, call.recipient)
    if name and service in ("lambda", "ecs-tasks"):
        return Principal("LambdaFunction" if service == "lambda" else "ECSTask", name, name, call.recipient)
    tags = {tag["key"]: tag["value"] for tag in call.request.get("tags") or []}
    if service == "pods.eks" and all(name in tags for name in POD_TAGS):
        pod = [tags[name] for name in POD_TAGS]
        return Principal("EKSServiceAccount", "/".join(pod), pod[-1], call.recipient)
    return None


def name_of_person(type_: str | None, arn: str | None) -> str | None:
    return "root" if type_ == "Root" else arn and arn.rpartition("/")[2]


def name_in(principal_id: str | None) -> str | None:
    """Return the session name: what stands behind the last colon; a role id may have colons (SEMANTICS §1)."""
    return principal_id.rpartition(":")[2] if principal_id and ":" in principal_id else None
