"""Ordinary life: one module per kind of actor, each a function of a shift.

`FLOWS` says how much of a day's events each makes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.organisation.flows.chains import work_chains
from benchmarks.organisation.flows.console import work_console
from benchmarks.organisation.flows.people import work_people
from benchmarks.organisation.flows.pipelines import work_pipelines
from benchmarks.organisation.flows.services import work_services
from benchmarks.organisation.flows.users import work_users
from benchmarks.organisation.flows.vendors import work_vendors
from benchmarks.organisation.flows.workloads import work_functions, work_instances
from benchmarks.organisation.shift import Shift

_WEEKDAY, _WEEKEND = 1.3, 0.25  # of the average day: five and two of them make seven


@dataclass(frozen=True)
class Flow:
    """A kind of activity: its share of all events, and whether it rests at weekends."""

    name: str
    share: float
    is_human: bool
    run: Callable[[Shift], None]

    def budget(self, events_per_day: int, weekday: int) -> float:
        """Return the events of a day; weekday 5 and 6 are the weekend."""
        rhythm = 1.0 if not self.is_human else _WEEKEND if weekday >= 5 else _WEEKDAY
        return events_per_day * self.share * rhythm


FLOWS = (
    Flow("people", 0.22, True, work_people),
    Flow("users", 0.12, True, work_users),
    Flow("console", 0.09, True, work_console),
    Flow("instances", 0.24, False, work_instances),
    Flow("functions", 0.11, False, work_functions),
    Flow("pipelines", 0.08, True, work_pipelines),
    Flow("chains", 0.06, True, work_chains),
    Flow("vendors", 0.02, False, work_vendors),
    Flow("services", 0.06, False, work_services),
)
