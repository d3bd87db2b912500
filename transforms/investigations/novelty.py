"""What is new: values seen in the scope, held against 45 days and against all history, of the session and of what it is part of.

Known means seen before the scope's first instant. The activity tables keep the first and the last time of each day, so that
this is exact on the boundary days too: a value is known if a day's first time is before the scope, and known within 45 days if
that day's last time is not before the window.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.activity import dimension_values
from transforms.investigations.scope import BASELINE_DAYS, window_end

# Whose history a value is held against: the session (or user) itself, its role, who was behind it, its account.
LEVELS = ("session", "role", "root", "account")

MOST_ADDRESSES = 5  # that a value is shown with


def build_values(deeds: DataFrame) -> DataFrame:
    """Return what was seen, by entity, dimension and value, in the scope (all dimensions) and after it (calls only).

    Columns: investigation_id, relation, entity_id, is_in_scope, dimension, value, success_count, failed_count, first_at,
    last_at, event_ids (the first and the last), source_ips (five at most), latitude, longitude.
    """
    dimensions = dimension_values()
    pairs = F.array(
        *[F.struct(F.lit(name).alias("dimension"), value.alias("value")) for name, value in dimensions.items()]
    )
    exploded = deeds.where("is_management").select("*", F.inline(pairs))
    first, last = (
        F.min_by("event_id", F.struct("event_at", "event_id")),
        F.max_by("event_id", F.struct("event_at", "event_id")),
    )
    return (
        exploded.where(F.col("value").isNotNull() & (F.col("is_in_scope") | (F.col("dimension") == "api")))
        .groupBy("investigation_id", "scope_start_at", "relation", "entity_id", "is_in_scope", "dimension", "value")
        .agg(
            F.count_if(~F.col("is_failed")).alias("success_count"),
            F.count_if("is_failed").alias("failed_count"),
            F.min("event_at").alias("first_at"),
            F.max("event_at").alias("last_at"),
            F.array_distinct(F.array(first, last)).alias("event_ids"),
            F.slice(F.array_sort(F.collect_set("source_ip")), 1, MOST_ADDRESSES).alias("source_ips"),
            F.round(F.max("latitude"), 1).alias("latitude"),
            F.round(F.max("longitude"), 1).alias("longitude"),
        )
    )  # fmt: skip


def build_levels(entities: DataFrame) -> DataFrame:
    """Return the principals that each entity is held against: investigation_id, entity_id, level, principal_kind, principal_id."""
    levels = F.array(
        _level("session", F.col("entity_kind"), F.col("entity_id")),
        _level("role", F.lit("role"), F.col("role_arn")),
        _level("root", F.lit("root"), F.col("root_id")),
        _level("account", F.lit("account"), F.col("account_id")),
    )
    scope = ("investigation_id", "scope_start_at", "scope_end_at")
    return entities.select(*scope, "entity_id", F.inline(levels)).where(F.col("principal_id").isNotNull())


def build_past(activity: DataFrame, baselines: DataFrame) -> DataFrame:
    """Return the days and months of everybody: principal, dimension, value, first_at, last_at, is_daily."""
    daily = activity.select(
        "principal_kind", "principal_id", "dimension", "value", "first_at", "last_at", F.lit(True).alias("is_daily")
    )
    monthly = baselines.select(
        "principal_kind", "principal_id", "dimension", "value", F.col("first_seen_at").alias("first_at"),
        F.col("last_seen_at").alias("last_at"), F.lit(False).alias("is_daily"),
    )  # fmt: skip
    return daily.unionByName(monthly)


def build_history(activity: DataFrame, baselines: DataFrame, levels: DataFrame) -> DataFrame:
    """Return the days and months (`build_past`) of the principals concerned."""
    principals = levels.select("principal_kind", "principal_id").distinct()
    return build_past(activity, baselines).join(
        F.broadcast(principals), on=["principal_kind", "principal_id"], how="left_semi"
    )


def with_novelty(values: DataFrame, levels: DataFrame, history: DataFrame) -> DataFrame:
    """Add to the scope's values, for each level, `<level>_first_at`, `<level>_last_at` and `<level>_is_recent`.

    First and last are before the scope, null if never seen; recent means within the 45 days before it.
    """
    asked = values.where("is_in_scope").select("investigation_id", "scope_start_at", "entity_id", "dimension", "value")
    lookups = asked.join(
        levels.drop("scope_start_at", "scope_end_at"), on=["investigation_id", "entity_id"], how="inner"
    )
    seen = lookups.join(
        history, on=["principal_kind", "principal_id", "dimension", "value"], how="inner"
    ).where(F.col("first_at") < F.col("scope_start_at"))  # fmt: skip
    window_start = F.col("scope_start_at") - F.expr(f"INTERVAL {BASELINE_DAYS} DAYS")
    last_before = F.when(F.col("last_at") < F.col("scope_start_at"), F.col("last_at")).otherwise(F.col("first_at"))
    is_recent = F.col("is_daily") & (F.col("last_at") >= window_start)
    known = seen.groupBy("investigation_id", "entity_id", "dimension", "value").agg(
        *[
            column.alias(f"{level}_{name}")
            for level in LEVELS
            for name, column in {
                "first_at": F.min(_of(level, F.col("first_at"))),
                "last_at": F.max(_of(level, last_before)),
                "is_recent": F.coalesce(F.max(_of(level, is_recent)), F.lit(False)),
            }.items()
        ]
    )
    return values.join(known, on=["investigation_id", "entity_id", "dimension", "value"], how="left")


def build_standing(levels: DataFrame, history: DataFrame) -> DataFrame:
    """Return since when each principal is known before the scope, and on how many of the 45 days it was active.

    `since_at` is the first time up to the end of the page's window: for a scope that was moved.
    """
    earliest = F.col("scope_start_at") - F.expr(f"INTERVAL {BASELINE_DAYS} DAYS")
    of_api = history.where(F.col("dimension") == "api")
    seen = levels.join(of_api, on=["principal_kind", "principal_id"], how="inner").where(
        F.col("first_at") < window_end()
    )
    is_past = F.col("first_at") < F.col("scope_start_at")
    active_day = F.when(is_past & F.col("is_daily") & (F.col("last_at") >= earliest), F.to_date("first_at"))
    return seen.groupBy("investigation_id", "entity_id", "level", "principal_kind", "principal_id").agg(
        F.min(F.when(is_past, F.col("first_at"))).alias("first_at"),
        F.count_distinct(active_day).alias("active_days"),
        F.min("first_at").alias("since_at"),
    )


def _level(level: str, kind: Column, principal: Column) -> Column:
    return F.struct(F.lit(level).alias("level"), kind.alias("principal_kind"), principal.alias("principal_id"))


def _of(level: str, column: Column) -> Column:
    return F.when(F.col("level") == level, column)
