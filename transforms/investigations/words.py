"""The four answers, in sentences, each with its evidence: event ids, or `#panel` of the page."""

from __future__ import annotations

from itertools import groupby

from transforms.investigations import labels
from transforms.investigations.behaviour import KNOWN, is_new, novelties, standings, surges
from transforms.investigations.case import Case, Row, instant_of, text_of
from transforms.investigations.lineage import focus_session, path
from transforms.investigations.relations import DESCENDANT, SELF
from transforms.investigations.techniques import LOGGING_CALLS, TECHNIQUES

Sentence = dict[str, object]

_PLACES = {
    "geolocations": ("places are", "place is", "places"),
    "asos": ("networks are", "network is", "networks"),
    "user_agents": ("user agents are", "user agent is", "user agents"),
    "api_calls": ("calls are", "call is", "calls"),
}


def answers(case: Case) -> dict[str, list[Sentence]]:
    """Return who it was, what else they did, whether it is like them, and what the logs cannot show."""
    return {"who": _who(case), "what_else": _what_else(case), "consistency": _consistency(case), "gaps": _gaps(case)}


def told(sentences: list[Sentence]) -> str:
    """Return the text of an answer."""
    return " ".join(str(sentence["text"]) for sentence in sentences)


def say(text: str, *evidence: str | None) -> Sentence:
    """Return a sentence with its evidence."""
    return {"text": text, "evidence": [each for each in dict.fromkeys(evidence) if each]}


def _who(case: Case) -> list[Sentence]:
    if case.subject["matched_by"] == "ambiguous":
        return _ambiguous(case)
    if not case.has_subject:
        return [_nobody(case)]
    focus = focus_session(case)
    if focus is None:
        return [_without_session(case)]
    first = [_attributed(case, focus)]
    hops = [_hop(case, row) for row in path(case) if row["role_arn"]]
    others = sorted({labels.who(row["root_type"], row["root_name"], row["root_id"]) for row in case.own})
    several = (
        [
            say(
                f"Sessions of this identifier in the scope lead back to several principals: {labels.listed(others)}.",
                "#overview",
            )
        ]
        if len(others) > 1
        else []
    )
    return [*first, *hops, *_proofs(focus), *several]


def _attributed(case: Case, focus: Row) -> Sentence:
    root = labels.who(focus["root_type"], focus["root_name"], focus["root_id"])
    account = f" of account {focus['root_account_id']}" if focus["root_account_id"] else ""
    name, share = case.name(focus["entity_id"]), focus["attribution_confidence"]
    if focus["attribution_status"] == "resolved":
        hops = labels.count(focus["chain_depth"], "role session")
        through = f" through {hops}" if focus["chain_depth"] > 1 else ""
        return say(
            f"{root}{account} was behind {name}{through}. Confidence {share:.2f}: {labels.confidence(share)}.",
            "#chain", *(focus["issuing_event_ids"] or [])[:2],
        )  # fmt: skip
    reason = labels.REASONS.get(focus["attribution_reason"] or "", "the logs do not say")
    if focus["attribution_status"] == "ambiguous":
        names = [labels.who(each["type"], each["name"], each["id"]) for each in focus["candidates"] or []]
        return say(f"Who was behind {name} cannot be decided: {reason}. Candidates: {labels.listed(names)}.", "#chain")
    claim = f" A claim only: {root}." if focus["root_id"] else ""
    return say(f"Who was behind {name} is not established: {reason}.{claim}", "#chain")


def _hop(case: Case, row: Row) -> Sentence:
    by = (
        case.name(row["assumed_by_id"])
        if row["assumed_by_type"] == "AssumedRole"
        else labels.who(row["assumed_by_type"], row["assumed_by_name"], row["assumed_by_id"])
    )
    if not row["issuing_api"]:
        return say(
            f"How {case.name(row['entity_id'])} came about was not seen; it is in use since {labels.moment(row['started_at'])}.",
            "#chain",
        )
    method = labels.METHODS.get(row["attribution_method"] or "", "not bound to an issuing call")
    across = ", across accounts" if row["is_cross_account"] else ""
    return say(
        f"{by} assumed {row['role_name']} as “{row['session_name']}” in account {row['account_id'] or 'unknown'}{across}, at "
        f"{labels.moment(row['started_at'])} by {row['issuing_api']}; known because {method}.",
        *(row["issuing_event_ids"] or [])[:2],
    )


def _proofs(focus: Row) -> list[Sentence]:
    said = []
    if focus["mfa_authenticated"] is not None:
        said.append("with MFA" if focus["mfa_authenticated"] else "without MFA")
    if focus["source_identity"]:
        said.append(f"with the source identity “{focus['source_identity']}”")
    return [say(f"The session was made {labels.listed(said)}.", "#overview")] if said else []


def _without_session(case: Case) -> Sentence:
    kind, name = labels.KINDS.get(case.subject["entity_kind"], "principal"), case.name(case.entity_id)
    if case.subject["matched_by"] == "finding_only":
        return say(
            f"GuardDuty names the {kind} {case.entity_id}; the logs have nothing of it at that time, so who was behind it is not established.",
            "#logs",
        )
    return say(
        f"The {kind} {name} of account {case.subject['account_id']} made the calls itself, with its own credentials.",
        "#overview",
    )


def _ambiguous(case: Case) -> list[Sentence]:
    names = [str(each["entity_id"]) for each in case.subject["candidates"] or []]
    return [
        say(
            f"The finding does not say which session it is about, and {labels.count(len(names), 'candidate')} fit: "
            f"{labels.listed(names, 12)}. None is chosen.",
            "#overview",
        )
    ]


def _nobody(case: Case) -> Sentence:
    finding = case.finding
    named = [
        f"{noun} {finding[name]}"
        for name, noun in (("access_key_id", "access key"), ("principal_id", "principal"), ("user_name", "user name"))
        if finding[name]
    ]
    if not named:
        return say(
            "The finding names no access key and no principal, so no session can be investigated; it is about account "
            f"{case.finding['account_id']}.",
            "#finding",
        )
    return say(
        f"No session in the logs matches what the finding names ({labels.listed(named)}) in the scope. "
        "Either the logs are not complete, or the credentials were used elsewhere.",
        "#logs",
    )


def _what_else(case: Case) -> list[Sentence]:
    if not case.has_subject:
        return [_account(case)]
    said = [_done(case, SELF, case.entity_id, case.name(case.entity_id), in_scope=True)]
    for entity_id in dict.fromkeys(row["entity_id"] for row in case.descendants):
        said.append(_chained(case, entity_id))
    said.append(_afterwards(case))
    said += _notable(case)
    related = case.rows("related")
    if related:
        kinds = labels.listed(sorted({row["type"] for row in related}))
        said.append(say(f"{labels.count(case.total('related'), 'other finding')} within a week: {kinds}.", "#related"))
    return [*said, _account(case)]


def _done(case: Case, relation: str, entity_id: str, name: str, *, in_scope: bool) -> Sentence:
    success, failed = case.counted(relation, entity_id, in_scope=in_scope)
    if not success + failed:
        return say(f"In the scope {name} made no call that the logs show.", "#timeline")
    calls = case.values("api", in_scope=in_scope, entity_id=entity_id)
    return say(
        f"In the scope {name} made {labels.count(success + failed, 'call')}{_failures(failed)}: {_calls(calls)}.",
        "#timeline", *[event for row in calls[:4] for event in row["event_ids"]],
    )  # fmt: skip


def _chained(case: Case, entity_id: str) -> Sentence:
    sessions = [row for row in case.descendants if row["entity_id"] == entity_id]
    started, account = sessions[0]["started_at"], sessions[0]["account_id"]
    success, failed = case.counted(DESCENDANT, entity_id)
    often = f" {labels.count(len(sessions), 'time')}, first" if len(sessions) > 1 else ""
    opening = f"{case.name(entity_id)} in account {account or 'unknown'} was chained from it{often} at {labels.moment(started)}"
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
        f"{opening}, and made {labels.count(success + failed, 'call')}{_failures(failed)}: {_calls([*scope_calls, *later])}.",
        "#timeline", *[event for row in [*scope_calls, *later][:4] for event in row["event_ids"]],
    )  # fmt: skip


def _afterwards(case: Case) -> Sentence:
    success, failed = case.counted(in_scope=False)
    end = labels.minute(text_of(case.scope_end))
    if not success + failed:
        nobody = "neither this session nor one chained from it" if case.descendants else "this session"
        verb = "made a call" if case.descendants else "made no call"
        return say(f"In the seven days after {end} {nobody} {verb} that the logs show.", "#timeline", "#logs")
    chained = " or sessions chained from it" if case.descendants else ""
    last = max(row["last_at"] for row in case.rows("totals") if not row["is_in_scope"])
    return say(
        f"In the seven days after {end} there were {labels.count(success + failed, 'further call')}{_failures(failed)} by this session{chained}, the last at {labels.moment(last)}.",
        "#timeline",
    )


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
    account = case.finding["account_id"]
    others = [row for row in case.rows("notable") if not _is_theirs(case, row) and _is_in_scope(case, row)]
    text = (
        f"In account {account} as a whole, {labels.count(case.total('account_calls'), 'different API')} {'was' if case.total('account_calls') == 1 else 'were'} called in the scope"
        if calls
        else f"Account {account} has no call in the scope that the logs show"
    )
    if others:
        names = labels.listed(sorted({labels.call(row["api"]) for row in others}))
        return say(
            f"{text}; others made {labels.count(len(others), 'notable call')} in the accounts concerned: {names}.",
            "#account",
        )
    return say(f"{text}; nobody else made a notable call in the accounts concerned.", "#account")


def _consistency(case: Case) -> list[Sentence]:
    if not case.has_subject:
        return [say("Without a session there is nothing to compare.", "#behaviour")]
    if not any(row["is_in_scope"] for row in case.rows("totals")):
        return [say("There is no call in the scope to compare with the past.", "#behaviour"), *_past(case)]
    said = _training(case)
    for panel in ("geolocations", "asos", "user_agents", "api_calls"):
        said.append(_newness(case, panel))
    return [*said, _volume(case), *_past(case)]


def _training(case: Case) -> list[Sentence]:
    levels = standings(case).get(case.entity_id, {})
    session = levels.get("session")
    if not session or not session["is_in_training"]:
        return []
    since = f"known only since {labels.day(session['first_at'])}" if session["first_at"] else "seen for the first time"
    peers = [
        f"{name} since {labels.day(levels[level]['first_at'])}"
        for level, name in (("role", "its role"), ("root", "who was behind it"), ("account", "the account"))
        if level in levels and levels[level]["first_at"]
    ]
    beside = (
        f" What {labels.listed([peer.split(' since ')[0] for peer in peers])} did before stands beside it ({labels.listed(peers)})."
        if peers
        else ""
    )
    return [say(f"In training: the session is {since}, less than 14 days before the scope.{beside}", "#behaviour")]


def _newness(case: Case, panel: str) -> Sentence:
    """Say whether places, networks, user agents or calls are new; that they are not is an answer too."""
    many, one, noun = _PLACES[panel]
    rows = novelties(case, panel)
    short = labels.call if panel == "api_calls" else str
    if not rows:
        return say(f"Nothing in the scope says anything about {noun}.", f"#{panel}")
    new = [row for row in rows if is_new(row)]
    if not new:
        seen = labels.listed(
            [f"{short(row['value'])} (before: {labels.day(row['session']['last_at'])})" for row in rows], 4
        )
        return say(f"The {one if len(rows) == 1 else many} not new: {seen}.", f"#{panel}")
    old = labels.listed(sorted({short(row["value"]) for row in rows if not is_new(row)}), 4)
    names = labels.listed([f"{short(row['value'])}{_of(case, row)}{_for_whom(row)}" for row in new], 5)
    kept = f" Not new: {old}." if old else ""
    return say(f"New {noun}: {names}.{kept}", f"#{panel}", *[event for row in new[:3] for event in row["event_ids"]])


def _of(case: Case, row: Row) -> str:
    return "" if row["is_subject"] else f" by {case.name(row['entity'])}"


def _for_whom(row: Row) -> str:
    if row["is_new_for_account"]:
        return " (new for the whole account)"
    if row["root"] and row["root"]["status"] == KNOWN:
        return " (who was behind it has done so in other sessions)"
    return " (known in the account)" if row["account"] else ""


def _volume(case: Case) -> Sentence:
    rows = surges(case)
    if not rows:
        return say("There is no earlier use of these calls to hold their number against.", "#volume")
    increased = [row for row in rows if row["is_increased"]]
    if not increased:
        return say("No call was made significantly more often than before.", "#increased")
    names = labels.listed(
        [f"{labels.call(row['value'])} ({row['count']:,}, {row['expected']:g} expected)" for row in increased]
    )
    return say(f"More often than before: {names}.", "#increased")


def _past(case: Case) -> list[Sentence]:
    """Say whether a chained role session had been used before, on which days, and for what."""
    said = []
    for entity_id in dict.fromkeys(row["entity_id"] for row in case.descendants):
        days = sorted(
            (row for row in case.rows("past_use") if row["entity_id"] == entity_id), key=lambda row: row["started_date"]
        )
        if not days:
            said.append(say(f"{case.name(entity_id)} had not been used in the 45 days before.", "#past"))
            continue
        calls = [row for row in case.rows("past_calls") if row["entity_id"] == entity_id]
        made = sum(row["event_count"] for row in days)
        done = f": {_calls(calls)}" if calls else ""
        by = "by the same principal" if days[0]["root_id"] else "under the same identifier, by whom is not established"
        said.append(
            say(
                f"{case.name(entity_id)} had been used before, {by}: {labels.count(made, 'call')} on "
                f"{labels.count(len(days), 'day')} ({labels.listed([row['started_date'] for row in days])}){done}.",
                "#past",
            )
        )
    return said


def _gaps(case: Case) -> list[Sentence]:
    said = [_completeness(case)]
    stopped = [row for row in case.rows("notable") if row["api"] in LOGGING_CALLS and not row["is_failed"]]
    if stopped:
        first = min(stopped, key=lambda row: row["event_at"])
        names = labels.listed(
            [
                f"{labels.call(row['api'])} {row['target'] or ''} at {labels.moment(row['event_at'])}".replace(
                    "  ", " "
                )
                for row in sorted(stopped, key=lambda row: row["event_at"])
            ],
            3,
        )
        said.append(
            say(
                f"Logging was touched ({names}): what that trail alone would have recorded after "
                f"{labels.moment(first['event_at'])} is not here. Other trails of the account still are, if there are any.",
                *[row["event_id"] for row in stopped[:4]],
            )
        )
    unresolved = [row for row in [*case.own, *case.descendants] if row["attribution_status"] != "resolved"]
    if unresolved:
        reasons = sorted(
            {labels.REASONS.get(row["attribution_reason"] or "", "the logs do not say") for row in unresolved}
        )
        said.append(
            say(
                f"{labels.count(len(unresolved), 'session')} here without an established root: {labels.listed(reasons)}.",
                "#chain",
            )
        )
    missing = [row["account_id"] for row in case.rows("logs") if not row["file_count"]]
    if missing:
        said.append(
            say(
                f"No logs of account {labels.listed(missing)} are here: what was done there shows only in other accounts' copies.",
                "#logs",
            )
        )
    broken = sum((row["rejected_count"] or 0) for row in case.rows("logs"))
    if broken:
        said.append(
            say(
                f"{labels.count(broken, 'record')} of these accounts could not be read (table rejected_records).",
                "#logs",
            )
        )
    said.append(
        say(
            "Trails record data events (reading of S3 objects, invoking of functions) only where that is switched on; their absence is no proof.",
            "#logs",
        )
    )
    return said


def _completeness(case: Case) -> Sentence:
    here = [row for row in case.rows("logs") if row["complete_to_at"]]
    if not here:
        return say(
            "Up to when the logs are complete is not known: no log object of the accounts concerned is here.", "#logs"
        )
    least = min(here, key=lambda row: row["complete_to_at"])
    to = instant_of(least["complete_to_at"])
    short = " That is before the end of the scope: look again when they have arrived." if to < case.scope_end else ""
    return say(
        f"The logs of the accounts concerned reach up to {labels.moment(least['complete_to_at'])} (account {least['account_id']} last).{short}",
        "#logs",
    )


def _is_theirs(case: Case, row: Row) -> bool:
    entities = {each["entity_id"] for each in case.rows("entities")}
    return row["principal_id"] in entities or row["identity_arn"] in entities


def _is_in_scope(case: Case, row: Row) -> bool:
    return text_of(case.scope_start) <= row["event_at"] < text_of(case.scope_end)


def _failures(failed: int) -> str:
    return f", {failed:,} of them failed" if failed else ""


def _calls(rows: list[Row]) -> str:
    """List calls with their counts, each once: `StopLogging, AssumeRole (2 failed)`."""
    counts: dict[str, tuple[int, int]] = {}
    for row in rows:
        name = labels.call(row.get("value") or row["api"])
        success, failed = counts.get(name, (0, 0))
        counts[name] = (success + row["success_count"], failed + row["failed_count"])
    named = []
    for name, (success, failed) in counts.items():
        often = f" {success + failed:,}×" if success + failed > 1 else ""
        named.append(f"{name}{often}" + (f" ({failed:,} failed)" if failed else ""))
    return labels.listed(named, 8)
