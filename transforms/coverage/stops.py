"""Hours in which logging was stopped by a call.

What stops it: `StopLogging`, `DeleteTrail`, and a `PutEventSelectors` after which the trail no longer takes all management events,
where they succeeded. *Where*: a trail can be changed in its home region only, and the call does not say where it logs. Its digests of the
two days before do: there, and with an organisation's trail in other accounts too. Without digests it is taken for one that logs in all
regions in which its account had events in the 14 days before, as most do: a region that another trail covers shows it at once, and an
account that nobody watches is the worse mistake.

*From* the hour of the call, unless something was logged after it in that hour. *Until* the hour, not included, of the first

- management event after it there (of the kind that was dropped, where only reads or only writes were): it is logged;
- `StartLogging` of the trail, a `PutEventSelectors` of the trail in the place of the one that dropped them, or `CreateTrail` of any;
- digest that begins an hour or more later, where all logging was stopped: the last one of a trail begins before (it lists what was
  still delivered). A trail whose chain of digests holds over that hour was never stopped, whatever the call named;

or until the logs end. A stop and a start within one hour leave no gap, as an hour is either covered or not.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.coverage.chains import TRAIL
from transforms.coverage.hours import PLACE, first_hour, hour_of
from transforms.coverage.silence import LOOK_BACK_DAYS
from transforms.coverage.trails import CREATE, FIELDS, SELECT, START

if TYPE_CHECKING:
    from pyspark.sql import Column

_STOP = (*PLACE, "stop")
_DIGESTS_BEFORE = "INTERVAL 2 DAYS"
_LAST_DIGEST = "INTERVAL 1 HOUR"
_ORGANIZATION = "^AWSLogs/(o-[^/]+)/"


class Evidence(NamedTuple):
    """What stops are held against: LOG_COVERAGE rows with their facts, LOG_DIGESTS, and the spans of `vouched_spans`."""

    facts: DataFrame
    digests: DataFrame
    vouched: DataFrame


def stopped_hours(open_stops: DataFrame, evidence: Evidence, first: int, last: int | None) -> DataFrame:
    """Return the hours in which logging was stopped: PLACE, hour, and `stop` (a TRAIL_CHANGE), from the hour `first` on.

    Args:
        open_stops: PLACE and `stop` of those from before `first` that still hold there.
        evidence: from 15 days before `first` on; of digests from two days.
        first: hour, the first of a day.
        last: hour in which the logs end; none if there are none.
    """
    facts = evidence.facts.where(first_hour(F.col("coverage_date")) >= F.lit(first))
    changes = facts.select(F.inline("trail_changes"))
    stops = changes.where(~(F.col("logs_reads") & F.col("logs_writes"))).select(F.struct(*FIELDS).alias("stop"))
    stopped = _where(stops, evidence).unionByName(open_stops.select(*_STOP))
    ends = [
        stopped.withColumn("until", F.lit(None).cast("bigint")),
        _first_events(stopped, facts),
        _starts(stopped, changes),
        _later_digests(stopped, evidence.digests),
        _vouched_for(stopped, evidence.vouched),
    ]
    ended = reduce(DataFrame.unionByName, ends).groupBy(*_STOP).agg(F.min("until").alias("until"))
    start = F.greatest(hour_of(F.col("stop.event_at")), F.lit(first))
    end = F.least(F.col("until") - F.lit(1), F.lit(last).cast("bigint"))
    return ended.where(end >= start).select(*_STOP, F.explode(F.sequence(start, end)).alias("hour"))


def _where(stops: DataFrame, evidence: Evidence) -> DataFrame:
    """Return where each stop holds: PLACE, stop. Its home; and where its trail's digests were, else where its account had events."""
    at = F.to_date("stop.event_at")
    is_of_account = (
        (F.col("account_id") == F.col("stop.account_id"))
        & F.col("coverage_date").between(F.date_sub(at, LOOK_BACK_DAYS), at)
        & (F.size("event_hours") > F.lit(0))
        & F.col("region").isNotNull()
    )
    home = stops.select("stop.account_id", "stop.region", "stop", F.lit("home").alias("known_by"))
    digests = _where_digests_were(stops, evidence.digests).withColumn("known_by", F.lit("digests"))
    events = evidence.facts.join(F.broadcast(stops), on=is_of_account, how="inner")
    places = home.unionByName(digests).unionByName(events.select(*_STOP, F.lit("events").alias("known_by")))
    has_digests = F.max(F.col("known_by") == F.lit("digests")).over(Window.partitionBy("stop"))
    is_there = (F.col("known_by") != F.lit("events")) | ~F.col("has_digests")
    return places.withColumn("has_digests", has_digests).where(is_there).select(*_STOP).distinct()


def _where_digests_were(stops: DataFrame, digests: DataFrame) -> DataFrame:
    """Return where the digests of each stop's trail were: PLACE, stop. Those in its account, and of the organisation that they name.

    An account that has digests of a trail of that name outside of an organisation owns that trail, and so none of the
    organisation's of the same name: names are unique in an account and home region.
    """
    at = F.col("stop.event_at")
    is_of_trail = (
        (F.col("trail_name") == F.col("stop.trail_name"))
        & (F.col("home_region") == F.col("stop.region"))
        & F.col("digest_ended_at").between(at - F.expr(_DIGESTS_BEFORE), at)
    )
    found = digests.join(F.broadcast(stops), on=is_of_trail, how="inner").withColumns(
        {
            "organization": F.regexp_extract("object_key", _ORGANIZATION, 1),
            "is_own": F.col("account_id") == F.col("stop.account_id"),
        }
    )
    is_alone = F.col("organization") == F.lit("")
    owns = F.max("is_own").over(Window.partitionBy("stop", "organization"))
    owns_alone = F.max(F.col("is_own") & is_alone).over(Window.partitionBy("stop"))
    is_its = F.when(F.col("owns_alone"), F.col("is_own") & is_alone).otherwise(
        F.col("owns") & (F.col("is_own") | ~is_alone)
    )
    return found.withColumns({"owns": owns, "owns_alone": owns_alone}).where(is_its).select(*_STOP).distinct()


def _first_events(stopped: DataFrame, facts: DataFrame) -> DataFrame:
    """Return the hour of the first management event after each stop, of a kind that it dropped: PLACE, stop, until."""
    reads = facts.select(*PLACE, F.explode("hourly_reads").alias("at"), F.lit(True).alias("is_read"))
    writes = facts.select(*PLACE, F.explode("hourly_writes").alias("at"), F.lit(False).alias("is_read"))
    drops_reads, drops_writes = ~F.col("stop.logs_reads"), ~F.col("stop.logs_writes")
    shows = ((drops_reads & drops_writes) | (drops_reads & F.col("is_read")) | (drops_writes & ~F.col("is_read"))) & (
        F.col("at") > F.col("stop.event_at")
    )
    later = _there(reads.unionByName(writes), stopped, shows)
    return later.groupBy(*_STOP).agg(F.min(hour_of(F.col("at"))).alias("until"))


def _starts(stopped: DataFrame, changes: DataFrame) -> DataFrame:
    """Return the hours in which calls bring back what each stop dropped: PLACE, stop, until."""
    is_select = F.col("stop.event_name") == F.lit(SELECT)
    undoes = (is_select & (F.col("event_name") == F.lit(SELECT))) | (~is_select & (F.col("event_name") == F.lit(START)))
    is_same_trail = F.col("changed_region").eqNullSafe(F.col("stop.region")) & F.coalesce(
        F.col("trail_name") == F.col("stop.trail_name"), F.lit(True)
    )
    starts = changes.select(
        F.col("account_id").alias("changed_account_id"),
        F.col("region").alias("changed_region"),
        "trail_name",
        "event_name",
        "event_at",
    )
    is_start = (
        (F.col("changed_account_id") == F.col("stop.account_id"))
        & (F.col("event_at") > F.col("stop.event_at"))
        & ((F.col("event_name") == F.lit(CREATE)) | (undoes & is_same_trail))
    )
    found = stopped.join(F.broadcast(starts), on=is_start, how="inner")
    return found.select(*_STOP, hour_of(F.col("event_at")).alias("until"))


def _later_digests(stopped: DataFrame, digests: DataFrame) -> DataFrame:
    """Return the hours in which digests begin that are later than a stopped trail's last one: PLACE, stop, until."""
    begun = digests.where(~F.col("is_backfill")).select(*PLACE, "digest_started_at")
    is_later = F.col("digest_started_at") >= F.col("stop.event_at") + F.expr(_LAST_DIGEST)
    later = _there(begun, stopped, is_later & _stops_all())
    return later.groupBy(*_STOP).agg(F.min(hour_of(F.col("digest_started_at"))).alias("until"))


def _vouched_for(stopped: DataFrame, vouched: DataFrame) -> DataFrame:
    """Return the stops that stopped nothing there, since one trail's chain holds over that hour: PLACE, stop, until its own hour."""
    at = F.col("stop.event_at")
    moments = {"then": at, "after": at + F.expr(_LAST_DIGEST)}
    holds = {name: (F.col("started_at") <= moment) & (moment < F.col("ended_at")) for name, moment in moments.items()}
    found = _there(vouched, stopped, (holds["then"] | holds["after"]) & _stops_all())
    by_trail = found.groupBy(*_STOP, *TRAIL).agg(*[F.max(held).alias(name) for name, held in holds.items()])
    return by_trail.where(F.col("then") & F.col("after")).select(*_STOP, hour_of(at).alias("until"))


def _stops_all() -> Column:
    """Whether a stop is of all that a trail delivers, digests included: not of management events alone."""
    return F.col("stop.event_name") != F.lit(SELECT)


def _there(frame: DataFrame, stopped: DataFrame, condition: Column) -> DataFrame:
    """Return the rows of a frame that lie where something was stopped, beside each stop for which a condition holds."""
    stops = stopped.select(*[F.col(name).alias(f"stopped_{name}") for name in PLACE], "stop")
    is_there = reduce(lambda one, other: one & other, [F.col(name) == F.col(f"stopped_{name}") for name in PLACE])
    return frame.join(F.broadcast(stops), on=is_there & condition, how="inner")
