"""Issuances and usage: silver tables that follow the events day by day."""

from __future__ import annotations

from pyspark.sql import functions as F

from expectations.tables import CLOUDTRAIL_EVENTS, CREDENTIAL_ISSUANCES, SESSION_USAGE
from pipelines.days import times_condition
from pipelines.night import Night, days_in
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import Candidate, Made, table_asset
from transforms.issuances import build_credential_issuances
from transforms.usage import count_usage, days_around, with_sessions


@table_asset(CREDENTIAL_ISSUANCES, upstream=[CLOUDTRAIL_EVENTS], partitions=PUBLISH_DAYS)
def credential_issuances(night: Night) -> Made:
    """The issuing calls of every day that got new events, made anew as a whole: both copies of a call have its day."""
    days = night.touched_days(CREDENTIAL_ISSUANCES, CLOUDTRAIL_EVENTS)
    rows = build_credential_issuances(night.lake.read_days(CLOUDTRAIL_EVENTS, days))
    return {CREDENTIAL_ISSUANCES.name: Candidate(rows, days)}


@table_asset(SESSION_USAGE, upstream=[CLOUDTRAIL_EVENTS, CREDENTIAL_ISSUANCES], partitions=PUBLISH_DAYS)
def session_usage(night: Night) -> Made:
    """Usage of every day that got new events, and of other days whose sessions got a new issuance or were used again."""
    lake = night.lake
    counted_days = night.touched_days(SESSION_USAGE, CLOUDTRAIL_EVENTS)
    counted = count_usage(lake.read_days(CLOUDTRAIL_EVENTS, counted_days)).localCheckpoint()
    replaced = lake.read_days(SESSION_USAGE, counted_days)
    issued = night.changed(SESSION_USAGE, CREDENTIAL_ISSUANCES, "issued_at")
    started = days_in(
        counted.select("session_created_at")
        .unionByName(replaced.select("session_created_at"))
        .unionByName(days_around(issued, "issued_at").withColumnRenamed("day", "session_created_at"))
    )
    # Other days on which sessions with these starts were used: their identity is settled together.
    started_on = lake.on_days(SESSION_USAGE, "session_created_at", [day for day in started if day])
    days = sorted({*counted_days, *days_in(started_on.select("event_date"))}, key=str)
    kept = lake.read_days(SESSION_USAGE, [day for day in days if day not in counted_days])
    usage = counted.unionByName(kept)
    is_open = F.expr(f"coalesce({times_condition('session_created_at', [day for day in started if day])}, true)")
    issuance_days = days_in(days_around(usage.where(is_open), "session_created_at", "first_event_at").select("day"))
    issuances = night.read_once(lake.read_days(CREDENTIAL_ISSUANCES, issuance_days))
    settled = with_sessions(usage.where(is_open), issuances).unionByName(usage.where(~is_open))
    return {SESSION_USAGE.name: Candidate(settled, list(days))}
