"""Chains: from every session back to its root, by pointer doubling; and the edges as a table.

A night closes only what it touched: parents outside are already rooted in the table and are joined as they are. Depth is
unbounded (hourly juggling over months), rounds grow with its logarithm (SEMANTICS §4, §9).
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.tables import CHAIN_EDGES
from transforms.sessions.doubts import CIRCLE, is_in_circle

Settle = Callable[[DataFrame, str], tuple[DataFrame, int]]
"""Materialises a frame between rounds, and counts the rows for which a SQL condition holds."""

MAX_ROUNDS = 24

# What a session takes over from its parent: all that is known about the start of the chain.
OF_ROOT = (
    "root_type",
    "root_id",
    "root_name",
    "root_account_id",
    "top_session_id",
    "attribution_reason",
    "candidates",
)


def close_chains(sessions: DataFrame, rooted: DataFrame, settle: Settle) -> DataFrame:
    """Return the sessions with what their chains lead back to.

    Args:
        sessions: each knows of itself only: `pointer` (its parent, null at the start of a chain), the columns OF_ROOT as at a
            start, `chain` and `chain_depth` of its own hop, `attribution_confidence` of its own binding.
        rooted: sessions with the same columns that are closed already and may be parents; `pointer` is not looked at.
        settle: see `Settle`.

    Algorithm, each round: (1) look up every pointer; (2) take over the parent's root so far, put its chain in front, keep the
    smaller confidence; (3) point where the parent points. A pointer so covers 1, 2, 4, 8 … hops. What still points somewhere
    when a round has closed nothing points into a loop: only records that lie make one. It is left unresolved, and `doubts` say so.
    """
    state, still_open = settle(_cut_dangling(sessions, rooted), "pointer IS NOT NULL")
    # One that was found in a loop points to itself: what leads to it is never closed either.
    closed_before = rooted.withColumn("pointer", F.when(is_in_circle(), F.col("credential_session_id")))
    for _ in range(MAX_ROUNDS):
        if still_open == 0:
            break
        before = still_open
        state, still_open = settle(_take_over(state, closed_before), "pointer IS NOT NULL")
        if still_open == before:
            break
    is_loop = F.col("pointer").isNotNull()
    unknown = {name: F.when(~is_loop, F.col(name)) for name in ("root_id", "root_name", "root_account_id")}
    return state.withColumns(
        {
            **unknown,
            "doubts": F.when(is_loop, F.array_append("doubts", F.lit(CIRCLE))).otherwise(F.col("doubts")),
            "root_type": F.when(is_loop, "Unknown").otherwise(F.col("root_type")),
            "attribution_reason": F.when(is_loop, "NO_ISSUANCE").otherwise(F.col("attribution_reason")),
            "attribution_confidence": F.when(is_loop, 0.0).otherwise(F.col("attribution_confidence")),
            "chain_depth": F.when(is_loop, F.lit(1)).otherwise(F.col("chain_depth")),
            "chain": F.when(is_loop, F.slice("chain", -1, 1)).otherwise(F.col("chain")),
            "top_session_id": F.when(is_loop, F.col("credential_session_id")).otherwise(F.col("top_session_id")),
        }
    ).drop("pointer")


def _cut_dangling(sessions: DataFrame, rooted: DataFrame) -> DataFrame:
    """Let go of parents that no table knows: the session is then the start of what can be seen of its chain."""
    known = sessions.select("credential_session_id").unionByName(rooted.select("credential_session_id"))
    known = known.select(F.col("credential_session_id").alias("pointer")).distinct().withColumn("is_known", F.lit(True))
    joined = sessions.join(known, on="pointer", how="left")
    is_dangling = F.col("pointer").isNotNull() & F.col("is_known").isNull()
    return joined.withColumns(
        {
            "attribution_reason": F.when(is_dangling, "NO_ISSUANCE").otherwise(F.col("attribution_reason")),
            "pointer": F.when(~is_dangling, F.col("pointer")),
        }
    ).select(*sessions.columns)


def _take_over(state: DataFrame, rooted: DataFrame) -> DataFrame:
    """One round: sessions whose pointer leads somewhere take over what that session knows by now."""
    taken = [*OF_ROOT, "chain", "chain_depth", "attribution_confidence", "pointer"]
    parents = state.select("credential_session_id", *taken).unionByName(rooted.select("credential_session_id", *taken))
    parents = parents.select(
        F.col("credential_session_id").alias("pointer"), *[F.col(name).alias(f"parent_{name}_") for name in taken]
    )
    joined = state.join(parents, on="pointer", how="left")
    has_parent = F.col("pointer").isNotNull()
    mine = {name: F.when(has_parent, F.col(f"parent_{name}_")).otherwise(F.col(name)) for name in OF_ROOT}
    return joined.withColumns(
        {
            **mine,
            "chain": F.when(has_parent, F.concat("parent_chain_", "chain")).otherwise(F.col("chain")),
            "chain_depth": F.when(has_parent, F.col("parent_chain_depth_") + F.col("chain_depth")).otherwise(
                F.col("chain_depth")
            ),
            "attribution_confidence": F.least(
                "attribution_confidence", F.coalesce("parent_attribution_confidence_", "attribution_confidence")
            ),
            "pointer": F.col("parent_pointer_"),
        }
    ).select(*state.columns)


def build_chain_edges(sessions: DataFrame) -> DataFrame:
    """Return one edge per session (CREDENTIAL_SESSIONS) with something known of its issuing, with its own confidence.

    A claim is not known: it has no edge.
    """
    is_chain = F.col("is_chained")
    edges = sessions.where(F.col("attribution_method").isNotNull() & F.col("assumed_by_type").isNotNull()).select(
        F.col("credential_session_id").alias("child_session_id"),
        F.col("role_arn").alias("child_role_arn"),
        F.col("account_id").alias("child_account_id"),
        F.col("started_at").alias("child_started_at"),
        F.col("started_date").alias("child_started_date"),
        F.col("assumed_by_type").alias("parent_type"),
        "parent_session_id",
        F.col("assumed_by_id").alias("parent_id"),
        F.when(is_chain, F.try_element_at("chain", F.lit(-2))).alias("parent_role_arn"),
        F.col("assumed_by_account_id").alias("parent_account_id"),
        is_chain.alias("is_chain"),
        "is_cross_account",
        F.col("attribution_method").alias("method"),
        F.col("binding_confidence").alias("confidence"),
        F.coalesce("issuing_event_ids", F.array().cast("array<string>")).alias("evidence_event_ids"),
    )
    return CHAIN_EDGES.conform(edges)
