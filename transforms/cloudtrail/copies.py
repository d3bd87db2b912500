"""Which of several copies of a record stands: first per account (SEMANTICS §3, level 1), then per action (level 2).

The outcome of level 1 is a function of all records ever seen, whatever batches they came in:

1. A key is claimed by the records that carry it. An original comes before an addendum to it; of originals the one with the
   smallest body hash stands; of addenda alone the one with the greatest event id, then the smallest body hash.
2. Records with the same body are copies: one claim. The stored one keeps its source; else the smallest uri, etag, index stands.
3. A claim that does not stand is one row of rejected_records, and it never stands again, since rule 1 is a total order.

Known limit: a key holds within one partition. The same event id on another day is another event, since looking back over the whole
history would cost with the history.

What it costs: keys are compared as 64-bit hashes first (a collision only means that two more rows are looked at exactly), so only
narrow rows of contested keys are shuffled, and wide rows never: they meet the list of those that do not stand by broadcast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import Window
from pyspark.sql import functions as F

from expectations.contract import Table
from expectations.tables.bronze import CLOUDTRAIL_EVENTS, REJECTED_RECORDS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SAME_ID = "another record has the same event id"
ADDENDUM = "an addendum to an event that is here"
_BODY = ("addendum_event_id", "body_sha256")
_SOURCE = ("source_uri", "source_etag", "record_index")
_EVENT_KEY = ("recipient_account_id", "event_id", "event_date")
_BLOCK_BITS = 10  # 1024 records of an object per list, so that looking one up stays cheap


class Resolved(NamedTuple):
    """What deliveries change. The frames are lazy; `changed_events` replaces stored rows by their key.

    `not_new` is the provenance (source_uri, source_etag, record_index) of the good deliveries that are not in `new_events`.
    """

    new_events: DataFrame
    changed_events: DataFrame
    rejects: DataFrame
    not_new: DataFrame


class Claims(NamedTuple):
    """What claims what: a table, the columns of which one row may stand, and what to say of the others."""

    table: Table
    key: tuple[str, ...]
    reason: str


def resolve_copies(
    deliveries: DataFrame,
    existing: DataFrame,
    *,
    rejected: DataFrame | None = None,
    settle: Callable[[DataFrame], DataFrame] | None = None,
) -> Resolved:
    """Return which deliveries stand, beside the events that are stored.

    Args:
        deliveries: of `parse_objects`, persisted. Rows with a reason are left out.
        existing: of the stored events of the event_dates concerned: recipient_account_id, event_id, event_date, body_sha256,
            addendum_event_id, source_uri, source_etag, record_index.
        rejected: sha256 of the records in rejected_records, if a claim that was rejected before must not be so again from another
            object. Those of the objects and dates concerned are enough.
        settle: persists the (few, narrow) contested rows, which all three frames use; without it they are found three times.
    """
    return resolve(Claims(CLOUDTRAIL_EVENTS, _EVENT_KEY, SAME_ID), deliveries, existing, rejected, settle)


def resolve(
    kind: Claims,
    deliveries: DataFrame,
    existing: DataFrame,
    rejected: DataFrame | None,
    settle: Callable[[DataFrame], DataFrame] | None,
) -> Resolved:
    """Resolve the copies of any table whose rows come from objects and carry their body's hash."""
    table, key, reason = kind
    good = deliveries.where(F.col("reason").isNull()).select(*table.column_names)
    claims = _ranked(_contested(good, existing, key), key)
    settled = claims if settle is None else settle(claims)
    is_new, stands = ~F.col("is_stored"), F.col("rank") == F.lit(1)
    displaces = stands & is_new & F.col("key_is_stored")
    displaced = settled.where(is_new & (~stands | F.col("key_is_stored")))
    return Resolved(
        new_events=table.conform(_matching(good, displaced, how="left_anti")),
        changed_events=table.conform(_matching(good, settled.where(displaces), how="left_semi")),
        rejects=_rejected_claims(settled, reason, rejected),
        not_new=displaced.select(*_SOURCE),
    )


def _contested(good: DataFrame, existing: DataFrame, key: tuple[str, ...]) -> DataFrame:
    """Return the narrow rows of the keys that stand more than once, at least once among the deliveries."""
    hashed = F.xxhash64(*key)
    new, stored = (_narrow(frame, key, is_stored=stored) for frame, stored in ((good, False), (existing, True)))
    contested = (
        new.select(hashed.alias("hash"), F.lit(1).alias("new"))
        .unionByName(stored.select(hashed.alias("hash"), F.lit(0).alias("new")))
        .groupBy("hash")
        .agg(F.count(F.lit(1)).alias("claims"), F.max("new").alias("new"))
        .where((F.col("claims") > F.lit(1)) & (F.col("new") == F.lit(1)))
        .select("hash")
    )
    narrow = new.unionByName(stored).withColumn("hash", hashed)
    return narrow.join(F.broadcast(contested), on="hash", how="left_semi").drop("hash")


def _narrow(frame: DataFrame, key: tuple[str, ...], *, is_stored: bool) -> DataFrame:
    addendum = F.col("addendum_event_id") if "addendum_event_id" in frame.columns else F.lit(None).cast("string")
    return frame.select(
        *key, "body_sha256", addendum.alias("addendum_event_id"), *_SOURCE, F.lit(is_stored).alias("is_stored")
    )


def _ranked(claims: DataFrame, key: tuple[str, ...]) -> DataFrame:
    """Add `rank` among a key's records (1 stands), `rank_of_body` among its bodies, `rank_in_body` among equal copies."""
    order: list[Column] = [
        F.col("addendum_event_id").desc_nulls_first(),
        F.col("body_sha256").asc(),
        F.col("is_stored").desc(),
        *(F.col(name).asc() for name in _SOURCE),
    ]
    of_key = Window.partitionBy(*key).orderBy(*order)
    of_body = Window.partitionBy(*key, *_BODY).orderBy(*order)
    return claims.select(
        "*",
        F.row_number().over(of_key).alias("rank"),
        F.dense_rank().over(Window.partitionBy(*key).orderBy(*order[: len(_BODY)])).alias("rank_of_body"),
        F.row_number().over(of_body).alias("rank_in_body"),
        F.max("is_stored").over(Window.partitionBy(*key)).alias("key_is_stored"),
    )


def _rejected_claims(claims: DataFrame, reason: str, rejected: DataFrame | None) -> DataFrame:
    """Return one row for every body that claims a key and does not stand."""
    losers = claims.where((F.col("rank_of_body") > F.lit(1)) & (F.col("rank_in_body") == F.lit(1)))
    rows = losers.select(
        F.col("source_uri").alias("uri"),
        F.col("source_etag").alias("etag"),
        "record_index",
        F.when(F.col("addendum_event_id").isNotNull(), F.lit(ADDENDUM)).otherwise(F.lit(reason)).alias("reason"),
        F.col("body_sha256").alias("sha256"),
        F.lit(None).cast("string").alias("excerpt"),
    )
    unknown = rows if rejected is None else rows.join(rejected.select("sha256"), on="sha256", how="left_anti")
    return REJECTED_RECORDS.conform(unknown)


def _matching(wide: DataFrame, chosen: DataFrame, *, how: str) -> DataFrame:
    """Keep (left_semi) or drop (left_anti) the chosen records of a wide frame without shuffling it."""
    block = F.shiftright("record_index", _BLOCK_BITS)
    lists = chosen.groupBy(
        F.col("source_uri").alias("chosen_uri"), F.col("source_etag").alias("chosen_etag"), block.alias("chosen_block")
    ).agg(F.collect_list("record_index").alias("chosen_indices"))
    is_chosen = (
        (F.col("source_uri") == F.col("chosen_uri"))
        & (F.col("source_etag") == F.col("chosen_etag"))
        & (block == F.col("chosen_block"))
        & F.array_contains(F.col("chosen_indices"), F.col("record_index"))
    )
    return wide.join(F.broadcast(lists), on=is_chosen, how=how)


def only_callers_copies(events: DataFrame) -> DataFrame:
    """Keep management events, one per action: the caller's copy (SEMANTICS §3, level 2).

    A copy that the called account got (type AWSAccount) lacks who called, and is left out. Of several others the one in the
    caller's own account stays, else the smallest (recipient_account_id, event_id). Only rows with a sharedEventID are shuffled.
    """
    is_callers = (F.col("event_category") == F.lit("Management")) & ~F.col("identity_type").eqNullSafe(
        F.lit("AWSAccount")
    )
    callers = events.where(is_callers)
    at_home = F.col("recipient_account_id").eqNullSafe(F.col("identity_account_id"))
    order = (at_home.desc(), F.col("recipient_account_id").asc(), F.col("event_id").asc())
    shared = (
        callers.where(F.col("shared_event_id").isNotNull())
        .withColumn("copy", F.row_number().over(Window.partitionBy("action_id").orderBy(*order)))
        .where(F.col("copy") == F.lit(1))
        .drop("copy")
    )
    return callers.where(F.col("shared_event_id").isNull()).unionByName(shared)
