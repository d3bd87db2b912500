"""The comparison of a lake with the truth, on rows made by hand; and on a lake that is made from the truth itself."""

import io
import json
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from benchmarks.accuracy.__main__ import main, nights_of
from benchmarks.accuracy.comparison import AMBIGUOUS, MISSING, RIGHT, SESSION_COLUMNS, UNRESOLVED, WRONG, judge
from benchmarks.accuracy.telling import document, tell
from benchmarks.cases import Parameters, generate

ALICE = ("IAMUser", "arn:aws:iam::111122223333:user/alice")
MALLORY = ("IAMUser", "arn:aws:iam::111122223333:user/mallory")
ROLE = "arn:aws:iam::111122223333:role/deploy"


def truth(**overrides):
    """A session that alice made, by key, with one role."""
    return {
        "organisation": 1,
        "case": 1,
        "what": "",
        "principal_id": "AROA1:alice",
        "started_at": "2026-03-02T01:00:00Z",
        "access_key_id": None,
        "knowable": True,
        "status": "resolved",
        "reasons": [],
        "methods": ["KEY_EXACT"],
        "root_type": ALICE[0],
        "root_id": ALICE[1],
        "root_account_id": "111122223333",
        "assumed_by": [{"type": ALICE[0], "id": ALICE[1]}],
        "candidates": None,
        "chain_depth": 1,
        "chain": [ROLE],
        "parent": None,
        "facts": {"event_count": 3},
        **overrides,
    }


def unknown(**overrides):
    """A session of which nobody can say who made it."""
    nothing = {"root_type": "Unknown", "root_id": None, "root_account_id": None, "assumed_by": None, "methods": []}
    not_compared = {"chain": None, "chain_depth": None}
    return truth(**{"knowable": False, "status": "unresolved", **nothing, **not_compared, **overrides})


def row(**overrides):
    """The row that is right for `truth()`."""
    return {
        **dict.fromkeys(SESSION_COLUMNS),
        "credential_session_id": "session-1",
        "principal_id": "AROA1:alice",
        "account_id": "111122223333",
        "started_at": datetime(2026, 3, 2, 1, tzinfo=UTC),
        "event_count": 3,
        "access_key_ids": ["ASIA1"],
        "issuing_event_ids": ["event-1"],
        "assumed_by_type": ALICE[0],
        "assumed_by_id": ALICE[1],
        "root_type": ALICE[0],
        "root_id": ALICE[1],
        "root_account_id": "111122223333",
        "chain_depth": 1,
        "chain": [ROLE],
        "attribution_method": "KEY_EXACT",
        "attribution_status": "resolved",
        **overrides,
    }


def unbound(reason="NO_ISSUANCE", **overrides):
    nothing = {"root_type": "Unknown", "root_id": None, "root_account_id": None, "attribution_method": None}
    return row(**nothing, attribution_status="unresolved", attribution_reason=reason, **overrides)


def judged(truths, rows, checks=(), assumptions=()):
    return judge(truths, checks, {"credential_sessions": rows, "role_assumptions": list(assumptions)})


def one(of_truth, *rows):
    [only] = judged([of_truth], rows).sessions
    return only


def test_judge__the_right_root_is_right():
    assert (one(truth(), row()).verdict, one(truth(), row()).differences) == (RIGHT, ())


@pytest.mark.parametrize(
    "root", [{"root_id": MALLORY[1]}, {"root_type": "Root"}, {"root_type": "Unknown", "root_id": None}]
)
def test_judge__another_root_marked_resolved_is_wrong(root):
    assert one(truth(), row(**root)).verdict == WRONG


def test_judge__a_root_where_nobody_can_know_is_wrong():
    assert one(unknown(), row()).verdict == WRONG
    assert one(unknown(status="ambiguous"), row()).verdict == WRONG


def test_judge__a_root_that_is_right_though_it_need_not_be_known_is_right():
    happens_to_be = unknown(root_type=ALICE[0], root_id=ALICE[1])
    assert one(happens_to_be, row()).verdict == RIGHT
    assert not one(happens_to_be, unbound()).is_missed


def test_judge__what_is_not_resolved_is_missed_if_it_can_be_known():
    for verdict, status in ((AMBIGUOUS, "ambiguous"), (UNRESOLVED, "unresolved")):
        judgement = one(truth(), row(attribution_status=status))
        assert (judgement.verdict, judgement.is_missed) == (verdict, True)
    assert not one(unknown(), unbound()).is_missed


def test_judge__a_session_without_a_row_is_missing_and_missed():
    judgement = one(truth(), row(started_at=datetime(2026, 3, 2, 2, tzinfo=UTC)))
    assert (judgement.verdict, judgement.is_missed, judgement.row) == (MISSING, True, None)


def test_judge__twins_are_told_apart_by_a_key():
    twins = [row(access_key_ids=["ASIA1"]), row(credential_session_id="session-2", access_key_ids=["ASIA2"])]
    keyless = row(credential_session_id="session-3", access_key_ids=[], attribution_status="ambiguous")
    truths = [truth(access_key_id="ASIA1"), truth(access_key_id="ASIA2"), unknown(status="ambiguous")]
    result = judged(truths, [*twins, keyless])
    assert [each.row["credential_session_id"] for each in result.sessions] == ["session-1", "session-2", "session-3"]
    assert [each.verdict for each in result.sessions] == [RIGHT, RIGHT, AMBIGUOUS]


def test_judge__two_sessions_in_one_row_are_not_both_found():
    merged = row(access_key_ids=["ASIA1", "ASIA2"])
    result = judged([truth(access_key_id="ASIA1"), truth(access_key_id="ASIA2")], [merged])
    assert [each.verdict for each in result.sessions] == [RIGHT, MISSING]


def test_judge__one_session_in_two_rows_is_not_found():
    split = [row(), row(credential_session_id="session-2")]
    assert one(truth(access_key_id="ASIA1"), *split).verdict == MISSING


@pytest.mark.parametrize(
    ("got", "says"),
    [
        ({"attribution_method": "ECHO_ARN"}, "method is ECHO_ARN, not KEY_EXACT"),
        ({"root_account_id": None}, "root_account_id is None, not 111122223333"),
        ({"chain_depth": 2}, "chain_depth is 2, not 1"),
        ({"chain": []}, f"chain is [], not {[ROLE]}"),
        ({"assumed_by_id": MALLORY[1]}, f"assumed_by is {MALLORY}, not {ALICE}"),
        ({"parent_session_id": "session-9"}, "parent_session_id is session-9, not None"),
        ({"event_count": 4}, "event_count is 4, not 3"),
    ],
)
def test_judge__says_what_else_differs(got, says):
    judgement = one(truth(), row(**got))
    assert (judgement.verdict, judgement.differences) == (RIGHT, (says,))


def test_judge__of_methods_reasons_and_assumers_any_will_do():
    either = truth(
        methods=["SSO_LINK", "KEY_EXACT"], assumed_by=[{"type": "Root", "id": "x"}, {"type": ALICE[0], "id": ALICE[1]}]
    )
    assert one(either, row()).differences == ()
    assert one(unknown(reasons=["GAP", "NO_ISSUANCE"]), unbound()).differences == ()
    assert one(unknown(reasons=["GAP"]), unbound()).differences == ("reason is NO_ISSUANCE, not GAP",)


def test_judge__candidates_are_compared_as_a_set():
    both = [{"type": kind, "id": id_, "name": None, "account_id": None} for kind, id_ in (MALLORY, ALICE)]
    wanted = unknown(status="ambiguous", candidates=[{"type": kind, "id": id_} for kind, id_ in (ALICE, MALLORY)])
    got = row(attribution_status="ambiguous", candidates=both)
    assert one(wanted, got).differences == ()
    assert len(one(wanted, {**got, "candidates": both[:1]}).differences) == 1


def test_judge__a_parent_is_found_as_its_child_is():
    parent = {"principal_id": "AROA0:hub", "started_at": "2026-03-02T00:30:00Z", "access_key_id": None}
    hub = row(
        credential_session_id="session-0", principal_id="AROA0:hub", started_at=datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
    )
    child = truth(parent=parent)
    assert one(child, hub, row(parent_session_id="session-0")).differences == ()
    assert len(one(child, hub, row()).differences) == 1
    assert len(one(child, row(parent_session_id="session-0")).differences) == 1


def check(where, count, table="credential_sessions", **facts):
    return {"organisation": 1, "case": 9, "what": "", "table": table, "where": where, "count": count, "facts": facts}


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (check({"principal_id": "AROA1:alice"}, 1), ()),
        (check({"principal_id": "AROA1:alice"}, 0), ("1 rows, not 0",)),
        (check({"principal_id": "AROA1:alice", "account_id": "none"}, 0), ()),
        (check({"issuing_event_ids": "event-1"}, 0), ("1 rows, not 0",)),
        (check({"issuing_event_ids": "event"}, 0), ()),
        (check({"role_arn": ROLE}, 1, "role_assumptions", denied_count=2), ("denied_count is 1, not 2",)),
        (check({"role_arn": ROLE}, 1, "role_assumptions", denied_count=1), ()),
    ],
)
def test_judge__a_check_counts_rows_and_looks_at_them(wanted, says):
    tried = {
        "role_arn": ROLE,
        "assumed_by_type": ALICE[0],
        "assumed_by_id": ALICE[1],
        "success_count": 0,
        "denied_count": 1,
    }
    [only] = judged([], [row()], [wanted], [tried]).checks
    assert only.differences == says


def test_result__precision_is_over_what_is_marked_resolved_and_recall_over_what_can_be_known():
    starts = [datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in range(5)]
    truths = [truth(started_at=f"{at:%Y-%m-%dT%H:%M:%SZ}") for at in starts]
    rows = [row(credential_session_id=str(at), started_at=at) for at in starts]
    rows[0]["root_id"] = MALLORY[1]
    rows[1]["attribution_status"] = "unresolved"
    result = judged([*truths, unknown(principal_id="AROA9:nobody")], [*rows, unbound(principal_id="AROA9:nobody")])
    assert (result.precision, result.recall) == (3 / 4, 3 / 5)
    assert not result.holds


def test_result__without_sessions_there_are_no_rates():
    result = judged([], [])
    assert (result.precision, result.recall, result.holds) == (None, None, True)


@pytest.mark.parametrize(("missed", "holds"), [(0, True), (1, True), (2, False)])
def test_result__one_in_two_hundred_may_be_missed_and_none_be_wrong(missed, holds):
    starts = [f"2026-03-02T01:{number // 60:02}:{number % 60:02}Z" for number in range(200)]
    rows = [row(credential_session_id=at, started_at=datetime.fromisoformat(at)) for at in starts]
    for each in rows[:missed]:
        each["attribution_status"] = "unresolved"
    assert judged([truth(started_at=at) for at in starts], rows).holds == holds
    rows[-1]["root_id"] = MALLORY[1]
    assert not judged([truth(started_at=at) for at in starts], rows).holds


def test_result__is_exact_only_if_nothing_differs_and_every_check_holds():
    failed = check({"principal_id": "AROA1:alice"}, 0)
    assert judged([truth()], [row()]).is_exact
    assert not judged([truth()], [row(event_count=9)]).is_exact
    assert not judged([truth()], [row()], [failed]).is_exact
    assert judged([truth()], [row(event_count=9)], [failed]).holds


def test_tell__names_every_session_that_is_wrong_or_missed():
    result = judged([truth(), truth(organisation=2, principal_id="AROA2:alice")], [row(root_id=MALLORY[1])])
    console = Console(record=True, width=200, file=io.StringIO())
    tell(result, console)
    said = console.export_text()
    assert (
        f"AROA1:alice at 2026-03-02T01:00:00Z: is IAMUser {MALLORY[1]} by KEY_EXACT; should be IAMUser {ALICE[1]}"
        in said
    )
    assert "AROA2:alice at 2026-03-02T01:00:00Z: 0 rows are this session" in said
    assert "precision 0.00% of 1 marked resolved, recall 0.00% of 2 that can be known (at least 99.5%), 1 wrong" in said


def test_document__counts_by_case_and_by_method_and_lists_what_is_not_right():
    told = document(judged([truth(), unknown(case=24, principal_id="AROA2:x")], [row(root_id=MALLORY[1])]))
    assert json.loads(json.dumps(told)) == json.loads(json.dumps(told, default=str))
    assert {case: counts["wrong"] for case, counts in told["by_case"].items()} == {"1": 1, "24": 0}
    assert told["by_method"]["KEY_EXACT"]["sessions"] == 1
    assert [each["told"]["root_id"] for each in told["wrong"]] == [MALLORY[1]]
    assert (told["precision"], told["recall"], told["holds"]) == (0.0, 0.0, False)


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
