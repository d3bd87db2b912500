"""From where: too far apart in too short a time, flagged by the organisation, or not the instance that the credentials are for."""

from __future__ import annotations

from collections.abc import Iterable

from transforms.investigations import labels
from transforms.investigations.behaviour import KNOWN, knowledge, standings
from transforms.investigations.case import Case, Row, instant_of
from transforms.investigations.context import Networks
from transforms.investigations.indicators.indicator import indicator
from transforms.investigations.travel import find_travels, is_amazons

_PEOPLE = ("IAMUser", "Root", "FederatedUser", "IdentityCenterUser", "ExternalPrincipal", "Unknown")
# Of a network's inside (RFC 1918, 4193, 6598): what comes through a VPC endpoint has one.
_PRIVATE = Networks(
    (each, "private") for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


def find_travel(case: Case) -> Iterable[Row]:
    """Return legs that nobody can travel: HIGH to an address that is new for them, MEDIUM else, LOW between mere countries.

    LOW of a workload, too: a pipeline's jobs run in several places at once under one session name.
    """
    people = {row["entity_id"] for row in case.rows("family") if row["root_type"] in _PEOPLE}
    workloads = {row["entity_id"] for row in case.rows("family")} - people
    for leg in find_travels(case).impossible:
        levels = knowledge(case, "source_ip", leg["entity"], leg["to_ip"])
        is_known = any(levels.get(level) == KNOWN for level in ("session", "root"))
        apart = (instant_of(leg["arrived_at"]) - instant_of(leg["left_at"])).total_seconds()
        words = (
            f"called from {leg['from_place']} ({leg['from_ip']}) at {labels.moment(leg['left_at'])} and from {leg['to_place']} "
            f"({leg['to_ip']}) {labels.lasting(apart)} later: {leg['kilometres']:,} km, {leg['speed_kmh']:,} km/h"
        )
        words += "; located to the country only" if leg["is_country_level"] else ""
        words += f"; {leg['to_ip']} is {'known of' if is_known else 'new for'} the principal" if levels else ""
        is_workload = leg["entity"] in workloads
        words += "; a workload may run in several places" if is_workload else ""
        is_vague = leg["is_country_level"] or is_workload
        yield indicator(
            "IMPOSSIBLE_TRAVEL", "LOW" if is_vague else "MEDIUM" if is_known else "HIGH", leg["entity"],
            f"{leg['from_ip']} → {leg['to_ip']}", words, leg["event_ids"], is_new_for_account=_is_new(levels, "account"),
        )  # fmt: skip


def find_flagged(case: Case) -> Iterable[Row]:
    """Return addresses that the organisation's lists flag: of calls, and the finding's own."""
    for row in case.rows("addresses"):
        why = flagged(case, row["source_ip"])
        if why is None:
            continue
        calls = labels.count(row["success_count"] + row["failed_count"], "call")
        when = "in the scope" if row["is_in_scope"] else "after the scope"
        levels = knowledge(case, "source_ip", row["entity_id"], row["source_ip"])
        words = f"{calls} {when} from an address that is flagged: {why}"
        words += f"; {'new for' if _is_new(levels, 'session') else 'known of'} the principal" if levels else ""
        yield indicator(
            "FLAGGED_IP_ADDRESS", "HIGH" if row["success_count"] else "MEDIUM", row["entity_id"], row["source_ip"], words,
            row["event_ids"], is_new_for_account=_is_new(levels, "account"),
        )  # fmt: skip
    remote = (case.finding or {}).get("remote_ip")
    why = flagged(case, remote)
    if remote and why and remote not in {row["source_ip"] for row in case.rows("addresses")}:
        words = f"the remote address that the finding names is flagged: {why}"
        yield indicator("FLAGGED_IP_ADDRESS", "MEDIUM", case.entity_id, remote, words, [])


def flagged(case: Case, address: str | None) -> str | None:
    """Return why an address is flagged; the organisation's own is not, whoever lists it."""
    return None if case.context.own_address(address) else case.context.flagged(address)


def find_instance_use(case: Case) -> Iterable[Row]:
    """Return addresses from which an instance's credentials were used, other than the instance's own of the 45 days before.

    Not where none of these is known, and not for addresses of Amazon: an instance that was stopped comes back with another one.
    """
    sessions = [*case.own, *case.descendants]
    instances = {row["role_session_id"]: row["root_name"] or row["root_id"] for row in sessions if _is_instances(row)}
    announced = {(row["entity_id"], row["source_ip"]): row for row in case.rows("addresses")}
    known = standings(case)
    for row in case.values("source_ip"):
        entity_id, address = row["entity_id"], row["value"]
        levels = knowledge(case, "source_ip", entity_id, address)
        if entity_id not in instances or levels.get("session") == KNOWN or case.context.own_address(address):
            continue
        if not known.get(entity_id, {}).get("session", {}).get("active_days"):
            continue
        place = announced.get((entity_id, address))
        if place is not None and is_amazons(place):
            continue
        is_inside = _PRIVATE.name_of(address) is not None
        words = (
            f"credentials of the instance {instances[entity_id]} were used from {address}, which was not its address in the 45 days "
            f"before{': an address inside a network' if is_inside else ''}"
        )
        yield indicator(
            "INSTANCE_CREDENTIALS_ELSEWHERE", "MEDIUM" if is_inside else "HIGH", entity_id, address, words, row["event_ids"],
            is_new_for_account=_is_new(levels, "account"),
        )  # fmt: skip


def _is_instances(session: Row) -> bool:
    return bool(session["root_type"] == "EC2Instance" and session["attribution_status"] == "resolved")


def _is_new(levels: dict[str, str], level: str) -> bool | None:
    return levels[level] != KNOWN if level in levels else None
