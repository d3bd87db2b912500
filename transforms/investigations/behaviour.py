"""Whether it is like them: each value of the scope beside what the session, role, root and account did before."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from transforms.investigations import labels
from transforms.investigations.case import Case, Row, instant_of
from transforms.investigations.novelty import LEVELS, MOST_ADDRESSES
from transforms.investigations.profiles import PLACES
from transforms.investigations.relations import SELF
from transforms.investigations.scope import BASELINE_DAYS, TRAINING_DAYS
from transforms.investigations.surge import Surge, Windows, find_surges

KNOWN, NEW, NEVER = "known", "new_in_45_days", "never_seen"

# Panel of the document → dimension of the activity tables.
PANELS = {"geolocations": "city", "api_calls": "api", "asos": "asn", "user_agents": "user_agent"}


def standings(case: Case) -> dict[str, dict[str, Row]]:
    """Return for each entity and level the principal, since when it is known and whether it is in training."""
    found: dict[str, dict[str, Row]] = {}
    entities = {row["entity_id"]: row for row in case.rows("entities")}
    seen = {(row["entity_id"], row["level"]): row for row in case.rows("standing")}
    for entity_id, entity in entities.items():
        identifiers = {
            "session": entity_id,
            "role": entity["role_arn"],
            "root": entity["root_id"],
            "account": entity["account_id"],
        }
        found[entity_id] = {
            level: _standing(case, identifier, seen.get((entity_id, level)))
            for level, identifier in identifiers.items()
            if identifier and (level != "session" or has_past(case))
        }
    return found


def novelties(case: Case, panel: str) -> list[Row]:
    """Return the values of a panel with what each level knew of them; geolocations fall back on the country without a city."""
    rows = case.values(PANELS[panel])
    if panel == "geolocations":
        rows = rows + _countries_alone(case, rows)
    standing = standings(case)
    return [
        {
            **_novelty(row, standing.get(row["entity_id"], {}), has_past=has_past(case)),
            "expected": _expected(case, panel, row),
        }
        for row in rows
    ]


def knowledge(case: Case, dimension: str, entity_id: str, value: str) -> dict[str, str]:
    """Return what each level knew of one value of the scope (`known`, …); nothing if the value is not among those shown."""
    row = next((row for row in case.values(dimension, entity_id=entity_id) if row["value"] == value), None)
    levels = standings(case).get(entity_id, {}) if row else {}
    return {level: _known(row, level)["status"] for level in LEVELS if row and level in levels}


def has_past(case: Case) -> bool:
    """Return whether the subject has a past to be held against: no table has that of an address or a user agent."""
    return case.subject["entity_kind"] not in PLACES


def surges(case: Case) -> list[Row]:
    """Return the calls of the scope that have a baseline, with the statistic of each; the increased ones first."""
    length = (case.scope_end - case.scope_start) / timedelta(hours=1)
    most = math.floor(BASELINE_DAYS * 24 / length)
    standing = standings(case)
    counts: dict[str, tuple[int, Windows]] = {}
    rows: dict[str, Row] = {}
    for row in case.rows("windows"):
        since = standing.get(row["entity_id"], {}).get("session", {}).get("first_at")
        if since is None:
            continue
        known_hours = (case.scope_start - instant_of(since)) / timedelta(hours=1)
        windows = min(most, max(1, math.ceil(known_hours / length))) if most else 0
        key = f"{row['entity_id']}\n{row['api']}"
        counts[key] = (
            row["scope_count"],
            Windows(windows, row["window_total"], row["window_total_of_squares"], row["window_most"]),
        )
        rows[key] = row
    found = find_surges(counts)
    listed = [_surge(rows[key], counts[key][1], surge) for key, surge in found.items()]
    return sorted(listed, key=lambda row: (not row["is_increased"], row["p_value"], row["entity"], row["value"]))


def is_new(row: Row) -> bool:
    """Return whether the session had not done this in the 45 days before; no table has the past of an address."""
    return row["session"] is not None and bool(row["session"]["status"] != KNOWN)


def _standing(case: Case, identifier: str, seen: Row | None) -> Row:
    first_at = seen["first_at"] if seen else None
    age = (case.scope_start - instant_of(first_at)) if first_at else timedelta(0)
    return {
        "id": identifier,
        "first_at": first_at,
        "active_days": min(seen["active_days"], BASELINE_DAYS) if seen else 0,
        "is_in_training": age < timedelta(days=TRAINING_DAYS),
    }


def _novelty(row: Row, standing: dict[str, Row], *, has_past: bool) -> Row:
    levels: dict[str, Any] = {level: _known(row, level) if level in standing else None for level in LEVELS}
    if levels["session"] is None and has_past:
        levels["session"] = {"status": NEVER, "first_at": None, "last_at": None}
    account = levels["account"]
    return {
        "entity": row["entity_id"],
        "is_subject": row["relation"] == SELF,
        "value": row["value"],
        "success_count": row["success_count"],
        "failed_count": row["failed_count"],
        "first_at": row["first_at"],
        "last_at": row["last_at"],
        "event_ids": row["event_ids"],
        "source_ips": row["source_ips"],
        "latitude": row["latitude"],
        "longitude": row["longitude"],
        "is_new_for_account": None if account is None else account["status"] != KNOWN,
        "is_in_training": standing.get("session", {}).get("is_in_training", True),
        **levels,
    }


def _known(row: Row, level: str) -> Row:
    first_at, last_at = row[f"{level}_first_at"], row[f"{level}_last_at"]
    status = NEVER if first_at is None else KNOWN if row[f"{level}_is_recent"] else NEW
    return {"status": status, "first_at": first_at, "last_at": last_at}


def _countries_alone(case: Case, cities: list[Row]) -> list[Row]:
    """Return countries that no city in the scope accounts for: an address is not always located to its city."""
    located = {(row["entity_id"], row["value"].rsplit(", ", 1)[-1]) for row in cities}
    return [row for row in case.values("country") if (row["entity_id"], row["value"]) not in located]


def _expected(case: Case, panel: str, row: Row) -> str | None:
    """Return why a new place or network is expected: all its addresses are the organisation's own. Of more than five it is not known."""
    if panel not in ("geolocations", "asos") or not row["source_ips"] or len(row["source_ips"]) >= MOST_ADDRESSES:
        return None
    names = [case.context.own_address(address) for address in row["source_ips"]]
    return labels.listed(sorted({name for name in names if name})) if all(names) else None


def _surge(row: Row, windows: Windows, surge: Surge) -> Row:
    return {
        "entity": row["entity_id"],
        "is_subject": row["relation"] == SELF,
        "value": row["api"],
        "count": surge.count,
        "expected": round(surge.expected, 3),
        "ratio": round(surge.ratio, 1),
        "most": windows.most,
        "window_count": windows.count,
        "p_value": float(f"{surge.p_value:.3g}"),
        "is_increased": surge.is_increased,
    }
