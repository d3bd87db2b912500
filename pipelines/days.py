"""Days as conditions in SQL: what `replaceWhere`, and the pruning of partitions and files, understand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta


def days_condition(column: str, days: Sequence[date | None], of: str = "") -> str:
    """Return the SQL condition that holds for these days of a date column: what `replaceWhere` and pruning understand.

    `of` names the table where the column's name alone would not: `t.`.
    """
    named = sorted(day for day in days if day is not None)
    listed = ", ".join(f"DATE'{day.isoformat()}'" for day in named)
    conditions = [f"{of}`{column}` IN ({listed})"] if named else []
    if None in days:
        conditions.append(f"{of}`{column}` IS NULL")
    return " OR ".join(conditions) or "false"


def times_condition(column: str, days: Sequence[date]) -> str:
    """Return the SQL condition that a timestamp lies on one of these days, as one range per run of days."""
    conditions = [
        f"(`{column}` >= TIMESTAMP'{start.isoformat()}' AND `{column}` < TIMESTAMP'{end.isoformat()}')"
        for start, end in runs_of(days)
    ]
    return " OR ".join(conditions) or "false"


def runs_of(days: Sequence[date]) -> list[tuple[date, date]]:
    """Join days that follow each other: first day of each run, and the day after its last."""
    ranges: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if ranges and ranges[-1][1] == day:
            ranges[-1] = (ranges[-1][0], day + timedelta(days=1))
        else:
            ranges.append((day, day + timedelta(days=1)))
    return ranges
