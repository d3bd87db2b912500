"""What the investigated and the chained sessions did: their events from the scope's start until a week after its end."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.activity import dimension_values
from transforms.cloudtrail import only_callers_copies
from transforms.investigations.profiles import PLACES
from transforms.investigations.relations import SAME, SELF
from transforms.investigations.scope import horizon, window_end, window_start
from transforms.investigations.techniques import TECHNIQUES
from transforms.usage import TUPLE, is_failed

_TUPLE_OF_DAY = ("event_date", *TUPLE)
_KEPT = (
    "investigation_id", "relation", "entity_id", "credential_session_id", "event_id", "event_at", "event_date", "event_source",
    "event_name", "event_category", "read_only", "region", "outcome", "error_code", "error_message", "recipient_account_id",
    "identity_type", "identity_arn", "identity_account_id", "principal_id", "role_arn", "access_key_id", "invoked_by",
    "mfa_authenticated", "source_ip", "source_host", "user_agent", "user_agent_family", "city", "country_code", "latitude",
    "longitude", "asn", "aso",
)  # fmt: skip
"""What panels are made of: an event of an account's profile is carried through many of them."""


def build_deeds(subjects: DataFrame, tuples: DataFrame, events: DataFrame, usage: DataFrame) -> DataFrame:
    """Return the events of each investigation, one per action, with `relation`, `entity_id`, `is_in_scope` and `api`.

    Args:
        subjects: investigations with their scope.
        tuples: of `build_tuples`.
        events: CLOUDTRAIL_EVENTS from the week before the scope until the week after it.
        usage: SESSION_USAGE of those days: who made the calls from an address, or with a user agent.

    Data events are among them, if the trail records them; `is_management` tells them apart, since baselines have none.
    """
    wanted = tuples.select(*[F.col(name).alias(f"t_{name}") for name in _TUPLE_OF_DAY])
    matches = [events[name].eqNullSafe(wanted[f"t_{name}"]) for name in _TUPLE_OF_DAY]
    theirs = _once(events.join(F.broadcast(wanted.distinct()), on=matches, how="left_semi"))
    keyed = tuples.select("investigation_id", "relation", "entity_id", "credential_session_id", *_prefixed(tuples))
    matches = [theirs[name].eqNullSafe(keyed[f"t_{name}"]) for name in _TUPLE_OF_DAY]
    of_principals = theirs.join(keyed, on=matches, how="inner")
    scopes = subjects.select("investigation_id", "scope_start_at", "scope_end_at")
    is_in_time = (F.col("event_at") >= window_start()) & (F.col("event_at") < window_end())
    is_in_scope = (F.col("event_at") >= F.col("scope_start_at")) & (F.col("event_at") < F.col("scope_end_at"))
    made = of_principals.unionByName(_of_places(subjects, events, usage)).select(*_KEPT, "request_parameters")
    return (
        made.join(scopes, on="investigation_id", how="inner")
        .where(is_in_time)
        .withColumns(
            {
                "is_in_scope": is_in_scope,
                "is_management": F.col("event_category") == "Management",
                "is_failed": is_failed(),
                "api": api(),
                "target": F.when(_is_since() & (F.col("relation") != SAME), target()),
                # As much of it as is asked for later: the rest is most of a row.
                "request_parameters": F.when(F.col("event_name").startswith("AssumeRole"), F.col("request_parameters")),
            }
        )
    )


def since_scope(deeds: DataFrame) -> DataFrame:
    """Return what was done in the scope and in the week after it, with the credentials that are investigated."""
    return deeds.where(_is_since() & (F.col("relation") != SAME))


def _is_since() -> Column:
    return (F.col("event_at") >= F.col("scope_start_at")) & (F.col("event_at") < horizon())


def _of_places(subjects: DataFrame, events: DataFrame, usage: DataFrame) -> DataFrame:
    """Return the events from the addresses, or with the user agents, that profiles are of, with the session that made each."""
    places = subjects.where(F.col("entity_kind").isin(*PLACES)).select("investigation_id", "entity_kind", "entity_id")
    at = F.inline(
        F.array(
            F.struct(F.lit("ip_address").alias("entity_kind"), F.col("source_ip").alias("entity_id")),
            F.struct(F.lit("user_agent").alias("entity_kind"), F.col("user_agent_family").alias("entity_id")),
        )
    )
    seen = _once(events).select("*", at).join(F.broadcast(places), on=["entity_kind", "entity_id"], how="inner")
    sessions = usage.where(F.col("credential_session_id").isNotNull()).select(
        "credential_session_id", *_prefixed(usage)
    )
    matches = [seen[name].eqNullSafe(sessions[f"t_{name}"]) for name in _TUPLE_OF_DAY]
    return (
        seen.join(sessions, on=matches, how="left")
        .withColumn("relation", F.lit(SELF))
        .withColumns({f"t_{name}": F.col(name) for name in _TUPLE_OF_DAY})
        .drop("entity_kind")
    )


def _once(events: DataFrame) -> DataFrame:
    """One copy of an action: the caller's, and data events as their trail has them."""
    data = events.where((F.col("event_category") == "Data") & ~F.col("identity_type").eqNullSafe("AWSAccount"))
    return only_callers_copies(events).unionByName(data)


def _prefixed(frame: DataFrame) -> list[Column]:
    return [frame[name].alias(f"t_{name}") for name in _TUPLE_OF_DAY]


def api() -> Column:
    """Return service and call, as the activity tables write them."""
    return dimension_values()["api"]


def is_notable() -> Column:
    """Return whether the call is one of TECHNIQUES."""
    return api().isin(*TECHNIQUES)


_TARGETS = (
    "roleArn",
    "roleName",
    "userName",
    "groupName",
    "name",
    "trailName",
    "bucketName",
    "secretId",
    "instanceId",
)
_POLICIES = ("policyArn", "policyName")


def target() -> Column:
    """Return what the call was about, if one of the usual parameters names it: a role, a trail, a policy, an instance."""
    # One pass over the text for all of them: a question for each would read it eleven times.
    given = F.from_json("request_parameters", ", ".join(f"{name} string" for name in (*_TARGETS, *_POLICIES)))
    named = F.coalesce(*[given[name] for name in _TARGETS])
    policy = F.coalesce(*[given[name] for name in _POLICIES])
    return F.when(named.isNotNull() | policy.isNotNull(), F.concat_ws(" ← ", named, policy))
