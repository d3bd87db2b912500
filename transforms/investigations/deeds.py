"""What the investigated and the chained sessions did: their events from the scope's start until a week after its end."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.activity import dimension_values
from transforms.cloudtrail import only_callers_copies
from transforms.investigations.scope import AROUND_DAYS
from transforms.investigations.techniques import TECHNIQUES
from transforms.usage import TUPLE, is_failed

_TUPLE_OF_DAY = ("event_date", *TUPLE)


def build_deeds(subjects: DataFrame, tuples: DataFrame, events: DataFrame) -> DataFrame:
    """Return the events of each investigation, one per action, with `relation`, `entity_id`, `is_in_scope` and `api`.

    Args:
        subjects: investigations with their scope.
        tuples: of `build_tuples`.
        events: CLOUDTRAIL_EVENTS of the scope and the week after.

    Data events are among them, if the trail records them; `is_management` tells them apart, since baselines have none.
    """
    wanted = tuples.select(*[F.col(name).alias(f"t_{name}") for name in _TUPLE_OF_DAY])
    matches = [events[name].eqNullSafe(wanted[f"t_{name}"]) for name in _TUPLE_OF_DAY]
    theirs = events.join(F.broadcast(wanted.distinct()), on=matches, how="left_semi")
    data = theirs.where((F.col("event_category") == "Data") & ~F.col("identity_type").eqNullSafe("AWSAccount"))
    once = only_callers_copies(theirs).unionByName(data)
    keyed = tuples.select(
        "investigation_id",
        "relation",
        "entity_id",
        "credential_session_id",
        *[F.col(name).alias(f"t_{name}") for name in _TUPLE_OF_DAY],
    )
    matches = [once[name].eqNullSafe(keyed[f"t_{name}"]) for name in _TUPLE_OF_DAY]
    scopes = subjects.select("investigation_id", "scope_start_at", "scope_end_at")
    until = F.col("scope_end_at") + F.expr(f"INTERVAL {AROUND_DAYS} DAYS")
    is_in_time = (F.col("event_at") >= F.col("scope_start_at")) & (F.col("event_at") < until)
    return (
        once.join(keyed, on=matches, how="inner")
        .join(scopes, on="investigation_id", how="inner")
        .where(is_in_time)
        .withColumns(
            {
                "is_in_scope": F.col("event_at") < F.col("scope_end_at"),
                "is_management": F.col("event_category") == "Management",
                "is_failed": is_failed(),
                "api": api(),
                "target": target(),
            }
        )
        .drop(*[f"t_{name}" for name in _TUPLE_OF_DAY], "response_elements", "additional_event_data", "in_scope_of")
    )


def api() -> Column:
    """Return service and call, as the activity tables write them."""
    return dimension_values()["api"]


def is_notable() -> Column:
    """Return whether the call is one of TECHNIQUES."""
    return api().isin(*TECHNIQUES)


def target() -> Column:
    """Return what the call was about, if one of the usual parameters names it: a role, a trail, a policy, an instance."""
    names = (
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
    named = F.coalesce(*[F.get_json_object("request_parameters", f"$.{name}") for name in names])
    policy = F.coalesce(*[F.get_json_object("request_parameters", f"$.{name}") for name in ("policyArn", "policyName")])
    return F.when(named.isNotNull() | policy.isNotNull(), F.concat_ws(" ← ", named, policy))
