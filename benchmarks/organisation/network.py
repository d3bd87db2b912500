"""VPC flow logs of a few instances, in the forms that AWS delivers: the default format, one of one's own, and Parquet.

The instance whose key is stolen sends a lot to an address it never talked with, while the key is used from there. Its flow log has
the default format, which names the interface alone: the call that launched it is in CloudTrail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip

from benchmarks.organisation.actors import Instance
from benchmarks.organisation.identifiers import resource_id, seeded
from benchmarks.organisation.instants import compact
from benchmarks.organisation.parameters import Parameters, midnight
from benchmarks.organisation.places import AWS_BY_REGION, OUTSIDE
from benchmarks.organisation.population import Organisation

DEFAULT = (
    "version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "start",
    "end", "action", "log-status",
)  # fmt: skip
OWN_ORDER = (
    "instance-id",
    "start",
    "end",
    "flow-direction",
    *(n for n in DEFAULT if n not in ("start", "end")),
    "tcp-flags",
)

THIEF = OUTSIDE.address(201)
"""Whoever uses the stolen key, and to whom the instance sends."""

_DAYS = 50  # with logs: the 45 before the last one, and a few more
_OTHERS = 3  # instances beside the one that is stolen from
_WINDOW = 600  # seconds
_SENDS_AT = 34_800  # 09:40 UTC
_SENDS_BYTES = 310_000_000
_SENDS = 6  # windows
_INTEGERS = {
    **dict.fromkeys(("version", "srcport", "dstport", "protocol", "tcp-flags"), pa.int32()),
    **dict.fromkeys(("packets", "bytes", "start", "end"), pa.int64()),
}


@dataclass(frozen=True)
class Interface:
    """The network interface of an instance."""

    id: str
    attachment_id: str
    private_ip: str


def interface_of(seed: int, instance: Instance) -> Interface:
    """Return an instance's interface: the same wherever it is asked for."""
    rng = seeded(seed, "interface", instance.id)
    address = f"10.{64 + rng.randrange(8)}.{rng.randrange(256)}.{rng.randrange(4, 250)}"
    return Interface(resource_id(rng, "eni"), resource_id(rng, "eni-attach"), address)


def launch_of(seed: int, instance: Instance) -> dict[str, Any]:
    """Return the response of the call that launched an instance, as far as it names what was launched."""
    interface = interface_of(seed, instance)
    attached = {
        "networkInterfaceId": interface.id,
        "privateIpAddress": interface.private_ip,
        "status": "in-use",
        "attachment": {"attachmentId": interface.attachment_id, "deviceIndex": 0, "deleteOnTermination": True},
    }
    launched = {
        "instanceId": instance.id,
        "privateIpAddress": interface.private_ip,
        "networkInterfaceSet": {"items": [attached]},
    }
    return {"reservationId": f"r-{instance.id[2:]}", "instancesSet": {"items": [launched]}}


def write_flow_logs(logs: Path, parameters: Parameters, organisation: Organisation) -> dict[str, Any]:
    """Write the flow logs of the last days below `logs` (the folder that stands for the bucket); return the facts of the story."""
    stolen = organisation.stolen_instance
    first = max(parameters.start, parameters.end - timedelta(days=_DAYS - 1))
    for form, instance in enumerate((stolen, *organisation.instances[:_OTHERS])):
        for number in range((parameters.end - first).days + 1):
            day = first + timedelta(days=number)
            records = sorted(_day(parameters, instance, day, is_stolen=form == 0), key=lambda each: int(each["start"]))
            _write(logs / "flows", parameters.seed, instance, day, form % 3, records)
    interface = interface_of(parameters.seed, stolen)
    sends = midnight(parameters.end) + _SENDS_AT
    return {
        "instance_id": stolen.id,
        "interface_id": interface.id,
        "private_ip": interface.private_ip,
        "peer": THIEF,
        "bytes_out": _SENDS * _SENDS_BYTES,
        "first_at": sends,
        "last_at": sends + _SENDS * _WINDOW,
    }


def _day(parameters: Parameters, instance: Instance, day: date, *, is_stolen: bool) -> Iterator[dict[str, Any]]:
    rng, day_at = seeded(parameters.seed, "network", instance.id, day), midnight(day)
    home = interface_of(parameters.seed, instance)
    services = AWS_BY_REGION[instance.region]
    for _ in range(20 if is_stolen else 10):
        at, port = day_at + rng.randrange(0, 86_400 - _WINDOW, 60), rng.randrange(32_768, 61_000)
        peer, service = rng.choice(
            [("10.64.0.12", 5432), ("10.64.0.13", 6379), (services.address(rng.randrange(6)), 443)]
        )
        sent, answered = rng.randrange(1_000, 90_000), rng.randrange(1_000, 900_000)
        yield _record(instance, home, at, (home.private_ip, port, peer, service), sent)
        yield _record(instance, home, at, (peer, service, home.private_ip, port), answered)
    for _ in range(2):
        scanner = (OUTSIDE.address(rng.randrange(300, 900)), rng.randrange(40_000, 60_000), home.private_ip, 22)
        yield _record(instance, home, day_at + rng.randrange(0, 86_000, 60), scanner, 60, action="REJECT")
    yield _record(instance, home, day_at + rng.randrange(0, 86_000, 60), None, 0)
    if is_stolen and day == parameters.end:
        for number in range(_SENDS):
            at = day_at + _SENDS_AT + number * _WINDOW
            yield _record(instance, home, at, (home.private_ip, 45_122, THIEF, 8443), _SENDS_BYTES)
            yield _record(instance, home, at, (THIEF, 8443, home.private_ip, 45_122), 1_900_000)


def _record(  # noqa: PLR0913, PLR0917  (a record has its fields)
    instance: Instance,
    home: Interface,
    at: int,
    flow: tuple[str, int, str, int] | None,
    size: int,
    action: str = "ACCEPT",
) -> dict[str, Any]:
    of_window = {
        "version": 2, "account-id": instance.role.account_id, "interface-id": home.id, "instance-id": instance.id,
        "start": at, "end": at + _WINDOW - 1,
    }  # fmt: skip
    if flow is None:
        return {**of_window, "log-status": "NODATA"}
    source, source_port, destination, destination_port = flow
    return {
        **of_window, "srcaddr": source, "srcport": source_port, "dstaddr": destination, "dstport": destination_port,
        "protocol": 6, "packets": 1 + size // 1_400, "bytes": size, "action": action, "log-status": "OK", "tcp-flags": 19,
        "flow-direction": "egress" if source == home.private_ip else "ingress",
    }  # fmt: skip


def _write(  # noqa: PLR0913, PLR0917  (all that an object and its name are made of)
    logs: Path, seed: int, instance: Instance, day: date, form: int, records: list[dict[str, Any]]
) -> None:
    """Write an instance's day: in the default format, in an order of one's own, or as Parquet."""
    account, region, rng = instance.role.account_id, instance.region, seeded(seed, "flow objects", instance.id, day)
    log_id = resource_id(seeded(seed, "flow log", account, region, form), "fl")
    name = f"{account}_vpcflowlogs_{region}_{log_id}_{compact(midnight(day))[:-3]}Z_{rng.getrandbits(32):08x}.log"
    hive = f"aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year={day:%Y}/month={day:%m}/day={day:%d}"
    plain = f"{account}/vpcflowlogs/{region}/{day:%Y/%m/%d}"
    if form == 0:
        path, body = f"{plain}/{name}.gz", igzip.compress(_text(records, DEFAULT), 1, mtime=0)
    elif form == 1:
        path, body = f"{plain}/00/{name}.gz", igzip.compress(_text(records, OWN_ORDER), 1, mtime=0)
    else:
        path, body = f"{hive}/{name}.parquet", _parquet(records, OWN_ORDER)
    target = logs / "AWSLogs" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)


def _text(records: list[dict[str, Any]], fields: tuple[str, ...]) -> bytes:
    lines = [" ".join(fields), *(" ".join(str(record.get(field, "-")) for field in fields) for record in records)]
    return "".join(f"{line}\n" for line in lines).encode()


def _parquet(records: list[dict[str, Any]], fields: tuple[str, ...]) -> bytes:
    columns = {}
    for field in fields:
        values = [record.get(field) for record in records]
        kind = _INTEGERS.get(field)
        columns[field.replace("-", "_")] = pa.array(values, kind) if kind else pa.array(v if v else "-" for v in values)
    target = BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()
