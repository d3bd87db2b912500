"""The row of one indicator."""

from __future__ import annotations

from collections.abc import Iterable

from transforms.investigations.case import Row


def indicator(  # noqa: PLR0913, PLR0917  (one per column)
    kind: str,
    severity: str,
    entity: str,
    value: str,
    reason: str,
    events: Iterable[str] | None,
    *,
    is_new_for_account: bool | None = None,
    mitre_tactic: str | None = None,
    mitre_technique: str | None = None,
) -> Row:
    """Return an indicator, as in INVESTIGATION_INDICATORS."""
    return {
        "type": kind,
        "severity": severity,
        "entity": entity or "unknown",
        "value": value,
        "is_new_for_account": is_new_for_account,
        "mitre_tactic": mitre_tactic,
        "mitre_technique": mitre_technique,
        "evidence_event_ids": list(events or []),
        "reason": reason,
    }
