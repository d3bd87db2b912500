"""Credential sessions from usage and issuances: nodes, what issued them, and the root that each leads back to."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.columns import PRINCIPALS
from expectations.tables import CREDENTIAL_SESSIONS
from transforms.chain import OF_ROOT, Settle, close_chains
from transforms.sessions.binding import SELF_ROOT, bind, unbound_reason
from transforms.sessions.identity import with_home
from transforms.usage import TUPLE

LEAST_RESOLVED = 0.80
EXPIRY_SKEW = "INTERVAL 5 MINUTES"
_PERSON = ("IAMUser", "Root")

# What a session knows of itself alone: everything but what the closure fills in.
OWN_COLUMNS = tuple(
    name
    for name in CREDENTIAL_SESSIONS.column_names
    if name not in (*OF_ROOT, "chain", "chain_depth", "attribution_confidence", "attribution_status")
)


def bind_sessions(usage: DataFrame, issuances: DataFrame, callers: DataFrame) -> DataFrame:
    """Return the credential sessions of some start days, each with what issued it and nothing further back.

    Args:
        usage: SESSION_USAGE rows of all sessions of those days, with their session ids.
        issuances: CREDENTIAL_ISSUANCES of those days and the seconds around them.
        callers: SESSION_USAGE rows of the days of the issuances: the issuing calls are among them.

    The result has OWN_COLUMNS, `is_ambiguous` and `candidates`.
    """
    homes = with_callers(with_home(issuances, usage), callers)
    nodes = _used(usage).join(_issued(homes), on="credential_session_id", how="full")
    bound = bind(_nodes(nodes), homes)
    return _described(bound)


def with_callers(issuances: DataFrame, callers: DataFrame) -> DataFrame:
    """Add `parent_session_id` and `parent_started_at`: the session that the issuing call was made with, by identity tuple.

    A long-term key has no session, and so no parent. A parent that began after its child is no parent: some clock lies.
    """
    keys = ["issued_date", *[f"caller_{name}" for name in TUPLE]]
    sessions = callers.where(F.col("credential_session_id").isNotNull()).select(
        F.col("event_date").alias("issued_date"),
        *[F.col(name).alias(f"caller_{name}") for name in TUPLE],
        F.col("credential_session_id").alias("parent_session_id"),
        F.col("session_created_at").alias("parent_started_at"),
    )
    matches = [issuances[name].eqNullSafe(sessions[name]) for name in keys]
    joined = issuances.join(sessions, on=matches, how="left").select(
        issuances["*"], sessions["parent_session_id"], sessions["parent_started_at"]
    )
    is_own = F.col("issuing_api").isin("ConsoleLogin", "GetSessionToken")
    is_parent = ~is_own & (F.coalesce("parent_started_at", "issued_at") <= F.col("issued_at"))
    is_other = F.col("parent_session_id") != F.col("credential_session_id")
    return joined.withColumns(
        {name: F.when(is_parent & is_other, F.col(name)) for name in ("parent_session_id", "parent_started_at")}
    )


def root_sessions(bound: DataFrame, rooted: DataFrame, settle: Settle) -> DataFrame:
    """Return CREDENTIAL_SESSIONS: bound sessions with chain, root, confidence, status and reason.

    Args:
        bound: sessions with OWN_COLUMNS, `is_ambiguous`, `candidates` and `unbound_reason`.
        rooted: CREDENTIAL_SESSIONS rows that may be their parents and are not among them.
        settle: materialises a frame between the rounds of the closure.
    """
    closed = close_chains(_starts(bound), rooted, settle)
    has_root = F.col("root_id").isNotNull() & F.col("attribution_reason").isNull()
    is_sure = F.col("attribution_confidence") >= LEAST_RESOLVED
    is_resolved = has_root & is_sure
    finished = closed.withColumns(
        {
            "attribution_status": F.when(is_resolved, "resolved")
            .when(F.col("attribution_reason") == "AMBIGUOUS", "ambiguous")
            .otherwise("unresolved"),
            "attribution_reason": F.when(~is_resolved, F.coalesce("attribution_reason", F.lit("CLAIM_ONLY"))),
        }
    )
    return CREDENTIAL_SESSIONS.conform(finished.select(*CREDENTIAL_SESSIONS.column_names))


def with_unbound_reason(bound: DataFrame, windows: DataFrame, clock: date | None) -> DataFrame:
    """Add `unbound_reason`: why a session has no issuance, in the light of which logs the lake has.

    Args:
        bound: what `bind_sessions` gives, or the same columns of the table.
        windows: account_id, starts_at (UTC): when the logs of each account begin.
        clock: newest publish day.
    """
    starts = windows.select("account_id", F.col("starts_at").alias("window_starts_at"))
    reason = unbound_reason(F.col("account_id"), F.col("started_at"), F.col("window_starts_at"), clock)
    return bound.join(starts, on="account_id", how="left").withColumn("unbound_reason", reason).drop("window_starts_at")


def log_windows(files: DataFrame) -> DataFrame:
    """Return when the logs of each account begin: account_id, starts_at (UTC), from INGEST_FILES.

    Late events on the first day are from before it; the day itself bounds them.
    """
    logs = files.where(
        (F.col("source") == "cloudtrail") & (F.col("status") == "ingested") & F.col("account_id").isNotNull()
    )
    by_day = logs.groupBy("account_id", "publish_date").agg(F.min("min_event_at").alias("first_at"))
    first = by_day.groupBy("account_id").agg(
        F.min_by(F.struct("publish_date", "first_at"), "publish_date").alias("first")
    )
    starts_at = F.greatest(F.col("first.publish_date").cast("timestamp"), F.col("first.first_at"))
    return first.select("account_id", starts_at.alias("starts_at"))


def only_due(sessions: DataFrame, windows: DataFrame, clock: date | None) -> DataFrame:
    """Keep unresolved sessions (CREDENTIAL_SESSIONS) whose reason is another now that the lake knows more."""
    waiting = sessions.where(
        F.col("attribution_reason").isin("NO_ACCOUNT", "BEFORE_WINDOW", "PENDING", "NO_ISSUANCE")
        & (F.col("top_session_id") == F.col("credential_session_id"))
    )
    return (
        with_unbound_reason(waiting, windows, clock)
        .where(~F.col("attribution_reason").eqNullSafe(F.col("unbound_reason")))
        .drop("unbound_reason")
    )


def as_bound(sessions: DataFrame) -> DataFrame:
    """Return rows of the table as `bind_sessions` made them: for sessions whose binding stands and whose root may not."""
    is_own_ambiguity = (F.col("attribution_reason") == "AMBIGUOUS") & F.col("attribution_method").isNull()
    return sessions.select(
        *OWN_COLUMNS,
        F.coalesce(is_own_ambiguity, F.lit(False)).alias("is_ambiguous"),
        F.when(is_own_ambiguity, F.col("candidates")).alias("candidates"),
    )


def _used(usage: DataFrame) -> DataFrame:
    """Fold usage into sessions: what was done with each, and with which keys."""
    is_direct = F.col("invoked_by").isNull()
    # The console makes keys per request, forward access per call: they are in session_usage, not in a session's list.
    own_key = F.when(is_direct & ~F.coalesce("credential_from_console", F.lit(False)), F.col("access_key_id"))
    same_in_all = [
        "identity_type",
        "principal_id",
        "identity_arn",
        "identity_account_id",
        "role_arn",
        "source_identity",
    ]
    return (
        usage.where(F.col("credential_session_id").isNotNull())
        .groupBy("credential_session_id")
        .agg(
            *[F.max(name).alias(name) for name in same_in_all],
            F.max("session_created_at").alias("session_created_at"),
            F.max("mfa_authenticated").alias("mfa_authenticated"),
            F.min("first_event_at").alias("first_event_at"),
            F.max("last_event_at").alias("last_event_at"),
            F.max(F.when(is_direct, F.col("last_event_at"))).alias("last_direct_at"),
            F.sum("event_count").alias("event_count"),
            F.sum("failed_count").alias("failed_count"),
            F.array_sort(F.collect_set(own_key)).alias("own_key_ids"),
            F.array_sort(F.collect_set("access_key_id")).alias("used_key_ids"),
        )
    )


def _issued(homes: DataFrame) -> DataFrame:
    """Fold issuances into sessions: what is known of a session that may never have been used."""
    first = F.struct("issued_at", "action_id")
    taken = ["issuing_api", "issued_role_arn", "issued_session_name", "issued_role_account_id", "issued_principal_id"]
    return homes.groupBy("credential_session_id").agg(
        *[F.min_by(name, first).alias(f"own_{name}") for name in taken],
        F.min_by("caller_identity_type", first).alias("own_caller_type"),
        F.min_by("assumed_by_id", first).alias("own_assumed_by_id"),
        F.max("home_principal_id").alias("home_principal_id"),
        F.max("home_started_at").alias("home_started_at"),
        F.max("is_twin").alias("is_keyed"),
    )


def _nodes(sessions: DataFrame) -> DataFrame:
    """Name what `bind` and the table need of each session, from usage where it was used, else from its issuance."""
    of_issuance = (
        F.when(F.col("own_issuing_api").startswith("AssumeRole"), "AssumedRole")
        .when(F.col("own_issuing_api") == "GetFederationToken", "FederatedUser")
        .otherwise(F.col("own_caller_type"))
    )
    return sessions.withColumns(
        {
            "is_keyed": F.coalesce("is_keyed", F.lit(False)),
            "principal_type": F.coalesce("identity_type", of_issuance, F.lit("Unknown")),
            "principal_id": F.coalesce("principal_id", "home_principal_id"),
            "known_principal_id": F.coalesce("principal_id", "own_issued_principal_id"),
            "role_arn": F.coalesce("role_arn", "own_issued_role_arn"),
            "started_at": F.coalesce("session_created_at", "home_started_at"),
            "account_id": F.coalesce("identity_account_id", "own_issued_role_account_id"),
            "identity_account_id": F.coalesce("identity_account_id", "own_issued_role_account_id"),
            "event_count": F.coalesce("event_count", F.lit(0).cast("bigint")),
            "failed_count": F.coalesce("failed_count", F.lit(0).cast("bigint")),
            "used_key_ids": F.coalesce("used_key_ids", F.array().cast("array<string>")),
            "own_key_ids": F.coalesce("own_key_ids", F.array().cast("array<string>")),
        }
    ).withColumn(
        "session_name",
        F.when(
            F.col("principal_type") == "AssumedRole",
            F.coalesce(_after_colon("known_principal_id"), F.col("own_issued_session_name")),
        ),
    )


def _described(bound: DataFrame) -> DataFrame:
    """Bring bound nodes into the table's columns: OWN_COLUMNS, `is_ambiguous`, `candidates`."""
    is_role = F.col("principal_type") == "AssumedRole"
    is_person = F.col("principal_type").isin(*_PERSON)
    user_arn = F.coalesce("identity_arn", "own_assumed_by_id")
    is_console = F.col("bound_issuing_api") == "ConsoleLogin"
    used_keys = F.when(is_console, F.array().cast("array<string>")).otherwise(F.col("own_key_ids"))
    issued_keys = F.array_compact(F.array("bound_issued_access_key_id"))
    expires_at = F.col("bound_expires_at")
    own = bound.withColumns(
        {
            "principal_id": F.col("known_principal_id"),
            "role_session_id": F.when(is_role, F.col("known_principal_id")),
            "role_id": F.when(is_role, _before_colon("known_principal_id")),
            "role_name": F.when(is_role, F.substring_index("role_arn", "/", -1)),
            "started_date": F.col("started_at").cast("date"),
            "expires_at": expires_at,
            "access_key_ids": F.array_sort(F.array_distinct(F.concat(used_keys, issued_keys))),
            "issuing_api": F.col("bound_issuing_api"),
            "issuing_event_ids": F.coalesce("bound_issuing_event_ids", F.array().cast("array<string>")),
            "source_identity": F.coalesce("source_identity", "bound_source_identity"),
            "used_after_expiry": F.coalesce(F.col("last_direct_at") > expires_at + F.expr(EXPIRY_SKEW), F.lit(False)),
            # A user's own session was assumed by nobody else: it is that user, whether its sign-in was seen or not.
            "assumed_by_type": F.when(is_person, F.col("principal_type")).otherwise(F.col("assumed_by_type")),
            "assumed_by_id": F.when(is_person, user_arn).otherwise(F.col("assumed_by_id")),
            "assumed_by_name": F.when(is_person, F.substring_index(user_arn, "/", -1)).otherwise(
                F.col("assumed_by_name")
            ),
            "assumed_by_account_id": F.when(is_person, F.col("account_id")).otherwise(F.col("assumed_by_account_id")),
            "attribution_method": F.coalesce("method", F.when(is_person, SELF_ROOT.name)),
            "binding_confidence": F.coalesce("binding_confidence", F.when(is_person, SELF_ROOT.confidence)),
            "is_ambiguous": F.coalesce("is_ambiguous", F.lit(False)),
        }
    )
    described = own.withColumns(
        {
            "is_chained": F.coalesce(F.col("assumed_by_type") == "AssumedRole", F.lit(False)),
            "is_cross_account": F.col("assumed_by_account_id") != F.col("account_id"),
            "parent_started_at": F.when(F.col("parent_session_id").isNotNull(), F.col("bound_parent_started_at")),
        }
    )
    return described.select(*OWN_COLUMNS, "is_ambiguous", "candidates")


def _starts(bound: DataFrame) -> DataFrame:
    """Give every session the columns of the closure, as if it were the start of its chain."""
    is_role = F.col("principal_type") == "AssumedRole"
    is_unbound = F.col("attribution_method").isNull()
    # An external caller's own copy is not here: the next method of the list (OWNER_COPY) will bind it.
    is_opaque = F.col("assumed_by_type").isin("ExternalPrincipal", "Unknown") | F.col("assumed_by_id").isNull()
    is_missing_parent = F.col("is_chained") & F.col("parent_session_id").isNull()
    reason = (
        F.when(F.col("is_ambiguous"), "AMBIGUOUS")
        .when(is_unbound, F.col("unbound_reason"))
        .when(is_opaque, "NO_ACCOUNT")
        .when(is_missing_parent, "NO_ISSUANCE")
    )
    has_root = reason.isNull() & F.col("parent_session_id").isNull()
    return bound.withColumns(
        {
            "pointer": F.when(reason.isNull(), F.col("parent_session_id")),
            "top_session_id": F.col("credential_session_id"),
            "attribution_reason": reason,
            "attribution_confidence": F.when(reason.isNull(), F.col("binding_confidence")).otherwise(0.0),
            "root_type": F.when(has_root, F.col("assumed_by_type")).otherwise("Unknown"),
            "root_id": F.when(has_root, F.col("assumed_by_id")),
            "root_name": F.when(has_root, F.col("assumed_by_name")),
            "root_account_id": F.when(has_root, F.col("assumed_by_account_id")),
            "candidates": F.col("candidates").cast(PRINCIPALS),
            "chain": F.when(is_role, F.array("role_arn")).otherwise(F.array().cast("array<string>")),
            "chain_depth": F.when(is_role, F.lit(1)).otherwise(F.lit(0)),
        }
    ).drop("is_ambiguous", "unbound_reason")


def _after_colon(name: str) -> Column:
    return F.when(F.col(name).contains(":"), F.substring_index(name, ":", -1))


def _before_colon(name: str) -> Column:
    last = F.substring_index(name, ":", -1)
    return F.when(F.col(name).contains(":"), F.left(name, F.length(name) - F.length(last) - 1))
