"""One CloudTrail record, to one row of events (SEMANTICS §1, §3, §6).

Belongs here: what the fields of a record mean. Does not: where it came from, whether it has copies, and what is a secret (the
record is scrubbed before it comes here). This is the hot path: a record costs some ten microseconds here, so the row is built in
one go from a well-typed record, and whatever is typed oddly is made well-typed (`_tamed`) and goes through once more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from typing import Any

import orjson

from transforms.cloudtrail.instants import DAY, SECOND, instant
from transforms.cloudtrail.objects import UnreadableError
from transforms.cloudtrail.outcomes import outcome_of
from transforms.cloudtrail.user_agents import user_agent_family
from transforms.enrichment import Location

Record = Mapping[str, Any]
Place = tuple[Any, ...]

# The order of the values in a row.
PLACE_FIELDS = ("source_ip", "source_host", *Location._fields)
_FIELDS = """
    event_id action_id shared_event_id event_at event_date recipient_account_id region event_source event_name event_type
    event_category read_only outcome error_code error_message user_agent user_agent_family vpc_endpoint_id identity_type
    principal_id identity_arn identity_account_id access_key_id role_session_id session_name role_id role_arn session_created_at
    mfa_authenticated source_identity invoked_by request_parameters response_elements additional_event_data addendum_event_id
    identity_user_name identity_provider on_behalf_of sign_in_session_arn in_scope_of ec2_role_delivery credential_from_console
    assumed_root service_event_details resources request_id event_version addendum body_sha256 session_issuer_arn
"""
FIELDS = (*_FIELDS.split(), *PLACE_FIELDS)

_NOTHING: dict[str, Any] = {}
_PERSONS = frozenset({"IAMUser", "Root"})
_TRUTHS = {True: True, False: False, "true": True, "false": False, "True": True, "False": False}
_LONGEST_NAME = 1024  # AWS's own stay below 128; it is a key of every count, and megabytes of it would fill the memory
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_SORTED = orjson.OPT_SORT_KEYS
_NO_TEXTS = frozenset({"null", "{}", "[]", '""'})

# The parts of a record that are objects, and those that are kept as they are.
_OBJECTS: dict[str, Any] = {
    "userIdentity": {
        "sessionContext": {"attributes": {}, "sessionIssuer": {}},
        "onBehalfOf": {},
    },
    "addendum": {},
}
_BODIES = frozenset(
    {"requestParameters", "responseElements", "additionalEventData", "serviceEventDetails", "resources", "inScopeOf"}
)


def event_row(
    record: Any, body: bytes, path_account_id: str | None, place_of: Callable[[Any], Place]
) -> tuple[Any, ...]:
    """Return the row of a record, its values in the order of `FIELDS`; times are microseconds of UTC, the date is in days.

    Args:
        record: the record, scrubbed.
        body: the whole record as it came, as JSON with sorted keys.
        path_account_id: the account in the object's path, for old records without one.
        place_of: from sourceIPAddress to the values of `PLACE_FIELDS` (see `place_finder`).

    Raises:
        UnreadableError: it is no event; the message says why.
    """
    if not isinstance(record, dict):
        raise UnreadableError("the record is not an object")
    try:
        return _row(record, body, path_account_id, place_of)
    except (AttributeError, TypeError):
        return _row(_tamed(record, _OBJECTS), body, path_account_id, place_of)


def _row(record: Record, body: bytes, path_account_id: str | None, place_of: Callable[[Any], Place]) -> tuple[Any, ...]:
    get = record.get
    identity = get("userIdentity") or _NOTHING
    who = identity.get
    context = who("sessionContext") or _NOTHING
    attributes = context.get("attributes") or _NOTHING
    issuer = context.get("sessionIssuer") or _NOTHING
    addendum = get("addendum") or _NOTHING

    event_at = instant(get("eventTime"))
    source, name, category = get("eventSource"), get("eventName"), get("eventCategory") or "Management"
    if (
        event_at is None
        or not source
        or not name
        or category == "Insight"
        or get("eventType") == "AwsCloudTrailInsight"
    ):
        raise UnreadableError(_why_no_event(record))
    if len(str(name)) > _LONGEST_NAME or len(str(source)) > _LONGEST_NAME:
        raise UnreadableError(f"eventName or eventSource of more than {_LONGEST_NAME} characters")
    account_id = _account(get("recipientAccountId")) or _account(path_account_id) or _account(who("accountId"))
    if account_id is None:
        raise UnreadableError("no account id of twelve digits")

    digest = sha256(body).hexdigest()
    own_id = get("eventID") or f"sha256:{digest}"
    original_id = addendum.get("originalEventID") or None
    event_id = original_id or own_id
    shared_id = get("sharedEventID") or None

    identity_type, principal_id = who("type") or None, who("principalId") or None
    role_session_id, session_name, role_id = role_session(identity_type, principal_id)

    response = get("responseElements")
    error_code, error_message = get("errorCode") or None, get("errorMessage") or None
    created_at = instant(attributes.get("creationDate"))
    user_agent = get("userAgent") or None
    return (
        event_id,
        action_id(event_id, shared_id, category),
        shared_id,
        event_at,
        event_at // DAY,
        account_id,
        get("awsRegion") or None,
        source,
        name,
        get("eventType") or None,
        category,
        _TRUTHS.get(get("readOnly")),
        call_outcome(error_code, error_message, response, name),
        error_code,
        error_message,
        user_agent,
        user_agent_family(user_agent),
        get("vpcEndpointId") or None,
        identity_type,
        principal_id,
        who("arn") or None,
        who("accountId") or None,
        who("accessKeyId") or None,
        role_session_id,
        session_name,
        role_id,
        _role_arn(issuer),
        None if created_at is None else created_at - created_at % SECOND,
        _TRUTHS.get(attributes.get("mfaAuthenticated")),
        context.get("sourceIdentity") or None,
        who("invokedBy") or None,
        _json(get("requestParameters")),
        _json(response),
        _json(get("additionalEventData")),
        own_id if original_id else None,
        who("userName") or None,
        who("identityProvider") or None,
        _on_behalf_of(who("onBehalfOf") or _NOTHING),
        context.get("signInSessionArn") or None,
        _json(who("inScopeOf") or context.get("inScopeOf")),
        context.get("ec2RoleDelivery") or None,
        _TRUTHS.get(get("sessionCredentialFromConsole")),
        _TRUTHS.get(context.get("assumedRoot")) or _TRUTHS.get(who("assumedRoot")),
        _json(get("serviceEventDetails")),
        _json(get("resources")),
        get("requestID") or None,
        get("eventVersion") or None,
        _json(addendum),
        digest,
        _person_arn(issuer),
        *place_of(get("sourceIPAddress")),
    )


def action_id(event_id: Any, shared_id: Any, category: Any) -> Any:
    """Return what the copies of a management event in several accounts share."""
    return shared_id or event_id if category == "Management" else event_id


def role_session(identity_type: Any, principal_id: Any) -> tuple[str | None, str | None, str | None]:
    """Return a role session's id, its name and the role's id; of any other identity there is none."""
    if identity_type != "AssumedRole" or principal_id is None or ":" not in principal_id:
        return _NO_ROLE_SESSION
    role_id, _, session_name = principal_id.rpartition(":")
    return principal_id, session_name or None, role_id or None


def call_outcome(error_code: Any, error_message: Any, response: Any, event_name: Any) -> str:
    """Return how the call ended; a sign-in that fails has no error code."""
    if error_code is None and (error_message or (type(response) is dict and response.get(event_name) == "Failure")):
        return "failed"
    return outcome_of(error_code)


_NO_ROLE_SESSION = (None, None, None)


def _why_no_event(record: Record) -> str:
    if record.get("eventCategory") == "Insight" or record.get("eventType") == "AwsCloudTrailInsight":
        return "an Insights event, not a call"
    if "digestStartTime" in record:
        return "a digest, not an event"
    if not record.get("eventTime"):
        return "no eventTime"
    if instant(record["eventTime"]) is None:
        return "eventTime is not a time"
    return "no eventName" if record.get("eventSource") else "no eventSource"


@lru_cache(maxsize=65_536)
def _account(value: str | int | None) -> str | None:
    """Return the account id if it is one: twelve digits."""
    text = str(value)
    return text if _ACCOUNT.fullmatch(text) else None


def _role_arn(issuer: Record) -> Any:
    arn = issuer.get("arn") or None
    return arn if issuer.get("type") == "Role" or (arn is not None and ":role/" in arn) else None


def _person_arn(issuer: Record) -> Any:
    """Return who asked for a federated user's credentials: an IAM user or the root user (SEMANTICS §1)."""
    return (issuer.get("arn") or None) if issuer.get("type") in _PERSONS else None


def _on_behalf_of(person: Record) -> str | None:
    store, user = person.get("identityStoreArn"), person.get("userId")
    return f"{store}/{user}" if store and user else None


def _json(value: Any) -> Any:
    """Return a part of the record as compact JSON with sorted keys; what is a string already, as its text."""
    if not value:
        return None
    if type(value) is str:
        return None if value in _NO_TEXTS else value
    return orjson.dumps(value, option=_SORTED)


def _tamed(value: Any, objects: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of the record in which everything is an object where one is expected, and text elsewhere."""
    if not isinstance(value, dict):
        return {}
    tame: dict[str, Any] = {}
    for key, item in value.items():
        if key in objects:
            tame[key] = _tamed(item, objects[key])
        elif key in _BODIES or item is None or isinstance(item, str):
            tame[key] = item
        else:
            tame[key] = (
                orjson.dumps(item, option=_SORTED).decode() if item or isinstance(item, bool | int | float) else None
            )
    return tame


def place_finder(locate: Callable[[str], Location]) -> Callable[[Any], Place]:
    """Return a function from sourceIPAddress to the values of `PLACE_FIELDS`, which remembers what it was asked."""

    @lru_cache(maxsize=65_536)
    def place_of(source: str | None) -> Place:
        if not source:
            return _NO_PLACE
        try:
            address = str(ip_address(source.strip()))
        except ValueError:
            return (None, source, *_UNLOCATED)
        return (address, None, *locate(address))

    return place_of


_UNLOCATED = Location()
_NO_PLACE: Place = (None, None, *_UNLOCATED)
