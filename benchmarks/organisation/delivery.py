"""When and in which object an event is delivered: delays, late events, duplicates.

Holds only what is not yet published: at any time a day and what that delivers into the next two.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice

from benchmarks.organisation.parameters import DAY_SECONDS

PERIOD_SECONDS = 300
_DRAWS = 1024
_LONGEST_LAG = 294  # with the wait for the next object: at most 594 s from event to object, as measured (SEMANTICS §6)
_MEAN_LAG = 65  # gives a median of about 200 s and a 99th percentile of about 505 s
_LAGS = tuple(min(_LONGEST_LAG, round(-_MEAN_LAG * math.log(1 - (n + 0.5) / _DRAWS))) for n in range(_DRAWS))
_LATE_HOURS = (2, 20)
_DUPLICATE_ONE_IN = 200

Stream = tuple[str, str]  # account, region
Parcel = tuple[int, bytes]  # publish time in epoch seconds, record


@dataclass
class Delivery:
    """The events that wait for their publish day, by account and region."""

    waiting: dict[int, dict[Stream, list[Parcel]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    duplicates: int = 0

    def accept(self, stream: Stream, at: int, body: bytes, rng: random.Random) -> None:
        """Take an event of a moment and settle when it is published; one in a thousand hours late, one in two hundred
        twice.
        """
        bits = rng.getrandbits(32)
        draw = bits & (_DRAWS - 1)
        late = rng.randrange(_LATE_HOURS[0] * 3600, _LATE_HOURS[1] * 3600) if draw == 0 else 0
        published = (at + _LAGS[draw] + late) // PERIOD_SECONDS * PERIOD_SECONDS + PERIOD_SECONDS
        self.waiting[published // DAY_SECONDS][stream].append((published, body))
        if (bits >> 10) % _DUPLICATE_ONE_IN == 0:
            again = published + PERIOD_SECONDS * (1 + (bits >> 20) % 40)
            self.waiting[again // DAY_SECONDS][stream].append((again, body))
            self.duplicates += 1

    def take(self, day_number: int) -> dict[Stream, list[Parcel]]:
        """Give up a publish day, counted from the epoch: nothing may be delivered in it any more."""
        return dict(sorted(self.waiting.pop(day_number, {}).items()))

    def remaining_days(self) -> list[int]:
        """Return the publish days that still wait, in order."""
        return sorted(self.waiting)


def objects_of(parcels: list[Parcel], events_per_object: int | None) -> Iterator[tuple[int, list[bytes]]]:
    """Yield each object's publish time and records: one per five minutes, or cut by count.

    Within an object the order stays as generated.
    """
    parcels.sort(key=lambda parcel: parcel[0])
    if events_per_object is None:
        for published, group in groupby(parcels, key=lambda parcel: parcel[0]):
            yield published, [body for _, body in group]
        return
    rest = iter(parcels)
    while chunk := list(islice(rest, events_per_object)):
        yield chunk[-1][0], [body for _, body in chunk]
