"""The SQL that gives what a page only sums up: every call of the entity in the scope, or, of an origin, its daily counts."""

from __future__ import annotations

from datetime import timedelta

from transforms.investigations.case import Case

_COLUMNS = {
    "role_session": "role_session_id",
    "role": "role_arn",
    "iam_user": "identity_arn",
    "federated_user": "identity_arn",
    "account": "identity_account_id",
    "ip_address": "source_ip",
    "user_agent": "user_agent_family",
}
"""Kind of entity → the column of CLOUDTRAIL_EVENTS that names it."""


def sql(case: Case) -> str | None:
    """Return a query over the lake's tables; null where a name cannot be written alike for every engine, or there is no subject.

    A backslash in a literal is an escape to Spark and a letter to DuckDB: a query that means two things is none.
    """
    kind, identifier = case.subject["entity_kind"], case.entity_id
    if not case.has_subject or "\\" in identifier:
        return None
    name = "'" + identifier.replace("'", "''") + "'"
    first, last = case.scope_start.date(), (case.scope_end - timedelta(seconds=1)).date()
    if kind in _COLUMNS:
        return (
            "SELECT event_at, event_source, event_name, outcome, error_code, source_ip, user_agent, access_key_id, event_id, source_uri\n"
            f"FROM cloudtrail_events\nWHERE {_COLUMNS[kind]} = {name}\n"
            f"  AND event_date BETWEEN DATE '{first}' AND DATE '{last}'\n"
            f"  AND event_at >= TIMESTAMP '{case.scope_start:%Y-%m-%d %H:%M:%S}' "
            f"AND event_at < TIMESTAMP '{case.scope_end:%Y-%m-%d %H:%M:%S}'\nORDER BY event_at"
        )
    return (
        "SELECT activity_date, dimension, value, success_count, failed_count, first_at, last_at\n"
        f"FROM principal_activity_daily\nWHERE principal_kind = 'root' AND principal_id = {name}\n"
        f"  AND activity_date BETWEEN DATE '{first}' AND DATE '{last}'\nORDER BY activity_date, dimension, value"
    )
