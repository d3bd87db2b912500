"""What a generated organisation is made from: sizes, the period and the seed. All dates are UTC days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

HOME_REGION = "us-east-1"
REGIONS = (HOME_REGION, "us-west-2")
DAY_SECONDS = 86_400
FEWEST_ACCOUNTS = 3  # management, security, one workload
FEWEST_DAYS = 8  # the story needs a past


@dataclass(frozen=True)
class Parameters:
    """The size of the organisation and of its logs; the same parameters give the same bytes.

    `events_per_day` is an average over the period. `events_per_object` cuts log objects by count, not by five minutes.
    """

    accounts: int = 5
    days: int = 150
    events_per_day: int = 400
    seed: int = 7
    end: date = date(2026, 3, 5)
    events_per_object: int | None = None

    def __post_init__(self) -> None:
        if self.accounts < FEWEST_ACCOUNTS:
            raise ValueError(f"accounts is {self.accounts}: at least {FEWEST_ACCOUNTS} are needed")
        if self.days < FEWEST_DAYS:
            raise ValueError(f"days is {self.days}: at least {FEWEST_DAYS} are needed for the story's past")
        if self.events_per_day < 1 or (self.events_per_object is not None and self.events_per_object < 1):
            raise ValueError("events_per_day and events_per_object must be positive")

    @property
    def start(self) -> date:
        """The first day."""
        return self.end - timedelta(days=self.days - 1)

    @property
    def start_at(self) -> int:
        """The first second, in epoch seconds."""
        return midnight(self.start)

    @property
    def end_at(self) -> int:
        """The second after the last day, in epoch seconds: no event is at or after it."""
        return midnight(self.end) + DAY_SECONDS

    @property
    def story_day(self) -> date:
        """The day of the finding that the story is about: the last but one."""
        return self.end - timedelta(days=1)


def midnight(day: date) -> int:
    """Return the first second of a UTC day in epoch seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
