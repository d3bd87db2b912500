"""What stands around a session: who assumes the role, earlier use, notable calls of others, and the logs."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.assumptions import role_tries
from transforms.investigations.deeds import api, is_notable, target
from transforms.investigations.relations import DESCENDANT
from transforms.investigations.scope import AROUND_DAYS, BASELINE_DAYS, baseline_start, horizon
from transforms.investigations.techniques import WEIGHTY_CALLS
from transforms.usage import is_failed

_SCOPE = ("investigation_id", "scope_start_at", "scope_end_at")
_AROUND = f"INTERVAL {AROUND_DAYS} DAYS"


def build_assumptions(subjects: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return every time the subject's role session was assumed, from 45 days before the scope until a week after it."""
    theirs = subjects.where(F.col("entity_kind") == "role_session").select(
        "investigation_id", "scope_start_at", "scope_end_at", F.col("entity_id").alias("role_session_id")
    )
    return theirs.join(sessions, on="role_session_id", how="inner").where(
        (F.col("started_at") >= baseline_start()) & (F.col("started_at") < horizon())
    )


def build_observed(entities: DataFrame, sessions: DataFrame, role_sessions: DataFrame) -> DataFrame:
    """Return since when each role session is known, over all history, and how it was used from the baseline to the horizon.

    Columns: investigation_id, relation, role_session_id, first_observed_at, last_observed_at, credential_session_count,
    event_count, failed_count.
    """
    theirs = entities.select(
        "investigation_id", "relation", "scope_start_at", "scope_end_at", F.col("entity_id").alias("role_session_id")
    )
    begun = F.coalesce("started_at", "first_event_at")
    used = (
        theirs.join(sessions, on="role_session_id", how="inner")
        .where((begun >= baseline_start()) & (begun < horizon()))
        .groupBy("investigation_id", "role_session_id")
        .agg(
            F.max(F.greatest("started_at", "last_event_at")).alias("last_observed_at"),
            F.count("*").alias("credential_session_count"),
            F.sum("event_count").alias("event_count"),
            F.sum("failed_count").alias("failed_count"),
        )
    )
    first = role_sessions.select("role_session_id", "first_observed_at")
    return (
        theirs.join(first, on="role_session_id", how="inner")
        .where(F.col("first_observed_at") < horizon())
        .join(used, on=["investigation_id", "role_session_id"], how="left")
    )


def build_involved(subjects: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return all sessions of the subject's role that were alive in the scope, whoever they lead back to."""
    of_role = subjects.where(F.col("role_arn").isNotNull()).select(
        "investigation_id", "scope_start_at", "scope_end_at", "role_arn"
    )
    begun = F.coalesce("started_at", "first_event_at")
    is_alive = (begun < F.col("scope_end_at")) & (
        F.greatest(begun, "expires_at", "last_event_at") >= F.col("scope_start_at")
    )
    return of_role.join(sessions, on="role_arn", how="inner").where(is_alive)


def build_past_use(entities: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return on which days each chained role session was used before the scope, by the same root.

    Where the root is not known, it is the identifier alone, and `root_id` is null.
    """
    chained = entities.where(F.col("relation") == DESCENDANT).select(
        "investigation_id",
        "scope_start_at",
        F.col("entity_id").alias("role_session_id"),
        F.col("root_id").alias("entity_root_id"),
    )
    is_same = F.col("entity_root_id").isNull() | (F.col("root_id") == F.col("entity_root_id"))
    return (
        chained.join(sessions, on="role_session_id", how="inner")
        .where((F.col("started_at") >= baseline_start()) & (F.col("started_at") < F.col("scope_start_at")) & is_same)
        .groupBy(
            "investigation_id", F.col("role_session_id").alias("entity_id"), F.to_date("started_at").alias("started_date")
        )
        .agg(
            F.max("entity_root_id").alias("root_id"),
            F.count("*").alias("session_count"),
            F.sum("event_count").alias("event_count"),
            F.sum("failed_count").alias("failed_count"),
        )
    )  # fmt: skip


def build_past_calls(entities: DataFrame, activity: DataFrame) -> DataFrame:
    """Return what each chained role session had called in the 45 days before the scope."""
    chained = entities.where(F.col("relation") == DESCENDANT).select(
        "investigation_id", "scope_start_at", "entity_kind", "entity_id"
    )
    is_theirs = (F.col("principal_kind") == F.col("entity_kind")) & (F.col("principal_id") == F.col("entity_id"))
    start = F.to_date(F.col("scope_start_at") - F.expr(f"INTERVAL {BASELINE_DAYS} DAYS"))
    return (
        chained.join(activity.where(F.col("dimension") == "api"), on=is_theirs, how="inner")
        .where((F.col("activity_date") >= start) & (F.col("last_at") < F.col("scope_start_at")))
        .groupBy("investigation_id", "entity_id", F.col("value").alias("api"))
        .agg(
            F.sum("success_count").alias("success_count"), F.sum("failed_count").alias("failed_count"),
            F.min("first_at").alias("first_at"), F.max("last_at").alias("last_at"),
            F.count_distinct("activity_date").alias("active_days"),
        )
    )  # fmt: skip


def build_assumers(subjects: DataFrame, issuances: DataFrame, assumptions: DataFrame) -> DataFrame:
    """Return who assumed, or tried to assume, the subject's role."""
    of_role = subjects.where(F.col("role_arn").isNotNull()).select(*_SCOPE, "role_arn")
    return _role_use(of_role, "role_arn", issuances, assumptions)


def build_assumed_roles(subjects: DataFrame, issuances: DataFrame, assumptions: DataFrame) -> DataFrame:
    """Return the roles that the subject's role (or the user) assumed, or tried to."""
    theirs = subjects.select(*_SCOPE, F.coalesce("role_arn", "entity_id").alias("assumed_by_id"))
    return _role_use(theirs, "assumed_by_id", issuances, assumptions)


def _role_use(asked: DataFrame, by: str, issuances: DataFrame, assumptions: DataFrame) -> DataFrame:
    """Return ROLE_ASSUMPTIONS: the first time over all history, the last one and the counts from the baseline to the horizon."""
    used = (
        asked.join(role_tries(issuances), on=by, how="inner")
        .where((F.col("issued_at") >= baseline_start()) & (F.col("issued_at") < horizon()))
        .groupBy(
            "investigation_id", "role_arn", "assumed_by_type", F.coalesce("assumed_by_id", F.lit("")).alias("assumer")
        )
        .agg(
            F.max("issued_at").alias("last_at"),
            F.count_if(F.col("outcome") == "success").alias("success_count"),
            F.count_if(F.col("outcome") == "denied").alias("denied_count"),
        )
    )
    known = (
        asked.join(assumptions.drop("last_at", "success_count", "denied_count"), on=by, how="inner")
        .where(F.col("first_at") < horizon())
        .withColumn("assumer", F.coalesce("assumed_by_id", F.lit("")))
    )
    return known.join(
        used, on=["investigation_id", "role_arn", "assumed_by_type", "assumer"], how="left"
    ).fillna(0, ["success_count", "denied_count"])  # fmt: skip


def build_refusals(entities: DataFrame, issuances: DataFrame) -> DataFrame:
    """Return issuing calls of the subject and of chained sessions that were refused, in the scope and the week after."""
    theirs = entities.select("investigation_id", "scope_start_at", "scope_end_at", "entity_id")
    is_theirs = (F.col("caller_principal_id") == F.col("entity_id")) | (F.col("assumed_by_id") == F.col("entity_id"))
    is_in_time = (F.col("issued_at") >= F.col("scope_start_at")) & (
        F.col("issued_at") < F.col("scope_end_at") + F.expr(_AROUND)
    )
    refused = issuances.where(F.col("outcome") != "success")
    return theirs.join(refused, on=is_theirs & is_in_time, how="inner")


def build_accounts(subjects: DataFrame, family: DataFrame) -> DataFrame:
    """Return the accounts that an investigation touches: investigation_id, scope, account_id."""
    of_chain = family.where(F.col("relation") != "other").select(
        "investigation_id",
        F.explode(F.array("account_id", "assumed_by_account_id", "root_account_id")).alias("account_id"),
    )
    of_subject = subjects.select(
        "investigation_id", F.explode(F.array("account_id", "finding_account_id")).alias("account_id")
    )
    accounts = of_chain.unionByName(of_subject).where(F.col("account_id").isNotNull()).distinct()
    return accounts.join(
        subjects.select("investigation_id", "scope_start_at", "scope_end_at"), on="investigation_id", how="inner"
    )


def build_notable(accounts: DataFrame, events: DataFrame) -> DataFrame:
    """Return notable calls by anybody in the accounts concerned, one per action: `TECHNIQUES` in the scope, `WEIGHTY_CALLS` within
    a week of it.
    """
    notable = events.where(is_notable() & ~F.col("identity_type").eqNullSafe("AWSAccount")).select(
        "event_id", "action_id", "event_at", F.col("recipient_account_id").alias("account_id"), "principal_id", "identity_arn",
        api().alias("api"), "outcome", "error_code", "source_ip", target().alias("target"), is_failed().alias("is_failed"),
    )  # fmt: skip
    is_in_scope = (F.col("event_at") >= F.col("scope_start_at")) & (F.col("event_at") < F.col("scope_end_at"))
    is_near = (F.col("event_at") >= F.col("scope_start_at") - F.expr(_AROUND)) & (
        F.col("event_at") < F.col("scope_end_at") + F.expr(_AROUND)
    )
    is_weighty = F.col("api").isin(*WEIGHTY_CALLS)
    once = Window.partitionBy("investigation_id", "action_id").orderBy("account_id", "event_id")
    return (
        accounts.join(notable, on="account_id", how="inner")
        .where(is_in_scope | (is_near & is_weighty))
        .withColumn("copy", F.row_number().over(once))
        .where(F.col("copy") == 1)
        .drop("copy")
    )


def build_logs(accounts: DataFrame, files: DataFrame) -> DataFrame:
    """Return up to when the logs of each account concerned are here, at most to the horizon, and what could not be read.

    Objects are counted from the baseline to the horizon, by the day they were published; one that was put there again is one,
    and unreadable if no version of it could be read. An account without a log object has `complete_to_at` null: its own trail
    is not in the lake.
    """
    objects = (
        files.where(F.col("source") == "cloudtrail")
        .groupBy("account_id", "publish_date", "uri")
        .agg(
            F.max("max_event_at").alias("max_event_at"),
            F.min("min_event_at").alias("min_event_at"),
            F.max(F.col("status") == "ingested").alias("is_ingested"),
            F.max(F.col("status") == "rejected").alias("is_rejected"),
            F.max("rejected_count").alias("rejected_count"),
        )
    )
    by_day = objects.groupBy("account_id", "publish_date").agg(
        F.max("max_event_at").alias("complete_to_at"),
        F.min("min_event_at").alias("from_at"),
        F.count_if("is_ingested").alias("file_count"),
        F.count_if(F.col("is_rejected") & ~F.col("is_ingested")).alias("rejected_file_count"),
        F.sum("rejected_count").alias("rejected_count"),
    )
    counts = ("file_count", "rejected_file_count", "rejected_count")
    is_near = F.col("publish_date").between(F.to_date(baseline_start()), F.to_date(horizon()))
    return (
        accounts.join(by_day, on="account_id", how="left")
        .groupBy(*_SCOPE, "account_id")
        .agg(
            F.max(F.least("complete_to_at", horizon())).alias("complete_to_at"),
            F.min("from_at").alias("from_at"),
            *[F.sum(F.when(is_near, F.col(name))).alias(name) for name in counts],
        )
    )


def build_log_gaps(accounts: DataFrame, coverage: DataFrame) -> DataFrame:
    """Return LOG_COVERAGE of the accounts concerned, of the days with a gap from a day before the scope until a day after it."""
    is_near = F.col("coverage_date").between(
        F.date_sub(F.to_date("scope_start_at"), 1), F.date_add(F.to_date("scope_end_at"), 1)
    )
    return accounts.join(coverage.where("size(gap_hours) > 0"), on="account_id", how="inner").where(is_near)
