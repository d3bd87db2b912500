"""How sessions of a chain are related, on named cases and against a search of all paths on random families."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.investigations.relations import ANCESTOR, DESCENDANT, OTHER, SELF, relate


def test_relate__up_is_ancestor_down_is_descendant_and_another_branch_is_other():
    parents = {"sso": None, "admin": "sso", "demo": "admin", "deep": "demo", "sibling": "sso"}
    assert relate(parents, {"admin"}) == {
        "sso": (ANCESTOR, 1),
        "admin": (SELF, 0),
        "demo": (DESCENDANT, 1),
        "deep": (DESCENDANT, 2),
        "sibling": (OTHER, 0),
    }


def test_relate__a_parent_that_is_not_here_ends_the_way_up():
    assert relate({"b": "a"}, {"b"}) == {"b": (SELF, 0)}


def test_relate__chains_of_a_users_long_term_key_start_with_the_user():
    assert relate({"first": None, "second": "first"}, set(), starts_are_children=True) == {
        "first": (DESCENDANT, 1),
        "second": (DESCENDANT, 2),
    }


def test_relate__a_loop_of_lying_records_ends():
    assert relate({"a": "b", "b": "a"}, {"a"}) == {"a": (SELF, 0), "b": (DESCENDANT, 1)}


@given(st.lists(st.integers(-1, 30), min_size=1, max_size=30), st.integers(0, 29))
def test_relate__agrees_with_walking_up_from_every_session(picks, choice):
    parents = {str(child): str(pick % child) if child and pick >= 0 else None for child, pick in enumerate(picks)}
    own = str(choice % len(picks))

    def way_up(session: str) -> list[str]:
        return [session, *way_up(parents[session])] if parents[session] is not None else [session]

    for session, (relation, hops) in relate(parents, {own}).items():
        if session == own:
            expected = (SELF, 0)
        elif own in way_up(session):
            expected = (DESCENDANT, way_up(session).index(own))
        elif session in way_up(own):
            expected = (ANCESTOR, way_up(own).index(session))
        else:
            expected = (OTHER, 0)
        assert (relation, hops) == expected
