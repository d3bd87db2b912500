"""The answers of a profile of a role, an origin, an account, an address or a user agent: who is in it, and what it did."""

from __future__ import annotations

from collections import Counter

from transforms.investigations import labels
from transforms.investigations.answers.sentences import Sentence, calls_of, failures, say
from transforms.investigations.case import Case, Row
from transforms.investigations.relations import SELF

MANY = ("role", "account", "ip_address", "user_agent")
"""Kinds behind which several may be."""


def who_of_profile(case: Case) -> list[Sentence]:
    """Say who was behind a profile's calls: of an origin through which roles, of the others who all."""
    return _origin(case) if case.subject["entity_kind"] == "root" else _many(case)


def seen_before(case: Case) -> list[Sentence]:
    """Say of an address or user agent who had been seen with it before: it has no other past."""
    rows = case.rows("principals")
    noun = labels.KINDS[case.subject["entity_kind"]]
    if not rows:
        return [say("There is no call in the scope to compare with the past.", "#principals")]
    known = [row for row in rows if row["seen_first_at"]]
    new = [row for row in rows if not row["seen_first_at"]]
    said = []
    if known:
        names = labels.listed([f"{_name(case, row)} (last on {labels.day(row['seen_last_at'])})" for row in known], 4)
        said.append(say(f"This {noun} had been seen before of {names}.", "#principals"))
    if new:
        names = labels.listed([_name(case, row) for row in new], 6)
        said.append(say(f"Never seen before of {names}.", "#principals"))
    return said


def _origin(case: Case) -> list[Sentence]:
    sessions = [row for row in case.own if row["role_arn"]]
    name = _origin_name(case)
    if not sessions:
        return [say(f"{name} used no role in the scope that the logs show.", "#chain")]
    roles = Counter(f"{row['role_name']} in {row['account_id'] or 'an unknown account'}" for row in sessions)
    listed = labels.listed(
        [f"{role}" + (f" ({often:,} sessions)" if often > 1 else "") for role, often in roles.items()], 8
    )
    chained = sum(bool(row["is_chained"]) for row in sessions)
    through = f", {labels.count(chained, 'of them')} chained from another role" if chained else ""
    least = min(sessions, key=lambda row: row["attribution_confidence"] or 0)
    return [
        say(
            f"{name} was behind {labels.count(len(sessions), 'role session')} alive in the scope{through}: {listed}. Least "
            f"confidence {least['attribution_confidence']:.2f}: {labels.confidence(least['attribution_confidence'])}.",
            "#chain", *(least["issuing_event_ids"] or [])[:2],
        )
    ]  # fmt: skip


def _many(case: Case) -> list[Sentence]:
    rows, total = case.rows("principals"), case.total("principals")
    noun, name = labels.KINDS[case.subject["entity_kind"]], case.name(case.entity_id)
    if not rows:
        return [say(f"Nobody made a call with the {noun} {name} in the scope that the logs show.", "#principals")]
    calls = sum(row["success_count"] + row["failed_count"] for row in rows)
    roots = Counter[str]()
    for row in rows:
        if row["root_id"]:
            roots[labels.who(row["root_type"], row["root_name"], row["root_id"])] += (
                row["success_count"] + row["failed_count"]
            )
    of = {"role": "used", "account": "made calls of", "ip_address": "made calls from", "user_agent": "made calls with"}
    said = [
        say(
            f"{labels.count(total, 'principal')} {of[case.subject['entity_kind']]} the {noun} {name} in the scope, with "
            f"{labels.count(calls, 'call')}: {labels.listed([_name(case, row) for row in rows], 5)}.",
            "#principals",
        )
    ]
    if roots:
        behind = labels.listed([f"{who} ({labels.count(often, 'call')})" for who, often in roots.most_common()], 6)
        said.append(say(f"Behind them: {behind}.", "#principals"))
    unknown = sum(row["success_count"] + row["failed_count"] for row in rows if not row["root_id"])
    if unknown and case.subject["entity_kind"] == "role":
        said.append(say(f"Who was behind {labels.count(unknown, 'call')} is not established.", "#principals"))
    return said


def done_in_scope(case: Case) -> Sentence:
    """Say what a profile's entity did in its scope."""
    success, failed = case.counted(SELF, case.entity_id, in_scope=True)
    if not success + failed:
        return say("There is no call in the scope that the logs show.", "#timeline")
    calls = case.values("api", entity_id=case.entity_id)
    return say(
        f"In the scope there were {labels.count(success + failed, 'call')}{failures(failed)}: {calls_of(calls)}.",
        "#timeline", *[event for row in calls[:4] for event in row["event_ids"]],
    )  # fmt: skip


def _origin_name(case: Case) -> str:
    named = next((row for row in case.own if row["root_id"] == case.entity_id), None)
    return labels.who(named["root_type"], named["root_name"], named["root_id"]) if named else case.entity_id


def _name(case: Case, row: Row) -> str:
    return case.name(row["principal_id"])
