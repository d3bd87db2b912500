"""Who made the calls of a profile of many: of a role, an account, an address or a user agent."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.investigations.profiles import PLACES
from transforms.investigations.subjects import entity_of_usage


def build_principals(subjects: DataFrame, deeds: DataFrame, sessions: DataFrame, history: DataFrame) -> DataFrame:
    """Return who made the calls of a profile of many: of a role, an account, an address or a user agent.

    Columns: investigation_id, principal_kind, principal_id, role_arn, root_type, root_id, root_name, account_id, success_count,
    failed_count, first_at, last_at, of the scope; `seen_first_at` and `seen_last_at`: when the address or user agent was seen of
    it before the scope, in all history.

    Args:
        subjects: with their scope.
        deeds: of the scope.
        sessions: CREDENTIAL_SESSIONS.
        history: PRINCIPAL_ACTIVITY_DAILY and the months of PRINCIPAL_BASELINES: principal, dimension, value, first_at, last_at.
    """
    many = subjects.where(F.col("finding_id").isNull() & F.col("entity_kind").isin("role", "account", *PLACES)).select(
        "investigation_id", "entity_kind", "entity_id"
    )
    kind, entity = entity_of_usage()
    roots = sessions.select("credential_session_id", "root_type", "root_id", "root_name", "attribution_status")
    is_resolved = F.col("attribution_status") == "resolved"
    made = (
        deeds.where("is_in_scope")
        .join(many.select("investigation_id"), on="investigation_id", how="left_semi")
        .withColumns({"principal_kind": kind, "who": F.coalesce(entity, "identity_arn", "principal_id", "invoked_by")})
        .join(roots, on="credential_session_id", how="left")
        .groupBy("investigation_id", "scope_start_at", "principal_kind", F.col("who").alias("principal_id"))
        .agg(
            F.max("role_arn").alias("role_arn"),
            F.max("identity_account_id").alias("account_id"),
            *[F.max(F.when(is_resolved, F.col(name))).alias(name) for name in ("root_type", "root_id", "root_name")],
            F.count_if(~F.col("is_failed")).alias("success_count"),
            F.count_if("is_failed").alias("failed_count"),
            F.min("event_at").alias("first_at"),
            F.max("event_at").alias("last_at"),
        )
    )
    dimension = F.when(F.col("entity_kind") == "ip_address", "source_ip").when(
        F.col("entity_kind") == "user_agent", "user_agent"
    )
    wanted = many.select("investigation_id", dimension.alias("dimension"), F.col("entity_id").alias("value"))
    before = history.select(
        "principal_kind", "principal_id", "dimension", "value",
        F.col("first_at").alias("past_first_at"), F.col("last_at").alias("past_last_at"),
    )  # fmt: skip
    is_past = F.col("past_first_at") < F.col("scope_start_at")
    last_before = F.when(F.col("past_last_at") < F.col("scope_start_at"), F.col("past_last_at")).otherwise(
        F.col("past_first_at")
    )
    seen = (
        made.select("investigation_id", "scope_start_at", "principal_kind", "principal_id")
        .join(wanted, on="investigation_id", how="inner")
        .join(before, on=["principal_kind", "principal_id", "dimension", "value"], how="inner")
        .where(is_past)
        .groupBy("investigation_id", "principal_kind", "principal_id")
        .agg(F.min("past_first_at").alias("seen_first_at"), F.max(last_before).alias("seen_last_at"))
    )
    return made.join(seen, on=["investigation_id", "principal_kind", "principal_id"], how="left")
