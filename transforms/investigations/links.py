"""Where a page leads to: the profiles of what is named in it, over the same scope, and the findings it stands beside."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator
from datetime import datetime

from transforms.investigations import labels
from transforms.investigations.case import Case, Row
from transforms.investigations.relations import DESCENDANT

OPTIONS = {
    "role_session": "--role-session",
    "role": "--role",
    "iam_user": "--user",
    "federated_user": "--user",
    "root": "--root",
    "account": "--account",
    "ip_address": "--ip",
    "user_agent": "--user-agent",
}
"""Kind of entity → option of `rolescope investigate`."""

_MOST = 60
_PLAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST = 64


def profiles(case: Case) -> list[Row]:
    """Return the entities of a page that have profiles of their own, each once: first what it is part of, then what is part of it."""
    found: dict[tuple[str, str], Row] = {}
    own = (case.subject["entity_kind"], case.entity_id)
    for kind, identifier, account, why in _named(case):
        if identifier and (kind, identifier) != own and len(found) < _MOST:
            found.setdefault((kind, identifier), _profile(case, kind, identifier, account, why))
    return [*_findings(case), *found.values()]


def command(kind: str, identifier: str, start: datetime, end: datetime) -> str:
    """Return the line of a shell that makes a profile."""
    return f"rolescope investigate {OPTIONS[kind]} {shlex.quote(identifier)} --from {start:%Y-%m-%dT%H} --to {end:%Y-%m-%dT%H}"


def profile_id(kind: str, identifier: str, start: datetime, end: datetime) -> str:
    """Return the investigation id of a profile, as `subjects.investigation_id` makes it."""
    parts = (kind, identifier, f"{start:%Y-%m-%d %H:%M:%S}", f"{end:%Y-%m-%d %H:%M:%S}", "", "")
    return hashlib.sha256("\n".join(parts).encode(errors="replace")).hexdigest()[:32]


def report_name(finding_id: str | None, investigation_id: str) -> str:
    """Return the name of a report, without ending: that of its finding, in whatever version, so that a link to it lasts.

    Small letters, digits and dashes only: a finding id with anything else (a path, a device, a megabyte) is replaced by its hash.
    """
    text = finding_id or investigation_id
    is_plain = len(text) <= _LONGEST and _PLAIN.fullmatch(text) is not None
    return text if is_plain else hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _named(case: Case) -> Iterator[tuple[str, str | None, str | None, str]]:
    """Yield kind, id, account and the reason of everything that has a profile, the nearest first."""
    subject = case.subject
    yield "role", subject["role_arn"], subject["account_id"], "the assumed role"
    for row in case.own:
        if row["attribution_status"] == "resolved":
            yield "root", row["root_id"], row["root_account_id"], "the root principal"
    if subject["entity_kind"] in ("iam_user", "root") and case.finding:
        yield "root", case.entity_id, subject["account_id"], "what this user did through every role"
    yield from _sessions(case)
    yield from _principals(case)
    yield from _accounts(case)
    yield from _places(case)


def _sessions(case: Case) -> Iterator[tuple[str, str | None, str | None, str]]:
    relations = (
        (case.ancestors, "a session it was chained from", "a role chained from"),
        (case.descendants, "chained from it", "a role chained to"),
        (case.own, "a session of the scope", "a role of the scope"),
    )
    for rows, why_session, why_role in relations:
        for row in rows:
            yield "role_session", row["role_session_id"], row["account_id"], why_session
            yield "role", row["role_arn"], row["account_id"], why_role


def _principals(case: Case) -> Iterator[tuple[str, str | None, str | None, str]]:
    for row in case.rows("principals"):
        if row["principal_kind"] in OPTIONS:
            yield row["principal_kind"], row["principal_id"], row["account_id"], "made calls in the scope"
        yield "root", row["root_id"], None, "was behind calls of the scope"


def _accounts(case: Case) -> Iterator[tuple[str, str | None, str | None, str]]:
    for account in (case.subject["account_id"], case.subject["finding_account_id"]):
        yield "account", account, account, "the account"
    for row in case.rows("entities"):
        if row["relation"] == DESCENDANT:
            yield "account", row["account_id"], row["account_id"], "an account chained into"


def _places(case: Case) -> Iterator[tuple[str, str | None, str | None, str]]:
    if case.finding:
        yield "ip_address", case.finding["remote_ip"], None, "the remote address of the finding"
    for row in case.values("source_ip")[:5]:
        yield "ip_address", row["value"], None, "an address of the scope"
    for row in case.values("user_agent")[:3]:
        yield "user_agent", row["value"], None, "a user agent of the scope"


def _profile(case: Case, kind: str, identifier: str, account: str | None, why: str) -> Row:
    return {
        "kind": kind,
        "kind_text": labels.KINDS[kind],
        "id": identifier,
        "name": case.name(identifier),
        "account_id": account,
        "page": profile_id(kind, identifier, case.scope_start, case.scope_end),
        "command": command(kind, identifier, case.scope_start, case.scope_end),
        "why": why,
    }


def _findings(case: Case) -> list[Row]:
    """Return the findings that a profile stands beside."""
    return [
        {
            "kind": "finding",
            "kind_text": "finding",
            "id": each,
            "name": each,
            "account_id": None,
            "page": report_name(each, ""),
            "command": f"rolescope investigate --finding {shlex.quote(each)}",
            "why": "the finding it stands beside",
        }
        for each in case.subject["beside_finding_ids"] or []
    ]
