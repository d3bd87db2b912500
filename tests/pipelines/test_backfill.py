"""A long stretch of days, month by month: a call begins with the first month that is not done, and says how long the rest takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from deltalake import Schema

from expectations.tables import CLOUDTRAIL_EVENTS, INGEST_FILES, LOG_COVERAGE
from pipelines import commands
from pipelines.backfill import Estimate, Month, months_between, months_to_do, spoken
from pipelines.creation import delta_field
from pipelines.lake import EXPIRED_BEFORE, Consumed, Lake
from pipelines.night import Night
from pipelines.preflight import NOTHING, StopError
from pipelines.settings import Settings, load_settings
from pipelines.sources.folder import list_objects
from pipelines.sources.layout import CLOUDTRAIL
from pipelines.stages import stages
from tests.pipelines.conftest import put
from tests.s3_server import TestBucket

FIRST, LAST = date(2025, 11, 20), date(2026, 2, 3)
Said = Callable[..., tuple[int, str]]


@pytest.fixture
def settings(at_a_prompt: None, tmp_path: Path) -> Settings:
    """An object on the first day of each month of a stretch, and one on its last day."""
    put(tmp_path / "logs", "2025-11-20", "2025-12-01", "2026-01-01", "2026-02-01", "2026-02-03")
    return load_settings(cloudtrail=str(tmp_path / "logs"), lake=str(tmp_path / "lake"))


def read(settings: Settings, first: date, last: date, *, is_consumed: bool = True) -> None:
    """Do what a run does, as far as a backfill looks at it: put the objects into the ledger, and have every stage follow."""
    lake = Night(settings).lake
    known = {row["uri"] for row in lake.read_rows(INGEST_FILES, ["uri"])} if lake.version(INGEST_FILES) else set()
    rows = [
        {
            "uri": each.uri, "etag": each.etag, "source": each.source, "status": "ingested", "rejected_count": 0, "record_count": 0,
            "batch_id": "b", "ingested_at": datetime.now(UTC), "publish_date": each.publish_date,
        }
        for each in list_objects(str(settings.cloudtrail), CLOUDTRAIL, first, last) if each.uri not in known
    ]  # fmt: skip
    schema = pa.schema(Schema([delta_field(column) for column in INGEST_FILES.columns]))
    filled = [{name: row.get(name) for name in INGEST_FILES.column_names} for row in rows]
    if filled:
        lake.append(INGEST_FILES, pa.Table.from_pylist(filled, schema), Consumed())
    for stage in stages() if is_consumed else ():
        for table in stage.tables:
            lake.mark(table, Consumed({upstream.name: lake.version(upstream) for upstream in stage.upstream}))


def to_do(settings: Settings) -> list[str]:
    return [str(month) for month in months_to_do(settings, Night(settings).lake, FIRST, LAST)[0]]


@pytest.fixture
def ran(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[tuple[date, date]]:
    """The days of the runs that a backfill made."""
    days: list[tuple[date, date]] = []

    def run_job(settings: Settings, first: date, last: date) -> tuple[SimpleNamespace, list[str]]:
        days.append((first, last))
        read(settings, first, last)
        return SimpleNamespace(settings=settings), [f"an object of {first:%B}"]

    monkeypatch.setattr(commands, "run_job", run_job)
    return days


def test_months_between__the_first_and_the_last_may_be_parts() -> None:
    assert list(months_between(FIRST, LAST)) == [
        (FIRST, date(2025, 11, 30)),
        (date(2025, 12, 1), date(2025, 12, 31)),
        (date(2026, 1, 1), date(2026, 1, 31)),
        (date(2026, 2, 1), LAST),
    ]
    assert list(months_between(FIRST, FIRST)) == [(FIRST, FIRST)]
    assert len(list(months_between(date(2025, 3, 1), date(2026, 2, 28)))) == 12


def test_months_to_do__are_those_with_an_object_that_the_ledger_does_not_know(settings: Settings) -> None:
    assert to_do(settings) == ["2025-11", "2025-12", "2026-01", "2026-02"]
    read(settings, FIRST, date(2025, 12, 31))
    assert to_do(settings) == ["2026-01", "2026-02"]
    put(Path(str(settings.cloudtrail)), "2025-11-21", name="late.json.gz")
    assert to_do(settings) == ["2025-11", "2026-01", "2026-02"]


def test_months_to_do__a_bucket_is_listed_like_a_folder_and_flow_logs_count_too(
    bucket: TestBucket, settings: Settings, tmp_path: Path
) -> None:
    of_account = "AWSLogs/111111111111"
    bucket.put(f"{of_account}/CloudTrail/us-east-1/2025/12/01/a.json.gz")
    put(tmp_path / "flows", "2026-02-01", kind="vpcflowlogs", name="a.log.gz")
    where = {"cloudtrail": f"s3://{bucket.name}", "flows": str(tmp_path / "flows"), "s3_endpoint": bucket.address}
    assert to_do(settings.model_copy(update=where)) == ["2025-12", "2026-02"]
    bucket.deny("ListBucket", f"{of_account}/")
    assert to_do(settings.model_copy(update=where)) == ["2026-02"]


def test_months_to_do__one_that_was_read_and_not_followed_by_every_table_is_not_done(settings: Settings) -> None:
    read(settings, FIRST, date(2025, 12, 31), is_consumed=False)
    assert to_do(settings) == ["2025-12", "2026-01", "2026-02"]
    read(settings, FIRST, LAST, is_consumed=False)
    assert to_do(settings) == ["2026-02"]
    read(settings, FIRST, LAST)
    assert to_do(settings) == []


def test_backfill__runs_month_by_month_and_says_how_far_it_is(
    settings: Settings, ran: list[tuple[date, date]], said: Said
) -> None:
    status, text = said("backfill", "--cloudtrail", settings.cloudtrail)
    assert ran == list(months_between(FIRST, LAST))
    lines = [line for line in text.splitlines() if line.startswith("backfill: ")]
    assert lines[0] == "backfill: 0 of 4 months done, 0 of 5 objects"
    assert lines[1].startswith("backfill: 2025-11: 1 of 4 months done, 1 of 5 objects")
    assert lines[4] == "backfill: 2026-02: 4 of 4 months done, 5 of 5 objects"
    assert status == 3
    assert "left out: an object of November" in text


def test_backfill__goes_on_with_the_first_month_that_is_not_done(
    settings: Settings, ran: list[tuple[date, date]], said: Said
) -> None:
    read(settings, FIRST, date(2025, 12, 31))
    _, text = said("backfill", "--cloudtrail", settings.cloudtrail)
    assert [first for first, _ in ran] == [date(2026, 1, 1), date(2026, 2, 1)]
    assert "backfill: 2 of 4 months done, 0 of 3 objects" in text
    ran.clear()
    status, text = said("backfill", "--cloudtrail", settings.cloudtrail)
    assert (status, ran) == (0, [])
    assert "backfill: 4 of 4 months done, 0 of 0 objects" in text


def test_backfill__a_month_that_fails_is_named_and_those_before_it_stay(
    settings: Settings, ran: list[tuple[date, date]], said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job = commands.run_job

    def failing(settings: Settings, first: date, last: date) -> Any:
        if first.month == 1:
            raise StopError(NOTHING, "no room on the disk")
        return run_job(settings, first, last)

    monkeypatch.setattr(commands, "run_job", failing)
    status, text = said("backfill", "--cloudtrail", settings.cloudtrail)
    assert status == 1
    assert text.splitlines()[-1] == "rolescope: backfill, 2026-01: no room on the disk"
    assert to_do(settings) == ["2026-01", "2026-02"]


def test_backfill__what_has_expired_is_left_out_and_that_is_said(
    settings: Settings, ran: list[tuple[date, date]], said: Said
) -> None:
    lake = Night(settings).lake
    lake.log(CLOUDTRAIL_EVENTS).set_properties({EXPIRED_BEFORE: "2026-01-01"}, Consumed().as_json())
    _, text = said("backfill", "--cloudtrail", settings.cloudtrail)
    assert [first for first, _ in ran] == [date(2026, 1, 1), date(2026, 2, 1)]
    assert "left out: what was published from 2025-11-20 to the day before 2026-01-01: these days have expired" in text


def test_backfill__stops_for_what_a_run_stops_for(said: Said, at_a_prompt: None) -> None:
    assert said("backfill") == (
        2, "rolescope: nothing to read: name a folder with --cloudtrail, --findings or --flows"
    )  # fmt: skip


def test_estimate__goes_by_the_bytes_that_were_read_in_the_time() -> None:
    months = [
        Month(FIRST, FIRST, 100, 10_000_000),
        Month(FIRST, FIRST, 300, 30_000_000),
        Month(FIRST, FIRST, 1, 20_000_000),
    ]
    estimate = Estimate(months, 12)
    assert estimate.told(0, 0) == "9 of 12 months done, 0 of 401 objects"
    assert (
        estimate.told(1, 60)
        == "10 of 12 months done, 100 of 401 objects, 2 objects and 0.2 MB a second, about 5 min left"
    )
    assert (
        estimate.told(2, 100)
        == "11 of 12 months done, 400 of 401 objects, 4 objects and 0.4 MB a second, about 50 s left"
    )
    assert estimate.told(3, 100) == "12 of 12 months done, 401 of 401 objects"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (40, "40 s"), (720, "12 min"), (7_800, "2 h 10 min"), (100_800, "1 d 4 h"), (3_590, "1 h 0 min")],
)
def test_spoken__says_a_duration_as_one_does(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def test_months_to_do__a_new_lake_is_made_by_the_run_and_not_behind(settings: Settings) -> None:
    lake = Lake(settings.lake_uri, lambda: pytest.fail("no Spark is needed"))
    lake.open([INGEST_FILES, LOG_COVERAGE])
    assert len(months_to_do(settings, lake, FIRST, LAST)[0]) == 4
