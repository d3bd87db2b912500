"""Impossible travel, held against distances by another formula and legs found the slow way."""

from __future__ import annotations

import json
import math
import random
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.builders import ROLE_SESSION, at
from tests.transforms.investigations.cases import case, session, value, visit
from transforms.investigations.case import instant_of, text_of
from transforms.investigations.context import Context
from transforms.investigations.indicators import find_indicators
from transforms.investigations.travel import find_travels, kilometres

BELLEVUE = {"city": "Bellevue", "country_code": "US", "latitude": 47.6, "longitude": -122.2}
TOKYO = {"city": "Tokyo", "country_code": "JP", "latitude": 35.7, "longitude": 139.7}
JAPAN = {"city": None, "country_code": "JP", "latitude": 35.7, "longitude": 139.7}
KANSAS = {"city": None, "country_code": "US", "latitude": 37.75, "longitude": -97.8}
US, JP = "198.51.100.7", "203.0.113.9"
NOON, SIX = "2026-05-01T12:00:00Z", "2026-05-01T12:06:00Z"
CITIES = [
    ("198.51.100.1", 52.5, 13.4), ("198.51.100.2", 48.1, 11.6), ("198.51.100.3", 40.7, -74.0), ("198.51.100.4", -33.9, 151.2),
    ("198.51.100.5", 52.4, 13.1), ("198.51.100.6", -17.7, -179.9), ("198.51.100.8", -17.8, 178.0), ("198.51.100.9", 89.9, 0.0),
]  # fmt: skip


def slow_kilometres(one, other):
    """The angle between two vectors from the Earth's centre, by its tangent: no haversine."""
    vectors = []
    for latitude, longitude in (one, other):
        north, east = math.radians(latitude), math.radians(longitude)
        vectors.append((math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)))
    (a, b, c), (d, e, f) = vectors
    cross = math.hypot(b * f - c * e, c * d - a * f, a * e - b * d)
    return 6371.0088 * math.atan2(cross, a * d + b * e + c * f)


def travels(*visits, values=(), **rest):
    return [
        row
        for row in find_indicators(case({"visits": list(visits), "values": list(values)}, **rest))
        if row["type"] == "IMPOSSIBLE_TRAVEL"
    ]


def test_kilometres__agrees_with_the_angle_between_vectors_everywhere():
    rng = random.Random(5)
    places = [(rng.uniform(-90, 90), rng.uniform(-180, 180)) for _ in range(300)] + [
        (0, 180),
        (0, -180),
        (90, 0),
        (-90, 7),
        (0, 0),
    ]
    for one in places[:60]:
        for other in places:
            found = kilometres(
                *({"latitude": latitude, "longitude": longitude} for latitude, longitude in (one, other))
            )
            assert found == pytest.approx(slow_kilometres(one, other), abs=1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_find_travels__agrees_with_looking_at_every_call(seed):
    """Calls one by one, each held against the call before it that was made from another address."""
    rng = random.Random(seed)
    start, end = at("2026-05-01 12:00"), at("2026-05-01 15:00")
    times = sorted({start - timedelta(hours=5) + timedelta(seconds=rng.randrange(8 * 3600)) for _ in range(60)})
    calls = [(time, *rng.choice(CITIES)) for time in times]
    expected = set()
    for before, after in pairwise(calls):
        far = slow_kilometres(before[2:], after[2:])
        fast = far / ((after[0] - before[0]).total_seconds() / 3600)
        if before[1] != after[1] and after[0] >= start and far > 500 and fast > 900:
            expected.add((text_of(before[0]), before[1], after[1], text_of(after[0])))
    runs = []
    for time, ip, latitude, longitude in calls:
        if runs and runs[-1]["source_ip"] == ip:
            runs[-1]["last_at"] = text_of(time)
        else:
            place = {"city": ip, "country_code": "XX", "latitude": latitude, "longitude": longitude}
            runs.append(visit(ip, text_of(time), **place))
    rng.shuffle(runs)
    legs = find_travels(case({"visits": runs}, scope_end_at=end)).impossible
    assert {(leg["left_at"], leg["from_ip"], leg["to_ip"], leg["arrived_at"]) for leg in legs} == expected
    assert len(legs) == len(expected) > 0


def test_travel__says_from_where_to_where_and_how_fast():
    [found] = travels(visit(US, NOON, **BELLEVUE), visit(JP, SIX, **TOKYO))
    assert found["value"] == f"{US} → {JP}"
    assert found["reason"].startswith(
        f"called from Bellevue, US ({US}) at 2026-05-01 12:00:00 and from Tokyo, JP ({JP}) 6 min later: 7,704 km, 77,039 km/h"
    )
    assert found["evidence_event_ids"] == [f"from-{US}", f"from-{JP}"]


@pytest.mark.parametrize(
    ("recent", "severity", "for_account"), [("", "HIGH", True), ("account", "HIGH", False), ("session", "MEDIUM", True)]
)
def test_travel__weighs_less_where_the_address_is_known(recent, severity, for_account):
    seen = dict.fromkeys(recent.split(), "2026-04-20T08:00:00Z")
    arrived = value("source_ip", JP, seen=seen, recent=recent)
    [found] = travels(visit(US, NOON, **BELLEVUE), visit(JP, SIX, **TOKYO), values=[arrived])
    assert (found["severity"], found["is_new_for_account"]) == (severity, for_account)


def test_travel__of_a_workload_is_low():
    visits = {
        "visits": [visit(US, NOON, **BELLEVUE), visit(JP, SIX, **TOKYO)],
        "family": [session(root_type="WebIdentityUser")],
    }
    [found] = [row for row in find_indicators(case(visits)) if row["type"] == "IMPOSSIBLE_TRAVEL"]
    assert (found["severity"], "a workload may run in several places" in found["reason"]) == ("LOW", True)


def test_travel__between_countries_is_low_and_within_one_nothing():
    [found] = travels(visit(US, NOON, **BELLEVUE), visit(JP, SIX, **JAPAN))
    assert (found["severity"], "located to the country only" in found["reason"]) == ("LOW", True)
    assert travels(visit(US, NOON, **BELLEVUE), visit("198.51.100.99", SIX, **KANSAS)) == []


@pytest.mark.parametrize(
    "second",
    [
        visit(JP, "2026-05-01T23:00:00Z", **TOKYO),  # eleven hours: a flight
        visit("198.51.100.8", SIX, **{**BELLEVUE, "longitude": -121.0}),  # the next town
        visit(JP, SIX),  # not located
        visit(JP, SIX, **TOKYO, asn=16509),
        visit(JP, SIX, **TOKYO, aso="Amazon.com, Inc."),
        visit(JP, SIX, **TOKYO, invoked_by="cloudformation.amazonaws.com"),
        visit(None, SIX, source_host="cloudformation.amazonaws.com"),
        visit(JP, SIX, **TOKYO, entity_id="AROAOTHER:sara"),  # somebody else
    ],
)
def test_travel__is_not(second):
    assert travels(visit(US, NOON, **BELLEVUE), second, scope_end_at=at("2026-05-02 13:00")) == []


def test_travel__before_the_scope_is_of_no_interest():
    before = [visit(US, "2026-05-01T10:00:00Z", **BELLEVUE), visit(JP, "2026-05-01T10:06:00Z", **TOKYO)]
    assert travels(*before) == []
    assert len(travels(*before, visit(US, NOON, **BELLEVUE))) == 1


def test_travel__what_is_left_out_does_not_hide_what_is_around_it_and_is_listed():
    visits = [
        visit(US, NOON, **BELLEVUE),
        visit("192.0.2.1", "2026-05-01T12:01:00Z", **TOKYO),
        visit(None, "2026-05-01T12:02:00Z", source_host="cloudformation.amazonaws.com"),
        visit(JP, SIX, **TOKYO),
    ]
    own = Context(egress={"VPN": "192.0.2.0/24"})
    assert [row["value"] for row in travels(*visits, context=own)] == [f"{US} → {JP}"]
    assert find_travels(case({"visits": visits}, context=own)).left_out == {
        "192.0.2.1": "the organisation's own address (VPN)",
        "cloudformation.amazonaws.com": "a service of AWS called for the principal",
    }


def test_travel__in_the_same_second_has_a_speed_that_is_a_number():
    [leg] = find_travels(case({"visits": [visit(US, NOON, **BELLEVUE), visit(JP, NOON, **TOKYO)]})).impossible
    assert json.loads(json.dumps(leg))["speed_kmh"] == pytest.approx(7_704 * 3600, rel=1e-3)
    assert instant_of(leg["left_at"]) == instant_of(leg["arrived_at"])
    assert leg["entity"] == ROLE_SESSION
