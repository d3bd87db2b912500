"""Whether somebody was in two places at once: distance over time between the located addresses of one principal."""

from __future__ import annotations

from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

from transforms.investigations.case import Case, Row, instant_of, text_of

LEAST_KILOMETRES = 500
LEAST_SPEED = 900
"""Kilometres an hour: what an airliner covers, from door to door less."""

_EARTH = 6371.0088  # mean radius in kilometres (IUGG)
_AMAZON = frozenset({16509, 14618})


class Travel(NamedTuple):
    """What was compared: legs that nobody can travel, the fastest first; how many there were; what was left out, and why."""

    impossible: list[Row]
    leg_count: int
    left_out: dict[str, str]


def find_travels(case: Case) -> Travel:
    """Return the legs between consecutive located addresses of each entity that end in the scope."""
    legs: list[Row] = []
    left_out: dict[str, str] = {}
    for entity_id in dict.fromkeys(row["entity_id"] for row in case.rows("visits")):
        visits = sorted(
            (row for row in case.rows("visits") if row["entity_id"] == entity_id),
            key=lambda row: (row["first_at"], row["last_at"], row["event_ids"]),
        )
        stays = []
        for visit in visits:
            why = why_left_out(case, visit)
            if why is not None:
                left_out.setdefault(visit["source_ip"] or visit["source_host"] or visit["invoked_by"], why)
            elif visit["latitude"] is not None and visit["longitude"] is not None:
                stays.append(visit)
        legs += [leg for one, other in pairwise(stays) if (leg := _leg(case, one, other)) is not None]
    impossible = [leg for leg in legs if leg["is_impossible"]]
    order = sorted(impossible, key=lambda leg: (-leg["speed_kmh"], leg["left_at"], leg["from_ip"], leg["to_ip"]))
    return Travel(order, len(legs), left_out)


def kilometres(one: Row, other: Row) -> float:
    """Return the great-circle distance of two places (latitude, longitude in degrees), by the haversine formula."""
    north, south = radians(one["latitude"]), radians(other["latitude"])
    half_height, half_width = (north - south) / 2, radians(one["longitude"] - other["longitude"]) / 2
    share = sin(half_height) ** 2 + cos(north) * cos(south) * sin(half_width) ** 2
    return 2 * _EARTH * asin(min(1.0, sqrt(share)))


def why_left_out(case: Case, visit: Row) -> str | None:
    """Return why an address says nothing of where the principal was, null if it does."""
    if visit["source_ip"] is None or visit["invoked_by"] is not None:
        return "a service of AWS called for the principal"
    own = case.context.own_address(visit["source_ip"])
    if own is not None:
        return f"the organisation's own address ({own})"
    return "an address of AWS" if is_amazons(visit) else None


def is_amazons(row: Row) -> bool:
    """Whether Amazon announces an address: an instance, a NAT gateway, a console's backend."""
    return row["asn"] in _AMAZON or str(row["aso"] or "").upper().startswith("AMAZON")


def _leg(case: Case, one: Row, other: Row) -> Row | None:
    """Return the way from an address to the next; null where there is none, or two vague places may be one."""
    if one["source_ip"] == other["source_ip"] or other["first_at"] < text_of(case.scope_start):
        return None
    is_vague = not one["city"] or not other["city"]
    if is_vague and one["country_code"] == other["country_code"]:
        return None
    seconds = max(1.0, (instant_of(other["first_at"]) - instant_of(one["last_at"])).total_seconds())
    distance = kilometres(one, other)
    speed = distance / (seconds / 3600)
    return {
        "entity": other["entity_id"],
        "name": case.name(other["entity_id"]),
        "from_ip": one["source_ip"],
        "from_place": _place(one),
        "from_latitude": one["latitude"],
        "from_longitude": one["longitude"],
        "left_at": one["last_at"],
        "to_ip": other["source_ip"],
        "to_place": _place(other),
        "to_latitude": other["latitude"],
        "to_longitude": other["longitude"],
        "arrived_at": other["first_at"],
        "kilometres": round(distance),
        "speed_kmh": round(speed),
        "is_country_level": is_vague,
        "is_impossible": distance > LEAST_KILOMETRES and speed > LEAST_SPEED,
        "event_ids": [*one["event_ids"][-1:], *other["event_ids"][:1]],
    }


def _place(visit: Row) -> str:
    return ", ".join(part for part in (visit["city"], visit["country_code"]) if part) or "an unknown place"
