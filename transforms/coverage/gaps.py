"""When the logs of an account have a gap, for whoever asks why something is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from transforms.coverage.hours import first_hour

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def find_account_gaps(coverage: DataFrame) -> DataFrame:
    """Return the gaps of each account: account_id, gap_started_at, gap_ended_at (UTC, whole hours, the end not included).

    Hours that follow each other are one gap; two gaps of an account never touch. An hour is one of the account's if it is one of any
    of its regions: a call that is missing may have been made in any, and an issuance is not where its use is (SEMANTICS §3). So an
    account had a gap at an instant if `gap_started_at <= instant AND instant < gap_ended_at` for one of its rows.

    Args:
        coverage: LOG_COVERAGE, of all days or of those that are of interest.
    """
    start = first_hour(F.col("coverage_date"))
    hours = coverage.select("account_id", start.alias("start"), F.explode("gap_hours").alias("in_day")).select(
        "account_id", (F.col("start") + F.col("in_day")).alias("hour")
    )
    in_order = Window.partitionBy("account_id").orderBy("hour")
    # Of hours in a row, what is left when each is less by its place in the order is the same.
    runs = hours.distinct().withColumn("run", F.col("hour") - F.row_number().over(in_order))
    return (
        runs.groupBy("account_id", "run")
        .agg(
            F.timestamp_seconds(F.min("hour") * F.lit(3600)).alias("gap_started_at"),
            F.timestamp_seconds((F.max("hour") + F.lit(1)) * F.lit(3600)).alias("gap_ended_at"),
        )
        .drop("run")
    )
