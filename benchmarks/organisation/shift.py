"""One flow on one day: what a flow function gets, and the small steps that all flows share."""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.organisation.calls import Work
from benchmarks.organisation.credentials import Caller
from benchmarks.organisation.journal import Journal
from benchmarks.organisation.ledger import Ledger
from benchmarks.organisation.parameters import DAY_SECONDS
from benchmarks.organisation.places import Place
from benchmarks.organisation.population import Organisation

_BURST_SIZE = 6
_BURST_SECONDS = 90


@dataclass(frozen=True)
class Shift:
    """A flow's day. `day_at` is its first second (UTC), `budget` about how many events it should make."""

    organisation: Organisation
    journal: Journal
    ledger: Ledger
    day_at: int
    budget: float

    @property
    def rng(self) -> random.Random:
        """The random numbers of this flow on this day."""
        return self.journal.rng

    def times(self, events_each: float) -> int:
        """Return how often to do something that makes so many events, so that the budget holds on average."""
        whole, rest = divmod(self.budget / events_each, 1)
        return int(whole) + (self.rng.random() < rest)

    def is_over(self, at: int) -> bool:
        """Say whether a moment is past the end of the period: nothing may start there."""
        return at >= self.journal.end_at

    def working_moment(self, place: Place) -> int:
        """Return a moment in a place's working hours, most often around midday."""
        local_hour = self.rng.triangular(8.2, 18.0, 13.0)
        return self.day_at + int((local_hour - place.utc_offset) * 3600)

    def any_moment(self) -> int:
        """Return any moment of the day."""
        return self.day_at + self.rng.randrange(DAY_SECONDS)

    def work(self, caller: Caller, work: Work, count: int, between: tuple[int, int], *, may_fail: bool = True) -> None:
        """Make so many calls of a kind of work between two moments (epoch seconds), in bursts."""
        random_number, call = self.rng.random, self.journal.call
        first_at, last_at = between
        room = max(1, last_at - first_at - _BURST_SECONDS)
        burst = min(_BURST_SECONDS, max(1, last_at - first_at))
        burst_at = first_at
        for number, each in enumerate(self.rng.choices(work.calls, cum_weights=work.cumulated, k=count)):
            if number % _BURST_SIZE == 0:
                burst_at = first_at + int(random_number() * room)
            call(caller, each, burst_at + int(random_number() * burst), may_fail=may_fail)
