"""Log coverage: follows events, digests and the ledger, from the earliest day that anything new can change."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.tables import CLOUDTRAIL_EVENTS, INGEST_FILES, LOG_COVERAGE, LOG_DIGESTS
from pipelines.days import days_condition
from pipelines.night import Night, days_in
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import Candidate, Made, table_asset
from transforms.coverage import (
    DIGEST_DAYS,
    FACT_DAYS,
    LOGS,
    build_log_coverage,
    count_hours,
    last_before,
    newest_second,
)

_DAY = 86_400  # seconds


@table_asset(LOG_COVERAGE, upstream=[CLOUDTRAIL_EVENTS, LOG_DIGESTS, INGEST_FILES], partitions=PUBLISH_DAYS)
def log_coverage(night: Night) -> Made:
    """Days that got new objects, events or digests, and later ones as far as that changes them: the others stay as they are."""
    return cover(night)


def cover(night: Night) -> Made:
    """Return what the asset publishes: all from the earliest day that may change is concluded anew, and days that differ are written."""
    lake = night.lake
    new_files = lake.touched(INGEST_FILES, night.since(LOG_COVERAGE, INGEST_FILES)).where(F.col("source").isin(*LOGS))
    seen, found = night.fact(LOG_COVERAGE, "newest_second"), new_files.agg(newest_second()).collect()[0][0]
    newest = max((each for each in (seen, found) if each is not None), default=None)
    published, happened = days_in(new_files.select("publish_date")), night.touched_days(LOG_COVERAGE, CLOUDTRAIL_EVENTS)
    counted_days = sorted({day for day in (*published, *happened) if day})
    first = _first_day(counted_days, _first_digest(night), seen)
    if first is None:
        return {LOG_COVERAGE.name: Candidate(lake.read(LOG_COVERAGE).limit(0), [], facts={"newest_second": newest})}
    digests, first = _digests(night, first)
    coverage = _with_facts(night, first, counted_days)
    built = build_log_coverage(coverage, digests, first, newest, settle).localCheckpoint()
    stored = lake.read(LOG_COVERAGE).where(F.col("coverage_date") >= F.lit(first))
    changed = days_in(built.exceptAll(stored).unionByName(stored.exceptAll(built)).select("coverage_date"))
    rows = built.where(days_condition("coverage_date", changed))
    return {LOG_COVERAGE.name: Candidate(rows, changed, facts={"newest_second": newest})}


def settle(frame: DataFrame) -> DataFrame:
    """Compute a frame that several others are made from, once."""
    return frame.localCheckpoint()


def _first_digest(night: Night) -> date | None:
    """Return the day on which the earliest of the new digests begins."""
    new = night.lake.touched(LOG_DIGESTS, night.since(LOG_COVERAGE, LOG_DIGESTS))
    return _earliest(new)


def _earliest(digests: DataFrame) -> date | None:
    day: date | None = digests.agg(F.to_date(F.min("digest_started_at"))).collect()[0][0]
    return day


def _first_day(counted: list[date], digest: date | None, seen: int | None) -> date | None:
    """Return the first day whose rows may change; none if nothing is new: the one before what is, and before where the logs ended.

    What was silent for the last hour of a day only is a gap once the next hour is known to be silent too. A digest tells of the one
    before it, which may be a day longer.
    """
    new = [day - timedelta(days=1) for day in counted[:1]] + ([digest - timedelta(days=2)] if digest else [])
    ended = [] if seen is None else [date(1970, 1, 1) + timedelta(days=seen // _DAY - 1)]
    return min(new + ended) if new else None


def _digests(night: Night, first: date) -> tuple[DataFrame, date]:
    """Return the digests that conclusions from a day on need, and that day; or an earlier one, where a chain was broken before it."""
    since, before = _around(night, first)
    broken = _earliest(before)
    if broken is None:
        return since, first
    since, before = _around(night, broken)
    return since.unionByName(before), broken


def _around(night: Night, first: date) -> tuple[DataFrame, DataFrame]:
    """Return the digests since a day, with those that it needs, and the last one before of each chain that begins later."""
    digests = night.lake.read(LOG_DIGESTS)
    is_needed = F.col("digest_date") >= F.lit(first - timedelta(days=DIGEST_DAYS))
    since = settle(digests.where(is_needed))
    return since, settle(last_before(digests.where(~is_needed), since, first))


def _with_facts(night: Night, first: date, counted: list[date]) -> DataFrame:
    """Return LOG_COVERAGE with the days before that conclusions need, and with the facts of the days that are counted anew."""
    lake = night.lake
    needed = F.col("coverage_date") >= F.lit(first - timedelta(days=FACT_DAYS))
    kept = lake.read(LOG_COVERAGE).where(needed).where(f"NOT ({days_condition('coverage_date', counted)})")
    files = lake.read(INGEST_FILES).where(days_condition("publish_date", counted))
    facts = count_hours(lake.read_days(CLOUDTRAIL_EVENTS, counted), files)
    return settle(kept.unionByName(facts, allowMissingColumns=True))
