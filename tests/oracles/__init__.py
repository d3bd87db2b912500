"""Oracles: the slow and obvious way. What the tables must hold for a pile of raw records, in dictionaries, loops and recursion.

Attribution is written from SEMANTICS (§2-§5, §9) and DESIGN §3, and shares no line with the transforms. What the two pages leave
open follows the transforms, and a comment beginning with "Open:" says so. Belongs here: what is right. Does not: where records
come from (tests/ingredients.py makes some).

The way: records → calls (one per event) → issuances (one per action) and uses (the caller's copies) → sessions → links (who may
have issued a session, by the best method that finds anybody) → roots.
"""

from tests.oracles.attribution import credential_sessions, role_assumptions
from tests.oracles.records import Log

__all__ = ["Log", "credential_sessions", "role_assumptions"]
