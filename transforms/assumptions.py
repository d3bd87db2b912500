"""Who assumes which role, and the role sessions that came of it."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.columns import PRINCIPALS
from expectations.tables import ROLE_ASSUMPTIONS, ROLE_SESSIONS


def build_role_assumptions(issuances: DataFrame) -> DataFrame:
    """Return who assumed, or was denied, which role, with first and last times in UTC.

    Args:
        issuances: all CREDENTIAL_ISSUANCES of the roles concerned.

    A role that assumes is rolled up to the role, whatever its session is called. A denied try is interest, not use: a role
    that somebody keeps trying is worth a row (SEMANTICS §6).
    """
    rolled_up = (
        role_tries(issuances)
        .groupBy("role_arn", "assumed_by_type", "assumed_by_id")
        .agg(
            F.max("assumed_by_name").alias("assumed_by_name"),
            F.max("assumed_by_account_id").alias("assumed_by_account_id"),
            F.min("issued_at").alias("first_at"),
            F.max("issued_at").alias("last_at"),
            F.count_if(F.col("outcome") == "success").alias("success_count"),
            F.count_if(F.col("outcome") == "denied").alias("denied_count"),
            F.max(F.col("assumed_by_account_id") != F.col("issued_role_account_id")).alias("is_cross_account"),
        )
    )
    return ROLE_ASSUMPTIONS.conform(ROLE_ASSUMPTIONS.columns_of(rolled_up))


def role_tries(issuances: DataFrame) -> DataFrame:
    """Return every try to assume a role: role_arn, assumed_by_type, _id, _name, _account_id, issued_at, outcome."""
    is_role = F.col("assumed_by_type") == "AssumedRole"
    caller_role = F.coalesce("caller_role_arn", F.regexp_replace("caller_principal_id", ":[^:]*$", ""))
    return issuances.where(F.col("issued_role_arn").isNotNull()).select(
        F.col("issued_role_arn").alias("role_arn"),
        F.when(is_role, "Role").otherwise(F.col("assumed_by_type")).alias("assumed_by_type"),
        F.when(is_role, caller_role).otherwise(F.col("assumed_by_id")).alias("assumed_by_id"),
        F.when(is_role, F.substring_index(caller_role, "/", -1))
        .otherwise(F.col("assumed_by_name"))
        .alias("assumed_by_name"),
        "assumed_by_account_id",
        "issued_at",
        "issued_role_account_id",
        "outcome",
    )


def build_role_sessions(sessions: DataFrame, issuances: DataFrame) -> DataFrame:
    """Return one row per `roleId:sessionName`: the level at which Amazon Detective speaks of a role session.

    Args:
        sessions: all CREDENTIAL_SESSIONS of the role sessions concerned.
        issuances: successful CREDENTIAL_ISSUANCES that these role sessions called (for the roles assumed from them).
    """
    is_resolved = F.col("attribution_status") == "resolved"
    last = F.struct("started_at", "credential_session_id")
    rolled_up = (
        sessions.where(F.col("role_session_id").isNotNull())
        .groupBy("role_session_id")
        .agg(
            *[
                F.max_by(name, last).alias(name)
                for name in ("role_id", "role_arn", "role_name", "session_name", "account_id")
            ],
            F.min(F.least("started_at", "first_event_at")).alias("first_observed_at"),
            F.max(F.greatest("started_at", "last_event_at")).alias("last_observed_at"),
            F.count("*").alias("credential_session_count"),
            F.sum("event_count").alias("event_count"),
            F.sum("failed_count").alias("failed_count"),
            _principals("assumed_by", F.col("assumed_by_id").isNotNull()),
            _principals("root", is_resolved).alias("roots"),
        )
    )
    assumed = (
        issuances.where((F.col("outcome") == "success") & F.col("issued_role_arn").isNotNull())
        .groupBy(F.col("caller_principal_id").alias("role_session_id"))
        .agg(F.array_sort(F.collect_set("issued_role_arn")).alias("assumed_roles"))
    )
    joined = rolled_up.join(assumed, on="role_session_id", how="left").withColumn(
        "assumed_roles", F.coalesce("assumed_roles", F.array().cast("array<string>"))
    )
    return ROLE_SESSIONS.conform(ROLE_SESSIONS.columns_of(joined))


def _principals(prefix: str, condition: Column) -> Column:
    """Collect distinct principals, in a fixed order."""
    parts = {"type": "type", "id": "id", "name": "name", "account_id": "account_id"}
    principal = F.struct(*[F.col(f"{prefix}_{part}").alias(alias) for part, alias in parts.items()])
    return F.array_sort(F.collect_set(F.when(condition, principal))).cast(PRINCIPALS).alias(prefix)
