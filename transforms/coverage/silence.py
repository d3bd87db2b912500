"""Hours in which nothing came from an account and region that are never still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from transforms.coverage.hours import DAY_HOURS, PLACE

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

LOOK_BACK_DAYS = 14
_LOOK_BACK = LOOK_BACK_DAYS * DAY_HOURS
_SHARE = 9, 10  # of the hours before must have events …
_SHORTEST = 2  # … for so many without to be a gap


def silent_hours(
    event_hours: DataFrame, digest_hours: DataFrame, before: DataFrame, ends: DataFrame, first: int
) -> DataFrame:
    """Return the hours of silence that is a gap: PLACE, hour, from the hour `first` on.

    Silence begins after an hour with events or a digest and ends before the next; if there is none, where the logs end. It is a
    gap if it lasts two hours at least, and nine in ten of the hours of the 14 days before its first hour have events. So it stays one
    for as long as it lasts. Hours of other gaps count as hours without.

    Args:
        event_hours: PLACE and hour of all events, from 15 days before the hour `first` on.
        digest_hours: PLACE and hour of digests, from a day before it on.
        before: PLACE where the hour before `first` was a gap of this kind, and nothing was there on its day.
        ends: account_id and `end`: the hour at which its logs end.
        first: hour.
    """
    hours = (
        event_hours.select(*PLACE, "hour", F.lit(1).alias("has_events"), F.lit(False).alias("is_gap"))
        .unionByName(digest_hours.select(*PLACE, "hour", F.lit(0).alias("has_events"), F.lit(False).alias("is_gap")))
        .unionByName(
            before.select(
                *PLACE,
                F.lit(first - 1).cast("bigint").alias("hour"),
                F.lit(0).alias("has_events"),
                F.lit(True).alias("is_gap"),
            )
        )
        .groupBy(*PLACE, "hour")
        .agg(F.max("has_events").alias("has_events"), F.max("is_gap").alias("is_gap"))
    )
    in_order = Window.partitionBy(*PLACE).orderBy("hour")
    # Two sums that only grow: of a frame that moves on, Spark adds up all hours anew for each.
    until_here = F.sum("has_events").over(in_order.rangeBetween(Window.unboundedPreceding, Window.currentRow))
    until_then = F.sum("has_events").over(in_order.rangeBetween(Window.unboundedPreceding, -_LOOK_BACK))
    runs = hours.withColumns(
        {
            "busy": until_here - F.coalesce(until_then, F.lit(0)),
            "next": F.lead("hour").over(in_order),
            "start": F.col("hour") + F.lit(1),
        }
    ).where(F.col("hour") >= F.lit(first - DAY_HOURS))
    lasting = runs.join(F.broadcast(ends), on="account_id", how="left").withColumn(
        "last", F.when(F.col("end").isNotNull(), F.least("next", "end")) - F.lit(1)
    )
    is_long = F.col("last") - F.col("start") + F.lit(1) >= F.lit(_SHORTEST)
    is_busy = F.col("busy") * F.lit(_SHARE[1]) >= F.lit(_LOOK_BACK * _SHARE[0])
    is_gap = F.col("is_gap") | (is_long & is_busy)
    return _exploded(lasting.where(is_gap), first)


def _exploded(runs: DataFrame, first: int) -> DataFrame:
    start: Column = F.greatest("start", F.lit(first))
    return runs.where(F.col("last") >= start).select(*PLACE, F.explode(F.sequence(start, F.col("last"))).alias("hour"))
