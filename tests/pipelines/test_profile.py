"""Profiles that people ask for: which entity is meant, over which window."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipelines.preflight import NOTHING, WRONG_USE, StopError, hour_of, one_of
from pipelines.profile import Entity, find_entity, findings_beside, window_of

ROLE = "arn:aws:iam::111111111111:role/ops/deploy"
OTHER = "arn:aws:iam::222222222222:role/deploy"
ALICE = "arn:aws:iam::111111111111:user/alice"
SEEN = datetime(2026, 5, 1, 12, 10, tzinfo=UTC)


class Questions:
    """What is asked of a lake, as text: literals as DataFusion writes them."""

    @staticmethod
    def literal(text):
        return "'" + text.replace("'", "''") + "'"


class Lake(Questions):
    """Answers what the two tables are asked, from rows of (kind, id), and keeps the questions."""

    def __init__(self, *principals, sessions=()):
        self.principals, self.sessions, self.asked = principals, sessions, []

    def read_rows(self, table, columns, where, group_by=()):
        self.asked.append(where)
        if table.name == "role_sessions":
            return [row for row in self.sessions if f"'{row['role_session_id']}'" in where]
        return [
            {"principal_kind": kind, "principal_id": identifier, "last_seen_at": SEEN}
            for kind, identifier in self.principals
            if f"'{kind}'" in where
            and (
                f"principal_id = '{identifier}'" in where
                or any(f"= '{identifier[-n:]}'" in where for n in range(2, 60))
            )
        ]


class Night:
    """Has a lake and nothing else."""

    class settings:  # noqa: N801
        lake = "lake"

    def __init__(self, lake):
        self.lake = lake


def found(option, text, *principals, **rest):
    return find_entity(Night(Lake(*principals, **rest)), option, text)


def test_find_entity__takes_a_whole_id_or_a_name_that_only_one_has():
    assert found("role", ROLE, ("role", ROLE), ("role", OTHER)).id == ROLE
    role = found("role", "deploy", ("role", ROLE))
    assert (role.id, role.role_arn, role.account_id, role.last_seen_at) == (ROLE, ROLE, "111111111111", SEEN)
    session = {"role_session_id": "AROAX:alice", "role_arn": ROLE, "account_id": "111111111111"}
    named = found("role-session", "alice", ("role_session", "AROAX:alice"), sessions=[session])
    assert (named.id, named.role_arn, named.account_id) == ("AROAX:alice", ROLE, "111111111111")


def test_find_entity__of_several_with_one_name_it_takes_none_and_says_which_there_are():
    with pytest.raises(StopError, match="2 are called deploy") as stop:
        found("role", "deploy", ("role", ROLE), ("role", OTHER))
    assert stop.value.status == WRONG_USE
    assert OTHER in str(stop.value)


def test_find_entity__a_user_is_the_user_and_only_then_what_it_did_through_roles():
    assert found("user", ALICE, ("iam_user", ALICE), ("root", ALICE)).kind == "iam_user"
    assert found("user", "idp:sara", ("root", "idp:sara")).kind == "root"
    assert found("root", ALICE, ("iam_user", ALICE), ("root", ALICE)).kind == "root"


@pytest.mark.parametrize(
    ("option", "text", "status"),
    [
        ("role", "gone", NOTHING),
        ("ip", "1.2.3", WRONG_USE),
        ("account", "x' OR '1'='1", NOTHING),
        ("role", "a\\b", NOTHING),
    ],
)
def test_find_entity__what_is_not_there_or_cannot_be_is_one_sentence(option, text, status):
    with pytest.raises(StopError) as stop:
        found(option, text, ("role", ROLE))
    assert stop.value.status == status


def test_find_entity__what_is_typed_is_data():
    lake = Lake()
    with pytest.raises(StopError):
        find_entity(Night(lake), "account", "x' OR '1'='1")
    assert all("'x'' OR ''1''=''1'" in where or "right(" in where for where in lake.asked)


ENTITY = Entity("role", ROLE, "111111111111", ROLE, SEEN)


@pytest.mark.parametrize(
    ("first", "last", "scope"),
    [
        (None, None, ("2026-04-30T13", "2026-05-01T13")),
        ("2026-05-01T10", None, ("2026-05-01T10", "2026-05-02T10")),
        (None, "2026-05-01T10:30", ("2026-04-30T11", "2026-05-01T11")),
        ("2026-05-01T10:59", "2026-05-01T12:01", ("2026-05-01T10", "2026-05-01T13")),
        ("2026-05-01", "2026-05-02T02+02:00", ("2026-05-01T00", "2026-05-02T00")),
    ],
)
def test_window_of__is_whole_hours_and_by_default_the_day_that_ends_with_the_last_event(first, last, scope):
    window = window_of(ENTITY, hour_of("--from", first), hour_of("--to", last))
    assert (f"{window.start:%Y-%m-%dT%H}", f"{window.end:%Y-%m-%dT%H}") == scope


@pytest.mark.parametrize(("first", "last"), [("2026-05-02", "2026-05-01"), ("2024-01-01", "2026-01-01")])
def test_window_of__refuses_what_is_no_scope(first, last):
    with pytest.raises(StopError):
        window_of(ENTITY, hour_of("--from", first), hour_of("--to", last))


def test_hour_of__refuses_what_is_no_time():
    with pytest.raises(StopError, match="--from yesterday: not a day or an hour"):
        hour_of("--from", "yesterday")


@pytest.mark.parametrize("text", ["9999-12-31T23", "0001-01-01", "0001-01-01T00:00+01:00"])
def test_hour_of__refuses_years_that_no_log_is_of(text):
    with pytest.raises(StopError, match="no log is of that year"):
        hour_of("--to", text)


def test_one_of__wants_one_and_says_what_there_is():
    assert one_of({"role": None, "ip": "198.51.100.7"}) == ("ip", "198.51.100.7")
    for given in ({"role": None, "ip": None}, {"role": "a", "ip": "b"}, {"role": " ", "ip": None}):
        with pytest.raises(StopError):
            one_of(given)


def test_findings_beside__a_profile_that_is_asked_for_stays_beside_its_findings():
    class Made(Questions):
        def read_rows(self, table, columns, where):
            assert (table.name, where) == ("investigations", "investigation_id = 'abc'")
            return [{"beside_finding_ids": ["one", "two"]}, {"beside_finding_ids": None}]

    assert findings_beside(Night(Made()), "abc") == ["one", "two"]


def test_find_entity__an_address_that_made_no_call_is_known_by_its_flows():
    class Flows(Questions):
        version_of_flows = 1

        def version(self, table):
            return self.version_of_flows

        def read_rows(self, table, columns, where, group_by=()):
            if table.name != "vpc_flows":
                return []
            assert where == "source_ip = '203.0.113.9' OR destination_ip = '203.0.113.9'"
            return [{"account_id": "1", "last_at": SEEN}]

    address = find_entity(Night(Flows()), "ip", "203.0.113.9")
    assert (address.kind, address.id, address.last_seen_at) == ("ip_address", "203.0.113.9", SEEN)
    without = Flows()
    without.version_of_flows = 0
    with pytest.raises(StopError, match="there is no ip"):
        find_entity(Night(without), "ip", "203.0.113.9")
