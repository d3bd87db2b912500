"""Whom an instance or an address exchanged packets with: as Spark sums it, against a slow sum; and in words."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from expectations.tables import INTERFACE_CHANGES, VPC_FLOWS
from tests.builders import ACCOUNT, ROLE_SESSION, Row, at, frame, row
from tests.transforms.investigations.cases import case, document, session
from transforms.flows.interfaces import build_attachments
from transforms.investigations.flows import build_peers, build_totals, panels_of_flows, sum_flows, with_sides
from transforms.investigations.traffic import size, traffic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START, END = at("2026-05-01 12:00"), at("2026-05-01 14:00")
BASELINE = START - timedelta(days=45)
MINE, PEERS = "10.0.0.5", ["198.51.100.1", "198.51.100.2", "198.51.100.3", "203.0.113.9", "10.0.7.7"]
WATCHED = (
    "investigation_id string, watched_kind string, watched_id string, scope_start_at timestamp, scope_end_at timestamp"
)


def random_flows(seed: int) -> list[Row]:
    """Flows of the interface that i-1 holds, of others' and of i-1 by its own name, around every boundary; v2 and v5."""
    chance = random.Random(seed)
    found = []
    for number in range(400):
        near = chance.choice([BASELINE, START, END, START + timedelta(hours=1), START - timedelta(days=20)])
        peer, is_sent = chance.choice(PEERS), chance.random() < 0.5
        ours, theirs = chance.choice([22, 40_000 + number]), chance.choice([443, 50_000])
        has_direction = chance.random() < 0.3
        found.append(
            row(
                VPC_FLOWS, start_at=near + timedelta(minutes=chance.randint(-90, 90)),
                interface_id=chance.choice(["eni-1", "eni-1", "eni-2"]), instance_id=chance.choice([None, None, None, "i-1", "i-2"]),
                source_ip=MINE if is_sent else peer, destination_ip=peer if is_sent else MINE,
                source_port=ours if is_sent else theirs, destination_port=theirs if is_sent else ours,
                bytes=chance.randint(1, 10**6), packets=chance.randint(1, 50), action=chance.choice(["ACCEPT", "ACCEPT", "REJECT"]),
                flow_direction=("egress" if is_sent else "ingress") if has_direction else None,
            )
        )  # fmt: skip
    lost = dict.fromkeys(
        ("source_ip", "destination_ip", "source_port", "destination_port", "protocol", "bytes", "packets", "action")
    )
    return [*found, row(VPC_FLOWS, start_at=START, interface_id="eni-1", log_status="SKIPDATA", **lost)]


CHANGES = [
    row(INTERFACE_CHANGES, event_at="2026-01-01 00:00", interface_id="eni-1", attachment_id="at-1"),
    row(INTERFACE_CHANGES, event_at=END - timedelta(minutes=50), change="detached", interface_id=None, instance_id=None,
        attachment_id="at-1", event_id="detached"),
]  # fmt: skip


def is_of_instance(flow: Row) -> bool:
    by_interface = flow["interface_id"] == "eni-1" and flow["start_at"] < END - timedelta(minutes=50)
    return flow["instance_id"] == "i-1" or (flow["instance_id"] is None and by_interface)


def summed_slowly(flows: list[Row], mine: str) -> dict[str, Row]:
    """Sum flows by peer, one after the other."""
    peers: dict[str, Row] = defaultdict(lambda: defaultdict(int))
    before: dict[str, datetime] = {}
    for flow in flows:
        if flow["source_ip"] is None:
            continue
        is_sent, is_accepted = flow["source_ip"] == mine, flow["action"] == "ACCEPT"
        peer = flow["destination_ip"] if is_sent else flow["source_ip"]
        if BASELINE <= flow["start_at"] < START and is_accepted:
            before[peer] = max(before.get(peer, BASELINE), flow["end_at"])
        if START <= flow["start_at"] < END:
            peers[peer]["bytes_out" if is_sent else "bytes_in"] += flow["bytes"] if is_accepted else 0
            peers[peer]["packets"] += flow["packets"] if is_accepted else 0
            peers[peer]["accepted_count" if is_accepted else "rejected_count"] += 1
    return {
        peer: {name: sums[name] for name in ("bytes_in", "bytes_out", "packets", "accepted_count", "rejected_count")}
        | {"known_at": before.get(peer), "is_new": peer not in before and sums["accepted_count"] > 0}
        for peer, sums in peers.items()
    }


@pytest.fixture(scope="module")
def flows() -> list[Row]:
    made = random_flows(7)
    # One peer is new, one was only ever rejected before.
    quiet = [
        each
        for each in made
        if each["start_at"] >= START or PEERS[0] not in (each["source_ip"], each["destination_ip"])
    ]
    for each in quiet:
        if each["start_at"] < START and PEERS[1] in (each["source_ip"], each["destination_ip"]):
            each["action"] = "REJECT"
    return quiet


@pytest.fixture(scope="module")
def found(spark: SparkSession, flows: list[Row]) -> tuple[dict[tuple[str, str], Row], dict[str, Row]]:
    """Peers and totals of an instance, of an address and of an instance without a flow, in one pass."""
    watched = spark.createDataFrame(
        [
            ("a", "instance", "i-1", START, END),
            ("b", "address", PEERS[2], START, END),
            ("c", "instance", "i-none", START, END),
        ],
        WATCHED,
    )
    attachments = build_attachments(frame(spark, INTERFACE_CHANGES, *CHANGES))
    sums = with_sides(sum_flows(frame(spark, VPC_FLOWS, *flows), watched, attachments)).localCheckpoint()
    peers = build_peers(sums).localCheckpoint()
    totals = build_totals(watched, sums, peers).toArrow().to_pylist()
    return {(e["watched_id"], e["peer_ip"]): e for e in peers.toArrow().to_pylist()}, {
        e["watched_id"]: e for e in totals
    }


def test_build_peers__of_an_instance_agree_with_a_slow_sum(found, flows: list[Row]) -> None:
    peers, totals = found
    slow = summed_slowly([each for each in flows if is_of_instance(each)], MINE)
    assert {
        peer: {name: each[name] for name in slow[peer]} for (of, peer), each in peers.items() if of == "i-1"
    } == slow
    assert [peer for peer, each in slow.items() if each["is_new"]], "the case has a new peer"
    total = totals["i-1"]
    for name in ("bytes_in", "bytes_out", "accepted_count", "rejected_count"):
        assert total[name] == sum(each[name] for each in slow.values())
    assert total["new_peer_count"] == sum(each["is_new"] for each in slow.values())
    assert (total["unclear_count"], total["lost_count"], total["peer_count"]) == (0, 1, len(slow))


def test_build_peers__of_an_address_are_on_the_other_side(found, flows: list[Row]) -> None:
    peers, _ = found
    mine = [each for each in flows if PEERS[2] in (each["source_ip"], each["destination_ip"])]
    slow = summed_slowly(mine, PEERS[2])
    assert {
        peer: {name: each[name] for name in slow[peer]} for (of, peer), each in peers.items() if of == PEERS[2]
    } == slow


def test_build_peers__a_port_is_the_services_on_its_side(found, flows: list[Row]) -> None:
    peers, _ = found
    for (watched, _), peer in peers.items():
        for port in peer["ports"]:
            ours = {22: "ours", 443: "theirs"} if watched == "i-1" else {22: "theirs", 443: "ours"}
            assert port["port"] not in ours or port["side"] == ours[port["port"]]
        assert sum(port["flow_count"] for port in peer["ports"]) <= peer["accepted_count"] + peer["rejected_count"]
        assert [port["bytes"] for port in peer["ports"]] == sorted(
            (port["bytes"] for port in peer["ports"]), reverse=True
        )


def test_build_totals__what_has_no_flow_has_a_row(found) -> None:
    _, totals = found
    assert (totals["i-none"]["flow_count"], totals["i-none"]["interface_ids"], totals["i-none"]["since_at"]) == (
        0,
        [],
        None,
    )


def test_with_sides__of_a_single_pair_it_is_not_known_which_is_the_interface(spark: SparkSession) -> None:
    """Neither side is guessed; a private address that CloudTrail gives decides."""
    watched = spark.createDataFrame(
        [("a", "instance", "i-1", START, END), ("b", "instance", "i-2", START, END)], WATCHED
    )
    changes = [
        row(INTERFACE_CHANGES, event_at="2026-01-01 00:00", interface_id="eni-1"),
        row(
            INTERFACE_CHANGES,
            event_at="2026-01-01 00:00",
            interface_id="eni-2",
            instance_id="i-2",
            private_ip="10.0.0.6",
        ),
    ]
    one = row(VPC_FLOWS, start_at=START, destination_ip="10.0.7.7")
    other = row(VPC_FLOWS, start_at=START, interface_id="eni-2", source_ip="10.0.7.7", destination_ip="10.0.0.6")
    attachments = build_attachments(frame(spark, INTERFACE_CHANGES, *changes))
    sides = with_sides(sum_flows(frame(spark, VPC_FLOWS, one, other), watched, attachments)).collect()
    assert {(each.watched_id, each.is_sent, each.peer_ip) for each in sides} == {
        ("i-1", None, None),
        ("i-2", False, "10.0.7.7"),
    }


def test_panels_of_flows__a_lake_without_flow_logs_asks_nothing() -> None:
    never: Any = None
    assert panels_of_flows(never, never, None, None, never) == []


# -- in words ----------------------------------------------------------------------------------------------------------

INSTANCE = {"root_type": "EC2Instance", "root_id": "i-1", "root_name": None, "root_account_id": ACCOUNT}


def total(**overrides: Any) -> Row:
    base = {
        "watched_kind": "instance", "watched_id": "i-1", "flow_count": 10, "bytes_in": 3_000, "bytes_out": 1_200_000_000,
        "accepted_count": 8, "rejected_count": 2, "peer_count": 4, "new_peer_count": 1, "refused_peer_count": 1,
        "unclear_count": 0, "lost_count": 0, "interface_ids": ["eni-1"], "since_at": "2026-03-20T00:00:00Z",
    }  # fmt: skip
    return {**base, **overrides}


def peer(peer_ip: str, **overrides: Any) -> Row:
    base = {
        "watched_id": "i-1", "peer_ip": peer_ip, "bytes_in": 10, "bytes_out": 20, "packets": 3, "accepted_count": 1,
        "rejected_count": 0, "first_at": "2026-05-01T12:10:00Z", "last_at": "2026-05-01T12:20:00Z", "port_count": 2,
        "ports": [{"port": 443, "side": "theirs", "protocol": 6, "bytes": 20, "flow_count": 1},
                  {"port": 0, "side": "ours", "protocol": 1, "bytes": 10, "flow_count": 1}],
        "known_at": None, "is_new": True,
    }  # fmt: skip
    return {**base, **overrides}


def test_traffic__says_how_much_with_whom_and_who_is_new() -> None:
    panels = {
        "family": [session(**INSTANCE)],
        "flow_totals": [total()],
        "flow_peers": [peer("198.51.100.1", bytes_out=10**9)],
    }
    flows = document(panels)["flows"]
    assert flows["sentences"] == [
        "i-1 exchanged packets with 3 addresses: 1.2 GB out, 3.0 kB in.",
        "1 of them it had not in the 45 days before (198.51.100.1: 1.0 GB out, 10 bytes in).",
        "2 of 10 records are of rejected packets; nothing else is there of 1 address.",
    ]
    assert [port["text"] for port in flows["peers"]["rows"][0]["ports"]] == ["TCP 443 theirs", "ICMP"]


def test_traffic__says_what_is_not_known() -> None:
    short = total(unclear_count=3, lost_count=2, since_at="2026-04-28T00:00:00Z", new_peer_count=0, rejected_count=0)
    found = traffic(case({"family": [session(**INSTANCE)], "flow_totals": [short]}))
    assert found is not None
    assert found["sentences"][1:] == [
        "With each of them it had done so in the 45 days before.",
        "Of 3 records it is not known which of the two addresses is i-1.",
        "Of 2 windows of the scope records were lost (SKIPDATA).",
        "Its flow logs begin on 2026-04-28: with less than 14 days before the scope, new says little.",
    ]


@pytest.mark.parametrize(("since", "older"), [("2026-04-28T00:00:00Z", "2026-04-28"), (None, "the scope")])
def test_traffic__an_address_has_no_logs_of_its_own(since: str | None, older: str) -> None:
    seen = total(watched_kind="address", watched_id="203.0.113.7", since_at=since)
    found = traffic(case({"flow_totals": [seen]}, entity_kind="ip_address", entity_id="203.0.113.7", finding=None))
    assert found is not None
    said = f"No flow record of 203.0.113.7 is older than {older}: with less than 14 days before the scope, new says little."
    assert found["sentences"][-1] == said


def test_traffic__without_flow_logs_is_one_sentence_and_no_panel() -> None:
    flows = document({"family": [session(**INSTANCE)]})["flows"]
    assert (flows["has_logs"], flows["totals"], flows["peers"]["rows"]) == (False, [], [])
    assert flows["sentences"] == ["The lake has no VPC flow logs: whom i-1 exchanged packets with is not known."]


def test_traffic__of_an_address_and_of_nothing_to_watch() -> None:
    found = traffic(case({}, entity_kind="ip_address", entity_id="203.0.113.7", finding=None))
    assert found is not None
    assert found["watched"] == [{"kind": "address", "id": "203.0.113.7"}]
    assert traffic(case()) is None
    # Whoever names a function, or a session, like an instance is none.
    assert traffic(case({"family": [session(root_type="LambdaFunction", root_id="i-0abc")]})) is None
    assert traffic(case({"family": [session(**{**INSTANCE, "attribution_status": "ambiguous"})]})) is None
    assert traffic(case({"family": [session(**INSTANCE)]}, entity_kind="role", entity_id=ROLE_SESSION)) is None


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (2_340_000, "2.3 MB"), (10**19, "10,000.0 PB")],
)
def test_size__in_powers_of_a_thousand(count: int, words: str) -> None:
    assert size(count) == words
