"""Finding groups: reports whose documents name each other's findings are one story."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Entry = Mapping[str, Any]


def grouped(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Return entries by story, in the order of their first one; what names nothing and is named by nothing stands alone.

    An entry has finding_id (null for a profile) and story, the ids of the findings that it names. Naming is mutual: a finding
    that came later names the earlier one, whose document was made before.
    """
    listed = list(entries)
    leader: dict[str, str] = {}

    def lead(finding_id: str) -> str:
        leader.setdefault(finding_id, finding_id)
        while leader[finding_id] != finding_id:
            leader[finding_id] = leader[leader[finding_id]]
            finding_id = leader[finding_id]
        return finding_id

    for entry in listed:
        for other in entry["story"] if entry["finding_id"] else ():
            leader[lead(other)] = lead(entry["finding_id"])
    stories: dict[tuple[str, str], list[Entry]] = {}
    for entry in listed:
        key = ("story", lead(entry["finding_id"])) if entry["finding_id"] else ("page", entry["file"])
        stories.setdefault(key, []).append(entry)
    return list(stories.values())
