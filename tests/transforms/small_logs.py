"""Small logs of one session each: the calls they are made of, and what the pipeline of transforms finds in them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from expectations.tables import CLOUDTRAIL_EVENTS, CREDENTIAL_SESSIONS, INGEST_FILES
from tests.builders import ACCOUNT, Row, at, frame, row
from transforms.issuances import build_credential_issuances
from transforms.sessions.binding import METHODS, SAME_PARENT
from transforms.sessions.build import bind_sessions, log_windows, root_sessions, with_neighbours, with_unbound_reason
from transforms.sessions.neighbours import NEIGHBOUR_COLUMNS
from transforms.usage import count_usage, with_sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

OTHER, UNLOGGED = "222222222222", "999999999999"
CLOCK = date(2026, 5, 10)
T = "2026-05-02 10:00:00"


def seconds(number: int) -> str:
    """Return the instant that is so many seconds after T."""
    return f"2026-05-02 {10 + number // 3600}:{number // 60 % 60:02}:{number % 60:02}"


def user(name: str, key: str | None = "AKIA", since: str | None = None, account: str = ACCOUNT) -> Row:
    return {
        "identity_type": "IAMUser", "principal_id": f"AIDA-{name}", "identity_arn": f"arn:aws:iam::{account}:user/{name}",
        "identity_user_name": name, "identity_account_id": account, "access_key_id": key, "session_created_at": since,
        "role_arn": None, "recipient_account_id": account,
    }  # fmt: skip


def session(role: str, name: str, key: str | None, since: str, account: str = ACCOUNT) -> Row:
    return {
        "identity_type": "AssumedRole", "principal_id": f"AROA-{role}:{name}", "role_arn": arn(role, account),
        "identity_account_id": account, "access_key_id": key, "session_created_at": since, "recipient_account_id": account,
    }  # fmt: skip


def other(kind: str, principal: str | None = None, **fields: Any) -> Row:
    """Return a caller without credentials of an account: a federated user, a service, another account."""
    nobody = {"access_key_id": None, "session_created_at": None, "role_arn": None, "identity_account_id": None}
    return {"identity_type": kind, "principal_id": principal, **nobody, **fields}


def arn(role: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role/{role}"


def call(who: Row, at: str = T, **fields: Any) -> Row:
    return {**who, "event_at": at, **fields}


def assume(who: Row, role: str, name: str, key: str, at: str = T, **fields: Any) -> Row:
    """Return a successful AssumeRole, with what AWS answers to it."""
    account = fields.pop("account", ACCOUNT)
    names = {"assumedRoleUser": {"assumedRoleId": f"AROA-{role}:{name}"}} if fields.pop("answers_who", True) else {}
    return call(
        who, at,
        event_source="sts.amazonaws.com", event_name=fields.pop("api", "AssumeRole"),
        request_parameters=json.dumps({"roleArn": arn(role, account), "roleSessionName": name, **fields.pop("asked", {})}),
        response_elements=json.dumps({"credentials": {"accessKeyId": key, "expiration": fields.pop("until", None)}, **names}),
        **fields,
    )  # fmt: skip


def sign_in(who: Row, at: str = T) -> Row:
    return call({**who, "access_key_id": None}, at, event_source="signin.amazonaws.com", event_name="ConsoleLogin")


class Case(NamedTuple):
    """A log, and what must be known of the session of one principal (and, where it matters, start) in it."""

    principal: str
    events: list[Row]
    expected: Row
    since: str | None = None


_OF_EVIDENCE = {"SELF_ROOT": 0.90, "SIGNIN_ARN": 0.95, "OWNER_COPY": 0.80}


def resolved(root: str, method: str, **more: Any) -> Row:
    of_method = {each.name: each.confidence for each in (*METHODS, SAME_PARENT)} | _OF_EVIDENCE
    known = {"attribution_confidence": of_method.get(method), "attribution_status": "resolved", "chain_depth": 1}
    return {"root_type:root_id": root, "attribution_method": method, **known, **more}


def unknown(reason: str, **more: Any) -> Row:
    status = "ambiguous" if reason == "AMBIGUOUS" else "unresolved"
    return {"attribution_status": status, "attribution_reason": reason, "root_id": None, **more}


def by(name: str, account: str = ACCOUNT) -> str:
    return f"IAMUser:arn:aws:iam::{account}:user/{name}"


def log_of(cases: Mapping[str, Case]) -> list[Row]:
    """Return the events of all cases; their ids are told by the case and the number in it, unless given."""
    return [
        row(CLOUDTRAIL_EVENTS, **{"event_id": f"{name}-{number}", **event})
        for name, case in cases.items()
        for number, event in enumerate(case.events)
    ]


def sessions_of(spark: SparkSession, events: DataFrame) -> list[Row]:
    issuances = build_credential_issuances(events).localCheckpoint()
    usage = with_sessions(count_usage(events), issuances).localCheckpoint()
    return rooted(spark, bind_sessions(usage, issuances, usage, lambda it: it.localCheckpoint()), events)


def rooted(spark: SparkSession, bound: DataFrame, events: DataFrame) -> list[Row]:
    """Return the sessions as they get into the table, where no others are known but those of these events."""
    none = frame(spark, CREDENTIAL_SESSIONS)
    asked = with_neighbours(bound.localCheckpoint(), none.select(*NEIGHBOUR_COLUMNS), count_usage(events))
    with_reason, _ = settled(with_unbound_reason(asked, windows_of(spark), CLOCK), "false")
    return collected(root_sessions(with_reason, none, settled))


def settled(state: DataFrame, condition: str) -> tuple[DataFrame, int]:
    checked = state.localCheckpoint()
    return checked, checked.where(condition).count()


def windows_of(spark: SparkSession) -> DataFrame:
    """Logs of two accounts that begin with the first of May, though something late is from the day before, and say nothing of an hour."""
    files = [
        row(INGEST_FILES, uri=account, account_id=account, publish_date="2026-05-01", min_event_at="2026-04-30 20:00",
            max_event_at="2026-05-01 23:00")
        for account in (ACCOUNT, OTHER)
    ]  # fmt: skip
    gap = (ACCOUNT, at("2026-05-03 04:00"), at("2026-05-03 05:00"))
    gaps = spark.createDataFrame([gap], "account_id string, gap_started_at timestamp, gap_ended_at timestamp")
    return log_windows(frame(spark, INGEST_FILES, *files), gaps)


def collected(sessions: DataFrame) -> list[Row]:
    rows = [
        {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in each.items()}
        for each in (one.asDict(recursive=True) for one in sessions.collect())
    ]
    return sorted(rows, key=lambda each: str(each["credential_session_id"]))


def found_of(case: Case, found: list[Row]) -> Row:
    """Return what was found of a case's session, in the columns of which something is expected."""
    [one] = [each for each in found if each["principal_id"] == case.principal and _is_meant(each, case.since)]
    seen = {
        **one,
        "root_type:root_id": f"{one['root_type']}:{one['root_id']}",
        "candidate_names": one["candidates"] and [each["name"] for each in one["candidates"]],
    }
    return {column: seen[column] for column in case.expected}


def _is_meant(one: Row, since: str | None) -> bool:
    if since is None or since.startswith("2026"):
        return since is None or one["started_at"] == at(since)
    return one["event_count"] > 0 if since == "used" else one["access_key_ids"] == [since]
