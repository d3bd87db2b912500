"""Issuing calls: who called, what was issued, one row for all copies."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from expectations.tables import CLOUDTRAIL_EVENTS
from tests.builders import ACCOUNT, Row, at, frame, row
from transforms.issuances import ISSUING_CALLS, build_credential_issuances, only_issuing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OWNER = "222222222222"
ADMIN = f"arn:aws:iam::{OWNER}:role/team/admin"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"


def issuing(event_id: str, *, api: str = "AssumeRole", request: Any = None, response: Any = None, **fields: Any) -> Row:
    """Return an issuing call of an IAM user with a long-term key."""
    caller = {
        "identity_type": "IAMUser", "principal_id": "AIDA1", "identity_arn": ALICE, "access_key_id": "AKIA1",
        "session_created_at": None, "role_arn": None, "event_source": "sts.amazonaws.com",
    }  # fmt: skip
    bodies = {"request_parameters": request, "response_elements": response}
    texts = {name: json.dumps(body) for name, body in bodies.items() if body is not None}
    return row(CLOUDTRAIL_EVENTS, event_id=event_id, event_name=api, **{**caller, **texts, **fields})


def issuances(spark: SparkSession, *events: Row) -> dict[str, Row]:
    found = build_credential_issuances(frame(spark, CLOUDTRAIL_EVENTS, *events)).collect()
    return {each.action_id: each.asDict() for each in found}


def credentials(key: Any = "ASIA1", expiration: Any = None) -> dict[str, Any]:
    return {"credentials": {"accessKeyId": key, "expiration": expiration, "sessionToken": "x"}}


def test_only_issuing__listed_calls_that_succeeded_and_denied_tries_of_a_role(spark: SparkSession) -> None:
    listed = [issuing(f"{source}/{api}", api=api, event_source=source) for source, api in ISSUING_CALLS]
    others = [
        issuing("denied", outcome="denied"),
        issuing("malformed", outcome="failed"),
        issuing("throttled", outcome="throttled"),
        issuing("denied sign-in", api="ConsoleLogin", event_source="signin.amazonaws.com", outcome="denied"),
        issuing("denied token", api="GetSessionToken", outcome="denied"),
        issuing("another source", event_source="evil.amazonaws.com"),
        issuing("another name", api="GetCallerIdentity"),
        issuing("data plane", api="CreateSession", event_source="s3express.amazonaws.com", response=credentials()),
    ]
    kept = only_issuing(frame(spark, CLOUDTRAIL_EVENTS, *listed, *others)).select("event_id").collect()
    assert {each.event_id for each in kept} == {"denied", *(f"{source}/{api}" for source, api in ISSUING_CALLS)}


def test_build_credential_issuances__copies_of_two_accounts_are_one_row_of_the_callers(spark: SparkSession) -> None:
    request = {"roleArn": ADMIN, "roleSessionName": "sara"}
    shared = {"action_id": "shared", "shared_event_id": "shared", "request": request}
    found = issuances(
        spark,
        issuing("b", **shared, response=credentials() | {"assumedRoleUser": {"assumedRoleId": "AROA1:sara"}}),
        issuing("a", **shared, identity_type="AWSAccount", identity_arn=None, access_key_id=None, recipient_account_id=OWNER,
                event_at="2026-05-01 12:00:01"),
    )  # fmt: skip
    assert found.keys() == {"shared"}
    of_caller = ("assumed_by_type", "assumed_by_id", "assumed_by_name", "assumed_by_account_id", "caller_access_key_id",
                 "caller_recipient_account_id")  # fmt: skip
    assert [found["shared"][name] for name in of_caller] == ["IAMUser", ALICE, "alice", ACCOUNT, "AKIA1", ACCOUNT]
    of_issued = ("issued_principal_id", "issued_session_name", "issued_access_key_id", "issued_role_arn",
                 "issued_role_account_id", "issuing_event_ids")  # fmt: skip
    assert [found["shared"][name] for name in of_issued] == ["AROA1:sara", "sara", "ASIA1", ADMIN, OWNER, ["a", "b"]]
    assert found["shared"]["issued_at"].astimezone(UTC) == at("2026-05-01 12:00")


def test_build_credential_issuances__of_two_full_copies_the_one_at_home_stands(spark: SparkSession) -> None:
    shared = {"action_id": "shared", "shared_event_id": "shared"}
    found = issuances(spark, issuing("b", **shared), issuing("a", **shared, recipient_account_id="000000000000"))
    assert found["shared"]["caller_recipient_account_id"] == ACCOUNT


def test_build_credential_issuances__who_called(spark: SparkSession) -> None:
    instance = {"roleSessionName": "i-0123456789abcdef0"}
    found = issuances(
        spark,
        issuing("user"),
        issuing("root", identity_type="Root", identity_arn=f"arn:aws:iam::{ACCOUNT}:root"),
        issuing("role", identity_type="AssumedRole", principal_id="AROA1:sara", role_arn="arn:aws:iam::1:role/a"),
        issuing(
            "SAML", identity_type="SAMLUser", identity_provider="q", identity_user_name="sara", principal_id="q:sara"
        ),
        issuing("OIDC", identity_type="WebIdentityUser", principal_id="idp:sts:a:b", identity_user_name="a:b"),
        issuing("service", identity_type="AWSService", invoked_by="rds.amazonaws.com", request=instance),
        issuing("instance", identity_type="AWSService", invoked_by="ec2.amazonaws.com", request=instance),
        issuing(
            "fleet", identity_type="AWSService", invoked_by="ec2.amazonaws.com", request={"roleSessionName": "i-am"}
        ),
        issuing("account", identity_type="AWSAccount", principal_id="AIDA9", identity_account_id="999999999999"),
        issuing("directory", identity_type="Directory", principal_id="d", identity_account_id=None),
        issuing("untyped", identity_type=None, principal_id=None, identity_account_id=None),
    )
    assert {
        name: (each["assumed_by_type"], each["assumed_by_id"], each["assumed_by_name"], each["assumed_by_account_id"])
        for name, each in found.items()
    } == {
        "user": ("IAMUser", ALICE, "alice", ACCOUNT),
        "root": ("Root", f"arn:aws:iam::{ACCOUNT}:root", "root", ACCOUNT),
        "role": ("AssumedRole", "AROA1:sara", "sara", ACCOUNT),
        "SAML": ("FederatedUser", "q:sara", "sara", None),
        "OIDC": ("WebIdentityUser", "idp:sts:a:b", "a:b", None),
        "service": ("AWSService", "rds.amazonaws.com", "rds.amazonaws.com", None),
        "instance": ("EC2Instance", "i-0123456789abcdef0", "i-0123456789abcdef0", ACCOUNT),
        "fleet": ("AWSService", "ec2.amazonaws.com", "ec2.amazonaws.com", None),
        "account": ("ExternalPrincipal", "AIDA9", None, "999999999999"),
        "directory": ("Unknown", "d", None, None),
        "untyped": ("Unknown", None, None, None),
    }


def test_build_credential_issuances__what_was_issued(spark: SparkSession) -> None:
    told = {"assumedRoleUser": {"assumedRoleId": "AROA1:sara"}}
    federated = {"federatedUser": {"federatedUserId": "111111111111:fed"}}
    found = issuances(
        spark,
        issuing("no name asked for", request={"roleArn": ADMIN}, response=credentials() | told),
        issuing("not answered who", request={"roleArn": ADMIN, "roleSessionName": "n"}, response=credentials()),
        issuing("federation", api="GetFederationToken", request={"name": "fed"}, response=credentials() | federated),
        issuing(
            "sign-in", api="ConsoleLogin", event_source="signin.amazonaws.com", response={"ConsoleLogin": "Success"}
        ),
        issuing("own token", api="GetSessionToken", response=credentials("ASIA2")),
        issuing(
            "role among resources", resources=json.dumps([{"ARN": "arn:aws:s3:::x"}, {"ARN": ADMIN, "accountId": "1"}])
        ),
        issuing("identity in request", request={"sourceIdentity": "asked"}, source_identity="kept"),
        issuing("identity kept", source_identity="kept"),
    )
    names = ("issued_principal_id", "issued_session_name", "issued_access_key_id", "issued_role_arn",
             "issued_role_account_id", "source_identity")  # fmt: skip
    assert {name: tuple(each[column] for column in names) for name, each in found.items()} == {
        "no name asked for": ("AROA1:sara", "sara", "ASIA1", ADMIN, OWNER, None),
        "not answered who": (None, "n", "ASIA1", ADMIN, OWNER, None),
        "federation": ("111111111111:fed", "fed", "ASIA1", None, ACCOUNT, None),
        "sign-in": ("AIDA1", None, None, None, ACCOUNT, None),
        "own token": ("AIDA1", None, "ASIA2", None, ACCOUNT, None),
        "role among resources": (None, None, None, ADMIN, OWNER, None),
        "identity in request": (None, None, None, None, ACCOUNT, "asked"),
        "identity kept": (None, None, None, None, ACCOUNT, "kept"),
    }


def test_build_credential_issuances__a_denied_try_names_the_role_that_its_message_names(spark: SparkSession) -> None:
    said = "User: arn:aws:iam::1:user/m is not authorized to perform: sts:AssumeRole on resource: "
    found = issuances(
        spark,
        issuing("named", outcome="denied", error_message=said + ADMIN),
        issuing("with a reason", outcome="denied", error_message=f"{said}{ADMIN} because no policy allows it"),
        issuing("no role", outcome="denied", error_message=said + "*"),
        issuing("no message", outcome="denied"),
    )
    assert {name: (each["issued_role_arn"], each["issued_role_account_id"]) for name, each in found.items()} == {
        "named": (ADMIN, OWNER), "with a reason": (ADMIN, OWNER), "no role": (None, ACCOUNT), "no message": (None, ACCOUNT),
    }  # fmt: skip


def test_build_credential_issuances__reads_every_spelling_of_an_expiration(spark: SparkSession) -> None:
    spelled = {
        "Jul 10, 2023, 6:30:22 PM": "2023-07-10 18:30:22",
        "Jul 10, 2023, 6:30:22\u202fPM": "2023-07-10 18:30:22",
        "Sep 17, 2020 8:04:10 AM": "2020-09-17 08:04:10",
        "2023-07-10T18:30:22Z": "2023-07-10 18:30:22",
        "tomorrow": None,
        "": None,
        "Jul 40, 2023, 6:30:22 PM": None,
        **dict.fromkeys(["[]", "{}"]),
    }
    found = issuances(spark, *[issuing(text, response=credentials(expiration=text)) for text in spelled])
    seen = {text: each["expires_at"] and each["expires_at"].astimezone(UTC) for text, each in found.items()}
    assert seen == {text: instant and at(instant) for text, instant in spelled.items()}


def test_build_credential_issuances__bodies_of_other_shapes_say_nothing(spark: SparkSession) -> None:
    bodies: list[Any] = [
        "text",
        7,
        [],
        {"credentials": "x"},
        {"credentials": [1]},
        {"roleArn": ["x"]},
        {"roleArn": None},
    ]
    found = issuances(spark, *[issuing(f"{number}", request=body, response=body) for number, body in enumerate(bodies)])
    assert {(each["issued_access_key_id"], each["issued_principal_id"], each["issued_role_account_id"])
            for each in found.values()} == {(None, None, ACCOUNT)}  # fmt: skip
    assert len(found) == len(bodies)


LIVES = {
    "as asked": (issuing("", request={"roleArn": ADMIN, "durationSeconds": 900}), 900),
    "as asked, in text": (issuing("", request={"roleArn": ADMIN, "durationSeconds": "900"}), 900),
    "as asked, of a role session": (
        issuing("", request={"roleArn": ADMIN, "durationSeconds": 1800}, identity_type="AssumedRole"), 1800,
    ),
    "as asked, by another account's caller": (
        issuing("", request={"roleArn": ADMIN, "durationSeconds": 7200}, identity_type="AWSAccount"), 7200,
    ),
    "as asked, for a member's root": (
        issuing("", api="AssumeRoot", request={"targetPrincipal": OWNER, "durationSeconds": 600}), 600,
    ),
    "the default of a role": (issuing("", request={"roleArn": ADMIN}), 3600),
    "the default of a role by OIDC": (
        issuing("", api="AssumeRoleWithWebIdentity", request={"roleArn": ADMIN}, identity_type="WebIdentityUser"), 3600,
    ),
    "the default of a member's root": (issuing("", api="AssumeRoot", request={"targetPrincipal": OWNER}), 900),
    "the default of a federated user": (issuing("", api="GetFederationToken", request={"name": "fed"}), 43_200),
    "the default of a user's token, which needs no request": (issuing("", api="GetSessionToken"), 43_200),
    "root's token is an hour's, whatever is asked": (
        issuing("", api="GetSessionToken", request={"durationSeconds": 43_200}, identity_type="Root"), 3600,
    ),
    "root's token is an hour's by default": (issuing("", api="GetSessionToken", identity_type="Root"), 3600),
    "the response comes before the request": (
        issuing("", request={"roleArn": ADMIN, "durationSeconds": 900}, response=credentials(expiration="May 1, 2026, 12:20:00 PM")),
        1200,
    ),
    "the request is not in the record": (issuing(""), None),
    "SAML may end it sooner": (
        issuing("", api="AssumeRoleWithSAML", request={"roleArn": ADMIN, "durationSeconds": 3600}, identity_type="SAMLUser"), None,
    ),
    "EC2 lives longer than it asks for": (
        issuing("", request={"roleArn": ADMIN}, identity_type="AWSService", invoked_by="ec2.amazonaws.com"), None,
    ),
    "the console switches role": (issuing("", request={"roleArn": ADMIN}, invoked_by="AWS Internal"), None),
    "another account's caller may be a service": (issuing("", request={"roleArn": ADMIN}, identity_type="AWSAccount"), None),
    "the console's end nobody tells": (issuing("", api="ConsoleLogin", event_source="signin.amazonaws.com"), None),
    "no number": (issuing("", request={"roleArn": ADMIN, "durationSeconds": "long"}), None),
    "longer than anything lives": (issuing("", request={"roleArn": ADMIN, "durationSeconds": 10**18}), None),
    "a list": (issuing("", request={"roleArn": ADMIN, "durationSeconds": [900]}), None),
    "it was denied": (issuing("", request={"roleArn": ADMIN, "durationSeconds": 900}, outcome="denied"), None),
}  # fmt: skip


def test_build_credential_issuances__the_expiry_is_the_responses_or_a_life_that_is_certain(spark: SparkSession) -> None:
    found = issuances(spark, *[{**event, "event_id": name, "action_id": name} for name, (event, _) in LIVES.items()])
    seen = {name: each["expires_at"] and each["expires_at"] - each["issued_at"] for name, each in found.items()}
    assert seen == {name: life and timedelta(seconds=life) for name, (_, life) in LIVES.items()}
