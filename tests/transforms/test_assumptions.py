"""Who assumes which role, and the role sessions that came of it."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from expectations.tables import CREDENTIAL_ISSUANCES, CREDENTIAL_SESSIONS
from tests.builders import ACCOUNT, ROLE_ARN, ROLE_SESSION, Row, at, frame, row
from transforms.assumptions import build_role_assumptions, build_role_sessions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OTHER = "222222222222"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"


def tried(action: str, **fields: Any) -> Row:
    """Return a try of alice to assume the role; it succeeds unless said otherwise."""
    by_alice = {"assumed_by_id": ALICE, "assumed_by_name": "alice", "assumed_by_account_id": ACCOUNT}
    role = {"issued_role_arn": ROLE_ARN, "issued_role_account_id": ACCOUNT, "issued_at": "2026-05-01 10:00"}
    return row(CREDENTIAL_ISSUANCES, action_id=action, **{**by_alice, **role, **fields})


def assumptions(spark: SparkSession, *tries: Row) -> list[Row]:
    found = build_role_assumptions(frame(spark, CREDENTIAL_ISSUANCES, *tries)).collect()
    return sorted((each.asDict() for each in found), key=lambda each: each["assumed_by_id"] or "")


def test_build_role_assumptions__a_denied_try_is_a_row_without_use(spark: SparkSession) -> None:
    [one] = assumptions(spark, tried("1", outcome="denied"))
    assert (one["success_count"], one["denied_count"]) == (0, 1)


def test_build_role_assumptions__one_row_for_all_tries_of_an_assumer(spark: SparkSession) -> None:
    [one] = assumptions(
        spark,
        tried("1", issued_at="2026-05-02 10:00"),
        tried("2", issued_at="2026-05-01 09:00", outcome="denied"),
        tried("3", issued_at="2026-05-03 11:00"),
        tried("no role", issued_role_arn=None),
    )
    assert (one["success_count"], one["denied_count"], one["assumed_by_name"]) == (2, 1, "alice")
    first_and_last = [one[name].astimezone(UTC) for name in ("first_at", "last_at")]
    assert first_and_last == [at("2026-05-01 09:00"), at("2026-05-03 11:00")]


def test_build_role_assumptions__sessions_of_a_role_are_rolled_up_to_the_role(spark: SparkSession) -> None:
    deploy = {"assumed_by_type": "AssumedRole", "caller_role_arn": f"arn:aws:iam::{OTHER}:role/team/deploy"}
    found = assumptions(
        spark,
        tried("1", **deploy, assumed_by_id="AROADEPLOY:a", assumed_by_name="a", assumed_by_account_id=OTHER),
        tried("2", **deploy, assumed_by_id="AROADEPLOY:b", assumed_by_name="b", assumed_by_account_id=OTHER),
        tried("3", **{**deploy, "caller_role_arn": None}, caller_principal_id="AROAGONE:c"),
        tried("4", assumed_by_type="FederatedUser", assumed_by_id="q:sara", assumed_by_name="sara", assumed_by_account_id=None),
    )  # fmt: skip
    names = ("assumed_by_type", "assumed_by_id", "assumed_by_name", "success_count", "is_cross_account")
    assert [tuple(each[name] for name in names) for each in found] == [
        ("Role", "AROAGONE", "AROAGONE", 1, False),
        ("Role", f"arn:aws:iam::{OTHER}:role/team/deploy", "deploy", 2, True),
        ("FederatedUser", "q:sara", "sara", 1, None),
    ]


def test_build_role_sessions__all_credentials_of_a_role_session_in_one_row(spark: SparkSession) -> None:
    bob = {"assumed_by_id": "bob", "assumed_by_name": "bob", "root_id": "bob", "root_name": "bob"}
    sessions = [
        row(CREDENTIAL_SESSIONS, credential_session_id="1", started_at="2026-05-01 10:00", event_count=2, failed_count=1,
            last_event_at="2026-05-01 15:00"),
        row(CREDENTIAL_SESSIONS, credential_session_id="2", started_at="2026-05-01 11:00", first_event_at="2026-05-01 09:00",
            event_count=3),
        row(CREDENTIAL_SESSIONS, credential_session_id="3", started_at="2026-05-01 12:00", first_event_at=None,
            event_count=0, role_arn="arn:aws:iam::1:role/moved", attribution_status="unresolved", **bob),
        row(CREDENTIAL_SESSIONS, credential_session_id="4", principal_id="AIDA1", role_arn=None, started_at="2026-05-01 12:00"),
    ]  # fmt: skip
    issuances = [
        tried("a", caller_principal_id=ROLE_SESSION, issued_role_arn="role/b"),
        tried("b", caller_principal_id=ROLE_SESSION, issued_role_arn="role/a"),
        tried("c", caller_principal_id=ROLE_SESSION, issued_role_arn="role/a"),
        tried("d", caller_principal_id=ROLE_SESSION, issued_role_arn="role/refused", outcome="denied"),
        tried("e", caller_principal_id="AROAELSE:x", issued_role_arn="role/else"),
    ]
    [one] = build_role_sessions(
        frame(spark, CREDENTIAL_SESSIONS, *sessions), frame(spark, CREDENTIAL_ISSUANCES, *issuances)
    ).collect()
    assert (one.role_session_id, one.role_id, one.role_name, one.session_name) == (
        ROLE_SESSION,
        "AROAADMIN",
        "moved",
        "sara",
    )
    assert (one.credential_session_count, one.event_count, one.failed_count) == (3, 5, 1)
    assert one.first_observed_at.astimezone(UTC) == at("2026-05-01 09:00")
    assert one.last_observed_at.astimezone(UTC) == at("2026-05-01 15:00")
    assert [each.name for each in one.assumed_by] == ["alice", "bob"]
    assert [each.name for each in one.roots] == ["alice"]  # an unresolved session has none
    assert one.assumed_roles == ["role/a", "role/b"]
