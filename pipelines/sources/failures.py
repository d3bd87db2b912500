"""What of a source could not be read: said at the end of a night, kept in the lake, and read in a later one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date


@dataclass(frozen=True)
class Failure:
    """A part of a source that could not be listed, or objects in it that could not be read.

    Args:
        source: what was looked for.
        prefix: address of the part, ending with a slash.
        account_id, region: whose logs, as far as the address says.
        first, last: publish days that were to be read, null if all were.
        reason: why not, in words.
    """

    source: str
    prefix: str
    account_id: str | None
    region: str | None
    first: date | None
    last: date | None
    reason: str

    @property
    def sentence(self) -> str:
        """What is said of it."""
        whose = f" of account {self.account_id}" if self.account_id else ""
        where = f" in {self.region}" if self.region else ""
        return f"{self.source}{whose}{where}: {self.prefix}: {self.reason}; it is read in a later night"

    def joined(self, other: Failure) -> Failure:
        """Return both as one, for the reason that this one has."""
        days = [day for day in (self.first, other.first, self.last, other.last) if day]
        return replace(self, first=min(days, default=None), last=max(days, default=None))

    def touches(self, other: Failure) -> bool:
        """Whether one lies in the other."""
        return self.source == other.source and (
            self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        )


Report = Callable[[Failure], None]
