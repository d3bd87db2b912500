"""Upkeep: what it does is done once, is no change to anybody, and takes nothing that a stage has yet to read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, Schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expectations.contract import Column, Table
from expectations.tables import (
    CLOUDTRAIL_EVENTS,
    CREDENTIAL_ISSUANCES,
    GUARDDUTY_FINDINGS,
    INGEST_FILES,
    LOG_DIGESTS,
    PRINCIPAL_BASELINES,
    REJECTED_RECORDS,
    SESSION_USAGE,
    TABLES,
)
from pipelines import upkeep
from pipelines.assets import investigations
from pipelines.creation import delta_field
from pipelines.definitions import build_definitions
from pipelines.folder_log import ChangesGoneError, FolderLog
from pipelines.folder_table import FolderTable
from pipelines.lake import Consumed, Lake
from pipelines.night import Night
from pipelines.settings import FIRST_DAY, Settings
from pipelines.stages import stages

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CLOCK = date(2026, 3, 20)
CLOSED, OPEN = date(2026, 3, 2), date(2026, 3, 18)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A lake whose newest publish day is CLOCK, with events on a day that is closed and on one that is open."""
    night = Night(Settings(lake=str(tmp_path), vacuum_days=0))
    ingest(night.lake, [CLOSED, OPEN], CLOCK)
    ingest(night.lake, [CLOSED, OPEN], CLOCK)
    catch_up(night.lake)
    return night


def put(lake: Lake, table: Table, *rows: dict[str, Any]) -> None:
    """Add rows in a commit of their own; what is not given is null."""
    schema = pa.schema(Schema([delta_field(column) for column in table.columns]))
    given = [{name: row.get(name) for name in table.column_names} for row in rows]
    lake.append(table, pa.Table.from_pylist(given, schema), Consumed())


def event(day: date, number: int) -> dict[str, Any]:
    return {
        "event_id": f"{number}", "action_id": f"{number}", "event_at": datetime(day.year, day.month, day.day, 10, tzinfo=UTC),
        "event_date": day, "recipient_account_id": "111111111111", "event_source": "sts.amazonaws.com", "event_name": "AssumeRole",
        "event_category": "Management", "outcome": "success", "source_uri": "file:///a", "source_etag": "1", "record_index": number,
        "body_sha256": "00", "principal_id": f"AROA{number % 3}:x",
    }  # fmt: skip


def ingest(lake: Lake, days: list[date], published: date) -> None:
    """Add an event for each day, and an object to the ledger."""
    number = lake.row_count(CLOUDTRAIL_EVENTS)
    put(lake, CLOUDTRAIL_EVENTS, *[event(day, number + index) for index, day in enumerate(days)])
    put(lake, INGEST_FILES, {
        "uri": f"file:///{number}", "etag": "1", "source": "cloudtrail", "status": "ingested", "rejected_count": 0,
        "record_count": len(days), "batch_id": "b", "ingested_at": datetime.now(UTC), "publish_date": published,
        "account_id": "111111111111",
    })  # fmt: skip


def catch_up(lake: Lake) -> None:
    """Have every stage say that it has consumed all there is, as at the end of a night."""
    for stage in stages():
        for table in stage.tables:
            lake.mark(table, Consumed({upstream.name: lake.version(upstream) for upstream in stage.upstream}))


def files(lake: Lake, table: Table, day: date) -> int:
    return sum(file.day == day for file in FolderLog(table, lake.path(table)).files())


def days_of(lake: Lake, table: Table = CLOUDTRAIL_EVENTS) -> Counter[date]:
    rows = lake.read_rows(table, [str(table.partitioned_by)])
    return Counter(row[str(table.partitioned_by)] for row in rows)


def versions(lake: Lake) -> dict[str, int]:
    return {table.name: DeltaTable(lake.path(table)).version() for table in TABLES}


def keep_up(night: Night) -> list[str]:
    return [sentence for step in (upkeep.expire, upkeep.compact, upkeep.vacuum) for sentence in step(night)]


# -- compaction ----------------------------------------------------------------------------------------------------------


def test_compact__puts_the_files_of_closed_days_together_and_leaves_open_ones(night: Night) -> None:
    before = days_of(night.lake)
    assert upkeep.compact(night) == [f"cloudtrail_events: 1 day put together, {CLOSED} to {CLOSED}"]
    assert (files(night.lake, CLOUDTRAIL_EVENTS, CLOSED), files(night.lake, CLOUDTRAIL_EVENTS, OPEN)) == (1, 2)
    assert days_of(night.lake) == before


def test_compact__is_no_change_to_anybody_and_is_not_done_twice(night: Night) -> None:
    lake = night.lake
    since = lake.version(CLOUDTRAIL_EVENTS)
    upkeep.compact(night)
    again = Night(night.settings)
    assert again.lake.version(CLOUDTRAIL_EVENTS) > since
    assert not again.lake.has_changes(CLOUDTRAIL_EVENTS, since)
    assert again.lake.touched_days(CLOUDTRAIL_EVENTS, since) == []
    assert upkeep.behind(again.lake) == []
    before = versions(again.lake)
    assert upkeep.compact(again) == []
    assert versions(again.lake) == before


def test_compact__a_day_that_was_open_follows_when_it_is_closed_and_a_late_file_opens_a_day_again(night: Night) -> None:
    upkeep.compact(night)
    ingest(night.lake, [CLOSED], CLOCK + timedelta(days=7))
    [sentence] = upkeep.compact(Night(night.settings))
    assert sentence == f"cloudtrail_events: 2 days put together, {CLOSED} to {OPEN}"
    assert (files(night.lake, CLOUDTRAIL_EVENTS, CLOSED), files(night.lake, CLOUDTRAIL_EVENTS, OPEN)) == (1, 1)


def test_compact__puts_near_each_other_what_one_principal_did(night: Night) -> None:
    put(night.lake, CLOUDTRAIL_EVENTS, *[event(CLOSED, number) for number in range(10, 40)])
    upkeep.compact(night)
    [file] = [
        file for file in FolderLog(CLOUDTRAIL_EVENTS, night.lake.path(CLOUDTRAIL_EVENTS)).files() if file.day == CLOSED
    ]
    found = (
        pq.ParquetFile(f"{night.lake.path(CLOUDTRAIL_EVENTS)}/{file.path}")
        .read(["principal_id"])["principal_id"]
        .to_pylist()
    )
    assert found == sorted(found)
    assert len(set(found)) == 3
    assert {"min.principal_id", "max.principal_id"} <= set(file.known)


def test_compact__what_the_table_has_consumed_is_still_known(night: Night) -> None:
    lake = night.lake
    consumed = Consumed({CLOUDTRAIL_EVENTS.name: 2})
    row = {
        "action_id": "a", "issued_at": datetime(2026, 3, 2, tzinfo=UTC), "issued_date": CLOSED, "issuing_api": "AssumeRole",
        "event_source": "sts.amazonaws.com", "outcome": "success", "assumed_by_type": "IAMUser", "issuing_event_ids": [], "is_link": False,
    }  # fmt: skip
    put(lake, CREDENTIAL_ISSUANCES, row)
    put(lake, CREDENTIAL_ISSUANCES, row | {"action_id": "b"})
    lake.mark(CREDENTIAL_ISSUANCES, consumed)
    assert f"credential_issuances: 1 day put together, {CLOSED} to {CLOSED}" in upkeep.compact(night)
    assert Lake(lake.uri, lambda: None).consumed(CREDENTIAL_ISSUANCES) == consumed  # type: ignore[arg-type, return-value]


def test_compact__a_month_is_closed_with_its_last_day() -> None:
    assert upkeep._last_day(PRINCIPAL_BASELINES, date(2026, 2, 1)) == date(2026, 2, 28)
    assert upkeep._last_day(PRINCIPAL_BASELINES, date(2026, 12, 1)) == date(2026, 12, 31)
    assert upkeep._last_day(CLOUDTRAIL_EVENTS, date(2026, 2, 1)) == date(2026, 2, 1)


def test_compact__of_a_table_without_days_many_files_become_few(night: Night) -> None:
    for _ in range(upkeep._MANY_FILES):
        ingest(night.lake, [OPEN], CLOCK)
    rows = night.lake.row_count(INGEST_FILES)
    assert f"ingest_files: {upkeep._MANY_FILES + 2} files are 1 now" in upkeep.compact(night)
    assert night.lake.row_count(INGEST_FILES) == rows


VISITS = Table(
    name="visits", comment="Of the tests.", key=("visitor",), partitioned_by="day",
    columns=(Column("visitor", "string", "Who", required=True), Column("day", "date", "When")), z_order=("visitor",),
)  # fmt: skip
_DAYS = [date(2026, 5, 1), date(2026, 5, 2)]
_VISITS = pa.schema(Schema([delta_field(column) for column in VISITS.columns]))
_STEP = st.tuples(
    st.sampled_from(["append", "replace", "compact", "say", "expire"]), st.sampled_from(_DAYS), st.integers(0, 3)
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEP, min_size=1, max_size=7), at=st.integers(0, 7))
def test_exchanged__with_what_went_and_what_came_the_rows_then_become_the_rows_now(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, date, int]], at: int
) -> None:
    """Whatever was appended, replaced, removed and compacted since, in whatever order."""
    path = str(tmp_path_factory.mktemp("visits"))
    table, log = FolderTable(VISITS, path), FolderLog(VISITS, path)
    table.create()

    def rows(paths: list[str]) -> Counter[str]:
        names = [
            name for each in paths for name in pq.ParquetFile(f"{path}/{each}").read(["visitor"])["visitor"].to_pylist()
        ]
        return Counter(names)

    def now() -> Counter[str]:
        return rows([file.path for file in log.files()])

    then, since = now(), 0
    for index, (step, day, count) in enumerate(steps):
        if index == at:
            then, since = now(), DeltaTable(path).version()
        visitors = [{"visitor": f"{index}-{number}", "day": day} for number in range(count)]
        reader = pa.Table.from_pylist(visitors, _VISITS).to_reader()
        if step == "append":
            table.append(reader, "")
        elif step == "replace":
            table.replace_days(reader, [day], "")
        elif step == "compact":
            table.compact([day], VISITS.z_order if count else (), "")
        elif step == "expire":
            table.delete_before(day, "")
        else:
            table.set_properties({"said": str(index)}, "")
    gone, came = log.exchanged(since)
    after = then.copy()
    after.update(rows([file.path for file in came]))
    after.subtract(rows([file.path for file in gone]))
    assert +after == now()
    assert -after == Counter()
    assert {file.day for file in (*gone, *came)} <= set(_DAYS)
    if all(step in {"compact", "say"} for step, _, _ in steps[at:]) and at < len(steps):
        assert (gone, came) == ([], [])


# -- expiry --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("newest", "months", "first"),
    [
        (date(2026, 3, 20), 12, date(2025, 3, 1)),
        (date(2026, 3, 1), 1, date(2026, 2, 1)),
        (date(2026, 1, 31), 1, date(2025, 12, 1)),
        (date(2026, 12, 31), 24, date(2024, 12, 1)),
        (date(2026, 1, 1), 1200, FIRST_DAY),
    ],
)
def test_first_kept_day__is_the_first_of_a_month(newest: date, months: int, first: date) -> None:
    assert upkeep.first_kept_day(newest, months) == first


def test_expire__takes_old_days_of_what_the_logs_say_and_leaves_what_was_made_of_them(night: Night) -> None:
    lake, old = night.lake, date(2025, 2, 27)
    ingest(lake, [old, old], old)
    put(lake, GUARDDUTY_FINDINGS, {
        "finding_id": "f", "type": "t", "severity": 8.0, "account_id": "1", "updated_at": datetime(2025, 2, 27, tzinfo=UTC),
        "updated_date": old, "first_seen_at": datetime(2025, 2, 27, tzinfo=UTC), "last_seen_at": datetime(2025, 2, 27, tzinfo=UTC),
        "document": "{}", "source_uri": "x",
    })  # fmt: skip
    put(lake, SESSION_USAGE, {
        "event_date": old, "recipient_account_id": "1", "first_event_at": datetime(2025, 2, 27, tzinfo=UTC),
        "last_event_at": datetime(2025, 2, 27, tzinfo=UTC), "event_count": 2, "failed_count": 0,
    })  # fmt: skip
    catch_up(lake)
    ledger = lake.row_count(INGEST_FILES)
    assert upkeep.expire(night) == [
        "cloudtrail_events: 2 rows of 1 day before 2025-03-01 have expired",
        "guardduty_findings: 1 row of 1 day before 2025-03-01 have expired",
    ]
    lake = Lake(lake.uri, lambda: None)  # type: ignore[arg-type, return-value]
    assert set(days_of(lake)) == {CLOSED, OPEN}
    assert set(days_of(lake, SESSION_USAGE)) == {old}
    assert lake.row_count(INGEST_FILES) == ledger
    assert upkeep.behind(lake) == [], "that rows have expired is news to nobody"
    assert lake.touched_days(CLOUDTRAIL_EVENTS, 0) == [CLOSED, OPEN]
    upkeep.vacuum(Night(night.settings))
    lake = Lake(lake.uri, lambda: None)  # type: ignore[arg-type, return-value]
    assert upkeep.behind(lake) == [], "nor that their files are deleted"
    before = versions(lake)
    assert upkeep.expire(Night(night.settings)) == []
    assert versions(lake) == before


def test_expire__waits_for_tables_that_have_yet_to_consume_what_is_old(night: Night) -> None:
    old = date(2025, 2, 27)
    ingest(night.lake, [old], old)
    assert upkeep.expire(night) == []
    [warning] = night.warnings
    assert warning.startswith("nothing expires: api_call_volume_hourly, credential_issuances, ")
    assert warning.endswith(" have yet to follow what came; run the night to its end first")
    assert days_of(night.lake)[old] == 1


def test_expire__killed_between_its_commits_nobody_takes_what_is_gone_for_a_change(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = date(2025, 2, 27)
    ingest(night.lake, [old], old)
    catch_up(night.lake)
    set_properties = FolderTable.set_properties

    def killed(table: FolderTable, properties: dict[str, str], told: str) -> None:
        set_properties(table, properties, told)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FolderTable, "set_properties", killed)
        with pytest.raises(KeyboardInterrupt):
            upkeep.expire(night)
    again = Night(night.settings)
    assert old in days_of(again.lake)
    assert upkeep.behind(again.lake) == []
    assert len(upkeep.expire(again)) == 1
    assert old not in days_of(again.lake)


def test_expire__rows_that_come_for_a_day_that_has_expired_are_said_and_not_counted(night: Night) -> None:
    old = date(2025, 2, 27)
    ingest(night.lake, [old], old)
    catch_up(night.lake)
    upkeep.expire(night)
    since = night.lake.version(CLOUDTRAIL_EVENTS)
    ingest(night.lake, [old], CLOCK)
    assert night.lake.touched_days(CLOUDTRAIL_EVENTS, since) == []
    catch_up(night.lake)
    upkeep.expire(night)
    assert night.warnings == [
        "cloudtrail_events: 1 row of days before 2025-03-01 came when these had expired: no table counts them"
    ]


def test_expire__a_lake_goes_by_its_own_clock_and_never_by_one_that_is_still_to_come(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wall clock that is ahead expires nothing; one that is behind, or objects of the future, expire less, never more."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2040, 1, 1, tzinfo=tz)

    class Behind(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2020, 1, 1, tzinfo=tz)

    monkeypatch.setattr(upkeep, "datetime", Ahead)
    assert upkeep.expire(night) == []
    ingest(night.lake, [OPEN], date(2039, 1, 1))  # below a path of the future
    catch_up(night.lake)
    monkeypatch.setattr(upkeep, "datetime", Behind)
    assert upkeep.expire(night) == []
    monkeypatch.setattr(upkeep, "datetime", datetime)
    assert upkeep.expire(night) == []


def test_expiring__is_what_the_logs_say_but_not_what_later_nights_need() -> None:
    names = {table.name for table in upkeep.EXPIRING}
    assert names >= {"cloudtrail_events", "cloudtrail_addenda", "guardduty_findings"}
    assert names.isdisjoint({LOG_DIGESTS.name, INGEST_FILES.name, SESSION_USAGE.name, CREDENTIAL_ISSUANCES.name})


# -- deletion ------------------------------------------------------------------------------------------------------------


def on_disk(lake: Lake, table: Table) -> int:
    return len(list(Path(lake.path(table)).rglob("*.parquet")))


def test_vacuum__keeps_files_that_a_stage_has_yet_to_read(night: Night) -> None:
    lake = night.lake
    ingest(lake, [CLOSED], CLOCK)
    since = lake.consumed(CREDENTIAL_ISSUANCES).versions[CLOUDTRAIL_EVENTS.name]
    upkeep.compact(night)
    before = on_disk(lake, CLOUDTRAIL_EVENTS)
    upkeep.vacuum(night)
    assert on_disk(lake, CLOUDTRAIL_EVENTS) == before
    assert "files of cloudtrail_events, ingest_files are kept: api_call_volume_hourly, " in night.warnings[0]
    assert lake.touched_days(CLOUDTRAIL_EVENTS, since) == [CLOSED]
    assert upkeep.has_news(night), "it is looked at again"
    catch_up(lake)
    assert "cloudtrail_events: 3 files deleted, unused for 0 days" in upkeep.vacuum(Night(night.settings))
    assert on_disk(lake, CLOUDTRAIL_EVENTS) == before - 3


def test_vacuum__keeps_what_left_a_table_a_short_time_ago(night: Night) -> None:
    upkeep.compact(night)
    night.settings.vacuum_days = 1
    before = on_disk(night.lake, CLOUDTRAIL_EVENTS)
    assert upkeep.vacuum(night) == []
    assert on_disk(night.lake, CLOUDTRAIL_EVENTS) == before


def test_exchanged__of_files_that_are_deleted_is_said_and_never_left_out(night: Night) -> None:
    lake = night.lake
    upkeep.compact(night)
    upkeep.vacuum(night)
    with pytest.raises(ChangesGoneError, match="was deleted; make the lake anew"):
        FolderLog(CLOUDTRAIL_EVENTS, lake.path(CLOUDTRAIL_EVENTS)).exchanged(0)
    DeltaTable(lake.path(CLOUDTRAIL_EVENTS)).create_checkpoint()
    for version in (0, 1):
        Path(lake.path(CLOUDTRAIL_EVENTS), "_delta_log", f"{version:020}.json").unlink()
    with pytest.raises(ChangesGoneError, match="the log has no version 1 any more"):
        FolderLog(CLOUDTRAIL_EVENTS, lake.path(CLOUDTRAIL_EVENTS)).exchanged(0)


# -- all of it -----------------------------------------------------------------------------------------------------------


def test_has_news__once_done_there_is_none_until_something_comes_or_a_setting_changes(night: Night) -> None:
    assert upkeep.has_news(night)
    keep_up(night)
    done, before = Night(night.settings), versions(night.lake)
    assert not upkeep.has_news(done)
    assert keep_up(done) == []
    assert {name for name, version in versions(night.lake).items() if version != before[name]} == {INGEST_FILES.name}
    assert upkeep.has_news(Night(night.settings.model_copy(update={"retention_months": 3})))
    ingest(night.lake, [OPEN], CLOCK)
    assert upkeep.has_news(Night(night.settings))


def test_upkeep__on_the_command_line_says_what_it_did_and_then_that_there_is_nothing_to_do(
    night: Night, said: Callable[..., tuple[int, str]]
) -> None:
    status, text = said("upkeep", "--lake", night.settings.lake)
    assert status == 0
    assert f"cloudtrail_events: 1 day put together, {CLOSED} to {CLOSED}" in text
    assert said("upkeep", "--lake", night.settings.lake) == (
        0, f"nothing to do: nothing came into {night.settings.lake} since"
    )  # fmt: skip
    ingest(night.lake, [OPEN], CLOCK)
    status, text = said("upkeep", "--lake", night.settings.lake)
    assert status == 3
    assert "left out: files of cloudtrail_events, ingest_files are kept: " in text
    assert said("upkeep", "--lake", f"{night.settings.lake}/none")[0] == 1


@pytest.mark.filterwarnings("default")
def test_upkeep__as_a_job_of_dagsters_does_the_same_and_the_night_leaves_it_out(night: Night) -> None:
    found = build_definitions(night)
    with dg.DagsterInstance.ephemeral() as instance:
        result = found.resolve_job_def("upkeep").execute_in_process(instance=instance)
    done = {
        event.asset_key.path[-1]: event.materialization.metadata["done"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }
    assert done == {
        "expired_days": "nothing to do",
        "compacted_days": f"- cloudtrail_events: 1 day put together, {CLOSED} to {CLOSED}",
        "vacuumed_files": "- cloudtrail_events: 2 files deleted, unused for 0 days",
    }
    assert done.keys().isdisjoint(
        key.path[-1] for key in found.resolve_job_def("nightly").asset_layer.selected_asset_keys
    )


def test_stages__are_those_of_the_assets() -> None:
    found = {table.name: {each.name for each in stage.upstream} for stage in stages() for table in stage.tables}
    assert found[CREDENTIAL_ISSUANCES.name] == {CLOUDTRAIL_EVENTS.name}
    assert found["investigations"] == found["investigation_indicators"] >= {INGEST_FILES.name, GUARDDUTY_FINDINGS.name}
    assert found.keys().isdisjoint({CLOUDTRAIL_EVENTS.name, REJECTED_RECORDS.name, "reports"})


def test_still_told__what_was_investigated_before_its_logs_expired_stays(spark: SparkSession) -> None:
    """Made anew from what is left it would say that nothing happened; only a version that nobody looked at is investigated."""
    made = spark.sql(
        "SELECT 'old' AS finding_id, TIMESTAMP'2026-01-02 00:00:00' AS finding_updated_at UNION SELECT NULL, NULL"
    )
    due = spark.sql("""
        SELECT * FROM VALUES ('old', TIMESTAMP'2026-01-02 00:00:00', TIMESTAMP'2026-01-01 00:00:00'),
        ('old', TIMESTAMP'2026-03-09 00:00:00', TIMESTAMP'2026-01-01 00:00:00'),
        ('new', TIMESTAMP'2026-01-02 00:00:00', TIMESTAMP'2026-02-01 00:00:00') AS t(finding_id, updated_at, scope_start_at)
    """)

    def told(cut: date | None) -> list[tuple[str, int]]:
        lake = SimpleNamespace(expired_before=lambda _table: cut, read=lambda _table: made)
        rows = investigations._still_told(cast("Night", SimpleNamespace(lake=lake)), due).collect()
        return sorted((row.finding_id, row.updated_at.month) for row in rows)

    assert told(None) == [("new", 1), ("old", 1), ("old", 3)]
    assert told(date(2026, 2, 1)) == [("new", 1), ("old", 3)]


def test_sql_table__elsewhere_it_is_the_same_with_spark(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = FolderTable(VISITS, str(tmp_path / "visits"))
    local.create()
    for name in ("ann", "bob", "cid"):
        local.append(
            pa.Table.from_pylist([{"visitor": name, "day": day} for day in _DAYS], _VISITS).to_reader(),
            json.dumps(name),
        )
    monkeypatch.setattr(Lake, "is_local", False)
    lake = Lake(str(tmp_path), lambda: spark)
    table, since = lake.log(VISITS), DeltaTable(lake.path(VISITS)).version()
    assert table.file_count == 6
    table.compact([_DAYS[0]], VISITS.z_order, '"told"')
    assert (table.file_count, table.has_changes(since)) == (4, False)
    assert lake.touched_days(VISITS, since) == []
    table.set_properties({"rolescope.x": "it's"}, '"told"')
    assert table.properties["rolescope.x"] == "it's"
    assert table.vacuum(0, '"told"') == 3
    assert not table.has_changes(since)
    table.delete_before(_DAYS[1], '"told"')
    assert not table.has_changes(since)
    local.append(pa.Table.from_pylist([{"visitor": "dan", "day": _DAYS[1]}], _VISITS).to_reader(), '"told"')
    assert table.has_changes(since)
    assert local.told(1)[1] == ['"told"']
    assert {file.day for file in FolderLog(VISITS, str(tmp_path / "visits")).files()} == {_DAYS[1]}
