"""Whose session a finding is about: access key and time, then principal and window, then instance, then name.

A finding names a key, a principal id, a role: seldom a session, never a person. The best kind of match that finds anything
decides; if it finds one entity that is the subject, if it finds several they are candidates and there is no subject
(SEMANTICS §8). Nothing is guessed.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

# Kinds of match, best first.
MATCHES = ("access_key", "principal", "instance", "name")

FINDING_KEY = ("finding_id", "finding_updated_at")
SUBJECT_COLUMNS = (
    "investigation_id", *FINDING_KEY, "scope_start_at", "scope_end_at", "entity_kind", "entity_id", "account_id",
    "finding_account_id", "role_arn", "matched_by", "candidates", "session_ids", "finding_access_key_id",
    "finding_principal_id", "finding_user_name", "finding_remote_ip", "finding", "beside_finding_ids", "is_asked",
)  # fmt: skip

_ENTITY = ("entity_kind", "entity_id", "role_arn", "account_id")
_OF_FINDING = [
    "finding_id",
    "type",
    "title",
    "severity",
    "severity_label",
    "account_id",
    "region",
    "created_at",
    "updated_at",
    "first_seen_at",
    "last_seen_at",
    "count",
    "access_key_id",
    "principal_id",
    "user_name",
    "user_type",
    "action_type",
    "api",
    "remote_ip",
    "source_uri",
]
JSON = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss'Z'", "ignoreNullFields": "false"}


def find_subjects(findings: DataFrame, usage: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return one row per finding with SUBJECT_COLUMNS: who it is about, how that is known, and the sessions matched.

    Args:
        findings: GUARDDUTY_FINDINGS with their scope.
        usage: SESSION_USAGE of the scopes' days.
        sessions: CREDENTIAL_SESSIONS that live in the scopes.
    """
    named = _named(findings)
    matches = _matches(named, _traces(usage, sessions))
    best = F.min("rank").over(Window.partitionBy(*FINDING_KEY))
    found = (
        matches.withColumn("best", best)
        .where(F.col("rank") == F.col("best"))
        .groupBy(*FINDING_KEY, "rank", "entity_kind", "entity_id")
        .agg(
            F.max("role_arn").alias("role_arn"),
            F.max("account_id").alias("account_id"),
            F.collect_set("credential_session_id").alias("session_ids"),
        )
        .groupBy(*FINDING_KEY, "rank")
        .agg(
            F.array_sort(F.collect_list(F.struct(*_ENTITY))).alias("entities"),
            F.array_sort(F.array_distinct(F.flatten(F.collect_list("session_ids")))).alias("session_ids"),
        )
    )
    return _decided(named.join(found, on=list(FINDING_KEY), how="left"))


def entity_of_usage() -> tuple[Column, Column]:
    """Return kind and id of who used the credentials, from a usage row."""
    return _entity(F.col("identity_type"), F.col("identity_arn"))


def entity_of_session() -> tuple[Column, Column]:
    """Return kind and id of whose credentials these are, from a session; a user's own session was assumed by the user."""
    return _entity(F.col("principal_type"), F.coalesce("assumed_by_id", "root_id"))


def _entity(kind: Column, arn: Column) -> tuple[Column, Column]:
    is_role = kind == "AssumedRole"
    named = (
        F.when(is_role, "role_session")
        .when(kind == "IAMUser", "iam_user")
        .when(kind == "Root", "root")
        .when(kind == "FederatedUser", "federated_user")
    )
    return named, F.when(is_role, F.col("principal_id")).otherwise(arn)


def _named(findings: DataFrame) -> DataFrame:
    """Keep what a finding names, under names of its own."""
    of_finding = {
        f"finding_{name}": F.col(name) for name in ("access_key_id", "principal_id", "user_name", "remote_ip")
    }
    return findings.select(
        "finding_id",
        F.col("updated_at").alias("finding_updated_at"),
        "scope_start_at",
        "scope_end_at",
        F.col("account_id").alias("finding_account_id"),
        F.col("user_type").alias("finding_user_type"),
        F.get_json_object("document", "$.resource.instanceDetails.instanceId").alias("finding_instance_id"),
        *[column.alias(name) for name, column in of_finding.items()],
        F.to_json(F.struct(*_OF_FINDING), JSON).alias("finding"),
    )


def _traces(usage: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return who was there when: from uses, and from issued credentials that may never have been used."""
    kind, entity = entity_of_usage()
    used = usage.select(
        F.col("access_key_id").alias("key"),
        "principal_id",
        F.lit(None).cast("string").alias("instance_id"),
        F.when(F.col("role_arn").isNotNull(), F.substring_index("role_arn", "/", -1))
        .otherwise(F.substring_index("identity_arn", "/", -1))
        .alias("name"),
        "credential_session_id",
        kind.alias("entity_kind"),
        entity.alias("entity_id"),
        "role_arn",
        F.col("identity_account_id").alias("account_id"),
        F.col("first_event_at").alias("from_at"),
        F.col("last_event_at").alias("until_at"),
    )
    kind, entity = entity_of_session()
    begun = F.coalesce("started_at", "first_event_at")
    issued = sessions.select(
        F.explode_outer("access_key_ids").alias("key"),
        "principal_id",
        F.when(F.col("root_type") == "EC2Instance", F.col("root_id")).alias("instance_id"),
        F.lit(None).cast("string").alias("name"),  # that a role could be used is no sign that it was
        "credential_session_id",
        kind.alias("entity_kind"),
        entity.alias("entity_id"),
        "role_arn",
        "account_id",
        begun.alias("from_at"),
        F.greatest(begun, "expires_at", "last_event_at").alias("until_at"),
    )
    return used.unionByName(issued).where(F.col("entity_id").isNotNull())


def _matches(named: DataFrame, traces: DataFrame) -> DataFrame:
    """Return every trace that a finding's key, principal, instance or name leads to, with the rank of that match."""
    is_in_scope = (F.col("from_at") < F.col("scope_end_at")) & (F.col("until_at") >= F.col("scope_start_at"))
    is_in_account = F.col("account_id") == F.col("finding_account_id")
    conditions = {
        "access_key": F.col("key") == F.col("finding_access_key_id"),
        "principal": F.col("principal_id") == F.col("finding_principal_id"),
        "instance": F.col("instance_id") == F.col("finding_instance_id"),
        "name": (F.col("name") == F.col("finding_user_name")) & is_in_account,
    }
    found = [
        named.join(traces, on=conditions[match] & is_in_scope, how="inner").select(
            *FINDING_KEY, *_ENTITY, "credential_session_id", F.lit(MATCHES.index(match)).alias("rank")
        )
        for match in MATCHES
    ]
    return found[0].unionByName(found[1]).unionByName(found[2]).unionByName(found[3])


def _decided(found: DataFrame) -> DataFrame:
    """Decide: one entity is the subject; of several none is; without any, what GuardDuty itself names exactly."""
    count = F.when(F.col("entities").isNull(), 0).otherwise(F.size("entities"))
    only = F.col("entities")[0]
    is_one, is_several = count == 1, count > 1
    names_a_session = F.col("finding_principal_id").rlike("^AROA[A-Z0-9]+:.")
    names_root = F.col("finding_user_type") == "Root"
    root_arn = F.format_string("arn:aws:iam::%s:root", "finding_account_id")
    no_sessions = F.array().cast("array<string>")
    decided = found.withColumns(
        {
            "entity_kind": F.when(is_one, only["entity_kind"])
            .when(is_several, "account")
            .when(names_a_session, "role_session")
            .when(names_root, "root")
            .otherwise("account"),
            "entity_id": F.when(is_one, only["entity_id"])
            .when(is_several, F.col("finding_account_id"))
            .when(names_a_session, F.col("finding_principal_id"))
            .when(names_root, root_arn)
            .otherwise(F.col("finding_account_id")),
            "account_id": F.when(is_one, F.coalesce(only["account_id"], "finding_account_id")).otherwise(
                F.col("finding_account_id")
            ),
            "role_arn": F.when(is_one, only["role_arn"]),
            "matched_by": F.when(is_several, "ambiguous")
            .when(is_one, F.element_at(F.array(*[F.lit(match) for match in MATCHES]), F.col("rank") + 1))
            .when(names_a_session | names_root, "finding_only")
            .otherwise("none"),
            "candidates": F.when(is_several, F.col("entities")),
            "session_ids": F.when(is_one, F.col("session_ids")).otherwise(no_sessions),
        }
    )
    of_finding = {
        "investigation_id": investigation_id(),
        "beside_finding_ids": F.lit(None).cast("array<string>"),
        "is_asked": F.lit(False),
    }
    return decided.withColumns(of_finding).select(*SUBJECT_COLUMNS)


def investigation_id() -> Column:
    """Hash of entity, scope, finding and its version: the same question has the same id, whenever it is asked."""
    parts = [
        F.coalesce(F.col(name).cast("string"), F.lit(""))
        for name in ("entity_kind", "entity_id", "scope_start_at", "scope_end_at", *FINDING_KEY)
    ]
    return F.substring(F.sha2(F.concat_ws("\n", *parts), 256), 1, 32)
