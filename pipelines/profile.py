"""A profile that somebody asks for: which entity is meant, over which window, and its investigation made at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from expectations.tables import INVESTIGATION_INDICATORS, INVESTIGATIONS, PRINCIPAL_BASELINES, ROLE_SESSIONS, VPC_FLOWS
from pipelines.preflight import NOTHING, SHOWN, WRONG_USE, StopError
from pipelines.report.texts import visible
from transforms.investigations import build_investigations, days_needed
from transforms.investigations.links import profile_id
from transforms.investigations.profiles import REQUEST

if TYPE_CHECKING:
    from pipelines.night import Night

_DAY = timedelta(hours=24)
_LONGEST = timedelta(days=366)

# What a person names → kinds of principal in the tables that it may be.
_KINDS = {
    "role-session": ("role_session",),
    "role": ("role",),
    "user": ("iam_user", "federated_user", "root"),
    "root": ("root",),
    "account": ("account",),
}
_PLACES = {"ip": ("ip_address", "source_ip"), "user-agent": ("user_agent", "user_agent")}

OPTIONS = (*_KINDS, *_PLACES)


@dataclass(frozen=True)
class Entity:
    """What is meant, and when it was last seen (UTC)."""

    kind: str
    id: str
    account_id: str | None
    role_arn: str | None
    last_seen_at: datetime


@dataclass(frozen=True)
class Window:
    """Scope of a profile: whole hours, UTC, the end not included."""

    start: datetime
    end: datetime


def find_entity(night: Night, option: str, text: str) -> Entity:
    """Return the entity that is meant: by its id, else by a name that only one has.

    Raises:
        StopError: there is none, or several have this name.
    """
    found = _place(night, option, text) if option in _PLACES else _principal(night, option, text)
    if found is None:
        raise StopError(NOTHING, visible(f"there is no {option.replace('-', ' ')} {text} in {night.settings.lake}"))
    return found


def window_of(entity: Entity, first: datetime | None, last: datetime | None) -> Window:
    """Return the scope: what is asked for, snapped out to whole hours; else the 24 hours that end with the last event.

    Raises:
        StopError: it ends before it begins, or is longer than a year.
    """
    end = _hour_after(last or (first + _DAY if first else entity.last_seen_at + timedelta(seconds=1)))
    start = (first or end - _DAY).replace(minute=0, second=0, microsecond=0)
    if start >= end:
        raise StopError(WRONG_USE, f"--from {start:%Y-%m-%dT%H} is not before --to {end:%Y-%m-%dT%H}")
    if end - start > _LONGEST:
        raise StopError(WRONG_USE, "a scope of more than a year: name a shorter one with --from and --to")
    return Window(start, end)


def investigate_entity(night: Night, entity: Entity, window: Window) -> str:
    """Make the investigation of an entity and write its page; return its id. It is kept up to date from then on."""
    from pipelines.assets.investigations import sources_of, write_changed  # noqa: PLC0415
    from pipelines.publish import Candidate, publish  # noqa: PLC0415

    lake = night.lake
    identifier = profile_id(entity.kind, entity.id, window.start, window.end)
    beside = findings_beside(night, identifier)
    asked = lake.spark.createDataFrame(
        [(entity.kind, entity.id, entity.account_id, entity.role_arn, window.start, window.end, beside, True)], REQUEST
    )
    made = build_investigations(
        None,
        sources_of(night, days_needed(window.start, window.end)),
        settle=lambda frame: frame.localCheckpoint(),
        report_folder=night.settings.report_folder.resolve().as_uri(),
        asked=asked,
        context=night.context,
    )
    only = lake.spark.createDataFrame([(identifier,)], "investigation_id string")
    for table, rows in ((INVESTIGATIONS, made.investigations), (INVESTIGATION_INDICATORS, made.indicators)):
        verdict = publish(night, table, Candidate(rows, only_of=only), lake.consumed(table))
        if not verdict.passed:
            raise StopError(
                NOTHING, f"{table.name}: not published, it breaks its contract: {'; '.join(verdict.failures)}"
            )
    write_changed(night)
    return identifier


def findings_beside(night: Night, investigation_id: str) -> list[str]:
    """Return the findings that the same profile stands beside already: that somebody asks for it does not take it from them."""
    made = night.lake.read_rows(
        INVESTIGATIONS, ["beside_finding_ids"], f"investigation_id = {night.lake.literal(investigation_id)}"
    )
    return [finding for row in made for finding in row["beside_finding_ids"] or []]


def _principal(night: Night, option: str, text: str) -> Entity | None:
    kinds = ", ".join(night.lake.literal(kind) for kind in _KINDS[option])
    named = f"principal_id = {night.lake.literal(text)}"
    of_kind = f"dimension = 'api' AND principal_kind IN ({kinds})"
    rows = _seen(night, f"{of_kind} AND {named}")
    if (
        not rows
    ):  # a role's or user's name is the end of its ARN, a session's of its identifier, a person's of the provider's id
        ends = " OR ".join(f"right(principal_id, {len(text) + 1}) = {night.lake.literal(sign + text)}" for sign in "/:")
        rows = _seen(night, f"{of_kind} AND ({ends})")
    rows.sort(key=lambda row: (_KINDS[option].index(row["principal_kind"]), row["principal_id"]))
    if option == "user" and {row["principal_id"] for row in rows if row["principal_kind"] != "root"}:
        rows = [row for row in rows if row["principal_kind"] != "root"]
    if not rows:
        return None
    if len(rows) > 1:
        shown = ", ".join(row["principal_id"] for row in rows[:SHOWN])
        more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
        raise StopError(WRONG_USE, visible(f"{len(rows):,} are called {text}: {shown}{more}; name one by its whole id"))
    [row] = rows
    kind, identifier = row["principal_kind"], row["principal_id"]
    role_arn, account_id = _role_of(night, identifier) if kind == "role_session" else (None, None)
    if kind == "role":
        role_arn = identifier
    if kind == "account":
        account_id = identifier
    elif identifier.startswith("arn:"):
        account_id = identifier.split(":")[4] or None
    return Entity(kind, identifier, account_id, role_arn, row["last_seen_at"])


def _place(night: Night, option: str, text: str) -> Entity | None:
    kind, dimension = _PLACES[option]
    if kind == "ip_address":
        try:
            text = str(ip_address(text))
        except ValueError as error:
            raise StopError(WRONG_USE, visible(f"--ip {text}: not an address")) from error
    where = f"principal_kind = 'account' AND dimension = {night.lake.literal(dimension)} AND value = {night.lake.literal(text)}"
    seen = [row["last_seen_at"] for row in _seen(night, where)] or _seen_in_flows(night, kind, text)
    return Entity(kind, text, None, None, max(seen)) if seen else None


def _seen_in_flows(night: Night, kind: str, text: str) -> list[datetime]:
    """Return when an address that made no call was last in a flow, if it was."""
    if kind != "ip_address" or not night.lake.version(VPC_FLOWS):
        return []
    where = f"source_ip = {night.lake.literal(text)} OR destination_ip = {night.lake.literal(text)}"
    columns = ["account_id", "max(coalesce(end_at, start_at)) AS last_at"]
    return [row["last_at"] for row in night.lake.read_rows(VPC_FLOWS, columns, where, group_by=["account_id"])]


def _seen(night: Night, where: str) -> list[dict[str, Any]]:
    """Return who is meant by a condition on the baselines, and when each was last seen."""
    return night.lake.read_rows(
        PRINCIPAL_BASELINES,
        ["principal_kind", "principal_id", "max(last_seen_at) AS last_seen_at"],
        where,
        group_by=["principal_kind", "principal_id"],
    )


def _role_of(night: Night, role_session_id: str) -> tuple[str | None, str | None]:
    rows = night.lake.read_rows(
        ROLE_SESSIONS, ["role_arn", "account_id"], f"role_session_id = {night.lake.literal(role_session_id)}"
    )
    return (rows[0]["role_arn"], rows[0]["account_id"]) if rows else (None, None)


def _hour_after(instant: datetime) -> datetime:
    whole = instant.replace(minute=0, second=0, microsecond=0)
    return whole if whole == instant else whole + timedelta(hours=1)
