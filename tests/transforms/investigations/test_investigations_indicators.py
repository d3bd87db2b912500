"""Indicators of addresses, role pairs, instances and logs: each a hit and what comes near it."""

from __future__ import annotations

import pytest

from tests.builders import ACCOUNT, ROLE_ARN, ROLE_SESSION
from tests.transforms.investigations.cases import address, case, entity, session, value
from transforms.investigations.context import Context
from transforms.investigations.indicators import find_indicators

APRIL, LAST_YEAR, IN_SCOPE = "2026-04-20T08:00:00Z", "2025-06-01T08:00:00Z", "2026-05-01T12:10:00Z"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
OTHER, DEMO, DEMO_ARN = "222222222222", "AROADEMO:sara", "arn:aws:iam::222222222222:role/DemoRole1"
ADDRESS = "203.0.113.9"
OLD_ACCOUNT = {"entity_id": ROLE_SESSION, "level": "account", "first_at": LAST_YEAR, "active_days": 45}
OLD_SESSION = {"entity_id": ROLE_SESSION, "level": "session", "first_at": LAST_YEAR, "active_days": 30}


def found(kind, panels, **rest):
    return [row for row in find_indicators(case(panels, **rest)) if row["type"] == kind]


# -- flagged addresses


def flagging(*networks, **said):
    return Context(flagged_addresses=[{"reason": "Tor exit node", "addresses": networks}], **said)


@pytest.mark.parametrize(
    ("calls", "severity"),
    [({}, "HIGH"), ({"success_count": 0, "failed_count": 3}, "MEDIUM"), ({"is_in_scope": False}, "HIGH")],
)
def test_flagged__an_address_of_calls(calls, severity):
    [row] = found("FLAGGED_IP_ADDRESS", {"addresses": [address(ADDRESS, **calls)]}, context=flagging("203.0.113.0/24"))
    assert (row["value"], row["severity"], row["evidence_event_ids"]) == (ADDRESS, severity, ["event-1"])
    assert "flagged: Tor exit node" in row["reason"]


def test_flagged__says_for_whom_the_address_is_new():
    panels = {
        "addresses": [address(ADDRESS)],
        "values": [value("source_ip", ADDRESS, seen={"account": APRIL}, recent="account")],
    }
    [row] = found("FLAGGED_IP_ADDRESS", panels, context=flagging(ADDRESS))
    assert (row["is_new_for_account"], "new for the principal" in row["reason"]) == (False, True)


def test_flagged__the_findings_own_address_counts_without_a_call():
    remote = {"remote_ip": ADDRESS}
    [row] = found("FLAGGED_IP_ADDRESS", {}, finding=remote, context=flagging(ADDRESS))
    assert (row["severity"], "the finding names" in row["reason"]) == ("MEDIUM", True)
    assert (
        len(found("FLAGGED_IP_ADDRESS", {"addresses": [address(ADDRESS)]}, finding=remote, context=flagging(ADDRESS)))
        == 1
    )


def test_flagged__is_not_what_no_list_has_nor_what_is_the_organisations_own():
    panels = {"addresses": [address(ADDRESS)]}
    assert found("FLAGGED_IP_ADDRESS", panels, context=flagging("192.0.2.0/24")) == []
    assert found("FLAGGED_IP_ADDRESS", panels, context=flagging(ADDRESS, egress={"VPN": ADDRESS})) == []


# -- new pairs of assumer and role


def pair(**overrides):
    base = {
        "role_arn": ROLE_ARN, "assumed_by_type": "IAMUser", "assumed_by_id": ALICE, "assumed_by_name": "alice",
        "assumed_by_account_id": ACCOUNT, "first_at": IN_SCOPE, "last_at": IN_SCOPE, "success_count": 1, "denied_count": 0,
        "is_cross_account": False,
    }  # fmt: skip
    return {**base, **overrides}


def pairs(*assumers, standing=(OLD_ACCOUNT,), **panels):
    return found("NEW_ROLE_PAIR", {"assumers": list(assumers), "standing": list(standing), **panels})


SINCE_LONG = pair(assumed_by_id="arn:bob", first_at=LAST_YEAR)


def test_role_pair__never_seen_before_the_scope():
    [row] = pairs(pair(), SINCE_LONG)
    assert (row["value"], row["severity"], row["is_new_for_account"]) == (f"{ALICE} → {ROLE_ARN}", "LOW", False)
    assert row["reason"] == "alice (IAM user) assumed admin for the first time at 2026-05-01 12:10:00"
    assert row["evidence_event_ids"] == ["issue-1"]


@pytest.mark.parametrize(
    ("assumers", "severity"),
    [
        ([pair()], "MEDIUM"),  # nobody before
        ([pair(is_cross_account=True), SINCE_LONG], "MEDIUM"),
        ([pair(is_cross_account=True, success_count=0), SINCE_LONG], "LOW"),  # a try
    ],
)
def test_role_pair__weighs_more_across_accounts_or_where_nobody_assumed_the_role(assumers, severity):
    assert [row["severity"] for row in pairs(*assumers)] == [severity]


def test_role_pair__in_a_young_account_all_are_new():
    [row] = pairs(pair(), standing=())
    assert (row["severity"], "in training" in row["reason"]) == ("LOW", True)


@pytest.mark.parametrize(
    "assumer",
    [
        pair(first_at=LAST_YEAR),
        pair(first_at="2026-05-01T13:00:00Z"),  # after the scope
        pair(assumed_by_id="arn:aws:iam::111111111111:user/eve"),  # another session's
    ],
)
def test_role_pair__is_not(assumer):
    assert pairs(assumer) == []


def test_role_pair__a_role_that_the_session_went_on_to():
    demo = session(
        "descendant", 1, credential_session_id="session-2", principal_id=DEMO, role_arn=DEMO_ARN, account_id=OTHER,
        parent_session_id="session-1", assumed_by_type="AssumedRole", assumed_by_id=ROLE_SESSION, issuing_event_ids=["assume"],
    )  # fmt: skip
    onward = pair(
        role_arn=DEMO_ARN,
        assumed_by_type="Role",
        assumed_by_id=ROLE_ARN,
        assumed_by_name="admin",
        is_cross_account=True,
    )
    family = {"family": [session(), demo], "assumed_roles": [onward]}
    [row] = pairs(**family)
    assert (row["entity"], row["severity"], row["evidence_event_ids"]) == (DEMO, "MEDIUM", ["assume"])
    assert pairs(**family | {"family": [session()]}) == []  # somebody else's session of the role


def test_role_pair__a_denied_try_is_one_with_the_refused_call():
    denied = pair(role_arn=DEMO_ARN, assumed_by_type="Role", assumed_by_id=ROLE_ARN, success_count=0, denied_count=2)
    refusal = {"issued_role_arn": DEMO_ARN, "issuing_event_ids": ["refused"]}
    [row] = pairs(assumed_roles=[denied], refusals=[refusal])
    assert (row["severity"], row["evidence_event_ids"], "denied" in row["reason"]) == ("LOW", ["refused"], True)


# -- an instance's credentials


def elsewhere(
    address_=ADDRESS, *, seen="", root="EC2Instance", standing=(OLD_SESSION,), context=None, status="resolved", **place
):
    of_instance = session(root_type=root, root_id="i-0abc", root_name="i-0abc", attribution_status=status)
    panels = {
        "family": [of_instance],
        "standing": list(standing),
        "values": [value("source_ip", address_, seen=dict.fromkeys(seen.split(), APRIL), recent=seen)],
        "addresses": [address(address_, **place)],
    }
    return found("INSTANCE_CREDENTIALS_ELSEWHERE", panels, context=context or Context())


@pytest.mark.parametrize(("where", "severity"), [(ADDRESS, "HIGH"), ("192.168.10.20", "MEDIUM")])
def test_instance__its_credentials_from_an_address_that_was_not_its_own(where, severity):
    [row] = elsewhere(where)
    assert (row["value"], row["severity"]) == (where, severity)
    assert "credentials of the instance i-0abc were used from" in row["reason"]


@pytest.mark.parametrize(
    "near",
    [
        {"seen": "session"},
        {"root": "IAMUser"},
        {"status": "ambiguous"},
        {"standing": ()},  # nothing is known of it
        {"asn": 16509},  # it was stopped and started
        {"context": Context(egress={"NAT": ADDRESS})},
    ],
)
def test_instance__is_not(near):
    assert elsewhere(**near) == []


# -- gaps in the logs


def gap(day="2026-05-01", account=ACCOUNT, **hours):
    none = {name: [] for name in ("stopped_hours", "unlinked_hours", "silent_hours")}
    return {"account_id": account, "region": "us-east-1", "coverage_date": day, "stopped_by": None, **none, **hours}


def gaps(*rows):
    return found("LOG_GAP", {"log_gaps": list(rows), "entities": [entity()]})


def test_log_gap__in_the_scope_by_cause():
    rows = gaps(
        gap(stopped_hours=[11, 12], stopped_by="stop-1", silent_hours=[20]), gap("2026-05-02", silent_hours=[3])
    )
    assert [(row["value"], row["severity"]) for row in rows] == [
        (f"{ACCOUNT} stopped", "HIGH"),
        (f"{ACCOUNT} silent", "INFORMATIONAL"),
    ]
    assert rows[0]["evidence_event_ids"] == ["stop-1"]
    assert rows[0]["reason"] == (
        f"the logs of account {ACCOUNT} in us-east-1 have a gap from 2026-05-01 11:00 to 2026-05-01 13:00: logging was stopped"
    )
    assert "from 2026-05-01 20:00 to 2026-05-01 21:00 and 2026-05-02 03:00 to 2026-05-02 04:00" in rows[1]["reason"]


@pytest.mark.parametrize(
    ("day", "hour", "count"),
    [("2026-04-30", 12, 1), ("2026-04-30", 11, 0), ("2026-05-02", 12, 1), ("2026-05-02", 13, 0)],
)
def test_log_gap__reaches_a_day_either_side_of_the_scope(day, hour, count):
    assert len(gaps(gap(day, unlinked_hours=[hour]))) == count
