"""Documents of schema /2 without Spark: the events of a made-up history, and what a document says of them.

`explored` lays `explore`, and the panels that hang on it, over a document of cases.py; the history is seeded. `oracle.py`
recomputes from `explore` what the page's script says.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.builders import ROLE_SESSION
from tests.pipelines.report import oracle

Row = dict[str, Any]
LEVELS = ("session", "role", "root", "account")
CHAINED = "AROADEMO:sara"
START = datetime(2026, 4, 24, tzinfo=UTC)
HOURS = 15 * 24  # to the midnight after 7 days after the scope's end, 2026-05-01T13:00Z, but one: enough for a test
HISTORY_DAYS = 120
TOP = 200
_PLACES = [
    ("Bellevue, US", 47.6, -122.2, "AS7018 AT&T", "198.51.100.7"), ("Ashburn, US", 39.0, -77.5, "AS14618 Amazon", "198.51.100.80"),
    ("Berlin, DE", 52.5, 13.4, "AS8881 Versatel", "87.122.47.183"), ("Osaka, JP", 34.7, 135.5, "AS2516 KDDI", "2001:db8::17"),
    (None, None, None, "AS9009 M247", "203.0.113.9"),
]  # fmt: skip
_COUNTRY = {"203.0.113.9": ("RO", 46.0, 25.0)}
_APIS = [
    f"{service}.amazonaws.com:{call}"
    for service, calls in {
        "ec2": "DescribeInstances RunInstances", "iam": "ListUsers ListRoles AttachRolePolicy", "sts": "AssumeRole GetCallerIdentity",
        "cloudtrail": "StopLogging", "s3": "ListBuckets PutBucketPolicy",
    }.items()
    for call in calls.split()
]  # fmt: skip
_AGENTS = ["aws-cli/2", "Boto3/1", "console", "terraform/1.9"]
_KEYS = ["ASIAONE", "ASIATWO", None]


@dataclass(frozen=True)
class Call:
    """One event: whose, when, what, from where."""

    entity: int
    at: datetime
    api: str
    place: int
    agent: str
    key: str | None
    is_failed: bool


def history(
    seed: int = 7, *, apis: list[str] | None = None, agents: list[str] | None = None, calls: int = 900
) -> list[Call]:
    """Return a history of two entities: habits over months, a few bursts, and new things in the last fortnight."""
    chance = random.Random(seed)
    apis, agents = apis or _APIS, agents or _AGENTS
    begin, end = START - timedelta(days=HISTORY_DAYS), START + timedelta(hours=HOURS)
    found = []
    for _ in range(calls):
        entity = int(chance.random() < 0.3)
        at = (
            begin + (end - begin) * chance.random()
            if entity == 0
            else START - timedelta(days=40) + timedelta(days=55) * chance.random()
        )
        is_late = at >= datetime(2026, 5, 1, 10, tzinfo=UTC)
        api = chance.choice(apis if is_late else apis[: max(1, len(apis) * 2 // 3)])
        place = chance.choice([0, 0, 0, 1, 1, *([2, 3, 4] if is_late else [])])
        found.append(_call(chance, entity, at, api, place, agents=agents))
    scope = datetime(2026, 5, 1, 12, tzinfo=UTC)
    for _ in range(60):  # a burst in and after the scope
        at = scope + timedelta(hours=4) * chance.random()
        found.append(
            _call(chance, 0, at, apis[chance.randrange(min(3, len(apis)))], chance.randrange(5), agents=agents)
        )
    return sorted(found, key=lambda call: (call.at, call.entity, call.api))


def explored(document: Row, seed: int = 7, **of_history: Any) -> Row:
    """Return a document with `explore` of a history, and with the panels of the scope as that history has them."""
    calls = history(seed, **of_history)
    names = document["names"] or {}
    entities = [ROLE_SESSION, CHAINED]
    explore = explore_of(calls, entities, [names.get(each, each.partition(":")[2]) for each in entities], seed)
    scope = (document["scope"]["start_at"], document["scope"]["end_at"])
    found = {**document, "schema": "rolescope.investigation/2", "explore": explore}
    found["behaviour"] = {**document["behaviour"], **_behaviour(explore, scope)}
    found["drilldown"] = {name: _drilldown(explore, name, scope) for name in ("source_ip", "api", "access_key")}
    own = Counter[str]()
    failed = Counter[str]()
    for call in calls:
        if call.entity == 0 and call.at >= START:
            hour = _text(call.at.replace(minute=0, second=0))
            (failed if call.is_failed else own)[hour] += 1
    volume = document["volume"]
    hours = [
        [hour, own[hour], failed[hour]]
        for hour in sorted(own | failed)
        if volume["start_at"] <= hour < volume["end_at"]
    ]
    found["volume"] = {**volume, "hours": hours}
    return found


def storied(document: Row, hostile: str = "", *, page: str = "profile-of-the-role") -> Row:
    """Return a document with profiles, a story and a context; `hostile` stands wherever somebody else chooses the text."""
    profile = {
        "kind": "role", "kind_text": "role", "id": f"arn:aws:iam::111111111111:role/admin{hostile}", "name": f"admin{hostile}",
        "account_id": "111111111111", "page": page,
        "command": f"rolescope investigate --role 'arn:aws:iam::111111111111:role/admin{hostile}'",
        "why": "the assumed role",
    }  # fmt: skip
    other = {**profile, "kind": "ip_address", "kind_text": "IP address", "id": "198.51.100.7", "name": "198.51.100.7", "account_id": None,
             "page": "not-there", "command": "rolescope investigate --ip 198.51.100.7 --from 2026-05-01T12 --to 2026-05-01T13",
             "why": "an address of the scope"}  # fmt: skip
    finding = {
        "finding_id": f"../other{hostile}", "type": f"Recon:IAMUser/X{hostile}", "severity": 5.0, "severity_label": "Medium",
        "account_id": "111111111111", "shared": ["session", "address"], "page": None,
    }  # fmt: skip
    context = {
        "names": {"111111111111": f"production{hostile}"}, "notes": [{"kind": "user", "id": "alice", "text": f"on call{hostile}"}],
        "expected": [{"value": "198.51.100.0/24", "why": f"the office's own addresses{hostile}"}],
    }  # fmt: skip
    return {
        **document,
        "schema": "rolescope.investigation/2",
        "profiles": [profile, other],
        "story": {"findings": [finding]},
        "context": context,
    }


def profile(document: Row) -> Row:
    """Return a document as a profile: nobody's finding led to it."""
    return {**document, "finding": None}


def explore_of(calls: list[Call], entities: list[str], names: list[str], seed: int = 7) -> Row:
    """Return the `explore` of calls: sparse hours by dimension and value, with what each level knew of it."""
    chance = random.Random(seed + 1)
    since = [
        {level: _text(min(call.at for call in calls if call.entity == index)) for level in LEVELS}
        for index in range(len(entities))
    ]
    since[-1]["role"] = None
    return {
        "start_at": _text(START),
        "hour_count": HOURS,
        "baseline_days": 45,
        "entities": [
            {"id": each, "name": names[index], "relation": "descendant" if index else "self", "since": since[index]}
            for index, each in enumerate(entities)
        ],
        "dimensions": {name: _dimension(calls, name, chance) for name in _DIMENSIONS},
        "tree": _tree(calls),
    }


def _dimension(calls: list[Call], name: str, chance: random.Random) -> Row:
    by_value: dict[tuple[int, str], list[Call]] = defaultdict(list)
    for call in calls:
        value = _DIMENSIONS[name](call)
        if value is not None:
            by_value[call.entity, value].append(call)
    within = {key: found for key, found in by_value.items() if any(call.at >= START for call in found)}
    ordered = sorted(within, key=lambda key: (-len(within[key]), key))
    oldest = -45 * 24 if name == "api" else 0
    values = []
    for entity, value in ordered[:TOP]:
        found = within[entity, value]
        row: Row = {
            "value": value,
            "entity": entity,
            "hours": _hours(found, oldest),
            "source_ips": sorted({_PLACES[call.place][4] for call in found})[:5],
        }
        row["known"] = {"session": _known(found), "role": None if entity else _known(found, chance),
                        "root": _known(found, chance), "account": _known(found, chance)}  # fmt: skip
        if name in ("city", "country"):
            place = _PLACES[found[0].place]
            row |= (
                {"latitude": place[1], "longitude": place[2]}
                if place[0]
                else dict(zip(("latitude", "longitude"), _COUNTRY[place[4]][1:], strict=True))
            )
        values.append(row)
    rest = [call for key in ordered[TOP:] for call in within[key]]
    return {
        "values": values,
        "total": len(ordered),
        "rest": {"value_count": len(ordered[TOP:]), "hours": _hours(rest, 0)},
    }


def _known(calls: list[Call], chance: random.Random | None = None) -> list[str | None]:
    """Return first ever, last before hour 0 and first since; a level above the session may have seen it earlier or since."""
    times = [call.at for call in calls]
    if chance is not None and chance.random() < 0.5:
        times.append(min(times) - timedelta(days=100 * chance.random(), seconds=chance.randrange(3600)))
    before, since = [at for at in times if at < START], [at for at in times if at >= START]
    return [_text(min(times)), _text(max(before)) if before else None, _text(min(since)) if since else None]


def _tree(calls: list[Call]) -> Row:
    by_row: dict[tuple[int, str, str, str | None], list[Call]] = defaultdict(list)
    for call in calls:
        if call.at >= START:
            by_row[call.entity, _PLACES[call.place][4], call.api, call.key].append(call)
    rows = sorted(by_row, key=lambda key: (-len(by_row[key]), str(key)))
    shown, left = rows[:1000], rows[1000:]
    return {
        "rows": [
            dict(zip(("entity", "source_ip", "api", "access_key"), key, strict=True)) | {"hours": _hours(by_row[key], 0)}
            for key in shown
        ],
        "total": len(rows),
        "rest": {"row_count": len(left), "hours": _hours([call for key in left for call in by_row[key]], 0)},
    }  # fmt: skip


def _hours(calls: list[Call], oldest: int) -> list[list[int]]:
    found: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for call in calls:
        found[(call.at - START) // timedelta(hours=1)][call.is_failed] += 1
    return [[hour, *counts] for hour, counts in sorted(found.items()) if hour >= oldest]


def _behaviour(explore: Row, scope: tuple[str, str]) -> Row:
    names = [each["name"] for each in explore["entities"]]
    panels = {}
    for panel in oracle.PANELS:
        panels[panel] = [
            {
                "entity": explore["entities"][row["entity"]]["id"], "name": names[row["entity"]], "value": row["value"],
                "is_subject": not row["entity"], "success_count": row["ok"], "failed_count": row["failed"],
                "first_at": row["first_at"], "last_at": row["first_at"], "event_ids": [],
                "source_ips": row["source_ips"], "latitude": row["latitude"], "longitude": row["longitude"], "is_new": row["is_new"],
                "is_new_for_account": row["account"] not in (None, "known"), "is_in_training": False,
                **{level: row[level] and {"status": row[level], "first_at": None, "last_at": None} for level in LEVELS},
            }
            for row in oracle.novelties(explore, panel, *scope)
        ]  # fmt: skip
    surges = oracle.surges(explore, *scope)
    increased = [
        {
            "entity": explore["entities"][row["entity"]]["id"], "name": names[row["entity"]], "value": row["value"],
            "is_subject": True, "is_increased": True,
            "count": row["count"], "expected": round(row["expected"], 3), "ratio": round(row["ratio"], 1), "most": row["most"],
            "window_count": row["window_count"], "p_value": row["p_value"],
        }
        for row in surges
        if row["is_increased"]
    ]  # fmt: skip
    return {**panels, "increased_volume": increased, "tested_volume_count": len(surges)}


def _drilldown(explore: Row, dimension: str, scope: tuple[str, str]) -> Row:
    rows = [
        {
            "entity": explore["entities"][row["entity"]]["id"], "name": explore["entities"][row["entity"]]["name"], "value": row["value"],
            "success_count": row["ok"], "failed_count": row["failed"], "first_at": row["first_at"], "last_at": row["first_at"],
            "event_ids": [],
        }
        for row in oracle.values_in(explore, dimension, *scope)
    ]  # fmt: skip
    return {"rows": rows, "total": len(rows)}


def _call(chance: random.Random, entity: int, at: datetime, api: str, place: int, *, agents: list[str]) -> Call:
    return Call(
        entity,
        at.replace(microsecond=0),
        api,
        place,
        chance.choice(agents),
        chance.choice(_KEYS),
        chance.random() < 0.15,
    )


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _country(call: Call) -> str:
    city, address = _PLACES[call.place][0], _PLACES[call.place][4]
    return city.rpartition(", ")[2] if city else _COUNTRY[address][0]


_DIMENSIONS: dict[str, Any] = {
    "api": lambda call: call.api,
    "source_ip": lambda call: _PLACES[call.place][4],
    "country": _country,
    "city": lambda call: _PLACES[call.place][0],
    "asn": lambda call: _PLACES[call.place][3],
    "user_agent": lambda call: call.agent,
    "access_key": lambda call: call.key,
}
