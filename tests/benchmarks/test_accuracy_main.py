"""The command, on a lake that is made from the truth itself: no job runs."""

import json
from datetime import date, datetime

import pytest

from benchmarks.accuracy.__main__ import main, nights_of
from benchmarks.accuracy.comparison import MISSING, SESSION_COLUMNS, judge
from benchmarks.cases import Parameters, generate
from tests.benchmarks.judged import MALLORY


@pytest.mark.parametrize("count", [1, 2, 7, 10, 99])
def test_nights_of__every_day_is_in_one_run(count):
    nights = list(nights_of(date(2026, 3, 2), date(2026, 3, 11), count))
    days = [date.fromordinal(day) for first, last in nights for day in range(first.toordinal(), last.toordinal() + 1)]
    assert days == [date(2026, 3, day) for day in range(2, 12)]
    assert len(nights) == min(count, 10)


@pytest.fixture
def lake(monkeypatch, tmp_path):
    """Let `main` run no job and find a lake that says just what the truth says; a test may change its rows."""
    rows, runs = {}, []

    def run(arguments):
        runs.append(arguments)
        rows.update(lake_of(tmp_path / "truth"))
        return 0

    monkeypatch.setattr("benchmarks.accuracy.__main__.exit_status_of", run)
    monkeypatch.setattr("benchmarks.accuracy.__main__.read_tables", lambda _: rows)
    return rows, runs


ARGUMENTS = ["--organisations", "1", "--noise", "0", "--depth", "4", "--out"]


def test_main__a_lake_that_says_the_truth_is_exact(lake, tmp_path, capsys):
    assert main([*ARGUMENTS, str(tmp_path), "--strict"]) == 0
    assert "precision 100.00%" in capsys.readouterr().out
    told = json.loads((tmp_path / "accuracy.json").read_text())
    assert (told["precision"], told["recall"], told["different"], told["failed_checks"]) == (1.0, 1.0, [], [])


def test_main__one_wrong_root_is_status_1(lake, tmp_path, monkeypatch):
    rows, _ = lake

    def spoiled(_):
        rows["credential_sessions"][0]["root_id"] = MALLORY[1]
        return rows

    monkeypatch.setattr("benchmarks.accuracy.__main__.read_tables", spoiled)
    assert main([*ARGUMENTS, str(tmp_path)]) == 1
    [wrong] = json.loads((tmp_path / "accuracy.json").read_text())["wrong"]
    assert (wrong["case"], wrong["told"]["root_id"]) == (1, MALLORY[1])


def test_main__a_run_that_fails_is_its_status(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.accuracy.__main__.exit_status_of", lambda _: 130)
    assert main([*ARGUMENTS, str(tmp_path)]) == 130


def test_main__divides_the_days_among_nights(lake, tmp_path):
    _, runs = lake
    assert main([*ARGUMENTS, str(tmp_path), "--nights", "3"]) == 0
    spans = [(run[run.index("--from") + 1], run[run.index("--to") + 1]) for run in runs]
    assert spans == [("2026-03-02", "2026-03-04"), ("2026-03-05", "2026-03-07"), ("2026-03-08", "2026-03-11")]


def test_main__refuses_parameters_that_make_no_cases(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--organisations", "0", "--out", str(tmp_path)])
    assert "organisations is 0" in capsys.readouterr().err


def test_truth__can_be_said_by_a_lake(tmp_path):
    """No two sessions of the truth are the same row, every parent is a row, and no check is against a session."""
    generate(tmp_path, Parameters(organisations=2, noise=0))
    result = judge(*truth_in(tmp_path / "truth"), lake_of(tmp_path / "truth"))
    assert result.is_exact
    assert result.count(MISSING) == 0


def truth_in(folder):
    """Return the lines of sessions.jsonl and of checks.jsonl."""
    texts = [(folder / f"{name}.jsonl").read_text() for name in ("sessions", "checks")]
    return [[json.loads(line) for line in text.splitlines()] for text in texts]


def lake_of(folder):
    """Return the tables of a lake that says just what the truth says."""
    truths, checks = truth_in(folder)
    ids = {found_by(each): f"session-{number}" for number, each in enumerate(truths)}
    sessions = [row_of(each, ids) for each in truths]
    tried = [
        {**each["where"], **each["facts"]} for each in checks if each["table"] == "role_assumptions" and each["count"]
    ]
    return {"credential_sessions": sessions, "role_assumptions": tried}


def found_by(line):
    return line["principal_id"], line["started_at"], line["access_key_id"]


def row_of(line, ids):
    is_resolved = line["status"] == "resolved"
    assumed_by = line["assumed_by"][0] if is_resolved else {"type": None, "id": None}
    return {
        **dict.fromkeys(SESSION_COLUMNS),
        "credential_session_id": ids[found_by(line)],
        "principal_id": line["principal_id"],
        "started_at": datetime.fromisoformat(line["started_at"]),
        "access_key_ids": [line["access_key_id"]] if line["access_key_id"] else [],
        "issuing_event_ids": [],
        "attribution_status": line["status"],
        "attribution_reason": next(iter(line["reasons"]), None),
        "attribution_method": next(iter(line["methods"]), None),
        "assumed_by_type": assumed_by["type"],
        "assumed_by_id": assumed_by["id"],
        "candidates": line["candidates"] or [],
        "parent_session_id": parent_of(line, ids),
        **{name: line[name] for name in ("root_type", "root_id", "root_account_id", "chain_depth", "chain")},
        **line["facts"],
    }


def parent_of(line, ids):
    return ids[found_by(line["parent"])] if line["parent"] else None
