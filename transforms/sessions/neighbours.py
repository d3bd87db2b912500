"""What other sessions tell of a session's assumer: the caller's own session, and siblings of one sign-in (SEMANTICS §9).

- OWNER_COPY: of a call from another account only the role owner's copy is here. It names the calling role session, whose
  credentials at that instant are the parent if there is but one set of them, or if all of them were issued to one assumer; or a
  user by unique id, whose own calls in the days around say which user that is.
- SIGNIN_ARN: sessions of one principal that came of the same sign-in were issued to the same assumer.

Both can change when another session becomes known, so that they are found anew each time a session is looked at
(`forgotten`), and never from what they found before.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.columns import PRINCIPALS
from transforms.sessions.doubts import doubted

OWNER_COPY, SIGNIN_ARN = "OWNER_COPY", "SIGNIN_ARN"
OWNER_COPY_CONFIDENCE, SIGNIN_ARN_CONFIDENCE = 0.80, 0.95
LONGEST_ROLE_SESSION = "INTERVAL 12 HOURS"

# Of other sessions, these columns are needed.
NEIGHBOUR_COLUMNS = (
    "credential_session_id",
    "role_session_id",
    "session_name",
    "principal_id",
    "account_id",
    "started_at",
    "expires_at",
    "sign_in_session_arn",
    "issuing_api",
    "issuing_event_ids",
    "assumed_by_type",
    "assumed_by_id",
    "assumed_by_name",
    "assumed_by_account_id",
    "parent_session_id",
    "parent_started_at",
    "attribution_method",
    "binding_confidence",
    "external_caller_id",
)
# Of users, these columns of SESSION_USAGE.
USER_COLUMNS = ("event_date", "identity_type", "principal_id", "identity_arn", "identity_account_id")
PERSON = ("IAMUser", "Root")
_ASSUMER = ("assumed_by_type", "assumed_by_id", "assumed_by_name", "assumed_by_account_id")


def forgotten(sessions: DataFrame) -> DataFrame:
    """Return stored sessions (CREDENTIAL_SESSIONS' own columns) as they were before neighbours and claims were asked."""
    is_copy = F.col("external_caller_id").isNotNull()
    is_own = F.col("attribution_method").eqNullSafe(SIGNIN_ARN) & F.col("principal_type").isin(*PERSON)
    is_sibling = F.col("attribution_method").eqNullSafe(SIGNIN_ARN) & ~is_own
    is_claim = F.coalesce(F.col("assumed_by_type").isNull() & F.col("attribution_method").isNotNull(), F.lit(False))
    is_taken = is_sibling | is_own
    none = F.array().cast("array<string>")
    forgotten_ = {
        "assumed_by_type": F.when(is_copy, "ExternalPrincipal"),
        "assumed_by_id": F.when(is_copy, F.col("external_caller_id")),
        "assumed_by_name": F.lit(None).cast("string"),
        "attribution_method": F.when(is_copy, OWNER_COPY).when(is_own, "SELF_ROOT"),
        "binding_confidence": F.when(
            is_copy, F.least(F.coalesce("binding_confidence", F.lit(1.0)), F.lit(OWNER_COPY_CONFIDENCE))
        ).when(is_own, doubted(F.lit(0.90))),
        "parent_session_id": F.lit(None).cast("string"),
        "parent_started_at": F.lit(None).cast("timestamp"),
    }
    is_asked = is_copy | is_sibling
    kept = {name: F.when(is_asked, value).otherwise(F.col(name)) for name, value in forgotten_.items()}
    for name in ("attribution_method", "binding_confidence"):
        kept[name] = F.when(is_asked | is_own | is_claim, forgotten_[name]).otherwise(F.col(name))
    return sessions.withColumns(
        {
            **kept,
            "assumed_by_account_id": F.when(~is_sibling, F.col("assumed_by_account_id")),
            "issuing_api": F.when(~is_taken, F.col("issuing_api")),
            "issuing_event_ids": F.when(is_taken, none).otherwise(F.col("issuing_event_ids")),
            "is_chained": F.col("is_chained") & ~is_asked,
        }
    )


def with_live_parents(sessions: DataFrame, others: DataFrame) -> DataFrame:
    """Add the caller's session to sessions of which only the owner's copy of the issuing call is here.

    Args:
        sessions: bound sessions: NEIGHBOUR_COLUMNS, external_caller_id, is_ambiguous, candidates, is_chained.
        others: NEIGHBOUR_COLUMNS of sessions that are not among them and began up to twelve hours before.

    A caller of whom several sets of credentials were live is ambiguous, unless issuing calls say of all of them that one assumer got
    them (an instance's two, an SDK's double call): it leads back to that one whichever it was, and the youngest stands for them. A
    caller of whom no session is known stays external.
    """
    live = sessions.select(*NEIGHBOUR_COLUMNS).unionByName(others).where(F.col("role_session_id").isNotNull())
    live = live.select(
        F.col("credential_session_id").alias("live_id"),
        F.col("role_session_id").alias("external_caller_id"),
        F.col("started_at").alias("live_started_at"),
        F.coalesce("expires_at", F.col("started_at") + F.expr(LONGEST_ROLE_SESSION)).alias("live_until"),
        F.col("account_id").alias("live_account_id"),
        F.col("session_name").alias("live_name"),
        _known_assumer().alias("live_assumer"),
    )
    waiting = sessions.where(F.col("external_caller_id").contains(":") & ~F.col("is_ambiguous")).select(
        "credential_session_id", "external_caller_id", "started_at"
    )
    is_live = (F.col("live_started_at") <= F.col("started_at")) & (F.col("started_at") <= F.col("live_until"))
    is_other = F.col("live_id") != F.col("credential_session_id")
    since = F.concat("live_name", F.lit(" since "), F.date_format("live_started_at", "yyyy-MM-dd'T'HH:mm:ss'Z'"))
    candidate = F.struct(
        F.lit("AssumedRole").alias("type"),
        F.col("external_caller_id").alias("id"),
        since.alias("name"),
        F.col("live_account_id").alias("account_id"),
    )
    youngest = F.struct(-F.unix_timestamp("live_started_at"), "live_id")
    found = (
        waiting.join(live, on="external_caller_id", how="inner")
        .where(is_live & is_other)
        .groupBy("credential_session_id")
        .agg(
            F.count(F.lit(1)).alias("live_count"),
            *[F.min_by(name, youngest).alias(name) for name in ("live_id", "live_started_at", "live_name")],
            (
                (F.count("live_assumer") == F.count(F.lit(1))) & F.min("live_assumer").eqNullSafe(F.max("live_assumer"))
            ).alias("live_agree"),
            F.array_sort(F.collect_set(candidate)).cast(PRINCIPALS).alias("live_candidates"),
        )
    )
    joined = sessions.join(found, on="credential_session_id", how="left")
    is_one = F.coalesce((F.col("live_count") == 1) | F.col("live_agree"), F.lit(False))
    is_several = F.coalesce(F.col("live_count") > 1, F.lit(False)) & ~is_one
    return joined.withColumns(
        {
            "assumed_by_type": F.when(is_one, "AssumedRole").otherwise(F.col("assumed_by_type")),
            "assumed_by_name": F.when(is_one, F.col("live_name")).otherwise(F.col("assumed_by_name")),
            "parent_session_id": F.when(is_one, F.col("live_id")).otherwise(F.col("parent_session_id")),
            "parent_started_at": F.when(is_one, F.col("live_started_at")).otherwise(F.col("parent_started_at")),
            "is_chained": is_one | F.col("is_chained"),
            "is_ambiguous": is_several | F.col("is_ambiguous"),
            "candidates": F.when(is_several, F.col("live_candidates")).otherwise(F.col("candidates")),
        }
    ).select(*sessions.columns)


def _was_issued() -> Column:
    """Whether a session's own issuing call says who got it.

    Not if that is from a sibling or an owner's copy: what those say would depend on who was asked first.
    """
    return (
        F.col("issuing_api").isNotNull()
        & (F.col("attribution_method") != SIGNIN_ARN)
        & F.col("external_caller_id").isNull()
    )


def _known_assumer() -> Column:
    """Who got a session by its own issuing call, and with which session; null if that is not known to the end."""
    is_named = F.col("assumed_by_id").isNotNull() & (F.col("assumed_by_type") != "Unknown")
    is_with_parent = (F.col("assumed_by_type") != "AssumedRole") | F.col("parent_session_id").isNotNull()
    parts = ("assumed_by_type", "assumed_by_id", "assumed_by_account_id", "parent_session_id")
    told = F.struct(*[F.coalesce(F.col(name), F.lit("")).alias(name) for name in parts])
    return F.when(_was_issued() & is_named & is_with_parent, told)


def with_known_users(sessions: DataFrame, usage: DataFrame) -> DataFrame:
    """Name the user of whom only the owner's copy of the issuing call is here, if the lake has calls of that user.

    Args:
        sessions: as for `with_live_parents`.
        usage: USER_COLUMNS of the days around.

    The owner's copy gives a unique id and an account. Calls of the day before to the day after with both say to whom they
    belong, of several names (a user can be renamed) the last one; what was called later or earlier is not asked.
    """
    who = F.struct(F.col("identity_type").alias("type"), F.col("identity_arn").alias("id"))
    users = usage.where(F.col("identity_type").isin(*PERSON) & F.col("identity_arn").isNotNull()).select(
        "event_date",
        F.col("principal_id").alias("external_caller_id"),
        F.col("identity_account_id").alias("assumed_by_account_id"),
        who.alias("who"),
    )
    waiting = sessions.where(~F.col("external_caller_id").contains(":") & ~F.col("is_ambiguous")).select(
        "credential_session_id", "external_caller_id", "assumed_by_account_id", "started_at"
    )
    is_near = F.abs(F.date_diff("event_date", F.to_date("started_at"))) <= 1
    found = (
        waiting.join(users, on=["external_caller_id", "assumed_by_account_id"], how="inner")
        .where(is_near)
        .groupBy("credential_session_id")
        .agg(F.max_by("who", F.struct("event_date", "who")).alias("user"))
    )
    is_known = F.col("user").isNotNull()
    name = F.when(F.col("user.type") == "Root", "root").otherwise(F.substring_index("user.id", "/", -1))
    named = {"type": F.col("user.type"), "id": F.col("user.id"), "name": name}
    joined = sessions.join(found, on="credential_session_id", how="left")
    return joined.withColumns(
        {
            f"assumed_by_{part}": F.when(is_known, value).otherwise(F.col(f"assumed_by_{part}"))
            for part, value in named.items()
        }
    ).select(*sessions.columns)


def with_siblings(sessions: DataFrame, others: DataFrame) -> DataFrame:
    """Give sessions without an issuing call the assumer of the sessions that came of the same sign-in, no surer than those are.

    A sibling of which only the owner's copy of the call is here knows its own assumer by a unique id at best, and does not speak
    for others. Who was assumed by this very session, or by one that began later, has not made it.

    Args:
        sessions: as for `with_live_parents`, with principal_type and binding_confidence.
        others: NEIGHBOUR_COLUMNS of sessions that are not among them.
    """
    assumer = F.struct(
        *_ASSUMER, "parent_session_id", "parent_started_at", "issuing_api", "issuing_event_ids", "binding_confidence"
    )
    person = F.struct(*[F.col(name).alias(name.removeprefix("assumed_by_")) for name in _ASSUMER])
    known = (
        sessions.select(*NEIGHBOUR_COLUMNS)
        .unionByName(others)
        .where(F.col("sign_in_session_arn").isNotNull() & F.col("principal_id").isNotNull() & _was_issued())
        .groupBy("sign_in_session_arn", "principal_id")
        .agg(
            F.array_sort(F.collect_set(person)).cast(PRINCIPALS).alias("sibling_assumers"),
            F.min_by(assumer, F.struct("started_at", "credential_session_id")).alias("sibling"),
        )
    )
    joined = sessions.join(known, on=["sign_in_session_arn", "principal_id"], how="left")
    # A federated user's own records name the user behind it: that is not for siblings to say.
    is_own = (F.col("attribution_method") == "SELF_ROOT") & F.col("principal_type").isin(*PERSON)
    is_unbound = ~F.col("is_ambiguous") & (F.col("attribution_method").isNull() | is_own)
    is_other = F.coalesce(F.col("sibling.parent_session_id") != F.col("credential_session_id"), F.lit(True))
    is_older = F.coalesce(F.col("sibling.parent_started_at") <= F.col("started_at"), F.lit(True))
    has_one = is_unbound & is_other & is_older & F.coalesce(F.size("sibling_assumers") == 1, F.lit(False))
    has_several = is_unbound & F.coalesce(F.size("sibling_assumers") > 1, F.lit(False))
    taken = [*_ASSUMER, "parent_session_id", "parent_started_at", "issuing_api", "issuing_event_ids"]
    as_sure = F.least(F.lit(SIGNIN_ARN_CONFIDENCE), F.coalesce("sibling.binding_confidence", F.lit(0.0)))
    return joined.withColumns(
        {
            **{name: F.when(has_one, F.col(f"sibling.{name}")).otherwise(F.col(name)) for name in taken},
            "attribution_method": F.when(has_one, SIGNIN_ARN).when(~has_several, F.col("attribution_method")),
            "binding_confidence": F.when(has_one, doubted(as_sure)).otherwise(F.col("binding_confidence")),
            "is_chained": F.when(has_one, F.col("sibling.assumed_by_type") == "AssumedRole").otherwise(
                F.col("is_chained")
            ),
            "is_ambiguous": has_several | F.col("is_ambiguous"),
            "candidates": F.when(has_several, F.col("sibling_assumers")).otherwise(F.col("candidates")),
        }
    ).select(*sessions.columns)
