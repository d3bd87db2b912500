"""Chains against a walk from parent to parent."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from expectations.tables import CREDENTIAL_SESSIONS
from tests.builders import Row, frame, row
from transforms.chain import build_chain_edges, close_chains

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ALICE = "arn:aws:iam::111111111111:user/alice"


class Rounds:
    """Settles between rounds, and remembers how many rows were open after each."""

    def __init__(self) -> None:
        self.still_open: list[int] = []

    def __call__(self, state: DataFrame, condition: str) -> tuple[DataFrame, int]:
        settled = state.localCheckpoint()
        self.still_open.append(settled.where(condition).count())
        return settled, self.still_open[-1]


def start(session: str, **fields: Any) -> Row:
    """Return a session at the start of its chain: it knows who issued it."""
    arn = f"arn:aws:iam::111111111111:role/{session}"
    return row(CREDENTIAL_SESSIONS, credential_session_id=session, role_arn=arn, **fields)


def below(parent: str, session: str, **fields: Any) -> Row:
    """Return a session that knows its parent only."""
    of_root = {"root_type": "Unknown", "root_id": None, "root_name": None, "root_account_id": None}
    return start(session, parent_session_id=parent, is_chained=True, **of_root, **fields)


def line(name: str, hops: int) -> list[Row]:
    return [start(f"{name}0"), *[below(f"{name}{hop}", f"{name}{hop + 1}") for hop in range(hops)]]


def closed(spark: SparkSession, sessions: list[Row], rooted: list[Row], settle: Rounds) -> dict[str, Row]:
    known = frame(spark, CREDENTIAL_SESSIONS, *sessions)
    found = close_chains(
        known.withColumn("pointer", known["parent_session_id"]), frame(spark, CREDENTIAL_SESSIONS, *rooted), settle
    )
    return {each.credential_session_id: each.asDict(recursive=True) for each in found.collect()}


OF_CHAIN = (
    "root_type", "root_id", "root_name", "root_account_id", "attribution_reason", "candidates", "attribution_confidence",
    "chain_depth", "chain",
)  # fmt: skip


def walked(sessions: list[Row], rooted: list[Row]) -> dict[str, tuple[Any, ...]]:
    """Say it slowly: from each session step to its parent until there is none, an unknown one, or one seen before."""
    mine = {each["credential_session_id"]: each for each in sessions}
    closed_before = {each["credential_session_id"]: each for each in rooted}
    return {name: _walked(name, mine, closed_before) for name in mine}


def _walked(name: str, mine: dict[str, Row], closed_before: dict[str, Row]) -> tuple[Any, ...]:
    path = [mine[name]]
    parent = path[0]["parent_session_id"]
    while parent in mine:
        if any(each["credential_session_id"] == parent for each in path):
            return ("Unknown", None, None, None, "NO_ISSUANCE", None, 0.0, 1, mine[name]["chain"])
        path.insert(0, mine[parent])
        parent = path[0]["parent_session_id"]
    reason = "NO_ISSUANCE" if parent and parent not in closed_before else None
    if parent in closed_before:
        path.insert(0, closed_before[parent])
    top = path[0]
    return (
        *[top[column] for column in ("root_type", "root_id", "root_name", "root_account_id")],
        reason or top["attribution_reason"],
        top["candidates"],
        min(each["attribution_confidence"] for each in path),
        sum(each["chain_depth"] for each in path),
        [arn for each in path for arn in each["chain"]],
    )


def forest(chance: random.Random) -> tuple[list[Row], list[Row]]:
    """Grow trees, on their own starts, below sessions closed before, below nothing known, and below loops."""
    rooted = [
        start(f"old{number}", root_id=f"user-{number}", chain=[f"x{number}"] * number, chain_depth=number,
              attribution_confidence=chance.choice([0.4, 0.95]), attribution_reason=chance.choice([None, "PENDING"]))
        for number in range(4)
    ]  # fmt: skip
    sessions = [start("ambiguous", root_id=None, root_type="Unknown", attribution_reason="AMBIGUOUS",
                      candidates=[{"type": "IAMUser", "id": ALICE, "name": None, "account_id": None}])]  # fmt: skip
    sessions += [start(f"top{number}", root_id=f"root-{number}") for number in range(5)]
    sessions += [below("nowhere", "lost"), below("self", "self"), below("two", "one"), below("one", "two")]
    sessions += [below(f"ring{(number + 1) % 7}", f"ring{number}") for number in range(7)]
    parents = [each["credential_session_id"] for each in (*rooted, *sessions)]
    for number in range(250):
        parent = chance.choice(parents[-9:] if number % 3 else parents)
        sure = chance.choice([0.99, 0.97, 0.9])
        sessions.append(below(parent, f"s{number}", attribution_confidence=sure))
        parents.append(f"s{number}")
    chance.shuffle(sessions)
    return sessions, rooted


def test_close_chains__agrees_with_a_walk_from_parent_to_parent(spark: SparkSession) -> None:
    sessions, rooted = forest(random.Random(11))
    sessions += line("deep", 45)
    found = closed(spark, sessions, rooted, Rounds())
    expected = walked(sessions, rooted)
    assert max(depth for *_, depth, _chain in expected.values()) == 46
    assert {name: tuple(each[column] for column in OF_CHAIN) for name, each in found.items()} == expected


def test_close_chains__names_the_first_session_that_is_known(spark: SparkSession) -> None:
    sessions = [start("a"), below("a", "b"), below("old", "c"), below("c", "d"), below("nowhere", "e"), below("e", "f")]
    found = closed(spark, sessions, [start("old", top_session_id="oldest")], Rounds())
    tops = {name: each["top_session_id"] for name, each in found.items()}
    assert tops == {"a": "a", "b": "a", "c": "oldest", "d": "oldest", "e": "e", "f": "e"}


@pytest.mark.parametrize(("hops", "rounds"), [(0, 0), (40, 6), (2_000, 11)])
def test_close_chains__rounds_grow_with_the_logarithm_of_the_depth(spark: SparkSession, hops: int, rounds: int) -> None:
    settle = Rounds()
    found = closed(spark, line("s", hops), [], settle)
    assert found[f"s{hops}"]["chain_depth"] == hops + 1
    assert settle.still_open == [hops, *[max(0, hops + 1 - 2**done) for done in range(1, rounds + 1)]]


def test_close_chains__leaves_a_loop_after_the_first_round_that_closes_nothing(spark: SparkSession) -> None:
    settle = Rounds()
    found = closed(spark, [below("b", "a"), below("a", "b"), below("b", "tail"), below("self", "self")], [], settle)
    assert settle.still_open == [4, 4]
    assert {(each["root_id"], each["attribution_reason"], each["attribution_confidence"], *each["chain"])
            for each in found.values()} == {
        (None, "NO_ISSUANCE", 0.0, f"arn:aws:iam::111111111111:role/{name}") for name in ("a", "b", "tail", "self")
    }  # fmt: skip


def test_close_chains__a_loop_is_the_same_whatever_is_closed_with_it(spark: SparkSession) -> None:
    ring = [below("b", "a"), below("c", "b"), below("a", "c"), below("a", "tail")]
    alone = closed(spark, ring, [], Rounds())
    beside = closed(spark, ring + line("s", 4), [], Rounds())
    assert {name: beside[name] for name in alone} == alone


def test_close_chains__what_comes_below_a_loop_later_is_as_if_it_had_been_there(spark: SparkSession) -> None:
    ring, tail = [below("b", "a"), below("a", "b")], [below("a", "tail"), below("tail", "end")]
    at_once = closed(spark, ring + tail, [], Rounds())
    before = [row(CREDENTIAL_SESSIONS, **each) for each in closed(spark, ring, [], Rounds()).values()]
    assert closed(spark, tail, before, Rounds()) == {name: at_once[name] for name in ("tail", "end")}
    assert {each["doubts"][-1] for each in at_once.values()} == {"its callers lead in a circle"}


def test_build_chain_edges__one_for_every_session_with_something_known_of_its_issuing(spark: SparkSession) -> None:
    sessions = [
        start("by-user", started_at="2026-05-01 10:00", binding_confidence=0.97, attribution_method="ECHO_ROLEID"),
        start("unbound", attribution_method=None, binding_confidence=None),
        start("by-role", parent_session_id="by-user", is_chained=True, chain=["first", "second"], is_cross_account=True,
              assumed_by_type="AssumedRole", assumed_by_id="AROAX:sara", attribution_confidence=0.4),
        start("by-unseen-role", is_chained=True, assumed_by_type="AssumedRole", issuing_event_ids=None),
    ]  # fmt: skip
    edges = {
        each.child_session_id: each
        for each in build_chain_edges(frame(spark, CREDENTIAL_SESSIONS, *sessions)).collect()
    }
    assert {
        name: (each.parent_type, each.parent_id, each.parent_session_id, each.parent_role_arn, each.is_chain)
        for name, each in edges.items()
    } == {
        "by-user": ("IAMUser", ALICE, None, None, False),
        "by-role": ("AssumedRole", "AROAX:sara", "by-user", "first", True),
        "by-unseen-role": ("AssumedRole", ALICE, None, None, True),
    }
    assert (edges["by-user"].method, edges["by-user"].confidence) == ("ECHO_ROLEID", 0.97)
    assert edges["by-role"].confidence == 0.99  # its own, not its chain's
    assert (edges["by-user"].evidence_event_ids, edges["by-unseen-role"].evidence_event_ids) == (["issue-1"], [])
