"""What a record says (SEMANTICS §1, §3, §6), as far as attribution looks at it; and which of its copies has the caller."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

Record = Mapping[str, Any]
Span = tuple[datetime, datetime]

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
STS, SIGN_IN, SSO = "sts.amazonaws.com", "signin.amazonaws.com", "sso.amazonaws.com"
ROLES_ANYWHERE, COGNITO = "rolesanywhere.amazonaws.com", "cognito-identity.amazonaws.com"
PERSONS = {"IAMUser", "Root"}


@dataclass(frozen=True)
class Log:
    """What the lake has seen: records, each with the account of its path; the newest publish day, which is the lake's clock; when
    each account's logs begin (an account without is not logged); and the spans in which an account's logs have a gap.
    """

    records: Sequence[tuple[str, Record]]
    clock: date
    begins: Mapping[str, datetime]
    gaps: Mapping[str, Sequence[Span]] = field(default_factory=dict)


class Principal(NamedTuple):
    """Somebody as the contract names it."""

    type: str = "Unknown"
    id: str | None = None
    name: str | None = None
    account_id: str | None = None


NOBODY = Principal()


@dataclass(frozen=True)
class Call:
    """A record, as far as attribution looks at it. `since` is the creation date of its credentials."""

    event_id: str
    action_id: str
    is_shared: bool
    at: datetime
    recipient: str
    api: tuple[str, str]
    is_management: bool
    is_service_event: bool
    outcome: str
    message: str
    type: str | None
    principal_id: str | None
    arn: str | None
    account_id: str | None
    key: str | None
    user_name: str | None
    provider: str | None
    invoked_by: str | None
    since: datetime | None
    role_arn: str | None
    issuer: str | None
    source_identity: str | None
    sign_in_session: str | None
    on_behalf_of: str | None
    scope: Record
    is_assumed_root: bool | None
    request: Record
    response: Record
    details: Record
    resources: Sequence[Record]


def read(account_id: str, record: Record) -> Call:
    """Return what a record says."""
    who = record.get("userIdentity") or {}
    context = who.get("sessionContext") or {}
    attributes, issuer = context.get("attributes") or {}, context.get("sessionIssuer") or {}
    person = who.get("onBehalfOf") or {}
    event_id = record.get("eventID") or f"sha256:{_hash(record)}"
    is_management = (record.get("eventCategory") or "Management") == "Management"
    shared_id = (record.get("sharedEventID") or None) if is_management else None
    since = _instant(attributes.get("creationDate"))
    issuer_arn = issuer.get("arn") or None
    return Call(
        event_id=event_id,
        action_id=shared_id or event_id,
        is_shared=shared_id is not None,
        at=_instant(record["eventTime"]) or NEVER,
        recipient=record.get("recipientAccountId") or account_id,
        api=(record["eventSource"], record["eventName"]),
        is_management=is_management,
        is_service_event=record.get("eventType") == "AwsServiceEvent",
        outcome=_outcome(record),
        message=record.get("errorMessage") or "",
        type=who.get("type") or None,
        principal_id=who.get("principalId") or None,
        arn=who.get("arn") or None,
        account_id=who.get("accountId") or None,
        key=who.get("accessKeyId") or None,
        user_name=who.get("userName") or None,
        provider=who.get("identityProvider") or None,
        invoked_by=who.get("invokedBy") or None,
        since=since and since.replace(microsecond=0),
        role_arn=issuer_arn if issuer.get("type") == "Role" or ":role/" in (issuer_arn or "") else None,
        issuer=issuer_arn if issuer.get("type") in PERSONS else None,
        source_identity=context.get("sourceIdentity") or None,
        sign_in_session=context.get("signInSessionArn") or None,
        on_behalf_of=f"{person['identityStoreArn']}/{person['userId']}" if person else None,
        scope=who.get("inScopeOf") or context.get("inScopeOf") or {},
        is_assumed_root={"true": True, "false": False}.get(str(context.get("assumedRoot")).lower()),
        request=record.get("requestParameters") or {},
        response=record.get("responseElements") or {},
        details=record.get("serviceEventDetails") or {},
        resources=record.get("resources") or [],
    )


def _outcome(record: Record) -> str:
    code = record.get("errorCode") or ""
    if not code:
        is_failed_sign_in = (record.get("responseElements") or {}).get(record["eventName"]) == "Failure"
        return "failed" if is_failed_sign_in or record.get("errorMessage") else "success"
    if "DryRunOperation" in code:
        return "dry_run"
    return "denied" if "AccessDenied" in code or code.endswith("UnauthorizedOperation") else "failed"


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _hash(record: Record) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def calls_of(log: Log) -> list[Call]:
    """Return every event once: the same id in the same account's logs on the same day is the same event, however often it came."""
    chosen: dict[tuple[str, str, date], tuple[str, Call]] = {}
    for account_id, record in log.records:
        call = read(account_id, record)
        key = (call.recipient, call.event_id, call.at.date())
        chosen[key] = min(chosen.get(key, ("~", call)), (_hash(record), call), key=lambda it: it[0])
    return [call for _, call in chosen.values()]


def callers_copy(copies: Sequence[Call]) -> Call:
    """Return the copy that has the caller: told by its type, then the one in the caller's own account (SEMANTICS §3)."""
    least = {"AWSAccount": 2, "AWSService": 1}
    return min(
        copies, key=lambda it: (least.get(it.type or "", 0), it.recipient != it.account_id, it.recipient, it.event_id)
    )


def by_action(calls: Sequence[Call]) -> Iterator[list[Call]]:
    actions: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        actions[call.action_id].append(call)
    yield from actions.values()
