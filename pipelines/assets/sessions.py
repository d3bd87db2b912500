"""Credential sessions and their chains."""

from __future__ import annotations

from datetime import date, timedelta
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.tables import (
    CHAIN_EDGES,
    CREDENTIAL_ISSUANCES,
    CREDENTIAL_SESSIONS,
    INGEST_FILES,
    LOG_COVERAGE,
    SESSION_USAGE,
)
from pipelines.days import days_condition
from pipelines.night import Night, days_in, settle
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import Candidate, Made, table_asset
from transforms.chain import build_chain_edges
from transforms.coverage import find_account_gaps
from transforms.sessions.build import (
    as_bound,
    bind_sessions,
    log_windows,
    only_due,
    root_sessions,
    with_neighbours,
    with_unbound_reason,
)
from transforms.sessions.doubts import is_in_circle
from transforms.sessions.neighbours import NEIGHBOUR_COLUMNS
from transforms.usage import days_around


@table_asset(
    CREDENTIAL_SESSIONS,
    upstream=[SESSION_USAGE, CREDENTIAL_ISSUANCES, INGEST_FILES, LOG_COVERAGE],
    partitions=PUBLISH_DAYS,
)
def credential_sessions(night: Night) -> Made | None:
    """Sessions of every start day that was touched, bound anew; their descendants of other days are rooted anew.

    Touched is a day on which a session began that was used or issued, or one whose unresolved sessions are due to be looked at
    again: the lake knows more accounts or gaps, reaches further back, or its clock has gone on.
    """
    lake = night.lake
    files = lake.read(INGEST_FILES)
    windows = log_windows(files, _gaps(night)).localCheckpoint()
    clock: date | None = files.where("source = 'cloudtrail'").agg(F.max("publish_date")).collect()[0][0]
    bound_days = _touched_days(night)
    other_days = [day for day in _other_days(night, bound_days, windows, clock) if day not in bound_days]

    usage = _usage_of(night, bound_days).localCheckpoint()
    issuance_days = sorted(
        {*[day for day in bound_days if day], *days_in(days_around(usage, "session_created_at", "first_event_at"))},
        key=str,
    )
    issuances = night.read_once(lake.read_days(CREDENTIAL_ISSUANCES, issuance_days))
    bound = bind_sessions(usage, issuances, lake.read_days(SESSION_USAGE, issuance_days), _kept)
    of_bound_days = f"coalesce({days_condition('started_date', bound_days)}, false)"
    known = as_bound(lake.read_days(CREDENTIAL_SESSIONS, other_days))
    alone = _kept(bound.where(of_bound_days).unionByName(known))
    around = _days_around_asking(alone)
    asked = with_neighbours(
        alone, _neighbours(night, around, [*bound_days, *other_days]), lake.read_days(SESSION_USAGE, around)
    )
    sessions = _kept(with_unbound_reason(asked, windows, clock))
    rooted = root_sessions(sessions, _parents_elsewhere(night, sessions, [*bound_days, *other_days]), settle)
    facts = {"clock": clock.isoformat() if clock else None, "windows": _fingerprint(windows)}
    return {CREDENTIAL_SESSIONS.name: Candidate(rooted, [*bound_days, *other_days], facts=facts)}


@table_asset(CHAIN_EDGES, upstream=[CREDENTIAL_SESSIONS], partitions=PUBLISH_DAYS)
def chain_edges(night: Night) -> Made:
    """The edge of every session that was written, with its own method, confidence and evidence."""
    days = night.touched_days(CHAIN_EDGES, CREDENTIAL_SESSIONS)
    rows = build_chain_edges(night.lake.read_days(CREDENTIAL_SESSIONS, days))
    return {CHAIN_EDGES.name: Candidate(rows, days)}


def _kept(frame: DataFrame) -> DataFrame:
    return frame.localCheckpoint()


def _touched_days(night: Night) -> list[date | None]:
    """Start days of the sessions that were used or issued since, and the days of that use: whom they assumed then names them as parent.

    A late twin of an issuing call makes the key a part of its session's id, which those that name it must follow.
    """
    lake = night.lake
    used = lake.touched(SESSION_USAGE, night.since(CREDENTIAL_SESSIONS, SESSION_USAGE)).where(
        "credential_session_id IS NOT NULL"
    )
    issued = lake.touched(CREDENTIAL_ISSUANCES, night.since(CREDENTIAL_SESSIONS, CREDENTIAL_ISSUANCES))
    starts = days_in(
        days_around(used, "session_created_at", "first_event_at")
        .unionByName(days_around(issued, "issued_at"))
        .unionByName(used.select(F.col("event_date").alias("day")))
    )
    without_start = used.where("session_created_at IS NULL").isEmpty()
    return [*starts, *([] if without_start else [None])]


def _other_days(
    night: Night, bound_days: list[date | None], windows: DataFrame, clock: date | None
) -> list[date | None]:
    """Start days of sessions whose binding stands, but which are due, or lead back through a session that was touched."""
    lake = night.lake
    table = lake.read(CREDENTIAL_SESSIONS)
    waiting = table.where("attribution_reason IS NOT NULL OR external_caller_id IS NOT NULL")
    seen_clock = night.fact(CREDENTIAL_SESSIONS, "clock")  # none before the first CloudTrail object
    if seen_clock is not None and night.fact(CREDENTIAL_SESSIONS, "windows") == _fingerprint(windows):
        # Only the clock went on: pending sessions are at most 72 hours older than it was.
        waiting = waiting.where(
            f"attribution_reason = 'PENDING' AND started_date >= DATE'{seen_clock}' - INTERVAL 4 DAYS"
        )
    columns = ("started_date", "top_session_id")
    touched = lake.read_days(CREDENTIAL_SESSIONS, bound_days)
    due = only_due(waiting, windows, clock).select(*columns).unionByName(_asking(night, touched, bound_days))
    due = _kept(due)
    tops = touched.select("top_session_id").unionByName(due.select("top_session_id")).distinct()
    # Who leads back through another session began with it or later, or a second before.
    earliest = min((day for day in (*bound_days, *days_in(due.select("started_date"))) if day), default=None)
    later = (
        table
        if earliest is None
        else table.where(f"started_date >= DATE'{earliest}' - INTERVAL 1 DAY OR started_date IS NULL")
    )
    descendants = later.join(tops, on="top_session_id", how="left_semi")
    # Those of a circle have no top in common; if one is looked at again, so are the others and all below them.
    circle = touched.where(is_in_circle()).select(F.lit(True).alias("is_touched")).limit(1)
    circles = later.where(is_in_circle()).join(circle, how="cross")
    return days_in(
        descendants.select("started_date")
        .unionByName(due.select("started_date"))
        .unionByName(circles.select("started_date"))
    )


def _asking(night: Night, touched: DataFrame, bound_days: list[date | None]) -> DataFrame:
    """Sessions that asked others for their assumer, and might get another answer from those of these days: start day and top."""
    lake = night.lake
    used = lake.touched(SESSION_USAGE, night.since(CREDENTIAL_SESSIONS, SESSION_USAGE))
    # A user's own calls belong to no session, and say who asked for one all the same.
    days = sorted({day for day in (*bound_days, *days_in(used.select("event_date"))) if day})
    if not days:
        return touched.select("started_date", "top_session_id").limit(0)
    near = lake.read(CREDENTIAL_SESSIONS).where(
        F.col("started_date").between(F.lit(days[0] - timedelta(days=1)), F.lit(days[-1] + timedelta(days=1)))
    )
    issued = lake.touched(CREDENTIAL_ISSUANCES, night.since(CREDENTIAL_SESSIONS, CREDENTIAL_ISSUANCES))
    callers = (
        used.select("principal_id")
        .unionByName(issued.select(F.col("issued_principal_id").alias("principal_id")))
        .unionByName(touched.select("principal_id"))
        .select(F.col("principal_id").alias("external_caller_id"))
    )
    by_caller = near.where("external_caller_id IS NOT NULL").join(callers, on="external_caller_id", how="left_semi")
    # What those find, their siblings of the sign-in take over.
    sign_ins = reduce(
        DataFrame.unionByName, [each.select("sign_in_session_arn") for each in (used, touched, by_caller)]
    )
    by_sign_in = near.where("sign_in_session_arn IS NOT NULL").join(sign_ins, on="sign_in_session_arn", how="left_semi")
    columns = ("started_date", "top_session_id")
    return by_caller.select(*columns).unionByName(by_sign_in.select(*columns))


def _days_around_asking(sessions: DataFrame) -> list[date | None]:
    """The days around the starts of sessions that ask others for their assumer."""
    asking = sessions.where("external_caller_id IS NOT NULL OR sign_in_session_arn IS NOT NULL")
    around = asking.select(F.explode(F.array(*[F.date_add("started_date", offset) for offset in (-1, 0, 1)])))
    return [day for day in days_in(around) if day]


def _neighbours(night: Night, around: list[date | None], days: list[date | None]) -> DataFrame:
    """Sessions of the days around those that ask for their neighbours, which are not made anew with them."""
    others = [day for day in around if day not in days]
    return night.lake.read_days(CREDENTIAL_SESSIONS, others).select(*NEIGHBOUR_COLUMNS)


def _gaps(night: Night) -> DataFrame:
    """When the logs of which account say nothing."""
    return find_account_gaps(night.lake.read(LOG_COVERAGE))


def _usage_of(night: Night, days: list[date | None]) -> DataFrame:
    """All usage of the sessions that began on these days, and of keys without a start that may belong to them."""
    named = [day for day in days if day]
    started = night.lake.on_days(SESSION_USAGE, "session_created_at", named)
    whole = night.lake.read(SESSION_USAGE).where("session_created_at IS NULL AND credential_session_id IS NOT NULL")
    if None not in days:
        whole = whole.where(
            F.col("event_date").between(F.lit(min(named)), F.date_add(F.lit(max(named)), 2)) if named else "false"
        )
    return started.unionByName(whole)


def _parents_elsewhere(night: Night, sessions: DataFrame, days: list[date | None]) -> DataFrame:
    """Rows of the table that are parents of these sessions and are not among them."""
    table = night.lake.read(CREDENTIAL_SESSIONS)
    wanted = sessions.where("parent_session_id IS NOT NULL").select(
        F.col("parent_session_id").alias("credential_session_id"), F.col("parent_started_at").cast("date").alias("day")
    )
    parent_days = days_in(wanted.select("day"))
    if None not in parent_days:
        table = table.where(days_condition("started_date", parent_days))
    parents = table.join(wanted.select("credential_session_id").distinct(), on="credential_session_id", how="left_semi")
    return parents.join(sessions.select("credential_session_id"), on="credential_session_id", how="left_anti")


def _fingerprint(windows: DataFrame) -> Any:
    """Return a number that is another one when the lake knows more accounts or reaches further back."""
    return windows.agg(F.sum(F.hash("account_id", "starts_at", "gaps").cast("bigint"))).collect()[0][0]
