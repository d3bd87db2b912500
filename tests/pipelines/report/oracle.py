"""What the page's script must say of a scope, recomputed from `explore` the slow and obvious way: by instants, one at a time."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from transforms.investigations.surge import Windows, find_surges

Row = dict[str, Any]
PANELS = {"geolocations": "city", "api_calls": "api", "asos": "asn", "user_agents": "user_agent"}
LEVELS = ("session", "role", "root", "account")
HOUR = timedelta(hours=1)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def each_hour(explore: Row, hours: list[list[int]]) -> list[tuple[datetime, int, int]]:
    """Return the hours as instants."""
    return [(instant(explore["start_at"]) + hour * HOUR, ok, failed) for hour, ok, failed in hours]


def counted(explore: Row, hours: list[list[int]], start: str, end: str) -> tuple[int, int, str | None]:
    """Return successful and failed calls of the scope, and the first hour with one."""
    inside = [each for each in each_hour(explore, hours) if instant(start) <= each[0] < instant(end)]
    first = min((at for at, ok, failed in inside if ok + failed), default=None)
    return (
        sum(ok for _, ok, _ in inside),
        sum(failed for *_, failed in inside),
        first and first.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def values_in(explore: Row, dimension: str, start: str, end: str) -> list[Row]:
    """Return the values that the scope has, with what each level knew of them before it."""
    found = []
    for value in explore["dimensions"][dimension]["values"]:
        ok, failed, first_at = counted(explore, value["hours"], start, end)
        if ok + failed:
            known = value["known"] or {}
            statuses = {level: status(explore, known.get(level), start) for level in LEVELS}
            statuses["session"] = statuses["session"] or "never_seen"
            found.append({"value": value["value"], "entity": value["entity"], "ok": ok, "failed": failed, "first_at": first_at,
                          "latitude": value.get("latitude"), "longitude": value.get("longitude"), "source_ips": value.get("source_ips", []),
                          "is_new": statuses["session"] != "known", **statuses})  # fmt: skip
    return found


def status(explore: Row, times: list[str | None] | None, start: str) -> str | None:
    """Return what a level knew of a value before an instant."""
    if times is None:
        return None
    first_ever, last_before, first_within = (each and instant(each) for each in times)
    at = instant(start)
    if first_ever is None or not first_ever < at:
        return "never_seen"
    is_recent = (first_within is not None and first_within < at) or (
        last_before is not None and last_before >= at - timedelta(days=explore["baseline_days"])
    )
    return "known" if is_recent else "new_in_45_days"


def novelties(explore: Row, panel: str, start: str, end: str) -> list[Row]:
    """Return the rows of a panel; a country without a city in the scope stands for itself."""
    rows = values_in(explore, PANELS[panel], start, end)
    if panel == "geolocations":
        located = {(row["entity"], row["value"].rsplit(", ", 1)[-1]) for row in rows}
        rows += [
            row for row in values_in(explore, "country", start, end) if (row["entity"], row["value"]) not in located
        ]
    return rows


def surges(explore: Row, start: str, end: str) -> list[Row]:
    """Return the statistic of each API of the scope that has a baseline, each window counted on its own."""
    at, length = instant(start), (instant(end) - instant(start)) / HOUR
    most = math.floor(explore["baseline_days"] * 24 / length)
    counts: dict[tuple[int, str], tuple[int, Windows]] = {}
    for value in explore["dimensions"]["api"]["values"]:
        ok, failed, _ = counted(explore, value["hours"], start, end)
        since = explore["entities"][value["entity"]]["since"]["session"]
        if ok + failed == 0 or since is None:
            continue
        hours = each_hour(explore, value["hours"])
        sums = []
        for place in range(most):
            ends = at - place * length * HOUR
            sums.append(sum(ok + failed for hour, ok, failed in hours if ends - length * HOUR <= hour < ends))
        n = min(most, max(1, math.ceil((at - instant(since)) / HOUR / length))) if most else 0
        counts[value["entity"], value["value"]] = (
            ok + failed, Windows(n, sum(sums), sum(each * each for each in sums), max(sums, default=0)),
        )  # fmt: skip
    named = {f"{entity}\n{value}": (entity, value) for entity, value in counts}
    found = find_surges({name: counts[key] for name, key in named.items()})
    return [
        {"entity": named[name][0], "value": named[name][1], "count": surge.count, "expected": surge.expected, "ratio": surge.ratio,
         "p_value": surge.p_value, "is_increased": surge.is_increased, "window_count": counts[named[name]][1].count,
         "most": counts[named[name]][1].most}
        for name, surge in found.items()
    ]  # fmt: skip


TREES = {
    "by-address": ("source_ip", "api", "access_key"),
    "by-api": ("service", "method", "source_ip"),
    "by-key": ("access_key", "service", "method"),
}


def tree(explore: Row, panel: str, start: str, end: str) -> set[tuple[int, str, int, int]]:
    """Return the nodes of a tree of the scope, as level, label, successful, failed."""
    sums: dict[tuple[str, ...], list[int]] = {}
    for row in explore["tree"]["rows"]:
        ok, failed, _ = counted(explore, row["hours"], start, end)
        if ok + failed:
            service, _, method = row["api"].partition(":")
            parts = {**row, "service": service.removesuffix(".amazonaws.com"), "method": method}
            labels = tuple(parts[name] or "not in the log" for name in TREES[panel])
            for depth in range(1, 4):
                node = sums.setdefault(labels[:depth], [0, 0])
                node[0] += ok
                node[1] += failed
    return {(len(path), path[-1], ok, failed) for path, (ok, failed) in sums.items()}
