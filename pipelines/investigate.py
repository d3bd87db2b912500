"""One finding at three in the morning: whose accounts' logs are needed, and what its investigation says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from expectations.tables import GUARDDUTY_FINDINGS, INVESTIGATIONS
from transforms.findings import only_newest

if TYPE_CHECKING:
    from pyspark.sql import Row

    from pipelines.night import Night


def finding_of(night: Night, finding_id: str) -> Row | None:
    """Return the newest version of a finding in the lake; null if it is not there."""
    of_id = night.lake.read(GUARDDUTY_FINDINGS).where(F.col("finding_id") == finding_id)
    return only_newest(of_id).first()


def newest_findings(night: Night, limit: int = 5) -> list[str]:
    """Return ids of the findings that were updated last."""
    newest = only_newest(night.lake.read(GUARDDUTY_FINDINGS)).orderBy(F.desc("updated_at"), "finding_id").limit(limit)
    return [row.finding_id for row in newest.select("finding_id").collect()]


def accounts_of(night: Night, finding: Row) -> frozenset[str]:
    """Return the accounts whose logs a finding needs: its own, and those that an investigation so far was led to."""
    made = night.lake.read(INVESTIGATIONS).where(F.col("finding_id") == finding.finding_id).select("document").collect()
    led_to = {account["account_id"] for row in made for account in json.loads(row.document)["logs"]["accounts"]}
    return frozenset({finding.account_id, *led_to})


def answers_of(night: Night, *, finding_id: str | None = None, investigation_id: str | None = None) -> dict[str, str]:
    """Return what the investigation of a finding, or a profile, says, by question, in the order it is read."""
    column, value = ("finding_id", finding_id) if finding_id else ("investigation_id", investigation_id)
    made = night.lake.read(INVESTIGATIONS).where(F.col(column) == F.lit(value)).first()
    if made is None:
        return {}
    complete_to = made.logs_complete_to_at
    return {
        "Who was behind it?": made.who,
        "What else did they do?": made.what_else,
        "Is it like them?": made.consistency,
        "What the logs cannot show": made.gaps,
        "Severity": f"{made.severity} ({made.score} points)",
        "The logs are complete up to": f"{complete_to:%Y-%m-%d %H:%M:%S} UTC" if complete_to else "unknown",
        "Report": made.report_uri,
    }
