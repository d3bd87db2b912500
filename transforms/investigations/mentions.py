"""What the context file says of what an investigation mentions: names, notes, and what was expected and so is no indicator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from transforms.investigations.case import Case, Row

_PARTIES = ("account_id", "assumed_by_account_id", "root_account_id")
_MOST_EXPECTED = 100


def mentions(case: Case) -> Row:
    """Return `names` of accounts, `notes` on users and roles, and `expected`: each value that was left out of suspicion, and why."""
    return {
        "names": {each: name for each in _accounts(case) if (name := case.context.account_name(each)) is not None},
        "notes": [
            *_notes("user", case.context.users, _users(case)),
            *_notes("role", case.context.roles, _roles(case)),
        ],
        "expected": [{"value": value, "why": why} for value, why in _expected(case).items()][:_MOST_EXPECTED],
    }


def _accounts(case: Case) -> list[str]:
    """Return the accounts that are mentioned."""
    of_sessions = [row[name] for row in [*case.rows("family"), *case.rows("involved")] for name in _PARTIES]
    of_roles = [row["assumed_by_account_id"] for row in [*case.rows("assumers"), *case.rows("assumed_roles")]]
    of_logs = [row["account_id"] for panel in ("logs", "related", "notable", "principals") for row in case.rows(panel)]
    own = [case.subject["account_id"], (case.finding or {}).get("account_id")]
    return sorted({each for each in [*own, *of_sessions, *of_roles, *of_logs] if each})


def _users(case: Case) -> Iterator[tuple[str | None, str | None]]:
    """Yield id and name of people and workloads."""
    if case.subject["role_arn"] is None:
        yield case.entity_id, case.name(case.entity_id)
    for row in [*case.rows("family"), *case.rows("principals")]:
        yield row["root_id"], row["root_name"]
    for row in case.rows("family"):
        if row["assumed_by_type"] != "AssumedRole":
            yield row["assumed_by_id"], row["assumed_by_name"]
    for row in case.rows("assumers"):
        if row["assumed_by_type"] != "Role":
            yield row["assumed_by_id"], row["assumed_by_name"]


def _roles(case: Case) -> Iterator[tuple[str | None, str | None]]:
    arns = [case.subject["role_arn"], *[row["role_arn"] for row in case.rows("family")]]
    arns += [row["role_arn"] for panel in ("assumed_roles", "principals") for row in case.rows(panel)]
    arns += [row["assumed_by_id"] for row in case.rows("assumers") if row["assumed_by_type"] == "Role"]
    return ((arn, arn.rsplit("/", 1)[-1]) for arn in arns if arn)


def _notes(kind: str, notes: Mapping[str, str], named: Iterable[tuple[str | None, str | None]]) -> list[Row]:
    found: dict[str, Row] = {}
    for identifier, name in named:
        text = notes.get(identifier or "") or notes.get(name or "")
        if identifier and text:
            found.setdefault(identifier, {"kind": kind, "id": identifier, "text": text})
    return list(found.values())


def _expected(case: Case) -> dict[str, str]:
    found: dict[str, str] = {}
    addresses = [row["source_ip"] for panel in ("addresses", "visits") for row in case.rows(panel)]
    addresses += [(case.finding or {}).get("remote_ip")]
    for address in sorted({each for each in addresses if each}):
        if (name := case.context.own_address(address)) is not None:
            found[address] = f"the organisation's own address ({name})"
    for account in _accounts(case):
        if (name := case.context.vendors.get(account)) is not None:
            found[account] = f"an account of a vendor ({name})"
    return found
