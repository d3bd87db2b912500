"""Log coverage night by night: whatever comes first, the table is the same; and a night writes only the days that it changes.

The lake is one in memory: what the asset does between reading and writing is all its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.tables import CLOUDTRAIL_EVENTS, INGEST_FILES, LOG_COVERAGE, LOG_DIGESTS
from pipelines.assets.coverage import cover
from pipelines.night import Night
from tests.builders import Row, at, frame
from tests.transforms.coverage import oracle
from tests.transforms.coverage.cases import HOME, OTHER, call, chain, event, file_of, files_of, hourly

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from expectations.contract import Table

A, B = "111111111111", "222222222222"
FIRST = "2026-04-01 00:00"
DAYS = 24


class MemoryNight:
    """A night over tables in memory, each a list of commits."""

    def __init__(self, spark: SparkSession) -> None:
        self.lake = self
        self.spark = spark
        self.commits: dict[str, list[DataFrame]] = {}
        self.consumed: dict[str, int] = {}
        self.facts: dict[str, Any] = {}

    def copy(self) -> MemoryNight:
        """Return another that goes on from here."""
        other = MemoryNight(self.spark)
        other.commits = {name: [*commits] for name, commits in self.commits.items()}
        other.consumed, other.facts = {**self.consumed}, {**self.facts}
        return other

    def add(self, records: oracle.Records) -> None:
        """Put records there, in a commit each kind."""
        for table, rows in zip((CLOUDTRAIL_EVENTS, LOG_DIGESTS, INGEST_FILES), records, strict=True):
            if rows:
                self.commits.setdefault(table.name, []).append(frame(self.spark, table, *rows))

    def cover(self) -> list[date]:
        """Make the table follow; return the days that were written."""
        candidate = cover(cast("Night", self))[LOG_COVERAGE.name]
        days = [day for day in candidate.days or [] if day]
        kept = self.read(LOG_COVERAGE).where(~F.col("coverage_date").isin(days))
        self.commits[LOG_COVERAGE.name] = [kept.unionByName(candidate.rows).localCheckpoint()]
        self.consumed = {name: len(commits) for name, commits in self.commits.items()}
        self.facts = dict(candidate.facts)
        return days

    # -- what the asset asks of a night and of its lake ------------------------------------------------------------------

    def read(self, table: Table) -> DataFrame:
        return reduce(DataFrame.unionByName, self.commits.get(table.name, []), frame(self.spark, table))

    def read_days(self, table: Table, days: Sequence[date]) -> DataFrame:
        return self.read(table).where(F.col(table.partitioned_by or "").isin(days))

    def since(self, _table: Table, upstream: Table) -> int:
        return self.consumed.get(upstream.name, 0)

    def touched(self, table: Table, since: int) -> DataFrame:
        return reduce(DataFrame.unionByName, self.commits.get(table.name, [])[since:], frame(self.spark, table))

    def touched_days(self, table: Table, upstream: Table) -> list[date]:
        rows = self.touched(upstream, self.since(table, upstream)).select("event_date").distinct().collect()
        return [each[0] for each in rows]

    def fact(self, _table: Table, name: str) -> Any:
        return self.facts.get(name)

    def told(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Return the table as the plain version has it."""
        names = (
            "event_hours",
            "gap_hours",
            "stopped_hours",
            "unlinked_hours",
            "silent_hours",
            "file_count",
            "stopped_by",
        )
        rows = [each.asDict() for each in self.read(LOG_COVERAGE).collect()]
        keyed = {(each["coverage_date"], each["account_id"], each["region"]): each for each in rows}
        assert len(keyed) == len(rows)
        return {key: {name: each[name] for name in names} for key, each in keyed.items()}


# -- an organisation of chance -------------------------------------------------------------------------------------------


def history(chance: random.Random) -> oracle.Records:
    """Return weeks of some accounts: busy ones and quiet ones, whose trails are stopped, whose digests lie or are lost."""
    events: list[Row] = []
    digests: list[Row] = []
    for number in range(6):
        account = f"{number + 1:012}"
        for region in (HOME, OTHER):
            events += _calls(chance, account, region)
            if chance.random() < 0.5:
                digests += _digests(chance, account, region, "main", is_of_organisation=number < 3)
            if chance.random() < 0.3:
                digests += _digests(chance, account, region, "second")
        events += _changes(chance, account)
    events = list({(each["recipient_account_id"], each["event_id"]): each for each in events}.values())
    digests = list({(each["object_key"], each["content_sha256"]): each for each in digests}.values())
    files = files_of(events) + [
        file_of([each], number, source="guardduty") for number, each in enumerate(chance.sample(events, 3))
    ]
    return oracle.Records(events, digests, files)


def _time(chance: random.Random) -> datetime:
    return at(FIRST) + timedelta(seconds=chance.randrange(DAYS * 86_400))


def _calls(chance: random.Random, account: str, region: str) -> list[Row]:
    """Return calls in nearly every hour or in few, with some outages."""
    hours = DAYS * 24
    if chance.random() < 0.4:
        return [
            event(_time(chance), account, region, read_only=chance.choice([True, False]),
                  event_category=chance.choice(["Management", "Management", "Data"]))
            for _ in range(chance.randrange(30))
        ]  # fmt: skip
    out: set[int] = set(chance.sample(range(hours), chance.randrange(30)))
    for _ in range(3):
        start = chance.randrange(hours)
        out |= set(range(start, start + chance.choice([2, 3, 5, 60])))
    return hourly(FIRST, hours, account, region, out)


def _changes(chance: random.Random, account: str) -> list[Row]:
    names = [
        "StopLogging",
        "StopLogging",
        "StartLogging",
        "DeleteTrail",
        "CreateTrail",
        "PutEventSelectors",
        "PutEventSelectors",
    ]
    return [
        call(_time(chance), account, name, chance.choice([HOME, HOME, OTHER]), chance.choice(["main", "second"]),
             outcome=chance.choice(["success"] * 5 + ["denied"]),
             selects=chance.choice(["nothing", "reads", "writes", "all"]) if name == "PutEventSelectors" else None)
        for name in chance.choices(names, k=chance.randrange(9))
    ]  # fmt: skip


def _digests(chance: random.Random, account: str, region: str, trail: str, **fields: Any) -> list[Row]:
    """Return chains that begin anew now and then, of which some digests are lost, altered, doubled or backfilled."""
    made: list[Row] = []
    begin = at(FIRST) + timedelta(days=chance.randrange(4), minutes=chance.choice([0, 1, 30, 45]))
    while begin < at(FIRST) + timedelta(days=DAYS):
        length, step = chance.randrange(2, 60), chance.choice([1, 1, 6])
        times = [f"{begin + timedelta(hours=step * number):%Y-%m-%d %H:%M}" for number in range(length)]
        made += chain(times, account, region, trail, **fields)
        begin += timedelta(hours=step * length + chance.choice([0, 1, 5, 100]))
    lies: list[dict[str, Any]] = [
        {"content_sha256": "f" * 64}, {"previous_sha256": None}, {"previous_object_key": "x"}, {"is_backfill": True},
    ]  # fmt: skip
    kept = [
        each for each in made if chance.random() > 0.04 and each["digest_ended_at"] < at(FIRST) + timedelta(days=DAYS)
    ]
    doubled = [{**each, "content_sha256": "e" * 64} for each in kept if chance.random() < 0.02]
    return [{**each, **(chance.choice(lies) if chance.random() < 0.03 else {})} for each in kept] + doubled


def dealt(records: oracle.Records, nights: int, chance: random.Random) -> list[oracle.Records]:
    """Return the records as they come in some nights: most by their day, some at any time."""
    begin, span = at(FIRST), timedelta(days=DAYS)
    batches = [oracle.Records([], [], []) for _ in range(nights)]
    times = {0: "event_at", 1: "digest_ended_at", 2: "max_event_at"}
    for kind, rows in enumerate(records):
        for each in rows:
            night = min(nights - 1, int((each[times[kind]] - begin) / span * nights))
            batches[chance.randrange(nights) if chance.random() < 0.1 else night][kind].append(each)
    if chance.random() < 0.5:
        batches.reverse()
    return batches


def test_cover__in_any_order_and_any_number_of_nights_the_table_is_that_of_the_rules(spark: SparkSession) -> None:
    @settings(max_examples=3)
    @given(st.integers(0, 2**32), st.integers(1, 4))
    def holds(seed: int, nights: int) -> None:
        chance = random.Random(seed)
        records = history(chance)
        night = MemoryNight(spark)
        for batch in dealt(records, nights, chance):
            night.add(batch)
            night.cover()
        assert night.told() == oracle.cover(records)

    holds()


def test_history__has_gaps_of_every_kind() -> None:
    rows = list(oracle.cover(history(random.Random(1))).values())
    for why in ("stopped_hours", "unlinked_hours", "silent_hours"):
        assert sum(len(each[why]) for each in rows) > 20


# -- what a night writes -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three_weeks(spark: SparkSession) -> MemoryNight:
    """Three weeks of an account that is never still, with its digests, and of one that is seldom there."""
    night = MemoryNight(spark)
    times = [f"{at(FIRST) + timedelta(hours=number):%Y-%m-%d %H:%M}" for number in range(21 * 24)]
    events = [*hourly(FIRST, 21 * 24, A), event("2026-04-02 10:00", B), event("2026-04-20 10:00", B)]
    night.add(oracle.Records(events, chain(times, A)[:200] + chain(times, A)[203:], files_of(events)))
    night.cover()
    return night


@pytest.fixture
def begun(three_weeks: MemoryNight) -> MemoryNight:
    """Those three weeks, for a test to go on from."""
    return three_weeks.copy()


def came(*events: Row, digests: Sequence[Row] = ()) -> oracle.Records:
    return oracle.Records(list(events), list(digests), files_of(events))


def days(*numbers: int) -> list[date]:
    return [date(2026, 4, number) for number in numbers]


def test_cover__a_night_writes_its_day(begun: MemoryNight) -> None:
    begun.add(came(*hourly("2026-04-22 00:00", 24, A)))
    assert begun.cover() == days(22)


def test_cover__nothing_new_writes_nothing(begun: MemoryNight) -> None:
    assert begun.cover() == []
    begun.add(oracle.Records([], [], [file_of([event("2026-04-21 10:00", A)], source="guardduty")]))
    assert begun.cover() == []


def test_cover__a_late_event_writes_its_day_alone(begun: MemoryNight) -> None:
    begun.add(came(event("2026-04-10 10:30", B)))
    assert begun.cover() == days(10)


def test_cover__a_late_stop_writes_as_far_as_it_reaches(begun: MemoryNight) -> None:
    begun.add(came(call("2026-04-05 10:30", B, "StopLogging")))
    assert begun.cover() == days(*range(5, 21))


def test_cover__an_event_that_ends_a_stop_writes_as_far_as_that_was_thought_to_reach(begun: MemoryNight) -> None:
    begun.add(came(call("2026-04-05 10:30", B, "StopLogging")))
    begun.cover()
    begun.add(came(event("2026-04-07 10:30", B)))
    assert begun.cover() == days(*range(7, 21))


def test_cover__a_digest_that_was_missing_repairs_its_day(begun: MemoryNight) -> None:
    missing = chain([f"{at(FIRST) + timedelta(hours=number):%Y-%m-%d %H:%M}" for number in range(21 * 24)], A)[200:203]
    key = (date(2026, 4, 9), A, HOME)
    assert begun.told()[key]["gap_hours"] == [8, 9, 10]
    begun.add(oracle.Records([], missing[:1], []))
    assert begun.cover() == days(9)
    assert begun.told()[key]["gap_hours"] == [9, 10]
    begun.add(oracle.Records([], missing[1:], []))
    assert begun.cover() == days(9)
    assert begun.told()[key]["gap_hours"] == []


def test_cover__silence_goes_on_night_after_night_and_is_repaired(begun: MemoryNight) -> None:
    for number, written in ((22, days(22)), (23, days(22, 23))):  # the last hour of the 22nd was not over
        begun.add(came(*hourly(f"2026-04-{number} 00:00", 24, B), event(f"2026-04-{number} 05:00", A, OTHER)))
        assert begun.cover() == written
    told = begun.told()
    assert [told[day, A, HOME]["silent_hours"] for day in days(22, 23)] == [list(range(24)), list(range(23))]
    begun.add(came(*hourly("2026-04-22 00:00", 48, A)))
    assert begun.cover() == days(22, 23)
    told = begun.told()
    assert [told[day, A, HOME]["gap_hours"] for day in days(22, 23)] == [[], []]
