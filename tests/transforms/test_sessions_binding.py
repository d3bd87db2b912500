"""What each credential session was issued by, and who was at the start: small logs with the sessions they must give."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

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
from transforms.sessions.doubts import BEFORE_IT_BEGAN, CIRCLE, YOUNGER_CALLER

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RDS = other("AWSService", invoked_by="rds.amazonaws.com")
EC2 = other("AWSService", invoked_by="ec2.amazonaws.com")

METHOD_CASES = {
    "key": Case("AROA-key:n", [
        assume(user("ann"), "key", "n", "ASIA-K"), call(session("key", "n", "ASIA-K", T), seconds(9)),
    ], resolved(by("ann"), "KEY_EXACT", event_count=1, access_key_ids=["ASIA-K"], chain=[arn("key")])),
    "never used": Case("AROA-idle:n", [
        assume(user("ann"), "idle", "n", "ASIA-I"),
    ], resolved(by("ann"), "ISSUED_UNUSED", event_count=0, access_key_ids=["ASIA-I"])),
    "echo by role id, another key used": Case("AROA-echo:n", [
        assume(user("ann"), "echo", "n", "ASIA-E"), call(session("echo", "n", "ASIA-E2", T), seconds(9)),
    ], resolved(by("ann"), "ECHO_ROLEID", access_key_ids=["ASIA-E", "ASIA-E2"])),
    "echo a second late": Case("AROA-late:n", [
        assume(user("ann"), "late", "n", "ASIA-L"), call(session("late", "n", None, seconds(1)), seconds(9)),
    ], resolved(by("ann"), "ECHO_ROLEID")),
    "echo two seconds late is none": Case("AROA-later:n", [
        assume(user("ann"), "later", "n", "ASIA-LL"), call(session("later", "n", None, seconds(2)), seconds(9)),
    ], unknown("NO_ISSUANCE", attribution_method=None), since=seconds(2)),
    "echo by ARN, the answer does not say who": Case("AROA-byarn:n", [
        assume(RDS, "byarn", "n", "ASIA-A", answers_who=False), call(session("byarn", "n", None, T), seconds(9)),
    ], resolved("AWSService:rds.amazonaws.com", "ECHO_ARN")),
    "console sign-in of a user, many keys": Case("AIDA-con", [
        sign_in(user("con", None)), *[call(user("con", f"ASIA-C{n}", T), seconds(n)) for n in range(1, 22)],
    ], resolved(by("con"), "CONSOLE_LOGIN", chain_depth=0, event_count=21, access_key_ids=[])),
    "console sign-in of root": Case("111", [
        sign_in({**user("r", None), "identity_type": "Root", "principal_id": "111", "identity_arn": "arn:aws:iam::111:root"}),
        call({**user("r", "ASIA-R", T), "identity_type": "Root", "principal_id": "111", "identity_arn": "arn:aws:iam::111:root"},
             seconds(5)),
    ], resolved("Root:arn:aws:iam::111:root", "CONSOLE_LOGIN", chain_depth=0)),
    "the key was used after its life only, and says when it was made": Case("AIDA-after", [
        call({**user("after"), "access_key_id": "AKIA"}, event_source="sts.amazonaws.com", event_name="GetSessionToken",
             response_elements='{"credentials": {"accessKeyId": "ASIA-AFTER", "expiration": "May 2, 2026, 11:00:00 AM"}}'),
        call(user("after", "ASIA-AFTER", T), "2026-05-02 12:00:00"),
    ], resolved(by("after"), "KEY_EXACT", chain_depth=0, used_after_expiry=True)),
    "a service, beside a record without a principal": Case("AROA-beside-it:n", [
        call({**session("nobody", "n", None, T), "principal_id": None, "session_created_at": None, "access_key_id": None,
              "role_arn": None, "invoked_by": RDS["invoked_by"], "on_behalf_of": "store/u-9"}, seconds(1)),
        assume(RDS, "beside-it", "n", "ASIA-BESIDE"), call(session("beside-it", "n", "ASIA-BESIDE", T), seconds(4)),
    ], resolved("AWSService:rds.amazonaws.com", "KEY_EXACT", chain_depth=1, parent_session_id=None)),
    "several issuances, one parent": Case("AROA-slr:SLRManagement", [
        *[assume(RDS, "slr", "SLRManagement", f"ASIA-S{n}") for n in range(3)],
        call(session("slr", "SLRManagement", None, T), seconds(4)),
    ], resolved("AWSService:rds.amazonaws.com", "ECHO_SAME_PARENT", event_count=1), since="used"),
    "a user's own session, sign-in never seen": Case("AIDA-self", [
        call(user("self", "ASIA-SELF", T), seconds(9)),
    ], resolved(by("self"), "SELF_ROOT", chain_depth=0)),
}  # fmt: skip

ROOT_CASES = {
    "root user": Case("AROA-ofroot:n", [
        assume({**user("x"), "identity_type": "Root", "identity_arn": "arn:aws:iam::1:root"}, "ofroot", "n", "ASIA-OR"),
    ], resolved("Root:arn:aws:iam::1:root", "ISSUED_UNUSED")),
    "SAML": Case("AROA-saml:sara", [
        assume(other("SAMLUser", "q:sara", identity_provider="q", identity_user_name="sara"), "saml", "sara", "ASIA-SAML",
               api="AssumeRoleWithSAML"),
        call(session("saml", "sara", "ASIA-OTHER", T), seconds(9)),
    ], resolved("FederatedUser:q:sara", "ECHO_ROLEID", root_name="sara", root_account_id=None)),
    "OIDC": Case("AROA-oidc:ci", [
        assume(other("WebIdentityUser", "idp:sts:repo:org/app:ref:main", identity_user_name="repo:org/app:ref:main"),
               "oidc", "ci", "ASIA-OIDC", api="AssumeRoleWithWebIdentity"),
        call(session("oidc", "ci", "ASIA-OIDC", T), seconds(9)),
    ], resolved("WebIdentityUser:idp:sts:repo:org/app:ref:main", "KEY_EXACT", root_name="repo:org/app:ref:main")),
    "service": Case("AROA-svc:n", [
        assume(RDS, "svc", "n", "ASIA-SVC"), call(session("svc", "n", "ASIA-SVC", T), seconds(9)),
    ], resolved("AWSService:rds.amazonaws.com", "KEY_EXACT", is_chained=False)),
    "instance": Case("AROA-node:i-0123456789abcdef0", [
        *[assume(EC2, "node", "i-0123456789abcdef0", f"ASIA-IMDS{n}", answers_who=False) for n in (1, 2)],
        call(session("node", "i-0123456789abcdef0", "ASIA-IMDS2", T), seconds(9)),
    ], resolved("EC2Instance:i-0123456789abcdef0", "KEY_EXACT", root_account_id=ACCOUNT, access_key_ids=["ASIA-IMDS2"])),
    "a name like an instance's, issued by a user": Case("AROA-spoof:i-0123456789abcdef1", [
        assume(user("eve"), "spoof", "i-0123456789abcdef1", "ASIA-SP"),
    ], resolved(by("eve"), "ISSUED_UNUSED", has_misleading_name=True)),
    "GetSessionToken": Case("AIDA-mfa", [
        call(user("mfa"), event_source="sts.amazonaws.com", event_name="GetSessionToken",
             response_elements='{"credentials": {"accessKeyId": "ASIA-MFA", "expiration": "May 3, 2026, 10:00:00 PM"}}'),
        call(user("mfa", "ASIA-MFA", T), "2026-05-03 21:59:00"),
    ], resolved(by("mfa"), "KEY_EXACT", chain_depth=0, used_after_expiry=False, event_count=1)),
    "GetSessionToken, used after its end": Case("AIDA-mfa2", [
        call(user("mfa2"), event_source="sts.amazonaws.com", event_name="GetSessionToken",
             response_elements='{"credentials": {"accessKeyId": "ASIA-MF2", "expiration": "May 3, 2026, 10:00:00 PM"}}'),
        call(user("mfa2", "ASIA-MF2", T), "2026-05-03 21:59:00"), call(user("mfa2", "ASIA-MF2", T), "2026-05-03 22:10:00"),
    ], resolved(by("mfa2"), "KEY_EXACT", chain_depth=0, used_after_expiry=True)),
    "GetSessionToken, its end follows from what was asked for": Case("AIDA-mfa3", [
        call(user("mfa3"), event_source="sts.amazonaws.com", event_name="GetSessionToken",
             request_parameters='{"durationSeconds": 3600}', response_elements='{"credentials": {"accessKeyId": "ASIA-MF3"}}'),
        call(user("mfa3", "ASIA-MF3", T), seconds(3600)), call(user("mfa3", "ASIA-MF3", T), seconds(3901)),
    ], resolved(by("mfa3"), "KEY_EXACT", chain_depth=0, used_after_expiry=True, expires_at=at(seconds(3600)))),
    "GetFederationToken": Case("111111111111:fed", [
        call(user("fay"), event_source="sts.amazonaws.com", event_name="GetFederationToken",
             request_parameters='{"name": "fed"}', response_elements='{"credentials": {"accessKeyId": "ASIA-FED"}, '
             '"federatedUser": {"federatedUserId": "111111111111:fed"}}'),
        call({**user("fed", "ASIA-FED2", T), "identity_type": "FederatedUser", "principal_id": "111111111111:fed"}, seconds(9)),
    ], resolved(by("fay"), "ECHO_ROLEID", chain_depth=0)),
    "both copies of a call into another account": Case("AROA-far:n", [
        assume(user("ann"), "far", "n", "ASIA-FAR", account=OTHER, event_id="z-callers", action_id="shared"),
        assume(other("AWSAccount", "AIDA-ann", recipient_account_id=OTHER), "far", "n", "ASIA-FAR", account=OTHER,
               event_id="a-owners", action_id="shared"),
        call(session("far", "n", "ASIA-FAR", T, OTHER), seconds(9)),
    ], resolved(by("ann"), "KEY_EXACT", is_cross_account=True, issuing_event_ids=["a-owners", "z-callers"])),
    "only the owner's copy": Case("AROA-owned:n", [
        assume(other("AWSAccount", "AIDA-stranger", identity_account_id=UNLOGGED), "owned", "n", "ASIA-OWNED"),
        call(session("owned", "n", "ASIA-OWNED", T), seconds(9)),
    ], resolved("ExternalPrincipal:AIDA-stranger", "OWNER_COPY", root_account_id=UNLOGGED, binding_confidence=0.80)),
}  # fmt: skip

CHAIN_CASES = {
    "three accounts": Case("AROA-c3:n", [
        assume(user("ann"), "c1", "n", "ASIA-1", seconds(0)),
        assume(session("c1", "n", "ASIA-1", seconds(0)), "c2", "n", "ASIA-2", seconds(60), account=OTHER),
        assume(session("c2", "n", "ASIA-2", seconds(60), OTHER), "c3", "n", "ASIA-3", seconds(120)),
    ], resolved(by("ann"), "ISSUED_UNUSED", chain_depth=3, chain=[arn("c1"), arn("c2", OTHER), arn("c3")], is_chained=True)),
    "tags go on where they are transitive": Case("AROA-t2:n", [
        assume(user("ann"), "t1", "n", "ASIA-T1", asked={"tags": [{"key": "x", "value": "1"}, {"key": "team", "value": "a"}],
                                                       "transitiveTagKeys": ["team"]}),
        assume(session("t1", "n", "ASIA-T1", T), "t2", "n", "ASIA-T2", seconds(60),
               asked={"incomingTransitiveTags": {"team": "a"}, "tags": [{"key": "b", "value": "2"}]}),
    ], resolved(by("ann"), "ISSUED_UNUSED", chain_depth=2, session_tags=[{"key": "b", "value": "2"}, {"key": "team", "value": "a"}])),
    "the least sure hop counts": Case("AROA-w2:n", [
        assume(user("ann"), "w1", "n", "ASIA-W1"),
        assume(session("w1", "n", "ASIA-W1X", T), "w2", "n", "ASIA-W2", seconds(60)),
        call(session("w2", "n", "ASIA-W2", seconds(60)), seconds(61)),
    ], resolved(by("ann"), "KEY_EXACT", chain_depth=2, attribution_confidence=0.97, binding_confidence=0.99)),
    "from a console session": Case("AROA-sw:ann", [
        sign_in(user("swi", None)), assume(user("swi", "ASIA-SW", T), "sw", "ann", "ASIA-SW2", seconds(60)),
        call(session("sw", "ann", "ASIA-SW3", seconds(60)), seconds(70)),
    ], resolved(by("swi"), "ECHO_ROLEID", chain_depth=1, attribution_confidence=0.95, assumed_by_id=by("swi")[8:])),
    "the caller's own session was never seen issued": Case("AROA-g2:n", [
        assume(session("g1", "n", "ASIA-G1", T), "g2", "n", "ASIA-G2", seconds(60)),
    ], unknown("NO_ISSUANCE", chain_depth=2, chain=[arn("g1"), arn("g2")], binding_confidence=0.99)),
    "a parent that began after its child is none": Case("AROA-child:n", [
        assume(user("ann"), "liar", "n", "ASIA-LI", seconds(300)), call(session("liar", "n", "ASIA-LI", seconds(300)), seconds(310)),
        assume(session("liar", "n", "ASIA-LI", seconds(300)), "child", "n", "ASIA-CH", seconds(60)),
    ], unknown("NO_ISSUANCE", parent_session_id=None, assumed_by_id="AROA-liar:n", is_chained=True, doubts=[YOUNGER_CALLER])),
    "a parent that began a second after its child is one": Case("AROA-child1:n", [
        assume(user("ann"), "tick", "n", "ASIA-TI", seconds(60)), call(session("tick", "n", "ASIA-TI", seconds(61)), seconds(70)),
        assume(session("tick", "n", "ASIA-TI", seconds(61)), "child1", "n", "ASIA-TC", seconds(60)),
    ], resolved(by("ann"), "ISSUED_UNUSED", chain_depth=2, parent_started_at=at(seconds(61)), doubts=[])),
    "two seconds after it is none": Case("AROA-child2:n", [
        assume(user("ann"), "tock", "n", "ASIA-TO", seconds(62)), call(session("tock", "n", "ASIA-TO", seconds(62)), seconds(70)),
        assume(session("tock", "n", "ASIA-TO", seconds(62)), "child2", "n", "ASIA-TD", seconds(60)),
    ], unknown("NO_ISSUANCE", parent_session_id=None, doubts=[YOUNGER_CALLER])),
    "two that made each other, a second apart, lead in a circle": Case("AROA-egg:n", [
        assume(session("hen", "n", "ASIA-HEN", seconds(61)), "egg", "n", "ASIA-EGG", seconds(60)),
        assume(session("egg", "n", "ASIA-EGG", seconds(60)), "hen", "n", "ASIA-HEN", seconds(61)),
    ], unknown("NO_ISSUANCE", doubts=[CIRCLE], attribution_confidence=0.0)),
    "into the same role, name and second": Case("AROA-x:n", [
        assume(user("ann"), "x", "n", "ASIA-X1"), assume(session("x", "n", "ASIA-X1", T), "x", "n", "ASIA-X2"),
        call(session("x", "n", "ASIA-X2", T), seconds(9)),
    ], resolved(by("ann"), "KEY_EXACT", chain_depth=2, event_count=1, access_key_ids=["ASIA-X2"]), since="ASIA-X2"),
    "a service calling with a role's credentials is that session": Case("AROA-fas:n", [
        assume(user("ann"), "fas", "n", "ASIA-F1"), call(session("fas", "n", "ASIA-F1", T), seconds(5)),
        call(session("fas", "n", "ASIA-FAS", T), seconds(6), invoked_by="s3.amazonaws.com", outcome="denied"),
    ], resolved(by("ann"), "KEY_EXACT", event_count=2, failed_count=1, forward_access_count=1,
                access_key_ids=["ASIA-F1"])),
}  # fmt: skip

DOUBT_CASES = {
    "two callers, no key to tell": Case("AROA-amb:n", [
        assume(user("ann"), "amb", "n", "ASIA-M1"), assume(user("bob"), "amb", "n", "ASIA-M2"),
        call(session("amb", "n", None, T), seconds(9)),
    ], unknown("AMBIGUOUS", attribution_confidence=0.0, attribution_method=None, assumed_by_id=None,
               candidate_names=["ann", "bob"]), since="used"),
    "two callers, the key tells": Case("AROA-amk:n", [
        assume(user("ann"), "amk", "n", "ASIA-N1"), assume(user("bob"), "amk", "n", "ASIA-N2"),
        call(session("amk", "n", "ASIA-N2", T), seconds(9)),
    ], resolved(by("bob"), "KEY_EXACT", candidate_names=None), since="ASIA-N2"),
    "what an ambiguous session did is as ambiguous": Case("AROA-am2:n", [
        assume(user("ann"), "am1", "n", "ASIA-P1"), assume(user("bob"), "am1", "n", "ASIA-P2"),
        assume(session("am1", "n", None, T), "am2", "n", "ASIA-P3", seconds(60)),
    ], unknown("AMBIGUOUS", candidate_names=["ann", "bob"], chain_depth=2, attribution_method="ISSUED_UNUSED")),
    "the exact second before the one beside it": Case("AROA-beside:n", [
        assume(user("ann"), "beside", "n", "ASIA-Q1", seconds(0)), assume(user("bob"), "beside", "n", "ASIA-Q2", seconds(1)),
        call(session("beside", "n", None, seconds(1)), seconds(9)),
    ], resolved(by("bob"), "ECHO_ROLEID"), since=seconds(1)),
    "a key id again in another account": Case("AROA-acc:n", [
        assume(user("ann"), "acc", "n", "ASIA-TWICE"), assume(user("bob", account=OTHER), "acc2", "n", "ASIA-TWICE", account=OTHER),
        call(session("acc", "n", "ASIA-TWICE", T), seconds(9)),
    ], resolved(by("ann"), "KEY_EXACT")),
    "a key id again in another account, its issuance unseen": Case("AROA-acc3:n", [
        assume(user("bob", account=OTHER), "acc4", "n", "ASIA-ONCE", account=OTHER),
        call(session("acc3", "n", "ASIA-ONCE", T), seconds(9)),
    ], unknown("NO_ISSUANCE")),
    "a key id again long after its end": Case("AROA-old:n", [
        assume(user("ann"), "old", "n", "ASIA-OLD", "2026-05-02 10:00", until="May 2, 2026, 11:00:00 AM"),
        call(session("old", "n", "ASIA-OLD", "2026-05-04 10:00"), "2026-05-04 10:00"),
    ], unknown("NO_ISSUANCE"), since="2026-05-04 10:00"),
    "a role's id may have colons, a session's name has none": Case("111111111111:aws:ec2-instance:i-01", [
        call({**session("x", "", "ASIA-SSM", T), "principal_id": "111111111111:aws:ec2-instance:i-01"}),
    ], unknown("NO_ISSUANCE", role_id="111111111111:aws:ec2-instance", session_name="i-01", attribution_method=None)),
    "before the logs begin": Case("AROA-before:n", [
        call(session("before", "n", "ASIA-B", "2026-04-30 23:59"), "2026-05-01 00:10"),
    ], unknown("BEFORE_WINDOW", attribution_method=None, attribution_confidence=0.0)),
    "no logs of the account": Case("AROA-unlogged:n", [
        call(session("unlogged", "n", "ASIA-U", T, UNLOGGED), recipient_account_id=ACCOUNT),
    ], unknown("NO_ACCOUNT")),
    "the issuance may still come": Case("AROA-pending:n", [
        call(session("pending", "n", "ASIA-PE", "2026-05-08 00:00:01"), "2026-05-08 01:00"),
    ], unknown("PENDING")),
    "72 hours later it will not": Case("AROA-never:n", [
        call(session("never", "n", "ASIA-NE", "2026-05-08 00:00"), "2026-05-08 01:00"),
    ], unknown("NO_ISSUANCE")),
}  # fmt: skip

SARA = other("SAMLUser", "q:sara", identity_provider="q", identity_user_name="sara")
TRAP_CASES = {
    "what a session issued itself has not made it": Case("AROA-own:n", [
        *[assume(session("own", "n", None, T), "own", "n", f"ASIA-OWN{n}") for n in (1, 2)],
        call(session("own", "n", None, T), seconds(9)),
    ], unknown("NO_ISSUANCE", parent_session_id=None), since="used"),
    "an issuing call between two sessions, a second from each, is neither's": Case("AROA-mid:n", [
        call(session("mid", "n", None, seconds(0)), seconds(9)), call(session("mid", "n", None, seconds(2)), seconds(9)),
        assume(user("ann"), "mid", "n", "ASIA-MID", seconds(1)),
    ], unknown("NO_ISSUANCE"), since=T),
    "a key whose session says it began in 9998": Case("AROA-era:n", [
        assume(user("ann"), "era", "n", "ASIA-ERA"), call(session("era", "n", "ASIA-ERA", "9998-01-01 00:00:00"), seconds(60)),
    ], resolved(f"IAMUser:arn:aws:iam::{ACCOUNT}:user/ann", "KEY_EXACT",
                attribution_confidence=0.94, doubts=[BEFORE_IT_BEGAN]), since="used"),
    "console sign-in of a federated user's role session": Case("AROA-sso:sara", [
        assume(SARA, "sso", "sara", "ASIA-SSO", api="AssumeRoleWithSAML"), sign_in(session("sso", "sara", None, T)),
        call(session("sso", "sara", "ASIA-SSO2", T), seconds(9)),
    ], resolved("FederatedUser:q:sara", "ECHO_ROLEID"), since="used"),
    "an ambiguous session has no candidate's key": Case("AROA-amn:n", [
        assume(user("ann"), "amn", "n", "ASIA-Y1", until="May 2, 2026, 11:00:00 AM"),
        assume(user("bob"), "amn", "n", "ASIA-Y2", until="May 2, 2026, 10:15:00 AM"),
        call(session("amn", "n", None, T), seconds(1800)),
    ], unknown("AMBIGUOUS", access_key_ids=[], expires_at=None), since="used"),
}  # fmt: skip

CASES = METHOD_CASES | ROOT_CASES | CHAIN_CASES | DOUBT_CASES | TRAP_CASES


@pytest.fixture(scope="module")
def found(spark: SparkSession) -> list[Row]:
    return sessions_of(spark, frame(spark, CLOUDTRAIL_EVENTS, *log_of(CASES)))


@pytest.mark.parametrize("name", CASES)
def test_root_sessions__one_session_in_a_small_log(found: list[Row], name: str) -> None:
    assert found_of(CASES[name], found) == CASES[name].expected


def test_root_sessions__the_order_and_partitions_of_the_log_change_nothing(
    spark: SparkSession, found: list[Row]
) -> None:
    events = log_of(CASES)
    random.Random(5).shuffle(events)
    assert sessions_of(spark, frame(spark, CLOUDTRAIL_EVENTS, *events).repartition(7)) == found


def test_as_bound__what_is_rooted_anew_stays_what_it_was(spark: SparkSession, found: list[Row]) -> None:
    events = frame(spark, CLOUDTRAIL_EVENTS, *log_of(CASES))
    assert rooted(spark, as_bound(frame(spark, CREDENTIAL_SESSIONS, *found)), events) == found


def test_root_sessions__keeps_the_rules_of_its_table(spark: SparkSession, found: list[Row]) -> None:
    sessions = frame(spark, CREDENTIAL_SESSIONS, *found)
    broken = [F.count_if(~F.expr(rule)).alias(name) for name, rule in CREDENTIAL_SESSIONS.constraints.items()]
    [counts] = sessions.agg(F.count_distinct(*CREDENTIAL_SESSIONS.key).alias("keys"), *broken).collect()
    assert counts.asDict() == {"keys": len(found)} | dict.fromkeys(CREDENTIAL_SESSIONS.constraints, 0)
