"""The organisation that is measured: 365 days of logs and one more, tonight's; and lakes with some of its days behind them.

It is generated once for its parameters, and lakes are made by the job itself: nothing about a history is made up.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from benchmarks.job import emptied, rolescope
from benchmarks.lines import out
from benchmarks.organisation import Parameters, generate
from benchmarks.peer.__main__ import days_between

DAYS = 365
OF_AN_OBJECT = 250  # events: what a busy account delivers in five minutes


@dataclass(frozen=True)
class Year:
    """The generated logs: below `folder`, from `first` to `last`, and of the night after it."""

    folder: Path
    events: int
    first: date
    last: date

    @property
    def night(self) -> date:
        """Tonight's publish day."""
        return self.last + timedelta(days=1)

    @property
    def logs(self) -> Path:
        """The folder of CloudTrail objects."""
        return self.folder / "logs" / "cloudtrail"

    def since(self, days: int) -> date:
        """Return the first of so many days before tonight."""
        return max(self.first, self.night - timedelta(days=days))

    def history(self, days: int) -> list[date]:
        """Return so many days before tonight."""
        return days_between(self.since(days), self.last)

    def lake_folder(self, days: int) -> Path:
        """Return where the lake with so many days before tonight is, or will be."""
        return self.folder / f"lake-{days}"

    def mark_whole(self, days: int) -> None:
        """Say that the lake is there, made to its end."""
        self._whole(days).touch()

    def lake(self, days: int) -> Path:
        """Return the lake with so many days before tonight, made if it is not there."""
        lake = self.lake_folder(days)
        if not (self._whole(days).is_file() and lake.is_dir()):
            rolescope(self.folder, emptied(lake), self.since(days), self.last, lake.name, ROLESCOPE_LOOKBACK_DAYS="0")
            self.mark_whole(days)
        return lake

    def _whole(self, days: int) -> Path:
        return self.folder / f"lake-{days}.whole"


def year_of(out_folder: Path, events: int, days: int = DAYS, events_per_object: int = OF_AN_OBJECT) -> Year:
    """Return the organisation with so many events in the days before tonight, generated if it is not there."""
    parameters = Parameters(
        accounts=5, days=days + 1, events_per_day=max(1, events // days), events_per_object=events_per_object
    )
    folder = out_folder / f"{events}-events-{days}-days-{events_per_object}-an-object"
    stamp = folder / "parameters.txt"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != repr(parameters):
        shutil.rmtree(folder, ignore_errors=True)
        out.print(f"generating {events:,} events in {folder}")
        generate(folder, parameters)
        stamp.write_text(repr(parameters), encoding="utf-8")
    return Year(folder, events, parameters.start, parameters.end - timedelta(days=1))
