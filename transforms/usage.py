"""Which credentials made which events: counts per day and identity tuple, and the session each tuple belongs to."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.tables import SESSION_USAGE
from transforms.cloudtrail import only_callers_copies
from transforms.sessions.identity import LINK_SECONDS, credential_session_id, with_home

WITH_CREDENTIALS = ("IAMUser", "Root", "AssumedRole", "FederatedUser")

# A session's own sign-in is not something that it did (SEMANTICS §2).
SIGN_IN_EVENTS = ("ConsoleLogin", "SwitchRole", "ExitRole", "RenewRole", "SwitchRoleSaml")

TUPLE = ("principal_id", "session_created_at", "access_key_id", "invoked_by", "recipient_account_id")


def is_failed() -> Column:
    """Neither success nor dry run: a dry run would have succeeded."""
    return ~F.col("outcome").isin("success", "dry_run")


def the_only(name: str) -> Column:
    """Return the value that some rows of a group have, if all that have one agree: of two people neither is picked."""
    return F.when(F.min(name) == F.max(name), F.max(name)).alias(name)


def count_usage(events: DataFrame) -> DataFrame:
    """Return SESSION_USAGE rows of whole days of events, without their session.

    One count per action: the caller's copy, so that a call into another account is not counted twice.
    """
    is_sign_in = (F.col("event_source") == "signin.amazonaws.com") & F.col("event_name").isin(*SIGN_IN_EVENTS)
    is_other = (F.col("event_category") != "Management") & ~F.col("identity_type").eqNullSafe("AWSAccount")
    made = (
        only_callers_copies(events)
        .unionByName(events.where(is_other))
        .where(F.col("identity_type").isin(*WITH_CREDENTIALS) & ~is_sign_in)
    )
    same_in_all = ["identity_type", "identity_arn", "identity_account_id", "role_arn", "source_identity"]
    counted = made.groupBy("event_date", *TUPLE).agg(
        *[F.max(name).alias(name) for name in same_in_all],
        F.max("mfa_authenticated").alias("mfa_authenticated"),
        F.max("credential_from_console").alias("credential_from_console"),
        F.max("assumed_root").alias("assumed_root"),
        the_only("on_behalf_of"),
        the_only("session_issuer_arn"),
        # There it names the session that is being made, not the caller's.
        F.max(F.when(F.col("event_name") != "CreateOAuth2Token", F.col("sign_in_session_arn"))).alias(
            "sign_in_session_arn"
        ),
        F.max("in_scope_of").alias("in_scope_of"),
        F.min("event_at").alias("first_event_at"),
        F.max("event_at").alias("last_event_at"),
        F.count("*").alias("event_count"),
        F.count_if(is_failed()).alias("failed_count"),
    )
    return SESSION_USAGE.conform(counted.withColumn("credential_session_id", F.lit(None).cast("string")))


def with_sessions(usage: DataFrame, issuances: DataFrame) -> DataFrame:
    """Return the usage rows with the credential session each belongs to; null for a long-term key.

    Args:
        usage: SESSION_USAGE rows; all rows of every (principal, creation date) among them, whatever their day.
        issuances: CREDENTIAL_ISSUANCES of the seconds around those creation dates.

    A forward-access call of an IAM user or root carries the creation date of a session only if that session exists: it was
    issued, or something else was done with it. Else the service minted the date, and there is no session (SEMANTICS §2).
    """
    homes = with_home(issuances, usage)
    of_key = homes.where(F.col("issued_access_key_id").isNotNull()).select(
        F.col("issued_access_key_id").alias("access_key_id"),
        F.col("issued_role_account_id").alias("identity_account_id"),
        F.col("home_principal_id").alias("principal_id"),
        "home_started_at",
        F.col("is_twin"),
    )
    # One issuance a key and home: the ids agree whichever of two equal rows is taken.
    of_key = of_key.groupBy("access_key_id", "identity_account_id", "principal_id").agg(
        F.min("home_started_at").alias("key_started_at"), F.max("is_twin").alias("is_twin")
    )
    issued = homes.select(
        F.col("home_principal_id").alias("principal_id"), F.col("home_started_at").alias("session_created_at")
    ).distinct()
    is_person = F.col("identity_type").isin("IAMUser", "Root")
    directly_used = (
        usage.where(is_person & F.col("invoked_by").isNull() & F.col("session_created_at").isNotNull())
        .select("principal_id", "session_created_at")
        .distinct()
    )
    real = issued.unionByName(directly_used).distinct().withColumn("is_real", F.lit(True))

    is_forward_access = is_person & F.col("invoked_by").isNotNull()
    is_long_term = is_person & F.col("session_created_at").isNull() & F.col("key_started_at").isNull()
    # Some records have an ARN and no principal id; with neither nobody is told from anybody.
    principal = F.coalesce("principal_id", "identity_arn")
    has_session = principal.isNotNull() & ~is_long_term & (~is_forward_access | F.coalesce("is_real", F.lit(False)))
    start = F.coalesce("session_created_at", "key_started_at")
    is_twins_key = F.col("is_twin") & (start == F.col("key_started_at"))
    own_key = F.when(F.coalesce(is_twins_key, F.lit(False)) | start.isNull(), F.col("access_key_id"))
    identified = (
        usage.drop("credential_session_id")
        .join(of_key, on=["access_key_id", "identity_account_id", "principal_id"], how="left")
        .join(real, on=["principal_id", "session_created_at"], how="left")
        .withColumn(
            "credential_session_id",
            F.when(has_session, credential_session_id(principal, start, own_key)),
        )
    )
    return SESSION_USAGE.conform(SESSION_USAGE.columns_of(identified))


def days_around(frame: DataFrame, started: str, used: str | None = None) -> DataFrame:
    """Return the days (`day`) on which an issuance of these sessions may lie.

    Args:
        frame: rows with the columns named.
        started: time of the session's start; its day, and the one that a few seconds more or less lead into.
        used: time of a use that has no start: a key lives for 36 hours at most.
    """
    offsets = [F.expr(f"INTERVAL {seconds} SECONDS") for seconds in (-LINK_SECONDS, LINK_SECONDS)]
    near = F.array(*[(F.col(started) + offset).cast("date") for offset in offsets])
    lives = near if used is None else F.when(F.col(started).isNotNull(), near).otherwise(_days_before(used))
    return frame.select(F.explode(lives).alias("day")).where(F.col("day").isNotNull()).distinct()


def _days_before(used: str) -> Column:
    return F.array(*[F.date_sub(F.col(used).cast("date"), days) for days in range(3)])
