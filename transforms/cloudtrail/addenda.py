"""An event that CloudTrail corrected: the original, with what its addenda name laid over it (SEMANTICS §6, §10 case 18).

The event is a function of its records, whatever batches they came in:

1. The original comes first, then late events (DELIVERY_DELAY, SERVICE_OUTAGE), then corrections (UPDATED_DATA); within these the earlier
   eventTime, then the smaller event id. An id says nothing of which is right, but it is the same order for everybody.
2. The first of them stands. Each correction replaces the columns that its `updatedFields` feed, by its own values, a null included. The
   last one that replaced any is named in `addendum_event_id`, and its addendum field stands in `addendum`.
3. So a late event stands for a missing original, as does the first correction if there is no late event either; when the original comes,
   that one stands.
4. What an event is known by is never replaced: event id, account, and the time, since its day is part of the key. An addendum
   whose own time lies on another day finds no original there, and stands by itself (the limit of copies).

All records of such an event, the original too, are rows of cloudtrail_addenda: what was replaced stands there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pyarrow as pa
from pyspark.sql import functions as F

from expectations.tables.bronze import CLOUDTRAIL_ADDENDA, CLOUDTRAIL_EVENTS
from transforms.cloudtrail.copies import DELIVERED, IN_ADDENDA, IN_EVENTS, matching, only_good
from transforms.cloudtrail.records import PLACE_FIELDS, action_id, call_outcome, role_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Row = Mapping[str, Any]

# From the parts of a record to the columns that are read from them (records).
FEEDS: Mapping[str, tuple[str, ...]] = {
    "sharedEventID": ("shared_event_id",),
    "awsRegion": ("region",),
    "eventSource": ("event_source",),
    "eventName": ("event_name",),
    "eventType": ("event_type",),
    "eventCategory": ("event_category",),
    "eventVersion": ("event_version",),
    "requestID": ("request_id",),
    "readOnly": ("read_only",),
    "errorCode": ("error_code",),
    "errorMessage": ("error_message",),
    "sourceIPAddress": PLACE_FIELDS,
    "userAgent": ("user_agent", "user_agent_family"),
    "vpcEndpointId": ("vpc_endpoint_id",),
    "requestParameters": ("request_parameters",),
    "responseElements": ("response_elements",),
    "additionalEventData": ("additional_event_data",),
    "serviceEventDetails": ("service_event_details",),
    "resources": ("resources",),
    "sessionCredentialFromConsole": ("credential_from_console",),
    "userIdentity.type": ("identity_type",),
    "userIdentity.principalId": ("principal_id",),
    "userIdentity.arn": ("identity_arn",),
    "userIdentity.accountId": ("identity_account_id",),
    "userIdentity.accessKeyId": ("access_key_id",),
    "userIdentity.userName": ("identity_user_name",),
    "userIdentity.identityProvider": ("identity_provider",),
    "userIdentity.invokedBy": ("invoked_by",),
    "userIdentity.onBehalfOf": ("on_behalf_of",),
    "userIdentity.inScopeOf": ("in_scope_of",),
    "userIdentity.sessionContext.inScopeOf": ("in_scope_of",),
    "userIdentity.sessionContext.sessionIssuer": ("role_arn", "session_issuer_arn"),
    "userIdentity.assumedRoot": ("assumed_root",),
    "userIdentity.sessionContext.assumedRoot": ("assumed_root",),
    "userIdentity.sessionContext.sourceIdentity": ("source_identity",),
    "userIdentity.sessionContext.signInSessionArn": ("sign_in_session_arn",),
    "userIdentity.sessionContext.ec2RoleDelivery": ("ec2_role_delivery",),
    "userIdentity.sessionContext.attributes.creationDate": ("session_created_at",),
    "userIdentity.sessionContext.attributes.mfaAuthenticated": ("mfa_authenticated",),
}
_NAME = re.compile(r"\w+(?:\.\w+)*", re.ASCII)
_OF_ADDENDUM = ("addendum_event_id", "addendum")


def _outcome(event: Row) -> dict[str, Any]:
    response = _object(event["response_elements"])
    return {"outcome": call_outcome(event["error_code"], event["error_message"], response, event["event_name"])}


def _role_session(event: Row) -> dict[str, Any]:
    session = role_session(event["identity_type"], event["principal_id"])
    return dict(zip(("role_session_id", "session_name", "role_id"), session, strict=True))


def _action(event: Row) -> dict[str, Any]:
    return {"action_id": action_id(event["event_id"], event["shared_event_id"], event["event_category"])}


# Columns that several parts feed, which may now come from different records: made anew when one of these was replaced.
_DERIVED: tuple[tuple[frozenset[str], Callable[[Row], dict[str, Any]]], ...] = (
    (frozenset({"error_code", "error_message", "response_elements", "event_name"}), _outcome),
    (frozenset({"identity_type", "principal_id"}), _role_session),
    (frozenset({"shared_event_id", "event_category"}), _action),
)


class Corrections(NamedTuple):
    """What addenda change: rows that replace those of the same key, or are added, in the two tables."""

    records: DataFrame
    events: DataFrame


def lay_over(
    corrected: DataFrame,
    deliveries: DataFrame,
    existing: DataFrame,
    addenda: DataFrame | None,
    settle: Callable[[DataFrame], DataFrame],
) -> Corrections:
    """Make the events that have several records anew.

    Args:
        corrected: of `resolve_copies`: which records stand, and where each is.
        deliveries: what `resolve_copies` got.
        existing: stored events, all columns, of the days of `corrected` at least: they are looked through once.
        addenda: rows of cloudtrail_addenda, likewise, if it has any.
        settle: persists a few rows, so that they are what they were before anything is written.

    Returns:
        Rows of cloudtrail_addenda that it has not, and rows of cloudtrail_events that are another one now. Where all is as it should be
        already, there are none, so that a run after a crash mends what is missing and nothing else.
    """
    key = list(CLOUDTRAIL_EVENTS.key)
    columns = CLOUDTRAIL_EVENTS.column_names
    keys = F.broadcast(corrected.select(*key).distinct())
    events = settle(existing.select(*columns).join(keys, on=key, how="left_semi").select(*columns))
    wide = {DELIVERED: only_good(deliveries, CLOUDTRAIL_EVENTS), IN_EVENTS: events}
    new = [matching(rows, corrected.where(F.col("held") == where), how="left_semi") for where, rows in wide.items()]
    unknown = settle(new[0].unionByName(new[1]))
    records = unknown
    if addenda is not None:
        known = corrected.where(F.col("held") == F.lit(IN_ADDENDA))
        records = unknown.unionByName(matching(addenda.select(*columns), known, how="left_semi"))
    made = records.groupBy(*key).applyInArrow(_corrected, CLOUDTRAIL_EVENTS.schema_ddl)
    return Corrections(CLOUDTRAIL_ADDENDA.conform(unknown), settle(CLOUDTRAIL_EVENTS.conform(made.exceptAll(events))))


def _corrected(records: pa.Table) -> pa.Table:
    return pa.Table.from_pylist([corrected_event(records.to_pylist())], schema=records.schema)


def corrected_event(records: Sequence[Row]) -> dict[str, Any]:
    """Return the row of an event, given the rows of all its records (at least one), in any order."""
    first, *addenda = sorted(records, key=_order)
    event = dict(first)
    replaced: set[str] = set()
    for addendum in addenda:
        if fed := fed_columns(addendum["addendum"]):
            event |= {name: addendum[name] for name in (*fed, *_OF_ADDENDUM)}
            replaced |= fed
    for inputs, derive in _DERIVED:
        if inputs & replaced:
            event |= derive(event)
    return event


def _order(record: Row) -> tuple[bool, bool, Any, str]:
    addendum_id = record["addendum_event_id"]
    return addendum_id is not None, _is_correction(_object(record["addendum"])), record["event_at"], addendum_id or ""


@lru_cache(maxsize=1024)
def fed_columns(addendum: str | None) -> frozenset[str]:
    """Return the columns that an addendum replaces.

    Args:
        addendum: the record's addendum field, as JSON. Its `updatedFields` are names with commas between, as AWS's own
            cloudtrail-processing-library has it, or a list of names; a name may have dots (`userIdentity.arn`). What is
            neither, and names that feed no column, replace nothing.
    """
    told = _object(addendum)
    if not _is_correction(told):
        return frozenset()
    named = told.get("updatedFields")
    texts = named if isinstance(named, list) else [named]
    names = {name for text in texts if isinstance(text, str) for name in _NAME.findall(text)}
    return frozenset(
        column for part, columns in FEEDS.items() if any(_overlap(part, name) for name in names) for column in columns
    )


def _is_correction(addendum: Mapping[str, Any]) -> bool:
    return addendum.get("reason") == "UPDATED_DATA"


def _overlap(part: str, name: str) -> bool:
    """Whether one of them is the other, or lies in it: `userIdentity` and `userIdentity.arn`."""
    return f"{part}.".startswith(f"{name}.") or f"{name}.".startswith(f"{part}.")


def _object(text: str | None) -> dict[str, Any]:
    """Return a column's JSON object; nothing if it is something else, as text that the log had in its place can be."""
    try:
        found = orjson.loads(text or "null")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
