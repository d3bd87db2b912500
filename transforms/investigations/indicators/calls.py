"""Calls that serve an attack technique, and calls made more often than before."""

from __future__ import annotations

from collections.abc import Iterable

from transforms.investigations import labels
from transforms.investigations.behaviour import surges
from transforms.investigations.case import Case, Row
from transforms.investigations.indicators.indicator import indicator
from transforms.investigations.techniques import TACTICS, TECHNIQUES


def find_techniques(case: Case) -> Iterable[Row]:
    """Return calls that serve a technique, in the scope or in the week after it; a try that failed counts less."""
    calls = [*case.values("api"), *case.values("api", in_scope=False)]
    for api in dict.fromkeys((row["entity_id"], row["value"]) for row in calls if row["value"] in TECHNIQUES):
        rows = [row for row in calls if (row["entity_id"], row["value"]) == api]
        technique = TECHNIQUES[api[1]]
        success, failed = sum(row["success_count"] for row in rows), sum(row["failed_count"] for row in rows)
        when = "in the scope" if rows[0]["is_in_scope"] else "after the scope"
        yield indicator(
            "TTP_OBSERVED", technique.severity if success else "LOW", api[0], api[1],
            f"{labels.call(api[1])} {_tried(success, failed)} {when}: {technique.name} ({TACTICS[technique.tactic]})",
            sorted({event for row in rows for event in row["event_ids"]}),
            mitre_tactic=technique.tactic, mitre_technique=technique.technique,
        )  # fmt: skip


def find_volumes(case: Case) -> Iterable[Row]:
    """Return calls made significantly more often than before."""
    for row in surges(case):
        if row["is_increased"]:
            reason = (
                f"{row['count']:,} times in the scope; {row['expected']:g} expected from {row['window_count']:,} windows of the "
                f"same length before (at most {row['most']:,}), p = {row['p_value']:.1e}"
            )
            yield indicator("INCREASED_VOLUME", "MEDIUM", row["entity"], row["value"], reason, [])


def _tried(success: int, failed: int) -> str:
    """Say how often something was tried and worked."""
    if not failed:
        return f"succeeded {labels.count(success, 'time')}"
    if not success:
        return f"failed {labels.count(failed, 'time')}"
    return f"failed {labels.count(failed, 'time')} and succeeded {labels.count(success, 'time')}"
