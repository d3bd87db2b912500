"""Investigations: whose session a finding is about, what they did, whether it is like them, and what the logs cannot show.

One pass for all findings. Evidence is gathered set-based, keyed by investigation (`subjects`, `family`, `deeds`, `novelty`,
`volume`, `surroundings`), packed into one row per investigation (`panels`), and put into words by plain Python functions of
one investigation (`document`, `answers`, `indicators`, `severity`).
"""

from transforms.investigations.build import Investigations, Sources, build_investigations
from transforms.investigations.scope import DaysNeeded, days_needed, only_due, with_scope

__all__ = ["DaysNeeded", "Investigations", "Sources", "build_investigations", "days_needed", "only_due", "with_scope"]
