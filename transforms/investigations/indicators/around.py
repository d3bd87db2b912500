"""What stands around the scope: other findings, and hours of which there are no logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from transforms.investigations import labels
from transforms.investigations.case import Case, Row, instant_of, text_of
from transforms.investigations.indicators.indicator import indicator

SHARED = {
    "access_key": "the access key",
    "session": "the session identifier",
    "chain": "the chain of sessions",
    "root": "who was behind it",
    "account": "the account",
    "role": "the role",
    "address": "the remote address",
}

# How an hour came to lack logs, the worst first: column of LOG_COVERAGE, severity within the scope and within a day of it, words.
_GAPS = {
    "stopped": ("stopped_hours", "HIGH", "MEDIUM", "logging was stopped"),
    "unlinked": ("unlinked_hours", "MEDIUM", "LOW", "the chain of digests is broken: log files may have been removed"),
    "silent": ("silent_hours", "LOW", "INFORMATIONAL", "nothing was logged where something always is"),
}
_AROUND = timedelta(days=1)


def find_related(case: Case) -> Iterable[Row]:
    """Return other findings that share something with this one."""
    for row in case.rows("related"):
        severity = "MEDIUM" if (row["severity"] or 0) >= 7 else "LOW"
        reason = f"{row['type']} shares {labels.listed([SHARED[each] for each in row['shared']])}"
        yield indicator("RELATED_FINDING", severity, case.entity_id, row["finding_id"], reason, [])


def find_log_gaps(case: Case) -> Iterable[Row]:
    """Return gaps in the logs of the accounts concerned, within a day of the scope: one per account and cause."""
    accounts = dict.fromkeys(row["account_id"] for row in case.rows("log_gaps"))
    for account_id in accounts:
        for cause, (column, in_scope, around, words) in _GAPS.items():
            rows = [row for row in case.rows("log_gaps") if row["account_id"] == account_id and row[column]]
            hours = sorted({hour for row in rows for hour in _hours(row, column) if _is_near(case, hour)})
            if not hours:
                continue
            is_in_scope = any(case.scope_start <= hour < case.scope_end for hour in hours)
            regions = sorted({row["region"] for row in rows if row["region"]})
            spans = labels.listed(
                [f"{_minute(first)} to {_minute(last + timedelta(hours=1))}" for first, last in _spans(hours)], 3
            )
            where = f" in {labels.listed(regions, 3)}" if regions else ""
            yield indicator(
                "LOG_GAP", in_scope if is_in_scope else around, case.entity_id, f"{account_id} {cause}",
                f"the logs of account {case.account(account_id)}{where} have a gap from {spans}: {words}",
                sorted({row["stopped_by"] for row in rows if row["stopped_by"]}) if cause == "stopped" else [],
            )  # fmt: skip


def _hours(row: Row, column: str) -> list[datetime]:
    midnight = instant_of(f"{row['coverage_date']}T00:00:00Z")
    return [midnight + timedelta(hours=hour) for hour in row[column]]


def _is_near(case: Case, hour: datetime) -> bool:
    return case.scope_start - _AROUND <= hour < case.scope_end + _AROUND


def _spans(hours: list[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """Join hours that follow each other: the first and the last of each run."""
    first = hours[0]
    for hour, following in zip(hours, [*hours[1:], None], strict=True):
        if following is None or following - hour > timedelta(hours=1):
            yield first, hour
            first = following or hour


def _minute(instant: datetime) -> str:
    return labels.minute(text_of(instant))
