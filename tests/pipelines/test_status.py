"""What `rolescope status` prints: the same from a local lake, which needs no Spark, and from one that does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from expectations.tables import INGEST_FAILURES, INGEST_FILES
from pipelines import status
from pipelines.creation import create_in_folder
from pipelines.lake import Consumed, Lake
from pipelines.night import Night
from pipelines.settings import load_settings
from tests.pipelines.conftest import Ran
from transforms.cloudtrail.arrow import arrow_schema

ACCOUNT = "111111111111"


def test_print__a_narrow_terminal_cuts_no_account(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    table = status._table("Ingested", "account", "events to")
    table.add_row(ACCOUNT, "2026-03-02 08:05:00")
    status._print(table)
    assert f"{ACCOUNT}   2026-03-02 08:05:00" in capsys.readouterr().out


def test_cell__takes_no_markup_and_no_commands() -> None:
    assert status._cell("\x1b[2J[red]x[/red]") == "[U+001B][2J\\[red]x\\[/red]"


def test_print_status__counts_what_was_ingested(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    status.print_status(ran.settings)
    lines = capsys.readouterr().out.splitlines()
    summary = json.loads((ran.organisation / "truth" / "summary.json").read_text(encoding="utf-8"))
    counts = {
        source: [int(line.split()[-2].replace(",", "")) for line in lines if line.strip().startswith(f"{source} ")]
        for source in ("cloudtrail", "cloudtrail-digest")
    }
    assert {source: len(of_accounts) for source, of_accounts in counts.items()} == {
        "cloudtrail": 3,
        "cloudtrail-digest": 3,
    }
    assert sum(counts["cloudtrail"]) == summary["records_written"]
    assert sum(counts["cloudtrail-digest"]) == len(list((ran.organisation / "logs").rglob("*_CloudTrail-Digest_*")))
    assert any("nothing was rejected" in line for line in lines)
    assert any(line.rstrip().endswith("success") for line in lines)


def test_print_status__says_what_could_not_be_read_so_far(
    tmp_path: Path, dagster_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(lake=str(tmp_path / "lake"))
    failure = {
        "source": "cloudtrail",
        "prefix": "s3://trail/AWSLogs/222222222222/CloudTrail/",
        "unread_from_date": date(2026, 3, 1),
        "unread_to_date": date(2026, 3, 2),
        "reason": "access denied",
        "batch_id": "run",
        "failed_at": datetime(2026, 3, 3, tzinfo=UTC),
    }
    rows = pa.Table.from_pylist([failure], schema=arrow_schema(INGEST_FAILURES.columns))
    Night(settings).lake.append(INGEST_FAILURES, rows, Consumed())
    status.print_status(settings)
    told = capsys.readouterr().out
    for part in ("Not read so far", "s3://trail/AWSLogs/222222222222/CloudTrail/", "2026-03-01", "access denied"):
        assert part in told


def test_print_status__says_the_same_with_spark(
    ran: Ran, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status.print_status(ran.settings)
    without = capsys.readouterr().out
    monkeypatch.setattr(Lake, "is_local", False)
    monkeypatch.setattr(Night, "_begin_spark", lambda _night: ran.lake.spark)
    status.print_status(ran.settings)
    assert capsys.readouterr().out == without


@pytest.mark.parametrize(
    ("command", "said_of_it"), [(["status"], "nothing was rejected"), (["event", "x"], "no event x")]
)
def test_status_and_event__make_nothing_in_a_lake_that_lacks_tables(
    command: list[str], said_of_it: str, tmp_path: Path, said: Callable[..., tuple[int, str]]
) -> None:
    lake = tmp_path / "lake"
    create_in_folder(INGEST_FILES, str(lake / INGEST_FILES.name))
    before = {each: each.stat().st_mtime_ns for each in lake.rglob("*")}
    assert said_of_it in said(*command, "--lake", lake)[1]
    assert {each: each.stat().st_mtime_ns for each in lake.rglob("*")} == before
