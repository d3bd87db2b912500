"""How much was called: by the hour around the scope, and each API's counts in the windows of the baseline."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.investigations.scope import BASELINE_DAYS, baseline_start, horizon, window_start


def build_hourly(entities: DataFrame, volume: DataFrame) -> DataFrame:
    """Return API_CALL_VOLUME_HOURLY of each entity, from 45 days before the page's window until a week after the scope."""
    start = window_start() - F.expr(f"INTERVAL {BASELINE_DAYS} DAYS")
    end = horizon()
    is_theirs = (F.col("principal_kind") == F.col("entity_kind")) & (F.col("principal_id") == F.col("entity_id"))
    return (
        entities.select("investigation_id", "scope_start_at", "scope_end_at", "entity_kind", "entity_id", "relation")
        .join(volume, on=is_theirs, how="inner")
        .where((F.col("hour_at") >= start) & (F.col("hour_at") < end))
    )


def build_hours(hourly: DataFrame) -> DataFrame:
    """Return calls by entity and hour, from the baseline to the horizon."""
    since = hourly.where(F.col("hour_at") >= baseline_start())
    return since.groupBy("investigation_id", "scope_start_at", "relation", "entity_id", "hour_at").agg(*_sums())


def build_windows(hourly: DataFrame) -> DataFrame:
    """Return each API's count in the scope, and the sums over the windows of the baseline that the statistic needs.

    Columns: investigation_id, relation, entity_id, api, scope_count, window_total, window_total_of_squares, window_most. Windows
    without a call add nothing to the sums; how many there are is arithmetic, not data.
    """
    hours_before = (F.unix_timestamp("scope_start_at") - F.unix_timestamp("hour_at")) / 3600
    length = (F.unix_timestamp("scope_end_at") - F.unix_timestamp("scope_start_at")) / 3600
    # Window 0 ends where the scope starts; the scope itself is window -1.
    window = F.floor((hours_before - 1) / length).cast("int")
    is_in_window = (F.col("hour_at") < F.col("scope_start_at")) & (
        F.col("window") < F.floor(BASELINE_DAYS * 24 / length)
    )
    is_in_scope = (F.col("hour_at") >= F.col("scope_start_at")) & (F.col("hour_at") < F.col("scope_end_at"))
    counted = (
        hourly.withColumn("window", window)
        .where(is_in_window | is_in_scope)
        .withColumn("window", F.when(is_in_scope, -1).otherwise(F.col("window")))
        .groupBy("investigation_id", "relation", "entity_id", "api", "window")
        .agg(F.sum(F.col("success_count") + F.col("failed_count")).alias("calls"))
    )
    in_baseline = F.when(F.col("window") >= 0, F.col("calls")).otherwise(0)
    return (
        counted.groupBy("investigation_id", "relation", "entity_id", "api")
        .agg(
            F.sum(F.when(F.col("window") < 0, F.col("calls")).otherwise(0)).alias("scope_count"),
            F.sum(in_baseline).alias("window_total"),
            F.sum(in_baseline * in_baseline).alias("window_total_of_squares"),
            F.max(in_baseline).alias("window_most"),
        )
        .where(F.col("scope_count") > 0)
    )


def build_account_calls(subjects: DataFrame, volume: DataFrame) -> DataFrame:
    """Return what was called in the finding's account in the scope, by API, whoever called."""
    is_theirs = (F.col("principal_kind") == "account") & (F.col("principal_id") == F.col("finding_account_id"))
    is_in_scope = (F.col("hour_at") >= F.col("scope_start_at")) & (F.col("hour_at") < F.col("scope_end_at"))
    return (
        subjects.select("investigation_id", "scope_start_at", "scope_end_at", "finding_account_id")
        .join(volume, on=is_theirs & is_in_scope, how="inner")
        .groupBy("investigation_id", F.col("finding_account_id").alias("account_id"), "api")
        .agg(*_sums())
    )


def _sums() -> list[Column]:
    return [F.sum("success_count").alias("success_count"), F.sum("failed_count").alias("failed_count")]
