"""The document of one investigation: everything a report shows, as plain data (`document.schema.json`)."""

from __future__ import annotations

import math
from datetime import timedelta

from transforms.investigations import labels, severity
from transforms.investigations.answers import answers
from transforms.investigations.behaviour import is_new, novelties, standings, surges
from transforms.investigations.case import Case, Row, instant_of, text_of
from transforms.investigations.explore import explore
from transforms.investigations.indicators import find_indicators
from transforms.investigations.lineage import chain, focus_session
from transforms.investigations.links import profiles
from transforms.investigations.mentions import mentions
from transforms.investigations.relations import SELF
from transforms.investigations.rest import sql
from transforms.investigations.scope import AROUND_DAYS, BASELINE_DAYS
from transforms.investigations.story import story
from transforms.investigations.techniques import TACTICS, TECHNIQUES
from transforms.investigations.traffic import traffic
from transforms.investigations.travel import LEAST_KILOMETRES, LEAST_SPEED, find_travels

SCHEMA = "rolescope.investigation/2"

_OF_LOGS = ("account_id", "from_at", "complete_to_at", "file_count", "rejected_file_count", "rejected_count")


def build_document(case: Case) -> Row:
    """Return the document of a case."""
    indicators = find_indicators(case)
    points, lines = severity.score((row["type"], row["severity"]) for row in indicators)
    return {
        "schema": SCHEMA,
        "investigation_id": case.subject["investigation_id"],
        "finding": case.finding,
        "entity": _entity(case),
        "names": {row["entity_id"]: case.name(row["entity_id"]) for row in case.rows("entities")},
        "scope": _scope(case),
        "severity": {
            "label": severity.label(points),
            "score": points,
            "lines": lines,
            "points": severity.POINTS,
            "bands": [{"label": name, "least": least} for name, least in severity.BANDS],
        },
        "answers": answers(case),
        "overview": _overview(case),
        "chain": chain(case),
        "timeline": _timeline(case),
        "volume": _volume(case),
        "drilldown": {name: _drilldown(case, name) for name in ("source_ip", "api", "access_key")},
        "behaviour": _behaviour(case),
        "travel": _travel(case),
        "flows": traffic(case),
        "past": _past(case),
        "interaction": _interaction(case),
        "principals": _principals(case),
        "related_findings": {"rows": case.rows("related"), "total": case.total("related")},
        "story": {"findings": story(case)},
        "profiles": profiles(case),
        "account": _account(case),
        "indicators": indicators,
        "techniques": _techniques(indicators),
        "logs": {"complete_to_at": case.logs_complete_to, "accounts": _logs(case)},
        "explore": explore(case),
        "sql": sql(case),
        "context": mentions(case),
    }


def _entity(case: Case) -> Row:
    focus = focus_session(case)
    return {
        "kind": case.subject["entity_kind"],
        "kind_text": labels.kind_name(case.subject["entity_kind"], is_finding=case.finding is not None),
        "id": case.entity_id,
        "name": case.name(case.entity_id),
        "session_name": focus["session_name"] if focus else None,
        "role_arn": case.subject["role_arn"],
        "account_id": case.subject["account_id"],
        "has_subject": case.has_subject,
        "matched_by": case.subject["matched_by"],
        "matched_text": labels.MATCHES[case.subject["matched_by"]],
        "candidates": [
            {"kind": each["entity_kind"], "id": each["entity_id"], "role_arn": each["role_arn"], "account_id": each["account_id"]}
            for each in case.subject["candidates"] or []
        ],
    }  # fmt: skip


def _scope(case: Case) -> Row:
    return {
        "start_at": text_of(case.scope_start),
        "end_at": text_of(case.scope_end),
        "hours": int((case.scope_end - case.scope_start) / timedelta(hours=1)),
        "baseline_start_at": text_of(case.baseline_start),
        "baseline_days": BASELINE_DAYS,
    }


def _overview(case: Case) -> Row:
    observed = next((row for row in case.rows("role_sessions") if row["relation"] == SELF), {})
    keys = sorted({key for row in case.own for key in row["access_key_ids"] or []})
    success, failed = case.counted(SELF, in_scope=True)
    return {
        "first_observed_at": observed.get("first_observed_at"),
        "last_observed_at": observed.get("last_observed_at"),
        "credential_session_count": observed.get("credential_session_count"),
        "event_count": observed.get("event_count"),
        "failed_count": observed.get("failed_count"),
        "scope_success_count": success,
        "scope_failed_count": failed,
        "access_key_ids": keys,
        "source_identities": sorted({row["source_identity"] for row in case.own if row["source_identity"]}),
        "assumptions": [_assumption(case, row) for row in _by_start(case.rows("assumptions"))],
        "assumption_count": case.total("assumptions"),
    }


def _assumption(case: Case, row: Row) -> Row:
    lasts = (
        labels.lasting((instant_of(row["expires_at"]) - instant_of(row["started_at"])).total_seconds())
        if row["expires_at"] and row["started_at"]
        else None
    )
    own = {each["credential_session_id"] for each in case.own}
    return {
        "credential_session_id": row["credential_session_id"],
        "is_in_scope": row["credential_session_id"] in own,
        "started_at": row["started_at"],
        "expires_at": row["expires_at"],
        "lasts": lasts,
        "first_event_at": row["first_event_at"],
        "last_event_at": row["last_event_at"],
        "event_count": row["event_count"],
        "failed_count": row["failed_count"],
        "issuing_api": row["issuing_api"],
        "event_ids": row["issuing_event_ids"] or [],
        "assumed_by": case.assumer(row),
        "assumed_by_account_id": row["assumed_by_account_id"],
        "root": labels.who(row["root_type"], row["root_name"], row["root_id"]),
        "method": row["attribution_method"],
        "method_text": labels.METHODS.get(row["attribution_method"] or "", "not bound to an issuing call"),
        "status": row["attribution_status"],
        "confidence": row["attribution_confidence"],
        "confidence_text": labels.confidence(row["attribution_confidence"]),
        "mfa_authenticated": row["mfa_authenticated"],
        "access_key_ids": row["access_key_ids"] or [],
        "used_after_expiry": bool(row["used_after_expiry"]),
    }


def _timeline(case: Case) -> Row:
    shown = [
        {**row, "name": case.name(row["entity_id"]), "is_notable": row["api"] in TECHNIQUES} for row in case.deeds()
    ]
    totals = [{**row, "name": case.name(row["entity_id"])} for row in case.rows("totals")]
    success, failed = case.counted()
    hidden = success + failed - len(shown)
    return {"events": shown, "totals": totals, "total": success + failed, "hidden_count": max(0, hidden)}


def _volume(case: Case) -> Row:
    own = sorted(
        (row for row in case.rows("hours") if row["entity_id"] == case.entity_id), key=lambda row: row["hour_at"]
    )
    start, end = case.scope_start - timedelta(days=AROUND_DAYS), case.scope_end + timedelta(days=AROUND_DAYS)
    around = [row for row in own if text_of(start) <= row["hour_at"] < text_of(end)]
    before = [row for row in own if text_of(case.baseline_start) <= row["hour_at"] < text_of(case.scope_start)]
    return {
        "start_at": text_of(start),
        "end_at": text_of(end),
        "hours": [[row["hour_at"], row["success_count"], row["failed_count"]] for row in around],
        "baseline": _band(before),
        "baseline_calls": sum(row["success_count"] + row["failed_count"] for row in before),
        "baseline_active_hours": len(before),
        "chained": [_days(case, entity_id) for entity_id in dict.fromkeys(row["entity_id"] for row in case.descendants)][:12],
    }  # fmt: skip


def _band(rows: list[Row]) -> list[Row]:
    """Return mean, median and 95th percentile of each hour of the day over the 45 days, days without a call included."""
    by_hour: dict[int, list[int]] = {hour: [] for hour in range(24)}
    for row in rows:
        by_hour[int(row["hour_at"][11:13])].append(row["success_count"] + row["failed_count"])
    band = []
    for hour, calls in by_hour.items():
        full = sorted([0] * max(0, BASELINE_DAYS - len(calls)) + calls)
        mean = sum(full) / len(full)
        band.append(
            {"hour": hour, "mean": round(mean, 2), "median": _percentile(full, 0.5), "p95": _percentile(full, 0.95)}
        )
    return band


def _percentile(ordered: list[int], share: float) -> int:
    """Return the smallest value that is not exceeded by that share of the values (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _days(case: Case, entity_id: str) -> Row:
    """Return a chained session's calls by day, from 45 days before the scope until a week after it."""
    by_day: dict[str, list[int]] = {}
    for row in case.rows("hours"):
        if row["entity_id"] == entity_id:
            counts = by_day.setdefault(row["hour_at"][:10], [0, 0])
            counts[0] += row["success_count"]
            counts[1] += row["failed_count"]
    return {
        "entity": entity_id,
        "name": case.name(entity_id),
        "start_at": text_of(case.baseline_start),
        "days": [[day, *counts] for day, counts in sorted(by_day.items())],
    }


def _drilldown(case: Case, dimension: str) -> Row:
    rows = case.values(dimension)
    return {
        "rows": [
            {
                "entity": row["entity_id"], "name": case.name(row["entity_id"]), "value": row["value"],
                "success_count": row["success_count"], "failed_count": row["failed_count"],
                "first_at": row["first_at"], "last_at": row["last_at"], "event_ids": row["event_ids"],
            }
            for row in rows
        ],
        "total": len(rows),
    }  # fmt: skip


def _behaviour(case: Case) -> Row:
    panels = {
        panel: [{**row, "name": case.name(row["entity"]), "is_new": is_new(row)} for row in novelties(case, panel)]
        for panel in ("geolocations", "api_calls", "asos", "user_agents")
    }
    increased = [{**row, "name": case.name(row["entity"])} for row in surges(case)]
    return {
        **panels,
        "increased_volume": [row for row in increased if row["is_increased"]],
        "tested_volume_count": len(increased),
        "standings": standings(case).get(case.entity_id, {}),
    }


def _travel(case: Case) -> Row:
    travel = find_travels(case)
    return {
        "least_kilometres": LEAST_KILOMETRES,
        "least_speed_kmh": LEAST_SPEED,
        "legs": travel.impossible[:50],
        "impossible_count": len(travel.impossible),
        "leg_count": travel.leg_count,
        "left_out": [{"value": value, "why": why} for value, why in travel.left_out.items()][:100],
    }


def _past(case: Case) -> list[Row]:
    return [
        {
            "entity": entity_id,
            "name": case.name(entity_id),
            "days": sorted(
                (row for row in case.rows("past_use") if row["entity_id"] == entity_id), key=lambda row: row["started_date"]
            ),
            "calls": [row for row in case.rows("past_calls") if row["entity_id"] == entity_id],
        }
        for entity_id in dict.fromkeys(row["entity_id"] for row in case.descendants)
    ]  # fmt: skip


def _interaction(case: Case) -> Row:
    return {
        "role_arn": case.subject["role_arn"],
        "assumers": {"rows": case.rows("assumers"), "total": case.total("assumers")},
        "assumed_roles": {"rows": case.rows("assumed_roles"), "total": case.total("assumed_roles")},
        "sessions": {
            "rows": [
                _assumption(case, row) | {"name": f"{row['role_name']}/{row['session_name']}"}
                for row in _by_start(case.rows("involved"))
            ],
            "total": case.total("involved"),
        },
        "refusals": {"rows": case.rows("refusals"), "total": case.total("refusals")},
    }  # fmt: skip


def _principals(case: Case) -> Row:
    """Return who made the calls of a profile of many: of a role, an account, an address, a user agent."""
    rows = [
        {
            **row,
            "name": case.name(row["principal_id"]),
            "root": labels.who(row["root_type"], row["root_name"], row["root_id"]),
        }
        for row in case.rows("principals")
    ]
    return {"rows": rows, "total": case.total("principals")}


def _account(case: Case) -> Row:
    entities = {row["entity_id"] for row in case.rows("entities")}
    notable = sorted(case.rows("notable"), key=lambda row: (row["event_at"], row["event_id"]))
    return {
        "account_id": case.account_id,
        "calls": {"rows": case.rows("account_calls"), "total": case.total("account_calls")},
        "notable": {
            "rows": [
                {**row, "is_theirs": row["principal_id"] in entities or row["identity_arn"] in entities} for row in notable
            ],
            "total": case.total("notable"),
        },
    }  # fmt: skip


def _techniques(indicators: list[Row]) -> list[Row]:
    """Return the names of the tactics and techniques that the indicators mention."""
    named = {technique.technique: technique for technique in TECHNIQUES.values()}
    mentioned = sorted({row["mitre_technique"] for row in indicators if row["mitre_technique"]})
    return [
        {
            "technique": each,
            "name": named[each].name,
            "tactic": named[each].tactic,
            "tactic_name": TACTICS[named[each].tactic],
        }
        for each in mentioned
    ]


def _logs(case: Case) -> list[Row]:
    return sorted(
        (
            {name: row[name] for name in _OF_LOGS}
            for row in case.rows("logs")
        ),
        key=lambda row: str(row["account_id"]),
    )  # fmt: skip


def _by_start(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["started_at"] or "", row["credential_session_id"]))
