"""Log coverage in plain Python, slow and obvious: every hour of every account and region is looked at by itself.

It takes the records of builders (events, digests, objects) and says what LOG_COVERAGE is, by the rules as they are written down:
nothing is kept from one night to the next, and nothing is left out that is far away.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from tests.builders import Row
from transforms.coverage.trails import change

HOUR = 3600
EPOCH = date(1970, 1, 1)
Place = tuple[str, str]


class Records(NamedTuple):
    """All that ever came."""

    events: list[Row]
    digests: list[Row]
    files: list[Row]


class Stop(NamedTuple):
    """A call that stopped something."""

    at: float
    event_id: str
    account_id: str
    region: str
    trail: str | None
    name: str
    logs_reads: bool
    logs_writes: bool

    @property
    def is_of_selectors(self) -> bool:
        return self.name == "PutEventSelectors"

    def dropped(self, event: Row) -> bool:
        """Whether an event is of a kind that the trail no longer takes."""
        if event["event_category"] != "Management":
            return False
        if not self.logs_reads and not self.logs_writes:
            return True
        return not (self.logs_reads if event["read_only"] else self.logs_writes)


def cover(records: Records) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return LOG_COVERAGE, by key, without the facts that it is made from."""
    newest = newest_second(records.files)
    of_place = Placed(records)
    rows: dict[tuple[Any, ...], dict[str, Any]] = defaultdict(
        lambda: {"event_hours": set(), "stopped": {}, "unlinked": set(), "silent": set(), "files": set()}
    )
    for each in records.files:
        if each["source"] == "cloudtrail" and each["status"] != "skipped":
            rows[each["publish_date"], each["account_id"], each["region"]]["files"].add(each["uri"])
    for place, events in of_place.events.items():
        for event in events:
            rows[event["event_date"], *place]["event_hours"].add(hour_of(event) % 24)
    for place in of_place.all():
        for hour, stop in stopped(place, of_place, newest):
            rows[day_of(hour), *place]["stopped"].setdefault(hour % 24, []).append(stop)
        for hour in unlinked(place, of_place):
            rows[day_of(hour), *place]["unlinked"].add(hour % 24)
        for hour in silent(place, of_place, newest):
            rows[day_of(hour), *place]["silent"].add(hour % 24)
    return {key: _row(found) for key, found in rows.items()}


def _row(found: dict[str, Any]) -> dict[str, Any]:
    stops = [stop for stops in found["stopped"].values() for stop in stops]
    return {
        "event_hours": sorted(found["event_hours"]),
        "gap_hours": sorted({*found["stopped"], *found["unlinked"], *found["silent"]}),
        "stopped_hours": sorted(found["stopped"]),
        "unlinked_hours": sorted(found["unlinked"]),
        "silent_hours": sorted(found["silent"]),
        "file_count": len(found["files"]),
        "stopped_by": min(stops)[1] if stops else None,
    }


class Placed:
    """Records by account and region."""

    def __init__(self, records: Records) -> None:
        self.events: dict[Place, list[Row]] = defaultdict(list)
        self.digests: dict[Place, list[Row]] = defaultdict(list)
        self.published: set[tuple[date, str]] = set()
        for event in records.events:
            self.events[event["recipient_account_id"], event["region"]].append(event)
        for digest in records.digests:
            if not digest["is_backfill"]:
                self.digests[digest["account_id"], digest["region"]].append(digest)
        for each in records.files:
            if each["source"] == "cloudtrail" and each["status"] != "skipped":
                self.published.add((each["publish_date"], each["account_id"]))
        self.changes = sorted(self._changes(records.events))

    @staticmethod
    def _changes(events: list[Row]) -> Iterable[Stop]:
        for event in events:
            if event["event_source"] != "cloudtrail.amazonaws.com" or event["outcome"] != "success":
                continue
            if found := change(event["event_name"], event["request_parameters"]):
                yield Stop(
                    second(event["event_at"]), event["event_id"], event["recipient_account_id"], event["region"],
                    found.trail_name, event["event_name"], found.logs_reads, found.logs_writes,
                )  # fmt: skip

    def all(self) -> set[Place]:
        return {*self.events, *self.digests}


def newest_second(files: list[Row]) -> int | None:
    reached = []
    for each in files:
        if each["source"] not in ("cloudtrail", "cloudtrail-digest") or each["status"] == "skipped":
            continue
        if each["max_event_at"] is not None:
            end = second(datetime.combine(each["publish_date"], datetime.min.time(), UTC) + timedelta(days=1)) - 1
            reached.append(min(int(second(each["max_event_at"])) - (each["source"] == "cloudtrail-digest"), end))
    return max(reached, default=None)


def stopped(place: Place, placed: Placed, newest: int | None) -> Iterable[tuple[int, Stop]]:
    """Walk from each stop that holds here until something shows that logging goes on."""
    for stop in placed.changes:
        if newest is None or (stop.logs_reads and stop.logs_writes) or place not in scope(stop, placed):
            continue
        if not stop.is_of_selectors and vouched(stop, placed.digests[place]):
            continue
        hour = int(stop.at // HOUR)
        while hour * HOUR <= newest and not shown(stop, hour, place, placed):
            yield hour, stop
            hour += 1


def scope(stop: Stop, placed: Placed) -> set[Place]:
    home = {(stop.account_id, stop.region)}
    of_trail = [
        digest
        for digests in placed.digests.values()
        for digest in digests
        if stop.trail is not None
        and (digest["trail_name"], digest["home_region"]) == (stop.trail, stop.region)
        and stop.at - 2 * 86_400 <= second(digest["digest_ended_at"]) <= stop.at
    ]
    own = [digest for digest in of_trail if digest["account_id"] == stop.account_id]
    alone = [digest for digest in own if digest["object_key"].split("/")[1] == stop.account_id]
    own = alone or own  # a trail that is the account's own is not the organisation's of that name
    organizations = {digest["object_key"].split("/")[1] for digest in own} - {stop.account_id}
    by_digests = {
        (digest["account_id"], digest["region"])
        for digest in of_trail
        if digest in own or digest["object_key"].split("/")[1] in organizations
    }
    if by_digests:
        return home | by_digests
    day = day_of(int(stop.at // HOUR))
    return home | {
        place
        for place, events in placed.events.items()
        if place[0] == stop.account_id
        and any(timedelta(0) <= day - event["event_date"] <= timedelta(days=14) for event in events)
    }


def vouched(stop: Stop, digests: list[Row]) -> bool:
    """Whether a trail's digests, each naming the one before, begin both the time of the stop and that of an hour later."""
    spans = []
    for link in standing(digests):
        if link["named"] and second(link["named"]["digest_ended_at"]) >= second(link["digest_started_at"]):
            trail = link["trail_name"], link["home_region"]
            spans.append((trail, second(link["named"]["digest_started_at"]), second(link["digest_started_at"])))
    holding = [{trail for trail, start, end in spans if start <= at < end} for at in (stop.at, stop.at + HOUR)]
    return bool(holding[0] & holding[1])


def shown(stop: Stop, hour: int, place: Place, placed: Placed) -> bool:
    """Whether something is here, after the stop and up to the end of the hour, that shows that logging goes on."""
    end = (hour + 1) * HOUR
    if any(stop.at < second(event["event_at"]) < end and stop.dropped(event) for event in placed.events[place]):
        return True
    if any(each.at > stop.at and each.at < end and undoes(each, stop) for each in placed.changes):
        return True
    starts = [second(digest["digest_started_at"]) for digest in placed.digests[place]]
    return not stop.is_of_selectors and any(stop.at + HOUR <= start < end for start in starts)


def undoes(later: Stop, stop: Stop) -> bool:
    if later.account_id != stop.account_id:
        return False
    if later.name == "CreateTrail":
        return True
    wanted = "PutEventSelectors" if stop.is_of_selectors else "StartLogging"
    is_same = later.region == stop.region and (None in (later.trail, stop.trail) or later.trail == stop.trail)
    return later.name == wanted and is_same


def standing(digests: list[Row]) -> list[Row]:
    """Return the digests of each trail in order, one per end, each with the one that it names and the one before it."""
    chains: dict[Any, dict[Any, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for digest in digests:
        named = [
            other
            for other in digests
            if digest["previous_object_key"]
            and other["object_key"].split("/")[-1] == digest["previous_object_key"].split("/")[-1]
            and other["content_sha256"] == digest["previous_sha256"]
        ]
        link = {**digest, "named": min(named, key=lambda it: it["digest_started_at"]) if named else None}
        chains[digest["trail_name"], digest["home_region"]][digest["digest_ended_at"]].append(link)
    links = []
    for ends in chains.values():
        before = None
        for _, versions in sorted(ends.items()):
            link = max(versions, key=lambda it: (it["named"] is not None, it["content_sha256"], it["object_key"]))
            links.append({**link, "before": before})
            before = link
    return links


def unlinked(place: Place, placed: Placed) -> set[int]:
    digests = placed.digests[place]
    broken = set()
    for link in standing(digests):
        before, named, start = link["before"], link["named"], link["digest_started_at"]
        if before is None:
            continue
        since = named["digest_ended_at"] if named else before["digest_ended_at"]
        if not named and since >= start:
            since = before["digest_started_at"]
        others = {
            hour
            for other in digests
            if (other["trail_name"], other["home_region"]) != (link["trail_name"], link["home_region"])
            for hour in spanned(other["digest_started_at"], other["digest_ended_at"])
        }
        if since < start:
            broken |= set(spanned(since, start)) - others
    return broken


def silent(place: Place, placed: Placed, newest: int | None) -> Iterable[int]:
    """Walk over the hours; where two have nothing, look at the 336 before the first of them."""
    if newest is None:
        return
    with_events = {hour_of(event) for event in placed.events[place]}
    digests = placed.digests[place]
    there = with_events | {
        hour for each in digests for hour in spanned(each["digest_started_at"], each["digest_ended_at"])
    }
    end = (newest + 1) // HOUR
    if (day_of(newest // HOUR), place[0]) not in placed.published and newest // HOUR % 24 != 23:
        end = newest // HOUR // 24 * 24
    hour = min(there)
    while hour < end:
        start = hour
        while hour < end and hour not in there:
            hour += 1
        busy = sum(1 for each in range(start - 336, start) if each in with_events)
        if hour - start >= 2 and busy >= 0.9 * 336:
            yield from range(start, hour)
        hour = max(hour, start + 1)


def spanned(start: datetime, end: datetime) -> range:
    first, last = (int((second(at) + HOUR / 2) // HOUR) for at in (start, end))
    return range(first, last) if last > first else range(int(second(start) // HOUR), int(second(start) // HOUR) + 1)


def hour_of(event: Row) -> int:
    return int(second(event["event_at"]) // HOUR)


def day_of(hour: int) -> date:
    return EPOCH + timedelta(days=hour // 24)


def second(at: datetime) -> float:
    return at.timestamp()
