"""The chain of digests of an account, region and trail: where it holds, and where it is broken.

A digest names the one before it by key and by hash. It is *linked* if a digest of that name and content is here. Of several
versions of one digest (objects that end at the same time) a linked one stands: a false one beside it breaks nothing. Between a digest
and the one before it lies a break

- if it is linked, and begins after the one that it names ends: the hours between;
- if it is not, and begins after the last one before it ends: the hours between. One is missing; or logging, or validation, was off:
  a chain that begins again names none;
- if it is not, and follows the last one closely: the hours of that one, which is not what was written then.

The first one of a chain that is known breaks nothing, whatever it names. Backfills are no links (AWS, *CloudTrail digest file
structure*). Nothing here depends on the order in which digests come: each rule speaks of all that are known.
"""

from __future__ import annotations

from datetime import date
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from transforms.coverage.hours import PLACE, hours_between

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TRAIL = ("trail_name", "home_region")
CHAIN = (*PLACE, *TRAIL)
_TIMES = ("digest_started_at", "digest_ended_at")


def with_links(digests: DataFrame) -> DataFrame:
    """Return the links of the chains: CHAIN, the times of each digest, of the one before it, and of the one that it names.

    Args:
        digests: LOG_DIGESTS, of each chain all from some time on.

    Returns:
        CHAIN, digest_started_at, digest_ended_at, previous_started_at, previous_ended_at (null for the first), named_started_at,
        named_ended_at (null where it is not linked).
    """
    links = digests.where(~F.col("is_backfill"))
    named = links.groupBy(
        *[F.col(name).alias(f"named_{name}") for name in PLACE],
        _name("object_key").alias("named"),
        F.col("content_sha256").alias("named_sha256"),
    ).agg(*[F.min(name).alias(name.replace("digest", "named")) for name in _TIMES])
    is_named = (
        (F.col("named_account_id") == F.col("account_id"))
        & (F.col("named_region") == F.col("region"))
        & (F.col("named") == _name("previous_object_key"))
        & (F.col("named_sha256") == F.col("previous_sha256"))
    )
    joined = links.join(named, on=is_named, how="left")
    kept = F.struct("digest_started_at", "named_started_at", "named_ended_at")
    order = F.struct(F.col("named_ended_at").isNotNull(), F.col("content_sha256"), F.col("object_key"))
    standing = joined.groupBy(*CHAIN, "digest_ended_at").agg(F.max_by(kept, order).alias("kept"))
    in_order = Window.partitionBy(*CHAIN).orderBy("digest_ended_at")
    return standing.select(*CHAIN, "digest_ended_at", "kept.*").withColumns(
        {name.replace("digest", "previous"): F.lag(name).over(in_order) for name in _TIMES}
    )


def _name(key: str) -> Column:
    """Return an object's name. The folders above it may have been copied from elsewhere; the name says account, trail and time."""
    return F.element_at(F.split(F.col(key), "/"), -1)


def vouched_spans(links: DataFrame) -> DataFrame:
    """Return the spans in which a trail was logging for certain: CHAIN, started_at, ended_at.

    A digest that names the one before it, and begins where that ends, says so of the whole of that one: the trail that is started
    anew begins another chain. The last digest of a chain may be one that was written when logging was stopped within it.
    """
    holds = F.col("named_ended_at") >= F.col("digest_started_at")
    return links.where(holds).select(
        *CHAIN, F.col("named_started_at").alias("started_at"), F.col("digest_started_at").alias("ended_at")
    )


def digest_hours(digests: DataFrame) -> DataFrame:
    """Return the hours that have a digest: CHAIN, hour."""
    hours = F.explode(hours_between(F.col("digest_started_at"), F.col("digest_ended_at")))
    return digests.where(~F.col("is_backfill")).select(*CHAIN, hours.alias("hour")).distinct()


def unlinked_hours(links: DataFrame, covered: DataFrame) -> DataFrame:
    """Return the hours in which a chain is broken, and no other trail's digest is there in its place: PLACE, hour.

    Args:
        links: of `with_links`.
        covered: of `digest_hours`.
    """
    is_linked = F.col("named_ended_at").isNotNull()
    begins_later = F.col("previous_ended_at") < F.col("digest_started_at")
    start = (
        F.when(is_linked, F.col("named_ended_at"))
        .when(begins_later, F.col("previous_ended_at"))
        .otherwise(F.col("previous_started_at"))
    )
    breaks = links.withColumn("start", start).where(
        F.col("previous_ended_at").isNotNull() & (F.col("start") < F.col("digest_started_at"))
    )
    hours = breaks.select(*CHAIN, F.explode(hours_between(F.col("start"), F.col("digest_started_at"))).alias("hour"))
    one, other = hours.alias("one"), covered.alias("other")
    is_same_trail = reduce(and_, [F.col(f"one.{name}").eqNullSafe(F.col(f"other.{name}")) for name in TRAIL])
    is_same_hour = reduce(and_, [F.col(f"one.{name}") == F.col(f"other.{name}") for name in (*PLACE, "hour")])
    return one.join(other, on=is_same_hour & ~is_same_trail, how="left_anti").select(*PLACE, "hour").distinct()


def last_before(earlier: DataFrame, digests: DataFrame, first: date) -> DataFrame:
    """Return the last digests of `earlier` (LOG_DIGESTS), of the chains that in `digests` begin on the day `first` or later.

    What lies between the two may be a break that is longer than what was read of the chain.
    """
    begun = digests.where(~F.col("is_backfill")).groupBy(*CHAIN).agg(F.min("digest_started_at").alias("begun_at"))
    begun = begun.where(F.col("begun_at") >= F.lit(first).cast("timestamp"))
    chains = begun.select(*[F.col(name).alias(f"begun_{name}") for name in CHAIN])
    is_of_chain = reduce(and_, [F.col(name).eqNullSafe(F.col(f"begun_{name}")) for name in CHAIN])
    of_chains = earlier.where(~F.col("is_backfill")).join(F.broadcast(chains), on=is_of_chain, how="left_semi")
    ends_last = F.max("digest_ended_at").over(Window.partitionBy(*CHAIN))
    return of_chains.withColumn("last", ends_last).where(F.col("digest_ended_at") == F.col("last")).drop("last")
