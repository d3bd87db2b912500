"""Which instance held an interface when a flow began: from the calls that moved it, or from the record itself."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from expectations.tables import CLOUDTRAIL_EVENTS, INTERFACE_CHANGES, VPC_FLOWS
from tests.builders import Row, at, frame, row
from transforms.flows.interfaces import build_attachments, build_interface_changes, with_instances

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import SparkSession


def call(name: str, when: str, request: Any = None, response: Any = None, **fields: Any) -> Row:
    told = {"request_parameters": request, "response_elements": response}
    return row(
        CLOUDTRAIL_EVENTS, event_id=f"{name}-{when}", event_name=name, event_at=f"2026-05-01 {when}",
        **{key: json.dumps(value) if value else None for key, value in told.items()}, **fields,
    )  # fmt: skip


def launch(when: str, instance_id: str, *interfaces: tuple[str, str, str], **fields: Any) -> Row:
    items = [
        {
            "networkInterfaceId": eni,
            "privateIpAddress": ip,
            "attachment": {"attachmentId": attachment, "deviceIndex": 0},
        }
        for eni, attachment, ip in interfaces
    ]
    launched = {"instanceId": instance_id, "networkInterfaceSet": {"items": items} if items else {}}
    return call("RunInstances", when, {"minCount": 1}, {"instancesSet": {"items": [launched]}}, **fields)


STORY = [
    launch("09:00", "i-1", ("eni-1", "at-1", "10.0.0.5"), ("eni-2", "at-2", "10.0.0.6")),
    launch("09:05", "i-2"),  # a launch that does not name its interfaces
    launch("09:06", "i-9", ("eni-9", "at-9", "10.0.0.9"), outcome="denied"),
    call("CreateNetworkInterface", "09:10", {}, {"networkInterface": {"networkInterfaceId": "eni-3", "privateIpAddress": "10.0.0.7"}}),
    call("AttachNetworkInterface", "09:20", {"networkInterfaceId": "eni-3", "instanceId": "i-1"}, {"attachmentId": "at-3"}),
    call("DetachNetworkInterface", "10:00", {"attachmentId": "at-3", "force": False}, {"_return": True}),
    call("AttachNetworkInterface", "10:30", {"networkInterfaceId": "eni-3", "instanceId": "i-2"}, {"attachmentId": "at-4"}),
    call("AttachNetworkInterface", "11:00", {"networkInterfaceId": "eni-2", "instanceId": "i-2"}, {"attachmentId": "at-5"}),
    call("TerminateInstances", "12:00", {"instancesSet": {"items": [{"instanceId": "i-1"}]}},
         {"instancesSet": {"items": [{"instanceId": "i-1"}]}}),
    call("DeleteNetworkInterface", "12:30", {"networkInterfaceId": "eni-2"}, {"_return": True}),
    call("DetachNetworkInterface", "12:40", {"attachmentId": "at-unknown"}),
    call("RunInstances", "12:50", {"minCount": 1}, None),  # its response was left out
]  # fmt: skip

# (interface, from, until): the instance that held it then.
HELD = {
    ("eni-1", "09:00", "12:00"): "i-1",
    ("eni-2", "09:00", "11:00"): "i-1",  # moved without a detachment that is known
    ("eni-2", "11:00", "12:30"): "i-2",
    ("eni-3", "09:20", "10:00"): "i-1",
    ("eni-3", "10:30", None): "i-2",
}


def test_with_instances__a_flow_is_the_instances_that_held_the_interface_when_it_began(spark: SparkSession) -> None:
    chance = random.Random(5)
    minutes = sorted({*range(500, 800, 7), 540, 539, 600, 599, 630, 660, 719, 720, 750})
    flows = [
        row(VPC_FLOWS, interface_id=eni, start_at=f"2026-05-01 {m // 60:02}:{m % 60:02}",
            instance_id=chance.choice([None, None, None, "i-told"]))
        for eni in ("eni-1", "eni-2", "eni-3", "eni-9", "eni-unknown") for m in minutes
    ]  # fmt: skip
    changes = build_interface_changes(frame(spark, CLOUDTRAIL_EVENTS, *STORY)).localCheckpoint()
    attachments = build_attachments(changes).localCheckpoint()
    told = with_instances(frame(spark, VPC_FLOWS, *flows), attachments).toArrow().to_pylist()
    found = {(each["interface_id"], each["start_at"]): each["instance_id"] for each in told}
    assert found == {(each["interface_id"], each["start_at"]): each["instance_id"] or holder(each) for each in flows}
    assert len(told) == len(flows)
    assert {each.interface_id: each.private_ip for each in attachments.collect()} == {
        "eni-1": "10.0.0.5", "eni-2": "10.0.0.6", "eni-3": "10.0.0.7",
    }  # fmt: skip


def holder(flow: Row) -> str | None:
    """Say it slowly."""
    for (eni, since, until), instance_id in HELD.items():
        if (
            flow["interface_id"] == eni
            and time(since) <= flow["start_at"]
            and (not until or flow["start_at"] < time(until))
        ):
            return instance_id
    return None


def time(text: str) -> datetime:
    return at(f"2026-05-01 {text}")


def test_build_interface_changes__only_calls_that_succeeded_and_say_something(spark: SparkSession) -> None:
    changes = build_interface_changes(frame(spark, CLOUDTRAIL_EVENTS, *STORY))
    counted = {each.change: each["count"] for each in changes.groupBy("change").count().collect()}
    assert counted == {"attached": 5, "created": 1, "detached": 2, "terminated": 1, "deleted": 1}
    assert changes.columns == INTERFACE_CHANGES.column_names
