"""The comparison of a lake with the truth, on rows made by hand."""

from datetime import UTC, datetime

import pytest

from benchmarks.accuracy.comparison import AMBIGUOUS, MISSING, RIGHT, UNRESOLVED, WRONG
from tests.benchmarks.judged import ALICE, MALLORY, ROLE, check, judged, row, truth, unbound, unknown


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
