"""What else they did: in the scope, in every chained session, afterwards; and what happened around it."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby

from transforms.investigations import labels
from transforms.investigations.answers.profile import MANY, done_in_scope
from transforms.investigations.answers.sentences import Sentence, calls_of, failures, say
from transforms.investigations.case import Case, Row, instant_of, text_of
from transforms.investigations.relations import DESCENDANT, SELF
from transforms.investigations.scope import AROUND_DAYS
from transforms.investigations.techniques import TECHNIQUES


def what_else(case: Case) -> list[Sentence]:
    """Say what was done in the scope, through chained sessions, and afterwards."""
    if not case.has_subject:
        return [_account(case)]
    is_of_many = case.finding is None and case.subject["entity_kind"] in ("root", *MANY)
    said = [
        done_in_scope(case) if is_of_many
        else _done(case, SELF, case.entity_id, case.name(case.entity_id), in_scope=True)
    ]  # fmt: skip
    for entity_id in dict.fromkeys(row["entity_id"] for row in case.descendants):
        said.append(_chained(case, entity_id))
    said += _notable(case)
    if not is_of_many:
        said.append(_afterwards(case))
    related = case.rows("related")
    if related:
        kinds = labels.listed(sorted({row["type"] for row in related}))
        said.append(say(f"{labels.count(case.total('related'), 'other finding')} within a week: {kinds}.", "#related"))
    return [*said, *([_account(case)] if case.account_id else [])]


def _done(case: Case, relation: str, entity_id: str, name: str, *, in_scope: bool) -> Sentence:
    success, failed = case.counted(relation, entity_id, in_scope=in_scope)
    if not success + failed:
        return say(f"In the scope {name} made no call that the logs show.", "#timeline")
    calls = case.values("api", in_scope=in_scope, entity_id=entity_id)
    return say(
        f"In the scope {name} made {labels.count(success + failed, 'call')}{failures(failed)}: {calls_of(calls)}.",
        "#timeline", *[event for row in calls[:4] for event in row["event_ids"]],
    )  # fmt: skip


def _chained(case: Case, entity_id: str) -> Sentence:
    sessions = [row for row in case.descendants if row["entity_id"] == entity_id]
    started, account = sessions[0]["started_at"], sessions[0]["account_id"]
    success, failed = case.counted(DESCENDANT, entity_id)
    often = f" {labels.count(len(sessions), 'time')}, first" if len(sessions) > 1 else ""
    opening = f"{case.name(entity_id)} in account {case.account(account)} was chained from it{often} at {labels.moment(started)}"
    if not success + failed:
        return say(
            f"{opening}; it made no call since the scope began that the logs show.",
            *sessions[0]["issuing_event_ids"][:2],
        )
    scope_calls, later = (
        case.values("api", entity_id=entity_id),
        case.values("api", in_scope=False, entity_id=entity_id),
    )
    return say(
        f"{opening}, and made {labels.count(success + failed, 'call')}{failures(failed)}: {calls_of([*scope_calls, *later])}.",
        "#timeline", *[event for row in [*scope_calls, *later][:4] for event in row["event_ids"]],
    )  # fmt: skip


def _afterwards(case: Case) -> Sentence:
    success, failed = case.counted(in_scope=False)
    end = labels.minute(text_of(case.scope_end))
    if not success + failed:
        nobody = "neither this session nor one chained from it" if case.descendants else "this session"
        verb = "made a call" if case.descendants else "made no call"
        return say(f"{_looked_at(case, end)} {nobody} {verb} that the logs show.", "#timeline", "#logs")
    chained = " or sessions chained from it" if case.descendants else ""
    last = max(row["last_at"] for row in case.rows("totals") if not row["is_in_scope"])
    return say(
        f"In the seven days after {end} there were {labels.count(success + failed, 'further call')}{failures(failed)} by this "
        f"session{chained}, the last at {labels.moment(last)}.",
        "#timeline",
    )


def _looked_at(case: Case, end: str) -> str:
    """Say which time after the scope the logs cover: to have seen nothing in seven days, they must be there."""
    known_to = case.logs_complete_to
    if known_to is None or instant_of(known_to) >= case.scope_end + timedelta(days=AROUND_DAYS):
        return f"In the seven days after {end}"
    if instant_of(known_to) <= case.scope_end:
        return f"The logs end at {labels.moment(known_to)}; after {end}, as far as they go,"
    return f"From {end} to {labels.moment(known_to)}, where the logs end for now,"


def _notable(case: Case) -> list[Sentence]:
    """Say of each notable call how it went, in order of time: a failed try, then a success, is a story of its own."""
    said = []
    deeds = [row for row in case.deeds() if row["api"] in TECHNIQUES]
    for (entity_id, api), group in groupby(
        sorted(deeds, key=lambda row: (row["entity_id"], row["api"])), key=lambda row: (row["entity_id"], row["api"])
    ):
        rows = list(group)
        if len(rows) > 1 and {row["is_failed"] for row in rows} == {True, False}:
            steps = ", then ".join(
                _step(list(run), failed) for failed, run in groupby(rows, key=lambda row: bool(row["is_failed"]))
            )
            said.append(
                say(f"{labels.call(api)} by {case.name(entity_id)} {steps}.", *[row["event_id"] for row in rows[:6]])
            )
    return said


def _step(rows: list[Row], failed: bool) -> str:
    when = rows[0]["event_at"][11:19]
    why = f" ({rows[0]['error_code']})" if failed and rows[0]["error_code"] else ""
    times = f" {len(rows):,} times from" if len(rows) > 1 else ""
    return f"{'failed' if failed else 'succeeded'}{times} at {when}{why}"


def _account(case: Case) -> Sentence:
    calls = case.rows("account_calls")
    account = case.account_id
    others = [row for row in case.rows("notable") if not _is_theirs(case, row) and _is_in_scope(case, row)]
    number = case.total("account_calls")
    text = (
        f"In account {case.account(account)} as a whole, {labels.count(number, 'API was', 'different APIs were')} called in the scope"
        if calls
        else f"Account {case.account(account)} has no call in the scope that the logs show"
    )
    if others:
        names = labels.listed(sorted({labels.call(row["api"]) for row in others}))
        return say(
            f"{text}; others made {labels.count(len(others), 'notable call')} in the accounts concerned: {names}.",
            "#account",
        )
    return say(f"{text}; nobody else made a notable call in the accounts concerned.", "#account")


def _is_theirs(case: Case, row: Row) -> bool:
    entities = {each["entity_id"] for each in case.rows("entities")}
    return row["principal_id"] in entities or row["identity_arn"] in entities


def _is_in_scope(case: Case, row: Row) -> bool:
    return bool(text_of(case.scope_start) <= row["event_at"] < text_of(case.scope_end))
