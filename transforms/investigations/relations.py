"""How the sessions of a chain are related to the one that is investigated: plain Python, one family at a time."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Mapping

SELF, ANCESTOR, DESCENDANT, OTHER = "self", "ancestor", "descendant", "other"
SAME = "same"
"""Of calls: made under the subject's identifier, with credentials that were not used in the scope."""


def relate(
    parents: Mapping[str, str | None], own: Collection[str], *, starts_are_children: bool = False
) -> dict[str, tuple[str, int]]:
    """Return each session's relation to the own ones, and how many hops it is away.

    Args:
        parents: session id → the session that its issuing call was made with, null at the start of a chain.
        own: ids of the sessions that are investigated.
        starts_are_children: the family is a user's, who holds long-term keys: chains that start in it start with the user.

    A session reached from an own one is a descendant, one on the way up an ancestor; what is neither shares the start of the
    chain only. Only records that lie make a loop: everything is visited once.
    """
    children = defaultdict(list)
    for child, parent in parents.items():
        children[parent if parent in parents else None].append(child)
    related = {session: (SELF, 0) for session in own if session in parents}
    starts = [(start, 1) for start in children[None] if starts_are_children and start not in related]
    down = deque([*((child, 1) for session in list(related) for child in children[session]), *starts])
    while down:
        session, hops = down.popleft()
        if session not in related:
            related[session] = (DESCENDANT, hops)
            down.extend((child, hops + 1) for child in children[session])
    for session in [each for each in own if each in parents]:
        hops, parent = 1, parents[session]
        while parent is not None and parent in parents and parent not in related:
            related[parent] = (ANCESTOR, hops)
            hops, parent = hops + 1, parents[parent]
    return {session: related.get(session, (OTHER, 0)) for session in parents}
