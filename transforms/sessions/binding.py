"""How a credential session is bound to the call that issued it: an ordered list of methods, the best that holds wins.

Adding a method is adding a line to `METHODS`. What no method binds says why (`unbound_reason`); what several bind with
different parents is ambiguous and lists them. Nothing is guessed (SEMANTICS §9).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from expectations.columns import PRINCIPALS
from transforms.sessions.identity import IN_LIFE, NEAR_SECONDS
from transforms.workloads import NODE_NAME

PENDING_HOURS = 72
COGNITO_NAME = "CognitoIdentityCredentials"


@dataclass(frozen=True)
class BindingMethod:
    """A way to know that issuance `i` made session `u`.

    `holds` is SQL over the columns of both: an unused session is bound to its issuance by that very call.
    """

    name: str
    confidence: float
    holds: str


_NEAR = f"abs(unix_timestamp(u.started_at) - unix_timestamp(i.issued_at)) <= {NEAR_SECONDS}"

METHODS: tuple[BindingMethod, ...] = (
    # Used after its life only, it is known by the second too: a key id that comes again was not made in that second.
    BindingMethod(
        "KEY_EXACT",
        0.99,
        "array_contains(u.used_key_ids, i.issued_access_key_id) "
        f"AND (({IN_LIFE}) OR ({_NEAR} AND u.identity_account_id <=> i.issued_role_account_id))",
    ),
    BindingMethod("ISSUED_UNUSED", 0.99, "u.event_count = 0 AND u.credential_session_id = i.credential_session_id"),
    BindingMethod(
        "ECHO_ROLEID",
        0.97,
        f"u.principal_id = i.issued_principal_id AND {_NEAR} AND u.is_assumed_root = (i.issuing_api = 'AssumeRoot') "
        "AND (u.principal_type NOT IN ('IAMUser', 'Root') OR u.is_assumed_root)",
    ),
    BindingMethod(
        "ECHO_ARN",
        0.95,
        f"i.issued_principal_id IS NULL AND u.role_arn = i.issued_role_arn AND u.session_name = i.issued_session_name AND {_NEAR}",
    ),
    BindingMethod(
        "CONSOLE_LOGIN",
        0.95,
        f"i.issuing_api = 'ConsoleLogin' AND u.principal_id = i.issued_principal_id AND {_NEAR} AND NOT u.is_assumed_root",
    ),
)
SAME_PARENT = BindingMethod("ECHO_SAME_PARENT", 0.90, "several issuances hold and agree about their parent")

_CALLER = [
    "assumed_by_type", "assumed_by_id", "assumed_by_name", "assumed_by_account_id", "parent_session_id", "external_caller_id",
]  # fmt: skip


def bind(nodes: DataFrame, issuances: DataFrame) -> DataFrame:
    """Return the nodes with what issued each: columns of the issuance, method, confidence, and candidates if ambiguous.

    Args:
        nodes: one row per credential session: id, principal_type, principal_id, role_arn, session_name, started_at,
            identity_account_id, first_event_at, event_count, used_key_ids, is_assumed_root.
        issuances: what `with_home` and the callers' sessions made of CREDENTIAL_ISSUANCES.

    An issuance can only have made the session whose home it has; among twins without a key to tell them apart, any of them.
    """
    # Keyed twins match by id; the others meet all issuances of their (principal, start).
    shares_home = F.col("u.principal_id").eqNullSafe(F.col("i.home_principal_id")) & (
        F.col("u.started_at") == F.col("i.home_started_at")
    )
    is_same = F.col("u.credential_session_id") == F.col("i.credential_session_id")
    # What a session issued itself has not made it: it can take its own role, name and second once more.
    is_of_other = F.coalesce(F.col("i.parent_session_id") != F.col("u.credential_session_id"), F.lit(True))
    meets = shares_home & is_of_other & (is_same | ~F.col("u.is_keyed"))
    pairs = nodes.alias("u").join(issuances.alias("i"), on=meets, how="inner")
    rank = F.coalesce(*[F.when(F.expr(method.holds), F.lit(index)) for index, method in enumerate(METHODS)])
    found = pairs.select(
        F.col("u.credential_session_id").alias("credential_session_id"),
        rank.alias("rank"),
        *[F.col(f"i.{name}") for name in _CALLER],
        *[F.col(f"i.{name}") for name in _ISSUED],
    ).where(F.col("rank").isNotNull())
    best_rank = F.min("rank").over(Window.partitionBy("credential_session_id"))
    best = found.withColumn("best_rank", best_rank).where(F.col("rank") == F.col("best_rank"))
    return nodes.join(_one_per_session(best), on="credential_session_id", how="left")


_ISSUED = [
    "action_id", "issued_at", "issuing_api", "issuing_event_ids", "expires_at", "issued_access_key_id", "issued_role_arn",
    "issued_session_name", "issued_role_account_id", "source_identity", "session_tags", "parent_started_at", "parent_is_younger",
]  # fmt: skip


def _one_per_session(best: DataFrame) -> DataFrame:
    """Fold the equally good issuances of each session into one row: the only one, agreeing ones, or candidates."""
    first = F.struct("issued_at", "action_id")
    of_first = [
        *map(F.col, _CALLER),
        *[F.col(name).alias(f"bound_{name}") for name in _ISSUED if name != "issuing_event_ids"],
    ]
    parent = F.struct(
        *[F.coalesce(F.col(name), F.lit("")).alias(name) for name in _CALLER if name != "assumed_by_name"]
    )
    candidate = F.struct(*[F.col(f"assumed_by_{part}").alias(part) for part in ("type", "id", "name", "account_id")])
    issuing_event_ids = F.flatten(F.collect_list("issuing_event_ids"))
    folded = (
        best.groupBy("credential_session_id")
        .agg(
            F.count("*").alias("issuance_count"),
            F.count_distinct(parent).alias("parent_count"),
            F.min("rank").alias("rank"),
            F.min_by(F.struct(*of_first), first).alias("of_first"),
            F.array_sort(F.array_distinct(issuing_event_ids)).alias("bound_issuing_event_ids"),
            F.array_sort(F.array_distinct(F.collect_list(candidate))).cast(PRINCIPALS).alias("all_candidates"),
        )
        .select("*", "of_first.*")
    )
    is_ambiguous = F.col("parent_count") > 1
    method = F.element_at(F.array(*[F.lit(each.name) for each in METHODS]), F.col("rank") + 1)
    confidence = F.element_at(F.array(*[F.lit(each.confidence) for each in METHODS]), F.col("rank") + 1)
    agrees = (F.col("issuance_count") > 1) & ~is_ambiguous
    # Of several issuances it is not known which key, expiry and source identity are this session's.
    is_only = F.col("issuance_count") == 1
    of_one = ("issued_access_key_id", "expires_at", "source_identity", "session_tags")
    issued = [F.when(is_only, F.col(f"bound_{n}")) if n in of_one else F.col(f"bound_{n}") for n in _ISSUED]
    nothing = {name: F.when(~is_ambiguous, F.col(name)).alias(name) for name in _CALLER}
    return folded.select(
        "credential_session_id",
        *nothing.values(),
        *[column.alias(f"bound_{name}") for name, column in zip(_ISSUED, issued, strict=True)],
        is_ambiguous.alias("is_ambiguous"),
        F.when(is_ambiguous, F.col("all_candidates")).alias("candidates"),
        F.when(agrees, SAME_PARENT.name).when(~is_ambiguous, method).alias("method"),
        F.when(agrees, SAME_PARENT.confidence)
        .when(~is_ambiguous, confidence)
        .otherwise(0.0)
        .alias("binding_confidence"),
    )


def unbound_reason(clock: date | None) -> Column:
    """Say why a session has no issuance.

    Args:
        clock: newest publish day in the lake; for 72 hours before its end the issuance may still be on its way.

    Looks at issuing_account_id (whose logs should have it), started_at (UTC) and unissued_name of the session; at
    window_starts_at, when the logs of that account begin (UTC; null if the lake has none); and at `gaps`, array of
    (gap_started_at, gap_ended_at): when they say nothing.
    """
    end_of_clock = F.lit((clock + timedelta(days=1)) if clock else None).cast("timestamp")
    started_at = F.col("started_at")
    is_in_gap = F.exists("gaps", lambda gap: (gap.gap_started_at <= started_at) & (started_at < gap.gap_ended_at))
    # Cognito and Systems Manager give out credentials by data events, which management logs do not have (SEMANTICS §2).
    is_data_event = (F.col("unissued_name") == COGNITO_NAME) | F.col("unissued_name").rlike(NODE_NAME)
    return (
        F.when(F.col("issuing_account_id").isNull() | F.col("window_starts_at").isNull(), "NO_ACCOUNT")
        .when(started_at < F.col("window_starts_at"), "BEFORE_WINDOW")
        .when(is_data_event, "DATA_EVENT")
        .when(is_in_gap, "GAP")
        .when(started_at + F.expr(f"INTERVAL {PENDING_HOURS} HOURS") > end_of_clock, "PENDING")
        .otherwise("NO_ISSUANCE")
    )
