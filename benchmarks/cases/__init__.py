"""The cases of SEMANTICS §10 as logs, in any number of small organisations, with the truth about every session.

A case is one function (`case_17_…`), in order in `registry`. Nothing here is from real logs.
"""

from __future__ import annotations

from benchmarks.cases.generation import Summary, generate
from benchmarks.cases.parameters import Parameters

__all__ = ["Parameters", "Summary", "generate"]
