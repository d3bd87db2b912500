"""Baselines: what each principal did, month by month. The whole history is the sum of at most thirteen of them."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.tables import PRINCIPAL_BASELINES


def build_principal_baselines(activity: DataFrame) -> DataFrame:
    """Return PRINCIPAL_BASELINES of whole months from their PRINCIPAL_ACTIVITY_DAILY rows.

    A month is made anew as a whole, so that an attribution that was repaired leaves it too.
    """
    by_month = activity.groupBy(
        F.trunc("activity_date", "month").alias("month_date"), "principal_kind", "principal_id", "dimension", "value"
    ).agg(
        F.min("first_at").alias("first_seen_at"),
        F.max("last_at").alias("last_seen_at"),
        F.count_distinct("activity_date").cast("int").alias("active_days"),
        F.sum(F.col("success_count") + F.col("failed_count")).alias("call_count"),
        F.sum("failed_count").alias("failed_count"),
    )
    return PRINCIPAL_BASELINES.conform(by_month)
