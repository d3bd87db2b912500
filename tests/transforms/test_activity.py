"""What every principal did, against counters: by day and dimension, and by hour and API."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from expectations.tables import CLOUDTRAIL_EVENTS, CREDENTIAL_SESSIONS, SESSION_USAGE
from tests.builders import ACCOUNT, Row, frame, row
from transforms.activity import build_api_call_volume_hourly, build_principal_activity_daily, count_calls
from transforms.usage import TUPLE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
OTHER = "222222222222"
NOBODY = {"role_arn": None, "access_key_id": None, "session_created_at": None}

# Callers, and the root that each leads back to: the first session is resolved, the second is not.
CALLERS: dict[str, Row] = {
    "known": {"principal_id": "AROA1:a", "access_key_id": "K1"},
    "unknown": {"principal_id": "AROA1:b", "access_key_id": "K2"},
    "alice": {**NOBODY, "identity_type": "IAMUser", "identity_arn": ALICE, "principal_id": "AIDA1", "access_key_id": "AKIA1"},
    "SAML": {**NOBODY, "identity_type": "SAMLUser", "principal_id": "q:sara", "identity_provider": "q",
             "identity_user_name": "sara", "identity_account_id": None},
    "OIDC": {**NOBODY, "identity_type": "WebIdentityUser", "principal_id": "idp:a:b", "identity_account_id": None},
    "service": {**NOBODY, "identity_type": "AWSService", "invoked_by": "rds.amazonaws.com", "principal_id": None},
    "another account": {**NOBODY, "identity_type": "AWSAccount", "principal_id": "AIDA9"},
}  # fmt: skip
ROOTS = {"known": "root-of-a", "alice": ALICE, "SAML": "q:sara", "OIDC": "idp:a:b"}


def random_event(number: int, chance: random.Random) -> tuple[str, Row]:
    who = chance.choice([*CALLERS])
    place = chance.choice(
        [{}, {"country_code": "CH"}, {"country_code": "CH", "city": "Bern", "asn": 7, "aso": "Swiss"}, {"asn": 8}]
    )
    api = chance.choice([
        {}, {"event_name": "RunInstances"},
        {"event_source": "sts.amazonaws.com", "event_name": "AssumeRole", "request_parameters": json.dumps({"roleArn": "role/x"})},
    ])  # fmt: skip
    return who, row(
        CLOUDTRAIL_EVENTS, event_id=f"e{number}",
        event_at=f"2026-05-0{chance.choice('12')} {chance.choice([0, 11, 23]):02}:{chance.randrange(60):02}",
        event_category=chance.choice(["Management"] * 5 + ["Data"]),
        outcome=chance.choice(["success", "success", "dry_run", "denied", "failed"]),
        user_agent_family=chance.choice([None, "aws-cli/2"]), source_ip=chance.choice([None, "198.51.100.7"]),
        recipient_account_id=chance.choice([ACCOUNT, OTHER]),
        **{**CALLERS[who], **place, **api},
    )  # fmt: skip


def actors(who: str, event: Row) -> list[tuple[str, str]]:
    """Name every principal an event counts for."""
    kinds = {
        "account": event["identity_account_id"] or event["recipient_account_id"],
        "role": event["role_arn"],
        "role_session": event["role_session_id"] if event["identity_type"] == "AssumedRole" else None,
        "iam_user": event["identity_arn"],
        "federated_user": ROOTS[who] if who in ("SAML", "OIDC") else None,
        "root": ROOTS.get(who),
    }
    return [(kind, value) for kind, value in kinds.items() if value]


def values(event: Row) -> list[tuple[str, str]]:
    """Name every dimension's value of an event."""
    named = {
        "api": f"{event['event_source']}:{event['event_name']}",
        "source_ip": event["source_ip"],
        "country": event["country_code"],
        "city": event["city"] and f"{event['city']}, {event['country_code']}",
        "asn": event["asn"] and f"AS{event['asn']} {event['aso'] or ''}".strip(),
        "user_agent": event["user_agent_family"],
        "access_key": event["access_key_id"],
        "assumed_role": "role/x" if event["event_name"] == "AssumeRole" else None,
    }
    return [(dimension, value) for dimension, value in named.items() if value]


def sessions(events: list[tuple[str, Row]]) -> tuple[list[Row], list[Row]]:
    """Return usage and sessions of these events."""
    tuples = {
        tuple(event[name] for name in ("event_date", *TUPLE)): who
        for who, event in events
        if who in ("known", "unknown")
    }
    usage = [
        row(
            SESSION_USAGE,
            credential_session_id=who,
            first_event_at=f"{day} 12:00",
            **dict(zip(TUPLE, rest, strict=True)),
        )
        for (day, *rest), who in tuples.items()
    ]
    resolved = row(CREDENTIAL_SESSIONS, credential_session_id="known", root_id="root-of-a")
    unresolved = row(CREDENTIAL_SESSIONS, credential_session_id="unknown", attribution_status="unresolved")
    return usage, [resolved, unresolved]


EVENTS = [random_event(number, random.Random(number)) for number in range(400)]
COUNTED = [(who, event) for who, event in EVENTS
           if event["event_category"] == "Management" and event["identity_type"] != "AWSAccount"]  # fmt: skip


@pytest.fixture(scope="module")
def calls(spark: SparkSession) -> DataFrame:
    usage, known = sessions(EVENTS)
    return count_calls(
        frame(spark, CLOUDTRAIL_EVENTS, *[event for _who, event in EVENTS]).repartition(3),
        frame(spark, SESSION_USAGE, *usage),
        frame(spark, CREDENTIAL_SESSIONS, *known),
    ).localCheckpoint()


def result(event: Row) -> str:
    return "success" if event["outcome"] in ("success", "dry_run") else "failed"


def counts(found: list[Any], *key: str) -> Counter[tuple[Any, ...]]:
    """Return (key, result) → count; a key that came twice would be counted twice."""
    seen: Counter[tuple[Any, ...]] = Counter()
    for each in found:
        for outcome in ("success", "failed"):
            seen[(*[each[name] for name in key], outcome)] += each[f"{outcome}_count"]
    return +seen


def test_build_principal_activity_daily__agrees_with_a_counter(calls: DataFrame) -> None:
    expected = Counter(
        (event["event_date"], *actor, *value, result(event))
        for who, event in COUNTED for actor in actors(who, event) for value in values(event)
    )  # fmt: skip
    found = build_principal_activity_daily(calls).collect()
    assert counts(found, "activity_date", "principal_kind", "principal_id", "dimension", "value") == expected
    assert len(found) == len({key[:-1] for key in expected})


def test_build_principal_activity_daily__first_and_last_call_of_the_day(calls: DataFrame) -> None:
    times: dict[Any, list[float]] = {}
    for _who, event in COUNTED:
        times.setdefault(event["event_date"], []).append(event["event_at"].timestamp())
    found = build_principal_activity_daily(calls).where("principal_kind = 'account' AND dimension = 'api'").collect()
    for day, of_day in times.items():
        rows = [each for each in found if each.activity_date == day]
        assert min(each.first_at.timestamp() for each in rows) == min(of_day)
        assert max(each.last_at.timestamp() for each in rows) == max(of_day)


def test_build_api_call_volume_hourly__agrees_with_a_counter(calls: DataFrame) -> None:
    expected = Counter(
        (event["event_at"].replace(minute=0).timestamp(), *actor, dict(values(event))["api"], result(event))
        for who, event in COUNTED for actor in actors(who, event)
    )  # fmt: skip
    found = build_api_call_volume_hourly(calls).selectExpr("*", "double(unix_timestamp(hour_at)) AS hour").collect()
    assert counts(found, "hour", "principal_kind", "principal_id", "api") == expected
    assert len(found) == len({key[:-1] for key in expected})


def test_count_calls__two_copies_of_a_call_count_once_for_the_callers_account(spark: SparkSession) -> None:
    shared = {"action_id": "shared", "shared_event_id": "shared"}
    events = [
        row(CLOUDTRAIL_EVENTS, event_id="caller", **shared),
        row(CLOUDTRAIL_EVENTS, event_id="also full", recipient_account_id="000000000000", **shared),
        row(CLOUDTRAIL_EVENTS, event_id="owner", identity_type="AWSAccount", recipient_account_id=OTHER, **shared),
    ]
    [one] = count_calls(
        frame(spark, CLOUDTRAIL_EVENTS, *events), frame(spark, SESSION_USAGE), frame(spark, CREDENTIAL_SESSIONS)
    ).collect()
    assert (one.account, one.success_count, one.failed_count, one.root) == (ACCOUNT, 1, 0, None)
