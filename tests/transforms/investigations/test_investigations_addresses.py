"""Visits and addresses as Spark finds them, against going through random calls one by one."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import groupby

from pyspark.sql import functions as F

from expectations.tables import CLOUDTRAIL_EVENTS
from tests.builders import ROLE_SESSION, at, frame, row
from transforms.investigations.addresses import build_addresses, build_visits

START, END = at("2026-05-01 12:00"), at("2026-05-02 03:00")
ADDRESSES = ("198.51.100.7", "203.0.113.9", "2001:db8::1")


def random_calls(seed: int) -> list[dict]:
    """Calls of one role session under two sets of credentials, of a service for it, and of somebody else at the same addresses."""
    rng = random.Random(seed)
    calls = []
    for number in range(300):
        when = START - timedelta(hours=30) + timedelta(seconds=rng.randrange(60 * 3600) // 600 * 600)  # several at once
        day = {
            "session_created_at": rng.choice(("2026-04-30 06:00", "2026-05-01 06:00")),
            "access_key_id": rng.choice("AB"),
        }
        call = {"event_id": f"event-{number:03}", "event_at": when, "source_ip": rng.choice(ADDRESSES), **day}
        if rng.random() < 0.2:
            service = "cloudformation.amazonaws.com"
            call |= {"source_ip": None, "source_host": service, "invoked_by": rng.choice((service, None))}
        if rng.random() < 0.1:
            call |= {"principal_id": "AROAADMIN:eve"}
        if rng.random() < 0.1:
            call |= {"outcome": "denied"}
        calls.append(row(CLOUDTRAIL_EVENTS, **call))
    return calls


def test_build_visits__are_calls_in_a_row_from_one_address(spark):
    calls = random_calls(3)
    window = _window(frame(spark, CLOUDTRAIL_EVENTS, *calls), "principal_id").where(f"entity_id = '{ROLE_SESSION}'")
    entities = spark.sql(
        f"SELECT 'i' AS investigation_id, 'role_session' AS entity_kind, '{ROLE_SESSION}' AS entity_id"
    )
    visits = build_visits(entities, window)
    found = [each.asDict() for each in visits.where("source_ip IS NOT NULL").orderBy("visit").collect()]
    theirs = sorted(
        (each for each in calls if each["principal_id"] == ROLE_SESSION and each["source_ip"]
         and START - timedelta(days=1) <= each["event_at"] < END),
        key=lambda each: (each["event_at"], each["event_id"]),
    )  # fmt: skip
    runs = [list(run) for _, run in groupby(theirs, key=lambda each: each["source_ip"])]
    assert [
        (each["source_ip"], each["call_count"], at(str(each["first_at"])), at(str(each["last_at"]))) for each in found
    ] == [(run[0]["source_ip"], len(run), run[0]["event_at"], run[-1]["event_at"]) for run in runs]
    assert [each["event_ids"] for each in found] == [
        list(dict.fromkeys((run[0]["event_id"], run[-1]["event_id"]))) for run in runs
    ]
    services = visits.where("source_ip IS NULL").collect()
    assert {each.invoked_by for each in services} == {None, "cloudformation.amazonaws.com"}
    assert len(services) == 2


def test_build_addresses__counts_what_failed_beside_what_succeeded(spark):
    calls = [
        row(CLOUDTRAIL_EVENTS, event_id=name, event_at=when, source_ip=ip, city="Berlin", outcome=outcome)
        for name, when, ip, outcome in (
            ("one", "2026-05-01 12:10", ADDRESSES[0], "success"),
            ("two", "2026-05-01 12:20", ADDRESSES[0], "denied"),
            ("three", "2026-05-03 12:20", ADDRESSES[0], "success"),
            ("four", "2026-05-01 12:30", None, "success"),
        )
    ]
    deeds = _window(frame(spark, CLOUDTRAIL_EVENTS, *calls), f"'{ROLE_SESSION}'")
    found = build_addresses(deeds).orderBy(F.col("is_in_scope").desc()).collect()
    assert [(each.source_ip, each.city, each.success_count, each.failed_count, each.event_ids) for each in found] == [
        (ADDRESSES[0], "Berlin", 1, 1, ["one", "two"]),
        (ADDRESSES[0], "Berlin", 1, 0, ["three"]),
    ]


def test_build_visits__are_not_of_many_people_behind_one_role(spark):
    window = _window(frame(spark, CLOUDTRAIL_EVENTS, row(CLOUDTRAIL_EVENTS, event_at="2026-05-01 12:10")), "'arn:role'")
    entities = spark.sql("SELECT 'i' AS investigation_id, 'role' AS entity_kind, 'arn:role' AS entity_id")
    assert build_visits(entities, window).isEmpty()


def _window(events, entity_id):
    """Events as `build_deeds` gives them."""
    return events.selectExpr(
        "*", "'i' AS investigation_id", f"TIMESTAMP'{START:%F %T}' AS scope_start_at", f"TIMESTAMP'{END:%F %T}' AS scope_end_at",
        f"{entity_id} AS entity_id", f"event_at < TIMESTAMP'{END:%F %T}' AS is_in_scope", "outcome != 'success' AS is_failed",
        "true AS is_management",
    )  # fmt: skip
