"""The DuckDB script that the job is compared with does what it says: its results against the truth of the generator."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from benchmarks.limit import limit
from benchmarks.organisation import Parameters, Summary, generate
from benchmarks.peer.__main__ import build, days_between
from benchmarks.peer.objects import LogObject, list_objects, portions

PARAMETERS = Parameters(accounts=5, days=12, events_per_day=400, seed=5, events_per_object=50)


@pytest.fixture(scope="module")
def organisation(tmp_path_factory) -> tuple[Path, Summary]:
    folder = tmp_path_factory.mktemp("organisation")
    return folder, generate(folder, PARAMETERS)


@pytest.fixture(scope="module")
def logs(organisation) -> Path:
    return organisation[0] / "logs" / "cloudtrail"


@pytest.fixture(scope="module")
def made(logs, tmp_path_factory) -> Path:
    """All of it at once, but in many portions."""
    target = tmp_path_factory.mktemp("peer") / "made"
    build(logs, target, most=50_000)
    return target


def rows(query: str, **parameters):
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    return database.execute(query, parameters).fetchall()


def sessions_of(target: Path) -> list:
    columns = "session_id, principal_id, started_at, event_count, list_sort(access_key_ids), parent_session_id, root_type, root_id, chain"
    return rows(f"SELECT {columns} FROM '{target}/sessions.parquet' ORDER BY ALL")


def test_build__every_event_is_there_once_whatever_the_portions(made, organisation):
    [(events, distinct)] = rows(
        f"SELECT count(*), count(DISTINCT recipient_account_id || event_id) FROM '{made}/events/*/*.parquet'"
    )
    assert events == distinct == organisation[1].distinct_events


def test_build__no_token_is_left(made, logs):
    raw = b"".join(gzip.decompress(path.read_bytes()) for path in logs.rglob("*_CloudTrail_*.json.gz"))
    assert b'"sessionToken":"' in raw
    assert (
        rows(f"SELECT count(*) FROM '{made}/events/*/*.parquet' WHERE response_elements LIKE '%sessionToken%'")[0][0]
        > 0
    )
    left = "SELECT count(*) FROM '{}/events/*/*.parquet' WHERE regexp_matches(response_elements, '\"sessionToken\":\"[^\\[]')"
    assert rows(left.format(made)) == [(0,)]


def test_build__role_sessions_are_those_of_the_truth_with_their_roots_and_chains(made, organisation):
    lines = (organisation[0] / "truth" / "sessions.jsonl").read_text(encoding="utf-8").splitlines()
    truth = Counter(
        (each["principal_id"], each["started_at"], each["root_type"], each["root_id"], tuple(each["chain"]))
        for each in map(json.loads, lines)
        if each["role_arn"] is not None
    )
    found = Counter(
        (principal, f"{started:%Y-%m-%dT%H:%M:%SZ}", root_type, root_id, tuple(chain))
        for _, principal, started, _, _, _, root_type, root_id, chain in sessions_of(made)
    )
    assert truth.total() > 200
    assert found == truth


def test_build__a_day_more_gives_what_all_days_at_once_give(made, logs, tmp_path):
    last = max(each.day for each in list_objects(logs))
    tonight = date.fromisoformat(last.replace("/", "-"))
    build(logs, tmp_path / "grown", days_between(PARAMETERS.start, tonight - timedelta(days=2)))
    for day in (tonight - timedelta(days=1), tonight):
        build(logs, tmp_path / "grown", [day])
    assert sessions_of(tmp_path / "grown") == sessions_of(made)
    daily = """
        SELECT activity_date, principal_id, dimension, value, sum(success_count), sum(failed_count)
        FROM '{}/principal_daily/*.parquet' GROUP BY ALL ORDER BY ALL
    """
    assert rows(daily.format(tmp_path / "grown")) == rows(daily.format(made))


def test_build__rollups_count_each_call_once(made):
    counted = "SELECT sum(success_count + failed_count) FROM '{}/{}/*.parquet' {}"
    events = "SELECT count(*) FROM '{}/events/*/*.parquet' WHERE userIdentity.type <> 'AWSAccount' AND eventCategory = 'Management'"
    [(expected,)] = rows(events.format(made))
    assert expected > 0
    assert rows(counted.format(made, "principal_daily", "WHERE dimension = 'api'")) == [(expected,)]
    assert rows(counted.format(made, "api_hourly", "")) == [(expected,)]


def test_build__a_record_that_is_no_event_is_kept_without_its_token(tmp_path):
    good = {
        "eventID": "e-1",
        "eventTime": "2026-03-04T10:00:00Z",
        "recipientAccountId": "111111111111",
        "userIdentity": {"type": "Root"},
        "eventCategory": "Management",
    }
    bad = {**good, "eventID": "e-2", "eventTime": "yesterday", "responseElements": {"sessionToken": "FwoGSECRET"}}
    folder = tmp_path / "AWSLogs/111111111111/CloudTrail/us-east-1/2026/03/04"
    folder.mkdir(parents=True)
    name = "111111111111_CloudTrail_us-east-1_20260304T1005Z_0123456789abcdef.json.gz"
    (folder / name).write_bytes(gzip.compress(json.dumps({"Records": [good, bad, 7]}).encode()))
    told = build(tmp_path, tmp_path / "made")
    assert (told["events"], told["rejects"]) == (1, 2)
    rejects = rows(f"SELECT record_index, excerpt FROM '{tmp_path}/made/rejects/*.parquet' ORDER BY 1")
    assert [index for index, _ in rejects] == [1, 2]
    assert "yesterday" in rejects[0][1]
    assert "FwoGSECRET" not in rejects[0][1]


def test_list_objects__of_a_day_are_those_of_its_folder(logs):
    everything = list_objects(logs)
    day = everything[len(everything) // 2].day
    named = date.fromisoformat(day.replace("/", "-"))
    assert list_objects(logs, [named]) == [each for each in everything if each.day == day]
    assert not any("Digest" in each.path for each in everything)


def test_portions__hold_at_most_so_many_bytes_and_lose_nothing():
    objects = [LogObject(str(number), size, "2026/03/04") for number, size in enumerate((5, 5, 30, 1, 9))]
    made = list(portions(objects, most=10))
    assert [[each.size for each in portion] for portion in made] == [[5, 5], [30], [1, 9]]


def test_limit__parses_every_record_of_the_logs(logs, organisation):
    told = limit(logs)
    assert (told["objects"], told["records"]) == (organisation[1].log_objects, organisation[1].records_written)
