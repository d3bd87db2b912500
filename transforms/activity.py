"""What every principal did, by day and dimension and by hour and API: one count per action, the caller's copy.

A principal is not only who the log names. Kind `root` is the attributed origin, across every role that it used.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.tables import API_CALL_VOLUME_HOURLY, PRINCIPAL_ACTIVITY_DAILY
from transforms.cloudtrail import only_callers_copies
from transforms.usage import TUPLE, is_failed

_ACTOR = ("account", "role", "role_session", "iam_user", "federated_user", "root")


def dimension_values() -> dict[str, Column]:
    """Return each dimension's value of an event; null where the event has none."""
    assumes_a_role = F.col("event_name").startswith("AssumeRole") & (F.col("event_source") == "sts.amazonaws.com")
    return {
        "api": F.concat_ws(":", "event_source", "event_name"),
        "source_ip": F.col("source_ip"),
        "country": F.col("country_code"),
        "city": F.when(F.col("city").isNotNull(), F.concat_ws(", ", "city", "country_code")),
        "asn": F.when(
            F.col("asn").isNotNull(), F.concat_ws(" ", F.concat(F.lit("AS"), F.col("asn").cast("string")), "aso")
        ),
        "user_agent": F.col("user_agent_family"),
        "access_key": F.col("access_key_id"),
        "assumed_role": F.when(assumes_a_role, F.get_json_object("request_parameters", "$.roleArn")),
    }


def count_calls(events: DataFrame, usage: DataFrame, sessions: DataFrame) -> DataFrame:
    """Return calls of whole days, counted by hour, actor and every dimension at once: what both tables are made from.

    Args:
        events: CLOUDTRAIL_EVENTS of those days.
        usage: SESSION_USAGE of those days: which session made which event.
        sessions: CREDENTIAL_SESSIONS of those usages: where each leads back to.

    The result has one column per principal kind and per dimension, `hour_at`, `success_count`, `failed_count`, `first_at`,
    `last_at`. It is a few times smaller than the events, and has no wide column.
    """
    management = only_callers_copies(events.where(F.col("event_category") == "Management"))
    kind = F.col("identity_type")
    counted = (
        management.withColumns(dimension_values())
        .withColumns(
            {
                "hour_at": F.date_trunc("hour", "event_at"),
                "account": F.coalesce("identity_account_id", "recipient_account_id"),
                "role": F.when(kind == "AssumedRole", F.col("role_arn")),
                "role_session": F.when(kind == "AssumedRole", F.col("role_session_id")),
                "iam_user": F.when(kind == "IAMUser", F.col("identity_arn")),
                "federated_user": _federated_user(),
                # Whoever assumed a member's root is not that root.
                "is_person": kind.isin("IAMUser", "Root") & ~F.coalesce("assumed_root", F.lit(False)),
            }
        )
        .groupBy(
            "event_date", "hour_at", *TUPLE, "is_person", "identity_arn",
            *[name for name in _ACTOR if name != "root"], *[F.col(name).alias(f"by_{name}") for name in dimension_values()],
        )
        .agg(
            F.count_if(~is_failed()).alias("success_count"),
            F.count_if(is_failed()).alias("failed_count"),
            F.min("event_at").alias("first_at"),
            F.max("event_at").alias("last_at"),
        )
    )  # fmt: skip
    return _with_root(counted, usage, sessions)


def build_principal_activity_daily(calls: DataFrame) -> DataFrame:
    """Return PRINCIPAL_ACTIVITY_DAILY from what `count_calls` gives."""
    dimensions = list(dimension_values())
    by_value = (
        calls.select("*", _exploded(dimensions, "by_", "dimension", "value"))
        .select("*", F.inline("pairs"))
        .where(F.col("value").isNotNull())
        .groupBy(F.col("event_date").alias("activity_date"), *_ACTOR, "dimension", "value")
        .agg(*_sums(), F.min("first_at").alias("first_at"), F.max("last_at").alias("last_at"))
    )
    by_principal = (
        by_value.select("*", _exploded(list(_ACTOR), "", "principal_kind", "principal_id"))
        .select("*", F.inline("pairs"))
        .where(F.col("principal_id").isNotNull())
        .groupBy("activity_date", "principal_kind", "principal_id", "dimension", "value")
        .agg(*_sums(), F.min("first_at").alias("first_at"), F.max("last_at").alias("last_at"))
    )
    return PRINCIPAL_ACTIVITY_DAILY.conform(by_principal)


def build_api_call_volume_hourly(calls: DataFrame) -> DataFrame:
    """Return API_CALL_VOLUME_HOURLY from what `count_calls` gives."""
    by_hour = (
        calls.select("*", _exploded(list(_ACTOR), "", "principal_kind", "principal_id"))
        .select("*", F.inline("pairs"))
        .where(F.col("principal_id").isNotNull())
        .groupBy(
            "hour_at",
            F.col("event_date").alias("hour_date"),
            "principal_kind",
            "principal_id",
            F.col("by_api").alias("api"),
        )
        .agg(*_sums())
    )
    return API_CALL_VOLUME_HOURLY.conform(API_CALL_VOLUME_HOURLY.columns_of(by_hour))


def _with_root(calls: DataFrame, usage: DataFrame, sessions: DataFrame) -> DataFrame:
    """Add `root`: the resolved origin of the session a call was made with, or the user itself for a long-term key."""
    of_tuple = usage.where(F.col("credential_session_id").isNotNull()).select(
        *[F.col(name).alias(f"u_{name}") for name in ("event_date", *TUPLE)], "credential_session_id"
    )
    of_session = sessions.where(F.col("attribution_status") == "resolved").select(
        "credential_session_id", F.col("root_id").alias("session_root")
    )
    roots = of_tuple.join(of_session, on="credential_session_id", how="inner").drop("credential_session_id")
    matches = [calls[name].eqNullSafe(roots[f"u_{name}"]) for name in ("event_date", *TUPLE)]
    own = F.when(F.col("is_person"), F.col("identity_arn"))
    return (
        calls.join(roots, on=matches, how="left")
        .withColumn("root", F.coalesce("session_root", own, "federated_user"))
        .drop(*roots.columns, "is_person", "identity_arn", *TUPLE)
    )


def _federated_user() -> Column:
    """The federated user that calls in its own name: SAML as `<provider>:<user>`, OIDC by its principal id."""
    named = F.concat("identity_provider", F.lit(":"), "identity_user_name")
    kind = F.col("identity_type")
    return F.when(kind == "SAMLUser", named).when(kind == "WebIdentityUser", F.col("principal_id"))


def _exploded(names: list[str], prefix: str, key: str, value: str) -> Column:
    """Turn columns into an array of (name, value) pairs called `pairs`, ready to be one row each."""
    pairs = [F.struct(F.lit(name).alias(key), F.col(f"{prefix}{name}").alias(value)) for name in names]
    return F.array(*pairs).alias("pairs")


def _sums() -> list[Column]:
    return [F.sum("success_count").alias("success_count"), F.sum("failed_count").alias("failed_count")]
