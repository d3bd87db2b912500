"""What `rolescope event` prints: one event as the tables have it, and the record it was read from, read again from its object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from rich.console import Console

from expectations.tables import CLOUDTRAIL_EVENTS, CREDENTIAL_SESSIONS, SESSION_USAGE
from pipelines.lake import Lake
from pipelines.preflight import DONE, IN_PART, NOTHING, StopError
from pipelines.report.texts import visible
from pipelines.settings import Settings
from pipelines.sources.aws import CHANGED, Access
from pipelines.sources.listing import access_of, etag_of, read_again
from transforms.cloudtrail.deliveries import records_in
from transforms.cloudtrail.objects import UnreadableError, unpacked
from transforms.cloudtrail.scrubbing import scrubbed
from transforms.usage import TUPLE

SCHEMA = "rolescope.event/1"
_AS_FOUND = Access()

Row = dict[str, Any]
_FACTS = (
    "event_id", "action_id", "event_at", "recipient_account_id", "region", "event_source", "event_name", "outcome", "error_code",
    "identity_type", "identity_arn", "identity_account_id", "principal_id", "access_key_id", "session_created_at", "invoked_by",
    "source_ip", "source_host", "city", "country_code", "aso", "user_agent", "addendum_event_id",
)  # fmt: skip
_OBJECT = ("source_uri", "source_etag", "record_index", "body_sha256")
_SESSION = (
    "credential_session_id", "role_arn", "session_name", "started_at", "expires_at", "chain_depth", "root_type", "root_id", "root_name",
    "root_account_id", "attribution_status", "attribution_confidence",
)  # fmt: skip


def print_event(settings: Settings, event_id: str, *, as_json: bool) -> int:
    """Print every copy of an event, and return the exit status: in part, if a record cannot be shown as it was read.

    Raises:
        StopError: there is no such event.
    """
    from pipelines.night import Night  # noqa: PLC0415

    access = access_of(settings)
    copies = [_described(copy, access) for copy in find_copies(Night(settings).lake_as_it_is(), event_id)]
    if not copies:
        raise StopError(NOTHING, f"there is no event {event_id} in {settings.lake}")
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        document = {"schema": SCHEMA, "event_id": event_id, "copies": copies}
        console.print(json.dumps(document, indent=1, default=_text), markup=False)  # ASCII: no terminal obeys it
    else:
        for line in _lines(copies):
            console.print(visible(line), markup=False)
    return DONE if all(copy["record"] is not None for copy in copies) else IN_PART


def find_copies(lake: Lake, event_id: str) -> list[Row]:
    """Return every copy of an event (or of an action), the caller's first, each with the session that made it if it is known.

    Reads rows, not frames: a local lake answers without Spark.
    """
    of_id = f"event_id = {lake.literal(event_id)} OR action_id = {lake.literal(event_id)}"
    columns = (*_FACTS, *_OBJECT, "event_date")
    named = lake.read_rows(CLOUDTRAIL_EVENTS, columns, of_id)
    actions = ", ".join(sorted({lake.literal(row["action_id"]) for row in named}))
    of_day = ", ".join(sorted({f"DATE'{row['event_date']}'" for row in named}))
    copies = named and lake.read_rows(
        CLOUDTRAIL_EVENTS, columns, f"action_id IN ({actions}) AND event_date IN ({of_day})"
    )
    for copy in copies:
        copy["session"] = _session(lake, copy)
    return sorted(copies, key=_callers_first)


def _callers_first(copy: Row) -> tuple[bool, bool, str, str]:
    is_away = copy["recipient_account_id"] != copy["identity_account_id"]
    return copy["identity_type"] == "AWSAccount", is_away, copy["recipient_account_id"], copy["event_id"]


def _session(lake: Lake, copy: Row) -> Row | None:
    """Return the credential session that made the event, null if no usage knows it."""
    if copy["principal_id"] is None:
        return None
    of_principal = f"event_date = DATE'{copy['event_date']}' AND principal_id = {lake.literal(copy['principal_id'])}"
    uses = lake.read_rows(SESSION_USAGE, (*TUPLE, "credential_session_id"), of_principal)
    same = [use["credential_session_id"] for use in uses if all(use[name] == copy[name] for name in TUPLE)]
    if not same or same[0] is None:
        return None
    found = lake.read_rows(CREDENTIAL_SESSIONS, _SESSION, f"credential_session_id = {lake.literal(same[0])}")
    return found[0] if found else None


def _described(copy: Row, access: Access) -> Row:
    record, problem = record_of(copy, access)
    return {
        "facts": {name: copy[name] for name in _FACTS},
        "session": copy["session"],
        "object": {"uri": copy["source_uri"], "etag": copy["source_etag"], "record_index": copy["record_index"]},
        "problem": problem,
        "record": record,
    }


def record_of(copy: Row, access: Access = _AS_FOUND) -> tuple[Any, str | None]:
    """Return the record that an event was read from, without secrets, and what is to be said of its object; null for nothing.

    An object that was put there again is read if it has the same record in that place: copying a folder gives each a new etag.
    """
    uri = str(copy["source_uri"])
    if not uri.startswith(("file://", "s3://")):
        return None, "the object is neither in a folder nor in S3: fetch it to see the record"
    try:
        is_same_object = etag_of(uri, access) == copy["source_etag"]
        record = records_in(unpacked(read_again(uri, access)))[copy["record_index"]]
        is_same = sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest() == copy["body_sha256"]
        clean = scrubbed(record)
    except FileNotFoundError:
        return None, "the object is gone"
    except OSError as error:
        is_gone = CHANGED in str(error)
        return None, "the object is gone" if is_gone else f"the object cannot be read ({error.strerror or error})"
    except (UnreadableError, IndexError, TypeError, RecursionError) as error:
        return None, f"the object changed since it was read, and has no such record ({error})"
    if is_same or is_same_object:  # a record that an addendum corrected has another hash than its row
        return clean, None if is_same_object else "the object was put there again; this record is the same"
    return None, "the object changed since it was read: what lies there now is another record"


def _lines(copies: list[Row]) -> Iterator[str]:
    for number, copy in enumerate(copies, start=1):
        if number > 1:
            yield ""
        yield f"copy {number} of {len(copies)}"
        yield from _table(copy["facts"])
        yield from _said_of_session(copy["session"])
        yield f"  object                {copy['object']['uri']}, record {copy['object']['record_index']}"
        yield f"  etag                  {copy['object']['etag']}"
        if copy["problem"]:
            yield f"  but                   {copy['problem']}"
        if copy["record"] is not None:
            yield from json.dumps(copy["record"], indent=2, ensure_ascii=False).split("\n")


def _table(facts: Row) -> Iterator[str]:
    return (f"  {name:<21} {_text(value)}" for name, value in facts.items() if value is not None)


def _said_of_session(session: Row | None) -> Iterator[str]:
    if session is None:
        yield "  session               none is known: a long-term key, a service, or logs that are not here"
        return
    yield f"  session               {session['credential_session_id']}, since {_text(session['started_at'])}"
    root = " ".join(str(session[f"root_{name}"]) for name in ("type", "name", "id") if session[f"root_{name}"])
    confidence = session["attribution_confidence"]
    sure = f", confidence {confidence:.2f}" if confidence is not None else ""
    yield f"  root                  {root or 'not known'} ({session['attribution_status']}{sure})"


def _text(value: object) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)
