"""A made-up organisation: its CloudTrail and GuardDuty logs, with the truth about every session.

Nothing here is from real logs.
"""

from __future__ import annotations

from benchmarks.organisation.generation import Progress, Summary, generate
from benchmarks.organisation.parameters import Parameters

__all__ = ["Parameters", "Progress", "Summary", "generate"]
