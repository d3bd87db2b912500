"""Role sessions, and who assumes which role: small tables, merged by key."""

from __future__ import annotations

from pyspark.sql import functions as F

from expectations.tables import CREDENTIAL_ISSUANCES, CREDENTIAL_SESSIONS, ROLE_ASSUMPTIONS, ROLE_SESSIONS
from pipelines.night import Night
from pipelines.partitions import PUBLISH_DAYS
from pipelines.publish import Candidate, Made, table_asset
from transforms.assumptions import build_role_assumptions, build_role_sessions


@table_asset(ROLE_SESSIONS, upstream=[CREDENTIAL_SESSIONS, CREDENTIAL_ISSUANCES], partitions=PUBLISH_DAYS)
def role_sessions(night: Night) -> Made:
    """Role sessions one of whose credential sessions changed, or which assumed a role, rolled up anew over all history."""
    changed = night.changed(ROLE_SESSIONS, CREDENTIAL_SESSIONS, *CREDENTIAL_SESSIONS.column_names)
    called = night.changed(ROLE_SESSIONS, CREDENTIAL_ISSUANCES, *CREDENTIAL_ISSUANCES.column_names)
    ids = (
        changed.select("role_session_id")
        .unionByName(called.select(F.col("caller_principal_id").alias("role_session_id")))
        .where("role_session_id IS NOT NULL")
        .distinct()
        .localCheckpoint()
    )
    sessions = night.lake.read(CREDENTIAL_SESSIONS).join(ids, on="role_session_id", how="left_semi")
    callers = ids.withColumnRenamed("role_session_id", "caller_principal_id")
    issuances = night.lake.read(CREDENTIAL_ISSUANCES).join(callers, on="caller_principal_id", how="left_semi")
    return {ROLE_SESSIONS.name: Candidate(build_role_sessions(sessions, issuances), only_of=ids)}


@table_asset(ROLE_ASSUMPTIONS, upstream=[CREDENTIAL_ISSUANCES], partitions=PUBLISH_DAYS)
def role_assumptions(night: Night) -> Made:
    """Roles that were assumed, or tried, since: counted anew over all history."""
    changed = night.changed(ROLE_ASSUMPTIONS, CREDENTIAL_ISSUANCES, *CREDENTIAL_ISSUANCES.column_names)
    roles = (
        changed.where("issued_role_arn IS NOT NULL")
        .select(F.col("issued_role_arn").alias("role_arn"))
        .distinct()
        .localCheckpoint()
    )
    named = roles.withColumnRenamed("role_arn", "issued_role_arn")
    issuances = night.lake.read(CREDENTIAL_ISSUANCES).join(named, on="issued_role_arn", how="left_semi")
    return {ROLE_ASSUMPTIONS.name: Candidate(build_role_assumptions(issuances), only_of=roles)}
