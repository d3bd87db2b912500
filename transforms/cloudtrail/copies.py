"""Which of several copies of a record stands: first per account (SEMANTICS §3, level 1), then per action (level 2).

The outcome of level 1 is a function of all records ever seen, whatever batches they came in:

1. A record is known by its event's key, and an addendum by its own event id as well. Of several bodies that claim to be the same
   record, the one with the smallest hash stands.
2. Records with the same body are copies: one claim. The stored one keeps its source; else the smallest uri, etag, index stands.
3. A claim that does not stand is one row of rejected_records, and it never stands again, since rule 1 is a total order.
4. An event of one record is that record. One of several, an original and addenda to it, is made of them (addenda).

Known limit: a key holds within one partition. The same event id on another day is another event, since looking back over the whole
history would cost with the history.

What it costs: keys are compared as 64-bit hashes first (a collision only means that two more rows are looked at exactly), so only
narrow rows of contested keys are shuffled, and wide rows never: they meet the list of those that do not stand by broadcast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pyspark.sql import Window
from pyspark.sql import functions as F

from expectations.contract import Table
from expectations.tables.bronze import CLOUDTRAIL_EVENTS, REJECTED_RECORDS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SAME_ID = "another record has the same event id"
DELIVERED, IN_EVENTS, IN_ADDENDA = "delivered", "events", "addenda"
"""Where a record is held: among the deliveries, in its table as the event itself, or beside the event that is made of it."""

_ADDENDUM = "addendum_event_id"
_SOURCE = ("source_uri", "source_etag", "record_index")
_EVENT_KEY = ("recipient_account_id", "event_id", "event_date")
_BLOCK_BITS = 10  # 1024 records of an object per list, so that looking one up stays cheap


class Resolved(NamedTuple):
    """What deliveries change. The frames are lazy; `changed_events` replaces stored rows by their key.

    `not_new` is the provenance (source_uri, source_etag, record_index) of the good deliveries that are not in `new_events`.
    `contested` has a narrow row for every claim of a key that stands more than once: without any, all good deliveries are new, and
    nothing else is to be done. `corrected` has a narrow row for every record that stands of an event with several, if one was
    delivered: its key, addendum_event_id, provenance, and where it is held. `addenda` replaces rows of cloudtrail_addenda by their
    key, if it is there.
    """

    new_events: DataFrame
    changed_events: DataFrame
    rejects: DataFrame
    not_new: DataFrame
    contested: DataFrame
    corrected: DataFrame
    addenda: DataFrame | None = None


class Claims(NamedTuple):
    """What claims what: a table, the columns of which one row may stand, and what to say of the others.

    `body` is the SQL of what equal copies share, where the table does not keep it.
    """

    table: Table
    key: tuple[str, ...]
    reason: str
    body: str = "body_sha256"

    @property
    def is_plain(self) -> bool:
        """Whether claims can be compared as they are: no part of a key is null, and the table keeps what copies share."""
        return self.body in self.table.column_names and all(self.table.column(name).required for name in self.key)

    @property
    def columns(self) -> tuple[str, ...]:
        """What is looked at of every row that claims to be one, beside its key; of plain claims."""
        addendum = (_ADDENDUM,) if _ADDENDUM in self.table.column_names else ()
        return (self.body, *addendum, *_SOURCE)


EVENT_CLAIMS = Claims(CLOUDTRAIL_EVENTS, _EVENT_KEY, SAME_ID)


def resolve_copies(
    deliveries: DataFrame,
    existing: DataFrame,
    *,
    addenda: DataFrame | None = None,
    rejected: DataFrame | None = None,
    settle: Callable[[DataFrame], DataFrame] | None = None,
) -> Resolved:
    """Return which deliveries stand, beside the events that are stored.

    Args:
        deliveries: of `parse_objects`, persisted. Rows with a reason are left out.
        existing: of the stored events of the event_dates concerned: recipient_account_id, event_id, event_date, body_sha256,
            addendum_event_id, source_uri, source_etag, record_index.
        addenda: the same of cloudtrail_addenda, if it has rows.
        rejected: sha256 of the records in rejected_records, if a claim that was rejected before must not be so again from another
            object. Those of the objects and dates concerned are enough.
        settle: persists the (few, narrow) contested rows, which all frames use; without it they are found for each of them.
    """
    held = {IN_EVENTS: existing} | ({} if addenda is None else {IN_ADDENDA: addenda})
    contested = contested_claims(EVENT_CLAIMS, deliveries, held)
    return resolve(EVENT_CLAIMS, deliveries, contested, rejected=rejected, settle=settle)


def resolve(
    kind: Claims,
    deliveries: DataFrame,
    contested: DataFrame,
    *,
    rejected: DataFrame | None = None,
    settle: Callable[[DataFrame], DataFrame] | None = None,
) -> Resolved:
    """Resolve the copies of any table whose rows come from objects and carry their body's hash.

    Args:
        kind: what claims what.
        deliveries: see `resolve_copies`.
        contested: of `contested_claims`.
        rejected: see `resolve_copies`.
        settle: see there.
    """
    table, key, reason, _ = kind
    good = only_good(deliveries, table)
    claims = _ranked(contested, key)
    settled = claims if settle is None else settle(claims)
    is_new, stands = F.col("held") == F.lit(DELIVERED), F.col("rank") == F.lit(1)
    is_alone = F.col("records_of_key") == F.lit(1)
    displaces = stands & is_new & is_alone & F.col("key_is_stored")
    displaced = settled.where(is_new & (~stands | ~is_alone | F.col("key_is_stored")))
    return Resolved(
        new_events=table.conform(matching(good, displaced, how="left_anti")),
        changed_events=table.conform(matching(good, settled.where(displaces), how="left_semi")),
        rejects=_rejected_claims(settled, reason, rejected),
        not_new=displaced.select(*_SOURCE),
        contested=settled,
        corrected=settled.where(stands & ~is_alone).select(*key, _ADDENDUM, *_SOURCE, "held"),
    )


def only_good(deliveries: DataFrame, table: Table) -> DataFrame:
    """Return the deliveries that could be read, as rows of their table."""
    return table.columns_of(deliveries.where(F.col("reason").isNull()))


def as_contested(rows: DataFrame) -> DataFrame:
    """Return what was found of plain claims elsewhere (key, `Claims.columns`, `held`) in the shape of `contested_claims`."""
    has_addenda = _ADDENDUM in rows.columns
    return rows if has_addenda else rows.withColumn(_ADDENDUM, F.lit(None).cast("string"))


def contested_claims(kind: Claims, deliveries: DataFrame, held: Mapping[str, DataFrame]) -> DataFrame:
    """Return the narrow rows of the keys that stand more than once, at least once among the deliveries.

    Args:
        kind: what claims what.
        deliveries: see `resolve_copies`.
        held: rows that are stored, by where.

    Returns:
        key, body_sha256, addendum_event_id, provenance, and `held`: where.
    """
    key, good = kind.key, only_good(deliveries, kind.table)
    hashed = F.xxhash64(*key)
    parts = [_narrow(frame, key, kind.body, where) for where, frame in ({DELIVERED: good} | dict(held)).items()]
    narrow = parts[0]
    for part in parts[1:]:
        narrow = narrow.unionByName(part)
    contested = (
        narrow.select(hashed.alias("hash"), (F.col("held") == F.lit(DELIVERED)).alias("is_new"))
        .groupBy("hash")
        .agg(F.count(F.lit(1)).alias("claims"), F.max("is_new").alias("has_new"))
        .where((F.col("claims") > F.lit(1)) & F.col("has_new"))
        .select("hash")
    )
    return narrow.withColumn("hash", hashed).join(F.broadcast(contested), on="hash", how="left_semi").drop("hash")


def _narrow(frame: DataFrame, key: tuple[str, ...], body: str, where: str) -> DataFrame:
    addendum = F.col(_ADDENDUM) if _ADDENDUM in frame.columns else F.lit(None).cast("string")
    sha256 = F.expr(body).alias("body_sha256")
    return frame.select(*key, sha256, addendum.alias(_ADDENDUM), *_SOURCE, F.lit(where).alias("held"))


def _ranked(claims: DataFrame, key: tuple[str, ...]) -> DataFrame:
    """Number the claims: `rank` among those to be a record (1 stands), `rank_of_body` among its bodies, `rank_in_body` among copies.

    And of each key, whether its table has it, and how many records it has.
    """
    of_key = Window.partitionBy(*key)
    is_new = F.col("held") == F.lit(DELIVERED)
    # A stored event that was made of several records is none of them: those are beside it.
    is_made = (F.col("held") == F.lit(IN_EVENTS)) & F.col("has_addenda")
    by_body: list[Column] = [F.col("body_sha256").asc()]
    by_source: list[Column] = [is_new.asc(), *(F.col(name).asc() for name in _SOURCE)]
    of_record = Window.partitionBy(*key, _ADDENDUM).orderBy(*by_body, *by_source)
    of_body = Window.partitionBy(*key, _ADDENDUM, "body_sha256").orderBy(*by_source)
    stored = claims.withColumns(
        {
            "key_is_stored": F.max(F.col("held") == F.lit(IN_EVENTS)).over(of_key),
            "has_addenda": F.max(F.col("held") == F.lit(IN_ADDENDA)).over(of_key),
        }
    )
    ranked = stored.where(~is_made).withColumns(
        {
            "rank": F.row_number().over(of_record),
            "rank_of_body": F.dense_rank().over(Window.partitionBy(*key, _ADDENDUM).orderBy(*by_body)),
            "rank_in_body": F.row_number().over(of_body),
        }
    )
    return ranked.withColumn("records_of_key", F.count_if(F.col("rank") == F.lit(1)).over(of_key))


def _rejected_claims(claims: DataFrame, reason: str, rejected: DataFrame | None) -> DataFrame:
    """Return one row for every body that claims to be a record and does not stand."""
    losers = claims.where((F.col("rank_of_body") > F.lit(1)) & (F.col("rank_in_body") == F.lit(1)))
    rows = losers.select(
        F.col("source_uri").alias("uri"),
        F.col("source_etag").alias("etag"),
        "record_index",
        F.lit(reason).alias("reason"),
        F.col("body_sha256").alias("sha256"),
        F.lit(None).cast("string").alias("excerpt"),
    )
    unknown = rows if rejected is None else rows.join(rejected.select("sha256"), on="sha256", how="left_anti")
    return REJECTED_RECORDS.conform(unknown)


def matching(wide: DataFrame, chosen: DataFrame, *, how: str) -> DataFrame:
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
