"""Whether it is like them: that it is, is an answer too."""

from __future__ import annotations

from transforms.investigations import labels
from transforms.investigations.answers.profile import seen_before
from transforms.investigations.answers.sentences import Sentence, calls_of, say
from transforms.investigations.behaviour import KNOWN, has_past, is_new, novelties, standings, surges
from transforms.investigations.case import Case, Row
from transforms.investigations.indicators.addresses import find_flagged, find_instance_use, find_travel

_ALARMS = 3  # that are told in words; the indicators have all
_PLACES = {
    "geolocations": ("places are", "place is", "places"),
    "asos": ("networks are", "network is", "networks"),
    "user_agents": ("user agents are", "user agent is", "user agents"),
    "api_calls": ("calls are", "call is", "calls"),
}


def consistency(case: Case) -> list[Sentence]:
    """Say what is like them and what is not, with the past that it was held against."""
    if not case.has_subject:
        return [say("Without a session there is nothing to compare.", "#behaviour")]
    if not has_past(case):
        return seen_before(case)
    if not any(row["is_in_scope"] for row in case.rows("totals")):
        return [say("There is no call in the scope to compare with the past.", "#behaviour"), *_past(case)]
    alarms = [*find_travel(case), *find_instance_use(case), *find_flagged(case)]
    said = [_verdict(case, are_odd=bool(alarms)), *_training(case)]
    said += [
        say(f"{each['reason'][:1].upper()}{each['reason'][1:]}.", *each["evidence_event_ids"])
        for each in alarms[:_ALARMS]
    ]
    for panel in ("geolocations", "asos", "user_agents", "api_calls"):
        said.append(_newness(case, panel))
    return [*said, _volume(case), *_past(case)]


def _verdict(case: Case, *, are_odd: bool) -> Sentence:
    """Open with the answer: what is like them and what is not, among it addresses that are odd though they may be known."""
    found = {panel: novelties(case, panel) for panel in _PLACES}
    new = [_PLACES[panel][2] for panel, rows in found.items() if any(_is_unexpected(row) for row in rows)]
    known = [
        _PLACES[panel][2] for panel, rows in found.items() if rows and not any(_is_unexpected(row) for row in rows)
    ]
    new += ["numbers of calls"] if any(row["is_increased"] for row in surges(case)) else []
    new += ["addresses"] if are_odd else []
    if not new:
        return say("Yes, as far as it can be compared: nothing in the scope is new, or more than usual.", "#behaviour")
    if not known:
        return say(f"No: {labels.listed(new)} are not what is known of them.", "#behaviour")
    return say(f"In part: {labels.listed(new)} are new or unusual; {labels.listed(known)} are not.", "#behaviour")


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
        latest: dict[str, str] = {}
        for row in rows:
            latest[short(row["value"])] = max(latest.get(short(row["value"]), ""), row["session"]["last_at"])
        seen = labels.listed([f"{value} (last seen {labels.day(last)})" for value, last in latest.items()], 4)
        return say(f"The {one if len(latest) == 1 else many} not new: {seen}.", f"#{panel}")
    old = labels.listed(sorted({short(row["value"]) for row in rows if not is_new(row)}), 4)
    names = labels.listed([f"{short(row['value'])}{_of(case, row)}{_for_whom(row)}" for row in new], 5)
    kept = f" Not new: {old}." if old else ""
    return say(f"New {noun}: {names}.{kept}", f"#{panel}", *[event for row in new[:3] for event in row["event_ids"]])


def _of(case: Case, row: Row) -> str:
    return "" if row["is_subject"] else f" by {case.name(row['entity'])}"


def _is_unexpected(row: Row) -> bool:
    return is_new(row) and row["expected"] is None


def _for_whom(row: Row) -> str:
    if row["expected"] is not None:
        return f" (the organisation's own: {row['expected']})"
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
        done = f": {calls_of(calls)}" if calls else ""
        by = "by the same principal" if days[0]["root_id"] else "under the same identifier, by whom is not established"
        said.append(
            say(
                f"{case.name(entity_id)} had been used before, {by}: {labels.count(made, 'call')} on "
                f"{labels.count(len(days), 'day')} ({labels.listed([row['started_date'] for row in days])}){done}.",
                "#past",
            )
        )
    return said
