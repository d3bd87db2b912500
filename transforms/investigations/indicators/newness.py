"""What the principal had not done in the 45 days before: a place, a network, a user agent, a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from transforms.investigations import labels
from transforms.investigations.behaviour import KNOWN, NEVER, is_new, novelties
from transforms.investigations.case import Case, Row
from transforms.investigations.indicators.indicator import indicator

NEW = {
    "NEW_GEOLOCATION": ("geolocations", "place"),
    "NEW_ASO": ("asos", "network"),
    "NEW_USER_AGENT": ("user_agents", "user agent"),
    "NEW_API_CALL": ("api_calls", "call"),
}


def finder_of_new(kind: str) -> Callable[[Case], Iterable[Row]]:
    """Return what finds the indicators of a type of `NEW`. What the organisation's own addresses bring along is none."""
    panel, noun = NEW[kind]

    def find(case: Case) -> Iterable[Row]:
        for row in novelties(case, panel):
            if is_new(row) and row["expected"] is None:
                yield indicator(
                    kind, novelty_severity(row), row["entity"], row["value"], novelty_reason(row, noun), row["event_ids"],
                    is_new_for_account=row["is_new_for_account"],
                )  # fmt: skip

    return find


def novelty_severity(row: Row) -> str:
    """Return how much it weighs: new for the account most; what the root is known for next to nothing.

    A fresh session's everything is new, so in training its role's history speaks where the root has none.
    """
    if row["is_new_for_account"]:
        return "MEDIUM"
    peers = [row["root"], row["role"] if row["is_in_training"] else None]
    return "INFORMATIONAL" if any(peer and peer["status"] == KNOWN for peer in peers) else "LOW"


def novelty_reason(row: Row, noun: str) -> str:
    """Say of a new value since when it is new, and for whom."""
    session = row["session"]
    words = (
        f"{noun} never seen of this principal before"
        if session["status"] == NEVER
        else f"{noun} not seen of this principal in the 45 days before; last seen {labels.day(session['last_at'])}"
    )
    for level, name in (("role", "its role"), ("root", "who was behind it"), ("account", "the account")):
        known = row[level]
        if known is not None:
            told = {KNOWN: "known", NEVER: "never seen"}.get(known["status"], "new in 45 days")
            words += f"; for {name} {told}"
    return words + ("; the principal is in training" if row["is_in_training"] else "")
