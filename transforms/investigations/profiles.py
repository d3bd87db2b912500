"""Profiles: investigations without a finding, of any principal, account, address or user agent, and of any window.

Some are asked for by people. The others stand beside a finding: what its page leads to, over the same scope.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.investigations.relations import DESCENDANT
from transforms.investigations.subjects import SUBJECT_COLUMNS, investigation_id

REQUEST = (
    "entity_kind string, entity_id string, account_id string, role_arn string, scope_start_at timestamp, "
    "scope_end_at timestamp, beside_finding_ids array<string>, is_asked boolean"
)
ASKED = "asked"
"""`matched_by` of a profile."""

PRINCIPALS = ("role_session", "role", "iam_user", "federated_user", "root", "account")
PLACES = ("ip_address", "user_agent")
"""Kinds that no activity table has: their past is who was seen there."""

_MOST_OF_A_KIND = {"role_session": 5, "role": 5, "root": 3, "account": 2, "ip_address": 3, "user_agent": 2}
_WHAT = ("entity_kind", "entity_id", "account_id", "role_arn")


def beside_findings(subjects: DataFrame, entities: DataFrame, deeds: DataFrame) -> DataFrame:
    """Return the profiles (REQUEST) that stand beside the investigations of findings, one per entity and scope.

    The roles, people, accounts, addresses and user agents of the scope, and the sessions chained from it; of each kind as many
    as `_MOST_OF_A_KIND`, those with the most calls first.
    """
    calls = deeds.groupBy("investigation_id", "entity_id").agg(F.count("*").alias("calls"))
    named = entities.join(calls, on=["investigation_id", "entity_id"], how="left").fillna(0, ["calls"])
    role_account = F.split("role_arn", ":")[4]
    of_principals = [
        _candidates(
            named.where(F.col("relation") == DESCENDANT), "role_session", "entity_id", "account_id", "role_arn"
        ),
        _candidates(named, "role", "role_arn", role_account, "role_arn"),
        _candidates(named, "root", "root_id"),
        _candidates(named, "account", "account_id", "account_id"),
        _candidates(subjects.withColumn("calls", F.lit(0)), "account", "finding_account_id", "finding_account_id"),
        _candidates(subjects.withColumn("calls", F.lit(1_000_000)), "ip_address", "finding_remote_ip"),
    ]
    in_scope = deeds.where("is_in_scope")
    seen = in_scope.groupBy("investigation_id", "source_ip", "user_agent_family").agg(F.count("*").alias("calls"))
    of_places = [
        _candidates(seen, "ip_address", "source_ip"),
        _candidates(seen, "user_agent", "user_agent_family"),
    ]
    candidates = reduce(DataFrame.unionByName, [*of_principals, *of_places]).where(F.col("entity_id").isNotNull())
    once = candidates.groupBy("investigation_id", "entity_kind", "entity_id").agg(
        F.max("account_id").alias("account_id"), F.max("role_arn").alias("role_arn"), F.sum("calls").alias("calls")
    )
    per_kind = Window.partitionBy("investigation_id", "entity_kind").orderBy(F.desc("calls"), F.asc("entity_id"))
    most = F.create_map(*[F.lit(each) for pair in _MOST_OF_A_KIND.items() for each in pair])
    of_finding = subjects.select("investigation_id", "finding_id", "scope_start_at", "scope_end_at")
    own = subjects.select("investigation_id", "entity_kind", "entity_id")
    return (
        once.join(own, on=["investigation_id", "entity_kind", "entity_id"], how="left_anti")  # the finding's page is its profile
        .withColumn("place", F.row_number().over(per_kind))
        .where(F.col("place") <= most[F.col("entity_kind")])
        .join(of_finding, on="investigation_id", how="inner")
        .groupBy("entity_kind", "entity_id", "scope_start_at", "scope_end_at")
        .agg(
            F.max("account_id").alias("account_id"),
            F.max("role_arn").alias("role_arn"),
            F.array_sort(F.collect_set("finding_id")).alias("beside_finding_ids"),
        )
        .withColumn("is_asked", F.lit(False))
    )  # fmt: skip


def requested(beside: DataFrame, asked: DataFrame) -> DataFrame:
    """Return REQUEST rows, one per entity and scope: those beside findings, and those that people asked for."""
    key = ("entity_kind", "entity_id", "scope_start_at", "scope_end_at")
    return (
        beside.unionByName(asked)
        .groupBy(*key)
        .agg(
            F.max("account_id").alias("account_id"),
            F.max("role_arn").alias("role_arn"),
            F.array_sort(F.array_distinct(F.flatten(F.collect_list("beside_finding_ids")))).alias("beside_finding_ids"),
            F.max("is_asked").alias("is_asked"),
        )
    )


def profile_subjects(requests: DataFrame) -> DataFrame:
    """Return SUBJECT_COLUMNS of requests: what is asked for is the subject, there is no finding."""
    nothing = F.lit(None).cast("string")
    given = {
        "finding_id": nothing,
        "finding_updated_at": F.lit(None).cast("timestamp"),
        "finding_account_id": F.col("account_id"),
        "matched_by": F.lit(ASKED),
        "candidates": F.lit(None).cast(
            "array<struct<entity_kind:string,entity_id:string,role_arn:string,account_id:string>>"
        ),
        "session_ids": F.array().cast("array<string>"),
        **{f"finding_{name}": nothing for name in ("access_key_id", "principal_id", "user_name", "remote_ip")},
        "finding": nothing,
    }
    return requests.withColumns(given).withColumn("investigation_id", investigation_id()).select(*SUBJECT_COLUMNS)


def _candidates(
    rows: DataFrame, kind: str, entity: str, account: str | Column | None = None, role: str | None = None
) -> DataFrame:
    nothing = F.lit(None).cast("string")
    return rows.select(
        "investigation_id",
        F.lit(kind).alias("entity_kind"),
        F.col(entity).alias("entity_id"),
        (nothing if account is None else F.col(account) if isinstance(account, str) else account).alias("account_id"),
        (nothing if role is None else F.col(role)).alias("role_arn"),
        F.col("calls").cast("long").alias("calls"),
    )
