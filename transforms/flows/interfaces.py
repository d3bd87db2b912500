"""Network interfaces and the instances that held them, from CloudTrail: a flow log's default format names the interface alone.

Known from the calls that succeeded: RunInstances, CreateNetworkInterface, AttachNetworkInterface, DetachNetworkInterface,
DeleteNetworkInterface, TerminateInstances (EC2 API Reference; SEMANTICS §8). What was attached before the logs begin, or by a call
whose response was left out (more than 100 kB), is not known and nothing is said of it.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from expectations.tables.silver import INTERFACE_CHANGES

_RESPONSE = (
    "instancesSet struct<items:array<struct<instanceId:string,networkInterfaceSet:struct<items:array<struct<"
    "networkInterfaceId:string,privateIpAddress:string,attachment:struct<attachmentId:string>>>>>>>, "
    "networkInterface struct<networkInterfaceId:string,privateIpAddress:string>, attachmentId string"
)
_REQUEST = (
    "networkInterfaceId string, instanceId string, attachmentId string, "
    "instancesSet struct<items:array<struct<instanceId:string>>>"
)
_CALLS = (
    "RunInstances",
    "CreateNetworkInterface",
    "AttachNetworkInterface",
    "DetachNetworkInterface",
    "DeleteNetworkInterface",
    "TerminateInstances",
)
_CHANGE = "struct<change:string,interface_id:string,instance_id:string,attachment_id:string,private_ip:string>"


def build_interface_changes(events: DataFrame) -> DataFrame:
    """Return INTERFACE_CHANGES of CLOUDTRAIL_EVENTS: one row per interface (or terminated instance) of each call."""
    calls = events.where(
        (F.col("event_source") == F.lit("ec2.amazonaws.com"))
        & F.col("event_name").isin(*_CALLS)
        & (F.col("outcome") == F.lit("success"))
    ).select(
        "event_date",
        "event_at",
        F.col("recipient_account_id").alias("account_id"),
        "region",
        "event_id",
        "event_name",
        F.from_json("request_parameters", _REQUEST).alias("request"),
        F.from_json("response_elements", _RESPONSE).alias("response"),
    )
    changes = calls.select(
        *[name for name in calls.columns if name not in ("request", "response")], F.inline(_changes())
    )
    is_whole = F.coalesce("interface_id", "attachment_id", "instance_id").isNotNull() & (
        (F.col("change") != "attached") | (F.col("interface_id").isNotNull() & F.col("instance_id").isNotNull())
    )
    return INTERFACE_CHANGES.conform(
        INTERFACE_CHANGES.columns_of(changes.where(is_whole).drop("event_name")).distinct()
    )


def build_attachments(changes: DataFrame) -> DataFrame:
    """Return which instance held an interface from when until when (not included; null: it still does).

    It ends when the attachment is taken off, the interface is deleted or attached anew, or the instance is terminated: with the
    first of these. The intervals of one interface do not overlap.

    Args:
        changes: INTERFACE_CHANGES, of all days: an interface may have been where it is for a year.

    Returns:
        interface_id, instance_id, attached_at, detached_at, private_ip (null if no call says it).
    """
    of_interface = Window.partitionBy("interface_id")
    in_order = of_interface.orderBy("event_at", "event_id", "instance_id")
    known = changes.where(F.col("interface_id").isNotNull()).withColumn(
        "known_ip", F.max("private_ip").over(of_interface)
    )
    on_interface = known.where(F.col("change") != F.lit("created")).withColumn(
        "next_at", F.lead("event_at").over(in_order)
    )
    attached = on_interface.where(F.col("change") == F.lit("attached"))
    taken_off = _first(changes, "detached", "attachment_id", "taken_off_at")
    terminated = _first(changes, "terminated", "instance_id", "terminated_at")
    ended = [F.when(F.col(name) >= F.col("event_at"), F.col(name)) for name in ("taken_off_at", "terminated_at")]
    return (
        attached.join(taken_off, on="attachment_id", how="left")
        .join(terminated, on="instance_id", how="left")
        .select(
            "interface_id",
            "instance_id",
            F.col("event_at").alias("attached_at"),
            F.least("next_at", *ended).alias("detached_at"),
            F.col("known_ip").alias("private_ip"),
        )
    )


def with_instances(flows: DataFrame, attachments: DataFrame) -> DataFrame:
    """Return flows whose instance_id is the record's own, else that of the instance which held the interface when they began.

    Args:
        flows: VPC_FLOWS.
        attachments: of `build_attachments`.

    What is not known stays null.
    """
    held = attachments.select(
        F.col("interface_id"), F.col("instance_id").alias("holder_id"), "attached_at", "detached_at"
    )
    is_then = (F.col("start_at") >= F.col("attached_at")) & (
        F.col("detached_at").isNull() | (F.col("start_at") < F.col("detached_at"))
    )
    by_interface = flows["interface_id"] == held["interface_id"]
    joined = flows.join(F.broadcast(held), on=by_interface & is_then, how="left").drop(held["interface_id"])
    return joined.withColumn("instance_id", F.coalesce("instance_id", "holder_id")).select(*flows.columns)


def _first(changes: DataFrame, change: str, key: str, name: str) -> DataFrame:
    return (
        changes.where((F.col("change") == F.lit(change)) & F.col(key).isNotNull())
        .groupBy(key)
        .agg(F.min("event_at").alias(name))
    )


def _changes() -> Column:
    """Return the changes of a call, as an array."""
    request, response = F.col("request"), F.col("response")
    launched = F.flatten(
        F.transform(
            response["instancesSet"]["items"],
            lambda instance: F.transform(
                instance["networkInterfaceSet"]["items"],
                lambda interface: _change(
                    "attached",
                    interface["networkInterfaceId"],
                    instance["instanceId"],
                    interface["attachment"]["attachmentId"],
                    interface["privateIpAddress"],
                ),
            ),
        )
    )
    made = response["networkInterface"]
    ended = F.coalesce(
        F.transform(response["instancesSet"]["items"], lambda each: each["instanceId"]),
        F.transform(request["instancesSet"]["items"], lambda each: each["instanceId"]),
    )
    interface_id = request["networkInterfaceId"]
    by_call = {
        "RunInstances": F.filter(launched, lambda change: change.isNotNull()),
        "CreateNetworkInterface": F.array(
            _change("created", made["networkInterfaceId"], private_ip=made["privateIpAddress"])
        ),
        "AttachNetworkInterface": F.array(
            _change("attached", interface_id, request["instanceId"], response["attachmentId"])
        ),
        "DetachNetworkInterface": F.array(_change("detached", attachment_id=request["attachmentId"])),
        "DeleteNetworkInterface": F.array(_change("deleted", interface_id)),
        "TerminateInstances": F.transform(ended, lambda instance_id: _change("terminated", instance_id=instance_id)),
    }
    chosen = F.lit(None).cast(f"array<{_CHANGE}>")
    for call, changes in by_call.items():
        chosen = F.when(F.col("event_name") == F.lit(call), changes.cast(f"array<{_CHANGE}>")).otherwise(chosen)
    return chosen


def _change(
    change: str,
    interface_id: Column | None = None,
    instance_id: Column | None = None,
    attachment_id: Column | None = None,
    private_ip: Column | None = None,
) -> Column:
    values = {
        "interface_id": interface_id, "instance_id": instance_id, "attachment_id": attachment_id, "private_ip": private_ip,
    }  # fmt: skip
    nothing = F.lit(None).cast("string")
    named = [(nothing if value is None else value).alias(name) for name, value in values.items()]
    return F.struct(F.lit(change).alias("change"), *named)
