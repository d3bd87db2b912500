"""The fields of flow log records, and which of our columns each fills. A record is read by its header, never by position.

Versions 2 to 5 (AWS, *Flow log records*). What is not kept (az-id, type, sublocation-*, the fields of Amazon ECS) is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence

from transforms.cloudtrail.objects import UnreadableError

TEXTS = {
    "account-id": "account_id",
    "interface-id": "interface_id",
    "instance-id": "instance_id",
    "srcaddr": "source_ip",
    "dstaddr": "destination_ip",
    "action": "action",
    "log-status": "log_status",
    "vpc-id": "vpc_id",
    "subnet-id": "subnet_id",
    "region": "region",
    "pkt-srcaddr": "packet_source_ip",
    "pkt-dstaddr": "packet_destination_ip",
    "pkt-src-aws-service": "source_aws_service",
    "pkt-dst-aws-service": "destination_aws_service",
    "flow-direction": "flow_direction",
}
NUMBERS = {
    "srcport": "source_port",
    "dstport": "destination_port",
    "protocol": "protocol",
    "packets": "packets",
    "bytes": "bytes",
    "start": "start",
    "end": "end",
    "tcp-flags": "tcp_flags",
    "traffic-path": "traffic_path",
}
NAMES = {**TEXTS, **NUMBERS}
"""Field → name it has here: the column's, but of `start` and `end`, which are seconds."""

_OTHERS = frozenset({"version", "type", "az-id", "sublocation-type", "sublocation-id"})
_FEWEST = 2  # known names, from which on a line is a header


def fields_of(header: Sequence[str]) -> list[str]:
    """Return the fields that a header names, as AWS writes them: Parquet may have `_` in place of `-`.

    Raises:
        UnreadableError: it is no header, names a field twice, or has no start: a flow without a time is of no day.
    """
    fields = [name.strip().lower().replace("_", "-") for name in header]
    if len({*fields} & {*NAMES, *_OTHERS}) < min(_FEWEST, len(fields)):
        raise UnreadableError("no header: the first line does not name the fields of a flow log")
    twice = sorted({name for name in fields if fields.count(name) > 1})
    if twice:
        raise UnreadableError(f"its header names {twice[0]} twice")
    if "start" not in fields:
        raise UnreadableError("its format has no field start: a flow without a time is of no day")
    return fields
