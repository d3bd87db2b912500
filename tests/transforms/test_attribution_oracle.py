"""Attribution over many small random organisations, held against the oracle session by session."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from expectations.tables import CLOUDTRAIL_EVENTS, CREDENTIAL_SESSIONS
from tests.builders import Row, frame
from tests.ingredients import organisation
from tests.oracles import credential_sessions, role_assumptions
from tests.organisations import CLOCK, Organisation
from transforms.assumptions import build_role_assumptions
from transforms.cloudtrail import delivery_batches
from transforms.cloudtrail.deliveries import Object
from transforms.enrichment import Location
from transforms.issuances import build_credential_issuances
from transforms.sessions.build import bind_sessions, root_sessions, with_neighbours, with_unbound_reason
from transforms.sessions.neighbours import NEIGHBOUR_COLUMNS
from transforms.usage import count_usage, with_sessions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ORGANISATIONS = 100
"""In one run of Spark: it takes seconds, however few there are."""

Rows = dict[Any, dict[str, Any]]


@settings(
    max_examples=4,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),  # what fails is small as it is, and each try takes seconds
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(chance=st.randoms(use_true_random=False))
def test_attribution__agrees_with_the_oracle(spark: SparkSession, chance: Random) -> None:
    held_against_the_oracle(spark, [organisation(number, chance) for number in range(1, ORGANISATIONS + 1)])


def held_against_the_oracle(spark: SparkSession, organisations: Sequence[Organisation]) -> None:
    """Attribute all of them at once; name what differs, with the records of the organisations where it does."""
    sessions, assumptions = attributed(spark, organisations)
    wrong = {}
    for each in organisations:
        log = each.log()
        differs = differences(credential_sessions(log), of(each, sessions))
        differs += differences(role_assumptions(log), of(each, assumptions))
        if differs:
            wrong[each.number] = (each, differs)
    assert not wrong, "\n".join(told(*each) for each in list(wrong.values())[:3])


def attributed(spark: SparkSession, organisations: Sequence[Organisation]) -> tuple[Rows, Rows]:
    """Return what the transforms make of the records: credential sessions by id, role assumptions by key."""
    events = events_of(spark, organisations).localCheckpoint()
    issuances = build_credential_issuances(events).localCheckpoint()
    usage = with_sessions(count_usage(events), issuances).localCheckpoint()
    none = frame(spark, CREDENTIAL_SESSIONS)
    bound = bind_sessions(usage, issuances, usage, lambda it: it.localCheckpoint()).localCheckpoint()
    asked = with_neighbours(bound, none.select(*NEIGHBOUR_COLUMNS), usage)
    with_reason, _ = settled(with_unbound_reason(asked, windows_of(spark, organisations), CLOCK), "false")
    sessions = collected(root_sessions(with_reason, none, settled))
    assumptions = collected(build_role_assumptions(issuances))
    key = ("role_arn", "assumed_by_type", "assumed_by_id")
    return (
        {row["credential_session_id"]: row | {"candidates": _set(row["candidates"])} for row in sessions},
        {tuple(row[name] for name in key): row for row in assumptions},
    )


def events_of(spark: SparkSession, organisations: Sequence[Organisation]) -> DataFrame:
    """Return the records as cloudtrail_events has them, read from an object for each account."""
    by_account: dict[str, list[Row]] = defaultdict(list)
    for each in organisations:
        for account_id, record in each.records:
            by_account[account_id].append(record)
    objects = [Object(account_id, "etag", account_id) for account_id in by_account]
    batches = delivery_batches(
        objects, lambda uri: json.dumps({"Records": by_account[uri]}).encode(), lambda _address: Location()
    )
    deliveries = spark.createDataFrame(pa.Table.from_batches(batches))
    assert deliveries.where("reason IS NOT NULL").isEmpty()
    return deliveries.select(*CLOUDTRAIL_EVENTS.column_names)


def windows_of(spark: SparkSession, organisations: Sequence[Organisation]) -> DataFrame:
    """Return when the logs of each account begin, and when they say nothing, as `log_windows` does."""
    logs = [each.log() for each in organisations]
    known = [(account_id, begin, log.gaps.get(account_id)) for log in logs for account_id, begin in log.begins.items()]
    gaps = "array<struct<gap_started_at: timestamp, gap_ended_at: timestamp>>"
    return spark.createDataFrame(known, f"account_id string, starts_at timestamp, gaps {gaps}")


def settled(state: DataFrame, condition: str) -> tuple[DataFrame, int]:
    checked = state.localCheckpoint()
    return checked, checked.where(condition).count()


def collected(rows: DataFrame) -> list[Row]:
    return [
        {name: value.astimezone(UTC) if isinstance(value, datetime) else value for name, value in each.items()}
        for each in (one.asDict(recursive=True) for one in rows.collect())
    ]


def of(org: Organisation, rows: Rows) -> Rows:
    """Return the rows that are about the organisation: its number stands in its accounts."""
    return {
        key: row
        for key, row in rows.items()
        if f"{org.number:010}" in {(row.get("account_id") or "")[:10], *_accounts(row.get("role_arn"))}
    }


def _accounts(arn: str | None) -> set[str]:
    return {arn.split(":")[4][:10]} if arn else set()


def differences(expected: Rows, found: Rows) -> list[str]:
    """Name every row that is missing, too many, or has another value where the oracle has an opinion."""
    missing = [f"missing: {expected[key]}" for key in expected.keys() - found.keys()]
    extra = [f"too many: {found[key]}" for key in found.keys() - expected.keys()]
    others = [
        f"{key}: {name} is {found[key][name]!r}, should be {value!r}"
        for key in sorted(expected.keys() & found.keys(), key=str)
        for name, value in expected[key].items()
        if found[key][name] != value
    ]
    return missing + extra + others


def told(org: Organisation, differs: Sequence[str]) -> str:
    records = [json.dumps(_short(record)) for _, record in org.records]
    return "\n".join([f"organisation {org.number}:", *differs, *records])


def _short(record: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {
        "eventVersion",
        "awsRegion",
        "sourceIPAddress",
        "userAgent",
        "eventType",
        "managementEvent",
        "eventCategory",
    }
    return {name: value for name, value in record.items() if name not in left_out}


def _set(principals: list[dict[str, Any]] | None) -> set[tuple[Any, ...]] | None:
    return principals and {tuple(each.values()) for each in principals}
