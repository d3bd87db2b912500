"""What a document says of its evidence: answers, indicators, behaviour. No Spark."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import transforms.investigations
from tests.builders import ACCOUNT, ROLE_SESSION
from tests.transforms.investigations.cases import case, deed, document, entity, logs, session, total, value, visit
from transforms.investigations.answers import answers, told
from transforms.investigations.indicators import find_indicators

SCHEMA = json.loads(Path(transforms.investigations.__file__).with_name("document.schema.json").read_text())
STOP, ATTACH, LIST = (
    "cloudtrail.amazonaws.com:StopLogging",
    "iam.amazonaws.com:AttachRolePolicy",
    "s3.amazonaws.com:ListBuckets",
)
DEMO = "AROADEMO:sara"
APRIL, LAST_YEAR = "2026-04-20T08:00:00Z", "2025-06-01T08:00:00Z"


def said(answer: str, *, of=None, **rest):
    return told(answers(of or case(**rest))[answer])


def indicators(panels, **rest):
    return {(row["type"], row["value"]): row for row in find_indicators(case(panels, **rest))}


def demo(**overrides):
    """DemoRole1, chained from the investigated session."""
    known = {
        "credential_session_id": "session-2", "principal_id": DEMO, "role_arn": "arn:aws:iam::222222222222:role/DemoRole1",
        "account_id": "222222222222", "started_at": "2026-05-01 12:17", "chain_depth": 2, "parent_session_id": "session-1",
        "assumed_by_type": "AssumedRole", "assumed_by_id": ROLE_SESSION, "is_chained": True, "is_cross_account": True,
    }  # fmt: skip
    return session("descendant", 1, **{**known, **overrides})


CHAINED = {"family": [session(), demo()], "entities": [entity(), entity(DEMO, "descendant")]}


@pytest.mark.parametrize(
    "made",
    [
        document(),
        document({**CHAINED, "deeds": [deed("e1", STOP)], "totals": [total(1)], "values": [value("api", STOP)], "logs": [logs()]}),
        document({"family": [], "entities": []}, matched_by="none", entity_kind="account", entity_id=ACCOUNT, session_ids=[]),
    ],
    ids=["quiet", "chained", "without a session"],
)  # fmt: skip
def test_build_document__fits_its_schema(made):
    jsonschema.Draft202012Validator(SCHEMA).validate(made)


def test_who__a_resolved_root_is_named_with_its_confidence_and_issuing_event():
    first = answers(case())["who"][0]
    assert first["text"].startswith(f"alice (IAM user) of account {ACCOUNT} was behind admin/sara. Confidence 0.99")
    assert "issue-1" in first["evidence"]


def test_who__an_ambiguous_root_lists_its_candidates_and_picks_none():
    candidates = [
        {"type": "IAMUser", "id": f"arn:{name}", "name": name, "account_id": ACCOUNT} for name in ("eve", "bob")
    ]
    row = session(
        attribution_status="ambiguous", attribution_reason="AMBIGUOUS", root_type="Unknown", root_id=None, root_name=None,
        candidates=candidates,
    )  # fmt: skip
    text = said("who", panels={"family": [row]})
    assert "cannot be decided" in text
    assert "eve (IAM user) and bob (IAM user)" in text
    assert "Confidence" not in text


def test_who__an_unresolved_root_says_why():
    row = session(
        attribution_status="unresolved", attribution_reason="BEFORE_WINDOW", root_type="Unknown", root_id=None
    )
    assert "not established: the credentials are older than the logs" in said("who", panels={"family": [row]})


def test_who__a_finding_that_fits_several_sessions_has_candidates_and_no_subject():
    found = [
        {"entity_kind": "role_session", "entity_id": f"AROAADMIN:{n}", "role_arn": None, "account_id": None}
        for n in "ab"
    ]
    rest = {
        "matched_by": "ambiguous",
        "candidates": found,
        "entity_kind": "account",
        "entity_id": ACCOUNT,
        "session_ids": [],
    }
    text = said("who", panels={"family": [], "entities": []}, **rest)
    assert "2 candidates fit: AROAADMIN:a and AROAADMIN:b. None is chosen." in text


def test_who__an_instance_finding_without_key_says_that_nobody_can_be_named():
    rest = {"matched_by": "none", "entity_kind": "account", "entity_id": ACCOUNT, "session_ids": []}
    bare = {"access_key_id": None, "principal_id": None, "user_name": None}
    assert "names no access key and no principal" in said(
        "who", panels={"family": [], "entities": []}, finding=bare, **rest
    )


def test_what_else__a_failed_then_successful_try_is_told_in_order():
    tries = [
        deed("e2", ATTACH, "2026-05-01T12:38:12Z"),
        deed("e1", ATTACH, "2026-05-01T12:31:48Z", is_failed=True, outcome="denied", error_code="AccessDenied"),
    ]
    text = said("what_else", panels={"deeds": tries, "totals": [total(1, 1)]})
    assert "AttachRolePolicy by admin/sara failed at 12:31:48 (AccessDenied), then succeeded at 12:38:12." in text


def test_what_else__a_chained_session_is_told_with_its_account_and_calls():
    calls = value("api", "ec2.amazonaws.com:RunInstances", relation="descendant", entity_id=DEMO)
    panels = {**CHAINED, "totals": [total(1, relation="descendant", entity_id=DEMO)], "values": [calls]}
    text = said("what_else", panels=panels)
    assert (
        "DemoRole1/sara in account 222222222222 was chained from it at 2026-05-01 12:17:00, and made 1 call: RunInstances."
        in text
    )


def test_what_else__that_nothing_followed_is_an_answer():
    assert "In the seven days after 2026-05-01 13:00 this session made no call that the logs show." in said("what_else")


@pytest.mark.parametrize(
    ("complete_to", "opening"),
    [
        ("2026-05-08T13:00:00Z", "In the seven days after 2026-05-01 13:00 this"),
        ("2026-05-02T00:00:00Z", "From 2026-05-01 13:00 to 2026-05-02 00:00:00, where the logs end for now, this"),
        (
            "2026-05-01T12:40:00Z",
            "The logs end at 2026-05-01 12:40:00; after 2026-05-01 13:00, as far as they go, this",
        ),
    ],
)
def test_what_else__nothing_was_seen_only_where_there_are_logs(complete_to, opening):
    told = said("what_else", panels={"logs": [logs(complete_to)]})
    assert f"{opening} session made no call that the logs show." in told


def test_consistency__known_places_are_said_to_be_known():
    place = value("city", "Bellevue, US", seen={"session": APRIL, "account": APRIL}, recent="session account")
    text = said("consistency", panels={"values": [place], "totals": [total(1)]})
    assert "The place is not new: Bellevue, US (last seen 2026-04-20)." in text


def test_consistency__an_impossible_way_is_told_though_both_places_are_known():
    one, other = (
        {"city": name, "country_code": "XX", "latitude": at, "longitude": at}
        for name, at in (("North", 60.0), ("South", -60.0))
    )
    visits = [
        visit("198.51.100.7", "2026-05-01T12:10:00Z", **one),
        visit("203.0.113.9", "2026-05-01T12:16:00Z", **other),
    ]
    text = said("consistency", panels={"visits": visits, "totals": [total(1)]})
    assert text.startswith("No: addresses are not what is known of them.")
    assert (
        "Called from North, XX (198.51.100.7) at 2026-05-01 12:10:00 and from South, XX (203.0.113.9) 6 min later:"
        in text
    )


def test_gaps__hours_without_logs_are_told_with_what_stopped_them():
    gap = {
        "account_id": ACCOUNT, "region": "us-east-1", "coverage_date": "2026-05-01", "stopped_by": "stop-1", "stopped_hours": [12],
        "unlinked_hours": [], "silent_hours": [],
    }  # fmt: skip
    [sentence] = [each for each in answers(case({"log_gaps": [gap]}))["gaps"] if "gap" in each["text"]]
    assert sentence["text"].endswith(
        "in us-east-1 have a gap from 2026-05-01 12:00 to 2026-05-01 13:00: logging was stopped."
    )
    assert sentence["evidence"] == ["#logs", "stop-1"]


def test_consistency__earlier_use_of_a_chained_role_names_its_days():
    past = [
        {
            "entity_id": DEMO,
            "started_date": day,
            "root_id": "arn",
            "session_count": 1,
            "event_count": 9,
            "failed_count": 0,
        }
        for day in ("2026-04-02", "2026-04-09")
    ]
    text = said("consistency", panels={**CHAINED, "past_use": past, "totals": [total(1)]})
    assert (
        "DemoRole1/sara had been used before, by the same principal: 18 calls on 2 days (2026-04-02 and 2026-04-09)."
        in text
    )


def test_consistency__a_fresh_session_is_in_training_and_its_role_stands_beside_it():
    standing = [{"entity_id": ROLE_SESSION, "level": "role", "first_at": LAST_YEAR, "active_days": 30}]
    text = said("consistency", panels={"standing": standing, "totals": [total(1)]})
    assert "In training: the session is seen for the first time" in text
    assert "its role since 2025-06-01" in text


def test_gaps__logs_that_end_before_the_scope_are_said_to():
    assert "before the end of the scope" in said("gaps", panels={"logs": [logs("2026-05-01T12:30:00Z")]})
    assert "before the end of the scope" not in said("gaps", panels={"logs": [logs()]})


def test_gaps__an_account_without_logs_is_named():
    missing = logs(None, account_id="222222222222", file_count=None)
    assert "No logs of account 222222222222 are here" in said("gaps", panels={"logs": [logs(), missing]})


@pytest.mark.parametrize(
    ("seen", "recent", "status", "is_new"),
    [
        ({}, "", "never_seen", True),
        ({"session": LAST_YEAR}, "", "new_in_45_days", True),
        ({"session": APRIL}, "session", "known", False),
    ],
)
def test_novelty__is_told_for_45_days_and_for_all_history(seen, recent, status, is_new):
    [row] = document({"values": [value("api", LIST, seen=seen, recent=recent)]})["behaviour"]["api_calls"]
    assert (row["session"]["status"], row["is_new"]) == (status, is_new)


@pytest.mark.parametrize(
    ("seen", "recent", "severity", "for_account"),
    [
        ({}, "", "MEDIUM", True),
        ({"account": APRIL}, "account", "LOW", False),
        ({"account": APRIL, "root": APRIL}, "account root", "INFORMATIONAL", False),
        ({"account": LAST_YEAR}, "", "MEDIUM", True),
    ],
)
def test_indicators__weigh_a_new_call_by_who_else_knows_it(seen, recent, severity, for_account):
    found = indicators({"values": [value("api", LIST, seen=seen, recent=recent)]})["NEW_API_CALL", LIST]
    assert (found["severity"], found["is_new_for_account"]) == (severity, for_account)


def test_indicators__a_technique_has_tactic_evidence_and_a_failed_try_counts_less():
    done = indicators({"values": [value("api", STOP)]})["TTP_OBSERVED", STOP]
    tried = indicators({"values": [value("api", STOP, success_count=0, failed_count=1)]})["TTP_OBSERVED", STOP]
    assert (done["mitre_tactic"], done["mitre_technique"], done["evidence_event_ids"]) == (
        "TA0005",
        "T1562.008",
        ["event-1"],
    )
    assert (done["severity"], tried["severity"]) == ("HIGH", "LOW")


def test_indicators__a_hop_across_accounts_and_the_depth_of_the_chain():
    found = indicators(CHAINED)
    assert ("CROSS_ACCOUNT_HOP", f"{ACCOUNT} → 222222222222") in found
    assert found["CHAIN_DEPTH", "2"]["entity"] == DEMO


def test_indicators__use_after_expiry():
    assert ("USED_AFTER_EXPIRY", "session-1") in indicators({"family": [session(used_after_expiry=True)]})
    assert ("USED_AFTER_EXPIRY", "session-1") not in indicators({})


def test_indicators__an_increased_call_needs_a_past_of_the_principal():
    burst = {
        "relation": "self", "entity_id": ROLE_SESSION, "api": LIST, "scope_count": 60, "window_total": 4,
        "window_total_of_squares": 4, "window_most": 1,
    }  # fmt: skip
    standing = {"entity_id": ROLE_SESSION, "level": "session", "first_at": LAST_YEAR, "active_days": 30}
    assert ("INCREASED_VOLUME", LIST) in indicators({"windows": [burst], "standing": [standing]})
    assert ("INCREASED_VOLUME", LIST) not in indicators({"windows": [burst]})


def test_indicators__one_per_type_entity_and_value():
    rows = [value("api", STOP), value("api", STOP, is_in_scope=False)]
    found = find_indicators(case({"values": rows}))
    assert len(found) == len({(row["type"], row["entity"], row["value"]) for row in found})


def test_timeline__says_how_many_calls_it_does_not_show():
    timeline = document({"deeds": [deed("e1", STOP)], "totals": [total(40, 2)]})["timeline"]
    assert (timeline["total"], timeline["hidden_count"], len(timeline["events"])) == (42, 41, 1)


def test_volume__the_band_counts_days_without_a_call():
    nine = {"relation": "self", "entity_id": ROLE_SESSION, "success_count": 9, "failed_count": 0}
    hours = [{**nine, "hour_at": f"2026-04-{day:02}T10:00:00Z"} for day in range(1, 6)]
    band = document({"hours": hours})["volume"]["baseline"]
    assert [(each["mean"], each["median"], each["p95"]) for each in band if each["hour"] == 10] == [(1.0, 0, 9)]
    assert {each["p95"] for each in band if each["hour"] != 10} == {0}
