"""Activity by day and by hour, and the months that baselines are made of."""

from __future__ import annotations

from pyspark.sql import functions as F

from expectations.tables import (
    API_CALL_VOLUME_HOURLY,
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_SESSIONS,
    PRINCIPAL_ACTIVITY_DAILY,
    PRINCIPAL_BASELINES,
    SESSION_USAGE,
)
from pipelines.night import Night, days_in
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import Candidate, Made, table_asset
from transforms.activity import build_api_call_volume_hourly, build_principal_activity_daily, count_calls
from transforms.baselines import build_principal_baselines


@table_asset(
    API_CALL_VOLUME_HOURLY,
    PRINCIPAL_ACTIVITY_DAILY,
    upstream=[CLOUDTRAIL_EVENTS, SESSION_USAGE, CREDENTIAL_SESSIONS],
    partitions=PUBLISH_DAYS,
)
def principal_activity(night: Night) -> Made:
    """Days that got new events, and days on which sessions were used whose root is another now."""
    lake = night.lake
    roots = ("credential_session_id", "started_date", "attribution_status", "root_id")
    rerooted = night.changed(PRINCIPAL_ACTIVITY_DAILY, CREDENTIAL_SESSIONS, *roots).localCheckpoint()
    start_days = days_in(rerooted.select("started_date"))
    usage = (
        lake.read(SESSION_USAGE)
        if None in start_days
        else lake.on_days(SESSION_USAGE, "session_created_at", [day for day in start_days if day])
    )
    used = usage.join(rerooted.select("credential_session_id").distinct(), on="credential_session_id", how="left_semi")
    new_days = night.touched_days(PRINCIPAL_ACTIVITY_DAILY, CLOUDTRAIL_EVENTS)
    # What was counted on days whose events have expired stays: it cannot be counted again.
    cut = lake.expired_before(CLOUDTRAIL_EVENTS)
    used_days = [day for day in days_in(used.select("event_date")) if cut is None or day is None or day >= cut]
    days = sorted({*new_days, *used_days}, key=str)

    usage_of_days = lake.read_days(SESSION_USAGE, days)
    started = days_in(usage_of_days.where("credential_session_id IS NOT NULL").select("session_created_at"))
    sessions = lake.read(CREDENTIAL_SESSIONS) if None in started else lake.read_days(CREDENTIAL_SESSIONS, started)
    calls = count_calls(lake.read_days(CLOUDTRAIL_EVENTS, days), usage_of_days, sessions).localCheckpoint()
    return {
        API_CALL_VOLUME_HOURLY.name: Candidate(build_api_call_volume_hourly(calls), list(days)),
        PRINCIPAL_ACTIVITY_DAILY.name: Candidate(build_principal_activity_daily(calls), list(days)),
    }


@table_asset(PRINCIPAL_BASELINES, upstream=[PRINCIPAL_ACTIVITY_DAILY], partitions=PUBLISH_DAYS)
def principal_baselines(night: Night) -> Made:
    """Months one of whose days was touched, made anew as a whole."""
    touched = night.touched_days(PRINCIPAL_BASELINES, PRINCIPAL_ACTIVITY_DAILY)
    months = sorted({day.replace(day=1) for day in touched if day})
    activity = night.lake.read(PRINCIPAL_ACTIVITY_DAILY).where(F.trunc("activity_date", "month").isin(months))
    return {PRINCIPAL_BASELINES.name: Candidate(build_principal_baselines(activity), list(months))}
