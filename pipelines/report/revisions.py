"""What a report that is written again says differently from the one before it, in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

Document = Mapping[str, Any]
_MOST_NAMED = 8
_MOST_REVISIONS = 50
_PARTS: tuple[tuple[str, Callable[[Document], Any]], ...] = (
    ("who", lambda d: _first(d, "who")),
    ("is it like them", lambda d: _first(d, "consistency")),
    ("severity", lambda d: f"{d['severity']['label']} ({d['severity']['score']:g})"),
    ("investigated", lambda d: d["entity"]["name"]),
    ("scope", lambda d: f"{d['scope']['start_at']} to {d['scope']['end_at']}"),
    ("the root", lambda d: d["chain"]["status"]),
    ("hops from the root", lambda d: len(d["chain"]["hops"])),
    ("sessions chained from it", lambda d: d["chain"]["descendant_count"]),
    ("calls in the scope and the week after", lambda d: d["timeline"]["total"]),
)


def revised(before: bytes | None, new: Document) -> list[dict[str, Any]]:
    """Return the revisions of a document: those that the old file has, and what changed between the two, if anything did.

    Args:
        before: the JSON file that is there, with its own `revisions`; none, or one that is no document, counts for nothing.
        new: the document to be written, without revisions.
    """
    old = _document(before)
    if before is None or old is None:
        return []
    earlier = list(old.get("revisions", []))
    try:
        said = changes(old, new)
    except (KeyError, TypeError, IndexError):  # a document of an older schema that cannot be compared
        return earlier
    if not said:
        return earlier
    return [*earlier, {"changes": said, "document_before": hashlib.sha256(before).hexdigest()}][-_MOST_REVISIONS:]


def changes(before: Document, after: Document) -> list[str]:
    """Return what differs in words; how far the logs reach is a change only with another, or when they pass the scope's end."""
    said = [
        f"{name}: was {_said(old)}; now {_said(new)}"
        for name, part in _PARTS
        if (old := part(before)) != (new := part(after))
    ]
    had, has = _indicators(before), _indicators(after)
    said += _listed("new indicator", [text for key, text in has.items() if key not in had])
    said += _listed("no longer an indicator", [text for key, text in had.items() if key not in has])
    old_end, new_end, scope_end = (
        before["logs"]["complete_to_at"],
        after["logs"]["complete_to_at"],
        after["scope"]["end_at"],
    )
    has_passed = bool(new_end) and (not old_end or old_end < scope_end) and new_end >= scope_end
    if old_end != new_end and (said or has_passed):
        said.append(f"logs complete to: was {_said(old_end)}; now {_said(new_end)}")
    return said


def _document(data: bytes | None) -> Document | None:
    try:
        found = json.loads(data) if data is not None else None
    except ValueError:
        return None
    is_ours = isinstance(found, dict) and str(found.get("schema", "")).startswith("rolescope.investigation/")
    return found if is_ours else None


def _first(document: Document, answer: str) -> str:
    return str(document["answers"][answer][0]["text"])


def _indicators(document: Document) -> dict[tuple[str, str, str], str]:
    return {
        (
            row["type"],
            row["entity"],
            row["value"],
        ): f"{row['type'].replace('_', ' ').lower()}, {row['value']} ({row['severity']})"
        for row in document["indicators"]
    }


def _listed(what: str, texts: list[str]) -> list[str]:
    more = [f"{what}: {len(texts) - _MOST_NAMED} more"] if len(texts) > _MOST_NAMED else []
    return [f"{what}: {text}" for text in texts[:_MOST_NAMED]] + more


def _said(value: object) -> str:
    return "not known" if value is None else str(value)
