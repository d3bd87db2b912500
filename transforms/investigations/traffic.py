"""What the document says of flows: the watched instance or address, its sums, its peers, and all that in words."""

from __future__ import annotations

from datetime import timedelta

from transforms.investigations import labels
from transforms.investigations.case import Case, Row, instant_of
from transforms.investigations.flows import ADDRESS, INSTANCE, INSTANCES, WATCHERS
from transforms.investigations.scope import BASELINE_DAYS, TRAINING_DAYS

NO_LOGS = "The lake has no VPC flow logs: whom {watched} exchanged packets with is not known."

_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6"}
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_NAMED = 3  # peers in a sentence


def traffic(case: Case) -> Row | None:
    """Return the document's `flows`; none where there is neither an instance nor an address to watch."""
    watched = _watched(case)
    if not watched:
        return None
    totals = case.rows("flow_totals")
    peers = [_peer(row) for row in case.rows("flow_peers")]
    return {
        "watched": watched,
        "has_logs": bool(totals),
        "sentences": _sentences(case, watched, totals, peers),
        "totals": [row | {"is_in_training": _is_in_training(case, row)} for row in totals],
        "peers": {"rows": peers, "total": case.total("flow_peers")},
    }


def _watched(case: Case) -> list[Row]:
    kind = case.subject["entity_kind"]
    if kind == "ip_address":
        return [{"kind": ADDRESS, "id": case.entity_id}]
    instances = {
        row["root_id"]
        for row in case.own
        if row["attribution_status"] == "resolved" and row["root_type"] in INSTANCES and row["root_id"].startswith("i-")
    }
    return [{"kind": INSTANCE, "id": each} for each in sorted(instances)] if kind in WATCHERS else []


def _peer(row: Row) -> Row:
    ports = [{**port, "text": _port(port)} for port in row["ports"]]
    return {**row, "known_at": row["known_at"], "ports": ports}


def _port(port: Row) -> str:
    """Return a service's port: `TCP 443 theirs`; of a protocol without ports its name."""
    number = port["protocol"]
    protocol = _PROTOCOLS.get(number, f"protocol {number}") if number is not None else "unknown protocol"
    return protocol if port["port"] is None or number in (1, 58) else f"{protocol} {port['port']} {port['side']}"


def size(count: int) -> str:
    """Return a number of bytes as people read it, in powers of a thousand: `1.2 GB`."""
    amount, unit = float(count), 0
    while amount >= 1_000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1_000, unit + 1
    return f"{count:,} {_UNITS[0]}" if unit == 0 else f"{amount:,.1f} {_UNITS[unit]}"


def _sentences(case: Case, watched: list[Row], totals: list[Row], peers: list[Row]) -> list[str]:
    if not totals:
        return [NO_LOGS.format(watched=labels.listed([each["id"] for each in watched]))]
    return [sentence for row in totals for sentence in _of_one(case, row, peers)]


def _of_one(case: Case, row: Row, peers: list[Row]) -> list[str]:
    watched = row["watched_id"]
    if not row["flow_count"]:
        said = [f"No flow record of {watched} is in the lake for the scope."]
    else:
        said = [
            f"{watched} exchanged packets with {_addresses(row['peer_count'] - row['refused_peer_count'])}: "
            f"{size(row['bytes_out'])} out, {size(row['bytes_in'])} in."
        ]
        new = sorted(
            (each for each in peers if each["watched_id"] == watched and each["is_new"]),
            key=lambda each: (-(each["bytes_in"] + each["bytes_out"]), each["peer_ip"]),
        )
        said.append(_of_new(row["new_peer_count"], new))
        if row["rejected_count"]:
            said.append(
                f"{row['rejected_count']:,} of {row['flow_count']:,} records are of rejected packets; nothing else is there of "
                f"{_addresses(row['refused_peer_count'])}."
            )
    if row["unclear_count"]:
        said.append(f"Of {row['unclear_count']:,} records it is not known which of the two addresses is {watched}.")
    if row["lost_count"]:
        said.append(f"Of {row['lost_count']:,} windows of the scope records were lost (SKIPDATA).")
    if row["flow_count"] and _is_in_training(case, row):
        said.append(f"{_beginning(row)}: with less than {TRAINING_DAYS} days before the scope, new says little.")
    return said


def _beginning(row: Row) -> str:
    """Return since when there are records: logs are of an instance's interfaces, an address has none of its own."""
    day = row["since_at"][:10] if row["since_at"] else None
    if row["watched_kind"] == ADDRESS:
        return f"No flow record of {row['watched_id']} is older than {day or 'the scope'}"
    return f"Its flow logs begin {f'on {day}' if day else 'with the scope'}"


def _of_new(count: int, new: list[Row]) -> str:
    if not count:
        return f"With each of them it had done so in the {BASELINE_DAYS} days before."
    named = [f"{each['peer_ip']}: {size(each['bytes_out'])} out, {size(each['bytes_in'])} in" for each in new[:_NAMED]]
    return f"{count:,} of them it had not in the {BASELINE_DAYS} days before ({'; '.join(named)}{'; …' if count > _NAMED else ''})."


def _addresses(count: int) -> str:
    return f"{count:,} address{'' if count == 1 else 'es'}"


def _is_in_training(case: Case, row: Row) -> bool:
    since = row["since_at"]
    return since is None or case.scope_start - instant_of(since) < timedelta(days=TRAINING_DAYS)
