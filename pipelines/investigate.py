"""One finding at three in the morning: whose accounts' logs are needed, and what its investigation says.

Reads rows, not frames: a local lake answers without Spark, whose start would be the longest part of an answer that is there.
"""

from __future__ import annotations

import json
from heapq import nlargest
from typing import TYPE_CHECKING, Any

from expectations.tables import GUARDDUTY_FINDINGS, INVESTIGATIONS
from pipelines.report.files import page_of

if TYPE_CHECKING:
    from pipelines.night import Night

_FINDING = ("finding_id", "account_id", "title", "type", "first_seen_at", "updated_at")
_ANSWERS = ("who", "what_else", "consistency", "gaps", "severity", "score", "logs_complete_to_at", "report_uri")


def finding_of(night: Night, finding_id: str) -> dict[str, Any] | None:
    """Return the newest version of a finding in the lake (finding_id, account_id, title, type, times in UTC); null if there is none."""
    of_id = f"finding_id = {night.lake.literal(finding_id)}"
    versions = night.lake.read_rows(GUARDDUTY_FINDINGS, _FINDING, of_id)
    return max(versions, key=lambda version: version["updated_at"], default=None)


def newest_findings(night: Night, limit: int = 5) -> list[str]:
    """Return ids of the findings that were updated last."""
    updated = night.lake.read_rows(
        GUARDDUTY_FINDINGS, ["finding_id", "max(updated_at) AS updated_at"], group_by=["finding_id"]
    )
    updated.sort(key=lambda finding: finding["finding_id"])
    newest = nlargest(limit, updated, key=lambda finding: finding["updated_at"])
    return [finding["finding_id"] for finding in newest]


def accounts_of(night: Night, finding: dict[str, Any]) -> frozenset[str]:
    """Return the accounts whose logs a finding needs: its own, and those that an investigation so far was led to."""
    made = night.lake.read_rows(
        INVESTIGATIONS, ["document"], f"finding_id = {night.lake.literal(finding['finding_id'])}"
    )
    led_to = {account["account_id"] for row in made for account in json.loads(row["document"])["logs"]["accounts"]}
    return frozenset({finding["account_id"], *led_to})


def answers_of(night: Night, *, finding_id: str | None = None, investigation_id: str | None = None) -> dict[str, str]:
    """Return what the investigation of a finding, or a profile, says, by question, in the order it is read."""
    column, value = ("finding_id", finding_id) if finding_id else ("investigation_id", investigation_id)
    found = night.lake.read_rows(INVESTIGATIONS, _ANSWERS, f"{column} = {night.lake.literal(str(value))}")
    if not found:
        return {}
    made = found[0]
    complete_to = made["logs_complete_to_at"]
    return {
        "Who was behind it?": made["who"],
        "What else did they do?": made["what_else"],
        "Is it like them?": made["consistency"],
        "What the logs cannot show": made["gaps"],
        "Severity": f"{made['severity']} ({made['score']} points)",
        "The logs are complete up to": f"{complete_to:%Y-%m-%d %H:%M:%S} UTC" if complete_to else "unknown",
        "Report": page_of(made["report_uri"], night.settings.report_folder).resolve().as_uri(),
    }
