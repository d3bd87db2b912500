"""Indicators: what in the evidence speaks for a compromise, each with its severity, its reason in words and its events.

One module a topic: calls, new behaviour, addresses, the chain, other findings and the logs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from transforms.investigations.case import Case, Row
from transforms.investigations.indicators.addresses import find_flagged, find_instance_use, find_travel
from transforms.investigations.indicators.around import SHARED, find_log_gaps, find_related
from transforms.investigations.indicators.calls import find_techniques, find_volumes
from transforms.investigations.indicators.chain import find_depth, find_hops, find_late_use, find_role_pairs
from transforms.investigations.indicators.newness import NEW, finder_of_new

FINDERS: tuple[Callable[[Case], Iterable[Row]], ...] = (
    find_techniques,
    *[finder_of_new(kind) for kind in NEW],
    find_volumes,
    find_travel,
    find_flagged,
    find_instance_use,
    find_role_pairs,
    find_hops,
    find_depth,
    find_late_use,
    find_related,
    find_log_gaps,
)


def find_indicators(case: Case) -> list[Row]:
    """Return the indicators of a case, in the order of `FINDERS`; one per type, entity and value."""
    found: dict[tuple[str, str, str], Row] = {}
    for find in FINDERS:
        for indicator in find(case):
            found.setdefault((indicator["type"], indicator["entity"], indicator["value"]), indicator)
    return list(found.values())


__all__ = ["FINDERS", "SHARED", "find_indicators"]
