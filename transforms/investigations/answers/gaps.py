"""What the logs cannot show: how far they reach, where they were stopped, what is not established."""

from __future__ import annotations

from transforms.investigations import labels
from transforms.investigations.answers.sentences import Sentence, say
from transforms.investigations.case import Case, instant_of
from transforms.investigations.indicators.around import find_log_gaps
from transforms.investigations.techniques import LOGGING_CALLS


def gaps(case: Case) -> list[Sentence]:
    """Say how far the logs reach and what they cannot show."""
    said = [_completeness(case)]
    stopped = [row for row in case.rows("notable") if row["api"] in LOGGING_CALLS and not row["is_failed"]]
    if stopped:
        first = min(stopped, key=lambda row: row["event_at"])
        names = labels.listed(
            [
                f"{labels.call(row['api'])} {row['target'] or ''} at {labels.moment(row['event_at'])}".replace(
                    "  ", " "
                )
                for row in sorted(stopped, key=lambda row: row["event_at"])
            ],
            3,
        )
        said.append(
            say(
                f"Logging was touched ({names}): what that trail alone would have recorded after "
                f"{labels.moment(first['event_at'])} is not here. Other trails of the account still are, if there are any.",
                *[row["event_id"] for row in stopped[:4]],
            )
        )
    for gap in find_log_gaps(case):
        reason = str(gap["reason"])
        said.append(say(f"{reason[:1].upper()}{reason[1:]}.", "#logs", *gap["evidence_event_ids"]))
    unresolved = [row for row in [*case.own, *case.descendants] if row["attribution_status"] != "resolved"]
    if unresolved:
        reasons = sorted(
            {labels.REASONS.get(row["attribution_reason"] or "", "the logs do not say") for row in unresolved}
        )
        said.append(
            say(
                f"{labels.count(len(unresolved), 'session')} here without an established root: {labels.listed(reasons)}.",
                "#chain",
            )
        )
    missing = [case.account(row["account_id"]) for row in case.rows("logs") if not row["file_count"]]
    if missing:
        said.append(
            say(
                f"No logs of account {labels.listed(missing)} are here: what was done there shows only in other accounts' copies.",
                "#logs",
            )
        )
    broken = sum((row["rejected_count"] or 0) for row in case.rows("logs"))
    if broken:
        said.append(
            say(
                f"{labels.count(broken, 'record')} of these accounts could not be read (table rejected_records).",
                "#logs",
            )
        )
    said.append(
        say(
            "Trails record data events (reading of S3 objects, invoking of functions) only where that is switched on; their "
            "absence is no proof.",
            "#logs",
        )
    )
    return said


def _completeness(case: Case) -> Sentence:
    here = [row for row in case.rows("logs") if row["complete_to_at"]]
    if not here:
        return say(
            "Up to when the logs are complete is not known: no log object of the accounts concerned is here.", "#logs"
        )
    least = min(here, key=lambda row: row["complete_to_at"])
    to = instant_of(least["complete_to_at"])
    short = " That is before the end of the scope: look again when they have arrived." if to < case.scope_end else ""
    return say(
        f"The logs of the accounts concerned reach up to {labels.moment(least['complete_to_at'])}, those of account "
        f"{case.account(least['account_id'])} the least far.{short}",
        "#logs",
    )
