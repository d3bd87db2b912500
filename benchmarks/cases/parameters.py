"""How many organisations the cases are played in, and the few sizes that a case has. All dates are UTC days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from benchmarks.organisation.parameters import DAY_SECONDS, midnight

QUIET_DAYS = 5  # after the last case: a session without its issuance is pending for 72 hours
LATE_DAYS = 2  # until a late object is published
_CASE_DAYS = 2  # every case begins in one of them


@dataclass(frozen=True)
class Parameters:
    """What is generated; the same parameters give the same bytes.

    `depth` is how often roles are handed back and forth in case 22, once an hour (2,160 are 90 days). `reuse_days` is how much
    later an access key id comes again (case 29). `noise` is how many ordinary sessions happen around the cases.
    """

    organisations: int = 3
    seed: int = 7
    start: date = date(2026, 3, 2)
    depth: int = 24
    reuse_days: int = 2
    noise: int = 20

    def __post_init__(self) -> None:
        for name in ("organisations", "depth", "reuse_days"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be positive")
        if self.noise < 0:
            raise ValueError(f"noise is {self.noise}: it must not be negative")

    @property
    def start_at(self) -> int:
        """The first second, in epoch seconds."""
        return midnight(self.start)

    @property
    def end(self) -> date:
        """The last publish day: the lake's clock when all is read."""
        longest = max(LATE_DAYS, self.reuse_days, -(-self.depth // 24))
        return self.start + timedelta(days=_CASE_DAYS + longest + QUIET_DAYS)

    @property
    def end_at(self) -> int:
        """The second after the last day, in epoch seconds."""
        return midnight(self.end) + DAY_SECONDS
