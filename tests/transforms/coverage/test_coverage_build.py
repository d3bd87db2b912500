"""Which hours are missing: each rule by example, all examples in one lake, and the lake against a plain version of the rules.

The logs of this lake end at half past six on the 2nd of May.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from expectations.tables import CLOUDTRAIL_EVENTS, INGEST_FILES, LOG_COVERAGE, LOG_DIGESTS
from tests.builders import Row, at, frame, row
from tests.transforms.coverage import oracle
from tests.transforms.coverage.cases import (
    DAY,
    HOME,
    NEXT,
    ORGANISATION,
    OTHER,
    call,
    chain,
    digest,
    event,
    files_of,
    hourly,
    hours,
)
from transforms.coverage import build_log_coverage, count_hours, newest_second

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Gaps = Mapping[tuple[str, str], list[int]]
CLOCK = "999999999999"
STOP, START = "StopLogging", "StartLogging"
A, B = "111111111111", "222222222222"  # stand for accounts of the example's own


class Example(NamedTuple):
    """What came of some accounts, and the gaps that it shows, by day and region of the first of them."""

    says: str
    records: list[Row]
    gaps: Gaps
    stopped_by: str | None = None
    gaps_of_other: Gaps | None = None


def to_clock(first: int, *regions: str) -> Gaps:
    """Return gaps from an hour of DAY to the end of the logs."""
    return {
        (day, region): list(of_day)
        for region in regions or (HOME,)
        for day, of_day in ((DAY, range(first, 24)), (NEXT, range(7)))
    }


def on(first: int, last: int, *regions: str) -> Gaps:
    return {(DAY, region): list(range(first, last + 1)) for region in regions or (HOME,)}


LIVES_IN_TWO = [event("2026-04-25 09:00", A), event("2026-04-25 09:00", A, OTHER)]
BUSY = hourly("2026-04-16 00:00", 15 * 24, A)  # to the end of April
STOPPED = call(f"{DAY} 10:15", A, STOP)


def dropping(kind: str) -> Row:
    return call(f"{DAY} 10:15", A, "PutEventSelectors", selects=kind)


def altered(digests: list[Row], index: int, **fields: Any) -> list[Row]:
    return [{**each, **fields} if number == index else each for number, each in enumerate(digests)]


EXAMPLES = [
    # -- calls ---------------------------------------------------------------------------------------------------------
    Example("a stop holds from its own hour to the end of the logs", [STOPPED], to_clock(10), STOPPED["event_id"]),
    Example("a stop that was denied stops nothing", [{**STOPPED, "outcome": "denied"}], {}),
    Example("an event later in its hour shows that another trail logs", [STOPPED, event(f"{DAY} 10:20", A)], {}),
    Example("until the hour of the next management event", [STOPPED, event(f"{DAY} 13:05", A)], on(10, 12)),
    Example(
        "a data event is no management event",
        [STOPPED, event(f"{DAY} 11:00", A, event_category="Data"), event(f"{DAY} 13:05", A)],
        on(10, 12),
    ),
    Example(
        "a trail is taken for one of all regions that its account was in",
        [*LIVES_IN_TWO, STOPPED, event(f"{DAY} 13:05", A)],
        {**on(10, 12), **to_clock(10, OTHER)},
    ),
    Example(
        "a region without events for longer than 14 days is not among them",
        [event("2026-04-16 23:00", A, OTHER), STOPPED],
        to_clock(10),
    ),
    Example(
        "a start brings all regions back",
        [*LIVES_IN_TWO, STOPPED, call(f"{DAY} 13:05", A, START)],
        on(10, 12, HOME, OTHER),
        STOPPED["event_id"],
    ),
    Example(
        "the start of another trail is an event, and no more",
        [*LIVES_IN_TWO, STOPPED, call(f"{DAY} 13:05", A, START, trail="decoy")],
        {**on(10, 12), **to_clock(10, OTHER)},
    ),
    Example(
        "a start that failed is an event, and no more",
        [*LIVES_IN_TWO, STOPPED, call(f"{DAY} 13:05", A, START, outcome="failed")],
        {**on(10, 12), **to_clock(10, OTHER)},
    ),
    Example(
        "a deleted trail comes back as another one",
        [*LIVES_IN_TWO, call(f"{DAY} 10:15", A, "DeleteTrail"), call(f"{DAY} 12:59", A, "CreateTrail", OTHER, trail="new")],
        on(10, 11, HOME, OTHER),
    ),
    Example("selectors that drop management events", [dropping("nothing")], to_clock(10)),
    Example("selectors that take all drop nothing", [dropping("all")], {}),
    Example(
        "where only writes are dropped, a read shows nothing",
        [dropping("reads"), event(f"{DAY} 11:00", A), event(f"{DAY} 15:00", A, read_only=False)],
        on(10, 14),
    ),
    Example(
        "where only reads are dropped, a write shows nothing",
        [dropping("writes"), event(f"{DAY} 11:00", A, read_only=False), event(f"{DAY} 15:00", A)],
        on(10, 14),
    ),
    Example(
        "selectors bring back what selectors dropped",
        [*LIVES_IN_TWO, dropping("nothing"), call(f"{DAY} 12:20", A, "PutEventSelectors", selects="all")],
        on(10, 11, HOME, OTHER),
    ),
    Example(
        "a start does not bring back what selectors dropped",
        [*LIVES_IN_TWO, dropping("nothing"), call(f"{DAY} 12:20", A, START)],
        {**on(10, 11), **to_clock(10, OTHER)},
    ),
    Example(
        "selectors do not start a trail",
        [*LIVES_IN_TWO, STOPPED, call(f"{DAY} 12:20", A, "PutEventSelectors", selects="all")],
        {**on(10, 11), **to_clock(10, OTHER)},
    ),
    Example(
        "of two stops the first is named, and the second is an event after the first",
        [STOPPED, call(f"{DAY} 12:20", A, "DeleteTrail", trail="other")],
        to_clock(10),
        STOPPED["event_id"],
    ),
    # -- calls and digests -----------------------------------------------------------------------------------------------
    Example(
        "a trail with digests logs where its digests are",
        [*LIVES_IN_TWO, *chain(hours(8, 10), A), STOPPED],
        to_clock(10),
    ),
    Example(
        "an organisation's trail stops in other accounts too",
        [*chain(hours(8, 10), A, is_of_organisation=True), *chain(hours(8, 10), B, OTHER, is_of_organisation=True), STOPPED],
        to_clock(10),
        gaps_of_other=to_clock(10, OTHER),
    ),
    Example(
        "another account's trail of the same name does not",
        [*chain(hours(8, 10), A), *chain(hours(8, 10), B), STOPPED],
        to_clock(10),
    ),
    Example(
        "nor does an organisation's, if the stopped one is the account's own",
        [
            *chain(hours(8, 10), A),
            *chain(hours(8, 10), A, OTHER, is_of_organisation=True),
            *chain(hours(8, 10), B, OTHER, is_of_organisation=True),
            STOPPED,
        ],
        to_clock(10),
    ),
    Example(
        "a chain that goes on shows that the trail was not stopped",
        [*LIVES_IN_TWO, STOPPED, *chain(hours(9, 13), A), *chain(hours(9, 13), A, OTHER)],
        {},
    ),
    Example(
        "a stopped trail's last digest lists what was still delivered, and shows nothing",
        [*chain([*hours(8, 10), f"{DAY} 11:00", f"{DAY} 12:00"], A), STOPPED],
        to_clock(10),
    ),
    Example(
        "a digest that begins an hour later or more is another one's",
        [STOPPED, *chain([f"{DAY} 11:20", f"{DAY} 12:20", f"{DAY} 13:20"], A, trail="other")],
        on(10, 10),
    ),
    Example(
        "digests show nothing where management events were dropped",
        [dropping("nothing"), *chain(hours(8, 14), A)],
        to_clock(10),
    ),
    # -- chains ----------------------------------------------------------------------------------------------------------
    Example("a chain that holds has no gap", chain(hours(8, 14), A), {}),
    Example("the first digest that is known breaks nothing", chain(hours(8, 14), A)[2:], {}),
    Example("a digest is missing", [*chain(hours(8, 14), A)[:2], *chain(hours(8, 14), A)[3:]], on(10, 10)),
    Example(
        "digests that are not on the hour: the missing one has an hour all the same",
        [each for number, each in enumerate(chain([f"{DAY} {hour:02}:01:31" for hour in range(8, 15)], A)) if number != 2],
        on(10, 10),
    ),
    Example("a chain that begins anew", [*chain(hours(8, 10), A), *chain(hours(13, 15), A)], on(10, 12)),
    Example(
        "a chain that begins anew, days later",
        [*chain(hours(20, 22, "2026-04-28"), A), *chain(hours(2, 4), A)],
        {
            ("2026-04-28", HOME): [22, 23],
            ("2026-04-29", HOME): list(range(24)),
            ("2026-04-30", HOME): list(range(24)),
            (DAY, HOME): [0, 1],
        },
    ),
    Example(
        "another trail's digests are there in its place",
        [*chain(hours(8, 10), A), *chain(hours(13, 15), A), *chain(hours(10, 12), A, trail="other")],
        on(12, 12),
    ),
    Example(
        "the digest before is not what was written then",
        altered(chain(hours(8, 14), A), 2, content_sha256="f" * 64),
        on(10, 10),
    ),
    Example("a digest names another one", altered(chain(hours(8, 14), A), 3, previous_object_key="x"), on(10, 10)),
    Example("a digest names none", altered(chain(hours(8, 14), A), 3, previous_object_key=None), on(10, 10)),
    Example(
        "a false digest beside the true one breaks nothing",
        [*chain(hours(8, 14), A), {**chain(hours(8, 14), A)[2], "content_sha256": "f" * 64, "previous_sha256": None}],
        {},
    ),
    Example(
        "a digest that names the one before and begins later",
        altered(chain(hours(8, 14), A), 3, digest_started_at=at(f"{DAY} 11:50")),
        on(11, 11),
    ),
    Example(
        "a backfill is no link and stands for none",
        [*chain(hours(8, 10), A), *chain(hours(11, 13), A), digest(at(f"{DAY} 10:00"), at(f"{DAY} 11:00"), A, is_backfill=True)],
        on(10, 10),
    ),
    # -- silence -----------------------------------------------------------------------------------------------------------
    Example("two silent hours", [*BUSY, *hourly(f"{DAY} 02:00", 29, A)], on(0, 1)),
    Example("one silent hour", [*BUSY, *hourly(f"{DAY} 01:00", 30, A)], {}),
    Example(
        "a silent hour before midnight, and one after",
        [*BUSY[:-1], *hourly(f"{DAY} 01:00", 30, A)],
        {("2026-04-30", HOME): [23], (DAY, HOME): [0]},
    ),
    Example(
        "silence lasts, to the last whole hour of the logs",
        [*BUSY, event(f"{NEXT} 00:10", A, OTHER)],
        {(DAY, HOME): list(range(24)), (NEXT, HOME): list(range(6))},
    ),
    Example(
        "an event that says it is yet to come ends nothing",
        [*BUSY, event("9998-01-01 00:00", A), event("9998-01-01 01:00", A)],
        on(0, 23),
    ),
    Example("or to the last day of which anything of the account was read", BUSY, on(0, 23)),
    Example(
        "two hours with a digest between are none",
        [*BUSY, digest(at(f"{DAY} 01:00"), at(f"{DAY} 02:00"), A), *hourly(f"{DAY} 02:00", 29, A)],
        {},
    ),
    Example(
        "an account that is often still",
        [*hourly("2026-04-16 00:00", 360, A, but=range(24, 360, 9)), *hourly(f"{DAY} 02:00", 29, A)],
        {},
    ),
    Example(
        "nine in ten hours of the 14 days before are enough",
        [*hourly("2026-04-17 00:00", 336, A, but=range(100, 133)), *hourly(f"{DAY} 02:00", 29, A)],
        on(0, 1),
    ),
    Example(
        "an hour less is not",
        [*hourly("2026-04-17 00:00", 336, A, but=range(100, 134)), *hourly(f"{DAY} 02:00", 29, A)],
        {},
    ),
    Example("an account that is new", [*hourly("2026-04-20 00:00", 11 * 24, A), *hourly(f"{DAY} 02:00", 29, A)], {}),
]  # fmt: skip


def as_account(number: int, record: Row) -> Row:
    """Return a record with its example's accounts and organisation in the place of those that all examples are written with."""
    return {key: own(number, value) if isinstance(value, str) else value for key, value in record.items()}


def own(number: int, text: str) -> str:
    return text.replace(A, f"1{number:011}").replace(B, f"2{number:011}").replace(ORGANISATION, f"o-{number:010}")


def split(records: list[Row]) -> oracle.Records:
    events = [each for each in records if "event_id" in each]
    possible = [each for each in events if each["event_date"].year < 9000]
    return oracle.Records(events, [each for each in records if "event_id" not in each], files_of(possible))


ALL = split(
    [event(f"{NEXT} 06:30", CLOCK), *[as_account(n, each) for n, one in enumerate(EXAMPLES) for each in one.records]]
)


def covered(spark: SparkSession, records: oracle.Records) -> list[Row]:
    """Return LOG_COVERAGE as it is made at once from all that came."""
    events, files = frame(spark, CLOUDTRAIL_EVENTS, *records.events), frame(spark, INGEST_FILES, *records.files)
    days = [each["event_date"] for each in records.events] + [each["digest_date"] for each in records.digests]
    first = min(days) - timedelta(days=2)
    nothing = frame(spark, LOG_COVERAGE)
    coverage = nothing.unionByName(count_hours(events, files), allowMissingColumns=True).localCheckpoint()
    newest = files.agg(newest_second()).collect()[0][0]
    built = build_log_coverage(
        coverage, frame(spark, LOG_DIGESTS, *records.digests), first, newest, lambda it: it.localCheckpoint()
    )
    return [each.asDict() for each in built.collect()]


@pytest.fixture(scope="module")
def lake(spark: SparkSession) -> list[Row]:
    return covered(spark, ALL)


@pytest.mark.parametrize(
    ("number", "example"), list(enumerate(EXAMPLES)), ids=lambda it: it.says if isinstance(it, Example) else ""
)
def test_build_log_coverage__by_example(lake: list[Row], number: int, example: Example) -> None:
    def gaps_of(account: str) -> Gaps:
        rows = [each for each in lake if each["account_id"] == own(number, account) and each["gap_hours"]]
        return {(each["coverage_date"].isoformat(), each["region"]): each["gap_hours"] for each in rows}

    assert gaps_of(A) == example.gaps
    assert gaps_of(B) == (example.gaps_of_other or {})
    if example.stopped_by:
        of_day = [each for each in lake if each["coverage_date"].isoformat() == DAY and each["stopped_hours"]]
        stopped_by = {each["stopped_by"] for each in of_day if each["account_id"] == own(number, A)}
        assert stopped_by == {own(number, example.stopped_by)}


def test_build_log_coverage__all_examples_agree_with_the_plain_version(lake: list[Row]) -> None:
    assert as_told(lake) == oracle.cover(ALL)


def as_told(rows: list[Row]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return rows as the plain version has them."""
    names = ("event_hours", "gap_hours", "stopped_hours", "unlinked_hours", "silent_hours", "file_count", "stopped_by")
    return {
        (each["coverage_date"], each["account_id"], each["region"]): {name: each[name] for name in names}
        for each in rows
    }


def test_count_hours__objects_and_events_of_a_day(spark: SparkSession) -> None:
    events = [
        event(f"{DAY} 10:00", A),
        event(f"{DAY} 10:59:59", A),
        event(f"{DAY} 23:00", A, event_category="Data"),
        event(f"{DAY} 09:00", A, read_only=False),
        event(f"{DAY} 11:00", A, read_only=None),
        event(f"{DAY} 12:00", A, None),
    ]
    of_day = {"account_id": A, "region": HOME, "publish_date": DAY}
    files = [
        row(INGEST_FILES, uri="1", **of_day),
        row(INGEST_FILES, uri="1", etag="written again", **of_day),
        row(INGEST_FILES, uri="2", status="rejected", **of_day),
        row(INGEST_FILES, uri="3", status="skipped", **of_day),
        row(INGEST_FILES, uri="4", source="cloudtrail-digest", **of_day),
        row(INGEST_FILES, uri="5", **{**of_day, "region": OTHER}),
    ]
    found = count_hours(frame(spark, CLOUDTRAIL_EVENTS, *events), frame(spark, INGEST_FILES, *files)).collect()
    rows = {each.region: each for each in found}
    assert {region: (each.event_hours, each.file_count) for region, each in rows.items()} == {
        HOME: ([9, 10, 11, 23], 2),
        OTHER: ([], 1),
        None: ([12], 0),
    }
    assert [each.timestamp() for each in rows[HOME].hourly_reads] == [at(f"{DAY} 10:59:59").timestamp()]
    assert [each.timestamp() for each in rows[HOME].hourly_writes] == [
        at(f"{DAY} {h}:00").timestamp() for h in ("09", "11")
    ]
    assert rows[OTHER].trail_changes == []


@pytest.mark.parametrize(
    ("files", "newest"),
    [
        ([], None),
        ([{"max_event_at": None}], None),
        ([{"max_event_at": f"{DAY} 10:00"}, {"max_event_at": f"{DAY} 09:00"}], f"{DAY} 10:00:00"),
        ([{"max_event_at": "9998-01-01 00:00"}], f"{DAY} 23:59:59"),  # no event is later than its object
        ([{"max_event_at": f"{DAY} 10:00", "source": "guardduty"}], None),
        ([{"max_event_at": f"{DAY} 10:00", "status": "skipped"}], None),
        ([{"max_event_at": f"{DAY} 10:00", "source": "cloudtrail-digest"}], f"{DAY} 09:59:59"),
    ],
)
def test_newest_second__is_up_to_when_the_logs_reach(spark: SparkSession, files: list[Row], newest: str | None) -> None:
    rows = [row(INGEST_FILES, **{"publish_date": DAY, **each}) for each in files]
    found = frame(spark, INGEST_FILES, *rows).agg(newest_second()).collect()[0][0]
    assert found == (newest and at(newest).timestamp())
