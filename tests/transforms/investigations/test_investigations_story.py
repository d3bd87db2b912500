"""The story of DETECTIVE §1 and findings that fit less well, in one pass over tables as the lake has them."""

from __future__ import annotations

import json

import pytest

from expectations.tables import (
    API_CALL_VOLUME_HOURLY,
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_ISSUANCES,
    CREDENTIAL_SESSIONS,
    GUARDDUTY_FINDINGS,
    INGEST_FILES,
    LOG_COVERAGE,
    PRINCIPAL_ACTIVITY_DAILY,
    PRINCIPAL_BASELINES,
    ROLE_ASSUMPTIONS,
    ROLE_SESSIONS,
    SESSION_USAGE,
)
from tests.builders import at, frame, row
from transforms.investigations import Sources, build_investigations
from transforms.investigations.context import Context
from transforms.investigations.links import report_name

HOME, OTHER = "111111111111", "222222222222"
SSO = f"arn:aws:iam::{HOME}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_AdministratorAccess_598c5f73f8b2b4e5"
DEMO = f"arn:aws:iam::{OTHER}:role/DemoRole1"
SARA, CHAINED = "AROASSO:sara", "AROADEMO:sara"
ALICE = f"arn:aws:iam::{HOME}:user/alice"
STOP, ASSUME = "cloudtrail.amazonaws.com:StopLogging", "sts.amazonaws.com:AssumeRole"
ATTACH, RUN, LIST = (
    "iam.amazonaws.com:AttachRolePolicy",
    "ec2.amazonaws.com:RunInstances",
    "ec2.amazonaws.com:DescribeInstances",
)
ROOT = {"root_type": "FederatedUser", "root_id": "idp:sara", "root_name": "sara", "root_account_id": None}
BY_SARA = {
    "assumed_by_type": "FederatedUser",
    "assumed_by_id": "idp:sara",
    "assumed_by_name": "sara",
    "assumed_by_account_id": None,
}

AT_SSO = {"principal_id": SARA, "session_created_at": "2026-05-01 02:03", "access_key_id": "ASIASSO", "role_arn": SSO}
AT_EVENING = {**AT_SSO, "session_created_at": "2026-04-30 19:00", "access_key_id": "ASIAEVENING"}
AT_DEMO = {
    "principal_id": CHAINED, "session_created_at": "2026-05-01 02:17", "access_key_id": "ASIADEMO", "role_arn": DEMO,
    "recipient_account_id": OTHER, "identity_account_id": OTHER,
}  # fmt: skip
FROM_TOKYO = {
    "source_ip": "203.0.113.9", "city": "Tokyo", "country_code": "JP", "latitude": 35.7, "longitude": 139.7, "asn": 2497, "aso": "IIJ",
}  # fmt: skip
BY_ALICE = {
    "principal_id": "AIDAALICE", "session_created_at": None, "access_key_id": "AKIAALICE", "role_arn": None,
    "identity_type": "IAMUser", "identity_arn": ALICE,
}  # fmt: skip


def event(number, api, at, by, **more):
    source, name = api.split(":")
    place = {
        "city": "Bellevue", "country_code": "US", "latitude": 47.6, "longitude": -122.2, "asn": 7922, "aso": "COMCAST-7922",
    }  # fmt: skip
    return row(
        CLOUDTRAIL_EVENTS, event_id=f"event-{number}", event_source=source, event_name=name, event_at=at,
        **{"read_only": False, **by, **place, **more},
    )  # fmt: skip


def usage(by, first, last, session, count):
    return row(
        SESSION_USAGE, **by, first_event_at=first, last_event_at=last, credential_session_id=session, event_count=count
    )


EVENTS = [
    event(1, STOP, "2026-05-01 02:11:26", AT_SSO, request_parameters='{"name": "demo-trail-2"}'),
    event(2, ASSUME, "2026-05-01 02:17:40", AT_SSO, request_parameters=json.dumps({"roleArn": DEMO})),
    event(3, LIST, "2026-05-01 02:19:05", AT_DEMO, read_only=True),
    event(4, RUN, "2026-05-01 02:24:33", AT_DEMO),
    event(5, ATTACH, "2026-05-01 02:31:48", AT_DEMO, outcome="denied", error_code="AccessDenied"),
    event(6, ATTACH, "2026-05-01 02:38:12", AT_DEMO),
    event(7, LIST, "2026-05-02 09:00:00", AT_DEMO, read_only=True),
    event(8, ASSUME, "2026-05-01 02:17:40", {**AT_SSO, "identity_type": "AWSAccount", "recipient_account_id": OTHER}),
    event(9, LIST, "2026-05-01 02:40:00", BY_ALICE, read_only=True),
    event(11, LIST, "2026-04-30 20:00:00", AT_EVENING, **FROM_TOKYO),
    event(12, LIST, "2026-04-29 20:00:00", AT_EVENING, **FROM_TOKYO),
    event(10, "s3.amazonaws.com:GetObject", "2026-05-01 02:20:00", AT_DEMO, event_category="Data"),
]
USAGE = [
    usage(AT_SSO, "2026-05-01 02:11:26", "2026-05-01 02:17:40", "sso", 2),
    usage(AT_DEMO, "2026-05-01 02:19:05", "2026-05-01 02:38:12", "demo", 5),
    usage(AT_DEMO, "2026-05-02 09:00:00", "2026-05-02 09:00:00", "demo", 1),
    usage(AT_EVENING, "2026-04-30 20:00:00", "2026-04-30 20:00:00", "evening", 1),
    usage(AT_EVENING, "2026-04-29 20:00:00", "2026-04-29 20:00:00", "evening", 1),
    usage(BY_ALICE, "2026-05-01 02:40:00", "2026-05-01 02:40:00", None, 1),
    *[
        usage({**AT_SSO, "principal_id": f"AROATWIN:{name}", "role_arn": f"arn:aws:iam::{HOME}:role/twin", "access_key_id": name},
              "2026-05-01 02:30", "2026-05-01 02:50", f"twin-{name}", 1)
        for name in ("one", "two")
    ],
]  # fmt: skip
SSO_SESSION = {
    "principal_id": SARA, "role_arn": SSO, "account_id": HOME, "issuing_api": "AssumeRoleWithSAML", "chain_depth": 1,
    "attribution_method": "ECHO_ROLEID", "attribution_confidence": 0.97, "binding_confidence": 0.97, **BY_SARA, **ROOT,
}  # fmt: skip
DEMO_SESSION = {
    "principal_id": CHAINED, "role_arn": DEMO, "account_id": OTHER, "assumed_by_type": "AssumedRole", "assumed_by_id": SARA,
    "assumed_by_name": "sara", "assumed_by_account_id": HOME, "chain_depth": 2, "chain": [SSO, DEMO], "is_chained": True,
    "is_cross_account": True, **ROOT,
}  # fmt: skip
SESSIONS = [
    row(CREDENTIAL_SESSIONS, credential_session_id="sso", started_at="2026-05-01 02:03", expires_at="2026-05-01 06:03",
        last_event_at="2026-05-01 02:17:40", issuing_event_ids=["saml"], access_key_ids=["ASIASSO"], event_count=2, **SSO_SESSION),
    row(CREDENTIAL_SESSIONS, credential_session_id="demo", started_at="2026-05-01 02:17", last_event_at="2026-05-02 09:00",
        parent_session_id="sso", top_session_id="sso", issuing_event_ids=["event-2", "event-8"], access_key_ids=["ASIADEMO"],
        event_count=6, **DEMO_SESSION),
    row(CREDENTIAL_SESSIONS, credential_session_id="earlier", started_at="2026-04-10 10:00", event_count=7, access_key_ids=[],
        parent_session_id="gone", top_session_id="gone", **DEMO_SESSION),
    row(CREDENTIAL_SESSIONS, credential_session_id="not-hers", started_at="2026-04-11 10:00", event_count=9, access_key_ids=[],
        parent_session_id="gone-too", top_session_id="gone-too", **{**DEMO_SESSION, "root_id": "idp:eve", "root_name": "eve"}),
    *[
        row(CREDENTIAL_SESSIONS, credential_session_id=f"twin-{name}", principal_id=f"AROATWIN:{name}",
            role_arn=f"arn:aws:iam::{HOME}:role/twin", started_at="2026-05-01 02:03", access_key_ids=[name])
        for name in ("one", "two")
    ],
]  # fmt: skip
SEEN = {"first": "2026-04-20 10:00", "last": "2026-04-20 11:00"}
KNOWN = [
    ("role_session", SARA, "api", ASSUME), ("role_session", SARA, "city", "Bellevue, US"), ("account", HOME, "city", "Bellevue, US"),
    ("role_session", SARA, "asn", "AS7922 COMCAST-7922"), ("role_session", SARA, "user_agent", "aws-cli/2"),
    ("role_session", CHAINED, "api", LIST), ("root", "idp:sara", "api", RUN), ("account", OTHER, "api", RUN),
    ("role_session", CHAINED, "city", "Bellevue, US"), ("account", HOME, "api", ASSUME),
    ("role_session", CHAINED, "asn", "AS7922 COMCAST-7922"),
]  # fmt: skip
ACTIVITY = [
    row(PRINCIPAL_ACTIVITY_DAILY, principal_kind=kind, principal_id=principal, dimension=dimension, value=value,
        first_at=SEEN["first"], last_at=SEEN["last"], success_count=3)
    for kind, principal, dimension, value in KNOWN
]  # fmt: skip
BASELINES = [
    row(PRINCIPAL_BASELINES, principal_kind="role_session", principal_id=SARA, value="old:Call",
        first_seen_at="2025-10-07 09:00", last_seen_at="2025-10-07 09:00"),
    row(PRINCIPAL_BASELINES, principal_kind="account", principal_id=OTHER, value=ATTACH, first_seen_at="2025-11-01 09:00",
        last_seen_at="2025-11-02 09:00"),
]  # fmt: skip
SAID = Context(accounts={OTHER: "sandbox"}, users={"sara": "platform team"})
STORY = {"first_seen_at": "2026-05-01 02:11:26", "access_key_id": "ASIASSO", "principal_id": SARA}
NOBODY = {"access_key_id": None, "principal_id": None, "user_name": None, "user_type": None}
FINDINGS = [
    row(GUARDDUTY_FINDINGS, finding_id="story", **STORY),
    row(GUARDDUTY_FINDINGS, finding_id="by principal", **{**STORY, "access_key_id": "ASIAUNSEEN"}),
    row(GUARDDUTY_FINDINGS, finding_id="by name", **{**STORY, **NOBODY, "user_name": "twin"}),
    row(GUARDDUTY_FINDINGS, finding_id="nobody", **{**STORY, **NOBODY}),
    row(GUARDDUTY_FINDINGS, finding_id="unseen",
        **{**STORY, "access_key_id": "ASIANONE", "principal_id": "AROANONE:x", "user_name": "x"}),
    row(GUARDDUTY_FINDINGS, finding_id="user",
        **{**STORY, "access_key_id": "AKIAALICE", "principal_id": "AIDAALICE", "user_name": "alice"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def investigated(spark):
    """Rows of both tables, made once."""

    def table(contract, *rows):
        return frame(spark, contract, *rows)

    hourly = [("2026-05-01 02:00", STOP), ("2026-04-20 10:00", ASSUME)]
    sources = Sources(
        events=table(CLOUDTRAIL_EVENTS, *EVENTS),
        usage=table(SESSION_USAGE, *USAGE),
        sessions=table(CREDENTIAL_SESSIONS, *SESSIONS),
        issuances=table(
            CREDENTIAL_ISSUANCES,
            row(CREDENTIAL_ISSUANCES, action_id="refused", issued_at="2026-05-01 02:16", outcome="denied", issued_role_arn=DEMO,
                assumed_by_type="AssumedRole", caller_principal_id=SARA, issuing_event_ids=["event-0"]),
        ),
        activity=table(PRINCIPAL_ACTIVITY_DAILY, *ACTIVITY),
        volume=table(
            API_CALL_VOLUME_HOURLY,
            *[row(API_CALL_VOLUME_HOURLY, principal_id=SARA, hour_at=hour, api=api) for hour, api in hourly],
        ),
        baselines=table(PRINCIPAL_BASELINES, *BASELINES),
        role_sessions=table(ROLE_SESSIONS, row(ROLE_SESSIONS, role_session_id=SARA, first_observed_at="2025-10-07 09:00")),
        assumptions=table(
            ROLE_ASSUMPTIONS,
            row(ROLE_ASSUMPTIONS, role_arn=SSO, first_at="2025-10-07 09:00", **BY_SARA),
            row(ROLE_ASSUMPTIONS, role_arn=DEMO, first_at="2026-04-10 10:00", assumed_by_type="Role", assumed_by_id=SSO),
        ),
        findings=table(GUARDDUTY_FINDINGS, *FINDINGS),
        files=table(INGEST_FILES, *[
            row(INGEST_FILES, uri=account, account_id=account, min_event_at="2025-10-01 00:00", max_event_at=to)
            for account, to in ((HOME, "2026-05-08 23:00"), (OTHER, "2026-05-08 22:00"))
        ]),
        coverage=table(
            LOG_COVERAGE,
            row(LOG_COVERAGE, coverage_date="2026-05-01", account_id=OTHER, gap_hours=[4], silent_hours=[4]),
            row(LOG_COVERAGE, coverage_date="2026-05-03", account_id=OTHER, gap_hours=[4], silent_hours=[4]),
            row(LOG_COVERAGE, coverage_date="2026-05-01", account_id="999999999999", gap_hours=[2], silent_hours=[2]),
        ),
    )  # fmt: skip
    made = build_investigations(
        sources.findings, sources, lambda frame: frame.localCheckpoint(), report_folder="file:///reports", context=SAID
    )
    return [row.asDict() for row in made.investigations.collect()], [row.asDict() for row in made.indicators.collect()]


@pytest.fixture(scope="module")
def rows(investigated):
    return {row["finding_id"]: row for row in investigated[0] if row["finding_id"]}


@pytest.fixture(scope="module")
def profiles(investigated):
    """Documents of the profiles beside the findings, by kind and id."""
    return {
        (row["entity_kind"], row["entity_id"]): json.loads(row["document"])
        for row in investigated[0]
        if row["finding_id"] is None and "story" in row["beside_finding_ids"]
    }


@pytest.fixture(scope="module")
def documents(rows):
    return {finding: json.loads(row["document"]) for finding, row in rows.items()}


@pytest.fixture(scope="module")
def story(documents):
    return documents["story"]


def text(document, answer):
    return " ".join(sentence["text"] for sentence in document["answers"][answer])


def test_build_investigations__one_row_per_finding_with_its_scope_and_report(rows):
    assert set(rows) == {row["finding_id"] for row in FINDINGS}
    one = rows["story"]
    assert (str(one["scope_start_at"]), str(one["scope_end_at"])) == ("2026-05-01 02:00:00", "2026-05-01 03:00:00")
    assert one["report_uri"] == f"file:///reports/{report_name(one['finding_id'], one['investigation_id'])}.html"
    assert str(one["logs_complete_to_at"]) == "2026-05-08 03:00:00"  # the horizon: what comes later changes nothing
    assert len({row["investigation_id"] for row in rows.values()}) == len(rows)


@pytest.mark.parametrize(
    ("finding", "matched_by", "kind", "entity"),
    [
        ("story", "access_key", "role_session", SARA),
        ("by principal", "principal", "role_session", SARA),
        ("by name", "ambiguous", "account", HOME),
        ("nobody", "none", "account", HOME),
        ("unseen", "finding_only", "role_session", "AROANONE:x"),
        ("user", "access_key", "iam_user", ALICE),
    ],
)
def test_subject__is_found_by_key_then_principal_then_name_and_never_guessed(
    documents, finding, matched_by, kind, entity
):
    found = documents[finding]["entity"]
    assert (found["matched_by"], found["kind"], found["id"]) == (matched_by, kind, entity)


def test_subject__a_name_that_fits_two_sessions_lists_both(documents):
    assert [each["id"] for each in documents["by name"]["entity"]["candidates"]] == ["AROATWIN:one", "AROATWIN:two"]


def test_story__who(story):
    assert "sara (federated user) was behind AWSReservedSSO_AdministratorAccess_598c5f73f8b2b4e5/sara" in text(
        story, "who"
    )
    assert [hop["credential_session_id"] for hop in story["chain"]["hops"]] == ["sso"]
    [chained] = story["chain"]["descendants"]
    assert (chained["name"], chained["account_id"], chained["is_cross_account"]) == ("DemoRole1/sara", OTHER, True)


def test_story__overview(story):
    assert story["entity"]["session_name"] == "sara"
    assert story["overview"]["first_observed_at"] == "2025-10-07T09:00:00Z"
    assert [(each["assumed_by"], each["lasts"]) for each in story["overview"]["assumptions"]] == [
        ("sara (federated user)", "4 h")
    ]


def test_story__two_calls_in_the_scope_and_what_the_chained_session_did(story):
    said = text(story, "what_else")
    assert "made 2 calls: StopLogging and AssumeRole" in said
    assert "DemoRole1/sara in account 222222222222 (sandbox) was chained from it at 2026-05-01 02:17:00" in said
    assert "AttachRolePolicy by DemoRole1/sara failed at 02:31:48 (AccessDenied), then succeeded at 02:38:12." in said
    assert "1 further call by this session or sessions chained from it, the last at 2026-05-02 09:00:00" in said


def test_story__the_timeline_has_each_action_once_and_data_events_beside(story):
    events = story["timeline"]["events"]
    assert [each["event_id"].split("-")[1] for each in events] == ["1", "2", "3", "10", "4", "5", "6", "7"]
    assert [each["event_id"] for each in events if not each["is_management"]] == ["event-10"]
    assert events[0]["target"] == "demo-trail-2"


def test_story__her_places_are_not_new(story):
    assert "The place is not new: Bellevue, US (last seen 2026-04-20)." in text(story, "consistency")
    assert not any(place["is_new"] for place in story["behaviour"]["geolocations"])


def test_story__newness_is_told_for_session_root_and_account(story):
    calls = {(row["name"].split("/")[0][:8], row["value"]): row for row in story["behaviour"]["api_calls"]}
    stop, run, attach = calls["AWSReser", STOP], calls["DemoRole", RUN], calls["DemoRole", ATTACH]
    assert (stop["session"]["status"], stop["is_new_for_account"]) == ("never_seen", True)
    assert (run["session"]["status"], run["root"]["status"], run["is_new_for_account"]) == (
        "never_seen",
        "known",
        False,
    )
    assert (attach["account"]["status"], attach["success_count"], attach["failed_count"]) == ("new_in_45_days", 1, 1)


def test_story__earlier_use_of_the_chained_role_is_hers_alone(story):
    assert "DemoRole1/sara had been used before, by the same principal: 7 calls on 1 day (2026-04-10)" in text(
        story, "consistency"
    )


def test_story__resource_interaction(story):
    interaction = story["interaction"]
    assert [row["assumed_by_name"] for row in interaction["assumers"]["rows"]] == ["sara"]
    assert [row["role_arn"] for row in interaction["assumed_roles"]["rows"]] == [DEMO]
    assert [row["outcome"] for row in interaction["refusals"]["rows"]] == ["denied"]


def test_story__gaps_name_the_trail_that_was_stopped(story):
    assert "StopLogging demo-trail-2 at 2026-05-01 02:11:26" in text(story, "gaps")


def test_story__related_findings_say_what_they_share(story):
    shared = {row["finding_id"]: row["shared"] for row in story["related_findings"]["rows"]}
    assert shared == {"by principal": ["session"]}


def test_story__indicators(investigated, rows):
    mine = {
        (row["type"], row["value"]): row
        for row in investigated[1]
        if row["investigation_id"] == rows["story"]["investigation_id"]
    }
    assert mine["TTP_OBSERVED", STOP]["mitre_technique"] == "T1562.008"
    assert mine["TTP_OBSERVED", ATTACH]["entity"] == CHAINED
    assert sorted(mine["TTP_OBSERVED", ATTACH]["evidence_event_ids"]) == ["event-5", "event-6"]
    assert ("CROSS_ACCOUNT_HOP", f"{HOME} → {OTHER}") in mine
    assert not [kind for kind, _ in mine if kind in ("NEW_GEOLOCATION", "NEW_ASO")]


def test_story__visits_begin_a_day_before_the_scope_and_a_leg_ends_in_it(story):
    """Her other session of the evening before is hers too; 6 hours from Tokyo to Bellevue are too few."""
    [leg] = story["travel"]["legs"]
    assert (leg["from_place"], leg["left_at"], leg["event_ids"]) == (
        "Tokyo, JP",
        "2026-04-30T20:00:00Z",
        ["event-11", "event-1"],
    )
    assert (leg["kilometres"], leg["speed_kmh"], story["travel"]["leg_count"]) == (7_704, 1_244, 1)


def test_story__log_gaps_of_its_accounts_within_a_day(investigated, rows):
    mine = rows["story"]["investigation_id"]
    found = [row["value"] for row in investigated[1] if row["investigation_id"] == mine and row["type"] == "LOG_GAP"]
    assert found == [f"{OTHER} silent"]


def test_story__has_what_the_context_file_says(story):
    assert story["context"]["notes"] == [{"kind": "user", "id": "idp:sara", "text": "platform team"}]


def test_user__calls_with_a_long_term_key_are_the_users_own(documents):
    assert "The IAM user alice of account 111111111111 made the calls itself" in text(documents["user"], "who")
    assert [each["event_id"] for each in documents["user"]["timeline"]["events"]] == ["event-9"]


def test_profiles__what_the_finding_leads_to_stands_beside_it_over_the_same_scope(profiles, story):
    kinds = {kind for kind, _ in profiles}
    assert {("role", SSO), ("role", DEMO), ("root", "idp:sara"), ("role_session", CHAINED), ("account", HOME)} <= set(
        profiles
    )
    assert {"ip_address", "user_agent"} <= kinds
    for document in profiles.values():
        assert document["finding"] is None
        assert document["scope"] == story["scope"]
        assert "story" in {each["page"] for each in document["profiles"] if each["kind"] == "finding"}


def test_profiles__pages_name_each_other_by_the_id_the_table_has(profiles, story, investigated):
    ids = {
        (row["entity_kind"], row["entity_id"]): row["investigation_id"]
        for row in investigated[0]
        if not row["finding_id"]
    }
    linked = {(each["kind"], each["id"]): each["page"] for each in story["profiles"]}
    assert linked["root", "idp:sara"] == ids["root", "idp:sara"]
    assert linked["role", DEMO] == ids["role", DEMO]


def test_profiles__the_root_principal_is_what_one_person_did_through_every_role(profiles):
    sara = profiles["root", "idp:sara"]
    assert text(sara, "who").startswith(
        "sara (federated user) was behind 2 role sessions alive in the scope, 1 of them chained"
    )
    assert {row["api"] for row in sara["timeline"]["events"]} >= {STOP, ASSUME, ATTACH, RUN}
    assert sara["entity"]["kind_text"] == "root principal"


def test_profiles__a_role_is_of_all_who_used_it(profiles):
    role = profiles["role", DEMO]
    assert [(row["principal_id"], row["root_id"]) for row in role["principals"]["rows"]] == [(CHAINED, "idp:sara")]
    assert "sara (federated user)" in text(role, "who")


def test_explore__its_hours_add_up_to_the_scope(story):
    explore = story["explore"]
    first = int((at("2026-05-01 02:00") - at("2026-04-24 00:00")).total_seconds() // 3600)
    assert (explore["start_at"], explore["hour_count"]) == ("2026-04-24T00:00:00Z", 15 * 24)
    calls = {
        (explore["entities"][each["entity"]]["id"], each["value"]): sum(
            ok + failed for hour, ok, failed in each["hours"] if hour == first
        )
        for each in explore["dimensions"]["api"]["values"]
    }
    assert calls[SARA, STOP] == 1
    assert calls[CHAINED, ATTACH] == 2
    assert sum(calls.values()) == sum(
        row["success_count"] + row["failed_count"] for row in story["drilldown"]["api"]["rows"]
    )


def test_explore__a_value_knows_when_each_level_saw_it(story):
    [assume] = [
        each
        for each in story["explore"]["dimensions"]["api"]["values"]
        if each["value"] == ASSUME and each["entity"] == 0
    ]
    [told] = [row for row in story["behaviour"]["api_calls"] if row["value"] == ASSUME and row["is_subject"]]
    first_ever, last_before, _ = assume["known"]["session"]
    assert first_ever == told["session"]["first_at"]
    assert last_before == told["session"]["last_at"]
