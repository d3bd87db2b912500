"""What was delivered: records, each with its moment and its trail, until they are written as objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from benchmarks.organisation.delivery import PERIOD_SECONDS

ORGANIZATION_TRAIL, ACCOUNT_TRAIL, INSIGHTS = "organization", "account", "insights"
_LAG = 200  # seconds from an event to its object, the median (SEMANTICS §6)


class Delivery(NamedTuple):
    """A record in an object: when it is published (epoch seconds), by which trail, and the account and region of the path."""

    published_at: int
    trail: str
    account_id: str
    region: str
    body: bytes


@dataclass
class Book:
    """The deliveries of an organisation."""

    deliveries: list[Delivery] = field(default_factory=list)

    def write(
        self,
        record: dict[str, Any],
        published_at: int,
        *,
        trails: Iterable[str] = (ORGANIZATION_TRAIL,),
        account_id: str | None = None,
    ) -> None:
        """Deliver a record, by one trail or several. The path's account is the recipient unless another is given."""
        body = orjson.dumps(record)
        path_account = account_id or record["recipientAccountId"]
        for trail in trails:
            self.deliveries.append(Delivery(published_at, trail, path_account, record["awsRegion"], body))


def published_after(at: int) -> int:
    """Return when an event of a moment is usually published: with the object after the next."""
    return (at + _LAG) // PERIOD_SECONDS * PERIOD_SECONDS + PERIOD_SECONDS
