"""What tells of a session's assumer besides its issuing call: small logs with the sessions they must give."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from expectations.tables import CLOUDTRAIL_EVENTS, CREDENTIAL_SESSIONS
from tests.builders import ACCOUNT, Row, at, frame
from tests.transforms.small_logs import (
    OTHER,
    UNLOGGED,
    Case,
    T,
    arn,
    assume,
    by,
    call,
    found_of,
    log_of,
    other,
    resolved,
    rooted,
    seconds,
    session,
    sessions_of,
    sign_in,
    unknown,
    user,
)
from transforms.sessions.build import as_bound

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STORE = "arn:aws:identitystore::111111111111:identitystore/d-1"
SIGN_IN = "arn:aws:signin:us-east-1:111111111111:session/1"
INSTANCE, NODE = "i-0123456789abcdef0", "mi-0123456789abcdef0"


def person(name: str) -> str:
    return f"{STORE}/{name}"


def sso(permission_set: str, name: str, since: str = T, **fields: Any) -> Row:
    """Return a call with a session that Identity Center has opened for somebody; its role has a path."""
    role = f"AWSReservedSSO_{permission_set}_0123456789abcdef"
    return {**session(role, name, f"ASIA-{permission_set}", since), **fields}


def fetch(name: str, permission_set: str, at: str, api: str = "GetRoleCredentials", **fields: Any) -> Row:
    """Return Identity Center's own event when somebody fetches credentials for a permission set in an account."""
    details = {"account_id": ACCOUNT, "role_name": permission_set}
    caller = other("IdentityCenterUser", on_behalf_of=person(name), recipient_account_id=OTHER, **fields)
    return call(
        caller, at, event_source="sso.amazonaws.com", event_name=api, event_type="AwsServiceEvent",
        service_event_details=json.dumps(details),
    )  # fmt: skip


def saml(name: str, permission_set: str, key: str, at: str = T) -> Row:
    subject = other("SAMLUser", f"q:{name}", identity_provider="q", identity_user_name=name)
    role = f"AWSReservedSSO_{permission_set}_0123456789abcdef"
    return assume(subject, role, name, key, at, api="AssumeRoleWithSAML")


def scope(kind: str, arn: str) -> str:
    return json.dumps({"issuerType": kind, "credentialsIssuedTo": arn})


def owners(principal: str, role: str, key: str, at: str, account: str = ACCOUNT) -> Row:
    """Return the copy of an AssumeRole that the role's owner gets: it has the caller's principal id and account, no more."""
    return assume(other("AWSAccount", principal, identity_account_id=account, recipient_account_id=OTHER), role, "n", key, at,
                  account=OTHER)  # fmt: skip


ROOT_SESSION = {"identity_type": "Root", "principal_id": OTHER, "identity_arn": f"arn:aws:iam::{OTHER}:root",
                "identity_account_id": OTHER, "recipient_account_id": OTHER, "role_arn": None}  # fmt: skip

IDENTITY_CENTER_CASES = {
    "on whose behalf, one of five calls says": Case("AROA-AWSReservedSSO_Admin_0123456789abcdef:sara", [
        saml("sara", "Admin", "ASIA-SAML"),
        *[call(sso("Admin", "sara"), seconds(n)) for n in range(1, 5)],
        call(sso("Admin", "sara", on_behalf_of=person("u-1")), seconds(5)),
    ], resolved(f"IdentityCenterUser:{person('u-1')}", "ECHO_ROLEID", root_name="sara", root_account_id=None, event_count=5)),
    "on whose behalf, two calls disagree": Case("AROA-AWSReservedSSO_Two_0123456789abcdef:al", [
        *[call(sso("Two", "al", on_behalf_of=person(who), access_key_id=f"ASIA-{who}"), seconds(5)) for who in ("u-7", "u-8")],
    ], unknown("NO_ISSUANCE", assumed_by_type=None)),
    "on whose behalf, no sign-in in the logs": Case("AROA-AWSReservedSSO_Read_0123456789abcdef:bob", [
        call(sso("Read", "bob", on_behalf_of=person("u-2")), seconds(5)),
    ], resolved(f"IdentityCenterUser:{person('u-2')}", "SSO_LINK", root_name="bob", attribution_confidence=0.98)),
    "one person fetched the permission set within three seconds": Case("AROA-AWSReservedSSO_Ops_0123456789abcdef:cid", [
        fetch("u-3", "Ops", seconds(3)), fetch("u-4", "Ops", seconds(4)), call(sso("Ops", "cid"), seconds(9)),
    ], resolved(f"IdentityCenterUser:{person('u-3')}", "SSO_LINK", attribution_confidence=0.80,
                issuing_event_ids=["one person fetched the permission set within three seconds-0"])),
    "two people fetched it": Case("AROA-AWSReservedSSO_Dev_0123456789abcdef:dan", [
        fetch("u-5", "Dev", seconds(1)), fetch("u-6", "Dev", seconds(2), api="Federate"), call(sso("Dev", "dan"), seconds(9)),
    ], unknown("AMBIGUOUS", attribution_method=None, attribution_confidence=0.0, assumed_by_type=None)),
    "two people fetched it, the sign-in says who": Case("AROA-AWSReservedSSO_Net_0123456789abcdef:eva", [
        saml("eva", "Net", "ASIA-NET"), fetch("u-7", "Net", T), fetch("u-8", "Net", T), call(sso("Net", "eva"), seconds(9)),
    ], resolved("FederatedUser:q:eva", "ECHO_ROLEID")),
    "before Identity Center had a type of its own": Case("AROA-AWSReservedSSO_Old_0123456789abcdef:fay", [
        {**fetch("u-9", "Old", T), "identity_type": "Unknown", "identity_user_name": "fay"}, call(sso("Old", "fay"), seconds(9)),
    ], resolved(f"IdentityCenterUser:{person('u-9')}", "SSO_LINK", root_name="fay", attribution_confidence=0.80)),
}  # fmt: skip


def federated(name: str, key: str, since: str = T, issuer: str | None = None, **fields: Any) -> Row:
    """Return a caller with the credentials of GetFederationToken; their records say whose they are: a user's, or root's."""
    nobodys_role = {"role_arn": None, "session_issuer_arn": issuer and f"arn:aws:iam::{ACCOUNT}:{issuer}"}
    who = {"identity_type": "FederatedUser", "principal_id": f"{ACCOUNT}:{name}"}
    return {**session("none", name, key, since), **who, **nobodys_role, **fields}


def federate(who: Row, name: str, key: str, at: str = T) -> Row:
    return call(who, at, event_source="sts.amazonaws.com", event_name="GetFederationToken",
                request_parameters=json.dumps({"name": name}), response_elements=json.dumps({
                    "credentials": {"accessKeyId": key}, "federatedUser": {"federatedUserId": f"{ACCOUNT}:{name}"}}))  # fmt: skip


FEDERATED_CASES = {
    "its issuing is not in the logs, its records name the user": Case(f"{ACCOUNT}:guest1", [
        call(federated("guest1", "ASIA-G1"), seconds(5)), call(federated("guest1", "ASIA-G2", issuer="user/team/fay"), seconds(6)),
    ], resolved(by("team/fay"), "SELF_ROOT", root_name="fay", root_account_id=ACCOUNT, chain_depth=0, issuing_api=None,
                assumed_by_type="IAMUser", is_cross_account=False)),
    "its records name the root user": Case(f"{ACCOUNT}:guest2", [
        call(federated("guest2", "ASIA-G3", issuer="root"), seconds(5)),
    ], resolved(f"Root:arn:aws:iam::{ACCOUNT}:root", "SELF_ROOT", root_name="root", chain_depth=0)),
    "its records name nobody": Case(f"{ACCOUNT}:guest3", [
        call(federated("guest3", "ASIA-G4"), seconds(5)),
    ], unknown("NO_ISSUANCE", assumed_by_type=None)),
    "its records name two": Case(f"{ACCOUNT}:guest4", [
        call(federated("guest4", "ASIA-G5", issuer="user/fay"), seconds(5)),
        call(federated("guest4", "ASIA-G6", issuer="user/bob"), seconds(6)),
    ], unknown("NO_ISSUANCE", assumed_by_type=None)),
    "the issuing call comes before what its records name": Case(f"{ACCOUNT}:guest5", [
        federate(user("fay"), "guest5", "ASIA-G7"), call(federated("guest5", "ASIA-G7", issuer="user/fay"), seconds(5)),
    ], resolved(by("fay"), "KEY_EXACT", chain_depth=0, issuing_api="GetFederationToken")),
    "two users made one of the name in one second, its records name one": Case(f"{ACCOUNT}:guest6", [
        federate(user("fay"), "guest6", "ASIA-G8"), federate(user("bob"), "guest6", "ASIA-G9"),
        call(federated("guest6", "ASIA-GA", issuer="user/bob"), seconds(5)),
    ], resolved(by("bob"), "SELF_ROOT", chain_depth=0, candidate_names=None), since="used"),
    "what its records name is not for a sibling of its sign-in to say": Case(f"{ACCOUNT}:guest7", [
        federate(user("bob"), "guest7", "ASIA-GB"), call(federated("guest7", "ASIA-GB", sign_in_session_arn=f"{SIGN_IN}7"), seconds(5)),
        call(federated("guest7", "ASIA-GC", seconds(900), "user/fay", sign_in_session_arn=f"{SIGN_IN}7"), seconds(905)),
    ], resolved(by("fay"), "SELF_ROOT", chain_depth=0), since=seconds(900)),
    "a role's issuer is no user, whatever it says": Case("AROA-noiss:n", [
        call({**session("noiss", "n", "ASIA-NI", T), "session_issuer_arn": f"arn:aws:iam::{ACCOUNT}:user/eve"}, seconds(5)),
    ], unknown("NO_ISSUANCE", assumed_by_type=None)),
}  # fmt: skip

WORKLOAD_CASES = {
    "a function, as AWS says": Case("AROA-fn:resize", [
        call({**session("fn", "resize", "ASIA-FN", T),
              "in_scope_of": scope("AWS::Lambda::Function", "arn:aws:lambda:us-east-1:1:function:resize:3")}, seconds(5)),
    ], resolved("LambdaFunction:resize", "WORKLOAD", attribution_confidence=0.95, root_account_id=ACCOUNT)),
    "a function whose service gave another name": Case("AROA-fn2:awslambda_7", [
        assume(other("AWSService", invoked_by="lambda.amazonaws.com"), "fn2", "awslambda_7", "ASIA-FN2"),
        call({**session("fn2", "awslambda_7", "ASIA-FN2", T),
              "in_scope_of": scope("AWS::Lambda::Function", "arn:aws:lambda:us-east-1:1:function:thumbs")}, seconds(5)),
    ], resolved("LambdaFunction:thumbs", "KEY_EXACT")),
    "who was issued the credentials, whatever a call says of scope": Case("AROA-fn3:n", [
        assume(user("ann"), "fn3", "n", "ASIA-FN3"),
        call({**session("fn3", "n", "ASIA-FN3", T),
              "in_scope_of": scope("AWS::Lambda::Function", "arn:aws:lambda:us-east-1:1:function:resize")}, seconds(5)),
    ], resolved(by("ann"), "KEY_EXACT")),
    "a task": Case("AROA-task:0a1b", [
        assume(other("AWSService", invoked_by="ecs-tasks.amazonaws.com"), "task", "0a1b", "ASIA-TASK"),
        call(session("task", "0a1b", "ASIA-TASK", T), seconds(5)),
    ], resolved("ECSTask:0a1b", "KEY_EXACT", root_account_id=ACCOUNT)),
    "a pod's service account": Case("AROA-pod:eks-1", [
        {**assume(other("AWSService", invoked_by="pods.eks.amazonaws.com"), "pod", "eks-1", "ASIA-POD"),
         "request_parameters": json.dumps({"roleArn": arn("pod"), "roleSessionName": "eks-1", "tags": [
             {"key": "eks-cluster-name", "value": "blue"}, {"key": "kubernetes-namespace", "value": "shop"},
             {"key": "kubernetes-service-account", "value": "cart"}]})},
    ], resolved("EKSServiceAccount:blue/shop/cart", "ISSUED_UNUSED", root_name="cart")),
    "tags like a pod's, of somebody else": Case("AROA-pod2:n", [
        {**assume(user("eve"), "pod2", "n", "ASIA-POD2"),
         "request_parameters": json.dumps({"roleArn": arn("pod2"), "roleSessionName": "n", "tags": [
             {"key": "eks-cluster-name", "value": "blue"}, {"key": "kubernetes-namespace", "value": "shop"},
             {"key": "kubernetes-service-account", "value": "cart"}]})},
    ], resolved(by("eve"), "ISSUED_UNUSED")),
    "a build": Case("AROA-build:AWSCodeBuild-1", [
        assume(other("AWSService", invoked_by="codebuild.amazonaws.com"), "build", "AWSCodeBuild-1", "ASIA-BUILD"),
    ], resolved("AWSService:codebuild.amazonaws.com", "ISSUED_UNUSED")),
    "a node under default host management": Case(f"111111111111:aws:ec2-instance:{INSTANCE}", [
        call({**session("x", "", "ASIA-DHM", T), "principal_id": f"111111111111:aws:ec2-instance:{INSTANCE}"}),
    ], resolved(f"EC2Instance:{INSTANCE}", "WORKLOAD", attribution_confidence=0.90)),
    "a machine with a certificate": Case("AROA-any:4711", [
        call(other("Unknown"), event_source="rolesanywhere.amazonaws.com", event_name="CreateSession", response_elements=json.dumps({
            "subjectArn": "arn:aws:rolesanywhere:us-east-1:111111111111:subject/1", "credentialSet": [{
                "assumedRoleUser": {"assumedRoleId": "AROA-any:4711"}, "credentials": {"accessKeyId": "ASIA-ANY"},
                "roleArn": arn("any"), "sourceIdentity": "CN=box"}]})),
        call(session("any", "4711", "ASIA-ANY", T), seconds(5)),
    ], resolved("ExternalPrincipal:arn:aws:rolesanywhere:us-east-1:111111111111:subject/1", "KEY_EXACT",
                source_identity="CN=box")),
    "an identity pool whose data events are logged": Case("AROA-pool:CognitoIdentityCredentials", [
        call(other("Unknown"), event_source="cognito-identity.amazonaws.com", event_name="GetCredentialsForIdentity",
             event_category="Data", request_parameters='{"identityId": "us-east-1:1"}',
             response_elements='{"credentials": {"accessKeyId": "ASIA-POOL"}}', identity_account_id=ACCOUNT),
        call(session("pool", "CognitoIdentityCredentials", "ASIA-POOL", T), seconds(5)),
    ], unknown("DATA_EVENT", attribution_method="KEY_EXACT", assumed_by_id="cognito-identity.amazonaws.com:us-east-1:1")),
}  # fmt: skip

NEIGHBOUR_CASES = {
    "the owner's copy names a role session that was live": Case("AROA-oc1:n", [
        assume(user("ann"), "caller1", "n", "ASIA-C1", until="May 2, 2026, 11:00:00 AM"),
        call(session("caller1", "n", "ASIA-C1", T), seconds(5)),
        owners("AROA-caller1:n", "oc1", "ASIA-OC1", seconds(60)),
    ], resolved(by("ann"), "OWNER_COPY", chain_depth=2, is_chained=True, chain=[arn("caller1"), arn("oc1", OTHER)])),
    "its credentials had expired": Case("AROA-oc2:n", [
        assume(user("ann"), "caller2", "n", "ASIA-C2", until="May 2, 2026, 10:00:30 AM"),
        owners("AROA-caller2:n", "oc2", "ASIA-OC2", seconds(60)),
    ], unknown("NO_ISSUANCE", assumed_by_type="ExternalPrincipal", assumed_by_id="AROA-caller2:n", chain_depth=1)),
    "two of its sessions were live": Case("AROA-oc3:n", [
        assume(user("ann"), "caller3", "n", "ASIA-C3", seconds(0)), assume(user("bob"), "caller3", "n", "ASIA-C4", seconds(30)),
        owners("AROA-caller3:n", "oc3", "ASIA-OC3", seconds(60)),
    ], unknown("AMBIGUOUS", candidate_names=["n since 2026-05-02T10:00:00Z", "n since 2026-05-02T10:00:30Z"],
               attribution_confidence=0.0, parent_session_id=None)),
    "two of its sessions were live, both issued to one user": Case("AROA-od1:n", [
        *[assume(user("ann"), "dual1", "n", f"ASIA-D1{n}", seconds(n)) for n in (0, 30)],
        owners("AROA-dual1:n", "od1", "ASIA-OD1", seconds(60)),
    ], resolved(by("ann"), "OWNER_COPY", chain_depth=2, chain=[arn("dual1"), arn("od1", OTHER)], assumed_by_id="AROA-dual1:n",
                parent_started_at=at(seconds(30)), candidates=None)),
    "both sets of credentials of an instance were live": Case("AROA-od2:n", [
        *[assume(other("AWSService", invoked_by="ec2.amazonaws.com"), "dual2", INSTANCE, f"ASIA-D2{n}", answers_who=False) for n in (1, 2)],
        *[call(session("dual2", INSTANCE, f"ASIA-D2{n}", T), seconds(5)) for n in (1, 2)],
        owners(f"AROA-dual2:{INSTANCE}", "od2", "ASIA-OD2", seconds(60)),
    ], resolved(f"EC2Instance:{INSTANCE}", "OWNER_COPY", chain_depth=2, is_chained=True)),
    "two of its sessions were live, of one nobody knows whose it was": Case("AROA-od3:n", [
        assume(user("ann"), "dual3", "n", "ASIA-D31", seconds(0)), call(session("dual3", "n", "ASIA-D32", seconds(30)), seconds(40)),
        owners("AROA-dual3:n", "od3", "ASIA-OD3", seconds(60)),
    ], unknown("AMBIGUOUS", parent_session_id=None)),
    "two of its sessions were live, issued to one role session with two sets of credentials": Case("AROA-od4:n", [
        *[assume(user(who), "hub4", "n", f"ASIA-H4{who}", seconds(n)) for who, n in (("ann", 0), ("bob", 10))],
        assume(session("hub4", "n", "ASIA-H4ann", seconds(0)), "dual4", "n", "ASIA-D41", seconds(20)),
        assume(session("hub4", "n", "ASIA-H4bob", seconds(10)), "dual4", "n", "ASIA-D42", seconds(30)),
        owners("AROA-dual4:n", "od4", "ASIA-OD4", seconds(60)),
    ], unknown("AMBIGUOUS", parent_session_id=None)),
    "two of its sessions were live, themselves of owner's copies": Case("AROA-od5:n", [
        assume(user("ann"), "hub5", "n", "ASIA-H5", seconds(0)),
        *[owners("AROA-hub5:n", "dual5", f"ASIA-D5{n}", seconds(n)) for n in (20, 30)],
        owners("AROA-dual5:n", "od5", "ASIA-OD5", seconds(60), OTHER),
    ], unknown("AMBIGUOUS", parent_session_id=None)),
    "the caller's account is none of ours": Case("AROA-oc4:n", [
        owners("AROA-nobody:n", "oc4", "ASIA-OC4", seconds(60), UNLOGGED),
    ], resolved("ExternalPrincipal:AROA-nobody:n", "OWNER_COPY", root_account_id=UNLOGGED)),
    "the owner's copy names a user, whose calls of the day before are here": Case("AROA-oc5:n", [
        call(user("zoe"), "2026-05-01 00:30:00"),
        owners("AIDA-zoe", "oc5", "ASIA-OC5", seconds(60)),
    ], resolved(by("zoe"), "OWNER_COPY", assumed_by_name="zoe", is_cross_account=True)),
    "that user's calls are two days off": Case("AROA-oc6:n", [
        call(user("yan"), "2026-04-30 23:59:59"),
        owners("AIDA-yan", "oc6", "ASIA-OC6", seconds(60)),
    ], resolved("ExternalPrincipal:AIDA-yan", "OWNER_COPY", assumed_by_name=None)),
    "a user of that id in another account is another": Case("AROA-oc7:n", [
        call(user("uli"), seconds(5)),
        owners("AIDA-uli", "oc7", "ASIA-OC7", seconds(60), UNLOGGED),
    ], resolved("ExternalPrincipal:AIDA-uli", "OWNER_COPY", root_account_id=UNLOGGED)),
    "the owner's copy names the root user, who was busy": Case("AROA-oc8:n", [
        call({**ROOT_SESSION, "access_key_id": "AKIAROOT", "session_created_at": None}, seconds(5)),
        owners(OTHER, "oc8", "ASIA-OC8", seconds(60), OTHER),
    ], resolved(f"Root:arn:aws:iam::{OTHER}:root", "OWNER_COPY", root_name="root")),
    "a sibling of the same sign-in": Case("AROA-sib:n", [
        assume(user("ann"), "sib", "n", "ASIA-SIB"),
        call({**session("sib", "n", "ASIA-SIB", T), "sign_in_session_arn": SIGN_IN}, seconds(5)),
        call({**session("sib", "n", "ASIA-SIB2", seconds(900)), "sign_in_session_arn": SIGN_IN}, seconds(905)),
    ], resolved(by("ann"), "SIGNIN_ARN", issuing_api="AssumeRole"), since=seconds(900)),
    "a sibling whose caller only the owner's copy names does not speak": Case("AROA-oc9:n", [
        owners("AROA-unseen:n", "oc9", "ASIA-OC9", seconds(0)),
        call({**session("oc9", "n", "ASIA-OC9", T, OTHER), "sign_in_session_arn": f"{SIGN_IN}9"}, seconds(5)),
        call({**session("oc9", "n", "ASIA-OC10", seconds(900), OTHER), "sign_in_session_arn": f"{SIGN_IN}9"}, seconds(905)),
    ], unknown("NO_ISSUANCE", assumed_by_type=None), since=seconds(900)),
    "a sibling that this session itself made does not say who made it": Case("AROA-self9:n", [
        call({**session("self9", "n", "ASIA-S9", T), "sign_in_session_arn": f"{SIGN_IN}8"}, seconds(5)),
        assume(session("self9", "n", "ASIA-S9", T), "self9", "n", "ASIA-S10", seconds(60)),
        call({**session("self9", "n", "ASIA-S10", seconds(60)), "sign_in_session_arn": f"{SIGN_IN}8"}, seconds(65)),
    ], unknown("NO_ISSUANCE", parent_session_id=None), since=T),
    "another principal with the same sign-in is no sibling": Case("AROA-sib2:n", [
        call({**session("sib2", "n", "ASIA-SIB3", T), "sign_in_session_arn": SIGN_IN}, seconds(5)),
    ], unknown("NO_ISSUANCE")),
    "a user's own session, whose sibling signed in": Case("AIDA-sib", [
        sign_in(user("sib", None)),
        call({**user("sib", "ASIA-U1", T), "sign_in_session_arn": f"{SIGN_IN}2"}, seconds(5)),
        call({**user("sib", "ASIA-U2", seconds(900)), "sign_in_session_arn": f"{SIGN_IN}2"}, seconds(905)),
    ], resolved(by("sib"), "SIGNIN_ARN", chain_depth=0), since=seconds(900)),
    "a token made for a sign-in is not part of it": Case("AROA-oauth:n", [
        assume(user("ann"), "oauth", "n", "ASIA-OA"),
        call({**session("oauth", "n", "ASIA-OA", T), "sign_in_session_arn": f"{SIGN_IN}3"}, seconds(5)),
        call({**session("oauth", "n", "ASIA-OB", seconds(900)), "sign_in_session_arn": f"{SIGN_IN}3"}, seconds(901),
             event_source="signin.amazonaws.com", event_name="CreateOAuth2Token"),
    ], unknown("NO_ISSUANCE", sign_in_session_arn=None), since=seconds(900)),
}  # fmt: skip


def assume_root(at: str, key: str | None) -> Row:
    return call(
        user("boss"), at, event_source="sts.amazonaws.com", event_name="AssumeRoot",
        request_parameters=json.dumps({"targetPrincipal": OTHER}),
        response_elements=json.dumps({"credentials": {"accessKeyId": key}}),
    )  # fmt: skip


ASSUMED_ROOT_CASES = {
    "by key": Case(OTHER, [
        assume_root(T, "ASIA-AR"),
        call({**ROOT_SESSION, "access_key_id": "ASIA-AR", "session_created_at": T, "assumed_root": True}, seconds(5)),
    ], resolved(by("boss"), "KEY_EXACT", chain_depth=0, is_cross_account=True), since=T),
    "by the second": Case(OTHER, [
        assume_root(seconds(60), None),
        call({**ROOT_SESSION, "access_key_id": "ASIA-AR2", "session_created_at": seconds(60), "assumed_root": True}, seconds(65)),
    ], resolved(by("boss"), "ECHO_ROLEID", chain_depth=0), since=seconds(60)),
    "its issuing is not in the logs": Case(OTHER, [
        call({**ROOT_SESSION, "access_key_id": "ASIA-AR3", "session_created_at": seconds(120), "assumed_root": True}, seconds(125)),
    ], unknown("NO_ISSUANCE", assumed_by_type=None), since=seconds(120)),
    "the root user's own": Case(OTHER, [
        call({**ROOT_SESSION, "access_key_id": "ASIA-AR4", "session_created_at": seconds(180)}, seconds(185)),
    ], resolved(f"Root:arn:aws:iam::{OTHER}:root", "SELF_ROOT", chain_depth=0), since=seconds(180)),
}  # fmt: skip

CLAIM_CASES = {
    "a source identity": Case("AROA-cl1:n", [
        call({**session("cl1", "n", "ASIA-CL1", T), "source_identity": "sara"}, seconds(5)),
    ], unknown("CLAIM_ONLY", attribution_method="CLAIM", attribution_confidence=0.60, candidate_names=["sara"],
               assumed_by_type=None)),
    "a name like a person's": Case("AROA-cl2:sara@acme.example", [
        call(session("cl2", "sara@acme.example", "ASIA-CL2", T), seconds(5)),
    ], unknown("CLAIM_ONLY", attribution_method="CLAIM", attribution_confidence=0.30, candidate_names=["sara@acme.example"])),
    "a name like an instance's": Case(f"AROA-cl3:{INSTANCE}", [
        call(session("cl3", INSTANCE, "ASIA-CL3", T), seconds(5)),
    ], unknown("CLAIM_ONLY", attribution_method="WORKLOAD", attribution_confidence=0.40, has_misleading_name=False)),
    "a claim from before the logs begin": Case("AROA-cl4:sara@acme.example", [
        call(session("cl4", "sara@acme.example", "ASIA-CL4", "2026-04-30 23:59"), "2026-05-01 00:10"),
    ], unknown("BEFORE_WINDOW", attribution_method="CLAIM", candidate_names=["sara@acme.example"])),
    "what was assumed from a claim claims the same": Case("AROA-cl6:n", [
        call({**session("cl5", "n", "ASIA-CL5", T), "source_identity": "sara"}, seconds(5)),
        assume(session("cl5", "n", "ASIA-CL5", T), "cl6", "n", "ASIA-CL6", seconds(60)),
    ], unknown("CLAIM_ONLY", attribution_confidence=0.60, candidate_names=["sara"], chain_depth=2)),
    "an identity pool, whose data events are not logged": Case("AROA-cog:CognitoIdentityCredentials", [
        call(session("cog", "CognitoIdentityCredentials", "ASIA-COG", T), seconds(5)),
    ], unknown("DATA_EVENT")),
    "a managed node": Case(f"AROA-node:{NODE}", [
        call(session("node", NODE, "ASIA-NODE", T), seconds(5)),
    ], unknown("DATA_EVENT", attribution_method="WORKLOAD", attribution_confidence=0.40, candidate_names=[NODE])),
    "while the logs said nothing": Case("AROA-gap:n", [
        call(session("gap", "n", "ASIA-GAP", "2026-05-03 04:59:59"), "2026-05-03 05:10"),
    ], unknown("GAP", attribution_method=None)),
    "when they spoke again": Case("AROA-nogap:n", [
        call(session("nogap", "n", "ASIA-NOGAP", "2026-05-03 05:00:00"), "2026-05-03 05:10"),
    ], unknown("NO_ISSUANCE")),
}  # fmt: skip

CHAIN_CASES = {
    "a role that comes back": Case("AROA-lo1:n", [
        assume(user("ann"), "lo1", "n", "ASIA-LO1", seconds(0)),
        assume(session("lo1", "n", "ASIA-LO1", seconds(0)), "lo2", "n", "ASIA-LO2", seconds(60)),
        assume(session("lo2", "n", "ASIA-LO2", seconds(60)), "lo1", "n", "ASIA-LO3", seconds(120)),
    ], resolved(by("ann"), "ISSUED_UNUSED", chain_depth=3, has_role_loop=True), since=seconds(120)),
    "a key of an unknown form": Case("AROA-odd:n", [
        assume(user("ann"), "odd", "n", "7"), call(session("odd", "n", "7", T), seconds(5)),
    ], resolved(by("ann"), "KEY_EXACT", attribution_confidence=0.94, doubts=["an access key id of an unknown form"])),
    "an account that is no number": Case("AROA-num:n", [
        call(session("num", "n", "ASIA-NUM", T, "x'; --"), seconds(5), recipient_account_id=ACCOUNT),
    ], unknown("NO_ACCOUNT", doubts=["its account is no number of twelve digits"])),
}  # fmt: skip

CASES = (
    IDENTITY_CENTER_CASES
    | FEDERATED_CASES
    | WORKLOAD_CASES
    | NEIGHBOUR_CASES
    | ASSUMED_ROOT_CASES
    | CLAIM_CASES
    | CHAIN_CASES
)


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> list[Row]:
    return sessions_of(spark, frame(spark, CLOUDTRAIL_EVENTS, *log_of(CASES)))


@pytest.mark.parametrize("name", CASES)
def test_with_assumer__one_session_in_a_small_log(found: list[Row], name: str) -> None:
    assert found_of(CASES[name], found) == CASES[name].expected


def test_as_bound__what_is_looked_at_again_stays_what_it_was(spark: SparkSession, found: list[Row]) -> None:
    events = frame(spark, CLOUDTRAIL_EVENTS, *log_of(CASES))
    assert rooted(spark, as_bound(frame(spark, CREDENTIAL_SESSIONS, *found)), events) == found
