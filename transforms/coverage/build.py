"""Log coverage: from what is there, hour by hour, to what is missing (DESIGN §3, SEMANTICS §6, §7).

A row has facts, which are counted from the records of its day alone, and conclusions, which follow from the facts of this and
other days, from the digests, and from how far the logs reach. Conclusions reach forward (a stop holds until something is logged
again, silence is judged by the 14 days before it) and a little back. So what is new on a day can change that day, the one before
it, and later ones, and never an earlier one: `build_log_coverage` makes all days from a first one on, and takes of the day before
that what still holds. The result is the same whatever came first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.tables import LOG_COVERAGE
from transforms.coverage.chains import digest_hours, unlinked_hours, vouched_spans, with_links
from transforms.coverage.hours import DAY_HOURS, FACTS, KEY, PLACE, day_of, filled, first_hour, hour_of_day
from transforms.coverage.silence import LOOK_BACK_DAYS, silent_hours
from transforms.coverage.stops import Evidence, stopped_hours

FACT_DAYS = LOOK_BACK_DAYS + 1
"""So many days before the first one that is built facts are needed."""

DIGEST_DAYS = 2
"""So many days before it digests are needed."""

_HOUR = 3600


def build_log_coverage(
    coverage: DataFrame,
    digests: DataFrame,
    first: date,
    newest_second: int | None,
    settle: Callable[[DataFrame], DataFrame] = lambda frame: frame,
) -> DataFrame:
    """Return all rows of LOG_COVERAGE from the day `first` on.

    Args:
        coverage: LOG_COVERAGE from FACT_DAYS before `first` on. Of the day before `first` its conclusions count too; from `first`
            on the facts alone are used, which may be new.
        digests: LOG_DIGESTS from DIGEST_DAYS before `first` on, and of the chains that begin later the last one before.
        first: UTC day.
        newest_second: of 1970, up to which the logs reach; none if there are none. What is later is no gap.
        settle: persists a frame that is used several times.
    """
    begin = (first - date(1970, 1, 1)).days * DAY_HOURS
    facts = coverage.where((F.size("event_hours") > F.lit(0)) | (F.col("file_count") > F.lit(0)))
    day_before = coverage.where(F.col("coverage_date") == F.lit(first - timedelta(days=1)))
    links = settle(with_links(digests))
    covered = settle(digest_hours(digests))
    stopped = stopped_hours(
        day_before.select(*PLACE, F.explode("open_stops").alias("stop")),
        Evidence(facts, digests, vouched_spans(links)),
        begin,
        None if newest_second is None else newest_second // _HOUR,
    )
    silent = silent_hours(
        _event_hours(facts),
        covered.where(F.col("hour") >= F.lit(begin - DAY_HOURS)),
        day_before.where(F.array_contains("silent_hours", DAY_HOURS - 1)),
        _ends(coverage, newest_second),
        begin,
    )
    unlinked = unlinked_hours(links, covered).where(F.col("hour") >= F.lit(begin))
    concluded = _by_day(stopped=stopped, unlinked=unlinked, silent=silent)
    counted = facts.where(F.col("coverage_date") >= F.lit(first)).select(*KEY, *FACTS)
    rows = counted.unionByName(concluded, allowMissingColumns=True).groupBy(*KEY)
    others = [name for name in LOG_COVERAGE.column_names if name not in KEY and name != "stopped_by"]
    return LOG_COVERAGE.conform(
        rows.agg(*[filled(F.max(name), name) for name in others], F.max("stopped_by").alias("stopped_by"))
    )


def _event_hours(facts: DataFrame) -> DataFrame:
    start = first_hour(F.col("coverage_date"))
    return facts.select(*PLACE, start.alias("start"), F.explode("event_hours").alias("in_day")).select(
        *PLACE, (F.col("start") + F.col("in_day")).alias("hour")
    )


def _ends(coverage: DataFrame, newest_second: int | None) -> DataFrame:
    """Return at which hour the logs of each account end (account_id, end): where all logs do.

    Of an account of which nothing was published on the last day, where the day before ends, until the logs of some account reach
    that day's last hour: before a night, the newest logs of a few accounts may have been read alone, for a finding of theirs.
    """
    end = None if newest_second is None else (newest_second + 1) // _HOUR
    day = None if newest_second is None else date(1970, 1, 1) + timedelta(days=newest_second // (_HOUR * DAY_HOURS))
    is_over = end is not None and newest_second is not None and newest_second // _HOUR % DAY_HOURS == DAY_HOURS - 1
    was_read = (F.col("coverage_date") == F.lit(day)) & (F.col("file_count") > F.lit(0))
    is_there = F.max(F.coalesce(was_read, F.lit(False))) | F.lit(is_over)
    by_account = coverage.groupBy("account_id").agg(is_there.alias("is_there"))
    return by_account.select(
        "account_id",
        F.when(F.col("is_there"), F.lit(end).cast("bigint"))
        .otherwise(first_hour(F.lit(day).cast("date")))
        .alias("end"),
    )


def _by_day(*, stopped: DataFrame, unlinked: DataFrame, silent: DataFrame) -> DataFrame:
    """Return the conclusions of each day: KEY, and what LOG_COVERAGE has beside the facts."""
    hours = reduce(
        lambda one, other: one.unionByName(other, allowMissingColumns=True),
        [
            stopped.withColumn("why", F.lit("stopped")),
            unlinked.withColumn("why", F.lit("unlinked")),
            silent.withColumn("why", F.lit("silent")),
        ],
    )
    in_day, last = hour_of_day(F.col("hour")), DAY_HOURS - 1
    gaps = {
        f"{why}_hours": F.when(F.col("why") == F.lit(why), F.col("in_day")) for why in ("stopped", "unlinked", "silent")
    }
    return (
        hours.select(day_of(F.col("hour")).alias("coverage_date"), *PLACE, in_day.alias("in_day"), "why", "stop")
        .groupBy(*KEY)
        .agg(
            F.array_sort(F.collect_set("in_day")).alias("gap_hours"),
            *[F.array_sort(F.collect_set(gap)).alias(name) for name, gap in gaps.items()],
            # Null is less than any time: hours with another reason must not hide what stopped the rest of the day.
            F.min(F.when(F.col("stop").isNotNull(), F.struct("stop.event_at", "stop.event_id")))["event_id"].alias(
                "stopped_by"
            ),
            F.array_sort(F.collect_set(F.when(F.col("in_day") == F.lit(last), F.col("stop")))).alias("open_stops"),
        )
    )
