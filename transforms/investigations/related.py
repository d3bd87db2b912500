"""Other findings that share something with what is investigated: what makes several findings one story."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.findings import only_newest
from transforms.investigations.relations import DESCENDANT
from transforms.investigations.scope import AROUND_DAYS

_SCOPE = ("investigation_id", "scope_start_at", "scope_end_at")
_AROUND = f"INTERVAL {AROUND_DAYS} DAYS"


def build_related(subjects: DataFrame, shareable: DataFrame, findings: DataFrame) -> DataFrame:
    """Return other findings, in their newest version, that share something with what is investigated within a week of the scope.

    `shared` lists what: access_key, session, chain (a session of the same chain), root (another session of the same origin),
    address, role, account (of a profile of the account). All but role and account make findings one story. Of session, chain
    and root the nearest stands: it has the others in it.
    """
    others = only_newest(findings)
    role_in_account = F.concat_ws("/", "account_id", "user_name")
    offered = others.select(
        F.col("finding_id").alias("other_id"),
        F.inline(
            F.array(
                _named("access_key", F.col("access_key_id")),
                _named("principal", F.col("principal_id")),
                _named("role", F.when(F.col("user_name").isNotNull(), role_in_account)),
                _named("address", F.col("remote_ip")),
                _named("account", F.col("account_id")),
            )
        ),
    ).where(F.col("value").isNotNull())
    scopes = subjects.select(*_SCOPE, F.coalesce("finding_id", F.lit("")).alias("own_finding_id"))
    pairs = shareable.join(offered, on=["kind", "value"], how="inner").groupBy("investigation_id", "other_id").agg(
        F.array_sort(F.collect_set("shared")).alias("shared"),
        F.array_sort(F.collect_set(F.when(F.col("kind") == "address", F.col("value")))).alias("addresses"),
    )  # fmt: skip
    is_near = (F.col("last_seen_at") >= F.col("scope_start_at") - F.expr(_AROUND)) & (
        F.col("first_seen_at") < F.col("scope_end_at") + F.expr(_AROUND)
    )
    return (
        pairs.join(scopes, on="investigation_id", how="inner")
        .where(F.col("other_id") != F.col("own_finding_id"))
        .withColumn("shared", _nearest(F.col("shared")))
        .join(others.withColumnRenamed("finding_id", "other_id"), on="other_id", how="inner")
        .where(is_near)
        .withColumnRenamed("other_id", "finding_id")
    )


def _nearest(shared: Column) -> Column:
    is_same = F.array_contains(shared, "session") | F.array_contains(shared, "access_key")
    is_chained = is_same | F.array_contains(shared, "chain")
    beyond = F.when(is_same, F.array(F.lit("chain"), F.lit("root"))).when(is_chained, F.array(F.lit("root")))
    return F.array_except(shared, F.coalesce(beyond, F.array().cast("array<string>")))


def build_shareable(
    subjects: DataFrame, family: DataFrame, entities: DataFrame, deeds: DataFrame, sessions: DataFrame
) -> DataFrame:
    """Return what another finding may name to be related: kind and value as it names them, and what would then be shared."""
    subject_role = F.concat_ws("/", "account_id", F.substring_index("role_arn", "/", -1))
    is_account = F.col("entity_kind") == "account"
    of_subject = subjects.select(
        "investigation_id",
        F.inline(
            F.array(
                _shared("access_key", "access_key", F.col("finding_access_key_id")),
                _shared("principal", "session", F.col("finding_principal_id")),
                _shared("role", "role", F.when(F.col("role_arn").isNotNull(), subject_role)),
                _shared("address", "address", F.col("finding_remote_ip")),
                _shared("address", "address", F.when(F.col("entity_kind") == "ip_address", F.col("entity_id"))),
                _shared("account", "account", F.when(is_account & F.col("finding_id").isNull(), F.col("entity_id"))),
            )
        ),
    )
    of_entities = entities.select(
        "investigation_id",
        F.lit("principal").alias("kind"),
        F.when(F.col("relation") == DESCENDANT, "chain").otherwise("session").alias("shared"),
        F.col("entity_id").alias("value"),
    )
    of_deeds = deeds.select(
        "investigation_id",
        F.inline(
            F.array(
                _shared("access_key", "access_key", F.col("access_key_id")),
                _shared("address", "address", F.when(F.col("is_in_scope"), F.col("source_ip"))),
            )
        ),
    )
    # A profile of an account, an address or a user agent is of many people: what each of them did elsewhere is not its story.
    is_of_one = (
        ~F.col("entity_kind").isin("account", "ip_address", "user_agent", "role") | F.col("finding_id").isNotNull()
    )
    ones = subjects.where(is_of_one).select(*_SCOPE)
    chained = _credentials(
        family.join(ones.select("investigation_id"), on="investigation_id", how="left_semi"), "chain"
    )
    roots = (
        entities.where(F.col("relation") != DESCENDANT)
        .select("investigation_id", "root_id")
        .where(F.col("root_id").isNotNull())
        .join(ones, on="investigation_id", how="inner")
    )
    is_near = (F.col("started_at") >= F.col("scope_start_at") - F.expr(_AROUND)) & (
        F.col("started_at") < F.col("scope_end_at") + F.expr(_AROUND)
    )
    of_root = sessions.where(F.col("attribution_status") == "resolved").select(
        "root_id", "started_at", "access_key_ids", "principal_id"
    )
    same_root = _credentials(roots.join(of_root, on="root_id", how="inner").where(is_near), "root")
    columns = ["investigation_id", "kind", "shared", "value"]
    return (
        reduce(
            DataFrame.unionByName,
            [each.select(*columns) for each in (of_subject, of_entities, of_deeds, chained, same_root)],
        )
        .where(F.col("value").isNotNull())
        .distinct()
    )


def _credentials(sessions: DataFrame, shared: str) -> DataFrame:
    """Return the keys and the identifiers of sessions, as findings name them."""
    of_keys = sessions.select("investigation_id", F.explode("access_key_ids").alias("value")).withColumn(
        "kind", F.lit("access_key")
    )
    of_ids = sessions.select("investigation_id", F.col("principal_id").alias("value")).withColumn(
        "kind", F.lit("principal")
    )
    return of_keys.unionByName(of_ids).withColumn("shared", F.lit(shared))


def _named(kind: str, value: Column) -> Column:
    return F.struct(F.lit(kind).alias("kind"), value.alias("value"))


def _shared(kind: str, shared: str, value: Column) -> Column:
    return F.struct(F.lit(kind).alias("kind"), F.lit(shared).alias("shared"), value.alias("value"))
