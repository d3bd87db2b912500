"""What an organisation says of itself: looked up, named in the document, and no indicator where it is expected."""

from __future__ import annotations

import pickle
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import ACCOUNT, ROLE_ARN, ROLE_SESSION
from tests.transforms.investigations.cases import address, case, document, entity, logs, session, value, visit
from transforms.investigations.answers import answers, told
from transforms.investigations.context import EMPTY, Context, Networks, network
from transforms.investigations.indicators import find_indicators
from transforms.investigations.mentions import mentions

OFFICE, TOKYO = "198.51.100.7", "203.0.113.9"
VENDOR, OTHER = "333333333333", "222222222222"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
OWN = Context(egress={"office": [f"{OFFICE}/32"]})


def kinds(made):
    return {row["type"] for row in find_indicators(made)}


@given(
    st.lists(st.ip_addresses(network="10.0.0.0/24"), min_size=1, max_size=5),
    st.lists(st.integers(24, 32), min_size=5, max_size=5),
    st.ip_addresses(network="10.0.0.0/24"),
)
def test_networks__the_narrowest_that_holds_the_address_names_it(addresses, lengths, asked):
    networks = {ip_network(f"{each}/{length}", strict=False) for each, length in zip(addresses, lengths, strict=False)}
    holding = [each for each in networks if asked in each]
    narrowest = max(holding, key=lambda each: each.prefixlen, default=None)
    found = Networks((str(each), str(each)) for each in networks).name_of(str(asked))
    assert found == (str(narrowest) if narrowest else None)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("2001:db8::/32", "2001:DB8:1::1"),
        ("198.51.100.0/24", "::ffff:198.51.100.9"),
        ("::ffff:198.51.100.0/120", "198.51.100.9"),
    ],
)
def test_networks__know_an_address_in_its_other_spellings(text, asked):
    assert Networks([(text, "there")]).name_of(asked) == "there"


@pytest.mark.parametrize("asked", [None, "", "AWS Internal", "ec2.amazonaws.com", "10.0.0", "0x7f.1"])
def test_networks__what_is_no_address_is_in_none(asked):
    assert Networks([("0.0.0.0/0", "all")]).name_of(asked) is None


def test_network__has_one_spelling():
    assert [network(text) for text in ("198.51.100.7", " 2001:DB8::/32 ")] == ["198.51.100.7/32", "2001:db8::/32"]
    with pytest.raises(ValueError, match=r"is it 198\.51\.100\.0/24"):
        network("198.51.100.7/24")


def test_context__goes_to_workers_whole_and_its_digest_is_of_what_it_says():
    assert EMPTY.digest is None
    assert OWN.own_address(OFFICE) == "office"
    sent = pickle.loads(pickle.dumps(OWN))
    assert (sent.own_address(OFFICE), sent.digest) == ("office", OWN.digest)
    assert OWN.digest != Context(egress={"Office": [f"{OFFICE}/32"]}).digest


def test_document__names_accounts_and_has_notes_of_who_is_in_it():
    said = Context(
        accounts={ACCOUNT: "prod", OTHER: "not mentioned"},
        vendors={VENDOR: "Monitoring"},
        users={"alice": "on call", "eve": "left in May"},
        roles={ROLE_ARN: "break-glass"},
    )
    hop = session("descendant", 1, credential_session_id="session-2", account_id=VENDOR, assumed_by_account_id=VENDOR)
    told_of = document({"family": [session(), hop]}, context=said)["context"]
    assert told_of["names"] == {ACCOUNT: "prod", VENDOR: "Monitoring"}
    assert told_of["notes"] == [
        {"kind": "user", "id": ALICE, "text": "on call"},
        {"kind": "role", "id": ROLE_ARN, "text": "break-glass"},
    ]
    assert told_of["expected"] == [{"value": VENDOR, "why": "an account of a vendor (Monitoring)"}]


def test_document__of_a_profile_has_notes_of_those_who_made_its_calls():
    caller = {
        "principal_kind": "role_session", "principal_id": ROLE_SESSION, "role_arn": ROLE_ARN, "root_type": "IAMUser", "root_id": ALICE,
        "root_name": "alice", "account_id": OTHER, "success_count": 1, "failed_count": 0, "first_at": None, "last_at": None,
        "seen_first_at": None, "seen_last_at": None,
    }  # fmt: skip
    said = Context(accounts={OTHER: "sandbox"}, users={ALICE: "on call"}, roles={"admin": "break-glass"})
    found = mentions(
        case({"family": [], "principals": [caller]}, context=said, entity_kind="ip_address", entity_id=OFFICE)
    )
    assert found["names"] == {OTHER: "sandbox"}
    assert [(note["kind"], note["id"]) for note in found["notes"]] == [("user", ALICE), ("role", ROLE_ARN)]


def test_answers__call_accounts_by_their_names():
    said = Context(accounts={ACCOUNT: "prod"})
    text = told(answers(case({"logs": [logs()]}, context=said))["who"])
    assert f"alice (IAM user) of account {ACCOUNT} (prod) was behind admin/sara" in text
    assert f"those of account {ACCOUNT} (prod)" in told(answers(case({"logs": [logs()]}, context=said))["gaps"])


def test_document__without_a_file_the_context_is_empty():
    panels = {"addresses": [address(OFFICE)], "visits": [visit(OFFICE, "2026-05-01T12:10:00Z")]}
    assert document(panels)["context"] == {"names": {}, "notes": [], "expected": []}


def test_own_addresses__are_no_new_place_and_no_new_network_and_are_listed():
    panels = {
        "values": [value("city", "Berlin, DE"), value("asn", "AS3320 DTAG"), value("user_agent", "curl/8")],
        "addresses": [address(OFFICE)],
    }
    assert kinds(case(panels)) == {"NEW_GEOLOCATION", "NEW_ASO", "NEW_USER_AGENT"}
    assert kinds(case(panels, context=OWN)) == {"NEW_USER_AGENT"}
    made = document(panels, context=OWN)
    assert made["context"]["expected"] == [{"value": OFFICE, "why": "the organisation's own address (office)"}]
    assert [row["expected"] for row in made["behaviour"]["geolocations"]] == ["office"]


def test_own_addresses__a_place_with_another_address_too_stays_an_indicator():
    mixed = value("city", "Berlin, DE", source_ips=[OFFICE, TOKYO])
    many = value("city", "Berlin, DE", source_ips=[OFFICE] * 5)  # there may be others
    for row in (mixed, many):
        assert kinds(case({"values": [row]}, context=OWN)) == {"NEW_GEOLOCATION"}


def test_consistency__says_that_a_new_place_is_the_organisations_own():
    panels = {"values": [value("city", "Berlin, DE")], "totals": [{**dict.fromkeys(("success_count", "failed_count"), 1),
              "relation": "self", "entity_id": ROLE_SESSION, "is_in_scope": True, "first_at": None, "last_at": None}]}  # fmt: skip
    text = told(answers(case(panels, context=OWN))["consistency"])
    assert text.startswith("Yes, as far as it can be compared")
    assert "New places: Berlin, DE (the organisation's own: office)." in text


def test_vendors__assume_across_accounts_as_expected():
    pair = {
        "role_arn": ROLE_ARN, "assumed_by_type": "IAMUser", "assumed_by_id": ALICE, "assumed_by_name": "alice",
        "assumed_by_account_id": VENDOR, "first_at": "2026-05-01T12:00:00Z", "last_at": "2026-05-01T12:00:00Z",
        "success_count": 1, "denied_count": 0, "is_cross_account": True,
    }  # fmt: skip
    of_vendor = session(assumed_by_account_id=VENDOR, is_cross_account=True)
    panels = {"family": [of_vendor], "entities": [entity()], "assumers": [pair]}
    assert kinds(case(panels)) == {"CROSS_ACCOUNT_HOP", "NEW_ROLE_PAIR"}
    assert kinds(case(panels, context=Context(vendors={VENDOR: "Monitoring"}))) == set()
