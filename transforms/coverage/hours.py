"""Hours: counted from 1970 (UTC), of which a day has 24; and what the records of a day say of its hours.

Belongs here: facts, each of them a function of one day's records alone. Does not: what they show together with other days' facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from expectations.tables import LOG_COVERAGE
from transforms.coverage.trails import FIELDS, find_trail_changes

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

DAY_HOURS = 24
PLACE = ("account_id", "region")
KEY = ("coverage_date", *PLACE)
# Of LOG_COVERAGE: what is counted, not concluded.
FACTS = ("event_hours", "file_count", "hourly_reads", "hourly_writes", "trail_changes")
LOGS = ("cloudtrail", "cloudtrail-digest")


def hour_of(at: Column) -> Column:
    """Return the hour that a time is in."""
    return F.floor(F.unix_seconds(at) / F.lit(3600))


def nearest_hour(at: Column) -> Column:
    """Return the hour that begins nearest to a time; of two the later."""
    return F.floor((F.unix_seconds(at) + F.lit(1800)) / F.lit(3600))


def day_of(hour: Column) -> Column:
    """Return the day that an hour belongs to."""
    return F.date_from_unix_date(F.floor(hour / F.lit(DAY_HOURS)).cast("int"))


def hour_of_day(hour: Column) -> Column:
    """Return the hour's number in its day, 0 to 23."""
    return F.pmod(hour, F.lit(DAY_HOURS)).cast("int")


def first_hour(day: Column) -> Column:
    """Return the first hour of a day."""
    return F.unix_date(day).cast("bigint") * F.lit(DAY_HOURS)


def hours_between(start: Column, end: Column) -> Column:
    """Return the hours of a span of time, as an array: from the hour that begins nearest to its start to before the one nearest its end.

    Digests seldom begin on the hour: so each hour belongs to one of two that follow each other, and one of an hour has one. A span
    that is too short for that has the hour it begins in.
    """
    first, last = nearest_hour(start), nearest_hour(end) - F.lit(1)
    return F.when(last >= first, F.sequence(first, last)).otherwise(F.array(hour_of(start)))


def count_hours(events: DataFrame, files: DataFrame) -> DataFrame:
    """Return the facts of some days: KEY and FACTS, a row per account and region of which something is there.

    Args:
        events: all CLOUDTRAIL_EVENTS of those days. A management event of an old record that does not say whether it only reads
            counts as a write.
        files: all INGEST_FILES that were published on those days.
    """
    counted = (
        _event_hours(events)
        .unionByName(_changes(events), allowMissingColumns=True)
        .unionByName(_file_counts(files), allowMissingColumns=True)
    )
    return counted.groupBy(*KEY).agg(*[filled(F.max(name), name) for name in FACTS])


def filled(values: Column, name: str) -> Column:
    """Return a column of LOG_COVERAGE with nothing in it, where it is null: an empty list, a count of nought."""
    kind = LOG_COVERAGE.column(name).type
    nothing = F.array() if kind.startswith("array") else F.lit(0)
    return F.coalesce(values, nothing.cast(kind)).alias(name)


def _event_hours(events: DataFrame) -> DataFrame:
    is_management = F.col("event_category") == F.lit("Management")
    is_read = F.coalesce("read_only", F.lit(False))
    key = [
        F.col("event_date").alias("coverage_date"),
        F.col("recipient_account_id").alias("account_id"),
        F.col("region"),
    ]
    by_hour = events.groupBy(*key, hour_of_day(hour_of(F.col("event_at"))).alias("hour")).agg(
        F.max(F.when(is_management & is_read, F.col("event_at"))).alias("read_at"),
        F.max(F.when(is_management & ~is_read, F.col("event_at"))).alias("write_at"),
    )
    listed = {"event_hours": "hour", "hourly_reads": "read_at", "hourly_writes": "write_at"}
    return by_hour.groupBy(*KEY).agg(
        *[F.array_sort(F.collect_list(column)).alias(name) for name, column in listed.items()]  # without nulls
    )


def _changes(events: DataFrame) -> DataFrame:
    changes = find_trail_changes(events).select(*KEY, F.struct(*FIELDS).alias("change"))
    return changes.groupBy(*KEY).agg(F.array_sort(F.collect_list("change")).alias("trail_changes"))


def _file_counts(files: DataFrame) -> DataFrame:
    logs = files.where((F.col("source") == F.lit(LOGS[0])) & (F.col("status") != F.lit("skipped")))
    key = [F.col("publish_date").alias("coverage_date"), F.col("account_id"), F.col("region")]
    return logs.groupBy(*key).agg(F.count_distinct("uri").alias("file_count"))


def newest_second() -> Column:
    """Return, as an aggregate over INGEST_FILES, up to which second (from 1970, UTC) the logs reach: the lake's clock.

    An object was published when its events were over, so no event of it is later than its day, whatever it says. A digest reaches
    to its end, and findings do not count: they may be read before the logs.
    """
    is_log = F.col("source").isin(*LOGS) & (F.col("status") != F.lit("skipped")) & F.col("max_event_at").isNotNull()
    is_digest = (F.col("source") != F.lit(LOGS[0])).cast("int")
    reaches_to = F.unix_seconds("max_event_at") - is_digest
    end_of_day = first_hour(F.date_add("publish_date", 1)) * F.lit(3600) - F.lit(1)
    return F.max(F.when(is_log, F.least(reaches_to, end_of_day)))
