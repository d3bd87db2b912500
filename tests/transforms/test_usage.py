"""Which credentials made which events, against a plain count; and the session that each use belongs to."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING, Any

from expectations.tables import CLOUDTRAIL_EVENTS, CREDENTIAL_ISSUANCES, SESSION_USAGE
from tests.builders import ACCOUNT, Row, frame, row
from transforms.usage import SIGN_IN_EVENTS, TUPLE, count_usage, days_around, with_sessions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OTHER = "222222222222"
T = "2026-05-01 12:00"


def random_event(number: int, chance: random.Random) -> Row:
    kind = chance.choice(
        ["IAMUser", "Root", "AssumedRole", "AssumedRole", "FederatedUser", "AWSService", "AWSAccount", None]
    )
    shared = chance.choice([None, None, f"shared-{chance.randrange(40)}"])
    category = chance.choice(["Management"] * 4 + ["Data"])
    return row(
        CLOUDTRAIL_EVENTS, event_id=f"e{number:03}", shared_event_id=shared,
        action_id=shared if shared and category == "Management" else f"e{number:03}",
        event_at=f"2026-05-0{chance.choice('12')} {chance.randrange(24):02}:{chance.randrange(60):02}",
        event_category=category, identity_type=kind, identity_account_id=chance.choice([ACCOUNT, OTHER]),
        recipient_account_id=chance.choice([ACCOUNT, OTHER]), principal_id=chance.choice([None, "AROA1:a", "AROA2:b"]),
        access_key_id=chance.choice([None, "K"]), session_created_at=chance.choice([None, T]),
        invoked_by=chance.choice([None, None, "s3.amazonaws.com"]), mfa_authenticated=chance.choice([None, True, False]),
        event_source=chance.choice(["ec2.amazonaws.com", "signin.amazonaws.com"]),
        event_name=chance.choice(["DescribeInstances", *SIGN_IN_EVENTS]),
        outcome=chance.choice(["success", "denied", "dry_run", "failed", "throttled"]),
    )  # fmt: skip


def counted_slowly(events: list[Row]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Take one copy of each action, leave out sign-ins and callers without credentials, and count by day and tuple."""
    actions: dict[str, list[Row]] = defaultdict(list)
    for event in events:
        if event["identity_type"] != "AWSAccount":
            same = event["shared_event_id"] and event["event_category"] == "Management"
            actions[event["action_id"] if same else event["event_id"]].append(event)
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for copies in actions.values():
        one = min(copies, key=lambda it: (it["recipient_account_id"] != it["identity_account_id"],
                                          it["recipient_account_id"], it["event_id"]))  # fmt: skip
        is_sign_in = one["event_source"].startswith("signin") and one["event_name"] in SIGN_IN_EVENTS
        if one["identity_type"] in ("IAMUser", "Root", "AssumedRole", "FederatedUser") and not is_sign_in:
            groups[tuple(one[name] for name in ("event_date", *TUPLE))].append(one)
    return {
        key: (
            len(made),
            sum(each["outcome"] not in ("success", "dry_run") for each in made),
            max((each["mfa_authenticated"] for each in made if each["mfa_authenticated"] is not None), default=None),
            min(each["event_at"] for each in made).timestamp(),
            max(each["event_at"] for each in made).timestamp(),
        )
        for key, made in groups.items()
    }


def seconds(instant: Any) -> Any:
    return instant and instant.timestamp()


def test_count_usage__agrees_with_a_plain_count(spark: SparkSession) -> None:
    chance = random.Random(3)
    events = [random_event(number, chance) for number in range(600)]
    found = count_usage(frame(spark, CLOUDTRAIL_EVENTS, *events)).collect()
    seen = {
        (each.event_date, each.principal_id, seconds(each.session_created_at), *[each[name] for name in TUPLE[2:]]): (
            each.event_count, each.failed_count, each.mfa_authenticated, seconds(each.first_event_at), seconds(each.last_event_at),
        )
        for each in found
    }  # fmt: skip
    expected = {(key[0], key[1], seconds(key[2]), *key[3:]): counts for key, counts in counted_slowly(events).items()}
    assert seen == expected
    assert len(found) == len(expected) > 50


def test_with_sessions__what_belongs_together(spark: SparkSession) -> None:
    def issued(name: str, **fields: Any) -> Row:
        own = {"issued_principal_id": f"AROA-{name}:n", "issued_access_key_id": name, "issued_at": T}
        return row(CREDENTIAL_ISSUANCES, issued_role_account_id=ACCOUNT, **{"action_id": name, **own, **fields})

    def use(name: str, key: str | None, **fields: Any) -> Row:
        whose = {"principal_id": f"AROA-{name}:n", "first_event_at": "2026-05-01 12:30", "credential_session_id": None}
        return row(SESSION_USAGE, access_key_id=key, **{**whose, **fields})

    person = {"identity_type": "IAMUser", "role_arn": None}
    forward = {**person, "invoked_by": "kms.amazonaws.com"}
    issuances = [issued("one"), issued("twin-1", issued_principal_id="AROA-twins:n"),
                 issued("twin-2", issued_principal_id="AROA-twins:n")]  # fmt: skip
    usage = {
        "its key": use("one", "one"),
        "on the next day": use("one", "one", first_event_at="2026-05-02 09:00"),
        "another key": use("one", "CONSOLE"),
        "no key": use("one", None),
        "through a service": use("one", "FAS", invoked_by="s3.amazonaws.com"),
        "without its start": use("one", "one", session_created_at=None),
        "another start": use("one", "one-later", session_created_at="2026-05-01 13:00"),
        "one twin": use("twins", "twin-1"),
        "the other": use("twins", "twin-2"),
        "either twin": use("twins", None),
        "long-term key": use("alice", "AKIA", session_created_at=None, **person),
        "service for a long-term key": use("alice", "ASIA-1", **forward),
        "service for a console session": use("bob", "ASIA-2", **forward),
        "that console session": use("bob", "ASIA-3", **person),
        "neither start nor issuance": use("lost", "ASIA-4", session_created_at=None),
    }
    named = [{**each, "identity_arn": name} for name, each in usage.items()]
    found = with_sessions(frame(spark, SESSION_USAGE, *named), frame(spark, CREDENTIAL_ISSUANCES, *issuances)).collect()
    sessions: dict[str | None, set[str]] = defaultdict(set)
    for each in found:
        sessions[each.credential_session_id].add(each.identity_arn)
    assert len(found) == len(usage)
    assert sessions.pop(None) == {"long-term key", "service for a long-term key"}
    assert sorted(map(sorted, sessions.values())) == sorted(map(sorted, [
        {"its key", "on the next day", "another key", "no key", "through a service", "without its start"},
        {"another start"}, {"one twin"}, {"the other"}, {"either twin"},
        {"service for a console session", "that console session"}, {"neither start nor issuance"},
    ]))  # fmt: skip


def test_with_sessions__an_id_stays_when_the_issuance_arrives_late(spark: SparkSession) -> None:
    chance = random.Random(9)
    usage = [
        row(SESSION_USAGE, principal_id=f"AROA{number}:n", access_key_id=f"K{number}", credential_session_id=None,
            session_created_at=f"2026-05-01 12:00:{chance.randrange(60):02}", first_event_at="2026-05-01 12:30")
        for number in range(30)
    ]  # fmt: skip
    issuances = [
        row(CREDENTIAL_ISSUANCES, action_id=each["access_key_id"], issued_principal_id=each["principal_id"],
            issued_at=each["session_created_at"], issued_role_account_id=ACCOUNT,
            issued_access_key_id=chance.choice([each["access_key_id"], "ANOTHER"]))
        for each in usage
    ]  # fmt: skip
    early, late = (
        {each.principal_id: each.credential_session_id for each in with_sessions(frame(spark, SESSION_USAGE, *usage), known).collect()}
        for known in (frame(spark, CREDENTIAL_ISSUANCES), frame(spark, CREDENTIAL_ISSUANCES, *issuances))
    )  # fmt: skip
    assert early == late
    assert len(set(late.values())) == 30


def test_days_around__the_day_of_the_start_its_neighbour_a_second_away_or_the_life_of_a_key(
    spark: SparkSession,
) -> None:
    def days(*starts: str | None) -> set[date]:
        usage = [row(SESSION_USAGE, session_created_at=start, first_event_at="2026-05-05 08:00") for start in starts]
        found = days_around(frame(spark, SESSION_USAGE, *usage), "session_created_at", "first_event_at").collect()
        assert len(found) == len({each.day for each in found})
        return {each.day for each in found}

    assert days("2026-05-01 12:00", "2026-05-01 13:00") == {date(2026, 5, 1)}
    assert days("2026-05-01 00:00:00") == {date(2026, 4, 30), date(2026, 5, 1)}
    assert days("2026-05-01 23:59:59") == {date(2026, 5, 1), date(2026, 5, 2)}
    assert days(None) == {date(2026, 5, 3), date(2026, 5, 4), date(2026, 5, 5)}
