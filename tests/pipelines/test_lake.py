"""The lake: one commit per write, that says what was consumed; what changed since; readers stay at version 1.

What it does to a folder of this machine without Spark, it does elsewhere with Spark: each test is of both.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from expectations.contract import Column, Table
from pipelines.lake import Consumed, Lake, LakeError, most_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

VISITS = Table(
    name="visits",
    comment="Who came on which day; it's a table of the tests.",
    key=("visitor",),
    partitioned_by="day",
    columns=(
        Column("visitor", "string", "Who", required=True),
        Column("day", "date", "When"),
        Column("count", "bigint", "How often"),
    ),
)
MAY = [date(2026, 5, day) for day in range(1, 32)]


@pytest.fixture(params=["in this process", "with Spark"])
def lake(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    if request.param == "with Spark":
        monkeypatch.setattr(Lake, "is_local", False)
    return Lake(str(tmp_path / "the lake"), lambda: spark)


def visits(lake: Lake, *rows: tuple[str, date | None, int]) -> DataFrame | pa.Table:
    frame = lake.spark.createDataFrame(list(rows), "visitor string, day date, count bigint")
    few = lake.few(VISITS, frame)
    return frame if few is None else few


def told(lake: Lake) -> set[tuple[str, date | None, int]]:
    return {tuple(row) for row in lake.read(VISITS).collect()}


def test_lake__one_that_makes_no_tables_has_no_rows_of_those_that_are_not_there(lake: Lake, tmp_path: Path) -> None:
    reading = Lake(lake.uri, lambda: lake.spark, makes_tables=False)
    assert reading.read_rows(VISITS, ["visitor", "day"]) == []
    assert reading.read_arrow(VISITS, ["day", "max(count) AS most"], group_by=["day"]).column_names == ["day", "most"]
    with pytest.raises(LakeError, match=r"visits is not there: `rolescope run` makes it$"):
        reading.version(VISITS)
    assert list(tmp_path.iterdir()) == []
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1)), Consumed())
    assert reading.read_rows(VISITS, ["visitor"]) == [{"visitor": "ann"}]


def test_replace_days__puts_rows_in_place_of_whole_partitions_and_says_what_it_consumed(lake: Lake) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1), ("bob", MAY[1], 1), ("eve", None, 1)), Consumed({"logs": 1}))
    lake.replace_days(VISITS, visits(lake, ("cid", MAY[1], 2)), [MAY[1], None], Consumed({"logs": 2}, {"clock": "x"}))
    assert told(lake) == {("ann", MAY[0], 1), ("cid", MAY[1], 2)}
    assert lake.consumed(VISITS) == Consumed({"logs": 2}, {"clock": "x"})


def test_replace_days__of_no_rows_by_none_is_no_commit_and_the_version_stays_that_of_the_log(lake: Lake) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1)), Consumed())
    lake.replace_days(VISITS, visits(lake), [MAY[2]], Consumed({"logs": 3}))
    assert lake.version(VISITS) == Lake(lake.uri, lambda: lake.spark).version(VISITS)
    assert lake.changes(VISITS, lake.version(VISITS), "visitor").count() == 0


def test_merge__replaces_adds_and_forgets_in_one_commit(lake: Lake) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1), ("bob", MAY[0], 1), ("cid", MAY[0], 1)), Consumed())
    before = lake.version(VISITS)
    concerned = lake.spark.createDataFrame([("ann",), ("bob",)], "visitor string")
    lake.merge(VISITS, visits(lake, ("ann", MAY[0], 5), ("dan", MAY[2], 1)), Consumed({"logs": 3}), only_of=concerned)
    assert told(lake) == {("ann", MAY[0], 5), ("cid", MAY[0], 1), ("dan", MAY[2], 1)}
    assert lake.version(VISITS) == before + 1
    assert lake.consumed(VISITS).versions == {"logs": 3}


def test_merge__by_key_opens_only_the_days_of_its_rows(lake: Lake) -> None:
    days = (MAY[0], MAY[1], None)
    for day in days:
        lake.append(VISITS, visits(lake, ("ann", day, 1)), Consumed())
    for file in Path(lake.path(VISITS)).glob(f"day={MAY[0]}/*.parquet"):
        file.unlink()  # whoever opens that day now fails
    lake.merge(VISITS, visits(lake, ("ann", MAY[1], 5), ("ann", None, 6), ("bob", MAY[2], 7)), Consumed())
    others = lake.read_days(VISITS, [MAY[1], MAY[2], None])
    assert {tuple(row) for row in others.collect()} == {("ann", MAY[1], 5), ("ann", None, 6), ("bob", MAY[2], 7)}


def test_changes__are_what_is_another_now_and_not_what_was_written_again(lake: Lake) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1), ("bob", MAY[0], 1)), Consumed())
    since = lake.version(VISITS)
    lake.replace_days(VISITS, visits(lake, ("ann", MAY[0], 1), ("bob", MAY[0], 2)), [MAY[0]], Consumed())
    assert sorted(tuple(row) for row in lake.changes(VISITS, since, "visitor", "count").collect()) == [
        ("bob", 1),
        ("bob", 2),
    ]
    assert lake.touched(VISITS, since).where("visitor = 'ann'").count() > 0
    assert lake.changes(VISITS, lake.version(VISITS), "visitor").isEmpty()
    assert lake.touched(VISITS, lake.version(VISITS)).isEmpty()


def test_merge__of_rows_that_are_there_already_is_no_change(lake: Lake) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1), ("bob", None, 2)), Consumed())
    before = lake.version(VISITS)
    lake.merge(VISITS, visits(lake, ("ann", MAY[0], 1), ("bob", None, 2)), Consumed())
    assert lake.changes(VISITS, before, "visitor").isEmpty()


def test_touched_days__are_those_of_rows_that_came_and_of_rows_that_went(lake: Lake) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1), ("bob", MAY[1], 1), ("cid", None, 1)), Consumed())
    since = lake.version(VISITS)
    lake.append(VISITS, visits(lake, ("dan", MAY[2], 1)), Consumed())
    lake.replace_days(VISITS, visits(lake), [MAY[1], None], Consumed())
    assert lake.touched_days(VISITS, since) == [None, MAY[1], MAY[2]]
    assert lake.touched_days(VISITS, -1) == [MAY[0], MAY[2]]
    assert lake.touched_days(VISITS, lake.version(VISITS)) == []


def test_read_between__is_of_the_days_from_one_to_another_and_of_no_row_without_a_day(lake: Lake) -> None:
    rows = [
        (name, day, 1)
        for name, day in (("ann", MAY[0]), ("bob", MAY[1]), ("cid", MAY[3]), ("dan", MAY[4]), ("eve", None))
    ]
    lake.append(VISITS, visits(lake, *rows), Consumed())
    assert {row.visitor for row in lake.read_between(VISITS, MAY[1], MAY[3]).collect()} == {"bob", "cid"}
    assert {row.visitor for row in lake.read_days(VISITS, [MAY[0], None]).collect()} == {"ann", "eve"}
    assert lake.read_between(VISITS, MAY[7], MAY[9]).isEmpty()


def test_few__is_nothing_where_the_driver_should_not_hold_the_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.lake._FEW", 2 * 3)
    of_two, of_three = (
        lake.spark.range(count).selectExpr("id", "id AS x", "id AS y", "true AS is_good") for count in (2, 3)
    )
    found = lake.few(VISITS, of_two)
    assert most_of(VISITS) == 2
    assert (found is None) if not lake.is_local else (found.num_rows == 2)
    assert lake.few(VISITS, of_three) is None


def test_on_days__finds_times_by_the_statistics_of_files(lake: Lake) -> None:
    """Of a file that cannot have them nothing is read; one whose last time is a fraction of a second after midnight is."""
    hours = Table(
        name="hours", comment="Hours.", key=("at",), columns=(Column("at", "timestamp", "When"), Column("day", "date", "Which")),
        partitioned_by="day",
    )  # fmt: skip

    def times(*at: str) -> DataFrame | pa.Table:
        frame = lake.spark.createDataFrame([(each,) for each in at], "at string")
        frame = frame.selectExpr("CAST(at AS timestamp) AS at", "DATE'2026-05-01' AS day")
        few = lake.few(hours, frame)
        return frame if few is None else few

    lake.append(hours, times("2026-05-01 23:59:59", "2026-05-02 00:00:00.000001"), Consumed())
    lake.append(hours, times("2026-05-04 00:00:00"), Consumed())
    assert [row.at.day for row in lake.on_days(hours, "at", [MAY[1]]).collect()] == [2]
    assert lake.on_days(hours, "at", [MAY[0], MAY[1]]).count() == 2
    assert lake.on_days(hours, "at", [MAY[2]]).count() == 0
    assert lake.on_days(hours, "at", [MAY[3]]).count() == 1
    assert lake.on_days(hours, "at", []).count() == 0


def test_state__is_the_same_from_the_log_and_from_spark(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1)), Consumed({"logs": 7}))
    lake.mark(VISITS, Consumed({"logs": 8}))
    lake.spark.sql(f"OPTIMIZE delta.`{lake.path(VISITS)}`").collect()  # somebody else's commit says nothing of ours
    read = Lake(lake.uri, lambda: lake.spark)
    by_log = read.state(VISITS), read.read_rows(VISITS, ["visitor"], "count > 0 AND day = DATE'2026-05-01'")
    monkeypatch.setattr(Lake, "is_local", False)
    read = Lake(lake.uri, lambda: lake.spark)
    by_spark = read.state(VISITS), read.read_rows(VISITS, ["visitor"], "count > 0 AND day = DATE'2026-05-01'")
    assert by_log == by_spark
    assert by_log[0][1] == Consumed({"logs": 8})
    assert by_log[1] == [{"visitor": "ann"}]


def test_read_rows__groups_the_same_with_and_without_spark(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1), ("ann", MAY[1], 2), ("bob", None, 3)), Consumed())
    columns = ["visitor", "max(day) AS last", "sum(count) AS visits", "count(*) AS days"]

    def grouped() -> list[dict[str, object]]:
        return sorted(lake.read_rows(VISITS, columns, group_by=["visitor"]), key=lambda row: str(row["visitor"]))

    local = grouped()
    monkeypatch.setattr(Lake, "is_local", False)
    assert grouped() == local == [
        {"visitor": "ann", "last": MAY[1], "visits": 3, "days": 2},
        {"visitor": "bob", "last": None, "visits": 3, "days": 1},
    ]  # fmt: skip


def test_read_rows__a_table_with_a_lost_file_is_named(lake: Lake) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1)), Consumed())
    for file in Path(lake.path(VISITS)).rglob("*.parquet"):
        file.unlink()
    with pytest.raises(LakeError, match="visits cannot be read"):
        lake.read_rows(VISITS, ["visitor"])


def test_ensure__any_reader_of_version_1_can_read_it(lake: Lake) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1)), Consumed())
    protocol = DeltaTable(lake.path(VISITS)).protocol()
    assert protocol.min_reader_version == 1
    assert DeltaTable(lake.path(VISITS)).metadata().description == VISITS.comment


def test_consumed__of_a_commit_that_is_not_ours_is_nothing() -> None:
    assert Consumed.from_json("{}") == Consumed.from_json(None) == Consumed.from_json("no JSON") == Consumed()


def test_table_id__is_another_one_when_the_lake_was_made_anew(lake: Lake) -> None:
    """What is remembered of a table elsewhere (the reports' version) must not be taken for one of the new table."""
    first = lake.table_id(VISITS)
    again = Lake(lake.uri, lambda: lake.spark)
    assert again.table_id(VISITS) == first
    assert first == lake.spark.sql(f"DESCRIBE DETAIL delta.`{lake.path(VISITS)}`").collect()[0]["id"]
    shutil.rmtree(lake.path(VISITS))
    assert Lake(lake.uri, lambda: lake.spark).table_id(VISITS) != first


def test_row_count__is_known_by_the_log(lake: Lake) -> None:
    lake.append(VISITS, visits(lake, ("ann", MAY[0], 1), ("bob", None, 2)), Consumed())
    assert lake.row_count(VISITS) == 2
