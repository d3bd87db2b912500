"""Credential sessions from usage and issuances: nodes, what issued them, and the root that each leads back to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.columns import PRINCIPALS
from expectations.tables import CREDENTIAL_SESSIONS
from transforms import workloads
from transforms.chain import OF_ROOT, Settle, close_chains
from transforms.sessions.binding import bind, unbound_reason
from transforms.sessions.doubts import CIRCLE, doubted, doubts
from transforms.sessions.evidence import linked_people, with_assumer, with_claims
from transforms.sessions.identity import NEAR_SECONDS, with_home
from transforms.sessions.neighbours import PERSON, forgotten, with_known_users, with_live_parents, with_siblings
from transforms.usage import TUPLE, the_only

LEAST_RESOLVED = 0.80
OF_THE_LOGS = ("NO_ACCOUNT", "BEFORE_WINDOW", "DATA_EVENT", "GAP", "PENDING", "NO_ISSUANCE", "CLAIM_ONLY")
EXPIRY_SKEW = "INTERVAL 5 MINUTES"
OF_WHOM = ("sign_in_session_arn", "in_scope_of")  # any of a session's calls says it for all of them

# What a session knows of itself alone: everything but what the closure fills in.
OWN_COLUMNS = tuple(
    name
    for name in CREDENTIAL_SESSIONS.column_names
    if name not in (*OF_ROOT, "chain", "chain_depth", "attribution_confidence", "attribution_status", "has_role_loop")
)


def bind_sessions(
    usage: DataFrame,
    issuances: DataFrame,
    callers: DataFrame,
    keep: Callable[[DataFrame], DataFrame] = lambda frame: frame,
) -> DataFrame:
    """Return the credential sessions of some start days, each with what issued it and nothing further back.

    Args:
        usage: SESSION_USAGE rows of all sessions of those days, with their session ids.
        issuances: CREDENTIAL_ISSUANCES of those days and the seconds around them.
        callers: SESSION_USAGE rows of the days of the issuances: the issuing calls are among them.
        keep: materialises what is used several times: each of these frames is made of many, and planned anew wherever it stands.

    The result has OWN_COLUMNS, `is_ambiguous` and `candidates`.
    """
    homes = keep(with_callers(with_home(issuances, usage), callers))
    nodes = keep(_nodes(_used(usage).join(_issued(homes), on="credential_session_id", how="full")))
    bound = keep(_named(bind(nodes, homes)))
    people = linked_people(_without_assumer(bound), issuances)
    return _described(with_assumer(bound.join(people, on="credential_session_id", how="left")))


def with_callers(issuances: DataFrame, callers: DataFrame) -> DataFrame:
    """Add `parent_session_id` and `parent_started_at`: the session that the issuing call was made with, by identity tuple.

    A long-term key has no session, and so no parent. A parent that began after its child is no parent: some clock lies; a second
    more is none, since two clocks wrote the two times, each in whole seconds. A service
    has no principal id, and is nobody's session, whatever record lacks one too.
    """
    keys = ["issued_date", *[f"caller_{name}" for name in TUPLE]]
    sessions = callers.where(F.col("credential_session_id").isNotNull() & F.col("principal_id").isNotNull()).select(
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
    latest = F.col("issued_at") + F.expr(f"INTERVAL {NEAR_SECONDS} SECONDS")
    is_younger = F.coalesce(F.col("parent_started_at") > latest, F.lit(False))
    is_other = F.col("parent_session_id") != F.col("credential_session_id")
    is_owners_copy = F.col("caller_identity_type") == "AWSAccount"
    return joined.withColumns(
        {
            **{
                name: F.when(~is_own & ~is_younger & is_other, F.col(name))
                for name in ("parent_session_id", "parent_started_at")
            },
            "parent_is_younger": ~is_own & is_younger & is_other,
            "external_caller_id": F.when(is_owners_copy, F.col("caller_principal_id")),
        }
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
            "has_role_loop": F.size(F.array_distinct("chain")) < F.size("chain"),
        }
    )
    return CREDENTIAL_SESSIONS.conform(CREDENTIAL_SESSIONS.columns_of(finished))


def with_neighbours(bound: DataFrame, others: DataFrame, usage: DataFrame) -> DataFrame:
    """Return bound sessions with what other sessions, and at last their own claims, tell of their assumers.

    Args:
        bound: what `bind_sessions` or `as_bound` gives.
        others: NEIGHBOUR_COLUMNS of sessions of the days around that are not among them.
        usage: USER_COLUMNS of SESSION_USAGE of the days around.
    """
    return with_claims(with_siblings(with_known_users(with_live_parents(bound, others), usage), others))


def with_unbound_reason(bound: DataFrame, windows: DataFrame, clock: date | None) -> DataFrame:
    """Add `unbound_reason`: why a session has no issuance, in the light of which logs the lake has.

    Args:
        bound: what `with_neighbours` gives, or the same columns of the table.
        windows: account_id, starts_at (UTC): when the logs of each account begin; `gaps`, when they say nothing.
        clock: newest publish day.
    """
    known = windows.select(
        F.col("account_id").alias("issuing_account_id"), F.col("starts_at").alias("window_starts_at"), "gaps"
    )
    reason = unbound_reason(clock)
    is_claim = F.col("attribution_method").isNotNull() & F.col("assumed_by_type").isNull()
    said = F.when(is_claim & (reason == "NO_ISSUANCE"), "CLAIM_ONLY").otherwise(reason)
    issuing_account = F.when(is_elsewhere(), F.col("assumed_by_account_id")).otherwise(F.col("account_id"))
    asked = {
        "issuing_account_id": issuing_account,
        "unissued_name": F.when(F.col("assumed_by_type").isNull(), F.col("session_name")),
    }
    joined = bound.withColumns(asked).join(known, on="issuing_account_id", how="left")
    return joined.withColumn("unbound_reason", said).drop(*asked, "window_starts_at", "gaps")


def log_windows(files: DataFrame, gaps: DataFrame) -> DataFrame:
    """Return when the logs of each account begin, and when they say nothing: account_id, starts_at (UTC), `gaps`.

    Args:
        files: INGEST_FILES. Late events on the first day are from before it; the day itself bounds them.
        gaps: account_id, gap_started_at, gap_ended_at (UTC).
    """
    logs = files.where(
        (F.col("source") == "cloudtrail") & (F.col("status") == "ingested") & F.col("account_id").isNotNull()
    )
    by_day = logs.groupBy("account_id", "publish_date").agg(F.min("min_event_at").alias("first_at"))
    first = by_day.groupBy("account_id").agg(
        F.min_by(F.struct("publish_date", "first_at"), "publish_date").alias("first")
    )
    starts_at = F.greatest(F.col("first.publish_date").cast("timestamp"), F.col("first.first_at"))
    gap = F.struct("gap_started_at", "gap_ended_at")
    by_account = gaps.groupBy("account_id").agg(F.array_sort(F.collect_set(gap)).alias("gaps"))
    return first.select("account_id", starts_at.alias("starts_at")).join(by_account, on="account_id", how="left")


def only_due(sessions: DataFrame, windows: DataFrame, clock: date | None) -> DataFrame:
    """Keep unresolved sessions (CREDENTIAL_SESSIONS) whose reason is another now that the lake knows more."""
    waiting = sessions.where(
        (F.col("top_session_id") == F.col("credential_session_id"))
        & (F.col("attribution_reason").isin(*OF_THE_LOGS) & F.col("assumed_by_type").isNull() | is_elsewhere())
    )
    by_now = F.when(is_elsewhere(), F.nullif("unbound_reason", F.lit("NO_ACCOUNT"))).otherwise(F.col("unbound_reason"))
    return (
        with_unbound_reason(waiting, windows, clock)
        .where(~F.col("attribution_reason").eqNullSafe(by_now))
        .drop("unbound_reason")
    )


def is_elsewhere() -> Column:
    """Whether the caller is a role session of another account, of whose sessions none is known.

    If the lake has no logs of that account, that is all there is to know: somebody outside. If it has, one is missing.
    """
    is_external = (F.col("assumed_by_type") == "ExternalPrincipal") & F.col("external_caller_id").contains(":")
    return F.coalesce(is_external, F.lit(False))


def as_bound(sessions: DataFrame) -> DataFrame:
    """Return rows of the table as `bind_sessions` made them: for sessions whose binding stands and whose root may not."""
    is_own_ambiguity = (
        (F.col("attribution_reason") == "AMBIGUOUS")
        & F.col("attribution_method").isNull()
        & F.col("external_caller_id").isNull()
    )
    return forgotten(
        sessions.select(
            *[name for name in OWN_COLUMNS if name != "doubts"],
            F.array_remove("doubts", CIRCLE).alias("doubts"),
            F.coalesce(is_own_ambiguity, F.lit(False)).alias("is_ambiguous"),
            F.when(is_own_ambiguity, F.col("candidates")).alias("candidates"),
        )
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
            F.sum(F.when(~is_direct, F.col("event_count")).otherwise(0)).alias("forward_access_count"),
            *[F.max(name).alias(name) for name in ("assumed_root", *OF_WHOM)],
            the_only("on_behalf_of"),
            the_only("session_issuer_arn"),
            F.array_sort(F.collect_set(own_key)).alias("own_key_ids"),
            F.array_sort(F.collect_set("access_key_id")).alias("used_key_ids"),
        )
    )


def _issued(homes: DataFrame) -> DataFrame:
    """Fold issuances into sessions: what is known of a session that may never have been used."""
    first = F.struct("issued_at", "action_id")
    names = ["issuing_api", "issued_role_arn", "issued_session_name", "issued_role_account_id", "issued_principal_id"]
    taken = {
        **{name: f"own_{name}" for name in names},
        "caller_identity_type": "own_caller_type",
        "assumed_by_id": "own_assumed_by_id",
    }
    folded = homes.groupBy("credential_session_id").agg(
        F.min_by(F.struct(*[F.col(name).alias(own) for name, own in taken.items()]), first).alias("of_first"),
        F.max("home_principal_id").alias("home_principal_id"),
        F.max("home_started_at").alias("home_started_at"),
        F.max("is_twin").alias("is_keyed"),
    )
    return folded.select("*", "of_first.*").drop("of_first")


def _nodes(sessions: DataFrame) -> DataFrame:
    """Name what `bind` and the table need of each session, from usage where it was used, else from its issuance."""
    of_issuance = (
        F.when(F.col("own_issuing_api").startswith("AssumeRole"), "AssumedRole")
        .when(F.col("own_issuing_api").isin("CreateSession", "GetCredentialsForIdentity"), "AssumedRole")
        .when(F.col("own_issuing_api") == "GetFederationToken", "FederatedUser")
        .when(F.col("own_issuing_api") == "AssumeRoot", "Root")
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
            "forward_access_count": F.coalesce("forward_access_count", F.lit(0).cast("bigint")),
            "is_assumed_root": F.coalesce("assumed_root", F.col("own_issuing_api") == "AssumeRoot", F.lit(False)),
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


def _named(bound: DataFrame) -> DataFrame:
    """Add the names of a session that evidence about its assumer is read from."""
    is_role = F.col("principal_type") == "AssumedRole"
    return bound.withColumns(
        {
            "principal_id": F.col("known_principal_id"),
            "role_session_id": F.when(is_role, F.col("known_principal_id")),
            "role_id": F.when(is_role, _before_colon("known_principal_id")),
            "role_name": F.when(is_role, F.substring_index("role_arn", "/", -1)),
            "source_identity": F.coalesce("source_identity", "bound_source_identity"),
            "session_tags": F.col("bound_session_tags"),
            "is_ambiguous": F.coalesce("is_ambiguous", F.lit(False)),
            # A user's own session was assumed by nobody else: it is that user, whether its sign-in was seen or not.
            "is_own": F.col("principal_type").isin(*PERSON) & ~F.col("is_assumed_root"),
        }
    )


def _without_assumer(bound: DataFrame) -> DataFrame:
    return bound.where(
        F.col("method").isNull() & ~F.col("is_ambiguous") & ~F.col("is_own") & F.col("on_behalf_of").isNull()
    ).select("credential_session_id", "role_name", "account_id", "started_at")


def _described(bound: DataFrame) -> DataFrame:
    """Bring bound sessions with their assumers into the table's columns: OWN_COLUMNS, `is_ambiguous`, `candidates`."""
    is_console = F.col("bound_issuing_api") == "ConsoleLogin"
    used_keys = F.when(is_console, F.array().cast("array<string>")).otherwise(F.col("own_key_ids"))
    issued_keys = F.array_compact(F.array("bound_issued_access_key_id"))
    own = bound.withColumns(
        {
            "started_date": F.col("started_at").cast("date"),
            "expires_at": F.col("bound_expires_at"),
            "access_key_ids": F.array_sort(F.array_distinct(F.concat(used_keys, issued_keys))),
            "issuing_api": F.col("bound_issuing_api"),
            "issuing_event_ids": F.coalesce("bound_issuing_event_ids", F.array().cast("array<string>")),
            "used_after_expiry": F.coalesce(
                F.col("last_direct_at") > F.col("bound_expires_at") + F.expr(EXPIRY_SKEW), F.lit(False)
            ),
            "doubts": doubts(),
            "has_misleading_name": _has_misleading_name(),
        }
    )
    is_named = F.col("attribution_method").isNotNull()
    described = own.withColumns(
        {
            "binding_confidence": doubted(F.col("binding_confidence")),
            "is_chained": F.coalesce(F.col("assumed_by_type") == "AssumedRole", F.lit(False)),
            "is_cross_account": F.col("assumed_by_account_id") != F.col("account_id"),
            "parent_started_at": F.when(F.col("parent_session_id").isNotNull(), F.col("bound_parent_started_at")),
            "external_caller_id": F.when(is_named, F.col("external_caller_id")),
        }
    )
    return described.select(*OWN_COLUMNS, "is_ambiguous", "candidates")


def _has_misleading_name() -> Column:
    """Whether it is named like a workload that did not ask for it: whoever may assume a role may call a session so."""
    is_named = workloads.named(F.col("session_name")).type.isNotNull()
    is_of_workload = F.col("assumed_by_type").isin("AWSService", *workloads.OF_SERVICES)
    return F.coalesce(is_named & ~is_of_workload, F.lit(False))


def _starts(bound: DataFrame) -> DataFrame:
    """Give every session the columns of the closure, as if it were the start of its chain."""
    is_role = F.col("principal_type") == "AssumedRole"
    is_unbound = F.col("assumed_by_type").isNull()  # a claim is a method, but names nobody
    is_opaque = (F.col("assumed_by_type") == "Unknown") | F.col("assumed_by_id").isNull()
    is_missing_parent = F.col("is_chained") & F.col("parent_session_id").isNull()
    reason = (
        F.when(F.col("is_ambiguous"), "AMBIGUOUS")
        .when(is_unbound, F.col("unbound_reason"))
        .when(is_elsewhere(), F.nullif("unbound_reason", F.lit("NO_ACCOUNT")))
        # An identity pool's own user is nobody that any log knows.
        .when(F.col("issuing_api") == "GetCredentialsForIdentity", "DATA_EVENT")
        .when(is_opaque, "NO_ACCOUNT")
        .when(is_missing_parent, "NO_ISSUANCE")
    )
    has_root = reason.isNull() & F.col("parent_session_id").isNull()
    return bound.withColumns(
        {
            "pointer": F.when(reason.isNull(), F.col("parent_session_id")),
            "top_session_id": F.col("credential_session_id"),
            "attribution_reason": reason,
            "attribution_confidence": F.when(
                reason.isNull() | (is_unbound & ~F.col("is_ambiguous")), F.coalesce("binding_confidence", F.lit(0.0))
            ).otherwise(0.0),
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
