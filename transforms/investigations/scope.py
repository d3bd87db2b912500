"""The scope time of an investigation, and which days of which tables it needs (DESIGN §5)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

BASELINE_DAYS = 45
AROUND_DAYS = 7
TRAINING_DAYS = 14


class Days(NamedTuple):
    """Days from first to last, both included."""

    first: date
    last: date


class DaysNeeded(NamedTuple):
    """Which days of each table the caller hands in. Tables that are not named here are needed whole."""

    events: Days
    usage: Days
    sessions: Days
    """By started_date; rows without one are needed too."""
    issuances: Days
    activity: Days
    volume: Days
    coverage: Days
    flows: Days


def with_scope(findings: DataFrame) -> DataFrame:
    """Add `scope_start_at` and `scope_end_at` (UTC, not included): first to last seen, snapped out to whole hours.

    What was last seen on the very hour is inside: the end is the next one.
    """
    return findings.withColumns(
        {
            "scope_start_at": F.date_trunc("hour", "first_seen_at"),
            "scope_end_at": F.date_trunc("hour", "last_seen_at") + F.expr("INTERVAL 1 HOUR"),
        }
    )


def baseline_start() -> Column:
    """First instant of the baseline of a row's scope."""
    return F.col("scope_start_at") - F.expr(f"INTERVAL {BASELINE_DAYS} DAYS")


def horizon() -> Column:
    """Instant that an investigation does not look beyond: what happens later must not change what it says."""
    return F.col("scope_end_at") + F.expr(f"INTERVAL {AROUND_DAYS} DAYS")


def window_start() -> Column:
    """First instant that the scope can be moved to in a page: the midnight before the seven days before it."""
    return F.date_trunc("day", F.col("scope_start_at") - F.expr(f"INTERVAL {AROUND_DAYS} DAYS"))


def window_end() -> Column:
    """Last instant that the scope can be moved to, not included: the midnight after the seven days after it."""
    return F.date_trunc("day", horizon() - F.expr("INTERVAL 1 SECOND")) + F.expr("INTERVAL 1 DAY")


def only_due(findings: DataFrame, since: date | None) -> DataFrame:
    """Return the findings (with their scope) that logs from a day on may say something new about; none if it is null.

    Two days more than the horizon, since a session that began just before it goes on for up to 36 hours.
    """
    last_day = F.date_add(F.to_date(horizon()), 2)
    return findings.where(last_day >= F.lit(since).cast("date"))


def days_needed(first_scope_start: datetime, last_scope_end: datetime) -> DaysNeeded:
    """Return the days that investigations need whose scopes lie between these two instants (UTC)."""
    before = (first_scope_start - timedelta(days=AROUND_DAYS)).date()
    past = before - timedelta(days=BASELINE_DAYS)
    after = (last_scope_end + timedelta(days=AROUND_DAYS)).date()
    return DaysNeeded(
        events=Days(before, after),
        usage=Days(before, after),
        sessions=Days(past, after),
        issuances=Days(past, after),
        activity=Days(past, after),
        volume=Days(past, after),
        coverage=Days((first_scope_start - timedelta(days=1)).date(), (last_scope_end + timedelta(days=1)).date()),
        flows=Days((first_scope_start - timedelta(days=BASELINE_DAYS)).date(), last_scope_end.date()),
    )
