"""What an analyst's queries about one session read: of tables made here by delta-rs, without Spark."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from benchmarks.session_query import ask, measure

DAYS = 40
SESSIONS = 30  # a day
FIRST = date(2026, 1, 1)
MOMENT = pa.timestamp("us", tz="UTC")


def table(rows: list[dict], schema: dict[str, pa.DataType]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema(list(schema.items())))


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """Sessions of three events each, with usage, in a table of days."""
    folder = tmp_path_factory.mktemp("lake")
    sessions, usage, events = [], [], []
    for number in range(DAYS * SESSIONS):
        day = FIRST + timedelta(days=number // SESSIONS)
        at = datetime(day.year, day.month, day.day, 12, number % SESSIONS, tzinfo=UTC)
        name, principal = f"session-{number:05}", f"AROAX:user-{number % SESSIONS}"
        of = {"principal_id": principal, "session_created_at": at, "event_date": day}
        sessions.append(
            {
                "credential_session_id": name,
                "role_session_id": principal,
                "started_at": at,
                "started_date": day,
                "first_event_at": at,
                "last_event_at": at,
                "event_count": 3,
                "attribution_status": "resolved",
                "access_key_ids": [f"ASIA{number}"],
            }
        )
        usage.append({**of, "credential_session_id": name, "access_key_id": f"ASIA{number}", "event_count": 3})
        text = {
            "event_source": "s3",
            "event_name": "Get",
            "outcome": "success",
            "source_ip": "198.51.100.1",
            "user_agent": "cli",
        }
        bodies = [sha256(f"{number} {part}".encode()).hexdigest() for part in range(3)]
        events += [{**of, **text, "event_at": at, "request_parameters": body} for body in bodies]
    text_ = pa.string()
    of_ = {"event_date": pa.date32(), "principal_id": text_, "session_created_at": MOMENT}
    names = ("event_source", "event_name", "outcome", "source_ip", "user_agent", "request_parameters")
    schemas = {
        "credential_sessions": {
            **dict.fromkeys(("credential_session_id", "role_session_id"), text_),
            "started_date": pa.date32(),
            **dict.fromkeys(("started_at", "first_event_at", "last_event_at"), MOMENT),
            "event_count": pa.int64(),
            "attribution_status": text_,
            "access_key_ids": pa.list_(text_),
        },
        "session_usage": {**of_, "credential_session_id": text_, "access_key_id": text_, "event_count": pa.int64()},
        "cloudtrail_events": {**of_, "event_at": MOMENT, **dict.fromkeys(names, text_)},
    }
    partitions = {
        "credential_sessions": "started_date",
        "session_usage": "event_date",
        "cloudtrail_events": "event_date",
    }
    for name, rows in (("credential_sessions", sessions), ("session_usage", usage), ("cloudtrail_events", events)):
        write_deltalake(folder / name, table(rows, schemas[name]), partition_by=[partitions[name]])
    return folder


def test_ask__finds_all_events_of_the_session_and_counts_what_it_read(lake):
    read = ask(lake, "session-00700", date(2026, 1, 24))
    assert (read.found, read.events) == (3, 3)
    assert all(of > 0 for of in read.by_table.values())


def test_ask__reads_the_events_of_the_session_s_days_alone(lake):
    read = ask(lake, "session-00700", date(2026, 1, 24))
    one_day = sum(each.stat().st_size for each in lake.glob("cloudtrail_events/event_date=2026-01-24/*.parquet"))
    log = sum(each.stat().st_size for each in lake.glob("cloudtrail_events/_delta_log/*"))
    all_days = sum(each.stat().st_size for each in lake.glob("cloudtrail_events/*/*.parquet"))
    assert one_day > 0
    assert read.by_table["cloudtrail_events"] < 3 * (one_day + log) < all_days


def test_measure__is_the_share_of_the_lake_that_was_read(lake):
    line = measure(lake, 2 * DAYS * SESSIONS)
    size = sum(each.stat().st_size for each in lake.glob("*/*/*.parquet"))
    read = sum(line.facts[f"{name}_MB"] for name in ("credential_sessions", "session_usage", "cloudtrail_events"))
    assert line.facts["lake_MB"] == pytest.approx(size / 1e6)
    assert line.ratio == pytest.approx(read * 1e6 / size)
